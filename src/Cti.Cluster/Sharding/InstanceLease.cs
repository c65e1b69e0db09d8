using Akka.Actor;
using Akka.Coordination;
using Cti.Cluster.Remoting;

namespace Cti.Cluster.Sharding;

/// <summary>
/// The lease of a shard is its row in the table of instances: acquired when the store says that this node owns it, which raises the epoch that every append
/// names; lost when the store says that another does. Releasing it does nothing, since calls outlive their shard's actor: a hand-over gives an instance away,
/// or the death of its node.
/// <code>
///   Acquire ──wanted──► owner dead or nobody ──taken──► true ──another owns it──► lost: the shard stops
///              └────── another living node owns it ──► lost: the shard stops, and the coordinator moves it there
/// </code>
/// </summary>
public sealed class InstanceLease : Lease
{
    private readonly InstanceShards _shards;
    private readonly int _instance;

    /// <summary>Made by Akka.Coordination, from its configuration.</summary>
    public InstanceLease(LeaseSettings settings, ExtendedActorSystem system) : base(settings)
    {
        _shards = system.Settings.Setup.Get<ClusterSetup>().Value.Shards;
        _instance = int.Parse(settings.LeaseName.AsSpan(settings.LeaseName.LastIndexOf('-') + 1), global::System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public override Task<bool> Acquire() => Acquire(static _ => { });

    /// <inheritdoc/>
    public override Task<bool> Acquire(Action<Exception> leaseLostCallback) => _shards.AcquireAsync(_instance, leaseLostCallback);

    /// <inheritdoc/>
    public override Task<bool> Release()
    {
        _shards.Release(_instance);
        return Task.FromResult(true);
    }

    /// <inheritdoc/>
    public override bool CheckLease() => _shards.Holds(_instance);
}
