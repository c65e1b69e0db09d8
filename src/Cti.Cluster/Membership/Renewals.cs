using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// Renewals of this node's lease on their way to the store: when one is due, and what becomes of one that is not answered. What an answer means is for whoever
/// is given it.
/// </summary>
internal sealed class Renewals(
    ClusterMemberOptions options,
    MemberLife life,
    LeaseHold hold,
    MembershipCore core,
    IJournalStore store,
    ClusterClock clock,
    StoreTrouble trouble,
    Action<LeaseView, long> answered)
{
    /// <summary>On their way at once: the store may have swallowed the first ones for good.</summary>
    private const int AttemptsMax = 4;

    private readonly List<RenewalAttempt> _attempts = [];
    private long _lastBegun = long.MinValue;

    /// <summary>Those that are not answered yet. Under the lock.</summary>
    public IReadOnlyList<RenewalAttempt> Unanswered => [.. _attempts];

    /// <summary>Those that nobody waits for any more. Under the lock.</summary>
    public IReadOnlyList<RenewalAttempt> LateAt(long now) => _attempts.FindAll(attempt => now - attempt.Began > options.LeaseNanos);

    /// <summary>The start has renewed the lease itself. Under the lock.</summary>
    public void ContinueFrom(long began) => _lastBegun = began;

    /// <summary>
    /// A renewal each tenth of a lease, each twentieth while a node may have died; the next goes out where the last is not answered for a quarter. Under the
    /// lock.
    /// </summary>
    public bool IsDue(long now)
    {
        if (_attempts.Count > 0) return now - _lastBegun >= (options.IsShared ? options.LeaseNanos / 4 : long.MaxValue);
        if (!options.IsShared || core.IsSuspecting) return true;
        // A beat may come a little early.
        return now - _lastBegun >= (options.LeaseNanos / 10) - (options.LeaseNanos / 40);
    }

    /// <summary>Looks at once: something has changed that a renewal shows.</summary>
    public void BeginNow()
    {
        lock (life.Gate)
        {
            if (!life.IsRunning || life.IsStopped || hold.IsReplaced) return;
        }
        Begin();
    }

    /// <summary>Sends one, unless too many are on their way.</summary>
    public void Begin()
    {
        RenewalAttempt attempt;
        NodeLease self;
        long known;
        lock (life.Gate)
        {
            if (life.IsStopped || _attempts.Count >= AttemptsMax) return;
            _lastBegun = clock.MonotonicNanos;
            _attempts.Add(attempt = new RenewalAttempt(_lastBegun));
            (self, known) = (core.Self, core.KnownOwnership);
        }
        _ = RenewAsync(attempt, self, known);
    }

    private async Task RenewAsync(RenewalAttempt attempt, NodeLease self, long known)
    {
        try
        {
            var answer = await store.RenewAsync(self, known, attempt.Token).ConfigureAwait(false);
            End(attempt);
            answered(answer, attempt.Began);
        }
        catch (Exception fault) when (fault is StoreUnavailableException or OperationCanceledException)
        {
            End(attempt);
            trouble.Fail(fault);
        }
        catch (Exception fault)
        {
            // A bug here must be seen in the log: nothing else observes this task.
            End(attempt);
            trouble.TellBug(fault);
        }
    }

    private void End(RenewalAttempt attempt)
    {
        lock (life.Gate) _attempts.Remove(attempt);
        attempt.Dispose();
    }
}
