using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>Session timers (RFC 4028) with SIPp, which knows nothing of this stack.</summary>
[Collection(SharedNode.Name)]
public sealed class SessionTimerTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task SIPp_grants_half_a_minute_and_is_refreshed_by_UPDATE_and_where_it_takes_none_by_re_INVITE()
    {
        await using var sipp = await Sipp.StartAsync("session-timer-answer.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        // It hangs up once it has been refreshed.
        ((string)(await App.ExpectAsync("sys.call.on_released", res, TimeSpan.FromSeconds(30))).Params["dropped_by"]!).ShouldBe("usr");
        await sipp.ShouldSucceedAsync();
    }

    [Fact]
    public async Task SIPp_obeys_the_422_and_refreshes_by_UPDATE()
    {
        var user = NewUser();
        await using var sipp = await Sipp.StartAsync("session-timer-caller.xml", Node, user);
        var res = await App.IncomingAsync(user);
        await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
        (await App.ExpectAsync("sys.call.on_answer_completed", res)).Error.ShouldBeNull();
        ((string)(await App.ExpectAsync("sys.call.on_released", res)).Params["dropped_by"]!).ShouldBe("usr");
        await sipp.ShouldSucceedAsync();
    }
}
