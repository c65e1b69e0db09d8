namespace Cti.Kernel;

/// <summary>
/// Tells whether this process may still speak for its calls. A process that stood still (SIGSTOP, a suspended machine) for more than half a lease may
/// have been replaced meanwhile: from the first moment after it wakes, before any timer of it has run, nothing goes out until a renewal of the lease has
/// succeeded. Read on hot paths: two volatile reads.
/// </summary>
/// <param name="limitNanos">The longest pause that needs no renewal, in nanoseconds: half a lease; 0 never closes.</param>
public sealed class PauseGuard(long limitNanos)
{
    private long _lastBeat = long.MinValue;
    private int _closed;

    /// <summary>Whether SIP and RTP may be sent at this monotonic time, in nanoseconds.</summary>
    public bool IsOpen(long nowNanos)
    {
        if (limitNanos == 0) return true;
        var last = Volatile.Read(ref _lastBeat);
        if (last != long.MinValue && nowNanos - last > limitNanos) Volatile.Write(ref _closed, 1);
        return Volatile.Read(ref _closed) == 0;
    }

    /// <summary>The heart beats: called every tenth of a lease or more often. A beat that comes too late closes the guard.</summary>
    /// <returns>False while it is closed.</returns>
    public bool Beat(long nowNanos)
    {
        var isOpen = IsOpen(nowNanos);
        Volatile.Write(ref _lastBeat, nowNanos);
        return isOpen;
    }

    /// <summary>A renewal that was begun after the pause has succeeded: this process is still the owner.</summary>
    public void Confirm(long nowNanos)
    {
        Volatile.Write(ref _lastBeat, nowNanos);
        Volatile.Write(ref _closed, 0);
    }
}
