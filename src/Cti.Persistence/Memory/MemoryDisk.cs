namespace Cti.Persistence.Memory;

/// <summary>
/// What survives a crash of a simulated node: give the same disk to a new <see cref="MemoryJournalStore"/> and it finds all that was appended.
/// Several nodes of a simulated cluster may share one disk; its operations are atomic.
/// </summary>
public sealed class MemoryDisk
{
    /// <summary>The database's clock, Unix milliseconds: a simulation sets its own.</summary>
    public Func<long> NowMillis { get; set; } = static () => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    internal Lock Gate { get; } = new();

    internal SortedDictionary<string, NodeLease> Nodes { get; } = new(StringComparer.Ordinal);

    internal MemoryInstance[]? Instances { get; set; }

    internal Dictionary<(string Application, int Instance), List<StoredEvent>> Events { get; } = [];

    internal Dictionary<(string Application, int Instance), long> Expired { get; } = [];

    internal Dictionary<(string Application, string Group), SortedDictionary<int, long>> FeedPositions { get; } = [];

    internal Dictionary<string, MemoryPermit> Permits { get; } = new(StringComparer.Ordinal);

    internal List<StoredCallRecord> CallRecords { get; } = [];

    internal long LastCallRecord { get; set; }

    internal IReadOnlyDictionary<string, int> PermitsInUse()
    {
        var used = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var permit in Permits.Values) used[permit.Trunk] = used.GetValueOrDefault(permit.Trunk) + 1;
        return used;
    }
}

/// <summary>A permit as kept; bound once a resource holds it.</summary>
internal readonly record struct MemoryPermit(string Trunk, long UnixMillis, string? ResourceId);

/// <summary>One instance as kept.</summary>
internal sealed class MemoryInstance
{
    internal string Owner { get; set; } = "";

    internal long Epoch { get; set; }

    internal long Tail { get; set; }

    // By resource, because a release drops a resource's entries and happens once a call, while the whole journal is read once a takeover.
    internal Dictionary<string, List<JournalEntry>> Journal { get; } = new(StringComparer.Ordinal);

    internal Dictionary<(string Application, Guid RequestId), IdempotencyRow> Idempotency { get; } = [];
}
