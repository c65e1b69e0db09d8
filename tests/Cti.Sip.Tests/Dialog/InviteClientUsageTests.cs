using System.Text;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Dialog;

public sealed class InviteClientUsageTests
{
    private static readonly SipTimers Timers = new();
    private static readonly SdpSession Offer = SdpNegotiator.CreateOffer(Sdps.Us);
    private const string Challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";
    private readonly List<string> _trace = [];
    private InviteClientState _state;

    public InviteClientUsageTests() => _state = Begin(new InviteClientPolicy(new DigestCredentials("u", "p")));

    private InviteClientState Begin(InviteClientPolicy policy)
    {
        var initial = new InitialRequest(SipUri.Parse("sip:200@198.51.100.7"), new NameAddr(SipUri.Parse("sip:100@192.0.2.1")),
            new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), new NameAddr(SipUri.Parse("sip:us@192.0.2.1:5060")), "c1", "u1", 1, ["<sip:proxy;lr>"]);
        var step = InviteClientUsage.Begin(InitialRequests.Invite(initial, Offer.ToBytes()), Offer, "flow", policy);
        _trace.Clear();
        foreach (var action in step.Actions) _trace.Add(InviteServerUsageTests.Describe(action));
        return step.State;
    }

    private UsageAction[] Step(InviteClientInput input, long now = 0)
    {
        var step = InviteClientUsage.Step(_state, input, now, Timers);
        _state = step.State;
        foreach (var action in step.Actions) _trace.Add(InviteServerUsageTests.Describe(action));
        return [.. step.Actions];
    }

    private UsageAction[] Respond(int status, string? tag = null, string? sdp = null, params string[] headers)
    {
        var response = Wire.Answer(_state.Invite, status, tag, sdp, headers);
        return Step(new InviteClientInput.Responded(response, "0123456789abcdef")
        {
            Answer = _state.Digest.TryChallenge(DigestChallenges.Read(response), out var answer) ? answer : null,
        });
    }

    [Fact]
    public void Rings_and_is_answered()
    {
        Respond(100);
        Respond(180, "b1");
        Respond(200, "b1", Sdps.Theirs());
        _trace.ShouldBe(["INVITE 1 sip:200@198.51.100.7", "progress 180 b1", "answered PCMA 4000", "ACK 1 sip:bob@198.51.100.7:5070"]);
        (_state.Dialog!.RemoteTag, _state.Dialog.IsConfirmed, _state.Dialog.LocalCSeq).ShouldBe(("b1", true, 1u));
    }

    [Fact]
    public void A_repeated_200_is_acknowledged_again_until_no_more_can_come()
    {
        Respond(200, "b1", Sdps.Theirs());
        _trace.Clear();
        Respond(200, "b1", Sdps.Theirs());
        _trace.ShouldBe(["ACK 1 sip:bob@198.51.100.7:5070 again"]);
        _state.Deadline.ShouldBe(32_000);
        Step(new InviteClientInput.Tick(), 31_999).ShouldBeEmpty();
        Step(new InviteClientInput.Tick(), 32_000).ShouldBe([new UsageEnded()]);
    }

    [Fact]
    public void Of_several_forks_the_first_wins_and_the_others_get_ACK_and_BYE()
    {
        Respond(180, "b1");
        Respond(183, "b2", Sdps.Theirs());
        Respond(200, "b2", Sdps.Theirs());
        var other = Respond(200, "b1", Sdps.Theirs());
        Respond(200, "b1", Sdps.Theirs());
        _trace.ShouldBe([
            "INVITE 1 sip:200@198.51.100.7", "progress 180 b1", "progress 183 b2 early",
            "answered PCMA 4000", "ACK 1 sip:bob@198.51.100.7:5070",
            "ACK 1 sip:bob@198.51.100.7:5070", "BYE 2 sip:bob@198.51.100.7:5070",
            "ACK 1 sip:bob@198.51.100.7:5070 again"]);
        var bye = ((SendRequest)other[1]).Request;
        (bye.To.Tag, bye.Get(HeaderId.Reason)).ShouldBe(("b1", "SIP;cause=200;text=\"Call completed elsewhere\""));
        _state.Dialog!.RemoteTag.ShouldBe("b2");
    }

    [Fact]
    public void An_answer_that_came_with_the_183_only_counts()
    {
        Respond(183, "b1", Sdps.Theirs(codecs: "0"));
        Respond(200, "b1");
        _trace[2].ShouldBe("answered PCMU 4000");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("18")]
    public void An_answer_that_cannot_be_is_acknowledged_and_hung_up(string? codecs)
    {
        Respond(200, "b1", codecs is null ? null : Sdps.Theirs(codecs: codecs));
        _trace.Skip(1).ShouldBe(["ACK 1 sip:bob@198.51.100.7:5070", "BYE 2 sip:bob@198.51.100.7:5070", "failed 488"]);
        _state.Phase.ShouldBe(InviteClientPhase.Ended);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(408)]
    [InlineData(480)]
    [InlineData(486)]
    [InlineData(491)]
    [InlineData(503)]
    [InlineData(603)]
    public void A_refusal_is_final(int status)
    {
        Respond(180, "b1");
        Respond(status, "b1");
        Respond(486, "b1");
        _trace.Skip(2).ShouldBe([$"failed {status}"]);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(503)]
    public void No_answer_and_no_way_are_final(int status)
    {
        Step(new InviteClientInput.Failed(status));
        _trace.Skip(1).ShouldBe([$"failed {status}"]);
    }

    [Fact]
    public void A_challenge_is_answered_once_a_realm_and_again_when_stale()
    {
        var retried = Respond(401, "x", null, Challenge);
        var invite = ((SendRequest)retried.Single()).Request;
        (invite.CSeq.Number, invite.CallId, invite.From.Tag, invite.To.Tag).ShouldBe((2u, "c1", "u1", null));
        invite.Get(HeaderId.Route).ShouldBe("<sip:proxy;lr>");
        invite.Get(HeaderId.Authorization)!.ShouldContain("uri=\"sip:200@198.51.100.7\"");
        invite.Body.Span.SequenceEqual(Offer.ToBytes()).ShouldBeTrue();
        Respond(407, "x", null, "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n2\"");
        _state.Invite.Has(HeaderId.Authorization).ShouldBeTrue();
        _state.Invite.Has(HeaderId.ProxyAuthorization).ShouldBeTrue();
        Respond(401, "x", null, Challenge + ", stale=true");
        Respond(401, "x", null, Challenge);
        _trace.ShouldBe(["INVITE 1 sip:200@198.51.100.7", "INVITE 2 sip:200@198.51.100.7", "INVITE 3 sip:200@198.51.100.7", "INVITE 4 sip:200@198.51.100.7",
            "failed 401"]);
    }

    [Fact]
    public void The_ACK_carries_the_credentials_and_the_dialog_goes_on_from_the_last_number()
    {
        Respond(401, "x", null, Challenge);
        var actions = Respond(200, "b1", Sdps.Theirs());
        ((SendAck)actions[1]).Ack.Get(HeaderId.Authorization).ShouldBe(_state.Invite.Get(HeaderId.Authorization));
        DialogRequests.Bye(_state.Dialog!, out _).CSeq.Number.ShouldBe(3u);
    }

    [Fact]
    public void Without_credentials_or_with_an_unknown_scheme_a_challenge_is_final()
    {
        Respond(401, "x", null, "WWW-Authenticate: Bearer x");
        _trace.Skip(1).ShouldBe(["failed 401"]);
        _state = Begin(new InviteClientPolicy());
        Respond(401, "x", null, Challenge);
        _trace.Skip(1).ShouldBe(["failed 401"]);
    }

    [Fact]
    public void A_cancelled_call_is_not_tried_again()
    {
        Step(new InviteClientInput.Cancel(SipReason.Sip(487, "bye")));
        Step(new InviteClientInput.Cancel());
        Respond(180, "b1");
        Respond(401, "x", null, Challenge);
        _trace.ShouldBe(["INVITE 1 sip:200@198.51.100.7", "CANCEL SIP;cause=487;text=\"bye\"", "progress 180 b1", "failed 401"]);
    }

    [Fact]
    public void A_CANCEL_ends_with_487_or_without_any_answer()
    {
        Step(new InviteClientInput.Cancel());
        Respond(487, "b1");
        _trace.Skip(1).ShouldBe(["CANCEL", "failed 487"]);
        _state = Begin(new InviteClientPolicy());
        Step(new InviteClientInput.Cancel());
        Step(new InviteClientInput.Failed(408));
        _trace.Skip(1).ShouldBe(["CANCEL", "failed 487"]);
    }

    [Fact]
    public void A_200_that_crosses_the_CANCEL_gets_ACK_and_BYE()
    {
        Respond(180, "b1");
        Step(new InviteClientInput.Cancel());
        Respond(200, "b1", Sdps.Theirs());
        Respond(200, "b1", Sdps.Theirs());
        _trace.Skip(2)
            .ShouldBe(["CANCEL", "ACK 1 sip:bob@198.51.100.7:5070", "BYE 2 sip:bob@198.51.100.7:5070", "failed 487", "ACK 1 sip:bob@198.51.100.7:5070 again"]);
    }

    [Fact]
    public void A_late_200_after_a_failure_gets_ACK_and_BYE()
    {
        Respond(486, "b1");
        ((SendRequest)Respond(200, "b2", Sdps.Theirs())[1]).Request.Has(HeaderId.Reason).ShouldBeFalse("nobody has answered");
        _trace.Skip(1).ShouldBe(["failed 486", "ACK 1 sip:bob@198.51.100.7:5070", "BYE 2 sip:bob@198.51.100.7:5070"]);
    }

    [Fact]
    public void A_redirection_within_the_trunk_is_followed_in_the_order_of_preference()
    {
        var moved = Respond(302, "x", null, "Contact: <sip:301@198.51.100.7>;q=0.5, <sip:302@198.51.100.7?Subject=x>, <sip:200@198.51.100.7>");
        var invite = ((SendRequest)moved[1]).Request;
        (invite.Uri.Text, invite.To.Uri.Text, invite.CSeq.Number, invite.CallId).ShouldBe(("sip:302@198.51.100.7", "sip:200@198.51.100.7", 2u, "c1"));
        Respond(486, "y");
        Respond(486, "z");
        _trace.ShouldBe([
            "INVITE 1 sip:200@198.51.100.7",
            "redirected sip:302@198.51.100.7", "INVITE 2 sip:302@198.51.100.7",
            "redirected sip:301@198.51.100.7", "INVITE 3 sip:301@198.51.100.7", "failed 486"]);
    }

    [Fact]
    public void A_6xx_holds_for_all_targets()
    {
        Respond(302, "x", null, "Contact: <sip:301@198.51.100.7>, <sip:302@198.51.100.7>");
        Respond(603, "y");
        _trace.Last().ShouldBe("failed 603");
    }

    [Fact]
    public void A_redirection_to_elsewhere_is_refused_unless_allowed()
    {
        Respond(302, "x", null, "Contact: <sip:900@premium.example.com>, <tel:+900>, <sips:200@198.51.100.7>");
        _trace.Skip(1).ShouldBe(["redirect refused sip:900@premium.example.com tel:+900 sips:200@198.51.100.7", "failed 302"]);
        _state = Begin(new InviteClientPolicy(null, RedirectAnywhere: true));
        Respond(301, "x", null, "Contact: <sip:900@other.example.com>");
        _trace.Skip(1).ShouldBe(["redirected sip:900@other.example.com", "INVITE 2 sip:900@other.example.com"]);
    }

    [Fact]
    public void Redirections_in_a_circle_and_without_end_are_not_followed()
    {
        Respond(302, "x", null, "Contact: <sip:300@198.51.100.7>");
        Respond(302, "x", null, "Contact: <sip:200@198.51.100.7>");
        _trace.Last().ShouldBe("failed 302");
        _state = Begin(new InviteClientPolicy());
        for (var i = 0; i < 10; i++) Respond(302, "x", null, $"Contact: <sip:{300 + i}@198.51.100.7>");
        _trace.Count(line => line.StartsWith("INVITE", StringComparison.Ordinal)).ShouldBe(6);
        _trace.Last().ShouldBe("failed 302");
    }

    [Fact]
    public void A_422_is_obeyed_once_with_the_far_end_to_refresh()
    {
        var again = Respond(422, "x", null, "Min-SE: 1800");
        var invite = ((SendRequest)again.Single()).Request;
        (invite.Get(HeaderId.SessionExpires), invite.Get(HeaderId.MinSE)).ShouldBe(("1800;refresher=uas", "1800"));
        invite.Get(HeaderId.Supported).ShouldBe("timer, 100rel, replaces, norefersub");
        Respond(422, "x", null, "Min-SE: 3600");
        _trace.Last().ShouldBe("failed 422");
    }

    [Theory]
    [InlineData("Session-Expires: 1800;refresher=uac", 1800, true)]
    [InlineData("Session-Expires: 1800;refresher=UAS", 1800, false)]
    [InlineData("Session-Expires: 1800", 1800, true)]
    [InlineData("Session-Expires: 1800;refresher=nobody", 1800, true)]
    [InlineData("x: 60;refresher=uas", 60, false)]
    [InlineData("Session-Expires: 1;refresher=uac", 30, true)]
    [InlineData("Session-Expires: 0", null, false)]
    [InlineData("Session-Expires: x", null, false)]
    public void Whatever_the_200_says_of_a_timer_is_kept_to(string header, int? seconds, bool weRefresh)
    {
        Respond(200, "b1", Sdps.Theirs(), header);
        _state.Timer.ShouldBe(seconds is { } interval ? new SessionTimer(interval, weRefresh) : null);
    }

    [Fact]
    public void An_INVITE_may_ask_for_a_timer_and_a_422_raises_it_but_never_lowers()
    {
        var initial = new InitialRequest(SipUri.Parse("sip:200@198.51.100.7"), new NameAddr(SipUri.Parse("sip:100@192.0.2.1")),
            new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), new NameAddr(SipUri.Parse("sip:us@192.0.2.1:5060")), "c1", "u1", 1, []);
        var invite = InitialRequests.Invite(initial, Offer.ToBytes(), null, new SipProfile { Timer = new SessionTimerRules(600, 120) });
        (invite.Get(HeaderId.SessionExpires), invite.Get(HeaderId.MinSE), invite.Get(HeaderId.Supported))
            .ShouldBe(("600", "120", "timer, 100rel, replaces, norefersub"));
        _state = InviteClientUsage.Begin(invite, Offer, "flow", new InviteClientPolicy()).State;
        Respond(422, "x", null, "Min-SE: 100");
        (_state.Invite.Get(HeaderId.SessionExpires), _state.Invite.Get(HeaderId.MinSE)).ShouldBe(("600;refresher=uas", "120"));
        InitialRequests.Invite(initial, default).Has(HeaderId.SessionExpires).ShouldBeFalse("nothing is asked for unless it is configured");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Min-SE: 89")]
    [InlineData("Min-SE: 99999999999")]
    public void A_422_that_does_not_say_what_would_be_right_is_final(string? header)
    {
        Respond(422, "x", null, header is null ? [] : [header]);
        _trace.Last().ShouldBe("failed 422");
    }

    [Fact]
    public void A_session_timer_in_the_200_is_kept()
    {
        Respond(200, "b1", Sdps.Theirs(), "Session-Expires: 1800;refresher=uas");
        _state.Timer.ShouldBe(new SessionTimer(1800, false));
    }

    private SipResponse Success(string tag, string? contact, string sdp, params string[] headers)
    {
        var response = Wire.Answer(_state.Invite, 200, tag, sdp, headers);
        response.Remove(HeaderId.Contact);
        if (contact is not null) response.Add(HeaderId.Contact, contact);
        return response;
    }

    private UsageAction[] Receive(SipResponse response) => Step(new InviteClientInput.Responded(response, "0123456789abcdef"));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("garbage")]
    [InlineData("<sip:bob@198.51.100.7:99999>")]
    [InlineData("<sip:bob@198.51.100.7:5070>", "Record-Route: <")]
    public void A_200_that_does_not_say_where_the_far_end_is_gets_ACK_and_BYE_and_the_call_its_error_at_once(string? contact, params string[] headers)
    {
        var target = headers.Length == 0 ? "sip:200@198.51.100.7" : "sip:bob@198.51.100.7:5070";
        Receive(Success("b1", contact, Sdps.Theirs(), headers));
        Receive(Success("b1", contact, Sdps.Theirs(), headers));
        _trace.Skip(1).ShouldBe([$"ACK 1 {target}", $"BYE 2 {target}", "failed 502", $"ACK 1 {target} again"]);
        _state.Phase.ShouldBe(InviteClientPhase.Ended);
    }

    [Fact]
    public void A_200_without_a_Contact_is_used_where_its_ringing_had_one()
    {
        Respond(180, "b1");
        Receive(Success("b1", "<", Sdps.Theirs()));
        _trace.Skip(2).ShouldBe(["answered PCMA 4000", "ACK 1 sip:bob@198.51.100.7:5070"]);
    }

    [Theory]
    [InlineData("<sip:bob@198.51.100.7>;", "sip:bob@198.51.100.7")]
    [InlineData("<sip:bob@198.51.100.7:0>", "sip:bob@198.51.100.7:0")]
    [InlineData("<sip:bob@198.51.100.7;thinfo=\"a1b2=\">;;", "sip:bob@198.51.100.7;thinfo=\"a1b2=\"")]
    [InlineData("< sip:@198.51.100.7 >", "sip:@198.51.100.7")]
    public void An_odd_Contact_is_used(string contact, string target)
    {
        var success = Success("b1", contact, Sdps.Theirs(), "Session-Expires: 1800;refresher=uac", "Session-Expires: 1800;refresher=uac");
        success.Set(HeaderId.To, "<sip:200@198.51.100.7>;tag=b\"1<>");
        Receive(success);
        _trace.Skip(1).ShouldBe(["answered PCMA 4000", $"ACK 1 {target}"]);
        DialogRequests.Bye(_state.Dialog!, out _).To.Tag.ShouldBe("b\"1<>");
    }

    [Fact]
    public void A_200_of_an_INVITE_that_was_tried_before_is_one_fork_too_many()
    {
        var first = _state.Invite;
        Respond(302, "x", null, "Contact: <sip:302@198.51.100.7>");
        _trace.Clear();
        var late = Wire.Answer(first, 200, "late", Sdps.Theirs());
        Receive(late);
        Receive(late);
        _trace.ShouldBe(["ACK 1 sip:bob@198.51.100.7:5070", "BYE 2 sip:bob@198.51.100.7:5070", "ACK 1 sip:bob@198.51.100.7:5070 again"]);
        Respond(200, "b2", Sdps.Theirs());
        _trace.Skip(3).ShouldBe(["answered PCMA 4000", "ACK 2 sip:bob@198.51.100.7:5070"]);
    }

    private SipResponse Update(uint number, string? sdp = null, string tag = "b1", string contact = "<sip:bob@198.51.100.9>")
    {
        var update = Wire.Request($"UPDATE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKu{number}\r\n" +
            $"From: <sip:200@198.51.100.7>;tag={tag}\r\n" +
            $"To: <sip:100@192.0.2.1>;tag=u1\r\nCall-ID: c1\r\nCSeq: {number} UPDATE\r\nContact: {contact}\r\n" +
            $"{(sdp is null ? "" : "Content-Type: application/sdp\r\n")}\r\n{sdp}");
        return ((SendResponse)Step(new InviteClientInput.Updated(update, 3)).Single()).Response;
    }

    [Fact]
    public void An_UPDATE_before_the_answer_moves_the_far_end_and_its_offer_meets_ours()
    {
        Update(1).Status.ShouldBe(481);
        Respond(180, "b1");
        var moved = Update(7);
        (moved.Status, moved.Get(HeaderId.Contact), moved.Body.IsEmpty).ShouldBe((200, "<sip:us@192.0.2.1:5060>", true));
        Update(8, Sdps.Theirs()).Status.ShouldBe(491);
        Update(6).Status.ShouldBe(500);
        Update(9, tag: "b2").Status.ShouldBe(481);
        Receive(Success("b1", null, Sdps.Theirs()));
        _trace.Last().ShouldBe("ACK 1 sip:bob@198.51.100.9");
        _state.Dialog!.RemoteCSeq.ShouldBe(8u);
    }

    [Fact]
    public void Responses_to_other_requests_are_not_for_the_INVITE()
    {
        var bye = new SipRequest(SipMethods.Bye, SipUri.Parse("sip:a@b"));
        foreach (var (id, value) in new[] { (HeaderId.From, "<sip:a@b>;tag=u1"), (HeaderId.To, "<sip:b@b>;tag=b"), (HeaderId.CallId, "c1"),
            (HeaderId.CSeq, "1 BYE") })
            bye.Add(id, value);
        Step(new InviteClientInput.Responded(SipResponse.For(bye, 200), "c")).ShouldBeEmpty();
        _state.Phase.ShouldBe(InviteClientPhase.Inviting);
    }
}
