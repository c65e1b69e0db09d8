using System.Collections.Immutable;

namespace Cti.Calls.Api;

/// <summary>The numbers that the two generations give to recording formats, and the one name that the server uses.</summary>
public static class RecordFormats
{
    /// <summary>The format of an omitted parameter in both generations.</summary>
    public const string Default = "Alaw";

    private static readonly ImmutableArray<(int Number, string Name)> V1 =
        [(1, "Pcm8"), (2, "Alaw"), (3, "Ulaw"), (4, "ImaAdpcm"), (5, "Gsm"), (6, "Mp3")];

    private static readonly ImmutableArray<(int Number, string Name)> V2 =
        [(1, "OkiAdpcm"), (3, "Alaw"), (4, "G726"), (7, "Ulaw"), (8, "Pcm8"), (21, "G721")];

    /// <summary>Number and name of every format of a generation.</summary>
    public static ImmutableArray<(int Number, string Name)> Of(ApiGeneration generation) => generation == ApiGeneration.V1 ? V1 : V2;

    /// <summary>The number of a format in a generation; 0 when that generation has none.</summary>
    public static int NumberOf(ApiGeneration generation, string name) => Of(generation).FirstOrDefault(f => f.Name == name).Number;

    /// <summary>The name of a number in a generation, or null.</summary>
    public static string? NameOf(ApiGeneration generation, long number) => Of(generation).FirstOrDefault(f => f.Number == number).Name;
}
