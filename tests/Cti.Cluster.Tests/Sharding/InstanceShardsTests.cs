using System.Collections.Immutable;
using Akka.Actor;
using Cti.Cluster.Membership;
using Cti.Cluster.Sharding;
using Cti.Persistence;
using Cti.Testing;

namespace Cti.Cluster.Tests.Sharding;

/// <summary>The lease of a shard and where shards go, with a membership that is played by hand.</summary>
public sealed class InstanceShardsTests
{
    private readonly HandLeases _leases = new();
    private readonly InstanceShards _shards;
    private readonly ManualRuntime _runtime = new();
    private readonly InstanceAllocation _allocation;

    public InstanceShardsTests()
    {
        _shards = new InstanceShards(8, _leases);
        _allocation = new InstanceAllocation(_shards, _runtime);
    }

    [Fact]
    public void A_shard_waits_for_its_instance_and_has_it_when_the_store_says_so()
    {
        _leases.See(["a", "b"], owners: new() { [3] = "dead" });
        var acquired = _shards.AcquireAsync(3, static _ => throw new InvalidOperationException("nothing is lost"));
        (_leases.Wanted.Single(), acquired.IsCompleted).ShouldBe((3, false));

        Gain(3);

        Done(acquired).ShouldBeTrue();
        _shards.Holds(3).ShouldBeTrue();
    }

    [Fact]
    public void What_this_node_owns_already_is_granted_at_once()
    {
        _leases.See(["a"], owners: new() { [3] = "a" });
        _leases.Held.Add(3);
        Done(_shards.AcquireAsync(3, static _ => { })).ShouldBeTrue();
    }

    [Fact]
    public void A_shard_that_another_node_got_stops_and_hears_it_before_the_refusal()
    {
        _leases.See(["a", "b"], owners: new() { [3] = "dead" });
        var lost = 0;
        Task<bool> acquired = null!;
        acquired = _shards.AcquireAsync(3, _ => lost += acquired.IsCompleted ? 100 : 1);
        var before = _leases.View;
        _leases.See(["a", "b"], owners: new() { [3] = "b" });
        _shards.OnViewChanged(before, _leases.View);
        (lost, Done(acquired), _leases.Wanted.Count).ShouldBe((1, false, 0));
    }

    [Fact]
    public void A_lease_that_was_granted_is_lost_when_the_store_says_that_another_owns_it()
    {
        _leases.See(["a", "b"], owners: new() { [3] = "a" });
        _leases.Held.Add(3);
        var lost = 0;
        Done(_shards.AcquireAsync(3, _ => lost++)).ShouldBeTrue();
        _leases.Held.Remove(3);
        _shards.OnLost([3]);
        _shards.OnLost([3]);
        lost.ShouldBe(1);
    }

    [Fact]
    public void Releasing_gives_nothing_away()
    {
        _leases.See(["a"], owners: new() { [3] = "a" });
        _leases.Held.Add(3);
        Done(_shards.AcquireAsync(3, static _ => throw new InvalidOperationException("nothing is lost"))).ShouldBeTrue();
        _shards.Release(3);
        _shards.OnLost([3]);
        _leases.Held.ShouldContain(3);
    }

    [Fact]
    public void A_living_owner_keeps_its_shard_and_a_dead_ones_goes_by_rendezvous_to_who_does_not_drain()
    {
        _leases.See(["a", "b", "c"], owners: new() { [0] = "c", [1] = "dead", [2] = "dead", [3] = "dead" }, draining: "b");
        var regions = Regions("a", "b", "c");
        Home(0, regions).ShouldBe("c");
        foreach (var instance in (int[])[1, 2, 3]) Home(instance, regions).ShouldBe(Rendezvous.Winner(instance, ["a", "c"]));
    }

    [Fact]
    public void An_owner_whose_region_is_not_there_yet_is_waited_for()
    {
        _leases.See(["a", "b"], owners: new() { [0] = "b" });
        var asked = _allocation.AllocateShard(ActorRefs.Nobody, "0", Cast(Regions("a")));
        asked.IsCompleted.ShouldBeFalse("the coordinator takes only a late answer for none");
        _runtime.Advance(100);
        Done(asked).ShouldBeNull();
    }

    [Fact]
    public void A_shard_that_is_not_where_its_instance_is_owned_moves_there_and_nothing_else_moves()
    {
        _leases.See(["a", "b", "c"], owners: new() { [0] = "b", [1] = "a", [2] = "dead" });
        var winner = Rendezvous.Winner(2, ["a", "b", "c"])!;
        var regions = Regions("a", "b", "c");
        var held = regions.ToImmutableDictionary(static pair => pair.Key, pair => pair.Value.AddRange(NameOf(pair.Key) == "a" ? ["0", "1"] : []));
        var of = held.Keys.Single(region => NameOf(region) == winner);
        held = held.SetItem(of, held[of].Add("2"));
        Done(_allocation.Rebalance(Cast(held), ImmutableHashSet<string>.Empty)).ShouldBe(["0"]);
        Done(_allocation.Rebalance(Cast(held), ImmutableHashSet.Create("0"))).ShouldBeEmpty();
    }

    [Fact]
    public void Akka_still_has_the_message_whose_wait_is_shortened() =>
        typeof(Akka.Cluster.Sharding.ClusterSharding).Assembly.GetTypes().Where(static type => type.Name == CoordinatorScheduler.StateInitialized)
            .ShouldHaveSingleItem("without it a fail-over of the coordinator's node takes half a second longer");

    private static T Done<T>(Task<T> task)
    {
        task.IsCompletedSuccessfully.ShouldBeTrue();
        return task.GetAwaiter().GetResult();
    }

    private void Gain(int instance)
    {
        _leases.Held.Add(instance);
        _shards.OnGained([new InstanceOwnership(instance, "a", 2, 0)], 0, false);
    }

    private string? Home(int instance, IImmutableDictionary<IActorRef, ImmutableList<string>> regions) =>
        NameOf(Done(_allocation.AllocateShard(ActorRefs.Nobody, $"{instance}", Cast(regions))));

    private static string? NameOf(IActorRef? region) => region is FakeRegion fake ? fake.Name : null;

    private static ImmutableDictionary<IActorRef, ImmutableList<string>> Regions(params string[] names) =>
        names.ToImmutableDictionary(static name => (IActorRef)new FakeRegion(name), static _ => ImmutableList<string>.Empty);

    private static IImmutableDictionary<IActorRef, IImmutableList<string>> Cast(IImmutableDictionary<IActorRef, ImmutableList<string>> regions) =>
        regions.ToImmutableDictionary(static pair => pair.Key, static pair => (IImmutableList<string>)pair.Value);

    /// <summary>A node's region: the local one has no host.</summary>
    private sealed class FakeRegion(string name) : MinimalActorRef
    {
        public string Name => name;

        public override ActorPath Path { get; } =
            new RootActorPath(name == "a" ? new Address("akka", "cti") : new Address("akka", "cti", name, 7400)) / "region";

        public override IActorRefProvider Provider => throw new NotSupportedException();
    }

    private sealed class HandLeases : IInstanceLeases
    {
        public string Self => "a";
        public ClusterView View { get; private set; } = new(0, [], []);
        public HashSet<int> Held { get; } = [];
        public HashSet<int> Wanted { get; } = [];

        public bool Holds(int instance) => Held.Contains(instance);
        public void Want(int instance) => Wanted.Add(instance);
        public void WantNoMore(int instance) => Wanted.Remove(instance);

        public void See(string[] nodes, Dictionary<int, string> owners, string draining = "") => View = new ClusterView(View.Number + 1,
            [.. nodes.Select(name => new ClusterNode { Name = name, Incarnation = name, LinkAddress = $"{name}:7400", IsDraining = name == draining })],
            [.. Enumerable.Range(0, 8).Select(instance => new InstanceOwner(owners.GetValueOrDefault(instance, ""), 1))]);
    }
}
