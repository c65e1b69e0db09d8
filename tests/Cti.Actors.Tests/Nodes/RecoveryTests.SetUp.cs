using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Calls that were being set up, or hung up, when their node died.</summary>
public sealed partial class RecoveryTests
{
    [Fact]
    public void A_ringing_far_end_gets_a_CANCEL_with_the_dead_nodes_Via_and_nothing_rings_twice()
    {
        var phone = _bench.Peer("192.0.2.10");
        var call = _bench.Construct($"sip:far@{phone.Local}");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing");
        _bench.KillAndRestart();
        var cancel = phone.Request("CANCEL");
        cancel.TopVia.ToString().ShouldBe(invite.TopVia.ToString());
        (cancel.Uri.Text, cancel.CallId, cancel.CSeq.Number).ShouldBe((invite.Uri.Text, invite.CallId, invite.CSeq.Number));
        (cancel.Get(HeaderId.From), cancel.Get(HeaderId.To)).ShouldBe((invite.Get(HeaderId.From), invite.Get(HeaderId.To)));
        Error(_bench.Expect("sys.call.on_dial_completed")).ShouldBe(503);
        How(_bench.Expect("sys.call.on_released")).ShouldBe(("sys", 503));
        phone.Respond(cancel, 200);
        phone.Respond(invite, 487);
        phone.Request("ACK").CSeq.Number.ShouldBe(1u);
        phone.Rest().ShouldBeEmpty();
        _bench.Server.CallCount.ShouldBe(0);
        call.ShouldNotBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_that_crosses_that_CANCEL_is_acknowledged_and_hung_up()
    {
        var phone = _bench.Peer("192.0.2.10");
        _bench.Construct($"sip:far@{phone.Local}");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 180);
        _bench.KillAndRestart();
        phone.Request("CANCEL");
        phone.Respond(invite, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        phone.Respond(phone.Request("BYE"), 200);
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void After_a_challenge_the_INVITE_that_went_out_last_is_cancelled()
    {
        var trunk = new Trunk { Name = "carrier", Host = "192.0.2.10", User = "us", Password = "secret" };
        var own = new NodeBench(trunks: [trunk]);
        var phone = own.Peer("192.0.2.10");
        own.Construct("sip:200@192.0.2.10");
        phone.Respond(phone.Request("INVITE"), 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5");
        phone.Request("ACK");
        var second = phone.Request("INVITE");
        second.CSeq.Number.ShouldBe(2u);
        phone.Respond(second, 180);
        own.KillAndRestart();
        var cancel = phone.Request("CANCEL");
        (cancel.CSeq.Number, cancel.TopVia.ToString()).ShouldBe((2u, second.TopVia.ToString()));
        phone.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void A_parent_whose_child_was_being_dialled_leaves_Dial()
    {
        var (parent, first, _) = Up();
        var phone = _bench.Peer("192.0.2.11");
        _bench.Construct($"sip:far@{phone.Local}", ("parent_call_res_id", parent));
        phone.Respond(phone.Request("INVITE"), 180);
        _bench.Expect("sys.call.on_ringing");
        State(parent).ShouldBe("Dial");
        _bench.KillAndRestart();
        phone.Request("CANCEL");
        first.AgreeOnReInvite();
        Error(_bench.Expect("sys.call.on_dial_completed")).ShouldBe(503);
        _bench.Runtime.Advance(100);
        State(parent).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_who_waits_stays_offered_and_gets_the_answer_from_the_new_process()
    {
        var (call, phone) = Ringing();
        _bench.KillAndRestart();
        phone.Response(180);
        State(call).ShouldBe("Initiated");
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        ok.TopVia.Branch.ShouldBe("z9hG4bK1");
        ok.Contact!.Uri.User.ShouldBe(ok.To.Tag);
        Acknowledge(phone, ok);
        Error(_bench.Expect("sys.call.on_answer_completed")).ShouldBeNull();
        State(call).ShouldBe("Idle");
        phone.Rest().ShouldBe([]);
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Request("BYE").CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_who_waits_may_be_refused_or_give_up()
    {
        var (call, phone) = Ringing();
        _bench.KillAndRestart();
        _bench.Ask("sys.call.reject", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
        phone.Response(486);
        var (_, other) = Ringing("192.0.2.12");
        _bench.KillAndRestart();
        other.Send("""
            CANCEL sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@192.0.2.12>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: call-192.0.2.12
            CSeq: 1 CANCEL
            """);
        other.Response(200);
        other.Response(487);
        How(_bench.Expect("sys.call.on_released")).ShouldBe(("sys", 486));
        How(_bench.Expect("sys.call.on_released")).ShouldBe(("usr", 487));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_without_an_ACK_is_sent_again_and_the_ACK_leads_to_our_re_INVITE()
    {
        var (call, phone) = Ringing();
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var first = phone.Response(200);
        _bench.KillAndRestart(100);
        phone.Rest();
        var again = phone.Response(200);
        VersionOf(again).Version.ShouldBe(VersionOf(first).Version + 1);
        again.To.Tag.ShouldBe(first.To.Tag);
        Acknowledge(phone, again);
        Error(_bench.Expect("sys.call.on_answer_completed")).ShouldBeNull();
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(2000);
        phone.Rest().ShouldBeEmpty();
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_ACK_that_went_to_the_dead_node_is_made_up_for_by_a_re_INVITE()
    {
        var (call, phone) = Ringing();
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        phone.Response(200);
        _bench.KillAndRestart(100);
        var again = phone.AgreeOnReInvite();
        again.Contact.ShouldNotBeNull();
        Error(_bench.Expect("sys.call.on_answer_completed")).ShouldBeNull();
        phone.Rest();
        _bench.Runtime.Advance(40_000);
        phone.Rest().ShouldNotContain("200");
        call.ShouldNotBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Without_an_ACK_for_32_seconds_the_call_is_released_with_408()
    {
        var (call, phone) = Ringing(more: "Contact: <sip:caller@192.0.2.77>");
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 600)).Error.ShouldBeNull();
        phone.Response(200);
        _bench.KillAndRestart(100);
        Error(_bench.Expect("sys.call.on_answer_completed", 40_000)).ShouldBe(408);
        How(_bench.Expect("sys.call.on_released")).Cause.ShouldBe(408);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_that_was_owed_is_sent_by_the_next_process()
    {
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Request("BYE");
        _bench.Expect("sys.call.on_released");
        _bench.KillAndRestart();
        var bye = phone.Request("BYE");
        bye.CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        phone.Respond(bye, 200);
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }
}
