using System.Text;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Dialog;

public sealed class InviteServerUsageTests
{
    private static readonly SipTimers Timers = new();
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));
    private readonly List<string> _trace = [];
    private InviteServerState _state = null!;

    private static SipRequest Invite(string? sdp, params string[] headers)
    {
        var text = new StringBuilder("INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n" +
            "From: <sip:bob@198.51.100.7>;tag=b1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:bob@198.51.100.7:5070>\r\n");
        foreach (var header in headers) text.Append(header).Append("\r\n");
        if (sdp is not null) text.Append("Content-Type: application/sdp\r\n");
        return Wire.Request(text.Append("\r\n").Append(sdp).ToString());
    }

    private void Begin(string? sdp, params string[] headers)
    {
        _state = InviteServerUsage.Begin(Invite(sdp, headers), "t1", Contact, "flow", out var refusal)!;
        refusal.ShouldBeNull();
    }

    private static SipRequest InDialog(string method, uint number, string? sdp = null, string more = "")
    {
        var text = $"{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKk\r\nMax-Forwards: 70\r\n" +
            $"From: <sip:bob@198.51.100.7>;tag=b1\r\nTo: <sip:100@192.0.2.1>;tag=t1\r\nCall-ID: c1\r\nCSeq: {number} {method}\r\n{more}";
        return Wire.Request(sdp is null ? text + "\r\n" : text + "Content-Type: application/sdp\r\n\r\n" + sdp);
    }

    private void Step(InviteServerInput input, long now)
    {
        var step = InviteServerUsage.Step(_state, input, now, Timers);
        _state = step.State;
        foreach (var action in step.Actions) _trace.Add($"{now} {Describe(action)}");
    }

    private void TickUntil(long end)
    {
        while (_state.Deadline <= end) Step(new InviteServerInput.Tick(), _state.Deadline);
    }

    internal static string Describe(UsageAction action) => action switch
    {
        SendResponse { Response: var response } sent => $"{response.Status}{(response.Body.IsEmpty ? "" : "+sdp")}{(sent.Repeated ? " again" : "")}",
        SendRequest { Request: var request } => $"{request.Method} {request.CSeq.Number} {request.Uri}",
        SendAck { Ack: var ack } sent => $"ACK {ack.CSeq.Number} {ack.Uri}{(sent.Repeated ? " again" : "")}",
        MediaAgreed agreed =>
            $"media {agreed.Media.Codec} "
                + $"{agreed.Media.RemoteAddress}:{agreed.Media.RemotePort}{(agreed.Media.Send ? " send" : "")}{(agreed.Media.Receive ? " receive" : "")}",
        InviteAnswered answered => $"answered {answered.Media.Codec} {answered.Media.RemotePort}",
        InviteProgressed progressed =>
            $"progress {progressed.Status}{(progressed.Dialog is null ? "" : " " + progressed.Dialog.RemoteTag)}{(progressed.Early is null ? "" : " early")}",
        InviteFailed failed => $"failed {failed.Status}",
        InviteCancelled cancelled => $"cancelled {cancelled.Cause}".TrimEnd(),
        InviteConfirmed => "confirmed",
        InviteRedirected redirected => $"redirected {redirected.Target}",
        RedirectRefused refused => $"redirect refused {string.Join(' ', refused.Targets)}",
        CancelInvite cancel => $"CANCEL {cancel.Reason}".TrimEnd(),
        ReInviteCompleted => "completed",
        ReInviteRefused refused => $"refused {refused.Status}",
        DialogOver over => $"over {over.Status}",
        UsageEnded => "ended",
        _ => action.GetType().Name,
    };

    private SipResponse Update(uint number, string? sdp = null, string more = "")
    {
        var step = InviteServerUsage.Step(_state, new InviteServerInput.Overlapped(InDialog("UPDATE", number, sdp, more), 3), 0, Timers);
        _state = step.State;
        return ((SendResponse)step.Actions.Single()).Response;
    }

    [Fact]
    public void An_UPDATE_before_the_answer_moves_the_caller_and_its_offer_waits_for_the_answer_to_the_first()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Provide(180), 0);
        var moved = Update(8, null, "Contact: <sip:bob@198.51.100.9;x=\"y\">\r\n");
        (moved.Status, moved.To.Tag, moved.Get(HeaderId.Contact), moved.Body.IsEmpty).ShouldBe((200, "t1", Contact.ToString(), true));
        moved.Get(HeaderId.Allow)!.ShouldContain("UPDATE");
        _state.Dialog.RemoteTarget.ShouldBe("sip:bob@198.51.100.9;x=\"y\"");
        var early = Update(9, Sdps.Theirs());
        (early.Status, early.Get(HeaderId.RetryAfter)).ShouldBe((500, "3"));
        Update(10, null, "Contact: <\r\nSession-Expires: 90;refresher=uac\r\nSupported: timer\r\n").Has(HeaderId.SessionExpires)
            .ShouldBeFalse("there is no session yet");
        Update(11, null, "Session-Expires: 30\r\n").Status.ShouldBe(422);
        Update(12, null, "Require: precondition\r\n").Status.ShouldBe(420);
        Update(8).Status.ShouldBe(500, "an old number");
        Step(new InviteServerInput.Accept(Sdps.Us), 1000);
        Update(13).Status.ShouldBe(200);
        Step(new InviteServerInput.Acknowledged(InDialog("ACK", 7)), 1100);
        _trace.Last().ShouldBe("1100 confirmed");
        _state.Dialog.RemoteTarget.ShouldBe("sip:bob@198.51.100.9;x=\"y\"");
    }

    [Fact]
    public void An_UPDATE_with_an_offer_meets_ours_in_the_200()
    {
        Begin(null);
        Update(8, Sdps.Theirs()).Status.ShouldBe(500);
        Step(new InviteServerInput.Accept(Sdps.Us), 1000);
        Update(9, Sdps.Theirs()).Status.ShouldBe(491);
        Update(10).Status.ShouldBe(200);
    }

    [Fact]
    public void Ringing_answered_and_acknowledged()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Provide(180), 0);
        Step(new InviteServerInput.Accept(Sdps.Us), 1000);
        Step(new InviteServerInput.Acknowledged(InDialog("ACK", 7)), 1100);
        TickUntil(100_000);
        _trace.ShouldBe(["0 180", "1000 media PCMA 198.51.100.7:4000 send receive", "1000 200+sdp", "1100 confirmed"]);
        _state.Phase.ShouldBe(InviteServerPhase.Confirmed);
        _state.Dialog.IsConfirmed.ShouldBeTrue();
    }

    [Fact]
    public void The_200_has_our_target_and_what_we_can_do()
    {
        Begin(Sdps.Theirs(codecs: "0"), "Record-Route: <sip:p;lr>");
        var step = InviteServerUsage.Step(_state, new InviteServerInput.Accept(Sdps.Us), 0, Timers);
        Wire.Text(step.Actions.OfType<SendResponse>().Single().Response).ShouldBe("""
            SIP/2.0 200 OK
            Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa
            Record-Route: <sip:p;lr>
            From: <sip:bob@198.51.100.7>;tag=b1
            To: <sip:100@192.0.2.1>;tag=t1
            Call-ID: c1
            CSeq: 7 INVITE
            Contact: <sip:us@192.0.2.1:5060>
            Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY
            Supported: timer, replaces, norefersub
            Content-Type: application/sdp
            Content-Length: 135

            v=0
            o=- 42 1 IN IP4 192.0.2.1
            s=-
            c=IN IP4 192.0.2.1
            t=0 0
            m=audio 20000 RTP/AVP 0
            a=rtpmap:0 PCMU/8000
            a=ptime:20
            a=sendrecv

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Without_an_ACK_the_200_is_repeated_from_T1_to_T2_and_the_call_given_up_after_32_s()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Accept(Sdps.Us), 0);
        _trace.Clear();
        TickUntil(100_000);
        _trace.ShouldBe([
            "500 200+sdp again", "1500 200+sdp again", "3500 200+sdp again", "7500 200+sdp again", "11500 200+sdp again", "15500 200+sdp again",
            "19500 200+sdp again", "23500 200+sdp again", "27500 200+sdp again", "31500 200+sdp again",
            "32000 BYE 1 sip:bob@198.51.100.7:5070", "32000 failed 408"]);
        _state.Phase.ShouldBe(InviteServerPhase.Ended);
    }

    [Fact]
    public void An_INVITE_without_SDP_gets_our_offer_and_the_ACK_brings_the_answer()
    {
        Begin(null);
        Step(new InviteServerInput.Provide(183, Sdps.Us), 0);
        Step(new InviteServerInput.Accept(Sdps.Us), 10);
        Step(new InviteServerInput.Acknowledged(InDialog("ACK", 7, Sdps.Theirs(codecs: "0"))), 20);
        _trace.ShouldBe(["0 183", "10 200+sdp", "20 media PCMU 198.51.100.7:4000 send receive", "20 confirmed"]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("18")]
    public void An_ACK_without_a_usable_answer_ends_the_call(string? codecs)
    {
        Begin(null);
        Step(new InviteServerInput.Accept(Sdps.Us), 0);
        Step(new InviteServerInput.Acknowledged(InDialog("ACK", 7, codecs is null ? null : Sdps.Theirs(codecs: codecs))), 20);
        _trace.ShouldBe(["0 200+sdp", "20 BYE 1 sip:bob@198.51.100.7:5070", "20 failed 488"]);
    }

    [Fact]
    public void Early_media_is_answered_once_and_the_same_in_the_200()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Provide(183, Sdps.Us), 0);
        Step(new InviteServerInput.Provide(180), 5);
        Step(new InviteServerInput.Accept(Sdps.Us with { RtpPort = 1 }), 10);
        _trace.ShouldBe(["0 media PCMA 198.51.100.7:4000 send receive", "0 183+sdp", "5 180+sdp", "10 200+sdp"]);
        _state.Success!.Body.Span.SequenceEqual(_state.LocalSdp!.ToBytes()).ShouldBeTrue();
        _state.LocalSdp!.Media[0].Port.ShouldBe(20000);
    }

    [Fact]
    public void A_CANCEL_before_the_answer_ends_with_487_and_its_reason()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Cancelled(InDialog("CANCEL", 7, null, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")), 10);
        Step(new InviteServerInput.Accept(Sdps.Us), 20);
        _trace.ShouldBe(["10 487", "10 cancelled 200"]);
    }

    [Fact]
    public void A_BYE_in_the_early_dialog_ends_with_487()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Cancelled(InDialog("BYE", 8)), 10);
        _trace.ShouldBe(["10 487", "10 cancelled"]);
    }

    [Fact]
    public void A_CANCEL_that_crosses_the_200_changes_nothing_and_a_BYE_ends_its_repetition()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Accept(Sdps.Us), 0);
        _trace.Clear();
        Step(new InviteServerInput.Cancelled(InDialog("CANCEL", 7)), 10);
        TickUntil(600);
        Step(new InviteServerInput.Cancelled(InDialog("BYE", 8)), 700);
        TickUntil(100_000);
        _trace.ShouldBe(["500 200+sdp again"]);
        _state.Phase.ShouldBe(InviteServerPhase.Ended);
    }

    [Fact]
    public void ACKs_of_something_else_do_not_confirm()
    {
        Begin(Sdps.Theirs());
        Step(new InviteServerInput.Accept(Sdps.Us), 0);
        Step(new InviteServerInput.Acknowledged(InDialog("ACK", 6)), 1);
        Step(new InviteServerInput.Acknowledged(Wire.Request(Wire.Text(InDialog("ACK", 7)).Replace("t1", "t2", StringComparison.Ordinal))), 2);
        _state.Phase.ShouldBe(InviteServerPhase.Accepted);
    }

    [Fact]
    public void Nothing_to_agree_on_is_488_with_a_warning()
    {
        Begin(Sdps.Theirs(codecs: "18"));
        var step = InviteServerUsage.Step(_state, new InviteServerInput.Accept(Sdps.Us), 0, Timers);
        step.Actions.Select(Describe).ShouldBe(["488", "failed 488"]);
        ((SendResponse)step.Actions[0]).Response.Get(HeaderId.Warning).ShouldBe("305 cti \"Incompatible media format\"");
    }

    [Fact]
    public void A_redirection_names_the_target()
    {
        Begin(Sdps.Theirs());
        var step = InviteServerUsage.Step(_state, new InviteServerInput.Refuse(302, null, new NameAddr(SipUri.Parse("sip:300@198.51.100.9"))), 0, Timers);
        var response = ((SendResponse)step.Actions.Single()).Response;
        (response.Status, response.Get(HeaderId.Contact), response.To.Tag).ShouldBe((302, "<sip:300@198.51.100.9>", "t1"));
    }

    [Fact]
    public void A_second_INVITE_before_the_answer_is_told_to_come_later()
    {
        Begin(Sdps.Theirs());
        var step = InviteServerUsage.Step(_state, new InviteServerInput.Overlapped(InDialog("INVITE", 8), 4), 0, Timers);
        var sent = (SendResponse)step.Actions.Single();
        (sent.Response.Status, sent.Response.Get(HeaderId.RetryAfter), sent.Response.CSeq.Number).ShouldBe((500, "4", 8u));
    }

    [Theory]
    [InlineData("Require: precondition", 420, "Unsupported", "precondition")]
    [InlineData("Session-Expires: 60", 422, "Min-SE", "90")]
    [InlineData("Content-Encoding: gzip", 415, "Accept-Encoding", "identity")]
    public void What_cannot_be_taken_is_refused_at_once(string header, int status, string name, string value)
    {
        InviteServerUsage.Begin(Invite(Sdps.Theirs(), header), "t1", Contact, "", out var refusal).ShouldBeNull();
        (refusal!.Status, refusal.Get(name), refusal.To.Tag).ShouldBe((status, value, "t1"));
    }

    [Fact]
    public void Bodies_that_are_not_SDP_are_refused_and_broken_SDP_too()
    {
        var other = Invite(Sdps.Theirs());
        other.Set(HeaderId.ContentType, "application/isup");
        InviteServerUsage.Begin(other, "t1", Contact, "", out var refusal).ShouldBeNull();
        (refusal!.Status, refusal.Get(HeaderId.Accept)).ShouldBe((415, "application/sdp"));
        other.Add(HeaderId.ContentDisposition, "signal;handling=optional");
        InviteServerUsage.Begin(other, "t1", Contact, "", out _)!.Offer.ShouldBeNull();
        InviteServerUsage.Begin(Invite("nonsense\r\n"), "t1", Contact, "", out var bad).ShouldBeNull();
        (bad!.Status, bad.Reason).ShouldBe((400, "Bad SDP (BadVersion)"));
    }

    [Theory]
    [InlineData("Session-Expires: 1800", "Supported: timer", "1800;refresher=uac", "timer")]
    [InlineData("Session-Expires: 1800;refresher=uac", "Supported: timer", "1800;refresher=uac", "timer")]
    [InlineData("Session-Expires: 1800;refresher=uas", "Require: timer", "1800;refresher=uas", null)]
    [InlineData("Session-Expires: 1800", "Supported: replaces", "1800;refresher=uas", null)]
    public void A_session_timer_is_left_to_the_caller_where_it_can_be_and_kept_by_us_where_a_proxy_asks(string expires, string support,
        string? answered, string? required)
    {
        Begin(Sdps.Theirs(), expires, support);
        Step(new InviteServerInput.Accept(Sdps.Us), 0);
        _state.Success!.Get(HeaderId.SessionExpires).ShouldBe(answered);
        _state.Success.Get(HeaderId.Require).ShouldBe(required);
    }
}
