using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

public sealed class ClientTransactionTests
{
    private readonly TransactionBench _bench = new();

    private static SipFlow Udp => TransactionBench.Udp;

    private static SipFlow Tcp => TransactionBench.Tcp;

    [Fact]
    public void An_unanswered_INVITE_over_UDP_is_sent_seven_times_and_times_out_after_32_s()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "500 > INVITE", "1500 > INVITE", "3500 > INVITE", "7500 > INVITE", "15500 > INVITE", "31500 > INVITE",
            "32000 timeout INVITE"]);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Layer.NextDeadline.ShouldBe(long.MaxValue);
        _bench.Sent.Select(s => Convert.ToHexString(s.Bytes)).Distinct().Count().ShouldBe(1, "a retransmission is the same bytes");
    }

    [Fact]
    public void An_unanswered_INVITE_over_TCP_is_sent_once_and_times_out_after_32_s()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Tcp);
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 > INVITE tcp", "32000 timeout INVITE"]);
    }

    [Fact]
    public void What_may_not_be_repeated_now_is_held_back_while_its_timers_go_on()
    {
        _bench.MayRepeat = client => client.Request.Method != SipMethods.Invite || _bench.Now is < 1_000 or > 5_000;
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "500 > INVITE", "7500 > INVITE", "15500 > INVITE", "31500 > INVITE", "32000 timeout INVITE"]);
    }

    [Fact]
    public void Other_timers_are_the_stacks_own()
    {
        var quick = new TransactionBench(new SipTimers(T1: 10, T2: 40, T4: 50));
        quick.Layer.StartClient(TransactionBench.Request("OPTIONS"), Udp);
        quick.RunUntil(200);
        quick.Trace.ShouldBe(["0 > OPTIONS", "10 > OPTIONS", "30 > OPTIONS", "70 > OPTIONS", "110 > OPTIONS", "150 > OPTIONS", "190 > OPTIONS"]);
        quick.RunUntil(1_000);
        quick.Trace[^1].ShouldBe("640 timeout OPTIONS");
    }

    [Fact]
    public void A_provisional_response_stops_the_INVITE_from_being_repeated_and_from_timing_out()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.RunUntil(600);
        _bench.Answer(0, 180);
        _bench.RunUntil(200_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "500 > INVITE", "600 response 180"]);
        _bench.Layer.Count.ShouldBe(1);
    }

    [Fact]
    public void A_failure_is_acknowledged_each_time_it_comes_until_timer_D_and_reported_once()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 486);
        _bench.RunUntil(500);
        _bench.Answer(0, 486);
        _bench.RunUntil(31_999);
        _bench.Answer(0, 486);
        _bench.Layer.Count.ShouldBe(1);
        _bench.RunUntil(32_000);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Answer(0, 486);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 > ACK", "0 response 486", "500 > ACK", "31999 > ACK"]);
        _bench.Layer.Counters.StrayResponses.ShouldBe(1);
    }

    [Fact]
    public void The_ACK_of_a_failure_has_the_INVITEs_Via_Route_and_URI_and_the_responses_To()
    {
        var invite = TransactionBench.Request("INVITE", 7);
        invite.Add(HeaderId.Route, "<sip:proxy.example.com;lr>");
        invite.Add(HeaderId.Route, "<sip:proxy2.example.com;lr>");
        _bench.Layer.StartClient(invite, Udp);
        _bench.Answer(0, 404, "far-tag");
        var ack = (SipRequest)_bench.Sent[1].Message;
        ack.Method.ShouldBe("ACK");
        ack.Uri.Text.ShouldBe("sip:bob@192.0.2.9");
        ack.Vias.Count.ShouldBe(1);
        ack.TopVia.ToString().ShouldBe(_bench.Sent[0].Message.TopVia.ToString());
        ack.Routes.Select(r => r.ToString()).ShouldBe(["<sip:proxy.example.com;lr>", "<sip:proxy2.example.com;lr>"]);
        ack.To.Tag.ShouldBe("far-tag");
        ack.From.Tag.ShouldBe("near");
        ack.CallId.ShouldBe("call-1");
        ack.CSeq.ShouldBe(new CSeqValue(7, "ACK"));
    }

    [Fact]
    public void Over_TCP_a_failure_ends_the_transaction_at_once()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Tcp);
        _bench.Answer(0, 603);
        _bench.Trace.ShouldBe(["0 > INVITE tcp", "0 > ACK tcp", "0 response 603"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void Every_2xx_within_64_T1_reaches_the_user_and_none_is_acknowledged_by_the_layer()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 200, "fork-a");
        _bench.RunUntil(500);
        _bench.Answer(0, 200, "fork-a");
        _bench.RunUntil(800);
        _bench.Answer(0, 200, "fork-b");
        _bench.Answer(0, 486, "fork-c");
        _bench.RunUntil(31_999);
        _bench.Answer(0, 200, "fork-a");
        _bench.RunUntil(32_000);
        _bench.Answer(0, 200, "fork-a");
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 200", "500 response 200", "800 response 200", "31999 response 200", "32000 stray 200"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void A_non_INVITE_is_repeated_at_most_every_4_s_and_every_4_s_once_it_is_proceeding()
    {
        _bench.Layer.StartClient(TransactionBench.Request("BYE"), Udp);
        _bench.RunUntil(3_600);
        _bench.Answer(0, 100);
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 > BYE", "500 > BYE", "1500 > BYE", "3500 > BYE", "3600 response 100", "7500 > BYE", "11500 > BYE", "15500 > BYE",
            "19500 > BYE",
            "23500 > BYE", "27500 > BYE", "31500 > BYE", "32000 timeout BYE"]);
    }

    [Fact]
    public void A_non_INVITE_absorbs_repeated_answers_until_timer_K()
    {
        _bench.Layer.StartClient(TransactionBench.Request("BYE"), Udp);
        _bench.Answer(0, 200);
        _bench.RunUntil(4_999);
        _bench.Answer(0, 200);
        _bench.Layer.Count.ShouldBe(1);
        _bench.RunUntil(5_000);
        _bench.Layer.Count.ShouldBe(0);
        _bench.Trace.ShouldBe(["0 > BYE", "0 response 200"]);
    }

    [Fact]
    public void Over_TCP_an_answered_non_INVITE_is_over_at_once()
    {
        _bench.Layer.StartClient(TransactionBench.Request("BYE"), Tcp);
        _bench.Answer(0, 200);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void An_INVITE_that_comes_back_while_its_former_CANCEL_is_repeated_is_cancelled_anew()
    {
        var former = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 180);
        _bench.RunUntil(100);
        former.Cancel();
        _bench.RunUntil(700);
        _bench.Layer.AdoptClient((SipRequest)_bench.Sent[0].Message, Udp).Cancel();
        _bench.RunUntil(1_300);
        _bench.Answer(_bench.Sent.Count - 1, 200);
        _bench.Answer(0, 487);
        _bench.RunUntil(100_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 180", "100 > CANCEL", "600 > CANCEL", "700 > CANCEL", "1200 > CANCEL", "1300 > ACK",
            "1300 response 487"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void An_INVITE_that_comes_back_when_its_former_CANCEL_was_answered_is_cancelled_anew()
    {
        var former = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 180);
        former.Cancel();
        _bench.Answer(1, 200);
        _bench.Answer(0, 487);
        _bench.RunUntil(1_000);
        _bench.Layer.AdoptClient((SipRequest)_bench.Sent[0].Message, Udp).Cancel();
        _bench.Answer(_bench.Sent.Count - 1, 481);
        _bench.RunUntil(100_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 180", "0 > CANCEL", "0 > ACK", "0 response 487", "1000 > CANCEL", "33000 timeout INVITE"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void A_CANCEL_waits_for_a_provisional_response()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        client.Cancel("SIP;cause=200;text=\"Call completed elsewhere\"");
        _bench.RunUntil(600);
        _bench.Trace.ShouldBe(["0 > INVITE", "500 > INVITE"]);
        _bench.Answer(0, 100);
        _bench.Trace[^1].ShouldBe("600 > CANCEL");
        var cancel = (SipRequest)_bench.LastSent;
        cancel.TopVia.ToString().ShouldBe(_bench.Sent[0].Message.TopVia.ToString());
        cancel.Vias.Count.ShouldBe(1);
        cancel.Uri.Text.ShouldBe(((SipRequest)_bench.Sent[0].Message).Uri.Text);
        cancel.To.Tag.ShouldBeNull();
        cancel.CSeq.ShouldBe(new CSeqValue(1, "CANCEL"));
        cancel.Get("Reason").ShouldBe("SIP;cause=200;text=\"Call completed elsewhere\"");
    }

    [Fact]
    public void A_cancelled_INVITE_ends_with_its_487_and_the_CANCELs_own_answer_is_not_reported()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 180);
        client.Cancel();
        client.Cancel();
        _bench.RunUntil(500);
        _bench.Answer(1, 200);
        _bench.Answer(0, 487);
        _bench.RunUntil(60_000);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 180", "0 > CANCEL", "500 > CANCEL", "500 > ACK", "500 response 487"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void A_200_that_crosses_the_CANCEL_is_reported()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 180);
        client.Cancel();
        _bench.Answer(0, 200);
        _bench.Answer(1, 481);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 180", "0 > CANCEL", "0 response 200"]);
        client.IsCancelled.ShouldBeTrue();
        client.Phase.ShouldBe(TransactionPhase.Accepted);
    }

    [Fact]
    public void A_CANCEL_after_the_final_response_does_nothing()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.Answer(0, 200);
        client.Cancel();
        _bench.Answer(0, 180);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 200"]);
    }

    [Fact]
    public void An_INVITE_whose_CANCEL_brings_no_final_response_times_out_after_64_T1()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Tcp);
        _bench.Answer(0, 180);
        _bench.RunUntil(10_000);
        client.Cancel();
        _bench.Answer(1, 200);
        _bench.RunUntil(100_000);
        _bench.Trace.ShouldBe(["0 > INVITE tcp", "0 response 180", "10000 > CANCEL tcp", "42000 timeout INVITE"]);
    }

    [Fact]
    public void A_user_may_cancel_from_within_the_report_of_a_response()
    {
        var client = _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Udp);
        _bench.WhenResponse = (transaction, _) => transaction.Cancel();
        _bench.Answer(0, 180);
        _bench.Trace.ShouldBe(["0 > INVITE", "0 response 180", "0 > CANCEL"]);
        client.IsCancelled.ShouldBeTrue();
    }

    [Fact]
    public void A_send_that_fails_ends_the_transaction()
    {
        _bench.Layer.StartClient(TransactionBench.Request("INVITE"), Tcp);
        _bench.Layer.SendFailed(_bench.Sent[0].Id, SipSendFailure.ConnectFailed);
        _bench.Trace.ShouldBe(["0 > INVITE tcp", "0 failed ConnectFailed"]);
        _bench.Layer.Count.ShouldBe(0);
    }

    [Fact]
    public void A_request_over_1300_bytes_goes_by_TCP()
    {
        var request = TransactionBench.Request("INVITE");
        request.SetBody("application/sdp", new byte[1200]);
        _bench.Layer.StartClient(request, Udp);
        _bench.RunUntil(1_000);
        _bench.Trace.ShouldBe(["0 > INVITE tcp"]);
        _bench.LastSent.TopVia.Transport.ShouldBe("TCP");
        _bench.Sent[0].Flow.Remote.ShouldBe(TransactionBench.Peer);
    }

    [Fact]
    public void A_large_request_goes_by_UDP_after_all_where_no_TCP_connection_opens()
    {
        var request = TransactionBench.Request("INVITE");
        request.SetBody("application/sdp", new byte[1200]);
        _bench.Layer.StartClient(request, Udp);
        _bench.RunUntil(300);
        _bench.Layer.SendFailed(_bench.Sent[0].Id, SipSendFailure.ConnectFailed);
        _bench.RunUntil(1_000);
        _bench.Trace.ShouldBe(["0 > INVITE tcp", "300 > INVITE", "800 > INVITE"]);
        _bench.LastSent.TopVia.Transport.ShouldBe("UDP");
        _bench.Answer(2, 200);
        _bench.Trace[^1].ShouldBe("1000 response 200");
    }

    [Fact]
    public void A_large_request_goes_by_UDP_where_there_is_no_TCP_listener()
    {
        _bench.HasTcp = false;
        var request = TransactionBench.Request("INVITE");
        request.SetBody("application/sdp", new byte[1200]);
        _bench.Layer.StartClient(request, Udp);
        _bench.Trace.ShouldBe(["0 > INVITE"]);
    }

    [Fact]
    public void Our_Via_names_us_asks_for_rport_and_has_a_fresh_branch()
    {
        _bench.Layer.StartClient(TransactionBench.Request("OPTIONS"), Udp);
        _bench.Layer.StartClient(TransactionBench.Request("OPTIONS"), Udp);
        var via = _bench.Sent[0].Message.TopVia;
        via.ToString().ShouldBe($"SIP/2.0/UDP 192.0.2.1:5060;rport;branch={via.Branch}");
        via.Branch!.ShouldMatch("^z9hG4bK[0-9a-f]{16}$");
        _bench.Sent[1].Message.TopVia.Branch.ShouldNotBe(via.Branch);
    }

    [Fact]
    public void A_kept_Via_stays_as_it_is()
    {
        var cancel = TransactionBench.Request("CANCEL");
        cancel.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bKdead;rport");
        _bench.Layer.StartClient(cancel, Udp, keepVia: true);
        _bench.LastSent.Vias.Select(v => v.ToString()).ShouldBe(["SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bKdead;rport"]);
        _bench.Answer(0, 200);
        _bench.Trace.ShouldBe(["0 > CANCEL", "0 response 200"]);
    }

    [Fact]
    public void Responses_with_another_method_another_branch_or_more_than_one_Via_belong_to_nothing()
    {
        _bench.Layer.StartClient(TransactionBench.Request("OPTIONS"), Udp);
        var good = Texts.Of(SipResponse.For((SipRequest)_bench.Sent[0].Message, 200, null, "far"));
        _bench.Receive(good.Replace("1 OPTIONS", "1 BYE", StringComparison.Ordinal));
        _bench.Receive(good.Replace("branch=z9hG4bK", "branch=z9hG4bKx", StringComparison.Ordinal));
        _bench.Receive(good.Replace("Via: ", "Via: SIP/2.0/UDP other;branch=z9hG4bKy\r\nVia: ", StringComparison.Ordinal));
        _bench.Trace.ShouldBe(["0 > OPTIONS"]);
        _bench.Layer.Counters.StrayResponses.ShouldBe(3);
    }

    [Fact]
    public void A_stray_2xx_that_does_not_name_us_is_not_reported()
    {
        var foreign = TransactionBench.Request("INVITE");
        foreign.AddFirst(HeaderId.Via, "SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKother");
        _bench.Receive(Texts.Of(SipResponse.For(foreign, 200, null, "x")));
        _bench.Trace.ShouldBeEmpty();
    }

    [Fact]
    public void The_ACK_of_a_2xx_is_sent_with_a_branch_of_its_own_and_is_no_transaction()
    {
        _bench.Layer.SendAck(TransactionBench.Request("ACK"), Udp);
        _bench.Layer.SendAck(TransactionBench.Request("ACK"), Udp);
        _bench.Trace.ShouldBe(["0 > ACK", "0 > ACK"]);
        _bench.Sent[1].Message.TopVia.Branch.ShouldNotBe(_bench.Sent[0].Message.TopVia.Branch);
        _bench.Layer.Count.ShouldBe(0);
        Should.Throw<ArgumentException>(() => _bench.Layer.StartClient(TransactionBench.Request("ACK"), Udp));
    }
}
