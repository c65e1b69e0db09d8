using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Nodes that are killed, stopped and started again.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public async Task What_a_killed_process_left_of_recordings_is_complete_soon_after_the_start_and_calls_need_not_wait_for_it()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "recorded");
        var res = await app.IncomingAsync("recorded");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        var whole = (string)(await app.AskAsync("sys.call.record_start", new { res_id = res, max_seconds = 1, beep = false, record_file = "deep/whole.wav" }))!;
        await app.ExpectAsync("sys.call.on_record_completed", res);
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
        await node.KillAsync();

        // What a process leaves that dies just before it completes them.
        var recordings = Enumerable.Range(0, 200).Select(i => Path.ChangeExtension(whole, $"{i}.wav")).ToList();
        foreach (var recording in recordings) File.Copy(whole, recording + ".cti-part");
        await node.LaunchAsync();
        await Patience.UntilAsync(() => recordings.TrueForAll(File.Exists), "all are complete");
        Directory.GetFiles(Path.GetDirectoryName(whole)!, "*.cti-part").ShouldBeEmpty();
        File.ReadAllBytes(recordings[^1]).ShouldBe(File.ReadAllBytes(whole));
        await Patience.UntilAsync(() => node.Log.Contains("200 recordings that the last run left unfinished were completed", StringComparison.Ordinal),
            "the log tells it");
    }

    [Fact]
    public async Task After_kill_9_every_call_that_was_up_goes_on_where_it_was()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var announcement = Sound.Noise(51, 480_000);
        var prompt = Sound.Write(node.MediaRoot, "long.wav", Sound.ALaw, announcement);
        var said = Sound.Rising(1);
        var spoken = Sound.ToALaw([.. Sound.WithPause(said), .. new short[12_000]]);
        Dictionary<string, (string Res, PhoneCall Call)> calls = [];
        foreach (var kind in new[] { "idle", "play", "record", "receive_dtmf" })
        {
            var call = phone.Call(node, kind);
            var res = await app.IncomingAsync(kind);
            await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 300 });
            await call.AnsweredAsync();
            await app.ExpectAsync("sys.call.on_answer_completed", res);
            calls[kind] = (res, call);
        }
        await app.AskAsync("sys.call.play_start", new { res_id = calls["play"].Res, content = prompt });
        var path = (string)(await app.AskAsync("sys.call.record_start",
            new { res_id = calls["record"].Res, max_seconds = 100, beep = false, record_file = "killed.wav" }))!;
        await app.AskAsync("sys.call.receive_dtmf_start", new { res_id = calls["receive_dtmf"].Res });
        await calls["record"].Call.Rtp.SayAsync(spoken);
        await calls["receive_dtmf"].Call.Rtp.PressAsync("12");
        // The newest entry of the journal tells how long the process lived; then a little more is heard.
        await app.AskAsync("sys.call.nop", new { res_id = calls["idle"].Res });
        var mark = Places(calls["play"].Call, announcement)[^1];
        await Patience.UntilAsync(() => Places(calls["play"].Call, announcement)[^1] > mark + 4_000, "half a second more of the announcement");
        var last = app.Events.All[^1].Cursor;

        await node.KillAsync();
        await node.LaunchAsync();

        var heardUntil = Places(calls["play"].Call, announcement)[^1] + RtpEndpoint.FrameBytes;
        var packets = calls["play"].Call.Rtp.Packets.Count;
        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.event.subscribe", new { from = last });
        foreach (var (_, call) in calls.Values) await call.AgreeAsync();
        // Audio comes back, and the announcement goes on: nothing of it is missing, a little is heard twice.
        await Patience.UntilAsync(() => Places(calls["play"].Call, announcement, packets).Count > 20, "the announcement again");
        Places(calls["play"].Call, announcement, packets)[0].ShouldBeInRange(heardUntil - 16_000, heardUntil);
        calls["play"].Call.Rtp.Packets.Select(static packet => packet.Ssrc).Distinct().Count().ShouldBe(2, "numbers of the dead process are not used again");
        // The recording goes on in its file.
        await calls["record"].Call.Rtp.SayAsync(spoken);
        await again.AskAsync("sys.call.record_stop", new { res_id = calls["record"].Res });
        var recorded = await again.ExpectAsync("sys.call.on_record_completed", calls["record"].Res);
        (recorded.Error, (string?)recorded.Params["record_file"]).ShouldBe((487, path));
        Sound.ShouldBeHeard([.. said, .. said], Sound.Read(path).Samples);
        // Keys from before count.
        await calls["receive_dtmf"].Call.Rtp.PressAsync("3#");
        var keys = await again.ExpectAsync("sys.call.on_receive_dtmf_completed", calls["receive_dtmf"].Res);
        (keys.Error, (string?)keys.Params["keys"]).ShouldBe((null, "123"));
        await again.AskAsync("sys.call.play_stop", new { res_id = calls["play"].Res });
        (await again.ExpectAsync("sys.call.on_play_completed", calls["play"].Res)).Error.ShouldBeNull();
        foreach (var (kind, (res, call)) in calls)
        {
            await again.AskAsync("sys.call.drop", new { res_id = res });
            await call.ByeAsync(TimeSpan.FromSeconds(20));
            await again.ExpectAsync("sys.on_chan_closed", res);
            string[] ended = kind == "idle" ? [] : [$"on_{kind}_completed"];
            again.Story(res).Where(static m => m != "sys.on_chan_closed").ShouldBe([.. ended, "on_released"]);
            var seqs = app.Events.All.Concat(again.Events.All).Where(e => e.ResId == res).Select(static e => e.Seq).Order().ToArray();
            seqs.ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n), $"{kind}: nothing lost, nothing doubled");
            (await node.QueryAsync($"select count(*) from cdr where res_id='{res}'")).ShouldBe(["1"]);
        }
        (await node.QueryAsync("select count(*) from journal")).ShouldBe(["0"], "what is released needs no recovery");
    }

    /// <summary>Where in the announcement each packet is that a phone heard of it.</summary>
    private static List<int> Places(PhoneCall call, byte[] announcement, int from = 0) =>
        [.. call.Rtp.Packets.Skip(from).Select(packet => announcement.AsSpan().IndexOf(packet.Payload)).Where(static place => place >= 0).DefaultIfEmpty(0)];

    [Fact]
    public async Task After_kill_9_what_rang_is_cancelled_and_who_waits_gets_his_answer()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var made = await app.AskAsync("sys.call.construct", new { to_uri = $"sip:rings@{phone.Address}", max_answer_seconds = 60 });
        var outbound = (string)made!["res_id"]!;
        var rings = await phone.InvitedAsync();
        rings.Ring();
        await app.ExpectAsync("sys.call.on_ringing", outbound);
        var waits = phone.Call(node, "offered");
        var inbound = await app.IncomingAsync("offered");
        var last = app.Events.All[^1].Cursor;

        await node.KillAsync();
        await node.LaunchAsync();

        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.event.subscribe", new { from = last });
        var cancel = await rings.ReceivedAsync("CANCEL", TimeSpan.FromSeconds(20));
        cancel.Header("Via").ShouldBe(rings.Invited!.Header("Via"));
        (await again.ExpectAsync("sys.call.on_dial_completed", outbound)).Error.ShouldBe(503);
        ((int)(await again.ExpectAsync("sys.call.on_released", outbound)).Params["cause"]!).ShouldBe(503);
        again.Story(outbound).Where(static m => m != "sys.on_chan_closed").ShouldBe(["on_dial_completed", "on_released"]);
        phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" }).ShouldBe(1, "it never rings twice");

        await again.AskAsync("sys.call.answer", new { res_id = inbound, max_answer_seconds = 60 });
        await waits.AnsweredAsync();
        (await again.ExpectAsync("sys.call.on_answer_completed", inbound)).Error.ShouldBeNull();
        await again.AskAsync("sys.call.drop", new { res_id = inbound });
        await waits.ByeAsync(TimeSpan.FromSeconds(20));
        await again.ExpectAsync("sys.on_chan_closed", inbound);
    }

    [Fact]
    public async Task A_request_repeated_after_a_crash_does_not_dial_again()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        var id = Guid.NewGuid().ToString();
        var request = new { to_uri = $"sip:once@{phone.Address}", max_answer_seconds = 60 };
        string first;
        PhoneCall call;
        await using (var app = await RpcClient.ConnectAsync(node))
        {
            first = (await app.AskAsync("sys.call.construct", request, id))!.ToJsonString();
            call = await phone.InvitedAsync();
            await call.PickUpAsync();
        }
        await node.KillAsync();
        await node.LaunchAsync();
        await using var again = await RpcClient.ConnectAsync(node);
        (await again.AskAsync("sys.call.construct", request, id))!.ToJsonString().ShouldBe(first);
        await call.AgreeAsync();
        phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" } && SipText.Parameter(m.Header("To"), "tag").Length == 0).ShouldBe(1);
    }

    [Fact]
    public async Task A_stop_takes_no_new_calls_and_waits_for_those_that_are_up()
    {
        await using var node = await NodeProcess.StartAsync(["cti.node.drain-timeout=30s"]);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "stays");
        var res = await app.IncomingAsync("stays");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);

        node.Terminate();
        await Patience.UntilAsync(() => node.Log.Contains("stopping", StringComparison.OrdinalIgnoreCase), "the log says that it stops:\n" + node.Log);
        await phone.Call(node, "late").RefusedAsync(503);
        (await app.RefusedAsync("sys.call.construct", new { to_uri = $"sip:late@{phone.Address}", max_answer_seconds = 60 })).ShouldBe(503);
        // The call that is up still works.
        await app.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, max_keys = 1 });
        await call.Rtp.PressAsync("5");
        ((string)(await app.ExpectAsync("sys.call.on_receive_dtmf_completed", res)).Params["keys"]!).ShouldBe("5");
        await call.HangUpAsync();
        await app.ExpectAsync("sys.call.on_released", res);
        (await node.ExitAsync(TimeSpan.FromSeconds(20))).ShouldBe(0);
    }

    [Fact]
    public async Task A_stop_drops_calls_that_outlast_its_limit()
    {
        await using var node = await NodeProcess.StartAsync(["cti.node.drain-timeout=1s"]);
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var call = phone.Call(node, "stays");
        var res = await app.IncomingAsync("stays");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        node.Terminate();
        await call.ByeAsync();
        (await app.ExpectAsync("sys.call.on_released", res)).Params["dropped_by"]!.GetValue<string>().ShouldBe("sys");
        (await node.ExitAsync(TimeSpan.FromSeconds(20))).ShouldBe(0);
        (await node.QueryAsync($"select count(*) from cdr where res_id='{res}'")).ShouldBe(["1"]);
    }

    [Fact]
    public async Task A_call_for_an_application_that_is_not_there_is_refused_with_480_and_still_told()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await phone.Call(node, "nobody").RefusedAsync(480, TimeSpan.FromSeconds(12));
        await using var app = await RpcClient.ConnectAsync(node);
        await app.AskAsync("sys.event.subscribe", new { from = "earliest" });
        var res = await app.IncomingAsync("nobody");
        ((int)(await app.ExpectAsync("sys.call.on_released", res)).Params["cause"]!).ShouldBe(480);
        await app.ExpectAsync("sys.on_chan_closed", res);
        app.ShouldBeGapless(res);
    }
}
