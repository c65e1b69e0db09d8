using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>What was said is in the file.</summary>
[Collection(SharedNode.Name)]
public sealed class RecordTests(SharedNode shared) : CallTest(shared)
{
    private const int PcmFormat = 8, ALawFormat = 3, MuLawFormat = 7;

    [Theory]
    [InlineData(ALawFormat, Sound.ALaw, "8 101")]
    [InlineData(MuLawFormat, Sound.MuLaw, "8 101")]
    [InlineData(PcmFormat, Sound.Pcm, "8 101")]
    [InlineData(MuLawFormat, Sound.MuLaw, "0 101")]
    public async Task What_is_said_is_in_the_file_in_each_format(int format, int waveFormat, string codecs)
    {
        var said = Sound.Rising(1.5);
        var (call, res) = await InboundAsync(codecs);
        var path = (string)(await App.AskAsync("sys.call.record_start",
            new { res_id = res, max_seconds = 20, beep = false, record_file = $"formats/{res}-{format}.wav", record_format = format, finish_keys = "#" }))!;
        path.ShouldStartWith(Node.MediaRoot);
        var spoken = codecs.StartsWith('8') ? Sound.ToALaw(Sound.WithPause(said)) : Sound.ToMuLaw(Sound.WithPause(said));
        await call.Rtp.SayAsync(spoken);
        await call.Rtp.PressAsync("#");
        var done = await App.ExpectAsync("sys.call.on_record_completed", res);
        done.Params.Select(static p => p.Key).Order(StringComparer.Ordinal)
            .ShouldBe(["begin_time", "end_time", "error", "finish_key", "record_file", "res_id", "user_data"]);
        done.Error.ShouldBeNull();
        ((string)done.Params["finish_key"]!).ShouldBe("#");
        ((string)done.Params["record_file"]!).ShouldBe(path);
        var (written, heard, _) = Sound.Read(path);
        written.ShouldBe(waveFormat);
        Sound.ShouldBeHeard(said, heard);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Record_stop_completes_with_487_and_a_complete_file()
    {
        var said = Sound.Rising(1);
        var (call, res) = await InboundAsync();
        var path = (string)(await App.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 20, beep = false, record_file = $"stop-{res}" }))!;
        path.ShouldEndWith(".wav");
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await call.Rtp.PressAsync("1");
        await App.AskAsync("sys.call.record_stop", new { res_id = res });
        var done = await App.ExpectAsync("sys.call.on_record_completed", res);
        done.Error.ShouldBe(487);
        done.Params["finish_key"].ShouldBeNull();
        Sound.ShouldBeHeard(said, Sound.Read(path).Samples);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_limit_on_time_completes_with_408_and_a_file_of_that_length()
    {
        var (call, res) = await InboundAsync();
        var path =
            (string)(await App.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 1, beep = false, record_file = $"limit-{res}.wav" }))!;
        (await App.ExpectAsync("sys.call.on_record_completed", res)).Error.ShouldBe(408);
        (Sound.Read(path).Samples.Length / 8000.0).ShouldBeInRange(0.85, 1.15);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_beep_is_heard_and_is_not_in_the_file()
    {
        var (call, res) = await InboundAsync();
        var path = (string)(await App.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 1, beep = true, record_file = $"beep-{res}.wav" }))!;
        await App.ExpectAsync("sys.call.on_record_completed", res);
        call.Rtp.Heard(8).Max(static b => Math.Abs((int)Sound.FromALaw(b))).ShouldBeGreaterThan(1000);
        Sound.Read(path).Samples.Max(static s => Math.Abs((int)s)).ShouldBeLessThan(100);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_hang_up_completes_the_recording_with_410_and_the_file_is_complete()
    {
        var said = Sound.Rising(1);
        var (call, res) = await InboundAsync();
        var path =
            (string)(await App.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 20, beep = false, record_file = $"hangup-{res}.wav" }))!;
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await call.Rtp.PressAsync("1");
        await call.HangUpAsync();
        (await App.ExpectAsync("sys.call.on_record_completed", res)).Error.ShouldBe(410);
        await ReleasedAsync(res);
        // The event does not wait for the last of the file (the release follows within milliseconds), so the file may come a moment later.
        await Patience.UntilAsync(() => File.Exists(path), "the recording is there");
        Sound.ShouldBeHeard(said, Sound.Read(path).Samples);
    }

    [Fact]
    public async Task A_recording_can_be_played_back()
    {
        var said = Sound.Rising(1);
        var (call, res) = await InboundAsync();
        var path = (string)(await App.AskAsync("sys.call.record_start",
            new { res_id = res, max_seconds = 20, beep = false, record_file = $"back-{res}.wav", finish_keys = "#" }))!;
        await call.Rtp.SayAsync(Sound.ToALaw(Sound.WithPause(said)));
        await call.Rtp.PressAsync("#");
        await App.ExpectAsync("sys.call.on_record_completed", res);
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = path });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => Sound.Share(said, [.. call.Rtp.Heard(8).Select(Sound.FromALaw)]) > 0.85, "what was said is heard",
            TimeSpan.FromSeconds(3));
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_file_outside_the_record_root_is_an_invalid_parameter()
    {
        var (call, res) = await InboundAsync();
        (await App.RefusedAsync("sys.call.record_start", new { res_id = res, max_seconds = 1, record_file = "../outside.wav" })).ShouldBe(-32602);
        await DropAsync(call, res);
    }
}
