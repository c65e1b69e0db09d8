using Cti.Persistence;

namespace Cti.Testing;

/// <summary>Reading what belongs to one instance.</summary>
public static class JournalStoreReads
{
    /// <summary>The journal of one instance, as <see cref="IJournalStore.ReadJournalsAsync"/> has it.</summary>
    public static async ValueTask<IReadOnlyList<JournalEntry>> ReadJournalAsync(this IJournalStore store, int instance,
        CancellationToken cancellation = default) =>
        (await store.ReadJournalsAsync([instance], cancellation).ConfigureAwait(false))[instance];

    /// <summary>The idempotency rows of one instance, as <see cref="IJournalStore.ReadIdempotencyAsync"/> has them.</summary>
    public static async ValueTask<IReadOnlyList<IdempotencyRow>> ReadIdempotencyAsync(this IJournalStore store, int instance, long sinceUnixMillis,
        CancellationToken cancellation = default) =>
        (await store.ReadIdempotencyAsync([instance], sinceUnixMillis, cancellation).ConfigureAwait(false))[instance];
}
