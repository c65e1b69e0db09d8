using System.Collections.Immutable;

namespace Cti.Contract;

/// <summary>The numbers that the two generations give to recording formats, and the one name that the server uses.</summary>
public static class RecordFormats
{
    /// <summary>The format of an omitted parameter in both generations.</summary>
    public const string Default = "Alaw";

    /// <summary>The rate that wideband calls are recorded with, and the format of a number that it goes with.</summary>
    public const int WideRate = 16_000;

    private const string WideOf = "Pcm8", Wide = "Pcm16k";

    /// <summary>The name of the format that a request asks for.</summary>
    public static string Asked(RpcArguments arguments)
    {
        var format = arguments.Has("record_format") ? arguments.String("record_format") : Default;
        return IsWide(arguments) ? Wide : format;
    }

    /// <summary>Whether a request asks for a rate that its format does not have.</summary>
    public static bool HasOtherRate(RpcArguments arguments) => IsWide(arguments) && arguments.String("record_format") != WideOf;

    private static bool IsWide(RpcArguments arguments) => arguments.Has("rate") && arguments.OptionalInt32("rate") == WideRate;

    /// <summary>What else reads the two formats that few programs agree about, for the documentation; the tests of the media side hold it.</summary>
    public const string WhoReads = """
        G.721 and G.726 at 32 kbit/s are one coding in two kinds of file, and each tool knows one of them at most. G721 (WAV tag 0x40, first sample in the
        lower half of a byte) is read by libsndfile (`sndfile-convert`); ffmpeg and sox do not read it. G726 (WAV tag 0x64, first sample in the upper half) is
        read by ffmpeg (`ffmpeg -i said.wav -c:a pcm_s16le plain.wav`); libsndfile and sox do not read it. This server plays both.
        """;

    /// <summary>Number and name of every format of a generation.</summary>
    public static ImmutableArray<(int Number, string Name)> Of(ApiGeneration generation) => Generations.FormatsOf(generation);

    /// <summary>The number of a format in a generation; 0 when that generation has none.</summary>
    public static int NumberOf(ApiGeneration generation, string name) => Of(generation).FirstOrDefault(f => f.Name == name).Number;

    /// <summary>The name of a number in a generation, or null.</summary>
    public static string? NameOf(ApiGeneration generation, long number) => Of(generation).FirstOrDefault(f => f.Number == number).Name;
}
