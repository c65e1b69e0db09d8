namespace Cti.Media.Session;

/// <summary>
/// When a session's frames are:
/// <code>
///   begun by its conference or its tick | over | begun 20 ms later | over | asleep ............ | begun, as if the one before had just been over
///                                                                                └ what comes meanwhile may ask for a tick
/// </code>
/// </summary>
internal sealed class FrameClock
{
    /// <summary>A loop that was away for longer than so many frames is not expected to catch up.</summary>
    private const int CatchUpFrames = 10;

    /// <summary>After a change of phase the next frame is not due before half a frame is over, so that time is kept on the whole.</summary>
    private const long RealignNanos = MediaSession.TickNanos / 2;

    private const long Awake = -1;

    private bool _isTicked;
    private long _notBeforeNanos;
    private long _sleepsUntilNanos = Awake;

    /// <summary>When a frame was begun last, in nanoseconds of the monotonic clock; 0 before.</summary>
    public long LastNanos { get; private set; }

    /// <summary>True between a frame's beginning and its end.</summary>
    public bool IsBegun { get; private set; }

    /// <summary>Whether what came while it slept wants a tick.</summary>
    public bool WantsTick { get; private set; }

    public bool IsAsleep => _sleepsUntilNanos != Awake;

    /// <summary>Frames are of another phase of 20 ms from now on.</summary>
    public void Realign() => _notBeforeNanos = _isTicked ? LastNanos + RealignNanos : 0;

    /// <summary>Begins a frame.</summary>
    /// <returns>False while it is not due after <see cref="Realign"/>.</returns>
    public bool TryBegin(long nowNanos)
    {
        if (nowNanos < _notBeforeNanos) return false;
        _notBeforeNanos = 0;
        IsBegun = true;
        return true;
    }

    /// <summary>The frame that was begun is over.</summary>
    public void End() => IsBegun = false;

    /// <summary>No frame is begun before that time, unless something asks for it.</summary>
    public void Sleep(long untilNanos)
    {
        WantsTick = false;
        _sleepsUntilNanos = untilNanos;
    }

    /// <summary>Something that came wants a tick.</summary>
    public void AskForTick() => WantsTick = true;

    /// <summary>The frame that was begun ends a sleep.</summary>
    /// <param name="nowNanos">Now.</param>
    /// <param name="frames">The frames that were slept through.</param>
    /// <param name="lateNanos">What passed beyond the end of the sleep, where that is more than a loop catches up with; else 0.</param>
    /// <returns>False where there was none.</returns>
    public bool TryWake(long nowNanos, out long frames, out long lateNanos)
    {
        frames = lateNanos = 0;
        if (_sleepsUntilNanos == Awake) return false;
        var late = nowNanos - _sleepsUntilNanos;
        if (late >= CatchUpFrames * MediaSession.TickNanos) lateNanos = late;
        _sleepsUntilNanos = Awake;
        frames = ((nowNanos - LastNanos + (MediaSession.TickNanos / 2)) / MediaSession.TickNanos) - 1;
        LastNanos = nowNanos - MediaSession.TickNanos;
        return true;
    }

    /// <summary>The frame that was begun is that of this time.</summary>
    /// <returns>Frames that are missing before it, where they are more than a loop catches up with; else 0.</returns>
    public long Step(long nowNanos)
    {
        var skipped = _isTicked ? ((nowNanos - LastNanos) / MediaSession.TickNanos) - 1 : 0;
        _isTicked = true;
        LastNanos = nowNanos;
        return skipped < CatchUpFrames ? 0 : skipped;
    }
}
