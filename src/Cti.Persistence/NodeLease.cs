namespace Cti.Persistence;

/// <summary>A node's row: what it says of itself, and how often it has renewed its lease.</summary>
public sealed record NodeLease
{
    /// <summary>Its name, unique in the cluster.</summary>
    public required string Name { get; init; }
    /// <summary>Names one run of the program: a node that was restarted has another.</summary>
    public required string Incarnation { get; init; }
    /// <summary>Where its peers connect to, host:port; "" for a node without links.</summary>
    public string LinkAddress { get; init; } = "";
    /// <summary>Whether applications connect to it.</summary>
    public bool IsGateway { get; init; } = true;
    /// <summary>Whether it may own instances.</summary>
    public bool IsMedia { get; init; } = true;
    /// <summary>The program's version.</summary>
    public string Version { get; init; } = "";
    /// <summary>Whether it takes nothing new and hands over what it has.</summary>
    public bool IsDraining { get; init; }
    /// <summary>When it started, Unix milliseconds.</summary>
    public long StartedMillis { get; init; }
    /// <summary>Raised by every renewal, by the store; a row that stays as it is belongs to a node that does not renew.</summary>
    public long Renewals { get; init; }
    /// <summary>
    /// When it renewed last, Unix milliseconds of the store's clock; for people and for what a new owner makes up for, never for judging whether a node lives.
    /// </summary>
    public long RenewedAtMillis { get; init; }
}

/// <summary>What a renewal shows of the cluster.</summary>
/// <param name="NowMillis">The store's clock, Unix milliseconds.</param>
/// <param name="Nodes">Every node's row, this node's own included, in order of name.</param>
/// <param name="OwnershipVersion">Changes whenever an instance changes hands.</param>
/// <param name="Ownership">Every instance in order of id; null where the version is the one that the caller knew.</param>
public sealed record LeaseView(long NowMillis, IReadOnlyList<NodeLease> Nodes, long OwnershipVersion, IReadOnlyList<InstanceOwnership>? Ownership);

/// <summary>An instance and the epoch that it is expected to have.</summary>
/// <param name="Instance">0..N-1.</param>
/// <param name="Epoch">The epoch as last read.</param>
public readonly record struct InstanceEpoch(int Instance, long Epoch);
