using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// Opens the guard again after a pause of the process: when a renewal that was begun after it has succeeded and what was lost meanwhile has stood down. Under
/// the member's lock.
/// </summary>
internal sealed class PauseWatch(ClusterMemberOptions options, ILog log)
{
    private long _pausedAt = long.MinValue;

    /// <summary>Says whether this process may speak for its calls: closed after a pause, until a renewal has succeeded.</summary>
    public PauseGuard Guard { get; } = options.Guard ?? new PauseGuard(options.IsShared ? options.LeaseNanos / 2 : 0);

    /// <summary>The heart beats.</summary>
    /// <returns>Whether this beat is the first after a pause.</returns>
    public bool Beat(long now)
    {
        if (Guard.Beat(now) || _pausedAt != long.MinValue) return false;
        _pausedAt = now;
        log.Write(LogEvents.ProcessStoodStill);
        return true;
    }

    /// <summary>A renewal has succeeded.</summary>
    /// <param name="began">When it was sent.</param>
    /// <param name="arrived">When its answer came.</param>
    /// <param name="hasLost">Whether it showed that instances were lost.</param>
    /// <param name="hasUntoldLosses">Whether there are losses that not everybody has been told.</param>
    public void Renewed(long began, long arrived, bool hasLost, bool hasUntoldLosses)
    {
        // Where calls were lost during the pause, their actors stand down first: the next renewal opens the way for the rest.
        if (_pausedAt == long.MinValue || began < _pausedAt || hasLost) return;
        // One that hangs does not keep them silent for ever.
        if ((hasUntoldLosses || options.IsStandingDown?.Invoke() == true) && arrived - _pausedAt < options.LeaseNanos) return;
        _pausedAt = long.MinValue;
        Guard.Confirm(arrived);
    }
}
