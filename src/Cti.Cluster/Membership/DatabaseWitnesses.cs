using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// Tells an outage of the database from one of this node's way to it: while this node is cut off it asks its peers, and for a lease after one of them has said
/// that it renews, a successor may own this node's calls.
/// </summary>
internal sealed class DatabaseWitnesses(ClusterMemberOptions options, MemberLife life, LeaseHold hold, ClusterClock clock)
{
    private long _databaseUpNanos = long.MinValue;

    /// <inheritdoc cref="ICluster.MayBye"/>
    public bool MayBye
    {
        get
        {
            if (!hold.IsCutOff) return true;
            var up = Volatile.Read(ref _databaseUpNanos);
            return !hold.IsReplaced && (up == long.MinValue || clock.MonotonicNanos - up > options.LeaseNanos);
        }
    }

    /// <summary>Asks every peer, if this node is cut off.</summary>
    public void Ask(ClusterView view)
    {
        if (!hold.IsCutOff || options.Links is not { } links) return;
        foreach (var peer in view.Nodes)
        {
            if (peer.Name != options.Name) links.Send(peer.Name, LinkChannel.Control, new[] { ControlMessages.AskAccess });
        }
    }

    /// <summary>A peer asks: only a node that renews answers.</summary>
    public void Answer(string node)
    {
        if (life.IsRunning && !hold.IsCutOff) options.Links?.Send(node, LinkChannel.Control, new[] { ControlMessages.HaveAccess });
    }

    /// <summary>A peer has said that the database is up.</summary>
    public void Hear() => Volatile.Write(ref _databaseUpNanos, clock.MonotonicNanos);
}
