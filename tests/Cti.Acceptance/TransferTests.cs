using Cti.Acceptance.Infrastructure;
using Cti.Testing;

namespace Cti.Acceptance;

/// <summary>Transfers, with far ends of others.</summary>
[Collection(SharedNode.Name)]
public sealed class TransferTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task A_softphone_is_transferred_to_another_one_and_says_so()
    {
        await using var alice = await Baresip.StartAsync(answers: true);
        await using var bob = await Baresip.StartAsync(answers: true);
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:tester@127.0.0.1:{alice.SipPort}", max_answer_seconds = 60 });
        var call = (string)made!["res_id"]!;
        await App.ExpectAsync("sys.call.on_dial_completed", call);
        await App.AskAsync("sys.call.refer", new { res_id = call, to_uri = $"sip:tester@127.0.0.1:{bob.SipPort}" });
        var completed = await App.ExpectAsync("sys.call.on_refer_completed", call);
        completed.Params["error"].ShouldBeNull(alice.LastWords);
        ((int?)completed.Params["status"]).ShouldBe(200);
        await Patience.UntilAsync(() => bob.Output.Contains("established", StringComparison.OrdinalIgnoreCase), "the two softphones talk");
        if ((bool)(await App.AskAsync("sys.call.exists", new { res_id = call }))!) await App.AskAsync("sys.call.drop", new { res_id = call });
        await App.ExpectAsync("sys.call.on_released", call);
    }

    [Fact]
    public async Task A_transfer_to_nobody_is_told_and_the_softphone_is_still_there()
    {
        await using var alice = await Baresip.StartAsync(answers: true);
        await using var busy = await Sipp.StartAsync("busy.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:tester@127.0.0.1:{alice.SipPort}", max_answer_seconds = 60 });
        var call = (string)made!["res_id"]!;
        await App.ExpectAsync("sys.call.on_dial_completed", call);
        await App.AskAsync("sys.call.refer", new { res_id = call, to_uri = $"sip:nobody@127.0.0.1:{busy.Port}" });
        var completed = await App.ExpectAsync("sys.call.on_refer_completed", call);
        ((int?)completed.Params["error"]?["code"]).ShouldBe(486, alice.LastWords);
        await App.AskAsync("sys.call.drop", new { res_id = call });
        await App.ExpectAsync("sys.call.on_released", call);
    }

    [Fact]
    public async Task A_softphone_asks_to_be_transferred_and_hears_how_it_went()
    {
        await using var alice = await Baresip.StartAsync();
        var call = await AskedByAsync(alice);
        await App.AskAsync("sys.call.refer_accept", new { res_id = call });
        await App.AskAsync("sys.call.refer_notify", new { res_id = call, status = 180 });
        await App.AskAsync("sys.call.refer_notify", new { res_id = call, status = 200 });
        // It hangs up once it has heard that it went well.
        ((string?)(await App.ExpectAsync("sys.call.on_released", call)).Params["dropped_by"]).ShouldBe("usr", alice.LastWords);
    }

    [Fact]
    public async Task A_softphone_that_is_refused_a_transfer_hears_so()
    {
        await using var alice = await Baresip.StartAsync();
        var call = await AskedByAsync(alice);
        await App.AskAsync("sys.call.refer_reject", new { res_id = call });
        await Patience.UntilAsync(() => alice.Output.Contains("603", StringComparison.Ordinal), "it is refused");
        // This one hangs up then.
        await App.ExpectAsync("sys.call.on_released", call);
    }

    /// <summary>It calls, is answered, and wants to be connected with somebody else.</summary>
    private async Task<string> AskedByAsync(Baresip phone)
    {
        phone.Dial($"sip:100@127.0.0.1:{Node.SipPort}");
        var call = (await App.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await App.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await App.ExpectAsync("sys.call.on_answer_completed", call);
        phone.Transfer("sip:carol@example.com");
        var asked = await App.ExpectAsync("sys.call.on_refer", call);
        ((string?)asked.Params["to_uri"]).ShouldBe("sip:carol@example.com");
        return call;
    }

    [Fact]
    public async Task A_telephone_takes_over_the_call_of_another_one()
    {
        var user = NewUser();
        var first = Phone.Call(Node, user);
        var call = (await App.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await App.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await first.AnsweredAsync();
        await App.ExpectAsync("sys.call.on_answer_completed", call);
        await using var other = new TestPhone();
        var second = other.Call(Node, user, extra: $"Replaces: {first.CallId};to-tag={first.RemoteTag};from-tag={first.LocalTag}\r\nRequire: replaces\r\n");
        var asked = await App.ExpectAsync("sys.call.on_replace", null);
        ((string?)asked.Params["replaces_call_res_id"]).ShouldBe(call);
        await App.AskAsync("sys.call.answer", new { res_id = asked.ResId, max_answer_seconds = 60 });
        await second.AnsweredAsync();
        await first.ByeAsync();
        await App.ExpectAsync("sys.call.on_released", call);
        await second.HangUpAsync();
        await App.ExpectAsync("sys.call.on_released", asked.ResId);
    }

    [Fact]
    public async Task A_far_end_that_reports_nonsense_and_hangs_up_is_answered_as_it_has_to_be()
    {
        await using var sipp = await Sipp.StartAsync("refer-nonsense.xml");
        var call = (string)(await App.AskAsync("sys.call.construct", new { to_uri = $"sip:sipp@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 }))!["res_id"]!;
        await App.ExpectAsync("sys.call.on_dial_completed", call);
        await App.AskAsync("sys.call.refer", new { res_id = call, to_uri = "sip:carol@example.com" });
        var completed = await App.ExpectAsync("sys.call.on_refer_completed", call);
        (completed.Params["error"], completed.Params["status"]).ShouldBe((null, null));
        await App.ExpectAsync("sys.call.on_released", call);
        await sipp.ShouldSucceedAsync();
    }
}
