using System.Diagnostics.CodeAnalysis;
using System.Net;
using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Files;
using Cti.Media.Jitter;
using Cti.Media.Session.Mix;
using Cti.Media.Rtcp;
using Cti.Media.Rtp;
using Cti.Media.Srtp;
using Cti.Media.Tones;

namespace Cti.Media.Session;

/// <summary>
/// One RTP session's engine. Single-threaded: only the media loop that owns it calls it. Allocates nothing per packet.
/// The loop calls <see cref="Tick"/> once every 20 ms at the session's phase and <see cref="RtcpTick"/> after it, hands in what its sockets
/// received, and applies commands in their order. After <see cref="MediaCommandKind.Close"/> it goes on ticking until <see cref="IsFinished"/>
/// (recordings are completed elsewhere), frees the ports and calls <see cref="ReportClosed"/>.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "ReportClosed, which ends every session, frees what SRTP holds.")]
public sealed partial class MediaSession
{
    /// <summary>Bytes that <see cref="Tick"/> needs at most.</summary>
    public const int RtpBytesMax = 256;

    /// <summary>Bytes that <see cref="RtcpTick"/> needs at most.</summary>
    public const int RtcpBytesMax = 256;

    /// <summary>The cadence of <see cref="Tick"/>.</summary>
    public const long TickNanos = 20_000_000;

    /// <summary>A loop that was away for longer than so many frames is not expected to catch up.</summary>
    private const int CatchUpFrames = 10;

    /// <summary>Silence that a recording gets for the time that a loop was away: at most what its ring holds with room to spare, 4 s.</summary>
    private const int SkippedFramesMax = 200;

    private readonly MediaSessionOptions _options;
    private readonly IMediaEvents _events;
    private MediaCounters _counters;
    private readonly SrtpSession? _srtp;
    private readonly RtpSender _sender;
    private readonly ReceiveStream _stream = new();
    private readonly RemoteLatch _latch = new();
    private readonly RtcpReporter _rtcp;
    private readonly EventReceiver _eventReceiver = new();
    private readonly ReceivedPayloads _payloads = new();
    private readonly KeySender _keys = new();
    private readonly PlayCursor _play = new();
    private readonly PlayCursor _beep = new();
    private readonly List<Recording> _recordings = [];
    private readonly AudioReceiver _audio;
    private readonly short[] _tone = new short[Audio.FrameSamples];
    private MediaDescription? _description;
    private SocketAddressKey _signalled;
    private SocketAddressKey _signalledRtcp;
    private SocketAddressKey _learnedRtcp;
    private long _playAction;
    private bool _playLoaded;
    private bool _playReported;
    private bool _ticked;
    private bool _begun;
    private long _lastTickNanos;
    private long _lastHeardNanos;
    private bool _watching;
    private bool _inactiveReported;
    private bool _closing;
    private bool _byeDone;
    private bool _closedReported;
    private readonly PublishedStatistics _published = new();

    /// <summary>A session that has nothing negotiated yet.</summary>
    /// <param name="id">Its name in every report.</param>
    /// <param name="options">How it was opened.</param>
    /// <param name="events">Where reports go; called from the loop.</param>
    /// <param name="seed">The random numbers that it starts from.</param>
    /// <param name="services">What the loop's sessions share.</param>
    public MediaSession(MediaSessionId id, MediaSessionOptions options, IMediaEvents events, MediaSessionSeed seed, MediaServices services)
    {
        Id = id;
        _options = options;
        _events = events;
        _counters = services.Counters;
        if (options.Srtp is { } keys)
        {
            _srtp = new SrtpSession(keys);
            seed = SrtpSession.Fit(seed);
        }
        _sender = new RtpSender(seed);
        _rtcp = new RtcpReporter(seed, services.Clock);
        _audio = new AudioReceiver(_recordings, options.IsLink);
    }

    /// <summary>Which session.</summary>
    public MediaSessionId Id { get; }

    /// <summary>Where RTP is to be sent now; none while nothing is negotiated. Read it after each <see cref="Tick"/> that wrote a packet.</summary>
    public SocketAddressKey Remote => _latch.Remote;

    /// <summary>Where RTCP is to be sent now: where theirs came from; else as signalled; else, where RTP was latched elsewhere, the port above it.</summary>
    public SocketAddressKey RemoteRtcp => !_learnedRtcp.IsNone ? _learnedRtcp
        : _latch.Remote.HasSameAddress(_signalled) ? _signalledRtcp
        : _latch.Remote.WithPort((ushort)(_latch.Remote.Port + 1));

    /// <summary>After Close: every action has ended, BYE is written; the ports may be freed.</summary>
    public bool IsFinished => _closing && _byeDone && _recordings.Count == 0 && _awaited.Count == 0;

    /// <summary>The streams' quality until now. From the loop; other threads use <see cref="ReadStatistics"/>.</summary>
    public StreamStatistics Statistics
    {
        get
        {
            Publish();
            return _published.Read() ?? new StreamStatistics(AudioCodec.Pcma, 0, 0, 0, 0, -1, -1, -1);
        }
    }

    /// <summary>The streams' quality as of the last <see cref="Tick"/>; null while nothing was negotiated. Any thread; never waits.</summary>
    public StreamStatistics? ReadStatistics() => _published.Read();

    /// <summary>Applies a command. Every Prepare must be followed by its Start or Fail, also after Stop and Close.</summary>
    public void Apply(in MediaCommand command)
    {
        switch (command.Kind)
        {
            case MediaCommandKind.Configure: Configure((MediaDescription)command.Payload!); break;
            case MediaCommandKind.PreparePlay: PreparePlay(command.Action); break;
            case MediaCommandKind.StartPlay: StartPlay(command.Action, (PlayList)command.Payload!); break;
            case MediaCommandKind.FailPlay: EndPlay(command.Action, command.Outcome, (string?)command.Payload); break;
            case MediaCommandKind.StopPlay: EndPlay(command.Action, MediaOutcome.Stopped, null); break;
            case MediaCommandKind.PrepareRecord: PrepareRecord(command.Action); break;
            case MediaCommandKind.StartRecord: StartRecord(command.Action, (SoundRecorder)command.Payload!, command.Number != 0); break;
            case MediaCommandKind.FailRecord: FailRecord(command); break;
            case MediaCommandKind.StopRecord: StopRecord(Find(command.Action)); break;
            case MediaCommandKind.SendKeys: SendKeys((SendKeysRequest)command.Payload!); break;
            case MediaCommandKind.Connect: Connect((Bridge)command.Payload!); break;
            case MediaCommandKind.Join: Join((ConferenceJoin)command.Payload!); break;
            case MediaCommandKind.Leave: Leave((Conference)command.Payload!); break;
            case MediaCommandKind.SetMember: SetMember((ConferenceJoin)command.Payload!); break;
            case MediaCommandKind.Close: Close(); break;
            case MediaCommandKind.Abandon: Abandon(); break;
            case MediaCommandKind.None: break;
            default: ApplyToBridge(command); break;
        }
    }

    /// <summary>Takes a datagram that came to the RTP port. Never throws, whatever is in it.</summary>
    public void OnRtp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (RtcpCompound.IsRtcp(packet))
        {
            AcceptRtcp(packet, source, nowNanos);
            return;
        }
        var reason = DropReason.NotAuthentic;
        if ((_srtp is { } srtp && !srtp.TryUnprotectRtp(packet, out packet, out reason)) || !RtpPacket.TryParse(packet, out var rtp, out reason))
        {
            _counters.CountDrop(reason);
            return;
        }
        if (_closing || _description is not { } description)
        {
            _counters.CountDrop(DropReason.NotReceiving);
            return;
        }
        var kind = _payloads[rtp.PayloadType];
        var isEvent = kind == PayloadKind.Event;
        // What was not agreed proves nothing about its source.
        if (kind == PayloadKind.Unknown)
        {
            OnOtherPayload(rtp, source, nowNanos);
            return;
        }
        var remote = _latch.Remote;
        if (!_latch.Accept(source, rtp, nowNanos))
        {
            _counters.CountDrop(DropReason.ForeignSource);
            return;
        }
        if (remote != _latch.Remote) BeginAnew();
        Heard(nowNanos);
        Earn(packet.Length);
        // A key's packets all carry the time of its beginning (RFC 4733 section 2.3.3): they say nothing of jitter.
        if (!_stream.Accept(rtp, nowNanos, isTimed: !isEvent))
        {
            _counters.CountDrop(DropReason.Duplicate);
            return;
        }
        _counters.CountReceived();
        HeardRtp(nowNanos);
        if (!description.Receive) _counters.CountDrop(DropReason.NotReceiving);
        else Use(rtp, kind, nowNanos);
    }

    private void Use(in RtpPacket rtp, PayloadKind kind, long nowNanos)
    {
        if (kind == PayloadKind.Event) OnEvent(rtp);
        else if (_audio.Put(rtp.Timestamp, rtp.Payload, kind == PayloadKind.Pcma ? AudioCodec.Pcma : AudioCodec.Pcmu, nowNanos) == PutResult.Late)
            _counters.CountDrop(DropReason.Late);
        _bridge?.OnPacket(this, rtp, kind, nowNanos);
        _heardBy?.OnPacket(this, rtp, kind, nowNanos);
    }

    /// <summary>Takes a datagram that came to the RTCP port. Never throws, whatever is in it.</summary>
    public void OnRtcp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (AcceptRtcp(packet, source, nowNanos)) _learnedRtcp = source;
    }

    /// <summary>
    /// 20 ms have passed: records, clocks what plays, and writes at most one RTP packet for <see cref="Remote"/>.
    /// A loop that is late calls it several times in a row, up to 10; what is missing beyond 200 ms the session skips by itself.
    /// </summary>
    /// <returns>Bytes written, 0 for no packet.</returns>
    public int Tick(long nowNanos, Span<byte> rtpOut)
    {
        if (!BeginTick(nowNanos)) return 0;
        _begun = false;
        var length = _closing ? 0 : SendFrame(rtpOut, nowNanos);
        if (length == 0) _sender.Pause();
        else _counters.CountSent();
        if (length > 0 && _srtp is { } srtp) length = srtp.ProtectRtp(rtpOut, length);
        Spend(length);
        _sender.Advance(1);
        Publish();
        return length;
    }

    /// <summary>Writes an RTCP compound for <see cref="RemoteRtcp"/> when one is due: a report about every 5 s, BYE after Close.</summary>
    /// <returns>Bytes written, 0 for none.</returns>
    public int RtcpTick(long nowNanos, Span<byte> rtcpOut)
    {
        if (_byeDone) return 0;
        if (_closing)
        {
            _byeDone = true;
            // A participant that never sent anything must not say goodbye (RFC 3550 section 6.3.7).
            return CanReport && _sender.Packets > 0 ? WriteRtcp(rtcpOut, nowNanos, bye: true) : 0;
        }
        return CanReport && _rtcp.IsDue(nowNanos) ? WriteRtcp(rtcpOut, nowNanos, bye: false) : 0;
    }

    private bool CanReport => _description is not null && MayReach(RtcpBytesMax);

    /// <summary>Reports <see cref="SessionClosed"/>: the last report. Once, after the ports were freed.</summary>
    public void ReportClosed()
    {
        if (_closedReported) return;
        _closedReported = true;
        Report(new SessionClosed(Statistics));
        _srtp?.Dispose();
    }

    internal void Report(MediaEvent happened)
    {
        if (!IsAbandoned) _events.OnMediaEvent(Id, happened);
    }

    private void Publish()
    {
        _published.Sent(_sender.Packets);
        _published.Received(_stream.Received, _stream.Expected, _stream.JitterSamples / Audio.MillisSamples);
    }

    private void Configure(MediaDescription description)
    {
        if (_closing) return;
        var remote = SocketAddressKey.From(description.Remote);
        if (remote != _signalled) _learnedRtcp = default;
        _signalled = remote;
        _signalledRtcp = SocketAddressKey.From(description.RemoteRtcp);
        _latch.Signal(remote, description.FarEnd);
        _shown = description.FarEnd.Shown is { } shown ? SocketAddressKey.From(new IPEndPoint(shown, 0)) : default;
        EndIdle();
        if (!description.Receive || _description is not { Receive: true }) _watching = false;
        _description = description;
        _published.Negotiated(description.Codec);
        _payloads.Configure(description);
        _audio.Configure(description.Receive && description.TelephoneEventPayloadType < 0);
        if (!description.Send) EndKeys(MediaOutcome.Failed);
        _bridge?.OnConfigured();
        _listening?.OnConfigured();
        _heardBy?.OnConfigured();
    }

    private void PreparePlay(long action)
    {
        EndPlay(_playAction, MediaOutcome.Stopped, null);
        _playAction = action;
        _playLoaded = false;
        _playReported = false;
        if (_closing) EndPlay(action, MediaOutcome.Stopped, null);
    }

    private void StartPlay(long action, PlayList list)
    {
        if (action == 0 || action != _playAction || _playLoaded) return;
        _play.Start(list);
        _playLoaded = true;
    }

    private void EndPlay(long action, MediaOutcome outcome, string? detail)
    {
        if (action == 0 || action != _playAction) return;
        _playAction = 0;
        _playLoaded = false;
        _play.Stop();
        Report(new PlayEnded(action, outcome, detail));
    }

    private void PrepareRecord(long action)
    {
        if (_closing)
        {
            Report(new RecordEnded(action, MediaOutcome.Stopped, 0));
            return;
        }
        _recordings.Add(new Recording(action));
    }

    private void StartRecord(long action, SoundRecorder recorder, bool beep)
    {
        if (Find(action) is not { Phase: RecordingPhase.Preparing } recording)
        {
            GiveBack(recorder);
            return;
        }
        recording.Recorder = recorder;
        if (recording.IsStopAsked) Finish(recording);
        else if (beep)
        {
            recording.Phase = RecordingPhase.Beeping;
            _beep.Start(new PlayList([Cadence.Beep]));
        }
        else
        {
            Begin(recording);
        }
    }

    private void FailRecord(in MediaCommand command)
    {
        if (Find(command.Action) is not { } recording) return;
        _recordings.Remove(recording);
        Report(new RecordEnded(command.Action, command.Outcome, 0, (string?)command.Payload));
    }

    private void StopRecord(Recording? recording)
    {
        if (recording is null) return;
        recording.IsStopAsked = true;
        if (recording.Phase == RecordingPhase.Beeping) _beep.Stop();
        if (recording.Recorder is not null) Finish(recording);
    }

    private void Begin(Recording recording)
    {
        _audio.BeginRecording();
        recording.Phase = RecordingPhase.Running;
        Report(new RecordStarted(recording.Action));
    }

    private static void Finish(Recording recording)
    {
        recording.Phase = RecordingPhase.Finishing;
        recording.Recorder!.Finish();
    }

    private Recording? Find(long action)
    {
        foreach (var recording in _recordings)
        {
            if (recording.Action == action) return recording;
        }
        return null;
    }

    private void PollRecordings()
    {
        for (var i = _recordings.Count - 1; i >= 0; i--)
        {
            var recording = _recordings[i];
            if (recording.Recorder is not { IsDone: true } recorder) continue;
            _recordings.RemoveAt(i);
            Report(new RecordEnded(recording.Action, recorder.Failure is null ? MediaOutcome.Stopped : MediaOutcome.Failed,
                recorder.DurationMillis, recorder.Failure));
        }
    }

    private void SendKeys(SendKeysRequest request)
    {
        EndKeys(MediaOutcome.Stopped);
        foreach (var key in request.Keys)
        {
            if (key == Keys.Pause || Keys.Code(key) >= 0) continue;
            Report(new SendKeysEnded(request.Action, MediaOutcome.Unsupported));
            return;
        }
        if (_closing || _description is not { Send: true } description)
        {
            Report(new SendKeysEnded(request.Action, _closing ? MediaOutcome.Stopped : MediaOutcome.Failed));
            return;
        }
        if (request.Keys.Length == 0)
        {
            Report(new SendKeysEnded(request.Action, MediaOutcome.Completed));
            return;
        }
        _keys.Start(request.Action, request.Keys, request.How == KeySending.InBand || description.TelephoneEventPayloadType < 0);
    }

    private void EndKeys(MediaOutcome outcome)
    {
        if (!_keys.IsActive) return;
        var action = _keys.Action;
        _keys.Stop();
        if (action != ForwardedKeys) Report(new SendKeysEnded(action, outcome));
    }

    private void Close()
    {
        if (_closing) return;
        _closing = true;
        EndPlay(_playAction, MediaOutcome.Stopped, null);
        EndKeys(MediaOutcome.Stopped);
        foreach (var recording in _recordings) StopRecord(recording);
        _beep.Stop();
        LeaveMixes();
    }

    /// <summary>Ends at once as a crash would end it: no goodbye, no report, unfinished files stay for whoever goes on with them.</summary>
    private void Abandon()
    {
        IsAbandoned = true;
        foreach (var recording in _recordings) recording.Recorder?.Abandon();
        _recordings.Clear();
        Close();
        foreach (var bridge in _awaited) bridge.Abandon();
        _awaited.Clear();
        _byeDone = true;
    }

    /// <summary>A recorder that came too late.</summary>
    private void GiveBack(SoundRecorder recorder)
    {
        if (IsAbandoned) recorder.Abandon();
        else recorder.Discard();
    }

    private void Heard(long nowNanos)
    {
        _lastHeardNanos = nowNanos;
        _inactiveReported = false;
    }

    private void WatchActivity(long nowNanos)
    {
        if (_options.InactivityMillis <= 0 || _closing || _description is not { Receive: true }) return;
        if (!_watching)
        {
            _watching = true;
            Heard(nowNanos);
        }
        if (_inactiveReported || nowNanos - _lastHeardNanos < _options.InactivityMillis * 1_000_000L) return;
        _inactiveReported = true;
        Report(new MediaInactive());
    }

    /// <summary>Comfort noise and the like keep a session alive and count in the stream, but bring no sound and choose no source.</summary>
    private void OnOtherPayload(in RtpPacket rtp, SocketAddressKey source, long nowNanos)
    {
        _counters.CountDrop(DropReason.UnknownPayloadType);
        if (source != _latch.Remote) return;
        Heard(nowNanos);
        _stream.Accept(rtp, nowNanos);
    }

    private void OnEvent(in RtpPacket rtp)
    {
        var code = _eventReceiver.Accept(rtp);
        if (code >= 0)
        {
            Report(new KeyPressed(Keys.ByCode[code], new KeyEvent(rtp.Ssrc, rtp.Timestamp)));
            _bridge?.OnKey(this, code);
        }
        else if (code == EventReceiver.NoKey) _counters.CountDrop(DropReason.BadEvent);
    }

    private bool AcceptRtcp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos)
    {
        if (_description is null || (!source.HasSameAddress(_latch.Remote) && source != _signalledRtcp))
        {
            _counters.CountDrop(DropReason.ForeignSource);
            return false;
        }
        if (_srtp is { } srtp && !srtp.TryUnprotectRtcp(packet, out packet, out var reason))
        {
            _counters.CountDrop(reason);
            return false;
        }
        if (!_rtcp.Accept(packet, _sender.Ssrc, nowNanos))
        {
            _counters.CountDrop(DropReason.BadRtcp);
            return false;
        }
        _published.Reported(_rtcp, _sender.Packets);
        Heard(nowNanos);
        WantsTick |= HearsTooLittle;
        return true;
    }

    private int WriteRtcp(Span<byte> packet, long nowNanos, bool bye)
    {
        var length = _rtcp.Write(packet, _sender, _stream, nowNanos, bye);
        if (_srtp is { } srtp) length = srtp.ProtectRtcp(packet, length);
        Spend(length);
        return length;
    }
}
