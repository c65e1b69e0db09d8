using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Reliable provisional responses (RFC 3262) with far ends written by hand, and over the death of a node.</summary>
public sealed class ReliableTests
{
    /// <summary>An application may take longer than 64 T1.</summary>
    private static readonly CallSettings Patient = new() { OfferTimeoutMillis = 120_000 };

    private static (string Call, RawPeer Phone, SipResponse Ringing) Ringing(NodeBench bench, string more = "Require: 100rel")
    {
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", $"Contact: <sip:caller@192.0.2.10>\n{more}");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        return (call, phone, phone.Response(180));
    }

    /// <summary>A request that belongs to the INVITE's transaction.</summary>
    private static void OfInvite(RawPeer phone, string method, string to) => phone.Send($"""
        {method} sip:100@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bK1
        Max-Forwards: 70
        From: <sip:caller@192.0.2.10>;tag=caller
        To: {to}
        Call-ID: call-192.0.2.10
        CSeq: 1 {method}
        """);

    private static void Prack(RawPeer phone, SipResponse ringing, int number = 2, string? rseq = null) =>
        phone.SendAsCaller(ringing, "PRACK", number, $"RAck: {rseq ?? ringing.Get(HeaderId.RSeq)} 1 INVITE");

    private static void Answer(NodeBench bench, RawPeer phone, string call)
    {
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        ok.CSeq.Method.ShouldBe("INVITE");
        phone.SendAsCaller(ok, "ACK", 1);
        bench.Expect("sys.call.on_answer_completed");
    }

    private static void HangsUp(NodeBench bench, RawPeer phone, string call)
    {
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Respond(phone.Request("BYE"), 200);
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_that_requires_it_acknowledges_the_ringing_and_is_answered()
    {
        var bench = new NodeBench(trunks: [new Trunk { Name = "carrier", Host = "192.0.2.10" }]);
        var (call, phone, ringing) = Ringing(bench);
        ringing.Get(HeaderId.Require).ShouldBe("100rel");
        bench.Runtime.Advance(600);
        phone.Response(180).Get(HeaderId.RSeq).ShouldBe(ringing.Get(HeaderId.RSeq));
        Prack(phone, ringing);
        phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        bench.Runtime.Advance(20_000);
        phone.Rest().ShouldBeEmpty();
        Answer(bench, phone, call);
        HangsUp(bench, phone, call);
    }

    [Fact]
    public void A_caller_that_only_lists_it_is_rung_as_any_other()
    {
        var bench = new NodeBench();
        var (call, phone, ringing) = Ringing(bench, "Supported: 100rel");
        ringing.Has(HeaderId.RSeq).ShouldBeFalse();
        Answer(bench, phone, call);
        HangsUp(bench, phone, call);
    }

    [Fact]
    public void A_caller_that_never_acknowledges_is_refused_with_504_after_64_T1()
    {
        var bench = new NodeBench(trunks: [new Trunk { Name = "carrier", Host = "192.0.2.10" }], calls: Patient);
        var (_, phone, _) = Ringing(bench);
        var refusal = phone.Response(504, 40_000);
        OfInvite(phone, "ACK", refusal.Get(HeaderId.To)!);
        var released = bench.Expect("sys.call.on_released");
        (released.GetProperty("dropped_by").GetString(), released.GetProperty("cause").GetInt32()).ShouldBe(("sys", 504));
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_stranger_that_never_acknowledges_gets_no_more_than_it_is_allowed()
    {
        var bench = new NodeBench(calls: Patient);
        var (_, phone, _) = Ringing(bench);
        bench.Runtime.Advance(31_000);
        phone.Rest().Count(what => what == "180").ShouldBeLessThan(3);
        bench.Expect("sys.call.on_released").GetProperty("cause").GetInt32().ShouldBe(504);
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_PRACK_of_something_else_gets_481_and_one_of_no_call_too()
    {
        var bench = new NodeBench();
        var (call, phone, ringing) = Ringing(bench);
        Prack(phone, ringing, 2, "1");
        phone.Response(481).CSeq.Method.ShouldBe("PRACK");
        Prack(phone, ringing, 3);
        phone.Response(200);
        Prack(phone, ringing, 4);
        phone.Response(481);
        Answer(bench, phone, call);
        Prack(phone, ringing, 5);
        phone.Response(481);
        HangsUp(bench, phone, call);
        Prack(phone, ringing, 6);
        phone.Response(481);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_PRACK_that_crosses_the_answer_or_comes_after_the_ACK_is_right()
    {
        var bench = new NodeBench();
        var (call, phone, ringing) = Ringing(bench);
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        phone.SendAsCaller(ok, "ACK", 1);
        bench.Expect("sys.call.on_answer_completed");
        Prack(phone, ringing);
        phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        HangsUp(bench, phone, call);
    }

    [Fact]
    public void A_CANCEL_ends_the_repetition()
    {
        var bench = new NodeBench();
        var (_, phone, ringing) = Ringing(bench);
        OfInvite(phone, "CANCEL", "<sip:100@10.0.0.100>");
        phone.Response(487);
        OfInvite(phone, "ACK", ringing.Get(HeaderId.To)!);
        bench.Expect("sys.call.on_released");
        bench.Runtime.Advance(10_000);
        phone.Rest().ShouldNotContain("180");
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunk_may_have_it_otherwise()
    {
        var bench = new NodeBench(trunks: [new Trunk { Name = "carrier", Host = "192.0.2.10", Reliable = ReliableProvisionals.Off }]);
        var carrier = bench.Peer("192.0.2.10");
        carrier.Invite("100", "Contact: <sip:caller@192.0.2.10>\nRequire: 100rel");
        carrier.Response(420).Get(HeaderId.Unsupported).ShouldBe("100rel");
        bench.Construct("sip:200@192.0.2.10");
        carrier.Request("INVITE").Get(HeaderId.Supported).ShouldBe("timer, replaces, norefersub");
        var other = bench.Peer("192.0.2.11");
        bench.Construct("sip:200@192.0.2.11");
        other.Request("INVITE").Get(HeaderId.Supported)!.ShouldContain("100rel");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Our_INVITE_acknowledges_reliable_responses_in_order_and_the_BYE_counts_on()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        var call = bench.Construct("sip:200@192.0.2.10");
        var invite = phone.Request("INVITE");
        const string Contact = "Contact: <sip:far@192.0.2.10:5060>";
        phone.Respond(invite, 183, $"{Contact}\nRequire: 100rel\nRSeq: 41\nContent-Type: application/sdp", phone.Sdp());
        var prack = phone.Request("PRACK");
        (prack.Get(HeaderId.RAck), prack.CSeq.Number, prack.To.Tag).ShouldBe(("41 1 INVITE", 2u, "far"));
        phone.Respond(prack, 200);
        bench.Expect("sys.call.on_ringing");
        phone.Respond(invite, 183, $"{Contact}\nRequire: 100rel\nRSeq: 41\nContent-Type: application/sdp", phone.Sdp());
        phone.Respond(invite, 180, $"{Contact}\nRequire: 100rel\nRSeq: 43");
        phone.Rest().ShouldBeEmpty();
        phone.Respond(invite, 180, $"{Contact}\nRequire: 100rel\nRSeq: 42");
        var second = phone.Request("PRACK");
        second.CSeq.Number.ShouldBe(3u);
        phone.Respond(second, 200);
        // Nobody has to say the answer twice (RFC 3262 section 5).
        phone.Respond(invite, 200, Contact);
        phone.Request("ACK").CSeq.Number.ShouldBe(1u);
        bench.Expect("sys.call.on_dial_completed");
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = phone.Request("BYE");
        bye.CSeq.Number.ShouldBe(4u);
        phone.Respond(bye, 200);
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_does_not_answer_the_PRACK_changes_nothing_here()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:200@192.0.2.10", ("max_ring_seconds", 100));
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 180, "Contact: <sip:far@192.0.2.10:5060>\nRequire: 100rel\nRSeq: 1");
        phone.Take("PRACK", 33_000).Length.ShouldBeGreaterThan(5);
        phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10:5060>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void After_a_crash_the_answer_is_acknowledged_by_the_INVITEs_number_not_the_PRACKs()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:200@192.0.2.10");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 180, "Contact: <sip:far@192.0.2.10:5060>\nRequire: 100rel\nRSeq: 1");
        phone.Respond(phone.Request("PRACK"), 200);
        phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10:5060>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        bench.KillAndRestart();
        phone.Request("ACK").CSeq.Number.ShouldBe(1u);
        phone.AgreeOnReInvite().CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_that_crosses_the_CANCEL_of_a_new_owner_is_hung_up_with_a_number_beyond_the_PRACKs()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:200@192.0.2.10");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 180, "Contact: <sip:far@192.0.2.10:5060>\nRequire: 100rel\nRSeq: 1");
        phone.Respond(phone.Request("PRACK"), 200);
        bench.KillAndRestart();
        phone.Respond(phone.Request("CANCEL"), 200);
        // It has not heard that this one was acknowledged; who is cancelled is not told.
        phone.Respond(invite, 183, "Contact: <sip:far@192.0.2.10:5060>\nRequire: 100rel\nRSeq: 2");
        phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10:5060>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK").CSeq.Number.ShouldBe(1u);
        var bye = phone.Request("BYE");
        bye.CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        phone.Respond(bye, 200);
        phone.Rest().ShouldBeEmpty();
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_new_owner_repeats_the_ringing_under_its_number_and_answers(bool wasAcknowledged)
    {
        var bench = new NodeBench();
        var (call, phone, ringing) = Ringing(bench);
        if (wasAcknowledged)
        {
            Prack(phone, ringing);
            phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        }
        bench.KillAndRestart();
        var again = phone.Response(180);
        (again.Get(HeaderId.RSeq), again.To.Tag).ShouldBe((ringing.Get(HeaderId.RSeq), ringing.To.Tag));
        if (!wasAcknowledged)
        {
            Prack(phone, again);
            phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        }
        // Who has acknowledged it before does so no more, and is not refused for that.
        bench.Runtime.Advance(20_000);
        Answer(bench, phone, call);
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Request("BYE").CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        bench.Crashes.ShouldBeEmpty();
    }
}
