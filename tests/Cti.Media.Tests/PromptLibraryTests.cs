using System.Collections.Immutable;
using Cti.Media.Files;

namespace Cti.Media.Tests;

/// <summary>What a name is played as: files by language, pieces that join, texts.</summary>
public sealed class PromptLibraryTests : IDisposable
{
    private const int Quiet = 56;
    private static readonly string BuiltIn = FindPrompts();

    private readonly TemporaryFolder _root = new();
    private readonly TemporaryFolder _builtin = new();

    public void Dispose()
    {
        _root.Dispose();
        _builtin.Dispose();
    }

    private sealed class Voice : ITextToSpeech
    {
        public List<(string Language, string Text)> Asked { get; } = [];

        public bool IsReady(string language, string text) => text == "kept";

        public PromptLoad Speak(string language, string text)
        {
            Asked.Add((language, text));
            return new PromptLoad(MediaOutcome.Completed, Prompt.FromLinear([1, 2, 3]), null);
        }
    }

    private PromptLibrary Library(string language = "zh-CN", ITextToSpeech? speech = null, string? builtin = null) =>
        new(new PromptCache(_root.Path, builtin ?? _builtin.Path, 10_000_000), language, Expand, speech);

    private static ImmutableArray<string> Expand(string name) => name == "spoken::1:12" ? ["voice:zh-CN:zh-CN/one.wav", "voice:zh-CN:zh-CN/two.wav"] : [name];

    private static void Write(TemporaryFolder folder, string name, params byte[] codes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.Path, name))!);
        folder.Write(name, Wav.Of(6, 8, 1, 8000, codes));
    }

    private static byte[] Codes(PromptLoad load) => load.Prompt.ShouldNotBeNull(load.Detail).Encoded(AudioCodec.Pcma).ToArray();

    [Fact]
    public void A_relative_name_is_looked_up_in_the_root_then_by_language_there_and_among_the_built_in_prompts()
    {
        Write(_builtin, "en-US/a.wav", 1);
        Write(_builtin, "zh-CN/a.wav", 2);
        Library().Load("a.wav").Prompt!.Encoded(AudioCodec.Pcma).ToArray().ShouldBe([2]);
        Codes(Library("en-US").Load("a.wav")).ShouldBe([1]);
        Codes(Library().Load("file:en-US:a.wav")).ShouldBe([1]);
        Codes(Library().Load("en-US/a.wav")).ShouldBe([1]);
        // The operator's own goes before the built-in one; a file of that very name before both.
        Write(_root, "zh-CN/a.wav", 3);
        Codes(Library().Load("a.wav")).ShouldBe([3]);
        Codes(Library().Load("file:en-US:a.wav")).ShouldBe([1]);
        Write(_root, "a.wav", 4);
        Codes(Library().Load("a.wav")).ShouldBe([4]);
        Codes(Library().Load("file:en-US:a.wav")).ShouldBe([4]);
        Library().Load("b.wav").ShouldBe(new PromptLoad(MediaOutcome.NotFound, null, "b.wav: no such file"));
        Library().Load("../zh-CN/a.wav").Detail.ShouldBe("../zh-CN/a.wav: the name leads out of the media root");
    }

    [Fact]
    public void The_operators_piece_is_spoken_instead_of_the_built_in_one()
    {
        Write(_builtin, "zh-CN/one.wav", [.. Enumerable.Repeat((byte)0xD5, 10), 0xAA, .. Enumerable.Repeat((byte)0xD5, 10)]);
        Write(_builtin, "zh-CN/two.wav", 0xD5, 0xBB, 0xD5);
        byte[] own = [0xD5, 0xCC, 0xD5];
        Write(_root, "zh-CN/two.wav", own);
        var list = PlayList.Load(Library(), new PlayRequest(1, ["spoken::1:12", "spoken::1:12"]), AudioCodec.Pcma).List.ShouldNotBeNull();
        list.Prompts.Select(p => p.Encoded(AudioCodec.Pcma).ToArray().First(c => c != 0xD5)).ShouldBe([(byte)0xAA, 0xCC, 0xAA, 0xCC]);
        list.Prompts[1].ShouldBeSameAs(list.Prompts[3]);
        File.Delete(Path.Combine(_builtin.Path, "zh-CN", "one.wav"));
        PlayList.Load(Library(), new PlayRequest(1, ["spoken::1:12"]), AudioCodec.Pcma).Detail.ShouldBe("zh-CN/one.wav: no such file");
    }

    [Fact]
    public void A_text_is_asked_of_the_engine_in_its_language_or_the_nodes()
    {
        var voice = new Voice();
        var library = Library("en-US", voice);
        library.Load("say::what: now").Prompt!.Samples.ShouldBe(3);
        library.Load("say:zh-CN:好").Prompt!.Samples.ShouldBe(3);
        voice.Asked.ShouldBe([("en-US", "what: now"), ("zh-CN", "好")]);
        library.MayTakeLong("say::new").ShouldBeTrue();
        library.MayTakeLong("say::kept").ShouldBeFalse();
        library.MayTakeLong("a.wav").ShouldBeFalse();
        Library().MayTakeLong("say::new").ShouldBeFalse();
        var off = Library().Load("say::secret");
        off.Outcome.ShouldBe(MediaOutcome.Unsupported);
        off.Detail.ShouldBe("text to speech: it is switched off by cti.tts.engine = none; set it to espeak or http");
    }

    [Fact]
    public void What_nobody_knows_to_speak_is_refused_without_telling_it()
    {
        var load = Library().Load("spoken::99:4711");
        load.Outcome.ShouldBe(MediaOutcome.Unsupported);
        load.Detail!.ShouldNotContain("4711");
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3000, 5000)]
    [InlineData(129, 0)]
    [InlineData(0, 193)]
    public void A_recording_with_other_ends_is_made_to_join(int before, int after)
    {
        var tone = Sound.Sine(500, 4000).Select(s => (short)(s == 0 ? 200 : s)).ToArray();
        tone[0] = tone[^1] = 8000;
        var trimmed = Linear(PieceEnds.Trim(Prompt.FromLinear([.. new short[before], .. tone, .. new short[after]])));
        Lead(trimmed).ShouldBeInRange(1, 128);
        Lead([.. trimmed.Reverse()]).ShouldBeInRange(1, 192);
        trimmed.Length.ShouldBe(4000 + (before > 0 ? 80 : 0) + (after > 0 ? 80 : 0));
        if (before == 0) Math.Abs((int)trimmed[0]).ShouldBeLessThan(Quiet);
        if (after == 0) Math.Abs((int)trimmed[^1]).ShouldBeLessThan(Quiet);
        // What is said stays as it was, but for the 4 ms that are faded.
        trimmed.AsSpan(before > 0 ? 80 : 32, 3900).ToArray().ShouldBe(Linear(Prompt.FromLinear(tone)).AsSpan(before > 0 ? 0 : 32, 3900).ToArray());
    }

    [Fact]
    public void A_recording_of_silence_stays()
    {
        var pause = Prompt.FromLinear(new short[8000]);
        PieceEnds.Trim(pause).ShouldBeSameAs(pause);
    }

    /// <summary>
    /// Every piece after every other: forty milliseconds of silence at most, and no step at the join that is heard beside those of the speech itself.
    /// </summary>
    [Theory]
    [InlineData("zh-CN")]
    [InlineData("en-US")]
    public void The_built_in_pieces_join_without_a_click_or_a_gap_and_byte_for_byte(string language)
    {
        var library = Library(language, builtin: BuiltIn);
        var pieces = Directory.GetFiles(Path.Combine(BuiltIn, language), "*.wav").Select(Path.GetFileName)
            .Where(name => !name!.StartsWith("demo-", StringComparison.Ordinal)).ToArray();
        pieces.Length.ShouldBeGreaterThan(25);
        var sounds = new List<short[]>();
        foreach (var piece in pieces)
        {
            var spoken = library.Load($"voice:{language}:{language}/{piece}").Prompt.ShouldNotBeNull();
            spoken.ShouldBeSameAs(library.Load(piece!).Prompt, piece);
            sounds.Add(Linear(spoken));
        }
        foreach (var one in sounds)
        {
            foreach (var next in sounds)
            {
                (Lead([.. one.Reverse()]) + Lead(next)).ShouldBeLessThanOrEqualTo(320);
                Math.Abs(one[^1] - next[0]).ShouldBeLessThan(Quiet);
                Math.Abs(one[^2] - one[^1]).ShouldBeLessThan(Quiet);
                Math.Abs(next[1] - next[0]).ShouldBeLessThan(Quiet);
            }
        }
    }

    private static short[] Linear(Prompt prompt) => Sound.Decode(prompt.Encoded(AudioCodec.Pcma).ToArray());

    /// <summary>Samples before the first that is heard.</summary>
    private static int Lead(ReadOnlySpan<short> samples) => samples.IndexOfAnyExceptInRange((short)-Quiet, (short)Quiet);

    private static string FindPrompts()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Cti.Actors.sln"))) at = at.Parent!;
        return Path.Combine(at.FullName, "src", "Cti.Node", "prompts");
    }
}
