using Cti.Storage;

namespace Cti.Cluster.Tests;

/// <summary>Commits that a connection lost from sight.</summary>
internal sealed class LateCommits
{
    /// <summary>Appends of a batch that are left out while it is set: what a store must never do within one transaction, but may between two.</summary>
    public Func<InstanceAppend, bool>? KeepBack { get; set; }

    /// <summary>The next batch seems to fail, and is applied right after the next look at the tails.</summary>
    public bool LandsAfterNextRead { get; set; }

    /// <summary>Thrown by the next append.</summary>
    public Exception? Bug { get; set; }

    public IReadOnlyList<InstanceAppend>? OnTheWay { get; set; }
}

/// <summary>A store whose commits may land after the connection to it broke.</summary>
internal sealed class LateJournalStore(IJournalStore inner, LateCommits late) : IJournalStore
{
    public ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default) => inner.OpenAsync(instanceCount, cancellation);

    public ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default) =>
        inner.ClaimAsync(node, instances, cancellation);

    public async ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default)
    {
        var rows = await inner.ReadOwnershipAsync(cancellation);
        if (late.OnTheWay is { } batch)
        {
            late.OnTheWay = null;
            await inner.AppendAsync(batch, cancellation);
        }
        return rows;
    }

    public async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        if (late.Bug is { } bug) throw bug;
        if (late.LandsAfterNextRead)
        {
            late.LandsAfterNextRead = false;
            late.OnTheWay = appends;
            throw new StoreUnavailableException("the connection broke");
        }
        if (late.KeepBack is { } keptBack) return await inner.AppendAsync([.. appends.Where(append => !keptBack(append))], cancellation);
        return await inner.AppendAsync(appends, cancellation);
    }

    public ValueTask<IReadOnlyList<JournalEntry>> ReadJournalAsync(int instance, CancellationToken cancellation = default) => inner.ReadJournalAsync(instance, cancellation);

    public ValueTask<IReadOnlyList<IdempotencyRow>> ReadIdempotencyAsync(int instance, long sinceUnixMillis, CancellationToken cancellation = default) =>
        inner.ReadIdempotencyAsync(instance, sinceUnixMillis, cancellation);

    public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit, CancellationToken cancellation = default) =>
        inner.ReadEventsAsync(application, instance, afterPosition, limit, cancellation);

    public ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default) => inner.ReadExpiredAsync(application, cancellation);

    public ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default) =>
        inner.ReadFeedPositionsAsync(application, group, cancellation);

    public ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions, CancellationToken cancellation = default) =>
        inner.WriteFeedPositionsAsync(application, group, positions, cancellation);

    public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default) =>
        inner.TryAcquirePermitAsync(trunk, max, permitId, nowUnixMillis, cancellation);

    public ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) => inner.ReleasePermitAsync(permitId, cancellation);

    public ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default) => inner.ReadPermitsInUseAsync(cancellation);

    public ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis, CancellationToken cancellation = default) =>
        inner.SweepAsync(eventsBeforeUnixMillis, idempotencyBeforeUnixMillis, permitsBeforeUnixMillis, cancellation);

    public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default) =>
        inner.ReadCallRecordsAsync(node, afterId, limit, cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
