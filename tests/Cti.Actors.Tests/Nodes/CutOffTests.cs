using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A node that cannot reach the database: it keeps answering, and what it cannot write down is not lost.</summary>
public sealed class CutOffTests : ClusterNodeTests
{
    private const int Lease = 2000;

    [Fact]
    public void A_BYE_that_a_node_answered_which_could_not_write_it_reaches_the_calls_new_owner()
    {
        var (_, peer, invite) = UpAtFirst();
        bench["n1"].IsCut = true;
        bench.Runtime.Advance(500);
        peer.SendInDialog(invite, "BYE", 8, "Reason: SIP;cause=486");
        peer.Response(200).CSeq.Method.ShouldBe("BYE");
        bench.Runtime.Advance(2 * Lease);
        bench.Nodes[1].Server.Cluster.View.Find("n1").ShouldBeNull();
        bench["n1"].Server.CallCount.ShouldBe(0, "it was put out");
        bench.Count("sys.call.on_released").ShouldBe(0);
        // The far end is silent: nothing but the node that was cut off knows that it has hung up.
        bench["n1"].IsCut = false;
        var released = bench.Expect("sys.call.on_released", 1000);
        (released.GetProperty("dropped_by").GetString(), released.GetProperty("cause").GetInt32()).ShouldBe(("usr", 486));
        bench.Runtime.Advance(40_000);
        bench.Count("sys.call.on_released").ShouldBe(0);
        bench.Nodes.Sum(static node => node.Server.CallCount).ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_journal_that_is_slow_to_read_keeps_no_other_instances_calls_silent()
    {
        var calls = new List<(string Call, RawPeer Peer)>();
        for (var i = 0; i < 5; i++) calls.Add(Up(name => name == "n1"));
        foreach (var node in bench.Nodes) node.SlowReadMillis = 4000;
        bench.Kill(bench["n1"]);
        bench.Runtime.Advance(Lease + 1000);
        var told = calls.Count(up => up.Peer.Hears("INVITE", 0));
        var instances = calls.Select(up => up.Call.Split('-')[0]).Distinct().Count();
        instances.ShouldBeGreaterThan(3, "else nothing is shown");
        told.ShouldBeInRange(1, calls.Count - 1, "all but what waits for the slow answers");
        told.ShouldBeGreaterThanOrEqualTo(instances - 2, "one at each survivor is slow");
        bench.Runtime.Advance(4000);
        calls.ShouldAllBe(static up => up.Peer.Hears("INVITE", 0));
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Calls_do_not_wait_for_what_requests_were_answered_and_a_repeated_request_does()
    {
        var (call, peer) = Up(name => name == "n1");
        var id = Guid.Parse("4f8fad5b-d9cb-469f-a165-70867728950e");
        var first = bench.Wait(bench.Begin(bench["n1"], id, "sys.call.play_start", ("res_id", call), ("content", "a.wav")));
        first.Error.ShouldBeNull();
        foreach (var node in bench.Nodes) node.SlowMemoryMillis = 3500;
        bench.Kill(bench["n1"]);
        bench.Runtime.Advance(Lease + 500);
        peer.Hears("INVITE", 0).ShouldBeTrue();
        var gateway = bench.OtherThan(call);
        var again = bench.Begin(gateway, id, "sys.call.play_start", ("res_id", call), ("content", "a.wav"));
        bench.Ask(gateway, "sys.call.get", ("res_id", call)).Error.ShouldBeNull("what has no UUID waits for nothing");
        again.IsCompleted.ShouldBeFalse("whether it was answered is not known yet");
        var answer = bench.Wait(again, 3000);
        answer.Error.ShouldBeNull();
        System.Text.Encoding.UTF8.GetString(answer.Result.Span).ShouldBe(System.Text.Encoding.UTF8.GetString(first.Result.Span));
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_that_waits_for_what_was_answered_too_long_is_told_to_come_again()
    {
        var (call, _) = Up(name => name == "n1");
        foreach (var node in bench.Nodes) node.SlowMemoryMillis = 60_000;
        bench.Kill(bench["n1"]);
        bench.Runtime.Advance(Lease + 500);
        var asked = bench.Begin(bench.OwnerOf(call), Guid.Parse("5f8fad5b-d9cb-469f-a165-70867728950e"), "sys.call.play_start", ("res_id", call),
            ("content", "a.wav"));
        bench.Wait(asked, 12_000).Error.ShouldNotBeNull().Code.ShouldBe(ErrorCodes.Unavailable);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void While_nobody_has_the_database_a_limit_on_time_is_kept_and_its_BYE_goes_out_once()
    {
        var (_, peer, _) = UpAtFirst(maxSeconds: 5);
        bench.Runtime.Advance(1000);
        foreach (var node in bench.Nodes) node.IsCut = true;
        var bye = peer.Request("BYE", 5500);
        peer.Respond(bye, 200);
        bench.Runtime.Advance(5000);
        bench.Count("sys.call.on_released").ShouldBe(0, "nothing is told that is not durable");
        foreach (var node in bench.Nodes) node.IsCut = false;
        bench.Expect("sys.call.on_released", 3000).GetProperty("cause").GetInt32().ShouldBe(408);
        bench.Runtime.Advance(5000);
        peer.Rest().ShouldBe([], "it was hung up already");
        bench.Nodes.Sum(static node => node.Server.CallCount).ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_alone_is_cut_off_leaves_the_BYE_of_a_deadline_to_its_successor()
    {
        var (_, peer, _) = UpAtFirst(maxSeconds: 5);
        bench.Runtime.Advance(4000);
        bench["n1"].IsCut = true;
        // The deadline comes before the lease is over.
        peer.Hears("BYE", 1900).ShouldBeFalse();
        bench["n1"].Server.Cluster.IsCutOff.ShouldBeTrue();
        bench["n1"].Server.Cluster.MayBye.ShouldBeFalse("its peers have the database");
        var bye = peer.Request("BYE", 2000);
        bye.TopVia.Host.ShouldNotBe(bench["n1"].Address.Address.ToString());
        peer.Towards = bench.Nodes.Single(node => node.Address.Address.ToString() == bye.TopVia.Host).Address;
        peer.Respond(bye, 200);
        bench.Expect("sys.call.on_released");
        peer.Hears("BYE", 3000).ShouldBeFalse("it is hung up already");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_that_nobody_can_write_is_understood_though_another_node_had_the_call_meanwhile_and_died()
    {
        var (_, peer, _) = UpAtFirst(maxSeconds: 20);
        bench["n1"].IsCut = true;
        foreach (var other in bench.Nodes.Skip(1)) bench.Links.Cut("n1", other.Name);
        var moved = peer.Request("INVITE", 3 * Lease);
        moved.TopVia.Host.ShouldNotBe(bench["n1"].Address.Address.ToString());
        peer.Respond(moved, 200, $"Contact: <sip:phone@{peer.Local}>\nContent-Type: application/sdp", peer.Sdp());
        bench.Runtime.Advance(500);
        foreach (var other in bench.Nodes.Skip(1)) bench.Kill(other);
        for (var i = 0; i < 30_000 && !peer.Hears("BYE", 0); i += 10) bench.Runtime.Advance(10);
        var bye = peer.Request("BYE", 1000);
        bye.TopVia.Host.ShouldBe(bench["n1"].Address.Address.ToString());
        bye.CSeq.Number.ShouldBeGreaterThan(moved.CSeq.Number, "RFC 3261 section 12.2.2: a lower one is refused");
        bye.CSeq.Number.ShouldBeLessThan(1u << 31);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_was_replaced_unawares_does_not_refuse_what_its_successor_accepted()
    {
        var (first, second) = (bench["n1"], bench["n2"]);
        var former = Enumerable.Range(0, 24).Where(instance => second.Server.Cluster.View.OwnerOf(instance)?.Name == first.Name).ToHashSet();
        first.IsCut = true;
        // Nobody can tell it.
        foreach (var other in bench.Nodes.Where(node => node != first)) bench.Links.Cut(first.Name, other.Name);
        bench.Runtime.Advance(2 * Lease);
        first.Server.InstanceCount.ShouldBe(former.Count, "it takes itself for the owner");
        var (call, peer) = UpAt(second, former);
        var (nobody, id) = (Guid.Parse("2f8fad5b-d9cb-469f-a165-70867728950e"), Guid.Parse("3f8fad5b-d9cb-469f-a165-70867728950e"));
        var accepted = bench.Wait(bench.Begin(second, id, "sys.call.receive_dtmf_start", ("res_id", call)));
        accepted.Error.ShouldBeNull();
        bench.Wait(bench.Begin(first, id, "sys.call.receive_dtmf_start", ("res_id", call)), 6000).Error.ShouldNotBeNull().Code.ShouldBe(503);
        bench.Wait(bench.Begin(first, null, "sys.call.exists", ("res_id", call)), 6000).Error.ShouldNotBeNull().Code.ShouldBe(503);
        // One that waits while the node learns what happened is answered by the owner, the repeat as its first was.
        var repeat = bench.Begin(first, id, "sys.call.receive_dtmf_start", ("res_id", call));
        var gone = bench.Begin(first, nobody, "sys.call.drop", ("res_id", call.Split('-')[0] + "-sys.call-9007199254740000"));
        bench.Runtime.Advance(1000);
        (repeat.IsCompleted, gone.IsCompleted).ShouldBe((false, false));
        first.IsCut = false;
        bench.Links.Heal();
        bench.Wait(repeat, 4000).Result.ToArray().ShouldBe(accepted.Result.ToArray());
        bench.Wait(gone, 4000).Error.ShouldNotBeNull().Code.ShouldBe(404, "the owner knows");
        peer.Hears("BYE", 0).ShouldBeFalse();
        bench.Crashes.ShouldBeEmpty();
    }

    /// <summary>A call that is up, of one of these instances, asked for at a node.</summary>
    private (string Call, RawPeer Peer) UpAt(ClusterNodeBench node, HashSet<int> instances)
    {
        for (var last = 160; last < 250; last++)
        {
            var address = $"192.0.2.{last}";
            var peer = bench.Peer(address, node);
            var call = bench.Result(bench.Ask(node, "sys.call.construct", ("to_uri", $"sip:phone@{address}"), ("max_answer_seconds", 600)))
                .GetProperty("res_id").GetString()!;
            var invite = peer.Request("INVITE");
            ResourceId.TryParse(call, out var id).ShouldBeTrue();
            peer.Towards = bench[node.Server.Cluster.View.OwnerOf(id.Instance)!.Name].Address;
            Answer(peer, invite);
            bench.Expect("sys.call.on_dial_completed");
            if (instances.Contains(id.Instance)) return (call, peer);
        }
        throw new InvalidOperationException("no call where it was wanted");
    }
}
