using System.Buffers.Binary;
using Cti.Calls.Speech;

namespace Cti.Calls.Tests.Speech;

/// <summary>The built-in prompts are there for every word of the grammar, and join as the contract asks.</summary>
public sealed class PromptFileTests
{
    private const int BytesMax = 2 * 1024 * 1024;
    private const int SamplesPerMilli = 8;
    private const int JoinSilenceMillisMax = 40;
    private const byte AlawSilence = 0xD5;

    private static readonly string Folder = FindFolder();

    public static TheoryData<string> Pieces => [.. ChineseWords.Files, .. EnglishWords.Files];

    [Theory, MemberData(nameof(Pieces))]
    public void Every_word_is_a_prompt_in_alaw_that_joins_without_a_click_or_a_gap(string piece)
    {
        var codes = Codes(File.ReadAllBytes(Path.Combine(Folder, piece)));
        codes.Length.ShouldBeInRange(150 * SamplesPerMilli, 1000 * SamplesPerMilli);
        (codes[0] | 0x80).ShouldBe(AlawSilence);
        (codes[^1] | 0x80).ShouldBe(AlawSilence);
        // Whatever stands next to it, also itself: the silence at both its ends together.
        var leading = Array.FindIndex(codes, IsHeard);
        var trailing = codes.Length - 1 - Array.FindLastIndex(codes, IsHeard);
        leading.ShouldBeGreaterThan(0);
        (leading + trailing).ShouldBeLessThanOrEqualTo(JoinSilenceMillisMax * SamplesPerMilli);
    }

    [Fact]
    public void Any_two_prompts_join_with_little_silence()
    {
        var ends = ChineseWords.Files.Concat(EnglishWords.Files).Select(piece => Codes(File.ReadAllBytes(Path.Combine(Folder, piece)))).ToArray();
        var leading = ends.Max(codes => Array.FindIndex(codes, IsHeard));
        var trailing = ends.Max(codes => codes.Length - 1 - Array.FindLastIndex(codes, IsHeard));
        (leading + trailing).ShouldBeLessThanOrEqualTo(JoinSilenceMillisMax * SamplesPerMilli);
    }

    [Fact]
    public void The_folders_hold_no_prompt_that_nothing_says()
    {
        Names("zh-CN").ShouldBe(ChineseWords.Files, ignoreOrder: true);
        // Besides: the demo's sentences, and its keys that are no digits.
        string[] keys = ["star", "pound", "A", "B", "C", "D"];
        Names("en-US").Where(name => !name.StartsWith("en-US/demo-", StringComparison.Ordinal))
            .ShouldBe([.. EnglishWords.Files, .. keys.Select(key => $"en-US/digit-{key}.wav")], ignoreOrder: true);
    }

    [Fact]
    public void The_prompts_stay_small() =>
        new DirectoryInfo(Folder).EnumerateFiles("*.wav", SearchOption.AllDirectories).Sum(file => file.Length).ShouldBeLessThan(BytesMax);

    [Fact]
    public void A_vocabulary_names_every_word_once()
    {
        ChineseWords.Files.ShouldBeUnique();
        EnglishWords.Files.ShouldBeUnique();
    }

    [Fact]
    public void The_grammar_says_every_word_of_the_vocabulary_and_no_other()
    {
        Said(SpokenLanguage.Chinese).ShouldBe(ChineseWords.Files, ignoreOrder: true);
        Said(SpokenLanguage.English).ShouldBe(EnglishWords.Files, ignoreOrder: true);
    }

    private static IEnumerable<string> Said(SpokenLanguage language)
    {
        var said = new HashSet<string>();
        said.UnionWith(Spoken.Pieces(1, "0123456789", language));
        for (var number = 0; number < 100; number++) said.UnionWith(Spoken.Pieces(2, $"{number}", language));
        foreach (var number in (string[])["-1086.3", "2000", "9999999999999999"])
            foreach (var type in (int[])[2, 3]) said.UnionWith(Spoken.Pieces(type, number, language));
        foreach (var money in (string[])["3", "-1.23", "2.05"]) said.UnionWith(Spoken.Pieces(6, money, language));
        for (var day = 1; day <= 31; day++) said.UnionWith(Spoken.Pieces(4, $"2012-1-{day} 1:0:{day}", language));
        for (var month = 1; month <= 12; month++) said.UnionWith(Spoken.Pieces(4, $"1905-{month}", language));
        said.UnionWith(Spoken.Pieces(4, "13:5:1", language));
        said.UnionWith(Spoken.Pieces(5, "1:1:1", language));
        said.UnionWith(Spoken.Pieces(5, "2:2:2", language));
        return said;
    }

    private static IEnumerable<string> Names(string language) =>
        Directory.EnumerateFiles(Path.Combine(Folder, language)).Select(path => $"{language}/{Path.GetFileName(path)}");

    /// <summary>In A-law the low seven bits, every other one inverted, grow with the level (G.711): up to 56 of 32768 nobody hears.</summary>
    private static bool IsHeard(byte code) => ((code ^ AlawSilence) & 0x7F) > 3;

    private static byte[] Codes(ReadOnlySpan<byte> file)
    {
        file[..4].SequenceEqual("RIFF"u8).ShouldBeTrue();
        file[8..12].SequenceEqual("WAVE"u8).ShouldBeTrue();
        var isAlaw = false;
        for (var at = 12; ;)
        {
            var id = file.Slice(at, 4);
            var length = BinaryPrimitives.ReadInt32LittleEndian(file[(at + 4)..]);
            var body = file.Slice(at + 8, length);
            if (id.SequenceEqual("fmt "u8))
                isAlaw = BinaryPrimitives.ReadInt16LittleEndian(body) == 6 && body[2] == 1
                    && BinaryPrimitives.ReadInt32LittleEndian(body[4..]) == SamplesPerMilli * 1000;
            else if (id.SequenceEqual("data"u8))
            {
                isAlaw.ShouldBeTrue();
                return body.ToArray();
            }
            at += 8 + length + (length & 1);
        }
    }

    private static string FindFolder()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return Path.Combine(at.FullName, "src", "Cti.Node", "prompts");
    }
}
