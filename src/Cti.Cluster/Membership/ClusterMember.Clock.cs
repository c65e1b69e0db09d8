using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <content>The cluster's time follows the database's clock, which each renewal shows, and the machine's follows its own.</content>
public sealed partial class ClusterMember
{
    private bool hasClock, isClockRough, isFarOff, isLooking, wasEmpty;
    private long lookedNanos = long.MinValue;

    /// <summary>Whether nothing lives here whose deadlines and durations were measured by this node's time; asked on any thread. Without it time never steps.</summary>
    public Func<bool>? IsIdle { get; set; }

    /// <summary>The database's clock was read somewhere on the way there and back; a long way tells too little.</summary>
    private void Follow(long databaseMillis, long began, long arrived)
    {
        FollowMachine();
        if (!options.IsShared) return;
        var middle = began + ((arrived - began) / 2);
        var isExact = arrived - began <= leaseNanos / 10;
        // A program that has just started may need seconds for its first round trip. The database's clock shows at least what it said: time that is behind is put
        // right by a step, time that is ahead could only be slewed, for minutes.
        if (!hasClock)
        {
            clock.Set(databaseMillis, isExact ? middle : arrived);
            (hasClock, isClockRough) = (true, !isExact);
            return;
        }
        if (!isExact) return;
        if (isClockRough) clock.Settle(databaseMillis, middle);
        else if (Steps(clock.ErrorMillis(databaseMillis, middle), "the database's clock", IsClusterIdle)) clock.Set(databaseMillis, middle);
        else clock.Correct(databaseMillis, middle);
        isClockRough = false;
    }

    /// <summary>
    /// Nodes whose times differ by more than a minute could not take over each other's calls, so all of them step, or none: what lives is in the journal. It is
    /// asked for, and the next renewal, a moment later, acts on the answer. Under the lock.
    /// </summary>
    /// <returns>Null while it is not known.</returns>
    private bool? IsClusterIdle()
    {
        if (IsIdle?.Invoke() != true) return false;
        if (lookedNanos != long.MinValue && clock.MonotonicNanos - lookedNanos < leaseNanos) return wasEmpty;
        if (!isLooking)
        {
            isLooking = true;
            _ = AgainAsync(LookWhetherEmptyAsync);
        }
        return null;
    }

    private async Task LookWhetherEmptyAsync()
    {
        var began = clock.MonotonicNanos;
        var isEmpty = false;
        try
        {
            isEmpty = await store.IsEmptyAsync().ConfigureAwait(false);
        }
        finally
        {
            lock (gate)
            {
                (isLooking, wasEmpty, lookedNanos) = (false, isEmpty, began);
            }
        }
    }

    /// <summary>The machine's clock was set while this process ran.</summary>
    private void FollowMachine()
    {
        // Where time is the database's, nothing that lives was measured by the machine's.
        if (options.IsShared ? Math.Abs(clock.MachineErrorMillis) > ClusterClock.StepMillisMin : Steps(clock.MachineErrorMillis, "the machine's clock", () => IsIdle?.Invoke())) clock.StepMachine();
    }

    /// <summary>Whether an error is put right by a step now; said, and where it is not, said once.</summary>
    private bool Steps(long errorMillis, string reference, Func<bool?> mayStep)
    {
        if (Math.Abs(errorMillis) <= ClusterClock.StepMillisMin)
        {
            isFarOff = false;
            return false;
        }
        var now = mayStep();
        if (now == true) log.Write(LogEvents.ClockStepped, reference, errorMillis / 1000);
        else if (now == false && !isFarOff) log.Write(LogEvents.ClockFarOff, reference, errorMillis / 1000);
        isFarOff = now == false || (now is null && isFarOff);
        return now == true;
    }
}
