using Akka.Actor;
using Cti.Cluster.Remoting;

namespace Cti.Cluster.Sharding;

/// <summary>
/// Wakes the shards of instances that nobody alive owns, and now and then all of them, so that each has a home. Any node's word is enough; the coordinator
/// hears of a shard once, however many ask.
/// </summary>
internal sealed class ShardWaker : UntypedActor, IWithTimers
{
    /// <summary>How often orphans are looked for, in milliseconds.</summary>
    private const int LookMillis = 50;

    /// <summary>Looks between two that wake all shards.</summary>
    private const int AllEvery = 100;

    private readonly InstanceShards _shards;
    private readonly IActorRef _region;
    private readonly Akka.Cluster.Cluster _cluster;
    private int _looks;

    public ShardWaker(InstanceShards shards, IActorRef region) =>
        (_shards, _region, _cluster) = (shards, region, Akka.Cluster.Cluster.Get(Context.System));

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer("look", "look", TimeSpan.FromMilliseconds(LookMillis));

    protected override void OnReceive(object message)
    {
        if (_cluster.SelfMember.Status != Akka.Cluster.MemberStatus.Up) return;
        var isAll = _looks++ % AllEvery == 0;
        var view = _shards.View;
        for (var instance = 0; instance < _shards.Count; instance++)
        {
            if (isAll || view.OwnerOf(instance) is null) _region.Tell(new WakeInstance(instance));
        }
    }
}
