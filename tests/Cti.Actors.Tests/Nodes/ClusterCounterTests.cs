using Cti.Cluster.Membership;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What operators watch of a cluster moves where the thing happens, by as much.</summary>
public sealed class ClusterCounterTests : ClusterNodeTests
{
    private MembershipStatistics Member(string node) => bench[node].Server.Cluster.Snapshot();

    [Fact]
    public void A_takeover_is_counted_by_instance_and_call_where_it_happens()
    {
        var (kept, _) = Up(name => name == "n2");
        var (going, peer) = Up(name => name == "n1");
        var owned = Member("n1").Held;
        owned.ShouldBe(bench["n1"].Server.InstanceCount);
        var calls = bench["n1"].Server.CallCount;
        calls.ShouldBeGreaterThan(0);
        string[] survivors = ["n2", "n3"];
        var before = survivors.ToDictionary(name => name, Member);
        before["n2"].TakenFromDead.ShouldBe(0);
        (before["n2"].Up, before["n2"].Draining, before["n2"].Dead).ShouldBe((3, 0, 0));
        survivors.Sum(name => bench[name].Server.ClusterCounters.CallsResumed).ShouldBe(0);

        bench.Kill(bench["n1"]);
        var again = peer.Request("INVITE");
        peer.Towards = bench.OwnerOf(going).Address;
        Answer(peer, again);
        bench.Runtime.Advance(1000);

        survivors.Sum(name => Member(name).TakenFromDead).ShouldBe(owned, "each instance of the dead node once");
        foreach (var name in survivors)
        {
            var now = Member(name);
            (now.Up, now.Draining, now.Dead).ShouldBe((2, 0, 1), "dead, and not forgotten yet");
            now.Held.ShouldBe(before[name].Held + (int)now.TakenFromDead);
            (now.Lost, now.TakenFromGivers).ShouldBe((before[name].Lost, before[name].TakenFromGivers));
            now.SinceRenewedMillis.ShouldBeInRange(0, 400);
            now.IsCutOff.ShouldBeFalse();
        }
        var heir = bench.OwnerOf(going).Server.ClusterCounters;
        heir.CallsResumed.ShouldBeGreaterThan(0);
        survivors.Sum(name => bench[name].Server.ClusterCounters.CallsResumed).ShouldBe(calls, "the dead node's, and no other");
        survivors.Sum(name => bench[name].Server.ClusterCounters.CallsReleased).ShouldBe(0);
        State(kept).ShouldBe("Idle");
        survivors.Sum(name => bench[name].Server.LinkStatistics!.Value.Up).ShouldBe(2);
        survivors.Sum(name => bench[name].Server.LinkStatistics!.Value.Broken).ShouldBe(2, "each had a link to the dead node");
    }

    [Fact]
    public void A_hand_over_is_counted_by_giver_and_receiver_and_is_neither_loss_nor_takeover()
    {
        var before = bench.Nodes.ToDictionary(node => node.Name, node => Member(node.Name));
        var owned = before["n1"].Held;
        bench.Drain(bench["n1"]);
        for (var i = 0; i < 400 && bench["n1"].Server.InstanceCount > 0; i++) bench.Runtime.Advance(10);
        bench.Runtime.Advance(500);

        var giver = Member("n1");
        (giver.Held, giver.Given - before["n1"].Given, giver.Lost - before["n1"].Lost).ShouldBe((0, owned, 0));
        string[] others = ["n2", "n3"];
        others.Sum(name => Member(name).TakenFromGivers - before[name].TakenFromGivers).ShouldBe(owned);
        others.Sum(name => Member(name).TakenFromDead).ShouldBe(0);
        (Member("n2").Up, Member("n2").Draining, Member("n2").Dead).ShouldBe((2, 1, 0));
    }

    [Fact]
    public void What_came_to_the_wrong_node_is_counted_there_and_at_the_owner()
    {
        var (call, peer) = Up(name => name == "n2");
        var (wrong, owner) = (bench["n3"].Server.ClusterCounters, bench["n2"].Server.ClusterCounters);
        var (forwarded, taken) = (wrong.RequestsForwarded, owner.RequestsCarriedOut);
        bench.Ask(bench["n3"], "sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        (wrong.RequestsForwarded - forwarded, owner.RequestsCarriedOut - taken).ShouldBe((1, 1));
        bench.Ask(bench["n2"], "sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        (wrong.RequestsForwarded - forwarded, owner.RequestsCarriedOut - taken).ShouldBe((1, 1), "the owner asks nobody");

        var sent = bench["n3"].Server.LinkStatistics!.Value;
        bench.Ask(bench["n2"], "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = peer.Request("BYE");
        (wrong.SipForwarded, owner.SipTaken).ShouldBe((0, 0));
        peer.Respond(bye, 200);
        bench.Expect("sys.call.on_released");
        sent.FramesSent.ShouldBeGreaterThan(0);
        sent.BytesSent.ShouldBeGreaterThan(sent.FramesSent * 5, "each has its head");
    }

    [Fact]
    public void A_call_that_cannot_go_on_is_counted_as_released()
    {
        // It rings when its node dies: the phone is cancelled, and its dialler told.
        string call = "";
        RawPeer? phone = null;
        for (var i = 1; i < 40 && call.Length == 0; i++)
        {
            phone = bench.Peer($"192.0.2.{100 + i}", bench["n2"]);
            var made = bench.Construct(bench["n2"], $"sip:phone@192.0.2.{100 + i}");
            var invite = phone.Request("INVITE");
            phone.Respond(invite, 180);
            bench.Runtime.Advance(50);
            if (bench.OwnerOf(made).Name == "n1") call = made;
        }
        call.ShouldNotBeEmpty();
        bench.Kill(bench["n1"]);
        bench.Expect("sys.call.on_released", 20_000);
        string[] survivors = ["n2", "n3"];
        survivors.Sum(name => bench[name].Server.ClusterCounters.CallsReleased).ShouldBe(1);
        survivors.Sum(name => bench[name].Server.ClusterCounters.CallsResumed).ShouldBe(0);
    }
}
