using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Nodes that are killed, stopped and started again.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public async Task After_kill_9_every_call_that_was_up_is_completed_and_released_exactly_once()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var prompt = Sound.Write(node.MediaRoot, "long.wav", Sound.ALaw, Sound.Noise(51, 480_000));
        var said = Sound.Rising(1);
        List<(string Kind, string Res, PhoneCall Call)> calls = [];
        foreach (var kind in new[] { "idle", "play", "record", "receive_dtmf" })
        {
            var call = phone.Call(node, kind);
            var res = await app.IncomingAsync(kind);
            await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 300 });
            await call.AnsweredAsync();
            await app.ExpectAsync("sys.call.on_answer_completed", res);
            calls.Add((kind, res, call));
        }
        await app.AskAsync("sys.call.play_start", new { res_id = calls[1].Res, content = prompt });
        var path = (string)(await app.AskAsync("sys.call.record_start", new { res_id = calls[2].Res, max_seconds = 100, beep = false, record_file = "killed.wav" }))!;
        await app.AskAsync("sys.call.receive_dtmf_start", new { res_id = calls[3].Res });
        await calls[2].Call.Rtp.SayAsync(Sound.ToALaw([.. Sound.WithPause(said), .. new short[12_000]]));
        await calls[3].Call.Rtp.PressAsync("12");
        var last = app.Events.All[^1].Cursor;

        await node.KillAsync();
        await node.LaunchAsync();

        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.event.subscribe", new { from = last });
        foreach (var (kind, res, call) in calls)
        {
            var released = await again.ExpectAsync("sys.call.on_released", res);
            ((int)released.Params["cause"]!).ShouldBe(503);
            ((string)released.Params["dropped_by"]!).ShouldBe("sys");
            await again.ExpectAsync("sys.on_chan_closed", res);
            await call.ByeAsync(TimeSpan.FromSeconds(20));
            string[] ended = kind == "idle" ? [] : [$"on_{kind}_completed"];
            again.Story(res).Where(static m => m != "sys.on_chan_closed").ShouldBe([.. ended, "on_released"]);
            if (kind != "idle") again.Events.All.Single(e => e.ResId == res && e.Method == $"sys.call.on_{kind}_completed").Error.ShouldBe(503);
            var seqs = app.Events.All.Concat(again.Events.All).Where(e => e.ResId == res).Select(static e => e.Seq).Order().ToArray();
            seqs.ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n), $"{kind}: nothing lost, nothing doubled");
            (await node.QueryAsync($"select count(*) from cdr where res_id='{res}'")).ShouldBe(["1"]);
            (await again.RefusedAsync("sys.call.get", new { res_id = res })).ShouldBe(404);
        }
        await Patience.UntilAsync(() => File.Exists(path), "the recording is there");
        Sound.ShouldBeHeard(said, Sound.Read(path).Samples);
        (await node.QueryAsync("select count(*) from journal")).ShouldBe(["0"], "what is released needs no recovery");
        // The same port, the same journal: the node goes on.
        var next = phone.Call(node, "after");
        var fresh = await again.IncomingAsync("after");
        await again.AskAsync("sys.call.reject", new { res_id = fresh, cause = 486 });
        await next.RefusedAsync(486);
    }

    [Fact]
    public async Task After_kill_9_calls_that_were_not_answered_are_completed_and_released()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var made = await app.AskAsync("sys.call.construct", new { to_uri = $"sip:rings@{phone.Address}", max_answer_seconds = 60 });
        var outbound = (string)made!["res_id"]!;
        var rings = await phone.InvitedAsync();
        rings.Ring();
        await app.ExpectAsync("sys.call.on_ringing", outbound);
        phone.Call(node, "offered");
        var inbound = await app.IncomingAsync("offered");
        var last = app.Events.All[^1].Cursor;

        await node.KillAsync();
        await node.LaunchAsync();

        await using var again = await RpcClient.ConnectAsync(node);
        await again.AskAsync("sys.event.subscribe", new { from = last });
        (await again.ExpectAsync("sys.call.on_dial_completed", outbound)).Error.ShouldBe(503);
        foreach (var res in new[] { outbound, inbound })
        {
            ((int)(await again.ExpectAsync("sys.call.on_released", res)).Params["cause"]!).ShouldBe(503);
            await again.ExpectAsync("sys.on_chan_closed", res);
            var seqs = app.Events.All.Concat(again.Events.All).Where(e => e.ResId == res).Select(static e => e.Seq).Order().ToArray();
            seqs.ShouldBe(Enumerable.Range(1, seqs.Length).Select(static n => (long)n));
        }
        again.Story(outbound).Where(static m => m != "sys.on_chan_closed").ShouldBe(["on_dial_completed", "on_released"]);
        phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" }).ShouldBe(1, "it never rings twice");
    }

    [Fact]
    public async Task A_request_repeated_after_a_crash_does_not_dial_again()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        var id = Guid.NewGuid().ToString();
        var request = new { to_uri = $"sip:once@{phone.Address}", max_answer_seconds = 60 };
        string first;
        await using (var app = await RpcClient.ConnectAsync(node))
        {
            first = (await app.AskAsync("sys.call.construct", request, id))!.ToJsonString();
            var call = await phone.InvitedAsync();
            await call.PickUpAsync();
        }
        await node.KillAsync();
        await node.LaunchAsync();
        await using var again = await RpcClient.ConnectAsync(node);
        (await again.AskAsync("sys.call.construct", request, id))!.ToJsonString().ShouldBe(first);
        await phone.Arrived.TakeAsync(static m => m is { IsRequest: true, Method: "BYE" }, "BYE of the call from before", TimeSpan.FromSeconds(20));
        phone.Arrived.All.Count(static m => m is { IsRequest: true, Method: "INVITE" }).ShouldBe(1);
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
