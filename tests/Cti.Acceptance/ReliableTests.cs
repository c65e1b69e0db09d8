using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Reliable provisional responses (RFC 3262) with SIPp, which knows nothing of this stack.</summary>
[Collection(SharedNode.Name)]
public sealed class ReliableTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task SIPp_says_early_and_reliably_what_it_will_hear_and_answers_without_saying_it_again()
    {
        await using var sipp = await Sipp.StartAsync("reliable-answer.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await ReleasedAsync(res);
        await sipp.ShouldSucceedAsync();
        App.Story(res)[0].ShouldBe("on_ringing");
    }

    [Fact]
    public async Task SIPp_moves_by_UPDATE_while_it_rings_and_may_not_change_the_session_before_it_answers()
    {
        await using var sipp = await Sipp.StartAsync("reliable-update.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await ReleasedAsync(res);
        await sipp.ShouldSucceedAsync();
    }

    [Theory]
    [InlineData("u1")]
    [InlineData("t1")]
    public async Task SIPp_calls_requires_them_and_acknowledges(string transport)
    {
        var user = NewUser();
        await using var sipp = await Sipp.StartAsync("reliable-caller.xml", Node, user, 1, "-t", transport);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        (await App.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await ReleasedAsync(res);
        await sipp.ShouldSucceedAsync();
    }

    [Fact]
    public async Task SIPp_that_never_acknowledges_is_refused_and_nothing_stays_behind()
    {
        await using var node = await NodeProcess.StartAsync(["cti.sip.accept-any=true", "cti.sip.timers.t1=100ms", "cti.sip.timers.t4=1s"]);
        await using var app = await RpcClient.ConnectAsync(node);
        await using var sipp = await Sipp.StartAsync("reliable-deaf.xml", node, "deaf");
        var res = await app.IncomingAsync("deaf");
        var released = await app.ExpectAsync("sys.call.on_released", res);
        ((int)released.Params["cause"]!).ShouldBe(504);
        await sipp.ShouldSucceedAsync();
    }
}
