using System.Collections.Immutable;
using Cti.Media;
using Cti.Media.Files;
using Cti.Transport.Speech;
using Cti.Transport.Tests.Media;

namespace Cti.Transport.Tests.Speech;

/// <summary>Spoken content through the engine, down to the packets.</summary>
public sealed class SpokenPlayTests
{
    /// <summary>An engine that answers when it is let.</summary>
    private sealed class GatedEngine : ISpeechEngine
    {
        public ManualResetEventSlim Asked { get; } = new();

        public ManualResetEventSlim Gate { get; } = new();

        public byte[] Sound { get; } = MediaFixture.Pattern(1600, 77);

        public PromptLoad Speak(string language, string text)
        {
            Asked.Set();
            Gate.Wait(MediaFixture.Patience).ShouldBeTrue();
            return new PromptLoad(MediaOutcome.Completed, Prompt.FromEncoded(AudioCodec.Pcma, Sound), null);
        }
    }

    private static ImmutableArray<string> Expand(string name) => ["voice:zh-CN:zh-CN/one.wav", "voice:zh-CN:zh-CN/two.wav", "voice:zh-CN:zh-CN/one.wav"];

    private static byte[] Quiet(byte[] sound) => [0xD5, .. sound, 0xD5];

    private static byte[] Hear(MediaPeer peer, int bytes)
    {
        var heard = new List<byte>();
        while (heard.Count < bytes) heard.AddRange(peer.ReceiveRtp().AsSpan(12));
        return [.. heard.Take(bytes)];
    }

    [Fact]
    public void Files_pieces_and_texts_reach_the_far_end_in_order_without_a_gap()
    {
        var engine = new GatedEngine();
        engine.Gate.Set();
        using var fixture = new MediaFixture(prompts: files => new PromptLibrary(files, "zh-CN", Expand, new SpeechCache(engine, 1_000_000)));
        Directory.CreateDirectory(Path.Combine(fixture.Root, "zh-CN"));
        byte[] file = MediaFixture.Pattern(800, 1), one = Quiet(MediaFixture.Pattern(900, 2)), two = Quiet(MediaFixture.Pattern(1000, 3));
        fixture.WriteAlaw("file.wav", file);
        fixture.WriteAlaw("zh-CN/one.wav", one);
        fixture.WriteAlaw("zh-CN/two.wav", two);
        using var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, ["file.wav", "spoken::1:121", "say:en-US:text", "file.wav"]));
        byte[] expected = [.. file, .. one, .. two, .. one, .. engine.Sound, .. file];
        Hear(peer, expected.Length).ShouldBe(expected);
    }

    [Fact]
    public void A_text_that_is_being_made_holds_up_no_file_and_a_kept_one_waits_for_none()
    {
        var engine = new GatedEngine();
        var cache = new SpeechCache(engine, 1_000_000);
        engine.Gate.Set();
        cache.Speak("zh-CN", "kept");
        engine.Gate.Reset();
        engine.Asked.Reset();
        using var fixture = new MediaFixture(options => options
            with
        { SpeechThreads = 1, LoaderThreads = 1 }, files => new PromptLibrary(files, "zh-CN", Expand, cache));
        var file = fixture.WriteAlaw("file.wav", MediaFixture.Pattern(160, 1));
        using var waiting = fixture.Open();
        using var other = fixture.Open();
        fixture.Engine.StartPlay(waiting.Session, new PlayRequest(1, ["say::new"]));
        engine.Asked.Wait(MediaFixture.Patience).ShouldBeTrue();
        fixture.Engine.StartPlay(other.Session, new PlayRequest(2, [file]));
        other.NextEvent().ShouldBe(new PlayStarted(2));
        other.NextEvent().ShouldBe(new PlayEnded(2, MediaOutcome.Completed));
        fixture.Engine.StartPlay(other.Session, new PlayRequest(3, ["say::kept"]));
        other.NextEvent().ShouldBe(new PlayStarted(3));
        waiting.EventsWaiting.ShouldBe(0);
        engine.Gate.Set();
        waiting.NextEvent().ShouldBe(new PlayStarted(1));
    }

    [Fact]
    public void Without_an_engine_the_play_ends_before_anything_is_heard()
    {
        using var fixture = new MediaFixture(prompts: files =>
            new PromptLibrary(files, "zh-CN", Expand, new SpeechCache(new EspeakEngine("/no/such/program", MediaFixture.Patience), 1000)));
        var file = fixture.WriteAlaw("file.wav", MediaFixture.Pattern(160, 1));
        using var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [file, "say::text"]));
        var ended = peer.NextEvent().ShouldBeOfType<PlayEnded>();
        ended.Outcome.ShouldBe(MediaOutcome.Unsupported);
        ended.Detail!.ShouldContain("install espeak-ng");
        peer.Close().Statistics.PacketsSent.ShouldBe(0);
    }
}
