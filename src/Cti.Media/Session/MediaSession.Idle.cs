using Cti.Kernel;

namespace Cti.Media.Session;

/// <content>
/// A session that has nothing to send. With <see cref="IdleSending.Keepalive"/> it sends
/// <code>
///   sound | silence in full: 1 s | a packet every 3 s ......................... | sound
///                                    | far end stopped, or hears too little of it: in full again
/// </code>
/// and between those packets, while nobody listens to the far end either, it needs no ticks: <see cref="TrySleep"/>. Its timestamps go on meanwhile, and the first
/// packet after a gap is marked, so the far end's jitter buffer finds each packet where it belongs (RFC 3551 section 4.1).
/// </content>
public sealed partial class MediaSession
{
    private const long FullNanos = Limits.RtpIdleFullMillis * 1_000_000L;
    private const long KeepaliveNanos = Limits.RtpKeepaliveMillis * 1_000_000L;
    private const long StoppedNanos = Limits.RtpStoppedMillis * 1_000_000L;

    /// <summary>After the far end's last packet: what it sent has left the jitter buffer by then, and a tone in it is over.</summary>
    private const long ListensNanos = 1_000_000_000;

    /// <summary>Longest sleep. Nothing needs this; it bounds what a mistake could cost.</summary>
    private const long SleepNanosMax = 10_000_000_000;

    private const long Awake = -1;

    private long _idleSinceNanos = Awake;
    private long _silenceNanos;
    private bool _isSilenceFull;
    private long _heardRtpNanos = long.MinValue / 2;
    private long _sleepsUntilNanos = Awake;

    /// <summary>Whether what came while it slept wants a tick.</summary>
    public bool WantsTick { get; private set; }

    private bool IsMixed => _bridge is not null || _listening is not null || _heardBy is not null || _seat is not null;

    /// <summary>
    /// After <see cref="Tick"/> and <see cref="RtcpTick"/>: whether nothing is to be done before <paramref name="untilNanos"/>. The session need not be ticked before,
    /// unless a command is applied or <see cref="WantsTick"/> says so.
    /// </summary>
    public bool TrySleep(long nowNanos, out long untilNanos)
    {
        untilNanos = SleepsUntil(nowNanos);
        if (untilNanos <= nowNanos + (2 * TickNanos)) return false;
        WantsTick = false;
        _sleepsUntilNanos = untilNanos;
        return true;
    }

    private long SleepsUntil(long nowNanos)
    {
        if (_closing || IsMixed || _awaited.Count > 0 || _recordings.Count > 0 || _keys.IsActive || _playAction != 0 || _beep.IsActive) return nowNanos;
        var until = nowNanos + SleepNanosMax;
        if (_description is not { } description) return until;
        if (_audio.IsSearching && nowNanos - _heardRtpNanos < ListensNanos) return nowNanos;
        if (description.Send && !_latch.Remote.IsUnspecified)
        {
            if (!IsReachable || _options.Idle == IdleSending.Silence) return nowNanos;
            if (_options.Idle == IdleSending.Keepalive)
            {
                if (_idleSinceNanos == Awake || nowNanos - _idleSinceNanos < FullNanos || NeedsFullSilence(nowNanos)) return nowNanos;
                until = Math.Min(until, _silenceNanos + KeepaliveNanos);
                if (HasSent) until = Math.Min(until, _heardRtpNanos + StoppedNanos);
            }
        }
        if (CanReport) until = Math.Min(until, _rtcp.DueNanos);
        if (_watching && !_inactiveReported) until = Math.Min(until, _lastHeardNanos + (_options.InactivityMillis * 1_000_000L));
        return until;
    }

    /// <summary>Whether the far end sent since there is nothing to send here.</summary>
    private bool HasSent => _heardRtpNanos >= _idleSinceNanos;

    /// <summary>Ticked again: our stream's time went on; what passed beyond the end of the sleep was the loop's.</summary>
    private void WakeUp(long nowNanos)
    {
        var late = nowNanos - _sleepsUntilNanos;
        _sleepsUntilNanos = Awake;
        var frames = ((nowNanos - _lastTickNanos + (TickNanos / 2)) / TickNanos) - 1;
        if (frames > 0)
        {
            _sender.Pause();
            _sender.Advance(frames);
        }
        if (late < CatchUpFrames * TickNanos) return;
        _lastHeardNanos += late;
        _heardRtpNanos += late;
    }

    /// <summary>Whether silence is sent in a frame in which there is nothing else.</summary>
    private bool SendsSilence(long nowNanos)
    {
        if (_options.Idle != IdleSending.Keepalive || IsMixed)
        {
            EndIdle();
            return _options.Idle != IdleSending.Nothing;
        }
        if (_idleSinceNanos == Awake)
        {
            _idleSinceNanos = nowNanos;
            _isSilenceFull = false;
        }
        if (nowNanos - _idleSinceNanos >= FullNanos && !NeedsFullSilence(nowNanos) && nowNanos - _silenceNanos < KeepaliveNanos - (TickNanos / 2)) return false;
        _silenceNanos = nowNanos;
        return true;
    }

    private void EndIdle() => _idleSinceNanos = Awake;

    /// <summary>The far end is elsewhere now: it gets as much as at the beginning.</summary>
    private void BeginAnew()
    {
        EndIdle();
        WantsTick = true;
    }

    /// <summary>
    /// A far end that has stopped may do as we do, or think that we are gone: it gets what it had, for as long as we are idle. One that loses much of what
    /// is sent does, until it reports better. One that never sent anything needs no more than keepalives: its time-outs count any packet.
    /// </summary>
    private bool NeedsFullSilence(long nowNanos)
    {
        _isSilenceFull |= HasSent && nowNanos - _heardRtpNanos >= StoppedNanos;
        return _isSilenceFull || HearsTooLittle;
    }

    private bool HearsTooLittle => _rtcp.RemoteLossFraction * 100 >= Limits.RtpLossPercentMax;

    /// <summary>The far end's RTP came.</summary>
    private void HeardRtp(long nowNanos)
    {
        _heardRtpNanos = nowNanos;
        if (_sleepsUntilNanos == Awake) return;
        // No tick does it.
        Publish();
        WantsTick |= _audio.IsSearching;
    }
}
