using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>What the caller hears is what is in the file.</summary>
[Collection(SharedNode.Name)]
public sealed class PlayTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task An_A_law_prompt_arrives_byte_for_byte()
    {
        var data = Sound.Noise(1, 8000);
        var file = Sound.Write(Node.MediaRoot, "exact-a.wav", Sound.ALaw, data);
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        var done = await App.ExpectAsync("sys.call.on_play_completed", res);
        done.Error.ShouldBeNull();
        done.Params.Select(static p => p.Key).Order(StringComparer.Ordinal).ShouldBe(["begin_time", "end_time", "error", "finish_key", "res_id", "user_data"]);
        done.Params["finish_key"].ShouldBeNull();
        await HearsAsync(call, 8, data);
        await DropAsync(call, res);
        App.Story(res).ShouldBe(["on_incoming", "on_answer_completed", "on_play_completed", "on_released", "sys.on_chan_closed"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_mu_law_prompt_arrives_byte_for_byte()
    {
        var data = Sound.Noise(2, 8000);
        var file = Sound.Write(Node.MediaRoot, "exact-u.wav", Sound.MuLaw, data);
        var (call, res) = await InboundAsync("0 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await HearsAsync(call, 0, data);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Packets_are_twenty_milliseconds_each_without_a_gap_in_sequence_or_timestamp()
    {
        var file = Sound.Write(Node.MediaRoot, "steady.wav", Sound.ALaw, Sound.Noise(3, 8000));
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        await App.ExpectAsync("sys.call.on_play_completed", res);
        var packets = call.Rtp.Packets.Where(static p => p.PayloadType == 8).ToArray();
        packets.Length.ShouldBeGreaterThan(40);
        packets.ShouldAllBe(static p => p.Payload.Length == 160);
        packets.Select(static p => p.Ssrc).Distinct().Count().ShouldBe(1);
        for (var i = 1; i < packets.Length; i++)
        {
            ((ushort)(packets[i].Sequence - packets[i - 1].Sequence)).ShouldBe((ushort)1);
            (packets[i].Timestamp - packets[i - 1].Timestamp).ShouldBe(160u, $"packet {i}");
        }
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Files_joined_by_a_bar_play_one_after_the_other_and_repeat_plays_all_again()
    {
        var first = Sound.Noise(4, 3200);
        var second = Sound.Noise(5, 4800);
        var content = Sound.Write(Node.MediaRoot, "one.wav", Sound.ALaw, first) + "|" + Sound.Write(Node.MediaRoot, "two.wav", Sound.ALaw, second);
        var (call, res) = await InboundAsync("8 101");
        await App.AskAsync("sys.call.play_start", new { res_id = res, content, repeat = 1 });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await HearsAsync(call, 8, [.. first, .. second, .. first, .. second]);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_finish_key_stops_the_prompt_and_is_named()
    {
        var file = Sound.Write(Node.MediaRoot, "long.wav", Sound.ALaw, Sound.Noise(6, 80_000));
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file, finish_keys = "#*" });
        await call.Rtp.PressAsync("1#");
        var done = await App.ExpectAsync("sys.call.on_play_completed", res, TimeSpan.FromSeconds(5));
        done.Error.ShouldBeNull();
        ((string)done.Params["finish_key"]!).ShouldBe("#");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Play_stop_completes_without_an_error()
    {
        var file = Sound.Write(Node.MediaRoot, "stopped.wav", Sound.ALaw, Sound.Noise(7, 80_000));
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        (await App.RefusedAsync("sys.call.play_start", new { res_id = res, content = file })).ShouldBe(409);
        await App.AskAsync("sys.call.play_stop", new { res_id = res });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await DropAsync(call, res);
    }

    [Theory]
    [InlineData("missing.wav", 404)]
    [InlineData("broken.wav", 415)]
    public async Task A_file_that_cannot_be_played_completes_with_an_error_before_anything_is_heard(string file, int error)
    {
        Sound.Write(Node.MediaRoot, "fine.wav", Sound.ALaw, Sound.Noise(8, 8000));
        await File.WriteAllTextAsync(Path.Combine(Node.MediaRoot, "broken.wav"), "this is no sound at all, whatever its name says");
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = "fine.wav|" + file });
        var done = await App.ExpectAsync("sys.call.on_play_completed", res);
        done.Error.ShouldBe(error);
        ((string)done.Params["error"]!["message"]!).ShouldContain(file);
        call.Rtp.Heard(8).ShouldAllBe(static b => b == 0xD5 || b == 0x55);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_name_that_leaves_the_media_root_is_an_invalid_parameter()
    {
        var (call, res) = await InboundAsync();
        (await App.RefusedAsync("sys.call.play_start", new { res_id = res, content = "../data/default.key" })).ShouldBe(-32602);
        await DropAsync(call, res);
    }

    [Theory]
    [InlineData("-r 44100 -c 2 -b 16 -e signed")]
    [InlineData("-r 16000 -c 1 -b 16 -e signed")]
    [InlineData("-r 8000 -c 1 -b 8 -e unsigned")]
    [InlineData("-r 8000 -c 2 -e mu-law")]
    public async Task A_file_of_any_rate_width_and_number_of_channels_is_heard(string encoding)
    {
        var said = Sound.Rising(1);
        var bytes = new byte[said.Length * 2];
        Buffer.BlockCopy(said, 0, bytes, 0, bytes.Length);
        Sound.Write(Node.MediaRoot, "rising.wav", Sound.Pcm, bytes);
        var (made, text) = await Tools.RunAsync("sox", "sox", ["-D", "rising.wav", .. encoding.Split(' '), "converted.wav"], Node.MediaRoot);
        made.ShouldBe(0, text);
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = "converted.wav" });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => Sound.Share(said, [.. call.Rtp.Heard(8).Select(Sound.FromALaw)], 100) >= 0.7, "the sound is heard",
            TimeSpan.FromSeconds(3));
        await DropAsync(call, res);
    }

    [Fact]
    public async Task Hold_stops_the_sound_and_resume_brings_it_back()
    {
        var file = Sound.Write(Node.MediaRoot, "held.wav", Sound.ALaw, Sound.Noise(9, 240_000));
        var (call, res) = await InboundAsync();
        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        await Patience.UntilAsync(() => call.Rtp.Packets.Count > 10, "sound arrives");

        var held = await call.ReinviteAsync(call.Offer("sendonly"));
        held.Status.ShouldBe(200);
        held.Body.ShouldContain("a=recvonly");
        var quiet = call.Rtp.Packets.Count;
        await Patience.WhileAsync(() => call.Rtp.Packets.Count <= quiet + 5, "held calls get no sound", TimeSpan.FromMilliseconds(500));

        var resumed = await call.ReinviteAsync(call.Offer());
        resumed.Status.ShouldBe(200);
        resumed.Body.ShouldNotContain("a=recvonly");
        resumed.Body.ShouldNotContain("a=inactive");
        var before = call.Rtp.Packets.Count;
        await Patience.UntilAsync(() => call.Rtp.Packets.Count > before + 10, "sound is back");
        await DropAsync(call, res);
    }

    /// <summary>Waits until what was heard contains it, exactly and in one piece.</summary>
    private static Task HearsAsync(PhoneCall call, int payloadType, byte[] data) =>
        Patience.UntilAsync(() => call.Rtp.Heard(payloadType).AsSpan().IndexOf(data) >= 0,
            "the prompt's bytes are heard, " + Nearest(call.Rtp.Heard(payloadType), data), TimeSpan.FromSeconds(3));

    private static string Nearest(byte[] heard, byte[] data)
    {
        var at = heard.AsSpan().IndexOf(data.AsSpan(0, 160));
        if (at < 0) return $"of {heard.Length} bytes not even the first 160";
        var same = heard.AsSpan(at).CommonPrefixLength(data);
        return same == data.Length ? "all" : $"{same} of {data.Length} so far";
    }
}
