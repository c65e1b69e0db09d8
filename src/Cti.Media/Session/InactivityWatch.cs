namespace Cti.Media.Session;

/// <summary>
/// Watches whether anything comes from the far end, while it is to send:
/// <code>
///        Check                nothing came for so long
///   Off ───────► Watching ──────────────────────────────► Reported (MediaInactive)
///    ▲               ▲ └─────────┐                          │  │
///    │               └───────────┼────────── Hear ──────────┘  │
///    └──────────────────── Stop ─┴─────────────────────────────┘
/// </code>
/// </summary>
internal sealed class InactivityWatch(int afterMillis, SessionReports reports)
{
    private Phase _phase;
    private long _heardNanos;

    private enum Phase
    {
        Off,
        Watching,
        Reported,
    }

    /// <summary>When it is to be reported, if nothing comes; never while it is not watched.</summary>
    public long DueNanos => _phase == Phase.Watching ? _heardNanos + AfterNanos : long.MaxValue;

    private long AfterNanos => afterMillis * 1_000_000L;

    /// <summary>Something came.</summary>
    public void Hear(long nowNanos)
    {
        _heardNanos = nowNanos;
        if (_phase == Phase.Reported) _phase = Phase.Watching;
    }

    /// <summary>Time in which nobody listened: it is not the far end's silence.</summary>
    public void Skip(long nanos) => _heardNanos += nanos;

    /// <summary>Begins anew with the next <see cref="Check"/>.</summary>
    public void Stop() => _phase = Phase.Off;

    /// <summary>20 ms are over in which the far end was to send.</summary>
    public void Check(long nowNanos)
    {
        if (afterMillis <= 0) return;
        if (_phase == Phase.Off)
        {
            _phase = Phase.Watching;
            _heardNanos = nowNanos;
        }
        if (_phase == Phase.Reported || nowNanos - _heardNanos < AfterNanos) return;
        _phase = Phase.Reported;
        reports.Report(new MediaInactive());
    }
}
