using System.Text;
using System.Text.Json;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A BYE that a node answered while it could not write, and then died.</summary>
public sealed class ToldByeTests : ClusterNodeTests
{
    private const int Lease = 2000;

    private string Kept(string node) => Encoding.UTF8.GetString(bench[node].Spool.Content.Span);

    private void Released(JsonElement released, string call, long atMillis)
    {
        released.GetProperty("res_id").GetString().ShouldBe(call);
        (released.GetProperty("dropped_by").GetString(), released.GetProperty("cause").GetInt32()).ShouldBe(("usr", 486));
        released.GetProperty("end_time").GetInt64().ShouldBe(atMillis / 1000, "the moment of the BYE");
        bench.Runtime.Advance(40_000);
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.CallRecords().Count(record => record.Record.ResourceId == call).ShouldBe(1);
        bench.Nodes.Where(static node => node.IsAlive).Sum(static node => node.Server.CallCount + node.Server.ToldByeCount).ShouldBe(0);
        Kept("n1").ShouldBe("");
        bench.Crashes.ShouldBeEmpty();
    }

    private void HangUp(RawPeer peer, SipRequest invite)
    {
        peer.SendInDialog(invite, "BYE", 8, "Reason: SIP;cause=486");
        peer.Response(200).CSeq.Method.ShouldBe("BYE");
    }

    [Fact]
    public void The_node_that_died_tells_the_calls_new_owner_when_it_is_back()
    {
        var (call, peer, invite) = UpAtFirst();
        bench["n1"].IsCut = true;
        bench.Runtime.Advance(1500);
        var at = bench.Runtime.UnixMillis;
        HangUp(peer, invite);
        Kept("n1").ShouldContain(call);
        bench.Kill(bench["n1"]);
        // Another takes the call over; its far end is silent.
        bench.Runtime.Advance(2 * Lease);
        bench.OwnerOf(call).Name.ShouldNotBe("n1");
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.Restart(bench["n1"]);
        Released(bench.Expect("sys.call.on_released", 3000), call, at);
    }

    [Fact]
    public void The_node_that_died_and_still_owns_the_call_ends_it_without_calling_its_far_end_back()
    {
        var (call, peer, invite) = UpAtFirst();
        foreach (var node in bench.Nodes) node.IsCut = true;
        bench.Runtime.Advance(1500);
        var at = bench.Runtime.UnixMillis;
        HangUp(peer, invite);
        bench.Kill(bench["n1"]);
        peer.Rest();
        bench.Runtime.Advance(8000);
        // It is back before the others have seen for a lease that it does not renew.
        foreach (var node in bench.Nodes) node.IsCut = false;
        bench.Restart(bench["n1"]);
        bench.OwnerOf(call).Name.ShouldBe("n1");
        Released(bench.Expect("sys.call.on_released", 3000), call, at);
        peer.Rest().ShouldBe([], "a telephone that has hung up is left alone");
    }

    [Fact]
    public void A_BYE_that_is_answered_before_the_node_knows_that_it_cannot_write_is_kept_a_moment_later()
    {
        var (call, peer, invite) = UpAtFirst();
        bench["n1"].IsCut = true;
        bench["n1"].Server.Journal.IsStalled.ShouldBeFalse();
        var at = bench.Runtime.UnixMillis;
        HangUp(peer, invite);
        bench.Runtime.Advance(300);
        Kept("n1").ShouldContain(call);
        bench.Kill(bench["n1"]);
        bench.Runtime.Advance(2 * Lease);
        bench.Restart(bench["n1"]);
        Released(bench.Expect("sys.call.on_released", 3000), call, at);
    }

    [Fact]
    public void While_nothing_can_be_written_the_200_waits_for_the_nodes_own_disk()
    {
        var (call, peer, invite) = UpAtFirst();
        (bench["n1"].IsCut, bench["n1"].DiskMillis) = (true, 300);
        bench.Runtime.Advance(1500);
        var sentAt = bench.Runtime.ElapsedMillis;
        peer.SendInDialog(invite, "BYE", 8);
        bench.Runtime.Advance(60);
        peer.Rest().ShouldBe([]);
        bench.Runtime.ElapsedMillis.ShouldBeLessThan(sentAt + 300);
        Kept("n1").ShouldBe("");
        peer.Response(200).CSeq.Method.ShouldBe("BYE");
        Kept("n1").ShouldContain(call);
        bench["n1"].IsCut = false;
        bench.Expect("sys.call.on_released", 3000).GetProperty("cause").GetInt32().ShouldBe(200);
        bench.Runtime.Advance(2000);
        Kept("n1").ShouldBe("", "it is in the journal");
    }

    [Fact]
    public void A_disk_that_refuses_keeps_no_far_end_waiting()
    {
        var (_, peer, invite) = UpAtFirst();
        (bench["n1"].IsCut, bench["n1"].IsDiskBroken) = (true, true);
        bench.Runtime.Advance(1500);
        HangUp(peer, invite);
        bench.Runtime.Advance(2 * Lease);
        bench["n1"].IsCut = false;
        bench.Expect("sys.call.on_released", 3000).GetProperty("cause").GetInt32().ShouldBe(486);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_of_a_node_that_can_write_costs_no_write_to_its_own_disk()
    {
        var (_, peer, invite) = UpAtFirst();
        bench["n1"].IsDiskBroken = true;
        HangUp(peer, invite);
        bench.Expect("sys.call.on_released");
        bench.Runtime.Advance(2000);
        bench["n1"].Server.ToldByeCount.ShouldBe(0);
    }
}
