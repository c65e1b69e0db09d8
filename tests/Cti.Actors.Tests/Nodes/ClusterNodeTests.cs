using System.Text.Json;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Calls on the nodes of a small cluster.</summary>
public abstract class ClusterNodeTests
{
    private protected readonly ClusterBench bench = new();
    private int _phones;

    private protected (string Call, RawPeer Peer) Up(Func<string, bool> isWanted)
    {
        for (var tries = 0; tries < 60; tries++)
        {
            var address = $"192.0.2.{++_phones}";
            var node = bench["n1"];
            var peer = bench.Peer(address, node);
            var call = bench.Construct(node, $"sip:phone@{address}");
            var invite = peer.Request("INVITE");
            peer.Towards = bench.OwnerOf(call).Address;
            Answer(peer, invite);
            bench.Expect("sys.call.on_dial_completed");
            if (isWanted(bench.OwnerOf(call).Name)) return (call, peer);
            // What is not wanted must not be taken for what is.
            bench.Ask(node, "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
            peer.Respond(peer.Request("BYE"), 200);
            bench.Expect("sys.call.on_released");
        }
        throw new InvalidOperationException("no call where it was wanted");
    }

    /// <summary>An outbound call on n1 that is up, and the INVITE that its far end got.</summary>
    private protected (string Call, RawPeer Peer, SipRequest Invite) UpAtFirst(int maxSeconds = 600) => UpAt("n1", maxSeconds);

    private protected (string Call, RawPeer Peer, SipRequest Invite) UpAt(string wanted, int maxSeconds = 600)
    {
        for (var last = 100; last < 160; last++)
        {
            var address = $"192.0.2.{last}";
            var peer = bench.Peer(address, bench["n1"]);
            var call = bench.Result(bench.Ask(bench["n1"], "sys.call.construct", ("to_uri", $"sip:phone@{address}"), ("max_answer_seconds", maxSeconds)))
                .GetProperty("res_id").GetString()!;
            var invite = peer.Request("INVITE");
            peer.Towards = bench.OwnerOf(call).Address;
            Answer(peer, invite);
            bench.Expect("sys.call.on_dial_completed");
            if (bench.OwnerOf(call).Name == wanted) return (call, peer, invite);
            bench.Ask(bench["n1"], "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
            peer.Respond(peer.Request("BYE"), 200);
            bench.Expect("sys.call.on_released");
        }
        throw new InvalidOperationException("no call where it was wanted");
    }

    private protected static void Answer(RawPeer peer, SipRequest invite)
    {
        peer.Respond(invite, 200, $"Contact: <sip:phone@{peer.Local}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
    }

    private protected string State(string resource) =>
        bench.Result(bench.Ask(bench.Nodes.First(node => node.IsAlive), "sys.call.get", ("res_id", resource))).GetProperty("state").GetString()!;

    /// <summary>Every member has a place in the mix: its own session, or a link that leads to its node and back.</summary>
    private protected void AreAllHeard(string conference, IEnumerable<string> calls)
    {
        var at = bench.OwnerOf(conference);
        var here = calls.Count(call => bench.OwnerOf(call) == at);
        var room = at.Media.Conferences.Single(room => room.Members.Count > 0);
        room.Members.Count.ShouldBe(calls.Count());
        at.Media.LinkSessions.Count.ShouldBe(calls.Count() - here);
        foreach (var link in at.Media.LinkSessions)
        {
            var other = bench.Nodes.Where(node => node.IsAlive && node != at).SelectMany(node => node.Media.LinkSessions)
                .Single(there => there.Local.Equals(link.Remote));
            other.Remote.ShouldBe(link.Local);
            other.Keys.ShouldBe(new Cti.Media.Srtp.SrtpKeys(link.Keys!.Remote!, link.Keys.Local));
        }
        bench.Nodes.Where(node => node.IsAlive && node != at).Sum(node => node.Media.Bridges.Count)
            .ShouldBe(calls.Count() - here, "each of them is joined to its link");
    }
}
