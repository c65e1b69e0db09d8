using Cti.Kernel;
using Cti.Media.Rtcp;

namespace Cti.Media.Session;

/// <summary>
/// What is sent while there is nothing to send. With <see cref="IdleSending.Keepalive"/> it is
/// <code>
///   sound | silence in full: 1 s | a packet every 3 s ......................... | sound
///                                    | far end stopped, or hears too little of it: in full again
/// </code>
/// The first packet after a gap is marked, so the far end's jitter buffer finds each packet where it belongs (RFC 3551 section 4.1).
/// </summary>
internal sealed class IdleSilence(IdleSending how, RtcpReporter rtcp)
{
    private const long FullNanos = Limits.RtpIdleFullMillis * 1_000_000L;
    private const long KeepaliveNanos = Limits.RtpKeepaliveMillis * 1_000_000L;
    private const long StoppedNanos = Limits.RtpStoppedMillis * 1_000_000L;

    /// <summary>After the far end's last packet: what it sent has left the jitter buffer by then, and a tone in it is over.</summary>
    private const long ListensNanos = 1_000_000_000;

    private const long NotIdle = -1;

    private long _sinceNanos = NotIdle;
    private long _sentNanos;
    private bool _isFull;
    private long _heardNanos = long.MinValue / 2;

    /// <summary>When the next packet is due, or the far end counts as stopped, while <see cref="IsSparse"/>.</summary>
    public long DueNanos => HasHeard ? Math.Min(_sentNanos + KeepaliveNanos, _heardNanos + StoppedNanos) : _sentNanos + KeepaliveNanos;

    /// <summary>Whether the far end reported that it hears too little of what is sent.</summary>
    public bool IsHeardTooLittle => rtcp.RemoteLossFraction * 100 >= Limits.RtpLossPercentMax;

    /// <summary>Whether the far end sent since there is nothing to send here.</summary>
    private bool HasHeard => _heardNanos >= _sinceNanos;

    /// <summary>There is something to send, or the far end is elsewhere now and gets as much as at the beginning.</summary>
    public void End() => _sinceNanos = NotIdle;

    /// <summary>The far end's RTP came.</summary>
    public void Hear(long nowNanos) => _heardNanos = nowNanos;

    /// <summary>Time in which nobody listened: it is not the far end's silence.</summary>
    public void Skip(long nanos) => _heardNanos += nanos;

    /// <summary>Whether something of what the far end sent may still be on its way through the jitter buffer.</summary>
    public bool HasJustHeard(long nowNanos) => nowNanos - _heardNanos < ListensNanos;

    /// <summary>Whether only keepalives are sent.</summary>
    public bool IsSparse(long nowNanos) => _sinceNanos != NotIdle && nowNanos - _sinceNanos >= FullNanos && !NeedsFull(nowNanos);

    /// <summary>Whether silence is sent in a frame in which there is nothing else.</summary>
    public bool Sends(long nowNanos, bool isMixed)
    {
        if (how != IdleSending.Keepalive || isMixed)
        {
            End();
            return how != IdleSending.Nothing;
        }
        if (_sinceNanos == NotIdle)
        {
            _sinceNanos = nowNanos;
            _isFull = false;
        }
        if (IsSparse(nowNanos) && nowNanos - _sentNanos < KeepaliveNanos - (MediaSession.TickNanos / 2)) return false;
        _sentNanos = nowNanos;
        return true;
    }

    /// <summary>
    /// A far end that has stopped may do as we do, or think that we are gone: it gets what it had, for as long as we are idle. One that loses much of what
    /// is sent does, until it reports better. One that never sent anything needs no more than keepalives: its time-outs count any packet.
    /// </summary>
    private bool NeedsFull(long nowNanos)
    {
        _isFull |= HasHeard && nowNanos - _heardNanos >= StoppedNanos;
        return _isFull || IsHeardTooLittle;
    }
}
