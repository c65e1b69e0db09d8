using Cti.Persistence;

namespace Cti.Testing;

/// <summary>A store whose every operation passes through <see cref="IStoreFaults"/>.</summary>
public sealed class FaultyJournalStore(IJournalStore inner, IStoreFaults faults) : ForwardingJournalStore(inner)
{
    public override string? WhyBroken => faults.WhyBroken ?? base.WhyBroken;

    public override async ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default) =>
        await Through(StoreOperation.Open, () => Unit(base.OpenAsync(instanceCount, cancellation)), cancellation);

    public override ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.Claim, () => base.ClaimAsync(node, instances, cancellation), cancellation);

    public override ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default) =>
        Through(StoreOperation.Join, () => base.JoinAsync(self, cancellation), cancellation);

    public override ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default) =>
        Through(StoreOperation.Renew, () => base.RenewAsync(self, knownOwnership, cancellation), cancellation);

    public override ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.Take, () => base.TakeAsync(node, instances, unrenewed, cancellation), cancellation);

    public override ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default) =>
        Through(StoreOperation.Give, () => base.GiveAsync(instance, owner, epoch, to, cancellation), cancellation);

    public override ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.RemoveNode, () => base.RemoveNodeAsync(node, incarnation, renewalsMax, cancellation), cancellation);

    public override ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadOwnership, () => base.ReadOwnershipAsync(cancellation), cancellation);

    public override ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default) =>
        Through(StoreOperation.Append, () => base.AppendAsync(appends, cancellation), cancellation);

    public override ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadJournal, () => base.ReadJournalsAsync(instances, cancellation), cancellation);

    public override ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadJournal, () => base.IsEmptyAsync(cancellation), cancellation);

    public override ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadIdempotency, () => base.ReadIdempotencyAsync(instances, sinceUnixMillis, cancellation), cancellation);

    public override ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadEvents, () => base.ReadEventsAsync(application, instance, afterPosition, limit, cancellation), cancellation);

    public override ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadExpired, () => base.ReadExpiredAsync(application, cancellation), cancellation);

    public override ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadFeedPositions, () => base.ReadFeedPositionsAsync(application, group, cancellation), cancellation);

    public override async ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions,
        CancellationToken cancellation = default) =>
        await Through(StoreOperation.WriteFeedPositions, () => Unit(base.WriteFeedPositionsAsync(application, group, positions, cancellation)), cancellation);

    public override ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.AcquirePermit, () => base.TryAcquirePermitAsync(trunk, max, permitId, nowUnixMillis, cancellation), cancellation);

    public override async ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) =>
        await Through(StoreOperation.ReleasePermit, () => Unit(base.ReleasePermitAsync(permitId, cancellation)), cancellation);

    public override ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadPermits, () => base.ReadPermitsInUseAsync(cancellation), cancellation);

    public override async ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis,
        CancellationToken cancellation = default) =>
        await Through(StoreOperation.Sweep,
            () => Unit(base.SweepAsync(eventsBeforeUnixMillis, idempotencyBeforeUnixMillis, permitsBeforeUnixMillis, cancellation)), cancellation);

    public override ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit,
        CancellationToken cancellation = default) =>
        Through(StoreOperation.ReadCallRecords, () => base.ReadCallRecordsAsync(node, afterId, limit, cancellation), cancellation);

    public override async ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default) =>
        await Through(StoreOperation.DropCallRecords, () => Unit(base.DropCallRecordsAsync(node, beforeRowNumber, beforeUnixMillis, cancellation)),
            cancellation);

    private ValueTask<T> Through<T>(StoreOperation operation, Func<ValueTask<T>> apply, CancellationToken cancellation)
    {
        var before = faults.BeforeAsync(operation, cancellation);
        if (!before.IsCompletedSuccessfully) return AppliedAsync(before, operation, apply, cancellation);
        var result = apply();
        if (!result.IsCompletedSuccessfully) return DoneAsync(operation, result, cancellation);
        var after = faults.AfterAsync(operation, cancellation);
        return after.IsCompletedSuccessfully ? result : EndedAsync(after, result.Result);
    }

    private async ValueTask<T> AppliedAsync<T>(ValueTask before, StoreOperation operation, Func<ValueTask<T>> apply, CancellationToken cancellation)
    {
        await before;
        return await DoneAsync(operation, apply(), cancellation);
    }

    private async ValueTask<T> DoneAsync<T>(StoreOperation operation, ValueTask<T> applied, CancellationToken cancellation)
    {
        var result = await applied;
        await faults.AfterAsync(operation, cancellation);
        return result;
    }

    private static async ValueTask<T> EndedAsync<T>(ValueTask after, T result)
    {
        await after;
        return result;
    }

    private static async ValueTask<bool> Unit(ValueTask operation)
    {
        await operation;
        return true;
    }
}
