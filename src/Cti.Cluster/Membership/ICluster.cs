using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>The cluster as a node's parts see it. All members may be used from any thread.</summary>
public interface ICluster
{
    /// <summary>This node's name.</summary>
    string Self { get; }

    /// <summary>Who lives and who owns what, as this node knows it now.</summary>
    ClusterView View { get; }

    /// <summary>
    /// True while this node's renewals fail, since half a lease: it may have been replaced, so nothing durable is accepted; media goes on.
    /// </summary>
    bool IsCutOff { get; }

    /// <summary>
    /// Whether a BYE may be sent at a durable deadline: false while this node is cut off from a database that a peer says is up, because then another node
    /// owns its calls.
    /// </summary>
    bool MayBye { get; }

    /// <summary>Adds a receiver; before the start, and for good.</summary>
    void Subscribe(IClusterEvents events);
}

/// <summary>Told what happens to the cluster: one call at a time, in order, outside every lock; receivers return soon.</summary>
public interface IClusterEvents
{
    /// <summary>Nodes or owners changed.</summary>
    void OnViewChanged(ClusterView before, ClusterView now)
    {
    }

    /// <summary>This node owns instances that it did not own before.</summary>
    /// <param name="gained">Each with epoch and tail.</param>
    /// <param name="lostAtMillis">
    /// When their owner was last known to live, Unix milliseconds of the database's clock: its last renewal where it died, this moment where they were handed
    /// over or never owned.
    /// </param>
    /// <param name="isHandedOver">Whether a node that lives gave them: what they have goes on sounding there until it does here.</param>
    void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
    }

    /// <summary>Other nodes own these instances now, or will: stand down without touching anything outside.</summary>
    void OnLost(IReadOnlyList<int> instances)
    {
    }
}
