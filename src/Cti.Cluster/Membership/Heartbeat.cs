using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// Beats twenty times a lease, once a second where no other node can have the store: notices that the process stood still, sends the renewals that are due,
/// gives up those that are late, and asks the peers while this node is cut off.
/// </summary>
internal sealed class Heartbeat(
    ClusterMemberOptions options,
    MemberLife life,
    LeaseHold hold,
    ClusterClock clock,
    ITimers timers,
    PauseWatch pause,
    Renewals renewals,
    DatabaseWitnesses witnesses,
    ClusterNews news)
{
    private const int AloneMillis = 1000;

    private readonly int _beatMillis = options.IsShared ? Math.Max(1, options.LeaseMillis / 20) : AloneMillis;
    private ITimerHandle? _timer;

    /// <summary>The first beat comes one interval from now. Under the lock.</summary>
    public void Start()
    {
        if (!life.IsStopped) Schedule();
    }

    /// <summary>Beats no more. Under the lock.</summary>
    public void Stop() => _timer?.Cancel();

    private void Schedule() => _timer = timers.Schedule(_beatMillis, static heart => ((Heartbeat)heart!).Beat(), this);

    private void Beat()
    {
        var now = clock.MonotonicNanos;
        bool isDue;
        IReadOnlyList<RenewalAttempt> late;
        lock (life.Gate)
        {
            if (life.IsStopped) return;
            Schedule();
            if (hold.IsReplaced) return;
            isDue = pause.Beat(now) | renewals.IsDue(now);
            late = renewals.LateAt(now);
        }
        foreach (var attempt in late) attempt.Cancel();
        if (isDue) renewals.Begin();
        witnesses.Ask(news.View);
    }
}
