using Cti.Acceptance.Infrastructure;

namespace Cti.Acceptance;

/// <summary>The application calls a telephone.</summary>
[Collection(SharedNode.Name)]
public sealed class OutboundTests(SharedNode shared) : CallTest(shared)
{
    [Fact]
    public async Task It_rings_is_answered_plays_and_is_hung_up_by_the_far_end()
    {
        var data = Sound.Noise(41, 4000);
        var file = Sound.Write(Node.MediaRoot, "outbound.wav", Sound.ALaw, data);
        var made = await App.AskAsync("sys.call.construct",
            new { from_uri = "sip:2000@example.org", to_uri = $"sip:1000@{Phone.Address}", max_answer_seconds = 60, user_data = "mine" });
        var res = (string)made!["res_id"]!;
        ((string)made["to_uri"]!).ShouldContain($"1000@{Phone.Address}");
        ((string)made["user_data"]!).ShouldBe("mine");
        var call = await Phone.InvitedAsync();
        call.Invited!.Header("From").ShouldContain("sip:2000@example.org");
        call.Invited.Uri.ShouldBe($"sip:1000@{Phone.Address}");
        call.Invited.Body.ShouldContain("telephone-event/8000");

        call.Ring();
        var ringing = await App.ExpectAsync("sys.call.on_ringing", res);
        ringing.Params.Select(static p => p.Key).Order(StringComparer.Ordinal).ShouldBe(["res_id", "ring_time", "user_data"]);
        ((string)(await App.AskAsync("sys.call.get", new { res_id = res }))!["state"]!).ShouldBe("Ring");
        await call.PickUpAsync();
        var dialled = await App.ExpectAsync("sys.call.on_dial_completed", res);
        dialled.Params.Select(static p => p.Key).Order(StringComparer.Ordinal)
            .ShouldBe(["answer_time", "begin_time", "end_time", "error", "res_id", "user_data"]);
        dialled.Error.ShouldBeNull();
        dialled.Params["answer_time"].ShouldNotBeNull();

        await App.AskAsync("sys.call.play_start", new { res_id = res, content = file });
        (await App.ExpectAsync("sys.call.on_play_completed", res)).Error.ShouldBeNull();
        await Patience.UntilAsync(() => call.Rtp.Heard(8).AsSpan().IndexOf(data) >= 0, "the prompt's bytes are heard", TimeSpan.FromSeconds(3));
        await call.HangUpAsync();
        var released = await ReleasedAsync(res);
        ((string)released.Params["call_dir"]!).ShouldBe("outbound");
        ((string)released.Params["dropped_by"]!).ShouldBe("usr");
        ((string)released.Params["ipsc_info"]!["call_id"]!).ShouldBe(call.CallId);
        App.Story(res).Where(static m => m != "sys.on_chan_closed").ShouldBe(["on_ringing", "on_dial_completed", "on_play_completed", "on_released"]);
    }

    [Theory]
    [InlineData(486)]
    [InlineData(603)]
    [InlineData(404)]
    public async Task A_refusal_is_the_dialling_error_and_the_cause(int status)
    {
        var res = await DialAsync();
        var call = await Phone.InvitedAsync();
        call.Refuse(status);
        await call.ReceivedAsync("ACK");
        var dialled = await App.ExpectAsync("sys.call.on_dial_completed", res);
        dialled.Error.ShouldBe(status);
        dialled.Params["answer_time"].ShouldBeNull();
        var released = await ReleasedAsync(res);
        ((int)released.Params["cause"]!).ShouldBe(status);
        ((string)released.Params["dropped_by"]!).ShouldBe("usr");
        App.Story(res).Where(static m => m != "sys.on_chan_closed").ShouldBe(["on_dial_completed", "on_released"]);
    }

    [Fact]
    public async Task No_answer_in_the_time_to_ring_sends_a_CANCEL_and_fails_with_408()
    {
        var res = await DialAsync(maxRing: 1);
        var call = await Phone.InvitedAsync();
        call.Ring();
        await App.ExpectAsync("sys.call.on_ringing", res);
        var cancel = await call.ReceivedAsync("CANCEL");
        cancel.Branch.ShouldBe(call.Invited!.Branch);
        cancel.CSeq.ShouldBe(call.Invited.CSeq);
        await call.ReceivedAsync("ACK");
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBe(408);
        var released = await ReleasedAsync(res);
        ((int)released.Params["cause"]!).ShouldBe(408);
        ((string)released.Params["dropped_by"]!).ShouldBe("sys");
    }

    [Fact]
    public async Task A_host_that_does_not_exist_fails_the_dialling()
    {
        var made = await App.AskAsync("sys.call.construct", new { to_uri = "sip:1000@does-not-exist.invalid", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldNotBeNull();
        await ReleasedAsync(res);
        App.Story(res).Where(static m => m != "sys.on_chan_closed").ShouldBe(["on_dial_completed", "on_released"]);
    }

    [Fact]
    public async Task A_drop_while_it_is_dialled_or_rings_cancels_it()
    {
        foreach (var rings in new[] { false, true })
        {
            var res = await DialAsync();
            var call = await Phone.InvitedAsync();
            // A CANCEL waits for a provisional response (RFC 3261, section 9.1): 100 alone is no ringing.
            if (rings) call.Ring();
            else Phone.Send(TestPhone.Respond(call.Invited!, 100, "Trying", null), Node.Sip);
            if (rings) await App.ExpectAsync("sys.call.on_ringing", res);
            await App.AskAsync("sys.call.drop", new { res_id = res, cause = 487 });
            await call.ReceivedAsync("CANCEL");
            await App.ExpectAsync("sys.call.on_dial_completed", res);
            var released = await ReleasedAsync(res);
            ((int)released.Params["cause"]!).ShouldBe(487);
            ((string)released.Params["dropped_by"]!).ShouldBe("sys");
        }
    }

    [Fact]
    public async Task An_answer_that_crosses_the_CANCEL_is_acknowledged_and_hung_up()
    {
        var res = await DialAsync(maxRing: 1);
        var call = await Phone.InvitedAsync();
        call.Ring();
        Phone.CancelIsTooLate = true;
        await call.ReceivedAsync("CANCEL");
        await call.PickUpAsync();
        await call.ByeAsync();
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBe(408);
        await ReleasedAsync(res);
    }

    [Fact]
    public async Task The_caller_may_be_a_number_or_nobody()
    {
        var made = await App.AskAsync("sys.call.construct", new { from_uri = "4711", to_uri = $"1001@{Phone.Address}", max_answer_seconds = 60 });
        var call = await Phone.InvitedAsync();
        call.Invited!.Header("From").ShouldContain("sip:4711@");
        call.Invited.Header("Privacy").ShouldBe("");
        call.Refuse(486);
        await ReleasedAsync((string)made!["res_id"]!);

        made = await App.AskAsync("sys.call.construct", new { from_uri = "anonymous", to_uri = $"1002@{Phone.Address}", max_answer_seconds = 60 });
        call = await Phone.InvitedAsync();
        call.Invited!.Header("Privacy").ShouldBe("id");
        call.Invited.Header("From").ShouldContain("anonymous");
        call.Refuse(486);
        await ReleasedAsync((string)made!["res_id"]!);
    }

    [Fact]
    public async Task A_redirection_to_the_same_host_is_followed()
    {
        var res = await DialAsync();
        var call = await Phone.InvitedAsync();
        call.Refuse(302, $"Contact: <sip:elsewhere@{Phone.Address}>\r\n");
        await call.ReceivedAsync("ACK");
        var next = await Phone.InvitedAsync();
        next.Invited!.Uri.ShouldBe($"sip:elsewhere@{Phone.Address}");
        await next.PickUpAsync();
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await DropAsync(next, res);
    }

    [Fact]
    public async Task Keys_and_recording_work_on_a_call_that_was_dialled()
    {
        var (call, res) = await OutboundAsync();
        await App.AskAsync("sys.call.receive_dtmf_start", new { res_id = res, max_keys = 4 });
        await call.Rtp.PressAsync("1234");
        ((string)(await App.ExpectAsync("sys.call.on_receive_dtmf_completed", res)).Params["keys"]!).ShouldBe("1234");
        await DropAsync(call, res);
    }

    [Theory]
    [InlineData("busy.xml", 486)]
    [InlineData("decline.xml", 603)]
    public async Task SIPp_refuses(string scenario, int status)
    {
        await using var sipp = await Sipp.StartAsync(scenario);
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 });
        (await App.ExpectAsync("sys.call.on_dial_completed", (string)made!["res_id"]!)).Error.ShouldBe(status);
        await sipp.ShouldSucceedAsync();
    }

    [Fact]
    public async Task SIPp_rings_answers_and_is_hung_up()
    {
        await using var sipp = await Sipp.StartAsync("answer.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60 });
        var res = (string)made!["res_id"]!;
        (await App.ExpectAsync("sys.call.on_dial_completed", res)).Error.ShouldBeNull();
        await App.AskAsync("sys.call.drop", new { res_id = res });
        await ReleasedAsync(res);
        await sipp.ShouldSucceedAsync();
        App.Story(res)[0].ShouldBe("on_ringing");
    }

    [Fact]
    public async Task SIPp_sees_the_CANCEL_of_a_call_that_nobody_answers()
    {
        await using var sipp = await Sipp.StartAsync("no-answer.xml");
        var made = await App.AskAsync("sys.call.construct", new { to_uri = $"sip:far@127.0.0.1:{sipp.Port}", max_answer_seconds = 60, max_ring_seconds = 1 });
        (await App.ExpectAsync("sys.call.on_dial_completed", (string)made!["res_id"]!)).Error.ShouldBe(408);
        await sipp.ShouldSucceedAsync();
    }

    [Fact]
    public async Task SIPp_calls_in_over_TCP_and_UDP_and_hangs_up()
    {
        foreach (var transport in new[] { "t1", "u1" })
        {
            var user = NewUser();
            await using var sipp = await Sipp.StartAsync("caller.xml", Node, user, 1, "-t", transport);
            var res = await App.IncomingAsync(user);
            await App.AskAsync("sys.call.answer", new { res_id = res, max_answer_seconds = 60 });
            var released = await ReleasedAsync(res);
            ((string)released.Params["dropped_by"]!).ShouldBe("usr");
            await sipp.ShouldSucceedAsync();
        }
    }

    private async Task<string> DialAsync(int maxRing = 50) =>
        (string)(await App.AskAsync("sys.call.construct",
            new { to_uri = $"sip:1000@{Phone.Address}", max_answer_seconds = 60, max_ring_seconds = maxRing }))!["res_id"]!;
}
