using System.Collections.Immutable;

namespace Cti.Calls.Api;

/// <summary>The numbers that the two generations give to recording formats, and the one name that the server uses.</summary>
public static class RecordFormats
{
    /// <summary>The format of an omitted parameter in both generations.</summary>
    public const string Default = "Alaw";

    /// <summary>Number and name of every format of a generation.</summary>
    public static ImmutableArray<(int Number, string Name)> Of(ApiGeneration generation) => Generations.FormatsOf(generation);

    /// <summary>The number of a format in a generation; 0 when that generation has none.</summary>
    public static int NumberOf(ApiGeneration generation, string name) => Of(generation).FirstOrDefault(f => f.Name == name).Number;

    /// <summary>The name of a number in a generation, or null.</summary>
    public static string? NameOf(ApiGeneration generation, long number) => Of(generation).FirstOrDefault(f => f.Number == number).Name;
}
