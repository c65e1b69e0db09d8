using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Reliable provisional responses (RFC 3262) between the nodes of a cluster.</summary>
public sealed class ReliableClusterTests
{
    private readonly ClusterBench _bench = new();

    private (string Call, RawPeer Phone, SipResponse Ringing) Ringing()
    {
        var phone = _bench.Peer("192.0.2.1", _bench["n1"]);
        phone.Invite("100", "Contact: <sip:caller@192.0.2.1>\nRequire: 100rel");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.OwnerOf(call).Name.ShouldBe("n1");
        return (call, phone, phone.Response(180));
    }

    private static void Prack(RawPeer phone, SipResponse ringing, int number = 2) =>
        phone.SendAsCaller(ringing, "PRACK", number, $"RAck: {ringing.Get(HeaderId.RSeq)} 1 INVITE");

    private void Answer(ClusterNodeBench node, RawPeer phone, string call)
    {
        _bench.Ask(node, "sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        ok.CSeq.Method.ShouldBe("INVITE");
        phone.SendAsCaller(ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
    }

    [Fact]
    public void A_PRACK_that_comes_to_another_node_reaches_the_owner()
    {
        var (call, phone, ringing) = Ringing();
        phone.Towards = _bench["n2"].Address;
        Prack(phone, ringing);
        phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        _bench.Runtime.Advance(10_000);
        phone.Rest().ShouldBeEmpty();
        Answer(_bench["n3"], phone, call);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_call_whose_node_died_while_it_rang_is_rung_by_its_new_owner_under_the_same_number_and_answered(bool wasAcknowledged)
    {
        var (call, phone, ringing) = Ringing();
        if (wasAcknowledged)
        {
            Prack(phone, ringing);
            phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        }
        _bench.Kill(_bench["n1"]);
        var again = phone.Response(180, 10_000);
        (again.Get(HeaderId.RSeq), again.To.Tag, again.CSeq.Number).ShouldBe((ringing.Get(HeaderId.RSeq), ringing.To.Tag, 1u));
        _bench.Runtime.Advance(2_000);
        var owner = _bench.OwnerOf(call);
        owner.Name.ShouldNotBe("n1");
        phone.Towards = owner.Address;
        if (!wasAcknowledged)
        {
            Prack(phone, again);
            phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        }
        Answer(owner, phone, call);
        _bench.Ask(owner, "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Request("BYE").CSeq.Number.ShouldBeGreaterThan(Cti.Kernel.Limits.SipCSeqReserve);
        _bench.Crashes.ShouldBeEmpty();
    }
}
