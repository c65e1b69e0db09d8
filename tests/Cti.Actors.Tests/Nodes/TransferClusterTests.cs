using System.Text;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Transfers over several nodes: calls whose owners are different ones, messages that come to another node, owners that are killed.</summary>
public sealed class TransferClusterTests
{
    private const string Over = "Event: refer\nSubscription-State: terminated;reason=noresource\nContent-Type: message/sipfrag";

    private readonly ClusterBench _bench = new();

    private (string Call, RawPeer Peer, SipRequest Invite) Up(string address, string node)
    {
        var peer = _bench.Peer(address, _bench[node]);
        var call = _bench.Construct(_bench[node], $"sip:phone@{address}");
        var invite = peer.Request("INVITE");
        peer.Towards = _bench.OwnerOf(call).Address;
        peer.Respond(invite, 200, $"Contact: <sip:phone@{address}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, peer, invite);
    }

    /// <summary>Two calls on two nodes.</summary>
    private ((string Call, RawPeer Peer, SipRequest Invite) One, (string Call, RawPeer Peer, SipRequest Invite) Other) Apart()
    {
        var one = Up("192.0.2.1", "n1");
        for (var i = 2; i < 40; i++)
        {
            var other = Up($"192.0.2.{i}", $"n{1 + (i % 3)}");
            if (_bench.OwnerOf(other.Call) != _bench.OwnerOf(one.Call)) return (one, other);
        }
        throw new InvalidOperationException("all calls are on one node");
    }

    [Fact]
    public void The_other_call_may_live_on_another_node()
    {
        var (one, other) = Apart();
        var third = _bench.Nodes.First(node => node != _bench.OwnerOf(one.Call));
        _bench.Ask(third, "sys.call.refer", ("res_id", one.Call), ("replaces_call_res_id", other.Call)).Error.ShouldBeNull();
        var refer = one.Peer.Request("REFER");
        SipUri.Unescape(refer.Get(HeaderId.ReferTo)!).ShouldContain($"Replaces={other.Invite.CallId};to-tag=far;from-tag={other.Invite.From.Tag}");
        one.Peer.Respond(refer, 202);
        // Its reports come to a node that does not own it.
        one.Peer.Towards = _bench.OtherThan(one.Call).Address;
        one.Peer.SendInDialog(one.Invite, "NOTIFY", 7, Over, "SIP/2.0 200 OK\r\n");
        one.Peer.Response(200);
        _bench.Expect("sys.call.on_refer_completed").GetProperty("status").GetInt32().ShouldBe(200);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_REFER_that_names_a_call_of_another_node_tells_which()
    {
        var (one, other) = Apart();
        var replaces = $"{other.Invite.CallId}%3Bto-tag%3D{other.Invite.From.Tag}%3Bfrom-tag%3Dfar";
        one.Peer.SendInDialog(one.Invite, "REFER", 7, $"Refer-To: <sip:x@192.0.2.2?Replaces={replaces}>");
        _bench.Expect("sys.call.on_refer").GetProperty("replaces_call_res_id").GetString().ShouldBe(other.Call);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_invite_that_replaces_a_call_of_another_node_goes_there()
    {
        var (call, far, invite) = Up("192.0.2.1", "n1");
        var there = _bench.OtherThan(call);
        var carol = _bench.Peer("192.0.2.200", there);
        carol.Invite("100", $"Contact: <sip:carol@192.0.2.200>\nReplaces: {invite.CallId};to-tag={invite.From.Tag};from-tag=far");
        var asked = _bench.Expect("sys.call.on_replace");
        asked.GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
        var own = asked.GetProperty("res_id").GetString()!;
        _bench.OwnerOf(own).ShouldBe(_bench.OwnerOf(call));
        _bench.Ask(there, "sys.call.answer", ("res_id", own), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        ReplaceTests.Ack(carol, carol.Response(200));
        far.Request("BYE");
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(call);
        _bench.Count("sys.call.on_incoming").ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void One_that_is_cancelled_there_is_cancelled_here()
    {
        var (call, _, invite) = Up("192.0.2.1", "n1");
        var carol = _bench.Peer("192.0.2.200", _bench.OtherThan(call));
        carol.Invite("100", $"Contact: <sip:carol@192.0.2.200>\nReplaces: {invite.CallId};to-tag={invite.From.Tag};from-tag=far");
        var own = _bench.Expect("sys.call.on_replace").GetProperty("res_id").GetString();
        carol.Send($"""
            CANCEL sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {carol.Local};branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@192.0.2.200>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: call-192.0.2.200
            CSeq: 1 CANCEL
            """);
        carol.Response(487);
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(own);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void While_the_calls_node_is_dead_such_an_invite_waits_for_the_next_owner()
    {
        var (call, far, invite) = Up("192.0.2.1", "n1");
        var dead = _bench.OwnerOf(call);
        var alive = _bench.OtherThan(call);
        _bench.Kill(dead);
        var carol = _bench.Peer("192.0.2.200", alive);
        carol.Invite("100", $"Contact: <sip:carol@192.0.2.200>\nReplaces: {invite.CallId};to-tag={invite.From.Tag};from-tag=far");
        GoesOn(call, far);
        _bench.Expect("sys.call.on_replace", 10_000).GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_killed_between_its_202_and_the_report_loses_nothing()
    {
        var (call, far, invite) = Up("192.0.2.1", "n1");
        far.SendInDialog(invite, "REFER", 7, "Refer-To: <sip:carol@example.com>");
        _bench.Expect("sys.call.on_refer");
        var dead = _bench.OwnerOf(call);
        _bench.Ask(_bench.OtherThan(call), "sys.call.refer_accept", ("res_id", call)).Error.ShouldBeNull();
        far.Response(202);
        far.Rest();
        _bench.Kill(dead);
        GoesOn(call, far);
        Reported(far, "SIP/2.0 100 Trying").Get(HeaderId.Event).ShouldBe("refer;id=7");
        _bench.Ask(_bench.OwnerOf(call), "sys.call.refer_notify", ("res_id", call), ("status", 200)).Error.ShouldBeNull();
        Reported(far, "SIP/2.0 200 OK").Get(HeaderId.SubscriptionState).ShouldBe("terminated;reason=noresource");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_killed_after_the_far_ends_202_hears_of_the_end_elsewhere()
    {
        var (call, far, invite) = Up("192.0.2.1", "n1");
        var dead = _bench.OwnerOf(call);
        _bench.Ask(dead, "sys.call.refer", ("res_id", call), ("to_uri", "carol@example.com")).Error.ShouldBeNull();
        var refer = far.Request("REFER");
        far.Respond(refer, 202);
        _bench.Runtime.Advance(50);
        far.Towards = _bench.OtherThan(call).Address;
        _bench.Kill(dead);
        // The report finds no owner, and waits for the next one.
        far.SendInDialog(invite, "NOTIFY", 7, Over, "SIP/2.0 603 Decline\r\n");
        GoesOn(call, far);
        var completed = _bench.Expect("sys.call.on_refer_completed", 10_000);
        (completed.GetProperty("status").GetInt32(), completed.GetProperty("error").GetProperty("code").GetInt32()).ShouldBe((603, 603));
        far.Response(200).CSeq.Method.ShouldBe("NOTIFY");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_moves_to_another_living_node_with_its_transfer()
    {
        var (call, far, invite) = Up("192.0.2.1", "n1");
        far.SendInDialog(invite, "REFER", 7, "Refer-To: <sip:carol@example.com>");
        _bench.Expect("sys.call.on_refer");
        var before = _bench.OwnerOf(call);
        _bench.Ask(before, "sys.call.refer_accept", ("res_id", call)).Error.ShouldBeNull();
        Reported(far, "SIP/2.0 100 Trying");
        _bench.Drain(before);
        GoesOn(call, far);
        _bench.OwnerOf(call).ShouldNotBe(before);
        _bench.Ask(_bench.OwnerOf(call), "sys.call.refer_notify", ("res_id", call), ("status", 200)).Error.ShouldBeNull();
        Reported(far, "SIP/2.0 200 OK");
        _bench.Crashes.ShouldBeEmpty();
    }

    /// <summary>The call has a new owner, whom its far end hears and answers.</summary>
    private void GoesOn(string call, RawPeer far)
    {
        var before = _bench.OwnerOf(call);
        for (var i = 0; i < 100 && (_bench.OwnerOf(call) == before || !far.Hears("INVITE", 0)); i++) _bench.Runtime.Advance(50);
        far.Towards = _bench.OwnerOf(call).Address;
        far.Hears("NOTIFY", 0).ShouldBeFalse("a report that went out before the re-INVITE could be overtaken by it");
        far.AgreeOnReInvite();
    }

    /// <summary>The report that says so; what it repeats, and what came before it, is answered too.</summary>
    private static SipRequest Reported(RawPeer far, string fragment)
    {
        while (true)
        {
            var notify = far.Request("NOTIFY");
            far.Respond(notify, 200);
            if (Encoding.ASCII.GetString(notify.Body.Span) == fragment + "\r\n") return notify;
        }
    }
}
