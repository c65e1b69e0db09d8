using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// Looks in the very moment in which a renewal can tell that a node whose host refuses connections is dead: calls are silent until then, and a beat more is a
/// tenth of a second. Under the member's lock.
/// </summary>
internal sealed class EarlyVerdict(MemberLife life, MembershipCore core, ClusterClock clock, ITimers timers, Renewals renewals)
{
    private ITimerHandle? _timer;
    private long _due = long.MaxValue;

    /// <summary>What is known of the nodes may have changed.</summary>
    public void Await()
    {
        var due = core.EarlyVerdictNanos;
        if (due == _due || life.IsStopped) return;
        _timer?.Cancel();
        _due = due;
        _timer = due == long.MaxValue ? null : timers.Schedule(MillisUntil(due), static renewals => ((Renewals)renewals!).BeginNow(), renewals);
    }

    /// <summary>Looks no more.</summary>
    public void Stop() => _timer?.Cancel();

    private long MillisUntil(long due) => Math.Max(1, ((due - clock.MonotonicNanos) / ClusterClock.NanosPerMilli) + 1);
}
