using Akka.Actor;
using Akka.TestKit.Xunit2;
using Cti.Cluster.Downing;
using Cti.Cluster.Membership;
using Cti.Cluster.Tests.Remoting;
using Cti.Persistence;
using Cti.Persistence.PostgreSql;
using Cti.Testing;

namespace Cti.Cluster.Tests.Sharding;

/// <summary>What Akka's extension points promise, over the rows of a PostgreSQL: leases, downing, failure detection, allocation, waking.</summary>
public sealed class PostgreSqlShardingTests : IAsyncLifetime
{
    private const int Instances = RemoteNode.Instances;

    // These machines are busy: no node may seem dead because a test beside it has the processor.
    private const int LeaseMillis = 6_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly List<IJournalStore> _stores = [];
    private PostgreSqlServer _server = null!;

    public async Task InitializeAsync() => _server = await PostgreSqlServer.StartAsync();

    public async Task DisposeAsync()
    {
        foreach (var store in _stores) await store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Of_two_that_acquire_a_dead_nodes_lease_one_gets_it_with_a_raised_epoch_and_its_release_gives_nothing_away()
    {
        await using var dead = await LeaseNodeAsync("dead");
        var before = await RowsAsync();
        before.ShouldAllBe(static row => row.Owner == "dead", "who is alone takes all");
        await using var a = await LeaseNodeAsync("a");
        await using var b = await LeaseNodeAsync("b");
        await RemoteNode.UntilAsync(() => a.Member.View.Nodes.Length == 3 && b.Member.View.Nodes.Length == 3);
        dead.Kill();
        // Before the verdict its lease is its own, and who asks for it is refused.
        (await a.LeaseOf(4).Acquire()).ShouldBeFalse();
        await RemoteNode.UntilAsync(() => a.Member.View.Nodes.Length == 2 && b.Member.View.Nodes.Length == 2);
        var (one, other) = (a.LeaseOf(3), b.LeaseOf(3));
        var lost = 0;

        var acquired = await Task.WhenAll(one.Acquire(_ => Interlocked.Increment(ref lost)), other.Acquire(_ => Interlocked.Increment(ref lost)))
            .WaitAsync(Patience);

        acquired.Count(static got => got).ShouldBe(1);
        lost.ShouldBe(1, "who did not get it is told so");
        var (winner, lease) = acquired[0] ? (a, one) : (b, other);
        (one.CheckLease(), other.CheckLease()).ShouldBe((acquired[0], acquired[1]));
        var row = (await RowsAsync())[3];
        (row.Owner, row.Epoch).ShouldBe((winner.Member.Self, before[3].Epoch + 1));
        (await lease.Release()).ShouldBeTrue();
        (await RowsAsync())[3].ShouldBe(row);
        lease.CheckLease().ShouldBeTrue("calls outlive their shard's actor");
        (await lease.Acquire()).ShouldBeTrue("what a node owns it need not take again");
        (await RowsAsync())[3].ShouldBe(row);
    }

    [Fact]
    public async Task The_failure_detector_follows_the_verdict_of_the_rows_and_not_the_heartbeats()
    {
        await using var a = await LeaseNodeAsync("a");
        var gone = await LeaseNodeAsync("b");
        await RemoteNode.UntilAsync(() => a.Member.View.Nodes.Length == 2);
        using var kit = new Kit(a.System);
        var detector = new VerdictFailureDetector(Akka.Configuration.ConfigurationFactory.ParseString($"""
            threshold = 10, max-sample-size = 100, min-std-deviation = 100ms, acceptable-heartbeat-pause = 60s, expected-response-after = 1s
            heartbeat-interval = 200ms, {VerdictFailureDetector.RunKey} = "{a.Run}"
            """), a.System.EventStream) { Address = "akka.ssl.tcp://cti@b:7400" };
        detector.HeartBeat();
        detector.IsAvailable.ShouldBeTrue();

        gone.Kill();
        kit.AwaitAssert(() =>
        {
            detector.HeartBeat();
            detector.IsAvailable.ShouldBeFalse();
        }, Patience, TimeSpan.FromMilliseconds(50));

        await gone.DisposeAsync();
        await using var again = await LeaseNodeAsync("b");
        kit.AwaitAssert(() => detector.IsAvailable.ShouldBeTrue("its new row clears the verdict"), Patience, TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_shard_whose_lease_another_node_took_stops_and_begins_there()
    {
        await using var a = await NodeAsync("a");
        await RemoteNode.UntilAsync(() => a.System.Picture().Shards == Instances, () => Told(a));
        await using var b = await NodeAsync("b");
        await RemoteNode.UntilAsync(() => b.System.Picture().IsUp, () => Told(a, b));
        using var kit = new Kit(a.System.System!);
        var watching = kit.CreateTestProbe();
        watching.Watch(await EntityAsync(a, 3));

        await _server.QueryAsync("UPDATE instance SET owner = 'b', epoch = epoch + 1 WHERE id = 3");

        watching.ExpectMsg<Terminated>(Patience);
        kit.AwaitAssert(() => (a.System.Picture().Shards, b.System.Picture().Shards).ShouldBe((Instances - 1, 1)), Patience);
        a.Owned.Keys.ShouldNotContain(3);
        (await EntityAsync(b, 3)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_condemned_node_is_downed_and_its_instances_go_by_rendezvous_to_who_does_not_drain()
    {
        await using var a = await NodeAsync("a");
        await using var b = await NodeAsync("b");
        await using var c = await NodeAsync("c");
        await using var d = await NodeAsync("d");
        RemoteNode[] survivors = [a, b, c];
        await RemoteNode.UntilAsync(() => survivors.Append(d).All(static node => node.MembersUp == 4), () => Told(a, b, c, d), seconds: 60);
        // What each is to have, as the hand-overs of a running node do it.
        foreach (var (instance, to) in a.Member.PlanGives()) (await a.Member.GiveAsync(instance, to)).ShouldBeTrue();
        b.Member.Drain();
        await RemoteNode.UntilAsync(() => a.Member.View.Find("b") is { IsDraining: true } && c.Member.View.Find("b") is { IsDraining: true }
            && survivors.Append(d).Sum(static node => node.System.Picture().Shards) == Instances, () => Told(a, b, c, d), seconds: 60);
        var before = await RowsAsync();
        var orphans = before.Where(static row => row.Owner == "d").Select(static row => row.Instance).ToList();
        orphans.ShouldNotBeEmpty();

        await d.KillAsync();
        await RemoteNode.UntilAsync(() => survivors.All(static node => node.System.Picture() is { Members.Length: 3, IsUp: true })
            && survivors.Sum(static node => node.System.Picture().Shards) == Instances, () => Told(a, b, c, d), seconds: 60);

        var after = await RowsAsync();
        foreach (var instance in orphans)
            (after[instance].Owner, after[instance].Epoch).ShouldBe((Rendezvous.Winner(instance, ["a", "c"]), before[instance].Epoch + 1));
        after.Where(row => !orphans.Contains(row.Instance)).ShouldBe(before.Where(row => !orphans.Contains(row.Instance)), "nothing moves but what has to");
    }

    [Fact]
    public async Task A_database_that_is_away_downs_nobody_and_takes_nothing_from_anybody()
    {
        await using var a = await NodeAsync("a");
        await using var b = await NodeAsync("b");
        await RemoteNode.UntilAsync(() => a.MembersUp == 2 && b.MembersUp == 2, () => Told(a, b), seconds: 60);
        var (owned, rows) = (a.Owned, await RowsAsync());
        var isWhole = true;
        using var kit = new Kit(a.System.System!);

        await _server.KillAsync();
        kit.AwaitCondition(() => a.Member.IsCutOff && b.Member.IsCutOff, Patience);
        var began = global::System.Diagnostics.Stopwatch.GetTimestamp();
        await RemoteNode.UntilAsync(() =>
        {
            isWhole &= a.System.Picture() is { IsUp: true, Members: [{ IsReachable: true }, { IsReachable: true }] };
            return global::System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalMilliseconds > LeaseMillis * 1.5;
        });
        await _server.LaunchAsync();
        await RemoteNode.UntilAsync(() => !a.Member.IsCutOff && !b.Member.IsCutOff, () => Told(a, b), seconds: 60);

        isWhole.ShouldBeTrue("the rows condemn nobody while nobody can renew");
        (a.MembersUp, b.MembersUp, a.System.Picture().Renewed, b.System.Picture().Renewed).ShouldBe((2, 2, 0, 0));
        a.Owned.ShouldBe(owned);
        (await RowsAsync()).ShouldBe(rows);
    }

    [Fact]
    public async Task A_shard_without_an_owner_is_woken_though_nobody_sends_it_anything()
    {
        await using var a = await NodeAsync("a");
        await RemoteNode.UntilAsync(() => a.System.Picture().Shards == Instances, () => Told(a));
        var before = (await RowsAsync())[5];
        using var kit = new Kit(a.System.System!);
        var watching = kit.CreateTestProbe();
        watching.Watch(await EntityAsync(a, 5));

        await _server.QueryAsync("UPDATE instance SET owner = '', epoch = epoch + 1 WHERE id = 5");

        watching.ExpectMsg<Terminated>(Patience);
        await RemoteNode.UntilAsync(() => a.Owned.GetValueOrDefault(5) == before.Epoch + 2 && a.System.Picture().Shards == Instances, () => Told(a));
        watching.Watch(await EntityAsync(a, 5));
        (await RowsAsync())[5].ShouldBe(before with { Epoch = before.Epoch + 2 });
    }

    /// <summary>Looks into the actor system of a node, which does not end with it.</summary>
    private sealed class Kit(ActorSystem system) : TestKit(system)
    {
        protected override void AfterAll()
        {
        }
    }

    /// <summary>The one entity of an instance's shard, where it lives.</summary>
    private static async Task<IActorRef> EntityAsync(RemoteNode node, int instance)
    {
        IActorRef? found = null;
        await RemoteNode.UntilAsync(() =>
        {
            found = node.System.System!.ActorSelection($"/system/sharding/instance/{instance}/{instance}").ResolveOne(TimeSpan.FromSeconds(1))
                .ContinueWith(static asked => asked.IsCompletedSuccessfully ? asked.Result : null, TaskScheduler.Default).GetAwaiter().GetResult();
            return found is not null;
        }, () => Told(node));
        return found!;
    }

    private IJournalStore Store()
    {
        var store = new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = _server.ConnectionString() + ";Maximum Pool Size=5", ConnectTimeout = TimeSpan.FromSeconds(30),
            CommandTimeout = TimeSpan.FromSeconds(30),
        });
        _stores.Add(store);
        return store;
    }

    private async Task<LeaseNode> LeaseNodeAsync(string name)
    {
        var store = Store();
        await store.OpenAsync(Instances);
        var node = new LeaseNode(store, name, Instances, LeaseMillis);
        await node.Member.StartAsync();
        return node;
    }

    private async Task<RemoteNode> NodeAsync(string name)
    {
        var node = new RemoteNode(Store(), name, leaseMillis: LeaseMillis);
        await node.StartAsync();
        return node;
    }

    private async Task<IReadOnlyList<InstanceOwnership>> RowsAsync() => [.. await _stores[0].ReadOwnershipAsync()];

    private static string Told(params RemoteNode[] nodes) => string.Join("\n", nodes.Select(static node =>
        $"-- {node.Name}: {node.MembersUp} members, owns {string.Join(' ', node.Owned.Keys)}, {node.System.Picture()}\n{string.Join("\n", node.Log.Lines)}"));
}
