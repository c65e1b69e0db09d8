using System.Text.Json;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What devices really send, and what a call makes of it.</summary>
public sealed class ToleranceTests
{
    private readonly NodeBench _bench = new();

    private (string Call, RawPeer Phone, SipRequest Invite) Dialled()
    {
        var phone = _bench.Peer("192.0.2.7");
        var call = _bench.Construct("sip:bob@192.0.2.7");
        return (call, phone, phone.Request("INVITE"));
    }

    private (string Call, RawPeer Phone, SipResponse Ok) Answered(string more = "Contact: <sip:caller@192.0.2.10>", bool acknowledge = true)
    {
        var phone = _bench.Peer("192.0.2.10");
        phone.Invite("100", more);
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 600)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        if (!acknowledge) return (call, phone, ok);
        InDialog(phone, ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        return (call, phone, ok);
    }

    private static void InDialog(RawPeer phone, SipResponse ok, string method, int number, string more = "", string body = "") => phone.Send($"""
        {method} {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: {ok.Get(HeaderId.From)}
        To: {ok.Get(HeaderId.To)}
        Call-ID: {ok.CallId}
        CSeq: {number} {method}
        {more}
        """, body);

    [Theory]
    [InlineData("Contact: <sip:bob@192.0.2.7>\nExpires: 60\nExpires: 60")]
    [InlineData("Contact: <sip:bob@192.0.2.7>\nSession-Expires: 1800;refresher=uac\nSession-Expires: 1800;refresher=uac")]
    [InlineData("Contact: <sip:bob@192.0.2.7>\nX-Junk")]
    [InlineData("Contact: <sip:bob@192.0.2.7>;")]
    [InlineData("Contact: <sip:bob@192.0.2.7:0>")]
    [InlineData("Contact: < sip:bob@192.0.2.7 >\nMin-SE: x\nMin-SE: y\nRequire: ;;")]
    public void A_200_with_what_nobody_needs_is_an_answer(string lines)
    {
        var (call, phone, invite) = Dialled();
        phone.Respond(invite, 200, $"{lines}\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK").Uri.Host.ShouldBe("192.0.2.7");
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Respond(phone.Request("BYE"), 200);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("X-None: y", true, 502)]
    [InlineData("Contact: <sip:bob@192.0.2.7:99999>", true, 502)]
    [InlineData("Contact: <sip:bob@192.0.2.7>\nRecord-Route: <<>", true, 502)]
    [InlineData("Contact: <sip:bob@192.0.2.7>", false, 488)]
    public void A_200_that_cannot_be_used_gets_ACK_and_BYE_and_the_dialling_its_error_at_once(string lines, bool hasSdp, int error)
    {
        var (_, phone, invite) = Dialled();
        phone.Respond(invite, 200, hasSdp ? $"{lines}\nContent-Type: application/sdp" : lines, hasSdp ? phone.Sdp() : "");
        phone.Request("ACK", 500).Uri.Host.ShouldBe("192.0.2.7");
        phone.Respond(phone.Request("BYE", 500), 200);
        var completed = _bench.Expect("sys.call.on_dial_completed", 500);
        completed.GetProperty("error").GetProperty("code").GetInt32().ShouldBe(error);
        // It comes again when the call is forgotten: hung up once more, which the far end need not know of, and acknowledged.
        phone.Respond(invite, 200, lines);
        phone.Respond(phone.Request("BYE", 500), 481);
        phone.Request("ACK", 500);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_refusal_with_garbage_is_a_refusal()
    {
        var (_, phone, invite) = Dialled();
        phone.Respond(invite, 486, "Retry-After: x\nRetry-After: y\nno colon\nContent-Type:\nContact: <");
        phone.Request("ACK", 500);
        _bench.Expect("sys.call.on_dial_completed", 500).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(486);
    }

    [Fact]
    public void A_200_to_a_re_INVITE_that_comes_after_our_BYE_is_acknowledged()
    {
        var (call, phone, ok) = Answered();
        _bench.KillAndRestart();
        var moved = phone.Request("INVITE");
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = phone.Request("BYE");
        phone.Respond(moved, 200, "Contact: <\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK", 500).CSeq.Number.ShouldBe(moved.CSeq.Number);
        phone.Respond(bye, 200);
        ok.ShouldNotBeNull();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Max-Forwards: 70")]
    [InlineData("Content-Type:")]
    [InlineData("Contact: <sip:a@b>;\nContact:")]
    [InlineData("no colon at all\nReason: ;;\nRequire: everything")]
    [InlineData("Route: <\nVia: below, all is nonsense")]
    public void A_BYE_that_identifies_a_dialog_ends_it(string lines)
    {
        var (_, phone, ok) = Answered();
        InDialog(phone, ok, "BYE", 2, lines);
        phone.Response(200).CSeq.Method.ShouldBe("BYE");
        _bench.Expect("sys.call.on_released");
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_ends_the_call_whatever_its_number()
    {
        var (_, phone, ok) = Answered();
        InDialog(phone, ok, "OPTIONS", 9);
        phone.Response(200);
        InDialog(phone, ok, "BYE", 3);
        phone.Response(200).CSeq.Method.ShouldBe("BYE");
        _bench.Expect("sys.call.on_released");
    }

    [Theory]
    [InlineData("Contact:")]
    [InlineData("Contact: <sip:caller@192.0.2.10>;")]
    [InlineData("Contact: <\nMax-Forwards: 70\nContent-Type: ;\nRequire: x\nno colon")]
    public void An_ACK_with_garbage_counts(string lines)
    {
        var (_, phone, ok) = Answered(acknowledge: false);
        InDialog(phone, ok, "ACK", 1, lines);
        _bench.Expect("sys.call.on_answer_completed", 500);
        phone.Hears("BYE", 33_000).ShouldBeFalse();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Quotes_in_a_Contact_and_a_Route_come_back_letter_for_letter()
    {
        var (call, phone, _) = Answered("Contact: <sip:u@192.0.2.10;thinfo=\"a1b2=\";>;\nRecord-Route: <sip:192.0.2.10;lr;;th=\"x y\">");
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = phone.Request("BYE");
        bye.Uri.Text.ShouldBe("sip:u@192.0.2.10;thinfo=\"a1b2=\";");
        bye.Get(HeaderId.Route).ShouldBe("<sip:192.0.2.10;lr;;th=\"x y\">");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("<sip:@192.0.2.10>;tag=caller", "sip:@192.0.2.10")]
    [InlineData("\"A\" <sip: a@192.0.2.10 >;tag=caller", "sip: a@192.0.2.10 ")]
    [InlineData("Jane (home) <sip:a@192.0.2.10;x=\"y\">;;tag=\"odd one\"", "sip:a@192.0.2.10;x=\"y\"")]
    [InlineData("<unavailable>;tag=a<b>c", "unavailable")]
    public void A_caller_is_shown_as_it_calls_itself(string from, string uri)
    {
        var phone = _bench.Peer("192.0.2.10");
        phone.Send($"""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKodd
            From: {from}
            To: <sip:100@10.0.0.100>
            Call-ID: an odd <Call-ID>
            CSeq: 1 INVITE
            Contact: <sip:caller@{phone.Local}>
            Content-Type: application/sdp
            """, phone.Sdp());
        var incoming = _bench.Expect("sys.call.on_incoming");
        incoming.GetProperty("from_uri").GetString().ShouldBe(uri);
        var call = incoming.GetProperty("res_id").GetString()!;
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 600)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        ok.Get(HeaderId.From).ShouldBe(from);
        InDialog(phone, ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = phone.Request("BYE");
        bye.To.Tag.ShouldBe(ok.From.Tag);
        bye.CallId.ShouldBe("an odd <Call-ID>");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_UPDATE_before_the_answer_is_answered_and_moves_the_caller()
    {
        var phone = _bench.Peer("192.0.2.10");
        var elsewhere = _bench.Peer("192.0.2.11");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        var ringing = phone.Response(180);
        ringing.Get(HeaderId.Allow)!.ShouldContain("UPDATE");
        InDialog(phone, ringing, "UPDATE", 2, "Contact: <sip:caller@192.0.2.11>");
        phone.Response(200).CSeq.Method.ShouldBe("UPDATE");
        InDialog(phone, ringing, "UPDATE", 3, "Contact: <sip:caller@192.0.2.11>\nContent-Type: application/sdp", phone.Sdp());
        phone.Response(500).Has(HeaderId.RetryAfter).ShouldBeTrue();
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 600)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        InDialog(phone, ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        _bench.KillAndRestart();
        elsewhere.AgreeOnReInvite().Uri.ToString().ShouldBe("sip:caller@192.0.2.11");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_UPDATE_of_a_phone_that_rings_is_answered()
    {
        var (_, phone, invite) = Dialled();
        phone.Respond(invite, 180, "Contact: <sip:bob@192.0.2.7>");
        _bench.Expect("sys.call.on_ringing");
        phone.SendInDialog(invite, "UPDATE", 5, "Contact: <sip:bob@192.0.2.7:5070>");
        phone.Response(200).CSeq.Method.ShouldBe("UPDATE");
        phone.SendInDialog(invite, "UPDATE", 6, "Contact: <sip:bob@192.0.2.7:5070>\nContent-Type: application/sdp", phone.Sdp());
        phone.Response(491);
        phone.Respond(invite, 200, "Contact: <sip:bob@192.0.2.7>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_UPDATE_moves_the_far_end_of_a_call_that_is_up_also_for_who_takes_it_over()
    {
        var (_, phone, ok) = Answered();
        var elsewhere = _bench.Peer("192.0.2.11");
        InDialog(phone, ok, "UPDATE", 2, "Contact: <sip:caller@192.0.2.11>");
        phone.Response(200).CSeq.Method.ShouldBe("UPDATE");
        _bench.KillAndRestart();
        elsewhere.AgreeOnReInvite().Uri.ToString().ShouldBe("sip:caller@192.0.2.11");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_session_is_refreshed_by_UPDATE_where_the_far_end_takes_it()
    {
        var (_, phone, _) = Answered("Contact: <sip:caller@192.0.2.10>\nAllow: INVITE, ACK, BYE, UPDATE\nSupported: timer\nSession-Expires: 90;refresher=uas");
        var refresh = phone.Request("UPDATE", 46_000);
        (refresh.Get(HeaderId.SessionExpires), refresh.Body.IsEmpty).ShouldBe(("90;refresher=uac", true));
        phone.Respond(refresh, 200, "Contact: <sip:caller@192.0.2.10>\nSession-Expires: 90;refresher=uac");
        phone.Respond(phone.Request("UPDATE", 46_000), 405);
        phone.Respond(phone.Request("INVITE", 500), 200, "Contact: <sip:caller@192.0.2.10>\nSession-Expires: 90;refresher=uac\nContent-Type: application/sdp",
            phone.Sdp());
        phone.Request("ACK");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_stray_200_is_hung_up_and_acknowledged_also_where_it_does_not_say_by_whom()
    {
        var (_, phone, invite) = Dialled();
        _bench.KillAndRestart();
        phone.Rest();
        var unknown = invite.From.Tag!;
        var other = unknown[..^1] + (unknown[^1] == '0' ? '1' : '0');
        phone.Send($"SIP/2.0 200 OK\nVia: {invite.Get(HeaderId.Via)}\nFrom: <sip:cti@10.0.0.100>;tag={other}\nTo: <sip:bob@192.0.2.7>;tag=stray\n"
            + "Call-ID: nobodys\nCSeq: 1 INVITE\nContact: <");
        phone.Respond(phone.Request("BYE", 500), 481);
        phone.Request("ACK", 500).To.Tag.ShouldBe("stray");
        _bench.Crashes.ShouldBeEmpty();
    }
}
