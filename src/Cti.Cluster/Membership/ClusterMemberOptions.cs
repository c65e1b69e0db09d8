using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>What a node is in its cluster.</summary>
public sealed record ClusterMemberOptions
{
    /// <summary>Its name, unique in the cluster.</summary>
    public required string Name { get; init; }
    /// <summary>Names this run of the program.</summary>
    public required string Incarnation { get; init; }
    /// <summary>Where its peers connect to, host:port; "" without links.</summary>
    public string LinkAddress { get; init; } = "";
    /// <summary>Whether applications connect to it.</summary>
    public bool IsGateway { get; init; } = true;
    /// <summary>Whether it may own instances.</summary>
    public bool IsMedia { get; init; } = true;
    /// <summary>The program's version.</summary>
    public string Version { get; init; } = "";
    /// <summary>A node that has not renewed for so long is dead, 500..60000 ms.</summary>
    public int LeaseMillis { get; init; } = 2000;
    /// <summary>Whether other nodes may have the same store. Without them nobody can replace this node, and a heartbeat a second is enough.</summary>
    public bool IsShared { get; init; }
    /// <summary>Whether a sharding says which instances of dead nodes are this node's to take.</summary>
    public bool IsAllocated { get; init; }
    /// <summary>
    /// Whether this node may start only where it and every other living node have links: without them nodes share a database and not their calls.
    /// </summary>
    public bool NeedsLinks { get; init; }
    /// <summary>The guard that transport and media ask; null for one of its own.</summary>
    public PauseGuard? Guard { get; init; }
    /// <summary>To the peers, which know whether the database is up; null without links. Not started yet.</summary>
    public INodeLinks? Links { get; init; }
    /// <summary>
    /// Whether nothing lives here whose deadlines and durations were measured by this node's time; asked on any thread. Without it time never steps.
    /// </summary>
    public Func<bool>? IsIdle { get; init; }
    /// <summary>Whether something of a lost instance could still speak; asked on any thread.</summary>
    public Func<bool>? IsStandingDown { get; init; }

    internal long LeaseNanos => LeaseMillis * 1_000_000L;
}
