using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// The cluster's time follows the database's clock, which each renewal shows, and the machine's follows its own: slewed where the error is small, stepped where
/// it is large and nothing lives that was measured by it. Under the member's lock.
/// </summary>
internal sealed class ClockFollower(ClusterMemberOptions options, ClusterClock clock, JournalLook journal, ILog log)
{
    private bool _hasClock;
    private bool _isFarOff;

    /// <summary>Whether the only look at the database's clock so far took too long to tell it exactly.</summary>
    public bool IsRough { get; private set; }

    /// <summary>The database's clock was read somewhere on the way there and back; a long way tells too little.</summary>
    public void Follow(long databaseMillis, long began, long arrived)
    {
        FollowMachine();
        if (!options.IsShared) return;
        var middle = began + ((arrived - began) / 2);
        var isExact = arrived - began <= options.LeaseNanos / 10;
        // A program that has just started may need seconds for its first round trip. The database's clock shows at least what it said: time that is behind is
        // put right by a step, time that is ahead could only be slewed, for minutes.
        if (!_hasClock)
        {
            clock.Set(databaseMillis, isExact ? middle : arrived);
            (_hasClock, IsRough) = (true, !isExact);
            return;
        }
        if (!isExact) return;
        if (IsRough) clock.Settle(databaseMillis, middle);
        else if (Steps(clock.ErrorMillis(databaseMillis, middle), "the database's clock", IsClusterIdle)) clock.Set(databaseMillis, middle);
        else clock.Correct(databaseMillis, middle);
        IsRough = false;
    }

    /// <summary>
    /// Nodes whose times differ by more than a minute could not take over each other's calls, so all of them step, or none. Null while it is not known: the
    /// next renewal, a moment later, acts on the answer.
    /// </summary>
    private bool? IsClusterIdle() => options.IsIdle?.Invoke() == true ? journal.IsEmpty() : false;

    /// <summary>The machine's clock was set while this process ran.</summary>
    private void FollowMachine()
    {
        // Where time is the database's, nothing that lives was measured by the machine's.
        var isStepped = options.IsShared
            ? Math.Abs(clock.MachineErrorMillis) > ClusterClock.StepMillisMin
            : Steps(clock.MachineErrorMillis, "the machine's clock", () => options.IsIdle?.Invoke());
        if (isStepped) clock.StepMachine();
    }

    /// <summary>Whether an error is put right by a step now; said, and where it is not, said once.</summary>
    private bool Steps(long errorMillis, string reference, Func<bool?> mayStep)
    {
        if (Math.Abs(errorMillis) <= ClusterClock.StepMillisMin)
        {
            _isFarOff = false;
            return false;
        }
        var now = mayStep();
        if (now == true) log.Write(LogEvents.ClockStepped, reference, errorMillis / 1000);
        else if (now == false && !_isFarOff) log.Write(LogEvents.ClockFarOff, reference, errorMillis / 1000);
        _isFarOff = now == false || (now is null && _isFarOff);
        return now == true;
    }
}
