using System.Net;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

public sealed class ServerTransactionTests
{
    private readonly TransactionBench _bench = new();

    private ServerTransaction Invite(SipFlow? flow = null)
    {
        _bench.Receive(Texts.Request("INVITE"), flow);
        return _bench.Requests[^1];
    }

    private static SipResponse For(ServerTransaction transaction, int status) => SipResponse.For(transaction.Request, status, null, "local");

    private static string Ack(string branch = "z9hG4bKfar1") => Texts.Request("ACK", branch, toTag: "local");

    [Fact]
    public void An_INVITE_that_the_user_leaves_alone_gets_100_after_200_ms_and_again_for_each_repetition()
    {
        Invite();
        _bench.RunUntil(100);
        _bench.Receive(Texts.Request("INVITE"));
        _bench.RunUntil(500);
        _bench.Receive(Texts.Request("INVITE"));
        _bench.Trace.ShouldBe(["0 request INVITE", "200 > 100 INVITE", "500 > 100 INVITE"]);
        _bench.LastSent.To.Tag.ShouldBeNull();
        _bench.RunUntil(1_000_000);
        _bench.Layer.Count.ShouldBe(1);
    }

    [Fact]
    public void No_100_follows_an_answer_within_200_ms_and_a_repeated_INVITE_gets_the_last_provisional()
    {
        var invite = Invite();
        _bench.RunUntil(150);
        invite.Respond(For(invite, 180));
        _bench.RunUntil(500);
        _bench.Receive(Texts.Request("INVITE"));
        _bench.Trace.ShouldBe(["0 request INVITE", "150 > 180 INVITE", "500 > 180 INVITE"]);
    }

    [Fact]
    public void An_INVITE_that_another_node_answers_is_kept_for_timer_C_and_the_ACK_of_that_answer_goes_to_the_user()
    {
        var invite = Invite();
        invite.Respond(For(invite, 180));
        invite.HandOff(0);
        _bench.RunUntil(500);
        _bench.Receive(Texts.Request("INVITE"));
        _bench.Receive(Ack());
        _bench.Acks.ShouldHaveSingleItem().Transaction.ShouldBe(invite);
        _bench.RunUntil(199_999);
        _bench.Layer.Count.ShouldBe(1);
        _bench.RunUntil(200_000);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Trace.Where(static line => line.Contains('>', StringComparison.Ordinal)).ShouldBe(["0 > 180 INVITE", "500 > 180 INVITE"]);
    }

    [Fact]
    public void An_INVITE_that_was_let_go_is_forgotten_when_its_user_says_so_and_any_other_is_not()
    {
        var invite = Invite();
        invite.Forget();
        _bench.Layer.Count.ShouldBe(1);
        invite.HandOff(300_000);
        _bench.RunUntil(299_999);
        _bench.Layer.Count.ShouldBe(1);
        invite.Forget();
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void A_100_is_sent_at_once_when_asked_for()
    {
        _bench.WhenRequest = t => t.SendTrying();
        Invite();
        _bench.RunUntil(1_000);
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 100 INVITE"]);
    }

    [Fact]
    public void A_failure_is_repeated_until_its_ACK_comes_and_the_ACK_is_absorbed()
    {
        var invite = Invite();
        invite.Respond(For(invite, 486)).ShouldBeTrue();
        _bench.RunUntil(1_600);
        _bench.Receive(Texts.Request("INVITE"));
        _bench.RunUntil(2_000);
        _bench.Receive(Ack());
        invite.Phase.ShouldBe(TransactionPhase.Confirmed);
        _bench.RunUntil(6_999);
        _bench.Receive(Ack());
        _bench.Receive(Texts.Request("INVITE"));
        _bench.Layer.Count.ShouldBe(1);
        _bench.RunUntil(7_000);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 486 INVITE", "500 > 486 INVITE", "1500 > 486 INVITE", "1600 > 486 INVITE"]);
    }

    [Fact]
    public void A_failure_that_is_never_acknowledged_is_repeated_at_most_every_4_s_and_given_up_after_32_s()
    {
        var invite = Invite();
        invite.Respond(For(invite, 486));
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 486 INVITE", "500 > 486 INVITE", "1500 > 486 INVITE", "3500 > 486 INVITE", "7500 > 486 INVITE",
            "11500 > 486 INVITE", "15500 > 486 INVITE", "19500 > 486 INVITE", "23500 > 486 INVITE", "27500 > 486 INVITE", "31500 > 486 INVITE",
            "32000 server failed no ACK"]);
    }

    [Fact]
    public void Over_TCP_a_failure_is_sent_once_and_its_ACK_ends_the_transaction()
    {
        var invite = Invite(TransactionBench.Tcp);
        invite.Respond(For(invite, 486));
        _bench.RunUntil(10_000);
        _bench.Layer.Count.ShouldBe(1);
        _bench.Receive(Ack(), TransactionBench.Tcp);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 486 INVITE tcp"]);
    }

    [Fact]
    public void After_a_2xx_repeated_INVITEs_are_absorbed_and_the_user_may_repeat_the_2xx_for_64_T1()
    {
        var invite = Invite();
        invite.Respond(For(invite, 200)).ShouldBeTrue();
        _bench.RunUntil(500);
        _bench.Receive(Texts.Request("INVITE"));
        invite.Respond(For(invite, 200)).ShouldBeTrue();
        invite.Respond(For(invite, 180)).ShouldBeFalse();
        invite.Respond(For(invite, 486)).ShouldBeFalse();
        _bench.RunUntil(32_000);
        invite.Respond(For(invite, 200)).ShouldBeFalse();
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 200 INVITE", "500 > 200 INVITE"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void The_ACK_of_a_2xx_reaches_the_user_by_its_own_branch_and_by_the_INVITEs()
    {
        var invite = Invite();
        invite.Respond(For(invite, 200));
        _bench.Receive(Ack("z9hG4bKack1"));
        _bench.Receive(Ack());
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 200 INVITE", "0 ack", "0 ack"]);
        _bench.Acks[0].Transaction.ShouldBeNull();
        _bench.Acks[1].Transaction.ShouldBe(invite);
    }

    [Fact]
    public void A_CANCEL_is_answered_and_reported_and_the_user_answers_the_INVITE()
    {
        var invite = Invite();
        invite.Respond(For(invite, 180));
        _bench.Receive(Texts.Request("CANCEL"));
        _bench.Receive(Texts.Request("CANCEL"));
        invite.IsCancelled.ShouldBeTrue();
        invite.Respond(For(invite, 487));
        _bench.Receive(Ack());
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 180 INVITE", "0 > 200 CANCEL", "0 cancelled", "0 > 200 CANCEL", "0 > 487 INVITE"]);
        _bench.Sent[1].Message.To.Tag.ShouldBe("local", "RFC 3261 section 9.2: the CANCEL's tag is the INVITE's");
    }

    [Fact]
    public void A_CANCEL_that_comes_after_the_final_response_is_answered_but_not_reported()
    {
        var invite = Invite();
        invite.Respond(For(invite, 200));
        _bench.Receive(Texts.Request("CANCEL"));
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 200 INVITE", "0 > 200 CANCEL"]);
    }

    [Fact]
    public void A_CANCEL_that_matches_nothing_gets_481()
    {
        Invite();
        _bench.Receive(Texts.Request("CANCEL", "z9hG4bKnone"));
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 481 CANCEL"]);
        _bench.LastSent.To.Tag.ShouldNotBeNull();
    }

    [Fact]
    public void A_non_INVITE_that_comes_again_is_absorbed_until_answered_then_answered_again_until_timer_J()
    {
        _bench.Receive(Texts.Request("BYE"));
        _bench.Receive(Texts.Request("BYE"));
        var bye = _bench.Requests.Single();
        bye.Respond(For(bye, 183));
        _bench.Receive(Texts.Request("BYE"));
        bye.Respond(For(bye, 200));
        bye.Respond(For(bye, 500)).ShouldBeFalse();
        _bench.RunUntil(31_999);
        _bench.Receive(Texts.Request("BYE"));
        _bench.RunUntil(32_000);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Trace.ShouldBe(["0 request BYE", "0 > 183 BYE", "0 > 183 BYE", "0 > 200 BYE", "31999 > 200 BYE"]);
    }

    [Fact]
    public void Over_TCP_an_answered_non_INVITE_is_over_at_once()
    {
        _bench.WhenRequest = t => t.Respond(For(t, 200));
        _bench.Receive(Texts.Request("OPTIONS"), TransactionBench.Tcp);
        _bench.Trace.ShouldBe(["0 request OPTIONS", "0 > 200 OPTIONS tcp"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void The_same_request_by_another_path_gets_482()
    {
        Invite();
        _bench.Receive(Texts.Request("INVITE", "z9hG4bKother"));
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 482 INVITE"]);
        _bench.Layer.Counters.Merged.ShouldBe(1);
    }

    [Fact]
    public void A_user_may_take_a_merged_request()
    {
        _bench.TakesMerged = true;
        Invite();
        _bench.Receive(Texts.Request("INVITE", "z9hG4bKother"));
        _bench.Requests.Count.ShouldBe(2);
        _bench.Requests[1].Respond(For(_bench.Requests[1], 180));
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 180 INVITE"]);
        _bench.LastSent.TopVia.Branch.ShouldBe("z9hG4bKother");
    }

    [Fact]
    public void A_request_within_a_dialog_and_one_with_the_next_CSeq_are_not_merged()
    {
        Invite();
        _bench.Receive(Texts.Request("INVITE", "z9hG4bKa", toTag: "local"));
        _bench.Receive(Texts.Request("INVITE", "z9hG4bKb", number: 2));
        _bench.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public void Past_the_bound_what_is_of_a_call_finds_room_and_what_ends_one_always()
    {
        var small = new TransactionBench(max: 4);
        for (var i = 0; i < 4; i++) small.Receive(Texts.Request("OPTIONS", $"z9hG4bK-{i}", number: (uint)i + 1));
        small.Trace.Clear();
        small.Receive(Texts.Request("INVITE", "z9hG4bK-new"));
        small.Receive(Texts.Request("INFO", "z9hG4bK-first", toTag: "local"));
        small.Receive(Texts.Request("INFO", "z9hG4bK-second", toTag: "local"));
        for (var i = 0; i < 3; i++) small.Receive(Texts.Request("BYE", $"z9hG4bK-bye{i}", toTag: "local"));
        small.Trace.ShouldBe(["0 > 503 INVITE", "0 request INFO", "0 > 503 INFO", "0 request BYE", "0 request BYE", "0 request BYE"]);
    }

    [Fact]
    public void A_rush_leaves_no_room_behind()
    {
        var rush = new TransactionBench(max: 100_000) { WhenRequest = static transaction => transaction.Respond(For(transaction, 200)) };
        for (var i = 0; i < 60_000; i++) rush.Receive(Texts.Request("OPTIONS", $"z9hG4bK-{i}", toTag: "local"));
        var full = rush.Layer.Capacity;
        full.ShouldBeGreaterThan(59_999);
        rush.RunUntil(40_000);
        rush.Layer.Count.ShouldBe(0);
        rush.Layer.Capacity.ShouldBeLessThan(full / 4);
    }

    [Fact]
    public void Past_the_bound_new_requests_get_503_with_Retry_After_and_ACKs_still_pass()
    {
        var small = new TransactionBench(max: 2);
        small.Receive(Texts.Request("OPTIONS", "z9hG4bK1", number: 1));
        small.Receive(Texts.Request("OPTIONS", "z9hG4bK2", number: 2));
        small.Receive(Texts.Request("OPTIONS", "z9hG4bK3", number: 3));
        small.Receive(Texts.Request("OPTIONS", "z9hG4bK3", number: 3));
        small.Receive(Ack("z9hG4bK4"));
        small.Trace.ShouldBe(["0 request OPTIONS", "0 request OPTIONS", "0 > 503 OPTIONS", "0 > 503 OPTIONS", "0 ack"]);
        small.Sent[0].Message.Get(HeaderId.RetryAfter).ShouldBe("1");
        small.Sent[0].Message.To.Tag.ShouldBe(small.Sent[1].Message.To.Tag, "a stateless answer to the same request has the same tag");
        small.Layer.Counters.Refused.ShouldBe(2);
        small.Layer.Count.ShouldBe(2);
    }

    [Fact]
    public void Answers_to_a_datagram_go_to_its_source_and_the_port_of_its_Via()
    {
        var source = new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("198.51.100.7"), 34567));
        _bench.WhenRequest = t => t.Respond(For(t, 200));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP phone.example.com:5070"), source);
        _bench.Sent[0].Flow.Remote.ShouldBe(new IPEndPoint(IPAddress.Parse("198.51.100.7"), 5070));
        _bench.LastSent.TopVia.ToString().ShouldBe("SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bKfar1;received=198.51.100.7");
    }

    [Fact]
    public void Answers_to_a_datagram_with_rport_go_to_where_it_came_from()
    {
        var source = new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("198.51.100.7"), 34567));
        _bench.WhenRequest = t => t.Respond(For(t, 200));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP 10.0.0.5:5070;rport"), source);
        _bench.Sent[0].Flow.ShouldBe(source);
        _bench.LastSent.TopVia.ToString().ShouldBe("SIP/2.0/UDP 10.0.0.5:5070;rport=34567;branch=z9hG4bKfar1;received=198.51.100.7");
    }

    [Fact]
    public void An_IPv6_source_is_noted_without_brackets()
    {
        var source = new SipFlow(SipTransportKind.Udp, 0, new IPEndPoint(IPAddress.Parse("2001:db8::9"), 5062));
        _bench.WhenRequest = t => t.Respond(For(t, 200));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP [2001:db8::5];rport"), source);
        _bench.LastSent.TopVia.ToString().ShouldBe("SIP/2.0/UDP [2001:db8::5];rport=5062;branch=z9hG4bKfar1;received=2001:db8::9");
    }

    [Fact]
    public void A_maddr_does_not_divert_answers()
    {
        _bench.WhenRequest = t => t.Respond(For(t, 200));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP 192.0.2.9:5060;maddr=203.0.113.200"));
        _bench.Sent[0].Flow.Remote.ShouldBe(TransactionBench.Peer);
    }

    [Fact]
    public void When_the_connection_is_gone_the_answer_goes_by_a_new_one_to_the_Vias_port()
    {
        var invite = Invite(TransactionBench.Tcp with { Remote = new IPEndPoint(IPAddress.Parse("192.0.2.9"), 40001) });
        invite.Respond(For(invite, 200));
        _bench.Layer.SendFailed(_bench.Sent[0].Id, SipSendFailure.ConnectionGone);
        _bench.Sent[1].Flow.ShouldBe(new SipFlow(SipTransportKind.Tcp, 0, new IPEndPoint(IPAddress.Parse("192.0.2.9"), 5060)));
        _bench.Sent[1].Bytes.ShouldBe(_bench.Sent[0].Bytes);
        _bench.Layer.SendFailed(_bench.Sent[1].Id, SipSendFailure.ConnectFailed);
        _bench.Trace.ShouldBe(["0 request INVITE", "0 > 200 INVITE tcp", "0 > 200 INVITE tcp", "0 server failed ConnectFailed"]);
        invite.Phase.ShouldBe(TransactionPhase.Accepted);
    }

    [Fact]
    public void A_peer_of_RFC_2543_without_branches_is_matched_by_the_whole_request()
    {
        var text = Texts.Request("INVITE", "");
        _bench.Receive(text);
        _bench.Receive(text);
        var invite = _bench.Requests.Single();
        invite.Respond(For(invite, 486));
        _bench.Receive(Texts.Request("ACK", "", toTag: "someone-else"));
        invite.Phase.ShouldBe(TransactionPhase.Completed);
        _bench.Receive(Texts.Request("ACK", "", toTag: "local"));
        invite.Phase.ShouldBe(TransactionPhase.Confirmed);
        _bench.Receive(Texts.Request("INVITE", "", number: 2));
        _bench.Requests.Count.ShouldBe(2);
        _bench.Receive(Texts.Request("CANCEL", "", number: 2));
        _bench.Trace[^1].ShouldBe("0 cancelled");
    }

    [Fact]
    public void The_same_branch_from_another_sender_is_another_transaction()
    {
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP a.example.com"));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP b.example.com", callId: "other"));
        _bench.Receive(Texts.Request("OPTIONS", via: "SIP/2.0/UDP A.EXAMPLE.COM:5060"));
        _bench.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public void A_rejected_request_is_answered_without_state_and_counted()
    {
        var bad = SipParser.ParseDatagram(Texts.Bytes(Texts.Request("OPTIONS").Replace("CSeq: 1 OPTIONS", "CSeq: 1 INFO", StringComparison.Ordinal)));
        bad.Outcome.ShouldBe(SipParseOutcome.Rejected);
        _bench.Layer.ReceiveRejected(bad, TransactionBench.Udp);
        _bench.Layer.ReceiveRejected(bad, TransactionBench.Udp);
        _bench.Trace.ShouldBe(["0 > 400 INFO", "0 > 400 INFO"]);
        _bench.Sent[0].Bytes.ShouldBe(_bench.Sent[1].Bytes);
        _bench.Layer.Counters.Rejected(SipRejection.MethodMismatch).ShouldBe(2);
        _bench.Layer.Count.ShouldBe(0);
    }
}
