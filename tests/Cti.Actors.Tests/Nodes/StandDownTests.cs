using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What a node does that loses an instance: nothing that anyone outside could notice.</summary>
public sealed class StandDownTests
{
    private readonly ClusterBench _bench = new();
    private SipRequest? _invited;

    private (string Call, RawPeer Phone, ClusterNodeBench Owner) Ringing()
    {
        var phone = _bench.Peer("192.0.2.10", _bench.Nodes[0]);
        var call = _bench.Construct(_bench.Nodes[0], "sip:100@192.0.2.10");
        _invited = phone.Request("INVITE");
        phone.Respond(_invited, 180);
        return (call, phone, _bench.OwnerOf(call));
    }

    [Fact]
    public void An_owner_that_hands_an_instance_over_lets_go_of_its_calls_without_a_word()
    {
        var (call, phone, owner) = Ringing();
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var to = _bench.Nodes.First(node => node != owner);
        var had = owner.Server.InstanceCount;
        owner.Server.CallCount.ShouldBe(1);
        Task<bool> giving = null!;
        ManualRuntime.Inline(() => giving = owner.Server.Cluster.GiveAsync(id.Instance, to.Name));
        _bench.Runtime.RunAll();
        NodeBench.Done(new ValueTask<bool>(giving)).ShouldBeTrue();
        (owner.Server.InstanceCount, owner.Server.CallCount).ShouldBe((had - 1, 0));
        _bench.Runtime.Advance(50);
        owner.Server.MediaSessionCount.ShouldBe(0, "the session was closed and its end was heard");
        _bench.Runtime.Advance(500);
        _bench.OwnerOf(call).ShouldBe(to);
        _bench.Crashes.ShouldBeEmpty();
        phone.Hears("BYE", 10).ShouldBeFalse();
    }

    [Fact]
    public void An_owner_whose_append_is_refused_stands_down_for_the_whole_instance()
    {
        var (call, _, owner) = Ringing();
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var had = owner.Server.InstanceCount;
        var epoch = owner.Server.Cluster.View.Owners[id.Instance].Epoch;
        owner.Server.Cluster.Fenced(id.Instance, epoch);
        // It is still this node's by name: the next renewal shows it, and it is served again under a new epoch.
        _bench.Runtime.Advance(1000);
        owner.Server.InstanceCount.ShouldBe(had);
        owner.Server.Cluster.View.Owners[id.Instance].Epoch.ShouldBe(epoch + 1);
        _bench.Crashes.ShouldBeEmpty();
    }

    /// <summary>A caller who was offered at n1, whose call is another living node's now.</summary>
    private (string Call, RawPeer Caller, ClusterNodeBench Owner) OfferedAndMoved()
    {
        var caller = _bench.Peer("192.0.2.20", _bench["n1"]);
        caller.Invite("100", "Contact: <sip:caller@192.0.2.20>");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        caller.Response(180);
        _bench.OwnerOf(call).Name.ShouldBe("n1");
        Give(call, _bench["n2"]);
        caller.Response(180).To.Tag.ShouldNotBeNull();
        return (call, caller, _bench["n2"]);
    }

    private void Give(string call, ClusterNodeBench to)
    {
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        Task<bool> giving = null!;
        ManualRuntime.Inline(() => giving = _bench.OwnerOf(call).Server.Cluster.GiveAsync(id.Instance, to.Name));
        _bench.Runtime.RunAll();
        giving.Result.ShouldBeTrue();
        _bench.Runtime.Advance(1000);
        _bench.OwnerOf(call).ShouldBe(to);
    }

    private static void Send(RawPeer caller, string method, SipResponse? answered = null) => caller.Send($"""
        {method} sip:100@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {caller.Local};branch=z9hG4bK1
        Max-Forwards: 70
        From: <sip:caller@192.0.2.20>;tag=caller
        To: {answered?.Get(HeaderId.To) ?? "<sip:100@10.0.0.100>"}
        Call-ID: call-192.0.2.20
        CSeq: 1 {method}
        """);

    [Fact]
    public void A_caller_who_gives_up_at_the_node_that_had_the_call_is_heard_by_its_new_owner()
    {
        var (_, caller, owner) = OfferedAndMoved();
        Send(caller, "CANCEL");
        caller.Response(200).CSeq.Method.ShouldBe("CANCEL");
        var terminated = caller.Response(487);
        Send(caller, "ACK", terminated);
        _bench.Expect("sys.call.on_released").GetProperty("dropped_by").GetString().ShouldBe("usr");
        _bench.Runtime.Advance(32_000);
        caller.Rest().ShouldBe([], "the ACK reached whoever had answered");
        owner.Server.TransactionCount.ShouldBe(0);
        _bench["n1"].Server.TransactionCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_ACK_of_a_new_owners_refusal_is_passed_on_by_the_node_that_had_the_call()
    {
        var (call, caller, owner) = OfferedAndMoved();
        _bench.Ask(_bench["n3"], "sys.call.reject", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
        Send(caller, "ACK", caller.Response(486));
        _bench.Expect("sys.call.on_released");
        _bench.Runtime.Advance(32_000);
        caller.Rest().ShouldBe([], "it is not repeated");
        owner.Server.TransactionCount.ShouldBe(0);
        _bench["n1"].Server.TransactionCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_INVITE_that_another_node_answers_is_forgotten_after_timer_C()
    {
        var (call, caller, _) = OfferedAndMoved();
        _bench.Ask(_bench["n3"], "sys.call.answer", ("res_id", call), ("max_answer_seconds", 600)).Error.ShouldBeNull();
        caller.Response(200);
        _bench["n1"].Server.TransactionCount.ShouldBe(1);
        _bench.Runtime.Advance(180_000);
        _bench["n1"].Server.TransactionCount.ShouldBe(1, "RFC 3261 section 16.6: more than three minutes");
        _bench.Runtime.Advance(21_000);
        _bench["n1"].Server.TransactionCount.ShouldBe(0);
    }

    [Fact]
    public void A_BYE_is_repeated_by_the_calls_new_owner_alone()
    {
        var (call, phone, owner) = Ringing();
        phone.Towards = owner.Address;
        phone.Respond(_invited!, 200, "Contact: <sip:phone@192.0.2.10>\nContent-Type: application/sdp", phone.Sdp());
        _bench.Expect("sys.call.on_dial_completed");
        phone.Rest();
        _bench.Ask(_bench.Nodes[0], "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var first = phone.Request("BYE");
        var to = _bench.Nodes.First(node => node != owner);
        Give(call, to);
        SipRequest next;
        do next = phone.Request("BYE");
        while (next.CSeq.Number == first.CSeq.Number);
        next.CSeq.Number.ShouldBeGreaterThan(first.CSeq.Number);
        for (var i = 0; i < 4; i++)
        {
            _bench.Runtime.Advance(4_000);
            phone.Request("BYE").CSeq.Number.ShouldBe(next.CSeq.Number, "the dialog's numbers never fall (RFC 3261 section 12.2.2)");
        }
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_that_comes_to_the_node_that_dialled_is_hung_up_once_by_the_new_owner()
    {
        var (call, phone, owner) = Ringing();
        var invite = _invited!;
        phone.Towards = owner.Address;
        var to = _bench.Nodes.First(node => node != owner);
        Give(call, to);
        phone.Request("CANCEL");
        phone.Respond(invite, 200, "Contact: <sip:phone@192.0.2.10>\nContent-Type: application/sdp", phone.Sdp());
        phone.Respond(phone.Request("BYE"), 200);
        phone.Rest();
        phone.Respond(invite, 200, "Contact: <sip:phone@192.0.2.10>\nContent-Type: application/sdp", phone.Sdp());
        phone.Rest().ShouldBe(["ACK"], "it is hung up already");
        _bench.Crashes.ShouldBeEmpty();
    }
}
