using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>SIP that comes to a node which does not own the call: the transaction stays there, the call is elsewhere.</summary>
public sealed class ForwardedSipTests
{
    private readonly ClusterBench _bench = new();

    private ClusterNodeBench Other(ClusterNodeBench node) => _bench.Nodes.First(other => other.IsAlive && other != node);

    /// <summary>An outbound call that is up, its far end and the INVITE that this end got.</summary>
    private (string Call, RawPeer Peer, SipRequest Invite) Up()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        var call = _bench.Construct(_bench["n1"], "sip:phone@192.0.2.1");
        var invite = peer.Request("INVITE");
        peer.Towards = _bench.OwnerOf(call).Address;
        peer.Respond(invite, 200, "Contact: <sip:phone@192.0.2.1>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, peer, invite);
    }

    private static void Ack(RawPeer peer, SipResponse success) => peer.Send($"""
        ACK {success.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bKack
        Max-Forwards: 70
        From: {success.Get(HeaderId.From)}
        To: {success.Get(HeaderId.To)}
        Call-ID: {success.CallId}
        CSeq: 1 ACK
        """);

    /// <summary>The application answers, and it is the newest branch that is told.</summary>
    private void IsAnsweredByTheSecond(string call, RawPeer peer)
    {
        _bench.Ask(_bench["n3"], "sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = peer.Response(200);
        success.TopVia.Branch.ShouldBe("z9hG4bKsecond");
        Ack(peer, success);
        _bench.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
    }

    [Fact]
    public void Keys_and_a_bye_are_answered_by_the_node_that_they_came_to_and_told_to_the_owner()
    {
        var (call, peer, invite) = Up();
        peer.Towards = _bench.OtherThan(call).Address;
        _bench.Ask(_bench.OtherThan(call), "sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 1)).Error.ShouldBeNull();
        peer.SendInDialog(invite, "INFO", 7, "Content-Type: application/dtmf-relay", "Signal=5\r\nDuration=100\r\n");
        peer.Response(200).CSeq.Method.ShouldBe("INFO");
        _bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("5");
        peer.SendInDialog(invite, "BYE", 8);
        var answer = peer.Response(200);
        (answer.CSeq.Method, answer.TopVia.Branch).ShouldBe(("BYE", "z9hG4bKBYE8"));
        _bench.Expect("sys.call.on_released");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_of_the_session_through_another_node_is_repeated_until_its_ack_came_by_a_third()
    {
        var (call, peer, invite) = Up();
        var owner = _bench.OwnerOf(call);
        var others = _bench.Nodes.Where(node => node != owner).ToList();
        peer.Towards = others[0].Address;
        peer.SendInDialog(invite, "INVITE", 7, "Contact: <sip:phone@192.0.2.1>\nContent-Type: application/sdp", peer.Sdp("sendonly"));
        var success = peer.Response(200);
        peer.Response(200).ToString().ShouldBe(success.ToString(), "it is sent again");
        peer.Towards = others[1].Address;
        peer.SendInDialog(invite, "ACK", 7);
        _bench.Runtime.Advance(100);
        while (Answers(peer)) continue;
        _bench.Runtime.Advance(10_000);
        Answers(peer).ShouldBeFalse("the ACK reached the owner");
        _bench.Crashes.ShouldBeEmpty();
    }

    private static bool Answers(RawPeer peer)
    {
        try
        {
            peer.Response(200, 0);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    [Fact]
    public void An_ack_that_comes_to_another_node_confirms_the_call()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.OwnerOf(call).Name.ShouldBe("n1");
        _bench.Ask(_bench["n2"], "sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = peer.Response(200);
        peer.Towards = _bench["n3"].Address;
        Ack(peer, success);
        _bench.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_of_a_call_that_is_over_is_told_so_by_the_owner()
    {
        var (call, peer, invite) = Up();
        peer.SendInDialog(invite, "BYE", 8);
        peer.Response(200);
        _bench.Expect("sys.call.on_released");
        _bench.Runtime.Advance(40_000);
        peer.Towards = _bench.OtherThan(call).Address;
        peer.SendInDialog(invite, "BYE", 9);
        peer.Response(481);
    }

    [Fact]
    public void While_an_instance_has_no_owner_nobody_is_told_that_its_call_does_not_exist()
    {
        var (call, peer, invite) = Up();
        var (owner, other) = (_bench.OwnerOf(call), _bench.OtherThan(call));
        // Its machine is gone: nothing refuses, so its lease has to run out.
        _bench.Links.Cut(owner.Name, "n1");
        _bench.Links.Cut(owner.Name, "n2");
        _bench.Links.Cut(owner.Name, "n3");
        _bench.Kill(owner);
        peer.Towards = other.Address;
        peer.SendInDialog(invite, "BYE", 8);
        _bench.Runtime.Advance(1500);
        Should.Throw<InvalidOperationException>(() => peer.Response(481, 0));
        _bench.Expect("sys.call.on_released", 5000);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_that_no_link_carries_gets_its_503_before_its_sender_gives_up()
    {
        var (call, peer, invite) = Up();
        var (owner, other) = (_bench.OwnerOf(call), _bench.OtherThan(call));
        _bench.Links.Cut(owner.Name, other.Name);
        _bench.Runtime.Advance(4000);
        peer.Towards = other.Address;
        peer.SendInDialog(invite, "BYE", 8);
        peer.Response(503, 32_000).Get(HeaderId.RetryAfter).ShouldBe("1");
        _bench.Links.Heal();
        _bench.Runtime.Advance(6000);
        peer.SendInDialog(invite, "BYE", 9);
        peer.Response(200);
        _bench.Expect("sys.call.on_released");
    }

    [Fact]
    public void An_invite_that_a_proxy_offers_to_a_second_node_joins_its_call_and_the_newest_branch_is_answered()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180).TopVia.Branch.ShouldBe("z9hG4bKfirst");
        peer.Towards = _bench["n2"].Address;
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        peer.Response(482).TopVia.Branch.ShouldBe("z9hG4bKfirst");
        peer.Response(180).TopVia.Branch.ShouldBe("z9hG4bKsecond");
        _bench.Runtime.Advance(1000);
        _bench.Count("sys.call.on_incoming").ShouldBe(0, "the application hears of one call");
        IsAnsweredByTheSecond(call, peer);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_invite_that_comes_to_two_nodes_in_the_same_moment_is_one_call()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        _bench.Network.Conditions = new Cti.Testing.NetworkConditions(0, 0, 6, 6);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        peer.Towards = _bench["n2"].Address;
        _bench.Network.Conditions = Cti.Testing.NetworkConditions.Good;
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        _bench.Expect("sys.call.on_incoming");
        _bench.Runtime.Advance(1000);
        _bench.Count("sys.call.on_incoming").ShouldBe(0);
        _bench.Nodes.Sum(static node => node.Server.CallCount).ShouldBe(1);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_caller_gives_up_by_the_branch_that_joined()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        _bench.Expect("sys.call.on_incoming");
        peer.Towards = _bench["n2"].Address;
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        peer.Response(482);
        Cancel(peer, "z9hG4bKsecond");
        peer.Response(200).CSeq.Method.ShouldBe("CANCEL");
        peer.Response(487).TopVia.Branch.ShouldBe("z9hG4bKsecond");
        _bench.Expect("sys.call.on_released");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("n1", 6)]
    [InlineData("n2", 1)]
    public void A_proxy_that_offers_a_call_again_cancels_the_branch_before_and_not_the_call(string again, int delayMillis)
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        // At the same node in the same moment, at another when that has joined.
        _bench.Network.Conditions = new Cti.Testing.NetworkConditions(0, 0, delayMillis, delayMillis);
        peer.Towards = _bench[again].Address;
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        _bench.Network.Conditions = Cti.Testing.NetworkConditions.Good;
        peer.Towards = _bench["n1"].Address;
        Cancel(peer, "z9hG4bKfirst");
        peer.Response(200).CSeq.Method.ShouldBe("CANCEL");
        _bench.Runtime.Advance(1000);
        _bench.Count("sys.call.on_released").ShouldBe(0);
        _bench.Count("sys.call.on_incoming").ShouldBe(0, "the application hears of one call");
        peer.Response(482).TopVia.Branch.ShouldBe("z9hG4bKfirst");
        IsAnsweredByTheSecond(call, peer);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_newer_branch_and_the_cancel_of_the_one_before_that_a_busy_node_finds_together_do_not_end_the_call()
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.Network.Conditions = new Cti.Testing.NetworkConditions(0, 0, 50, 50);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        Cancel(peer, "z9hG4bKfirst");
        // The call is told of both before the first branch has its final response.
        _bench.Runtime.Stall(60);
        _bench.Network.Conditions = Cti.Testing.NetworkConditions.Good;
        _bench.Runtime.Advance(1000);
        peer.Response(200).CSeq.Method.ShouldBe("CANCEL");
        peer.Response(482).TopVia.Branch.ShouldBe("z9hG4bKfirst");
        _bench.Count("sys.call.on_released").ShouldBe(0);
        IsAnsweredByTheSecond(call, peer);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("n1")]
    [InlineData("n2")]
    public void A_branch_that_comes_after_the_one_before_was_cancelled_is_a_call_of_its_own(string again)
    {
        var peer = _bench.Peer("192.0.2.1", _bench["n1"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKfirst");
        var first = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        Cancel(peer, "z9hG4bKfirst");
        peer.Response(200).CSeq.Method.ShouldBe("CANCEL");
        peer.Towards = _bench[again].Address;
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>", "z9hG4bKsecond");
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(first);
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        call.ShouldNotBe(first);
        IsAnsweredByTheSecond(call, peer);
        _bench.Nodes.Sum(static node => node.Server.CallCount).ShouldBe(1);
        _bench.Crashes.ShouldBeEmpty();
    }

    private static void Cancel(RawPeer peer, string branch) => peer.Send($"""
        CANCEL sip:100@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch={branch}
        Max-Forwards: 70
        From: <sip:caller@192.0.2.1>;tag=caller
        To: <sip:100@10.0.0.100>
        Call-ID: call-192.0.2.1
        CSeq: 1 CANCEL
        """);

    [Fact]
    public void A_node_without_instances_hands_new_calls_to_one_that_has_some()
    {
        var apart = new ClusterBench(2, 4, spread: false);
        apart["n2"].Server.InstanceCount.ShouldBe(0);
        var peer = apart.Peer("192.0.2.1", apart["n2"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        var call = apart.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180);
        apart.Ask(apart["n2"], "sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = peer.Response(200);
        peer.Towards = apart["n1"].Address;
        Ack(peer, success);
        apart.Expect("sys.call.on_answer_completed");
        apart.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_call_that_was_handed_on_is_answered_by_its_owner_when_the_node_that_it_came_to_is_gone(bool isAccepted)
    {
        var apart = new ClusterBench(2, 4, spread: false);
        var peer = apart.Peer("192.0.2.1", apart["n2"]);
        peer.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        var call = apart.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180);
        apart.Kill(apart["n2"]);
        apart.Runtime.Advance(1000);
        peer.Towards = apart["n1"].Address;
        if (!isAccepted)
        {
            apart.Ask(apart["n1"], "sys.call.reject", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
            var refusal = peer.Response(486);
            peer.Response(486).ToString().ShouldBe(refusal.ToString(), "it is repeated until its ACK");
            apart.Crashes.ShouldBeEmpty();
            return;
        }
        apart.Ask(apart["n1"], "sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = peer.Response(200);
        success.TopVia.Branch.ShouldBe("z9hG4bK1");
        peer.Response(200).ToString().ShouldBe(success.ToString(), "it is repeated until its ACK");
        Ack(peer, success);
        apart.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        apart.Crashes.ShouldBeEmpty();
    }
}
