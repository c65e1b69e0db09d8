using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// This node's own lease: held from one renewal to the next, in doubt after half a lease without one, and lost for good when another process has joined under
/// this node's name, which the core finds out. It changes under the member's lock and is read on any thread.
/// </summary>
internal sealed class LeaseHold(ClusterMemberOptions options, MembershipCore core, ClusterClock clock)
{
    private long _renewedNanos = long.MinValue;

    /// <inheritdoc cref="MembershipCore.IsReplaced"/>
    public bool IsReplaced => core.IsReplaced;

    /// <inheritdoc cref="ICluster.IsCutOff"/>
    public bool IsCutOff
    {
        get
        {
            if (core.IsReplaced) return true;
            var renewed = Volatile.Read(ref _renewedNanos);
            return options.IsShared && renewed != long.MinValue && clock.MonotonicNanos - renewed > options.LeaseNanos / 2;
        }
    }

    /// <summary>Age of the last renewal that succeeded, in milliseconds; -1 before the first. Under the lock.</summary>
    public double SinceRenewedMillis =>
        _renewedNanos == long.MinValue ? -1 : Math.Max(0, clock.MonotonicNanos - _renewedNanos) / (double)ClusterClock.NanosPerMilli;

    /// <summary>How long before this moment the last renewal that succeeded was sent. Under the lock, and after the first.</summary>
    public long MillisUntil(long nanos) => (nanos - _renewedNanos) / ClusterClock.NanosPerMilli;

    /// <summary>A renewal that was sent at this moment has succeeded. Under the lock.</summary>
    public void Renew(long began)
    {
        if (began > _renewedNanos) Volatile.Write(ref _renewedNanos, began);
    }
}
