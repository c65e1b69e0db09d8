using System.Collections.Immutable;
using System.Text;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Dialog;

public sealed class ReInviteUsageTests
{
    private static readonly SipTimers Timers = new();
    private readonly List<string> _trace = [];
    private ReInviteState _state = new()
    {
        Dialog = new DialogState("c1", "t1", "b1", "<sip:100@192.0.2.1>", "<sip:bob@198.51.100.7>", "<sip:us@192.0.2.1:5060>", "sip:bob@198.51.100.7",
            ["<sip:p;lr>"], 5, 10, "", false, true, true),
        Local = Sdps.Us,
        LocalSdp = SdpNegotiator.CreateOffer(Sdps.Us),
        Credentials = new DigestCredentials("u", "p"),
    };

    private static SipRequest Request(string method, uint number, string? sdp = null, string more = "")
    {
        var text = $"{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n" +
            $"From: <sip:bob@198.51.100.7>;tag=b1\r\nTo: <sip:100@192.0.2.1>;tag=t1\r\nCall-ID: c1\r\nCSeq: {number} {method}\r\n{more}";
        if (method != "ACK") text += "Contact: <sip:bob@198.51.100.7>\r\n";
        return Wire.Request(sdp is null ? text + "\r\n" : text + "Content-Type: application/sdp\r\n\r\n" + sdp);
    }

    private ImmutableArray<UsageAction> Step(ReInviteInput input, long now = 0)
    {
        var step = ReInviteUsage.Step(_state, input, now, Timers);
        _state = step.State;
        foreach (var action in step.Actions) _trace.Add($"{now} {InviteServerUsageTests.Describe(action)}");
        return step.Actions;
    }

    private SipResponse Receive(SipRequest request, long now = 0) => Step(new ReInviteInput.Received(request, 3), now).OfType<SendResponse>().Single().Response;

    private SipRequest Send(LocalAudio local, long now = 0) => ((SendRequest)Step(new ReInviteInput.Offer(local), now).Single()).Request;

    private ImmutableArray<UsageAction> Respond(SipRequest request, int status, string? sdp = null, long now = 0, int random = 0, params string[] headers)
    {
        var response = Wire.Answer(request, status, null, sdp, headers);
        var answer = _state.Digest.TryChallenge(DigestChallenges.Read(response), out var session) ? session : null;
        return Step(new ReInviteInput.Responded(response, "0123456789abcdef", random) { Answer = answer }, now);
    }

    private void TickUntil(long end)
    {
        while (_state.Deadline <= end) Step(new ReInviteInput.Tick(), _state.Deadline);
    }

    [Fact]
    public void Hold_and_resume()
    {
        var held = Receive(Request("INVITE", 11, Sdps.Theirs("a=sendonly\r\n")));
        Encoding.ASCII.GetString(held.Body.Span).ShouldEndWith("a=recvonly\r\n");
        held.Get(HeaderId.Contact).ShouldBe("<sip:us@192.0.2.1:5060>");
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)));
        Receive(Request("INVITE", 12, Sdps.Theirs()), 100);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 12)), 110);
        TickUntil(100_000);
        _trace.ShouldBe(["0 media PCMA 198.51.100.7:4000 receive", "0 200+sdp", "100 media PCMA 198.51.100.7:4000 send receive", "100 200+sdp"]);
        _state.LocalSdp.Origin.Version.ShouldBe("3");
        _state.Dialog.RemoteCSeq.ShouldBe(12u);
    }

    [Fact]
    public void A_new_address_and_a_new_target()
    {
        var moved = Request("INVITE", 11, Sdps.Theirs("c=IN IP4 198.51.100.99\r\n", port: 5000));
        moved.Set(HeaderId.Contact, "<sip:bob@198.51.100.99>");
        Receive(moved);
        _trace.ShouldBe(["0 media PCMA 198.51.100.99:5000 send receive", "0 200+sdp"]);
        _state.Dialog.RemoteTarget.ShouldBe("sip:bob@198.51.100.99");
    }

    [Fact]
    public void Without_SDP_we_offer_in_the_200_and_the_ACK_answers()
    {
        Receive(Request("INVITE", 11));
        Receive(Request("INVITE", 12, Sdps.Theirs())).Status.ShouldBe(491);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11, Sdps.Theirs(codecs: "0"))), 50);
        _trace.ShouldBe(["0 200+sdp", "0 491", "50 media PCMU 198.51.100.7:4000 send receive"]);
        Receive(Request("INVITE", 13), 60);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 13)), 70);
        _trace.Skip(3).ShouldBe(["60 200+sdp", "70 BYE 6 sip:bob@198.51.100.7", "70 over 488"]);
    }

    [Fact]
    public void A_200_without_ACK_is_repeated_and_ends_the_call_after_32_s()
    {
        Receive(Request("INVITE", 11, Sdps.Theirs()));
        _trace.Clear();
        TickUntil(100_000);
        _trace.Take(3).ShouldBe(["500 200+sdp again", "1500 200+sdp again", "3500 200+sdp again"]);
        _trace.TakeLast(3).ShouldBe(["31500 200+sdp again", "32000 BYE 6 sip:bob@198.51.100.7", "32000 over 408"]);
    }

    [Fact]
    public void What_cannot_be_agreed_leaves_the_session_as_it_was()
    {
        var before = _state.LocalSdp;
        Receive(Request("INVITE", 11, Sdps.Theirs(codecs: "18"))).Status.ShouldBe(488);
        Receive(Request("INVITE", 12, "nothing\r\n")).Status.ShouldBe(400);
        Receive(Request("INVITE", 13, Sdps.Theirs(), "Require: precondition\r\n")).Status.ShouldBe(420);
        _state.LocalSdp.ShouldBeSameAs(before);
        _trace.ShouldBe(["0 488", "0 400", "0 420"]);
    }

    [Fact]
    public void Out_of_order_repeated_and_foreign_requests_are_refused()
    {
        var late = Receive(Request("INVITE", 9, Sdps.Theirs()));
        (late.Status, late.Get(HeaderId.RetryAfter)).ShouldBe((500, "3"));
        Receive(Request("INVITE", 11, Sdps.Theirs()));
        Receive(Request("INVITE", 11, Sdps.Theirs())).Status.ShouldBe(500);
        var foreign = Request("INVITE", 12, Sdps.Theirs());
        foreign.Set(HeaderId.To, "<sip:100@192.0.2.1>;tag=other");
        Receive(foreign).Status.ShouldBe(481);
    }

    [Fact]
    public void A_lost_ACK_does_not_block_the_next_change()
    {
        Receive(Request("INVITE", 11, Sdps.Theirs("a=sendonly\r\n")));
        Receive(Request("INVITE", 12, Sdps.Theirs()), 400);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)), 410);
        TickUntil(950);
        _trace.TakeLast(2).ShouldBe(["400 200+sdp", "900 200+sdp again"]);
    }

    [Fact]
    public void Our_hold_is_offered_acknowledged_and_acknowledged_again()
    {
        var request = Send(Sdps.Us with { Direction = SdpDirection.SendOnly });
        request.Get(HeaderId.Route).ShouldBe("<sip:p;lr>");
        Encoding.ASCII.GetString(request.Body.Span).ShouldContain("o=- 42 2 IN IP4 192.0.2.1");
        Respond(request, 100);
        Respond(request, 200, Sdps.Theirs("a=recvonly\r\n"), 20);
        Respond(request, 200, Sdps.Theirs("a=recvonly\r\n"), 520);
        _trace.ShouldBe([
            "0 INVITE 6 sip:bob@198.51.100.7", "20 ACK 6 sip:bob@198.51.100.7:5070", "20 media PCMA 198.51.100.7:4000 send", "20 completed",
            "520 ACK 6 sip:bob@198.51.100.7:5070 again"]);
        (_state.Dialog.LocalCSeq, _state.Dialog.RemoteTarget, _state.LocalSdp.Origin.Version).ShouldBe((6u, "sip:bob@198.51.100.7:5070", "2"));
    }

    [Theory]
    [InlineData(true, 0, 2_100)]
    [InlineData(true, 190, 4_000)]
    [InlineData(true, 191, 2_100)]
    [InlineData(false, 0, 0)]
    [InlineData(false, 200, 2_000)]
    public void Glare_waits_by_who_made_the_call(bool isUac, int random, long waitMillis)
    {
        _state = _state with { Dialog = _state.Dialog with { IsUac = isUac } };
        var request = Send(Sdps.Us);
        Receive(Request("INVITE", 11, Sdps.Theirs()), 10).Status.ShouldBe(491);
        Respond(request, 491, null, 100, random);
        // The other one came first after all.
        Receive(Request("INVITE", 12, Sdps.Theirs("a=sendonly\r\n")), 100).Status.ShouldBe(200);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 12)), 100);
        _state.Deadline.ShouldBe(100 + waitMillis);
        _trace.Clear();
        TickUntil(100 + waitMillis);
        _trace.ShouldBe([$"{100 + waitMillis} INVITE 7 sip:bob@198.51.100.7"]);
    }

    [Fact]
    public void Glare_is_outlasted_even_if_their_offer_went_to_a_node_that_is_gone()
    {
        var request = Send(Sdps.Us);
        var now = 0L;
        while (now < 33_000)
        {
            Respond(request, 491, null, now, 190);
            now = _state.Deadline;
            request = ((SendRequest)Step(new ReInviteInput.Tick(), now).Single()).Request;
        }
        _trace.Clear();
        Respond(request, 200, Sdps.Theirs(), now);
        _trace.ShouldContain($"{now} media PCMA 198.51.100.7:4000 send receive");
    }

    [Fact]
    public void A_retry_waits_for_the_ACK_of_theirs()
    {
        var request = Send(Sdps.Us);
        Respond(request, 491);
        Receive(Request("INVITE", 12, Sdps.Theirs()), 2_000);
        TickUntil(2_600);
        Step(new ReInviteInput.Acknowledged(Request("ACK", 12)), 2_700);
        _trace.Clear();
        Step(new ReInviteInput.Tick(), 2_700);
        _trace.ShouldBe(["2700 INVITE 7 sip:bob@198.51.100.7"]);
    }

    [Fact]
    public void A_500_with_Retry_After_is_obeyed_and_tries_are_counted()
    {
        var request = Send(Sdps.Us);
        Respond(request, 500, null, 0, 0, "Retry-After: 5 (busy)");
        _state.Deadline.ShouldBe(5_000);
        for (var i = 0; i < 3; i++)
        {
            request = ((SendRequest)Step(new ReInviteInput.Tick(), _state.Deadline).Single()).Request;
            Respond(request, 500, null, 10_000 * (i + 1), 0, "Retry-After: 1");
        }
        _trace.Count(line => line.Contains("INVITE", StringComparison.Ordinal)).ShouldBe(4);
        _trace.Last().ShouldBe("30000 refused 500");
    }

    [Theory]
    [InlineData(488)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(603)]
    public void Other_refusals_leave_the_session_as_it_was(int status)
    {
        var before = _state.LocalSdp;
        Respond(Send(Sdps.Us with { Direction = SdpDirection.SendOnly }), status);
        _trace.Last().ShouldBe($"0 refused {status}");
        _state.LocalSdp.ShouldBeSameAs(before);
        _state.IsOffering.ShouldBeFalse();
    }

    [Fact]
    public void A_dialog_that_is_gone_is_over()
    {
        Respond(Send(Sdps.Us), 481);
        _trace.Skip(1).ShouldBe(["0 over 481"]);
    }

    [Fact]
    public void No_answer_ends_the_dialog_with_a_BYE()
    {
        Send(Sdps.Us);
        Step(new ReInviteInput.Failed(408), 32_000);
        _trace.Skip(1).ShouldBe(["32000 BYE 7 sip:bob@198.51.100.7", "32000 over 408"]);
        _state.Deadline.ShouldBe(long.MaxValue);
    }

    [Fact]
    public void A_challenge_is_answered()
    {
        Respond(Send(Sdps.Us), 407, null, 0, 0, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        _trace.ShouldBe(["0 INVITE 6 sip:bob@198.51.100.7", "0 INVITE 7 sip:bob@198.51.100.7"]);
        var again = ReInviteUsage.Step(_state, new ReInviteInput.Offer(Sdps.Us), 0, Timers).State;
        again.IsOffering.ShouldBeTrue();
    }

    [Fact]
    public void The_newest_wish_goes_out_when_the_one_under_way_has_ended()
    {
        var first = Send(Sdps.Us with { Direction = SdpDirection.SendOnly });
        Step(new ReInviteInput.Offer(Sdps.Us with { Direction = SdpDirection.Inactive })).ShouldBeEmpty();
        Step(new ReInviteInput.Offer(Sdps.Us)).ShouldBeEmpty();
        var actions = Respond(first, 200, Sdps.Theirs("a=recvonly\r\n"));
        Encoding.ASCII.GetString(((SendRequest)actions.Last()).Request.Body.Span).ShouldEndWith("a=sendrecv\r\n");
        _trace.ShouldBe(["0 INVITE 6 sip:bob@198.51.100.7", "0 ACK 6 sip:bob@198.51.100.7:5070", "0 media PCMA 198.51.100.7:4000 send", "0 completed",
            "0 INVITE 7 sip:bob@198.51.100.7:5070"]);
    }

    [Fact]
    public void An_answer_to_us_that_cannot_be_is_acknowledged_and_hung_up()
    {
        Respond(Send(Sdps.Us), 200, Sdps.Theirs(codecs: "18"));
        _trace.Skip(1).ShouldBe(["0 ACK 6 sip:bob@198.51.100.7:5070", "0 BYE 7 sip:bob@198.51.100.7:5070", "0 over 488"]);
    }

    [Fact]
    public void UPDATE_refreshes_and_changes()
    {
        var refreshed = Receive(Request("UPDATE", 11, null, "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n"));
        (refreshed.Status, refreshed.Body.IsEmpty, refreshed.Get(HeaderId.SessionExpires), refreshed.Get(HeaderId.Require))
            .ShouldBe((200, true, "90;refresher=uac", "timer"));
        Receive(Request("UPDATE", 12, Sdps.Theirs("a=inactive\r\n")), 10);
        _trace.Skip(1).ShouldBe(["10 media PCMA 198.51.100.7:4000", "10 200+sdp"]);
        Send(Sdps.Us);
        Receive(Request("UPDATE", 13, Sdps.Theirs()), 20).Status.ShouldBe(491);
        Receive(Request("UPDATE", 14), 20).Status.ShouldBe(200);
    }

    private void AgreeOnTimer(string allow = "Allow: INVITE, ACK, BYE, UPDATE\r\n")
    {
        Receive(Request("INVITE", 11, Sdps.Theirs(), $"Session-Expires: 100;refresher=uas\r\nSupported: timer\r\n{allow}"));
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)), 10);
        _trace.Clear();
    }

    private SipRequest Due() => ((SendRequest)Step(new ReInviteInput.Tick(), _state.Deadline).Single()).Request;

    [Fact]
    public void A_far_end_that_takes_UPDATE_is_refreshed_by_one_without_a_description()
    {
        AgreeOnTimer();
        var refresh = Due();
        (refresh.Method, refresh.Body.IsEmpty, refresh.Get(HeaderId.SessionExpires), refresh.Get(HeaderId.Contact))
            .ShouldBe(("UPDATE", true, "100;refresher=uac", "<sip:us@192.0.2.1:5060>"));
        Respond(refresh, 200, null, 50_100, 0, "Session-Expires: 100;refresher=uac");
        _trace.ShouldBe(["50000 UPDATE 6 sip:bob@198.51.100.7"]);
        (_state.Deadline, _state.IsSettled).ShouldBe((100_100, true));
        Respond(Due(), 481, null, 100_200);
        _trace.Skip(1).ShouldBe(["100100 UPDATE 7 sip:bob@198.51.100.7:5070", "100200 over 481"]);
    }

    [Theory]
    [InlineData(405)]
    [InlineData(501)]
    [InlineData(488)]
    public void Where_the_UPDATE_is_refused_a_re_INVITE_refreshes(int status)
    {
        AgreeOnTimer();
        Respond(Due(), status, null, 50_100);
        _trace.ShouldBe(["50000 UPDATE 6 sip:bob@198.51.100.7", "50100 INVITE 7 sip:bob@198.51.100.7"]);
        _state.AllowsUpdate.ShouldBeFalse();
    }

    [Fact]
    public void A_challenge_to_the_UPDATE_is_answered_and_a_500_waited_for()
    {
        AgreeOnTimer();
        Respond(Due(), 407, null, 50_100, 0, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        Respond(_state.Outgoing!.Request!, 500, null, 50_200, 0, "Retry-After: 4");
        _state.Deadline.ShouldBe(54_200);
        Due().Method.ShouldBe("UPDATE");
        Step(new ReInviteInput.Failed(408), 90_000);
        _trace.ShouldBe(["50000 UPDATE 6 sip:bob@198.51.100.7", "50100 UPDATE 7 sip:bob@198.51.100.7", "54200 UPDATE 8 sip:bob@198.51.100.7",
            "90000 BYE 9 sip:bob@198.51.100.7", "90000 over 408"]);
    }

    [Fact]
    public void An_offer_of_theirs_may_cross_the_UPDATE_and_a_wish_of_ours_waits_for_both()
    {
        AgreeOnTimer();
        var refresh = Due();
        Receive(Request("INVITE", 12, Sdps.Theirs("a=sendonly\r\n")), 50_010).Status.ShouldBe(200);
        Step(new ReInviteInput.Offer(Sdps.Us), 50_020).ShouldBeEmpty();
        Respond(refresh, 200, null, 50_030, 0, "Session-Expires: 100;refresher=uac").ShouldBeEmpty();
        Step(new ReInviteInput.Acknowledged(Request("ACK", 12)), 50_040);
        _trace.Clear();
        Step(new ReInviteInput.Tick(), 50_040);
        _trace.ShouldBe(["50040 INVITE 7 sip:bob@198.51.100.7:5070"]);
    }

    [Fact]
    public void An_UPDATE_without_a_description_that_moves_the_far_end_is_kept_before_it_is_answered()
    {
        var moved = Request("UPDATE", 11);
        moved.Set(HeaderId.Contact, "<sip:bob@198.51.100.99>");
        Step(new ReInviteInput.Received(moved, 3));
        _trace.ShouldBe(["0 TargetRefreshed", "0 200"]);
        _state.Dialog.RemoteTarget.ShouldBe("sip:bob@198.51.100.99");
        var garbled = Request("UPDATE", 12);
        garbled.Set(HeaderId.Contact, "<");
        Receive(garbled, 10);
        _trace.Skip(2).ShouldBe(["10 200"]);
        _state.Dialog.RemoteTarget.ShouldBe("sip:bob@198.51.100.99");
    }

    [Fact]
    public void A_session_that_the_far_end_does_not_refresh_in_time_is_ended()
    {
        Receive(Request("UPDATE", 11, null, "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n"));
        Receive(Request("UPDATE", 12, null, "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n"), 45_000);
        _trace.Clear();
        TickUntil(1_000_000);
        _trace.ShouldBe(["105000 BYE 6 sip:bob@198.51.100.7", "105000 over 408"]);
    }

    [Fact]
    public void A_session_that_is_ours_to_refresh_is_refreshed_with_what_holds()
    {
        Receive(Request("INVITE", 11, Sdps.Theirs("a=sendonly\r\n"), "Session-Expires: 100;refresher=uas\r\nSupported: timer\r\n"));
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)), 10);
        var held = _state.LocalSdp;
        _trace.Clear();
        var refresh = ((SendRequest)Step(new ReInviteInput.Tick(), _state.Deadline).Single()).Request;
        refresh.Get(HeaderId.SessionExpires).ShouldBe("100;refresher=uac");
        refresh.Body.Span.SequenceEqual(held.ToBytes()).ShouldBeTrue();
        Respond(refresh, 200, Sdps.Theirs("a=sendonly\r\n"), 50_100, 0, "Session-Expires: 100;refresher=uac", "Require: timer");
        _state.Deadline.ShouldBe(100_100);
        _trace[0].ShouldBe("50000 INVITE 6 sip:bob@198.51.100.7");
        var again = ((SendRequest)Step(new ReInviteInput.Tick(), 100_100).Single()).Request;
        Respond(again, 503, null, 100_200);
        TickUntil(1_000_000);
        _trace.TakeLast(3).ShouldBe(["100200 refused 503", "118100 BYE 8 sip:bob@198.51.100.7:5070", "118100 over 408"]);
    }

    [Theory]
    [InlineData("UPDATE")]
    [InlineData("INVITE")]
    public void A_422_to_a_refresh_is_obeyed_once(string method)
    {
        AgreeOnTimer(method == "UPDATE" ? "Allow: INVITE, ACK, BYE, UPDATE\r\n" : "Allow: INVITE, ACK, BYE\r\n");
        var refresh = Due();
        refresh.Method.ShouldBe(method);
        refresh.Has(HeaderId.MinSE).ShouldBeFalse();
        Respond(refresh, 422, null, 50_100, 0, "Min-SE: 400");
        var again = _state.Outgoing!.Request!;
        (again.Method, again.Get(HeaderId.SessionExpires), again.Get(HeaderId.MinSE)).ShouldBe((method, "400;refresher=uac", "400"));
        Respond(again, 200, method == "UPDATE" ? null : Sdps.Theirs(), 50_200, 0, "Session-Expires: 400;refresher=uac");
        _state.Deadline.ShouldBe(250_200);
        Respond(Due(), 422, null, 250_300, 0, "Min-SE: 500");
        var third = _state.Outgoing!.Request!;
        third.Get(HeaderId.SessionExpires).ShouldBe("500;refresher=uac", "another refresh may be told again");
        Respond(third, 422, null, 250_400, 0, "Min-SE: 600");
        // What refuses twice is refused for good; an UPDATE is tried as a re-INVITE before that.
        if (method == "UPDATE") _state.Outgoing!.Request!.Method.ShouldBe("INVITE");
        else _trace.Last().ShouldBe("250400 refused 422");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Min-SE: 10")]
    [InlineData("Min-SE: x")]
    public void A_422_that_does_not_say_what_would_be_right_is_a_refusal(string? header)
    {
        AgreeOnTimer("Allow: INVITE, ACK, BYE\r\n");
        Respond(Due(), 422, null, 50_100, 0, header is null ? [] : [header]);
        _trace.Last().ShouldBe("50100 refused 422");
    }

    [Fact]
    public void The_shortest_interval_that_they_name_goes_into_our_refreshes()
    {
        Receive(Request("INVITE", 11, Sdps.Theirs(), "Session-Expires: 700;refresher=uas\r\nMin-SE: 600\r\nSupported: timer\r\n"));
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)), 10);
        Due().Get(HeaderId.MinSE).ShouldBe("600");
    }

    [Fact]
    public void What_is_too_short_here_is_refused_with_what_would_be_right()
    {
        _state = _state with { TimerRules = new SessionTimerRules(0, 300) };
        var refused = Receive(Request("UPDATE", 11, null, "Session-Expires: 200;refresher=uac\r\nSupported: timer\r\n"));
        (refused.Status, refused.Get(HeaderId.MinSE)).ShouldBe((422, "300"));
        Receive(Request("UPDATE", 12, null, "Session-Expires: 300;refresher=uac\r\nSupported: timer\r\n")).Status.ShouldBe(200);
    }

    [Fact]
    public void Where_we_ask_for_timers_a_change_of_theirs_without_one_gets_ours()
    {
        _state = _state with { TimerRules = new SessionTimerRules(200) };
        var success = Receive(Request("INVITE", 11, Sdps.Theirs(), "Min-SE: 240\r\n"));
        (success.Get(HeaderId.SessionExpires), success.Has(HeaderId.Require)).ShouldBe(("240;refresher=uas", false));
        _state = _state with { TimerRules = new SessionTimerRules() };
        Step(new ReInviteInput.Acknowledged(Request("ACK", 11)), 10);
        Receive(Request("INVITE", 12, Sdps.Theirs())).Has(HeaderId.SessionExpires).ShouldBeFalse();
        _state.Timer.ShouldBeNull("it is switched off");
    }
}
