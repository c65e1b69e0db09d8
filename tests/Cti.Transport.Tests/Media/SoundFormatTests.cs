using System.Diagnostics;
using Cti.Media;
using Cti.Media.Files;

namespace Cti.Transport.Tests.Media;

/// <summary>What the engine passes on to recordings and plays: append, channels, the library, and files that are cut.</summary>
public sealed class SoundFormatTests
{
    private static readonly SoundLibrary None = new("libsndfile-that-is-not-there.so.1");

    [Fact]
    public void An_appended_recording_goes_on_behind_what_is_there()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open(idle: IdleSending.Silence);
        var path = Path.Combine(fixture.Root, "twice.wav");
        var (first, second) = (MediaFixture.Pattern(160 * 10, 3), MediaFixture.Pattern(160 * 10, 4));
        Record(fixture, peer, new RecordRequest(1, path, RecordFormat.Alaw, Beep: false), first);
        var before = Data(path);
        Record(fixture, peer, new RecordRequest(2, path, RecordFormat.Alaw, Beep: false, Append: true), second);
        var both = Data(path);
        both[..before.Length].ShouldBe(before);
        Count(before, first).ShouldBeGreaterThan(2);
        Count(both[before.Length..], second).ShouldBeGreaterThan(2);
        // Not appended, it replaces.
        Record(fixture, peer, new RecordRequest(3, path, RecordFormat.Alaw, Beep: false), second);
        Count(Data(path), first).ShouldBe(0);
    }

    [Fact]
    public void A_recording_of_two_channels_has_the_far_end_on_the_left_and_silence_on_the_right()
    {
        using var fixture = new MediaFixture();
        using var peer = fixture.Open(idle: IdleSending.Silence);
        var path = Path.Combine(fixture.Root, "both.wav");
        var said = MediaFixture.Pattern(160 * 10, 5);
        Record(fixture, peer, new RecordRequest(1, path, RecordFormat.Alaw, Beep: false, Channels: 2), said);
        File.ReadAllBytes(path)[22].ShouldBe((byte)2);
        var data = Data(path);
        Count([.. data.Where((_, i) => i % 2 == 0)], said).ShouldBeGreaterThan(2);
        data.Where((_, i) => i % 2 == 1).ShouldAllBe(code => code == 0xD5);
    }

    [Fact]
    public void Without_the_library_a_format_that_needs_it_fails_before_it_starts_and_a_play_too()
    {
        using var fixture = new MediaFixture(options => options with { SoundLibrary = None });
        using var peer = fixture.Open(idle: IdleSending.Silence);
        fixture.Engine.StartRecord(peer.Session, new RecordRequest(1, Path.Combine(fixture.Root, "a.mp3"), RecordFormat.Mp3, Beep: false));
        var record = peer.NextEvent().ShouldBeOfType<RecordEnded>();
        record.Outcome.ShouldBe(MediaOutcome.Unsupported);
        record.Detail.ShouldNotBeNull().ShouldContain("apt-get install libsndfile1");
        Directory.GetFiles(fixture.Root).ShouldBeEmpty();
        File.WriteAllBytes(Path.Combine(fixture.Root, "b.mp3"), new byte[1000]);
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(2, ["b.mp3"]));
        var play = peer.NextEvent().ShouldBeOfType<PlayEnded>();
        play.Outcome.ShouldBe(MediaOutcome.Unsupported);
        play.Detail.ShouldNotBeNull().ShouldContain("apt-get install libsndfile1");
        // What needs no library is recorded all the same.
        Record(fixture, peer, new RecordRequest(3, Path.Combine(fixture.Root, "c.wav"), RecordFormat.Ulaw, Beep: false), MediaFixture.Pattern(1600, 6));
        fixture.Engine.RecordingCount.ShouldBe(0);
    }

    /// <summary>FLAC says how long it is, so that what is missing is known; Ogg and MP3 are streams that can end anywhere.</summary>
    [Theory]
    [InlineData("cut.flac", "", 0.5, false)]
    [InlineData("cut.ogg", "-ar 44100 -c:a libvorbis", 0.9, true)]
    [InlineData("cut.opus", "-c:a libopus", 0.7, true)]
    [InlineData("cut.mp3", "-ar 44100 -b:a 64k", 0.5, true)]
    [InlineData("cut.ogg", "-ar 44100 -c:a libvorbis", 0.05, false)]
    public void A_cut_file_plays_what_is_there_where_the_format_allows_it(string name, string options, double part, bool isPlayed)
    {
        using var fixture = new MediaFixture();
        var path = Path.Combine(fixture.Root, name);
        Run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "sine=frequency=700:sample_rate=8000:duration=3",
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), path]);
        using (var file = new FileStream(path, FileMode.Open)) file.SetLength((long)(file.Length * part));
        using var peer = fixture.Open();
        fixture.Engine.StartPlay(peer.Session, new PlayRequest(1, [name]));
        if (!isPlayed)
        {
            var ended = peer.NextEvent().ShouldBeOfType<PlayEnded>();
            ended.Outcome.ShouldBe(MediaOutcome.Unsupported);
            ended.Detail.ShouldNotBeNull().ShouldStartWith(name + ": ");
            peer.Close().Statistics.PacketsSent.ShouldBe(0);
            return;
        }
        peer.NextEvent().ShouldBe(new PlayStarted(1));
        peer.NextEvent().ShouldBe(new PlayEnded(1, MediaOutcome.Completed));
        peer.Close().Statistics.PacketsSent.ShouldBeInRange(15, 149);
    }

    private static void Record(MediaFixture fixture, MediaPeer peer, RecordRequest request, byte[] said)
    {
        fixture.Engine.StartRecord(peer.Session, request);
        peer.NextEvent().ShouldBe(new RecordStarted(request.Action));
        // What was sent meanwhile would be answered all at once.
        while (peer.Rtp.Available > 0) peer.ReceiveRtp();
        for (var i = 0; i < 30; i++)
        {
            // The session's own silence, a packet every 20 ms, paces the far end.
            peer.ReceiveRtp();
            peer.SendAudio(said.AsSpan(i * 160 % said.Length, 160));
        }
        fixture.Engine.StopRecord(peer.Session, request.Action);
        peer.NextEvent().ShouldBeOfType<RecordEnded>().Outcome.ShouldBe(MediaOutcome.Stopped);
    }

    private static byte[] Data(string path)
    {
        var file = File.ReadAllBytes(path);
        return file[(file.AsSpan().IndexOf("data"u8) + 8)..];
    }

    private static int Count(byte[] file, byte[] said) =>
        Enumerable.Range(0, said.Length / 160).Count(frame => file.AsSpan().IndexOf(said.AsSpan(frame * 160, 160)) >= 0);

    private static void Run(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true })!;
        process.StandardInput.Close();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0);
    }
}
