using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Two telephones are bridged and hear each other, or not, as the mode says: tones told apart by frequency.</summary>
[Collection(SharedNode.Name)]
public sealed class BridgeTests(SharedNode shared) : CallTest(shared)
{
    private const int FirstHertz = 440, SecondHertz = 1000, Rate = 8000;

    [Theory]
    [InlineData(1, true, true)]
    [InlineData(2, false, true)]
    [InlineData(3, true, false)]
    public async Task Each_hears_what_the_mode_lets_it_hear_and_never_itself(int mode, bool firstHears, bool secondHears)
    {
        var (first, firstRes) = await InboundAsync();
        var (second, secondRes) = await InboundAsync();
        await App.AskAsync("sys.call.connect_start", new { res_id = firstRes, call_res_id = secondRes, max_seconds = 60, connect_mode = mode });
        ((string)(await App.AskAsync("sys.call.get", new { res_id = secondRes }))!["state"]!).ShouldBe("Connect");
        await Task.WhenAll(first.Rtp.SayAsync(Tone.ALaw(FirstHertz)), second.Rtp.SayAsync(Tone.ALaw(SecondHertz)));
        Hears(first, SecondHertz).ShouldBe(firstHears);
        Hears(second, FirstHertz).ShouldBe(secondHears);
        Hears(first, FirstHertz).ShouldBeFalse();
        Hears(second, SecondHertz).ShouldBeFalse();
        await App.AskAsync("sys.call.connect_stop", new { res_id = firstRes });
        (await App.ExpectAsync("sys.call.on_connect_completed", firstRes)).Error.ShouldBeNull();
        await first.HangUpAsync();
        await second.HangUpAsync();
    }

    [Fact]
    public async Task Codecs_that_differ_are_transcoded_and_a_hang_up_leaves_the_other_idle()
    {
        var (first, firstRes) = await InboundAsync("8 101");
        var (second, secondRes) = await InboundAsync("0 101");
        await App.AskAsync("sys.call.connect_start", new { res_id = firstRes, call_res_id = secondRes, max_seconds = 60 });
        await first.Rtp.SayAsync(Tone.ALaw(FirstHertz));
        Tone.Share(second.Rtp.Heard(0).Select(Sound.FromMuLaw), FirstHertz).ShouldBeGreaterThan(0.8);
        await second.HangUpAsync();
        (await App.ExpectAsync("sys.call.on_connect_completed", firstRes)).Error.ShouldBeNull();
        ((string)(await App.AskAsync("sys.call.get", new { res_id = firstRes }))!["state"]!).ShouldBe("Idle");
        await first.HangUpAsync();
    }

    [Theory]
    [InlineData(0, -14)]
    [InlineData(-14, 0)]
    public async Task Volumes_change_how_loud_each_is_heard(int localVolume, int remoteVolume)
    {
        var (first, firstRes) = await InboundAsync();
        var (second, secondRes) = await InboundAsync();
        await App.AskAsync("sys.call.connect_start",
            new { res_id = firstRes, call_res_id = secondRes, max_seconds = 60, local_volume = localVolume, remote_volume = remoteVolume });
        await Task.WhenAll(first.Rtp.SayAsync(Tone.ALaw(FirstHertz)), second.Rtp.SayAsync(Tone.ALaw(SecondHertz)));
        // The first party's sound is heard by the second, and the other way round; -14 dB is a fifth.
        Loudest(second).ShouldBe(8000 * Math.Pow(10, localVolume / 20.0), 8000 * 0.08);
        Loudest(first).ShouldBe(8000 * Math.Pow(10, remoteVolume / 20.0), 8000 * 0.08);
        await App.AskAsync("sys.call.connect_stop", new { res_id = firstRes });
        await App.ExpectAsync("sys.call.on_connect_completed", firstRes);
        await first.HangUpAsync();
        await second.HangUpAsync();
    }

    [Fact]
    public async Task A_recording_has_the_first_party_left_and_the_second_right_and_is_complete_at_the_completion()
    {
        var (first, firstRes) = await InboundAsync();
        var (second, secondRes) = await InboundAsync();
        await App.AskAsync("sys.call.connect_start", new { res_id = firstRes, call_res_id = secondRes, max_seconds = 60, record_file = $"bridge-{firstRes}" });
        await Task.WhenAll(first.Rtp.SayAsync(Tone.ALaw(FirstHertz)), second.Rtp.SayAsync(Tone.ALaw(SecondHertz)));
        await second.HangUpAsync();
        (await App.ExpectAsync("sys.call.on_connect_completed", firstRes)).Error.ShouldBeNull();
        var samples = Sound.Read(Path.Combine(Node.MediaRoot, "recordings", "default", $"bridge-{firstRes}.wav")).Samples;
        Tone.Share(samples.Where(static (_, index) => index % 2 == 0), FirstHertz).ShouldBeGreaterThan(0.8);
        Tone.Share(samples.Where(static (_, index) => index % 2 == 1), SecondHertz).ShouldBeGreaterThan(0.8);
        await first.HangUpAsync();
    }

    [Fact]
    public async Task A_scheduled_file_is_heard_by_both_at_its_time()
    {
        var data = Sound.Noise(71, 8000);
        var file = Sound.Write(Node.MediaRoot, "scheduled.wav", Sound.ALaw, data);
        var (first, firstRes) = await InboundAsync("8 101");
        var (second, secondRes) = await InboundAsync("8 101");
        var at = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 2;
        await App.AskAsync("sys.call.connect_start", new
        {
            res_id = firstRes, call_res_id = secondRes, max_seconds = 60, schedule_play_time = at, schedule_play_file = file, schedule_play_loop = 1,
        });
        var said = data.Select(Sound.FromALaw).ToArray();
        foreach (var party in (PhoneCall[])[first, second])
            await Patience.UntilAsync(() => Sound.Share(said, [.. party.Rtp.Heard(8).Select(Sound.FromALaw)]) > 0.8, "the file is heard");
        DateTimeOffset.UtcNow.ToUnixTimeSeconds().ShouldBeGreaterThanOrEqualTo(at);
        await App.AskAsync("sys.call.connect_stop", new { res_id = firstRes });
        await App.ExpectAsync("sys.call.on_connect_completed", firstRes);
        await first.HangUpAsync();
        await second.HangUpAsync();
    }

    /// <summary>The amplitude of the loudest half second, by its energy as of a tone.</summary>
    private static double Loudest(PhoneCall call) =>
        call.Rtp.Heard(8).Select(Sound.FromALaw).Chunk(Rate / 2).Where(static piece => piece.Length == Rate / 2)
            .Max(static piece => Math.Sqrt(2 * piece.Average(static s => (double)s * s)));

    private static bool Hears(PhoneCall call, int hertz) => Tone.Share(call.Rtp.Heard(8).Select(Sound.FromALaw), hertz) > 0.5;
}
