using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Speech;

namespace Cti.Transport.Tests.Speech;

/// <summary>The real espeak-ng, and programs in its place that behave badly.</summary>
public sealed class EspeakEngineTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cti-espeak-");

    public void Dispose() => _folder.Delete(recursive: true);

    private static EspeakEngine Real() => new("espeak-ng", Patience);

    private string Script(string text)
    {
        var path = Path.Combine(_folder.FullName, "engine.sh");
        File.WriteAllText(path, "#!/bin/sh\n" + text);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static Prompt Said(PromptLoad load) => load.Prompt.ShouldNotBeNull(load.Detail);

    private static int Loud(Prompt prompt) => prompt.Encoded(AudioCodec.Pcma).ToArray().Count(code => ((code ^ 0xD5) & 0x7F) > 40);

    [Theory]
    [InlineData("en-US", "one two three", "one two three four five six seven eight")]
    [InlineData("zh-CN", "你好", "您的包裹已经到了，请您今天来拿。")]
    public void Text_becomes_sound_the_longer_the_more(string language, string text, string longer)
    {
        var brief = Said(Real().Speak(language, text));
        brief.Samples.ShouldBeInRange(3_000, 30_000);
        Loud(brief).ShouldBeGreaterThan(500);
        Said(Real().Speak(language, longer)).Samples.ShouldBeGreaterThan(brief.Samples + 4_000);
    }

    [Fact]
    public void What_looks_like_an_option_a_command_or_phonemes_is_text()
    {
        var witness = Path.Combine(_folder.FullName, "witness");
        foreach (var text in (string[])["--version", "-w " + witness, $"$(touch {witness}); touch {witness}", "[[h@'loU]] again", "<audio src='x'/> tag"])
            Loud(Said(Real().Speak("en-US", text))).ShouldBeGreaterThan(500, text);
        File.Exists(witness).ShouldBeFalse();
        // Eight phonemes would last half a second; spelled out they last longer.
        Said(Real().Speak("en-US", "[[h@'loU]]")).Samples.ShouldBeGreaterThan(6_000);
    }

    [Fact]
    public void A_program_that_is_missing_says_what_to_install()
    {
        var load = new EspeakEngine("/no/such/program", Patience).Speak("en-US", "secret text");
        load.Outcome.ShouldBe(MediaOutcome.Unsupported);
        load.Detail!.ShouldContain("apt-get install espeak-ng");
        load.Detail!.ShouldContain("cti.tts.espeak.program");
        load.Detail!.ShouldNotContain("secret");
    }

    [Fact]
    public void A_program_that_hangs_is_ended_at_the_time_out()
    {
        var pid = Path.Combine(_folder.FullName, "pid");
        var load = new EspeakEngine(Script($"echo $$ > {pid}\nexec sleep 1000\n"), TimeSpan.FromMilliseconds(300)).Speak("en-US", "text");
        load.Outcome.ShouldBe(MediaOutcome.Failed);
        load.Detail!.ShouldContain("did not end within 0.3 s (cti.tts.timeout)");
        if (!File.Exists(pid)) return;
        var process = File.ReadAllText(pid).Trim();
        SpinWait.SpinUntil(() => !File.Exists($"/proc/{process}/cmdline") || File.ReadAllText($"/proc/{process}/cmdline").Length == 0, Patience).ShouldBeTrue();
    }

    [Theory]
    [InlineData("echo no such voice >&2; exit 3", MediaOutcome.Failed, "ended with 3: no such voice")]
    [InlineData("exit 0", MediaOutcome.Failed, "ended with 0: it said nothing")]
    [InlineData("cat > /dev/null; echo this is no sound", MediaOutcome.Unsupported, "no WAV file")]
    [InlineData("cat /dev/zero", MediaOutcome.Unsupported, "answered over 33554432 bytes")]
    public void A_program_that_fails_is_told_with_its_own_words(string script, MediaOutcome outcome, string detail)
    {
        var load = new EspeakEngine(Script(script), Patience).Speak("en-US", "text");
        load.Outcome.ShouldBe(outcome, load.Detail);
        load.Detail!.ShouldContain(detail);
    }
}
