using Cti.Kernel;

namespace Cti.Actors.SipNode;

/// <summary>
/// Whether the SIP actor is behind with what has come: then an INVITE that has waited is refused, which costs little, so that the calls that are up keep their
/// pace and those that are taken are answered in time.
/// <code>
///   Calm ──waits over 50 ms, for 500 ms without a pause──► Shedding: an INVITE that has waited over 20 ms is refused
///     ▲                                                        │
///     └──────────── 5 s in which nothing has waited that long ─┘
/// </code>
/// A pause of the machine leaves a backlog that is worked off within a moment: it refuses nobody.
/// </summary>
internal sealed class SipBacklog
{
    private long _behindSince = long.MaxValue;
    private long _lastLateMillis;
    private long _refused;

    /// <summary>Whether new calls that have waited are refused.</summary>
    public bool IsShedding { get; private set; }

    /// <summary>How many were refused; read on any thread.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>How long the message that is handled has waited, in milliseconds.</summary>
    public long WaitedMillis { get; private set; }

    /// <summary>Notes how long a message has waited.</summary>
    /// <param name="receivedMillis">When it came, on the monotonic clock.</param>
    /// <param name="nowMillis">Now.</param>
    public void Note(long receivedMillis, long nowMillis)
    {
        WaitedMillis = nowMillis - receivedMillis;
        if (WaitedMillis > Limits.SipShedMillis) _lastLateMillis = nowMillis;
        if (WaitedMillis <= Limits.SipBehindMillis) _behindSince = long.MaxValue;
        else if (_behindSince == long.MaxValue) _behindSince = nowMillis;
        else if (nowMillis - _behindSince >= Limits.SipBehindForMillis) IsShedding = true;
        if (IsShedding && nowMillis - _lastLateMillis >= Limits.SipShedUntilMillis) IsShedding = false;
    }

    /// <summary>Whether the INVITE that is handled is refused; counted as one that is.</summary>
    public bool Refuses()
    {
        if (!IsShedding || WaitedMillis <= Limits.SipShedMillis) return false;
        Interlocked.Increment(ref _refused);
        return true;
    }
}
