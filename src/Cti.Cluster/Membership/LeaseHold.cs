using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// This node's own lease: held from one renewal to the next, in doubt after half a lease without one, and lost for good when another process has joined under
/// this node's name. It changes under the member's lock and is read on any thread.
/// </summary>
internal sealed class LeaseHold(ClusterMemberOptions options, ClusterClock clock)
{
    private const long NanosPerMilli = 1_000_000;

    private long _renewedNanos = long.MinValue;
    private volatile bool _isReplaced;

    /// <summary>Whether another process has this node's name.</summary>
    public bool IsReplaced => _isReplaced;

    /// <inheritdoc cref="ICluster.IsCutOff"/>
    public bool IsCutOff
    {
        get
        {
            if (_isReplaced) return true;
            var renewed = Volatile.Read(ref _renewedNanos);
            return options.IsShared && renewed != long.MinValue && clock.MonotonicNanos - renewed > options.LeaseNanos / 2;
        }
    }

    /// <summary>Age of the last renewal that succeeded, in milliseconds; -1 before the first. Under the lock.</summary>
    public double SinceRenewedMillis => _renewedNanos == long.MinValue ? -1 : Math.Max(0, clock.MonotonicNanos - _renewedNanos) / (double)NanosPerMilli;

    /// <summary>How long before this moment the last renewal that succeeded was sent. Under the lock, and after the first.</summary>
    public long MillisUntil(long nanos) => (nanos - _renewedNanos) / NanosPerMilli;

    /// <summary>A renewal that was sent at this moment has succeeded. Under the lock.</summary>
    public void Renew(long began)
    {
        if (began > _renewedNanos) Volatile.Write(ref _renewedNanos, began);
    }

    /// <summary>Another process has this node's name. Under the lock.</summary>
    public void Replace() => _isReplaced = true;
}
