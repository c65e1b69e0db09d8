using Cti.Persistence;

namespace Cti.Testing;

/// <summary>A store that passes everything on; a test overrides what it wants to see or to break.</summary>
public abstract class ForwardingJournalStore(IJournalStore inner) : IJournalStore
{
    public virtual ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default) => inner.OpenAsync(instanceCount, cancellation);

    public virtual ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances,
        CancellationToken cancellation = default) =>
        inner.ClaimAsync(node, instances, cancellation);

    public virtual ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default) => inner.JoinAsync(self, cancellation);

    public virtual ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default) =>
        inner.RenewAsync(self, knownOwnership, cancellation);

    public virtual ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default) =>
        inner.TakeAsync(node, instances, unrenewed, cancellation);

    public virtual string? WhyBroken => inner.WhyBroken;

    public virtual ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default) =>
        inner.GiveAsync(instance, owner, epoch, to, cancellation);

    public virtual ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue,
        CancellationToken cancellation = default) =>
        inner.RemoveNodeAsync(node, incarnation, renewalsMax, cancellation);

    public virtual ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) =>
        inner.ReadOwnershipAsync(cancellation);

    public virtual ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default) =>
        inner.AppendAsync(appends, cancellation);

    public virtual ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
        CancellationToken cancellation = default) =>
        inner.ReadJournalsAsync(instances, cancellation);

    public virtual ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default) => inner.IsEmptyAsync(cancellation);

    public virtual ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default) =>
        inner.ReadIdempotencyAsync(instances, sinceUnixMillis, cancellation);

    public virtual ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default) =>
        inner.ReadEventsAsync(application, instance, afterPosition, limit, cancellation);

    public virtual ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default) =>
        inner.ReadExpiredAsync(application, cancellation);

    public virtual ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group,
        CancellationToken cancellation = default) =>
        inner.ReadFeedPositionsAsync(application, group, cancellation);

    public virtual ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions,
        CancellationToken cancellation = default) =>
        inner.WriteFeedPositionsAsync(application, group, positions, cancellation);

    public virtual ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis,
        CancellationToken cancellation = default) =>
        inner.TryAcquirePermitAsync(trunk, max, permitId, nowUnixMillis, cancellation);

    public virtual ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) => inner.ReleasePermitAsync(permitId, cancellation);

    public virtual ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default) =>
        inner.ReadPermitsInUseAsync(cancellation);

    public virtual ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis,
        CancellationToken cancellation = default) =>
        inner.SweepAsync(eventsBeforeUnixMillis, idempotencyBeforeUnixMillis, permitsBeforeUnixMillis, cancellation);

    public virtual ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit,
        CancellationToken cancellation = default) =>
        inner.ReadCallRecordsAsync(node, afterId, limit, cancellation);

    public virtual ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default) =>
        inner.DropCallRecordsAsync(node, beforeRowNumber, beforeUnixMillis, cancellation);

    public virtual async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
