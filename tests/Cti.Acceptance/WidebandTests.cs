using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>Calls in G.722 and Opus with baresip: called and calling, and what each hears of the other.</summary>
public sealed class WidebandTests
{
    [Theory]
    [InlineData("G722", "G722/16000/1", 16_000)]
    [InlineData("opus", "opus/48000/2", 48_000)]
    public async Task A_softphone_is_called_and_both_hear_each_other(string configured, string theirs, int rate)
    {
        await using var softphone = await Baresip.StartAsync(answers: true, codec: theirs, rate: rate);
        await using var node = await StartAsync(softphone, configured);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@phone", max_answer_seconds = 300 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", call)).Error.ShouldBeNull(softphone.LastWords);
        var played = Sound.Rising(20);
        await app.AskAsync("sys.call.play_start", new { res_id = call, content = Sound.Write(node.MediaRoot, "rising.wav", Sound.ALaw, Sound.ToALaw(played)) });
        await Patience.UntilAsync(() => softphone.Loud() > rate * 3, "it hears the announcement");
        // What it hears it writes at its own rate, with two channels where the codec has them.
        Sound.Alike(softphone.Heard(), played, rate, softphone.HeardChannels).ShouldBeGreaterThan(0.9);
        await app.AskAsync("sys.call.play_stop", new { res_id = call });
        await app.ExpectAsync("sys.call.on_play_completed", call);
        var path = (string)(await app.AskAsync("sys.call.record_start",
            new { res_id = call, max_seconds = 3, beep = false, record_file = "heard", record_format = 8, rate = 16_000 }))!;
        await app.ExpectAsync("sys.call.on_record_completed", call);
        var file = await File.ReadAllBytesAsync(path);
        (BitConverter.ToInt32(file, 24), BitConverter.ToInt16(file, 34)).ShouldBe((16_000, (short)16));
        var recorded = new short[(file.Length - 44) / 2];
        Buffer.BlockCopy(file, 44, recorded, 0, recorded.Length * 2);
        Sound.Alike(recorded, Sound.Rising(60), 16_000, 1).ShouldBeGreaterThan(0.9);
    }

    [Theory]
    [InlineData("G722", "G722/16000/1", 16_000)]
    [InlineData("opus", "opus/48000/2", 48_000)]
    public async Task A_softphone_that_calls_is_bridged_with_one_of_another_codec(string configured, string theirs, int rate)
    {
        await using var wide = await Baresip.StartAsync(codec: theirs, rate: rate);
        await using var narrow = await Baresip.StartAsync(answers: true);
        await using var node = await StartAsync(wide, configured, narrow);
        await using var app = await RpcClient.ConnectAsync(node);
        wide.Dial($"sip:100@127.0.0.1:{node.SipPort}");
        var call = (await app.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await app.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await app.ExpectAsync("sys.call.on_answer_completed", call);
        var other = (string)(await app.AskAsync("sys.call.construct", new { to_uri = "sip:tester@narrow", max_answer_seconds = 300 }))!["res_id"]!;
        (await app.ExpectAsync("sys.call.on_dial_completed", other)).Error.ShouldBeNull();
        wide.Output.ShouldNotContain("session closed", Case.Insensitive, wide.LastWords);
        await app.AskAsync("sys.call.connect_start", new { res_id = call, max_seconds = 60, call_res_id = other });
        await Patience.UntilAsync(() => wide.Loud() > rate * 3 && narrow.Loud() > 8_000 * 3, "both hear each other");
        Sound.Alike(narrow.Heard(), Sound.Rising(60), 8_000, 1).ShouldBeGreaterThan(0.9);
        Sound.Alike(wide.Heard(), Sound.Rising(60), rate, wide.HeardChannels).ShouldBeGreaterThan(0.9);
    }

    private static Task<NodeProcess> StartAsync(Baresip softphone, string codec, Baresip? narrow = null)
    {
        var other = narrow is null ? "" : $$""", { name = narrow, address = "127.0.0.1:{{narrow.SipPort}}", options-interval = 0 }""";
        var trunk = $$"""{ name = phone, address = "127.0.0.1:{{softphone.SipPort}}", options-interval = 0, media { codecs = [{{codec}}, PCMA] } }""";
        return NodeProcess.StartAsync([$"cti.trunks=[{trunk}{other}]",
            """cti.routes=[{ to = "*", trunk = phone, application = default }]"""], acceptAny: false);
    }
}
