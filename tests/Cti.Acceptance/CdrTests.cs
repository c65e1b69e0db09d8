using System.Text.Json.Nodes;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Call detail records: the event, the row and the line of a channel.</summary>
[Collection(SharedNode.Name)]
public sealed class CdrTests(SharedNode shared) : CallTest(shared)
{
    private const string Columns =
        "id, nodeid, cdrid, processid, callid, ch, devno, ani, dnis, dnis2, orgcallno, dir, devtype, busitype, callstatus, endtype, ipscreason, callfailcause, "
        + "callbegintime, connectbegintime, callendtime, talkduration, projectid, flowid, additionalinfo1, additionalinfo2, additionalinfo3, additionalinfo4, "
        + "additionalinfo5";

    [Fact]
    public async Task Event_row_and_line_of_a_call_agree_and_the_quality_is_what_was_heard()
    {
        var user = NewUser();
        var phone = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120, user_data = "a,\"b\"" });
        await phone.AnsweredAsync();
        await App.ExpectAsync("sys.call.on_answer_completed", res);
        await phone.Rtp.SayAsync(Sound.ToALaw(new short[16_000]));
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await phone.ByeAsync();
        var released = await App.ExpectAsync("sys.call.on_released", res);
        var closed = await App.ExpectAsync("sys.on_chan_closed", res);

        var data = ((JsonArray)closed.Params["data"]!).Select(static field => field!.ToString()).ToArray();
        data.Length.ShouldBe(29);
        (data[4], data[11], data[13], data[14], data[15], data[24], data[25]).ShouldBe((phone.CallId, "0", "sys.call", "1", "1", res, "a,\"b\""));
        (await Node.QueryAsync($"select {Columns} from call_record where res_id='{res}'")).ShouldBe([string.Join('\t', data)]);
        var line = string.Join(',', data[..25]) + ",\"a,\"\"b\"\"\",,,";
        await Patience.UntilAsync(() => Lines(Node).Contains(line), "the line is in the file:\n" + line);
        Lines(Node).Count(written => written.StartsWith(data[0], StringComparison.Ordinal)).ShouldBe(1);

        var media = (JsonObject)released.Meta["media"]!;
        var received = (JsonObject)media["received"]!;
        ((string)received["codec"]!).ShouldBe("PCMA");
        ((long)received["packets"]!).ShouldBeGreaterThanOrEqualTo(95);
        ((long)received["lost"]!).ShouldBe(0);
        ((double)received["jitter_ms"]!).ShouldBeInRange(0, 100);
        ((double)received["mos"]!).ShouldBeInRange(4, 4.5);
        // A second of silence in full, less where the machine is late, then keepalives.
        ((long)media["sent"]!["packets"]!).ShouldBeInRange(25, 60);
        (await Node.QueryAsync($"select received_packets, received_lost, received_mos, sent_packets from call_record where res_id='{res}'"))
            .ShouldBe([string.Join('\t', received["packets"], received["lost"], received["mos"], media["sent"]!["packets"])]);
    }

    [Fact]
    public async Task A_failed_dialling_a_rejection_and_a_redirection_leave_a_record_each()
    {
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:{NewUser()}@{Phone.Address}", max_answer_seconds = 60 });
        var dialled = (string)made!["res_id"]!;
        (await Phone.InvitedAsync()).Refuse(486);
        var (rejected, redirected) = (await OfferedAsync(), await OfferedAsync());
        await App.AskAsync("sys.call.reject", new { res_id = rejected, cause = 603 });
        await App.AskAsync("sys.call.redirect", new { res_id = redirected, redirect_uri = "sip:else@127.0.0.1" });
        foreach (var (res, cause, by) in new[] { (dialled, "486", "2"), (rejected, "603", "1"), (redirected, "302", "1") })
        {
            var closed = await App.ExpectAsync("sys.on_chan_closed", res);
            var data = ((JsonArray)closed.Params["data"]!).Select(static field => field!.ToString()).ToArray();
            (data[14], data[15], data[17], data[19], data[21]).ShouldBe(("0", by, cause, "", "0"));
            (await Node.QueryAsync($"select {Columns} from call_record where res_id='{res}'")).ShouldBe([string.Join('\t', data)]);
            await Patience.UntilAsync(() => Lines(Node).Contains(string.Join(',', data)), "the line is in the file");
        }
        App.Events.All.Single(happened => happened.Method == "sys.call.on_released" && happened.ResId == dialled).Meta["media"].ShouldBeNull();
    }

    [Fact]
    public async Task After_kill_9_every_channel_has_one_row_and_its_line()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var phone = new TestPhone();
        await using var app = await RpcClient.ConnectAsync(node);
        var over = await AnsweredAsync(app, phone, node, "over");
        await app.AskAsync("sys.call.drop", new { res_id = over });
        await app.ExpectAsync("sys.on_chan_closed", over);
        string[] up = [await AnsweredAsync(app, phone, node, "up1"), await AnsweredAsync(app, phone, node, "up2")];

        await node.KillAsync();
        await node.LaunchAsync();
        await using var again = await RpcClient.ConnectAsync(node);
        foreach (var res in up) await again.AskAsync("sys.call.drop", new { res_id = res });

        foreach (var res in (string[])[over, .. up])
        {
            await Patience.UntilAsync(() => Lines(node).Any(line => line.Contains("," + res + ",", StringComparison.Ordinal)), "the line of " + res);
            var rows = await node.QueryAsync($"select id from call_record where res_id='{res}'");
            Lines(node).Count(line => line.StartsWith(rows.ShouldHaveSingleItem(), StringComparison.Ordinal)).ShouldBe(1);
        }
        Lines(node).Count().ShouldBe(3);
        (await node.StopAsync()).ShouldBe(0);
    }

    private async Task<string> OfferedAsync()
    {
        var user = NewUser();
        Phone.Call(Node, user);
        return await App.IncomingAsync(user);
    }

    private static async Task<string> AnsweredAsync(RpcClient app, TestPhone phone, NodeProcess node, string user)
    {
        var call = phone.Call(node, user);
        var res = await app.IncomingAsync(user);
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 120 });
        await call.AnsweredAsync();
        await app.ExpectAsync("sys.call.on_answer_completed", res);
        return res;
    }

    private static IEnumerable<string> Lines(NodeProcess node)
    {
        var folder = Path.Combine(node.Folder, "data", "cdr");
        return Directory.Exists(folder)
            ? Directory.GetFiles(folder, "cdr-*.csv").SelectMany(static file => File.ReadAllText(file).Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
            : [];
    }
}
