using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Coordination;
using Akka.Configuration;
using Cti.Cluster.Downing;
using Cti.Cluster.Membership;
using Cti.Cluster.Sharding;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Testing;
using Cti.Transport.Runtime;

namespace Cti.Cluster.Tests.Sharding;

/// <summary>A node's membership over a store, and an actor system with leases of it; no remoting, so nobody but the test asks for any.</summary>
internal sealed class LeaseNode : ITimers, IAsyncDisposable
{
    private readonly SystemTimers _timers;
    private readonly InstanceShards _shards;
    private volatile bool _isDead;

    public LeaseNode(IJournalStore store, string name, int instances, int leaseMillis)
    {
        var clock = new SystemClock();
        _timers = new SystemTimers(clock, new PoolScheduler(NullLog.Instance));
        var run = $"{name}/{Guid.NewGuid():n}";
        Verdicts = Verdicts.Of(run);
        Member = new ClusterMember(new ClusterMemberOptions
        {
            Name = name, Incarnation = run, LinkAddress = $"{name}:7400", IsShared = true, IsAllocated = true, LeaseMillis = leaseMillis,
        }, store, new ClusterClock(clock), this, NullLog.Instance);
        _shards = new InstanceShards(instances, Member);
        Member.Subscribe(Verdicts);
        Member.Subscribe(_shards);
        Run = run;
        System = ActorSystem.Create("cti", BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString($$"""
            akka { loggers = [], loglevel = WARNING, stdout-loglevel = OFF }
            {{InstanceShards.LeaseKey}} {
              lease-class = "{{typeof(InstanceLease).AssemblyQualifiedName}}"
              heartbeat-timeout = 10s, heartbeat-interval = 1s, lease-operation-timeout = 10s
            }
            """)).And(new ClusterSetup(_shards, Verdicts)));
    }

    public string Run { get; }
    public Verdicts Verdicts { get; }
    public ClusterMember Member { get; }
    public ActorSystem System { get; }

    /// <summary>As a shard asks for it.</summary>
    public Lease LeaseOf(int instance) => LeaseProvider.Get(System).GetLease($"cti-shard-instance-{instance}", InstanceShards.LeaseKey, Member.Self);

    /// <summary>It renews no more, and says goodbye to nobody.</summary>
    public void Kill() => _isDead = true;

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => _timers.Schedule(delayMillis, given =>
    {
        if (!_isDead) callback(given);
    }, state);

    public async ValueTask DisposeAsync()
    {
        if (!_isDead) await Member.StopAsync();
        await System.Terminate();
        Verdicts.Forget(Run);
        _timers.Dispose();
    }
}
