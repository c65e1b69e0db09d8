using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Session.Mix;

/// <summary>What a mix has for a listener in a frame.</summary>
internal enum Supply
{
    /// <summary>Nothing: the session's own silence.</summary>
    None,
    /// <summary>A frame.</summary>
    Frame,
    /// <summary>Nothing, because packets are relayed to it.</summary>
    Relayed,
}

/// <summary>
/// A bridge between two sessions of one loop, or one session's listening to another. Only that loop calls it. Each direction is relayed or decoded
/// on its own; a decoded one is taken at the listener's tick from the source's latest frame, so the two need no common phase. The first's tick clocks
/// what belongs to both: the play and the recording.
/// <code>
///          first attached, second attached           End                    recording complete
/// Waiting ────────────────────────────────► Active ────────► Ending ──────────────────────────► Ended (BridgeEnded)
///    └──────────────────────── End ───────────────────────────►
/// </code>
/// </summary>
public sealed class Bridge
{
    /// <summary>A source that was silent for so long gets comfort silence in its place.</summary>
    private const long RelaySilenceNanos = 100_000_000;

    private readonly BridgeMode _mode;
    private readonly int _firstGain;
    private readonly int _secondGain;
    private readonly bool _records;
    private readonly Player _play;
    private readonly MixRecording _recording;
    private readonly short[] _played = new short[Audio.FrameSamples];
    private readonly short[] _scratch = new short[Audio.FrameSamplesMax];
    private readonly short[] _left = new short[Audio.FrameSamplesMax];
    private RateConverter? _playToFirst;
    private RateConverter? _playToSecond;
    private Phase _phase;
    private MediaOutcome _outcome;
    private SoundRecorder? _recorder;
    private bool _firstAttached;
    private bool _secondAttached;
    private bool _relaysFirst;
    private bool _relaysSecond;
    private bool _decodesFirst;
    private bool _decodesSecond;
    private long _relayedFirstNanos;
    private long _relayedSecondNanos;
    private long _liveNanos;
    private bool _playSounds;

    /// <summary>A bridge that waits for its sides: <see cref="MediaCommand.Connect"/> to each of them.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="first">The session that reports go to.</param>
    /// <param name="second">The other one.</param>
    /// <param name="isListening">Whether the first only hears the second, over whatever else it is in.</param>
    public Bridge(BridgeRequest request, MediaSession first, MediaSession second, bool isListening = false)
    {
        Action = request.Action;
        First = first;
        Second = second;
        IsListening = isListening;
        _mode = isListening ? BridgeMode.FirstHears : request.Mode;
        _firstGain = Mixer.Gain(request.FirstVolume);
        _secondGain = Mixer.Gain(request.SecondVolume);
        _records = request.Record is not null;
        _play = new Player(ReportToFirst);
        _recording = new MixRecording(ReportToFirst);
    }

    private enum Phase
    {
        Waiting,
        Active,
        Ending,
        Ended,
    }

    /// <summary>The caller's number for it.</summary>
    public long Action { get; }

    internal MediaSession First { get; }

    internal MediaSession Second { get; }

    internal bool IsListening { get; }

    /// <summary>Room for a relayed packet: one at a time is on its way.</summary>
    internal byte[] Packet { get; } = new byte[MediaSession.PacketBytesMax];

    private bool SecondHears => _mode != BridgeMode.FirstHears;

    private bool FirstHears => _mode != BridgeMode.SecondHears;

    /// <summary>One of the two is there. An end that came before it is reported now, since only the first's loop may report for it.</summary>
    internal void Attach(MediaSession session)
    {
        if (session == First)
        {
            _firstAttached = true;
            if (_phase != Phase.Waiting)
            {
                Settle();
                return;
            }
            if (_records) _recording.Prepare(Action);
        }
        else
        {
            if (_phase != Phase.Waiting) return;
            _secondAttached = true;
        }
        if (!_firstAttached || !_secondAttached)
        {
            session.Mixes.Enter(this);
            return;
        }
        session.Mixes.Enter(this);
        _phase = Phase.Active;
        ReportToFirst(new BridgeStarted(Action));
        StartHeldRecorder();
        Refresh();
    }

    /// <summary>A session that is closing cannot become a side.</summary>
    internal void Refuse(MediaSession session)
    {
        if (session == First) _firstAttached = true;
        if (_phase is Phase.Waiting or Phase.Active) End(session == First ? MediaOutcome.Stopped : MediaOutcome.Completed);
        else Settle();
    }

    /// <summary>A side leaves: closed, moved to another loop, or gone into another mix.</summary>
    internal void Leave(MediaSession session)
    {
        if (session == First && session.IsAbandoned) Abandon();
        End(session == First ? MediaOutcome.Stopped : MediaOutcome.Completed);
    }

    /// <summary>Its first, whose recording it makes, was given up: the file stays as it is.</summary>
    internal void Abandon()
    {
        _recorder?.Abandon();
        _recorder = null;
        _recording.Abandon();
    }

    internal void End(MediaOutcome outcome)
    {
        if (_phase is Phase.Ending or Phase.Ended) return;
        _phase = Phase.Ending;
        _outcome = outcome;
        _play.Stop();
        _playSounds = false;
        _recording.Stop();
        StartHeldRecorder();
        Refresh();
        if (_secondAttached) Second.Mixes.Exit(this);
        if (_firstAttached) First.Mixes.Exit(this);
        Settle();
    }

    /// <summary>While it is ending: its recording may be complete by now. From the first's tick.</summary>
    /// <returns>True when nothing more is to come.</returns>
    internal bool Poll()
    {
        _recording.Poll();
        Settle();
        return _phase == Phase.Ended;
    }

    internal void PreparePlay(long action) => _play.Prepare(action);

    internal void StartPlay(long action, PlayList list)
    {
        _play.Start(action, list);
        Refresh();
    }

    internal void EndPlay(long action, MediaOutcome outcome, string? detail)
    {
        _play.End(action, outcome, detail);
        if (!_play.IsLoaded) _playSounds = false;
        Refresh();
    }

    internal void StartRecord(SoundRecorder recorder)
    {
        // The recording begins with the bridge, however fast its file was opened.
        if (_phase == Phase.Waiting) _recorder = recorder;
        else _recording.Start(Action, recorder);
        Settle();
    }

    internal void FailRecord(MediaOutcome outcome, string? detail)
    {
        _recording.Fail(Action, outcome, detail);
        Refresh();
        Settle();
    }

    /// <summary>A side's codec, or whether it may send, changed.</summary>
    internal void OnConfigured() => Refresh();

    /// <summary>20 ms of a side are over: its frame is new.</summary>
    internal void OnTick(MediaSession session, long skippedFrames)
    {
        if (session != First || _phase != Phase.Active) return;
        if (_playSounds || _play.IsLoaded)
        {
            _playSounds = _play.Take(_played);
            if (!_playSounds) Refresh();
        }
        if (!_recording.IsOpen) return;
        _recording.Poll();
        if (!_recording.IsRunning) return;
        if (skippedFrames > 0)
        {
            for (; skippedFrames > 0; skippedFrames--) _recording.Write([], []);
        }
        _recording.Write(Amplified(First, _firstGain, _left), Amplified(Second, _secondGain, _scratch));
    }

    /// <summary>A side's frame as loud as it is heard, at its own rate.</summary>
    private static Span<short> Amplified(MediaSession side, int gain, Span<short> room)
    {
        room = room[..side.Frame.Length];
        Mixer.Amplify(side.Frame, gain, room);
        return room;
    }

    /// <summary>Whether the one that is listened to sends: only then the listener hears nothing else.</summary>
    internal bool IsLive(long nowNanos) => _phase == Phase.Active && _liveNanos > 0 && nowNanos - _liveNanos < RelaySilenceNanos;

    /// <summary>A packet of a side's far end. What cannot be relayed to the other side now is lost, as any packet may be.</summary>
    internal void OnPacket(MediaSession source, in RtpPacket rtp, PayloadKind kind, long nowNanos)
    {
        if (_phase != Phase.Active) return;
        var isEvent = kind.IsEvent();
        var isFirst = source == First;
        if (isFirst ? !SecondHears : !FirstHears) return;
        var relays = isFirst ? _relaysFirst : _relaysSecond;
        if (IsListening && !isEvent) _liveNanos = nowNanos;
        if (!isEvent && !relays) return;
        if (!(isFirst ? Second : First).Relay(this, rtp, kind, relays, nowNanos)) return;
        if (isFirst) _relayedFirstNanos = nowNanos;
        else _relayedSecondNanos = nowNanos;
    }

    /// <summary>A key of a side's far end, for another side that did not agree on telephone events: it gets the tones.</summary>
    internal void OnKey(MediaSession source, int code)
    {
        if (_phase == Phase.Active && (source == First ? SecondHears : FirstHears)) (source == First ? Second : First).SoundKey(code);
    }

    /// <summary>What the listener hears in this frame.</summary>
    internal Supply Take(MediaSession listener, Outgoing sound, long nowNanos)
    {
        if (_phase != Phase.Active) return Supply.None;
        var isFirst = listener == First;
        if (isFirst ? _relaysSecond : _relaysFirst)
            return nowNanos - (isFirst ? _relayedSecondNanos : _relayedFirstNanos) < RelaySilenceNanos ? Supply.Relayed : Supply.None;
        var hears = isFirst ? FirstHears : SecondHears;
        if (!hears && !_playSounds) return Supply.None;
        var frame = _scratch.AsSpan(0, Audio.FrameSamples);
        if (hears) frame = isFirst ? Amplified(Second, _secondGain, _scratch) : Amplified(First, _firstGain, _scratch);
        else frame.Clear();
        if (_playSounds) AddPlay(frame, isFirst ? _playToFirst ??= new RateConverter() : _playToSecond ??= new RateConverter());
        sound.Put(frame);
        return Supply.Frame;
    }

    private void AddPlay(Span<short> frame, RateConverter converter)
    {
        Span<short> played = stackalloc short[frame.Length];
        converter.Convert(_played, played);
        Mixer.AddSaturated(frame, played);
    }

    /// <summary>Decides for each direction whether it is relayed, and for each side whether it must be decoded.</summary>
    private void Refresh()
    {
        var isActive = _phase == Phase.Active;
        var canRelay = isActive && !_playSounds && !_play.IsLoaded;
        _relaysFirst = canRelay && SecondHears && _firstGain == Mixer.Unity && CanRelay(First, Second);
        _relaysSecond = canRelay && FirstHears && _secondGain == Mixer.Unity && CanRelay(Second, First);
        var records = isActive && _recording.IsOpen;
        Decode(First, ref _decodesFirst, isActive && (records || (SecondHears && !_relaysFirst)));
        Decode(Second, ref _decodesSecond, isActive && (records || (FirstHears && !_relaysSecond)));
    }

    /// <summary>Where both agreed on one codec first, and it is what comes: that a far end sends another one is told by its first packet.</summary>
    private static bool CanRelay(MediaSession from, MediaSession to) =>
        from.Codec is { } agreed && agreed == to.Codec && from.Heard?.CanRelayTo(agreed) == true;

    private void StartHeldRecorder()
    {
        if (_recorder is not { } recorder) return;
        _recorder = null;
        _recording.Start(Action, recorder);
    }

    private static void Decode(MediaSession side, ref bool decodes, bool should)
    {
        if (decodes == should) return;
        decodes = should;
        if (should) side.Sound.AddMix();
        else side.Sound.RemoveMix();
    }

    private void Settle()
    {
        if (_phase != Phase.Ending || !_firstAttached) return;
        if (_recording.IsOpen)
        {
            First.Mixes.Await(this);
            return;
        }
        _phase = Phase.Ended;
        ReportToFirst(new BridgeEnded(Action, _outcome));
    }

    private void ReportToFirst(MediaEvent happened) => First.ReportOfBridge(happened);
}
