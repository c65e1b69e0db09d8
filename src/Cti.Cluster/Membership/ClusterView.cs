using System.Collections.Immutable;

namespace Cti.Cluster.Membership;

/// <summary>The cluster as one node knows it at a moment: immutable, replaced as a whole.</summary>
/// <param name="Number">Raised with every change on this node.</param>
/// <param name="Nodes">The living nodes, this one included, in order of name.</param>
/// <param name="Owners">The owner of each instance, by its id.</param>
public sealed record ClusterView(long Number, ImmutableArray<ClusterNode> Nodes, ImmutableArray<InstanceOwner> Owners)
{
    /// <summary>The living node of that name.</summary>
    public ClusterNode? Find(string name)
    {
        foreach (var node in Nodes)
        {
            if (node.Name == name) return node;
        }
        return null;
    }

    /// <summary>The living node that owns an instance; null while it is between two owners.</summary>
    public ClusterNode? OwnerOf(int instance) => instance < Owners.Length ? Find(Owners[instance].Node) : null;
}

/// <summary>Who owns an instance, as last read or heard.</summary>
/// <param name="Node">The owner's name, "" before the first claim.</param>
/// <param name="Epoch">The epoch under which it does.</param>
public readonly record struct InstanceOwner(string Node, long Epoch);

/// <summary>A living node.</summary>
public sealed record ClusterNode
{
    /// <summary>Its name, unique in the cluster.</summary>
    public required string Name { get; init; }
    /// <summary>Names one run of the program: a node that was restarted has another.</summary>
    public required string Incarnation { get; init; }
    /// <summary>Where its peers connect to, host:port; "" for a node without links.</summary>
    public required string LinkAddress { get; init; }
    /// <summary>Whether applications connect to it.</summary>
    public bool IsGateway { get; init; } = true;
    /// <summary>Whether it may own instances.</summary>
    public bool IsMedia { get; init; } = true;
    /// <summary>Whether it takes nothing new and hands over what it has.</summary>
    public bool IsDraining { get; init; }
    /// <summary>The program's version.</summary>
    public string Version { get; init; } = "";
    /// <summary>When it started, Unix milliseconds.</summary>
    public long StartedMillis { get; init; }
}
