using System.Text.Json.Nodes;
using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>A telephone calls in, the application answers and does what applications do.</summary>
[Collection(SharedNode.Name)]
public sealed class InboundTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task An_incoming_call_is_announced_answered_and_dropped_with_every_parameter_of_the_contract()
    {
        var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1;
        var user = NewUser();
        var call = Phone.Call(Node, user, from: "alice");
        var incoming = await App.Events.TakeAsync(e => e.Method == "sys.call.on_incoming"
            && ((string)e.Params["to_uri"]!).Contains(user + "@", StringComparison.Ordinal), "on_incoming");
        var res = incoming.ResId;
        Names(incoming).ShouldBe(["begin_time", "from_uri", "ipsc_info", "res_id", "to_uri", "user_data"]);
        ((string)incoming.Params["from_uri"]!).ShouldContain("alice@");
        incoming.Params["user_data"].ShouldBeNull();
        ((long)incoming.Params["ipsc_info"]!["process_id"]!).ShouldBe(long.Parse(res.Split('-')[^1], System.Globalization.CultureInfo.InvariantCulture));
        incoming.Seq.ShouldBe(1);

        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60, user_data = "mine" });
        await call.AnsweredAsync();
        var answered = await App.ExpectAsync("sys.call.on_answer_completed", res);
        Names(answered).ShouldBe(["begin_time", "end_time", "error", "res_id", "user_data"]);
        answered.Params["error"].ShouldBeNull();
        ((string)answered.Params["user_data"]!).ShouldBe("mine");
        ((string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe("Idle");

        await App.AskAsync("sys.call.drop", new { res_id = res, cause = 603 });
        (await call.ByeAsync()).Header("Reason").ShouldContain("cause=603");
        var released = await ReleasedAsync(res);
        Names(released)
            .ShouldBe(["answer_time", "begin_time", "call_dir", "cause", "dropped_by", "end_time", "from_uri", "ipsc_info", "res_id", "to_uri", "user_data"]);
        ((string)released.Params["call_dir"]!).ShouldBe("inbound");
        ((string)released.Params["dropped_by"]!).ShouldBe("sys");
        ((int)released.Params["cause"]!).ShouldBe(603);
        ((string)released.Params["ipsc_info"]!["call_id"]!).ShouldBe(call.CallId);
        ((string)released.Params["user_data"]!).ShouldBe("mine");
        foreach (var name in new[] { "begin_time", "answer_time", "end_time" })
            ((double)released.Params[name]!).ShouldBeInRange(before, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        App.Story(res)[..2].ShouldBe(["on_incoming", "on_answer_completed"]);
        (await App.RefusedAsync("sys.call.get", new { res_id = res })).ShouldBe(404);
    }

    [Fact]
    public async Task A_closed_channel_has_one_record_with_the_fields_of_the_contract()
    {
        var (call, res) = await InboundAsync();
        await call.HangUpAsync();
        var closed = await App.ExpectAsync("sys.on_chan_closed", res);
        var data = closed.Params["data"]!.AsArray();
        Guid.TryParse((string)data[0]!, out _).ShouldBeTrue("the first field is the record's id");
        data.Count.ShouldBe(29);
        Text(data[4]).ShouldBe(call.CallId);
        Text(data[11]).ShouldBe("0");
        Text(data[12]).ShouldBe("2");
        Text(data[13]).ShouldBe("sys.call");
        Text(data[14]).ShouldBe("1");
        Text(data[15]).ShouldBe("2");
        Text(data[24]).ShouldBe(res);
        await ExpectReleaseAsync(res, "usr", 200);
        (await Node.QueryAsync($"select count(*) from cdr where res_id='{res}'")).ShouldBe(["1"]);
    }

    [Fact]
    public async Task The_far_ends_reason_is_the_cause_of_the_release()
    {
        var (call, res) = await InboundAsync();
        await call.HangUpAsync("Reason: SIP;cause=486;text=\"Busy\"\r\n");
        await ExpectReleaseAsync(res, "usr", 486);
    }

    [Fact]
    public async Task A_rejected_call_gets_the_status_of_the_application()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.reject", new { res_id = res, cause = 486, user_data = "no" });
        await call.RefusedAsync(486);
        var released = await ExpectReleaseAsync(res, "sys", 486);
        released.Params["answer_time"].ShouldBeNull();
        ((string)released.Params["user_data"]!).ShouldBe("no");
    }

    [Fact]
    public async Task A_redirected_call_gets_302_with_the_contact()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.redirect", new { res_id = res, redirect_uri = "sip:127.0.0.1:5999" });
        var moved = await call.RefusedAsync(302);
        SipText.Address(moved.Header("Contact")).ShouldBe($"sip:{user}@127.0.0.1:5999");
        await ExpectReleaseAsync(res, "sys", 302);
    }

    [Fact]
    public async Task A_caller_who_cancels_gets_487_and_the_call_is_released()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        call.Cancel();
        (await call.ResponseAsync("CANCEL", static s => s >= 200, "a response")).Status.ShouldBe(200);
        await call.RefusedAsync(487);
        await ExpectReleaseAsync(res, "usr", 487);
        App.Story(res)[0].ShouldBe("on_incoming");
    }

    [Fact]
    public async Task A_call_that_no_application_takes_is_refused_with_480_after_the_offer_timeout()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        await call.RefusedAsync(480);
        await ReleasedAsync(res);
    }

    [Fact]
    public async Task Drop_and_actions_are_refused_before_the_answer_and_answer_after_it()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        (await App.RefusedAsync("sys.call.drop", new { res_id = res })).ShouldBe(409);
        (await App.RefusedAsync("sys.call.play_start", new { res_id = res, content = "x.wav" })).ShouldBe(409);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync();
        await App.ExpectAsync("sys.call.on_answer_completed", res);
        (await App.RefusedAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 })).ShouldBe(409);
        (await App.RefusedAsync("sys.call.play_stop", new { res_id = res })).ShouldBe(409);
        await DropAsync(call, res);
    }

    [Fact]
    public async Task A_lost_ack_makes_the_answer_come_again_until_it_is_there()
    {
        // A trunk's: who is none gets no more than three times its bytes, and so may get no repeat.
        await using var node = await NodeProcess.StartAsync(["cti.trunks=[{name = phones, address = \"127.0.0.1:5060\", options-interval = 0}]"],
            acceptAny: false);
        await using var app = await RpcClient.ConnectAsync(node);
        var call = Phone.Call(node, "lost");
        var res = await app.IncomingAsync("lost");
        await app.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        await call.AnsweredAsync(acknowledge: false);
        await call.ResponseAsync("INVITE", static s => s == 200, "the first repeat");
        var again = await call.ResponseAsync("INVITE", static s => s == 200, "the second repeat");
        call.Ack(again);
        (await app.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        await app.AskAsync("sys.call.drop", new { res_id = res });
        await call.ByeAsync();
        await app.ExpectAsync("sys.call.on_released", res);
    }

    [Fact]
    public async Task A_request_in_a_dialog_that_is_not_there_gets_481()
    {
        var (call, res) = await InboundAsync();
        var right = call.RemoteTag;
        call.RemoteTag = "0123456789abcdef";
        foreach (var method in new[] { "BYE", "INFO", "UPDATE" }) (await call.AskAsync(method)).Status.ShouldBe(481, method);
        call.RemoteTag = right;
        // The call itself has not noticed.
        ((string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe("Idle");
        await DropAsync(call, res);
    }

    [Fact]
    public async Task The_limit_on_the_calls_time_drops_it_with_408()
    {
        var user = NewUser();
        var call = Phone.Call(Node, user);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 1 });
        await call.AnsweredAsync();
        await call.ByeAsync();
        await ExpectReleaseAsync(res, "sys", 408);
    }

    private static string[] Names(RpcEvent happened) => [.. happened.Params.Select(p => p.Key).Order(StringComparer.Ordinal)];

    private static string Text(JsonNode? node) => node?.ToString() ?? "";

    private async Task<RpcEvent> ExpectReleaseAsync(string res, string by, int cause)
    {
        var released = await App.ExpectAsync("sys.call.on_released", res);
        ((string)released.Params["dropped_by"]!).ShouldBe(by);
        ((int)released.Params["cause"]!).ShouldBe(cause);
        return released;
    }
}
