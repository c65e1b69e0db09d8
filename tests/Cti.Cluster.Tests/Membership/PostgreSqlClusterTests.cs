using System.Diagnostics;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.PostgreSql;
using Cti.Testing;

namespace Cti.Cluster.Tests.Membership;

/// <summary>Members in earnest: one PostgreSQL, real time.</summary>
public sealed class PostgreSqlClusterTests
{
    private const int Instances = 32;

    // These machines are busy: no node may seem dead because a test beside it has the processor.
    private const int LeaseMillis = 8_000;

    [Fact]
    public async Task Three_members_of_one_database_share_its_instances_and_survive_the_death_of_one()
    {
        await using var server = await PostgreSqlServer.StartAsync();
        await using var a = new RealMember(server, "a");
        await using var b = new RealMember(server, "b");
        await using var c = new RealMember(server, "c");
        await Task.WhenAll(a.StartAsync(), b.StartAsync(), c.StartAsync());
        await UntilAsync(() => a.Count + b.Count + c.Count == Instances && new[] { a, b, c }.All(static member => member.Member.View.Nodes.Length == 3));
        foreach (var member in new[] { a, b, c })
        {
            foreach (var (instance, to) in member.Member.PlanGives()) (await member.Member.GiveAsync(instance, to)).ShouldBeTrue();
        }
        await UntilAsync(() =>
            a.Count + b.Count + c.Count == Instances && a.Member.PlanGives().Count + b.Member.PlanGives().Count + c.Member.PlanGives().Count == 0);
        var (orphan, epoch) = a.Owned.First();

        a.Kill();
        b.Member.OnBroken("a");
        c.Member.OnBroken("a");
        b.Member.PeerRefused("a");
        c.Member.PeerRefused("a");
        await UntilAsync(() => b.Count + c.Count == Instances);

        b.Owned.Keys.Intersect(c.Owned.Keys).ShouldBeEmpty();
        b.Member.View.Nodes.Select(static node => node.Name).ShouldBe(["b", "c"]);
        var rows = await b.Store.ReadOwnershipAsync();
        rows.ShouldAllBe(row => (row.Owner == "b" ? b : c).Owned[row.Instance] == row.Epoch);
        var late = new InstanceAppend
        {
            Instance = orphan, Owner = "a", Epoch = epoch, ExpectedTail = 0, NewTail = 1, Entries = [new JournalEntry(1, "r", 1, new byte[1])],
        };
        (await b.Store.AppendAsync([late])).ShouldBe([AppendOutcome.Fenced]);
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var started = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(60));
            await tick.WaitForNextTickAsync();
        }
    }

    private sealed class RealMember : IClusterEvents, ITimers, IClock, IAsyncDisposable
    {
        private readonly Lock _gate = new();
        private readonly SortedDictionary<int, long> _owned = [];
        private volatile bool _isDead;

        public RealMember(PostgreSqlServer server, string name)
        {
            Store = new PostgreSqlJournalStore(new PostgreSqlOptions
            {
                ConnectionString = server.ConnectionString() + ";Maximum Pool Size=5", ConnectTimeout = TimeSpan.FromSeconds(30),
                CommandTimeout = TimeSpan.FromSeconds(30),
            });
            Member = new ClusterMember(new ClusterMemberOptions { Name = name, Incarnation = name, IsShared = true, LeaseMillis = LeaseMillis }, Store,
                new ClusterClock(this), this, NullLog.Instance);
            Member.Subscribe(this);
        }

        public IJournalStore Store { get; }
        public ClusterMember Member { get; }

        public int Count
        {
            get
            {
                lock (_gate) return _owned.Count;
            }
        }

        public SortedDictionary<int, long> Owned
        {
            get
            {
                lock (_gate) return new SortedDictionary<int, long>(_owned);
            }
        }

        public long MonotonicNanos => (long)Stopwatch.GetElapsedTime(0).TotalNanoseconds;
        public long UnixMillis => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

        public async Task StartAsync()
        {
            await Store.OpenAsync(Instances);
            await Member.StartAsync();
        }

        public void Kill() => _isDead = true;

        public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
        {
            lock (_gate)
            {
                foreach (var claim in gained) _owned.Add(claim.Instance, claim.Epoch);
            }
        }

        public void OnLost(IReadOnlyList<int> instances)
        {
            lock (_gate)
            {
                foreach (var instance in instances) _owned.Remove(instance);
            }
        }

        public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
        {
            var handle = new Handle();
            handle.Timer = new Timer(_ =>
            {
                if (!_isDead) callback(state);
            }, null, delayMillis, Timeout.Infinite);
            return handle;
        }

        public async ValueTask DisposeAsync()
        {
            if (!_isDead) await Member.StopAsync();
            await Store.DisposeAsync();
        }

        private sealed class Handle : ITimerHandle
        {
            public Timer? Timer { get; set; }

            public void Cancel() => Timer?.Dispose();
        }
    }
}
