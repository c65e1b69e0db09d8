using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// Whether anything lives in the whole cluster, which is in the journal: asked for where an answer is missing or a lease old, and known a moment later. Under
/// the member's lock.
/// </summary>
internal sealed class JournalLook(ClusterMemberOptions options, MemberLife life, IJournalStore store, ClusterClock clock, StoreTrouble trouble)
{
    private long _lookedNanos = long.MinValue;
    private bool _isLooking;
    private bool _wasEmpty;

    /// <summary>Whether nothing lives; null while it is not known.</summary>
    public bool? IsEmpty()
    {
        if (_lookedNanos != long.MinValue && clock.MonotonicNanos - _lookedNanos < options.LeaseNanos) return _wasEmpty;
        if (!_isLooking)
        {
            _isLooking = true;
            _ = trouble.TryAsync(LookAsync);
        }
        return null;
    }

    private async Task LookAsync()
    {
        var began = clock.MonotonicNanos;
        var isEmpty = false;
        try
        {
            isEmpty = await store.IsEmptyAsync().ConfigureAwait(false);
        }
        finally
        {
            lock (life.Gate)
            {
                (_isLooking, _wasEmpty, _lookedNanos) = (false, isEmpty, began);
            }
        }
    }
}
