using Cti.Storage;

namespace Cti.Testing;

/// <summary>A store whose every operation passes through <see cref="IStoreFaults"/>.</summary>
public sealed class FaultyJournalStore(IJournalStore inner, IStoreFaults faults) : IJournalStore
{
    public async ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default) =>
        await Through(StoreOperation.Open, () => Unit(inner.OpenAsync(instanceCount, cancellation)), cancellation);

    public ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default) =>
        Through(StoreOperation.Claim, () => inner.ClaimAsync(node, instances, cancellation), cancellation);

    public ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadOwnership, () => inner.ReadOwnershipAsync(cancellation), cancellation);

    public ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default) =>
        Through(StoreOperation.Append, () => inner.AppendAsync(appends, cancellation), cancellation);

    public ValueTask<IReadOnlyList<JournalEntry>> ReadJournalAsync(int instance, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadJournal, () => inner.ReadJournalAsync(instance, cancellation), cancellation);

    public ValueTask<IReadOnlyList<IdempotencyRow>> ReadIdempotencyAsync(int instance, long sinceUnixMillis, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadIdempotency, () => inner.ReadIdempotencyAsync(instance, sinceUnixMillis, cancellation), cancellation);

    public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadEvents, () => inner.ReadEventsAsync(application, instance, afterPosition, limit, cancellation), cancellation);

    public ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadExpired, () => inner.ReadExpiredAsync(application, cancellation), cancellation);

    public ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadFeedPositions, () => inner.ReadFeedPositionsAsync(application, group, cancellation), cancellation);

    public async ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions, CancellationToken cancellation = default) =>
        await Through(StoreOperation.WriteFeedPositions, () => Unit(inner.WriteFeedPositionsAsync(application, group, positions, cancellation)), cancellation);

    public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default) =>
        Through(StoreOperation.AcquirePermit, () => inner.TryAcquirePermitAsync(trunk, max, permitId, nowUnixMillis, cancellation), cancellation);

    public async ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) =>
        await Through(StoreOperation.ReleasePermit, () => Unit(inner.ReleasePermitAsync(permitId, cancellation)), cancellation);

    public ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadPermits, () => inner.ReadPermitsInUseAsync(cancellation), cancellation);

    public async ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis, CancellationToken cancellation = default) =>
        await Through(StoreOperation.Sweep, () => Unit(inner.SweepAsync(eventsBeforeUnixMillis, idempotencyBeforeUnixMillis, permitsBeforeUnixMillis, cancellation)), cancellation);

    public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadCallRecords, () => inner.ReadCallRecordsAsync(node, afterId, limit, cancellation), cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private async ValueTask<T> Through<T>(StoreOperation operation, Func<ValueTask<T>> apply, CancellationToken cancellation)
    {
        await faults.BeforeAsync(operation, cancellation);
        var result = await apply();
        await faults.AfterAsync(operation, cancellation);
        return result;
    }

    private static async ValueTask<bool> Unit(ValueTask operation)
    {
        await operation;
        return true;
    }
}
