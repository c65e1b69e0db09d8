namespace Cti.Testing;

/// <summary>The operations of a store, as faults name them.</summary>
public enum StoreOperation
{
    Open, Claim, ReadOwnership, Append, ReadJournal, ReadIdempotency, ReadEvents, ReadExpired, ReadFeedPositions, WriteFeedPositions,
    AcquirePermit, ReleasePermit, ReadPermits, Sweep, ReadCallRecords, DropCallRecords, Join, Renew, Take, Give, RemoveNode,
}

/// <summary>
/// Decides what goes wrong with a store. Each hook may delay the operation (its task ends later) or throw
/// <see cref="Cti.Persistence.StoreUnavailableException"/>: before it was applied, or after, when the caller cannot know that it was.
/// </summary>
public interface IStoreFaults
{
    /// <summary>What the store says is wrong with it for good; null while it is sound.</summary>
    string? WhyBroken => null;

    ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation);

    ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation);
}
