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
        var call = (string)(await App.AskAsync("sys.call.construct", new { to_uri = $"sip:tester@127.0.0.1:{alice.SipPort}", max_answer_seconds = 60 }))!["res_id"]!;
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
        var call = (string)(await App.AskAsync("sys.call.construct", new { to_uri = $"sip:tester@127.0.0.1:{alice.SipPort}", max_answer_seconds = 60 }))!["res_id"]!;
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
        alice.Dial($"sip:100@127.0.0.1:{Node.SipPort}");
        var call = (await App.ExpectAsync("sys.call.on_incoming", null)).ResId;
        await App.AskAsync("sys.call.answer", new { res_id = call, max_answer_seconds = 60 });
        await App.ExpectAsync("sys.call.on_answer_completed", call);
        alice.Transfer("sip:carol@example.com");
        var asked = await App.ExpectAsync("sys.call.on_refer", call);
        ((string?)asked.Params["to_uri"]).ShouldBe("sip:carol@example.com");
        await App.AskAsync("sys.call.refer_reject", new { res_id = call });
        await Patience.UntilAsync(() => alice.Output.Contains("603", StringComparison.Ordinal), "it is refused");
        alice.Transfer("sip:dave@example.com");
        asked = await App.ExpectAsync("sys.call.on_refer", call);
        ((string?)asked.Params["to_uri"]).ShouldBe("sip:dave@example.com");
        await App.AskAsync("sys.call.refer_accept", new { res_id = call });
        await App.AskAsync("sys.call.refer_notify", new { res_id = call, status = 180 });
        await App.AskAsync("sys.call.refer_notify", new { res_id = call, status = 200 });
        // It hangs up once it has heard that it went well.
        ((string?)(await App.ExpectAsync("sys.call.on_released", call)).Params["dropped_by"]).ShouldBe("usr", alice.LastWords);
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
