using Cti.Actors.SipNode;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>When an INVITE is refused because messages have to wait.</summary>
public sealed class SipBacklogTests
{
    private readonly SipBacklog _backlog = new();
    private long _now = 1_000_000;

    /// <summary>Messages every 10 ms, each of which has waited so long; how many of them would be refused as INVITEs.</summary>
    private int Run(int millis, int waited)
    {
        var refused = 0;
        for (var end = _now + millis; _now < end; _now += 10)
        {
            _backlog.Note(_now - waited, _now);
            if (_backlog.Refuses()) refused++;
        }
        return refused;
    }

    [Fact]
    public void Nobody_is_refused_while_messages_are_handled_at_once() => Run(60_000, 5).ShouldBe(0);

    [Fact]
    public void What_a_pause_of_the_machine_leaves_behind_is_worked_off_and_refuses_nobody()
    {
        Run(1000, 5).ShouldBe(0);
        Run(400, 600).ShouldBe(0);
        Run(1000, 5).ShouldBe(0);
        _backlog.IsShedding.ShouldBeFalse();
    }

    [Fact]
    public void After_half_a_second_behind_those_are_refused_that_have_waited()
    {
        Run(500, 150).ShouldBe(0);
        Run(100, 150).ShouldBe(10);
        Run(100, 15).ShouldBe(0, "who has not waited is taken");
        Run(100, 60).ShouldBe(10);
        _backlog.Refused.ShouldBe(20);
    }

    [Fact]
    public void The_refusing_ends_after_five_seconds_without_a_wait()
    {
        Run(600, 150);
        Run(4900, 10);
        _backlog.IsShedding.ShouldBeTrue();
        Run(200, 10);
        _backlog.IsShedding.ShouldBeFalse();
        Run(100, 60).ShouldBe(0);
    }

    [Fact]
    public void A_node_that_is_behind_refuses_new_calls_and_keeps_nothing_of_them_and_a_call_that_is_up_ends_as_usual()
    {
        var bench = new NodeBench();
        // What is sent is still on its way when everything stands still.
        bench.Network.Conditions = new NetworkConditions(DelayMillisMin: 10, DelayMillisMax: 10);
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        phone.SendAsCaller(ok, "ACK", 1);
        bench.Expect("sys.call.on_answer_completed");

        var other = bench.Peer("192.0.2.20");
        for (var i = 1; i < 7; i++)
        {
            other.Send($"OPTIONS sip:x@10.0.0.100 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK{i}\nMax-Forwards: 70\n"
                + $"From: <sip:o@192.0.2.20>;tag=o\nTo: <sip:x@10.0.0.100>\nCall-ID: options\nCSeq: {i} OPTIONS");
            bench.Runtime.Stall(150);
        }
        bench.Server.CallsRefusedForBacklog.ShouldBe(0, "only new calls are refused");
        var transactions = bench.Server.TransactionCount;
        var newcomer = bench.Peer("192.0.2.30");
        SipResponse Refused()
        {
            newcomer.Invite("200", "Contact: <sip:caller@192.0.2.30>");
            bench.Runtime.Stall(150);
            return newcomer.Response(503);
        }
        var refused = Refused();
        refused.Get(HeaderId.RetryAfter).ShouldNotBeNullOrEmpty();
        bench.Server.CallsRefusedForBacklog.ShouldBe(1);
        bench.Server.TransactionCount.ShouldBe(transactions, "the answer is given and forgotten");
        Refused().To.Tag.ShouldBe(refused.To.Tag, "a repetition is answered alike");

        phone.SendAsCaller(ok, "BYE", 2);
        bench.Runtime.Stall(150);
        phone.Response(200).CSeq.Method.ShouldBe("BYE");
        bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(call);

        newcomer.Invite("300", "Contact: <sip:caller@192.0.2.30>", "z9hG4bK3");
        bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString().ShouldNotBe(call, "who has not waited is taken");
        bench.Server.CallsRefusedForBacklog.ShouldBe(2);
        bench.Crashes.ShouldBeEmpty();
    }
}
