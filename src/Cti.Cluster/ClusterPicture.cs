using System.Collections.Immutable;

namespace Cti.Cluster;

/// <summary>What Akka has made of the cluster, as this node sees it at a moment: for operators; no call rests on it.</summary>
public sealed record ClusterPicture
{
    /// <summary>Whether this node's part of the cluster runs; false while it is made anew.</summary>
    public required bool IsRunning { get; init; }
    /// <summary>Where its peers connect to, host:port.</summary>
    public required string Address { get; init; }
    /// <summary>This node's members, itself among them once it has joined, in order of address.</summary>
    public required ImmutableArray<ClusterPictureMember> Members { get; init; }
    /// <summary>The address of the member that hosts the shard coordinator; "" while there is none.</summary>
    public required string Coordinator { get; init; }
    /// <summary>Shards that live here: their leases are this node's.</summary>
    public required int Shards { get; init; }
    /// <summary>Shards that wait here for their leases.</summary>
    public required int ShardsWanted { get; init; }
    /// <summary>How often this node's part of the cluster was made anew.</summary>
    public required long Renewed { get; init; }
    /// <summary>Messages of Akka's own that found nobody.</summary>
    public required long DeadLetters { get; init; }

    /// <summary>This node's own status: Joining, Up and so on, or "none" while it is no member.</summary>
    public string Status
    {
        get
        {
            foreach (var member in Members)
            {
                if (member.Address == Address) return member.Status;
            }
            return "none";
        }
    }

    /// <summary>Whether this node is a member that is up.</summary>
    public bool IsUp => IsRunning && Status == ClusterPictureMember.Up;
}

/// <summary>A member of Akka's cluster.</summary>
/// <param name="Name">The node's name; "" for one that has no row.</param>
/// <param name="Address">Where its peers connect to, host:port.</param>
/// <param name="Roles">Its roles, in order.</param>
/// <param name="Status">As Akka calls it: Joining, Up, Leaving, Exiting, Down.</param>
/// <param name="IsReachable">Whether nobody finds it unreachable.</param>
public sealed record ClusterPictureMember(string Name, string Address, ImmutableArray<string> Roles, string Status, bool IsReachable)
{
    /// <summary>The status of a member that takes part.</summary>
    public const string Up = "Up";
}
