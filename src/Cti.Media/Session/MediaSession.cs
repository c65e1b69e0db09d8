using System.Diagnostics.CodeAnalysis;
using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Files;
using Cti.Media.Rtcp;
using Cti.Media.Rtp;
using Cti.Media.Session.Mix;
using Cti.Media.Srtp;

namespace Cti.Media.Session;

/// <summary>
/// One RTP session's engine. Single-threaded: only the media loop that owns it calls it. Allocates nothing per packet.
/// The loop calls <see cref="Tick"/> once every 20 ms at the session's phase and <see cref="RtcpTick"/> after it, hands in what its sockets
/// received, and applies commands in their order. After <see cref="MediaCommandKind.Close"/> it goes on ticking until <see cref="IsFinished"/>
/// (recordings are completed elsewhere), frees the ports and calls <see cref="ReportClosed"/>.
/// <code>
///   far end ─► latch ─► stream ─► audio ─► recordings       keys ─┐
///                         │         └────► mixes            beep ─┤ the first that
///                         ├─► keys heard                    play ─┤ has something ─► sender ─► reach ─► far end
///                         └─► inactivity, idle silence     mixes ─┤
///                                                   idle silence ─┘
/// </code>
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "ReportClosed, which ends every session, frees what SRTP holds.")]
public sealed partial class MediaSession
{
    /// <summary>Bytes that <see cref="Tick"/> needs at most.</summary>
    public const int RtpBytesMax = RtpPacket.HeaderBytes + SoundBytesMax + SrtpSession.RtpOverheadBytes;

    /// <summary>Bytes that <see cref="RtcpTick"/> needs at most.</summary>
    public const int RtcpBytesMax = 256;

    /// <summary>The cadence of <see cref="Tick"/>.</summary>
    public const long TickNanos = 20_000_000;

    /// <summary>Silence that a recording gets for the time that a loop was away: at most what its ring holds with room to spare, 4 s.</summary>
    private const int SkippedFramesMax = 200;

    /// <summary>Longest sleep. Nothing needs this; it bounds what a mistake could cost.</summary>
    private const long SleepNanosMax = 10_000_000_000;

    private readonly MediaSessionOptions _options;
    /// <summary>Once there were keys; it is asked for what goes and comes while <see cref="Protection"/> is set.</summary>
    private SrtpSession? _srtp;
    private readonly RtpSender _sender;
    private readonly ReceiveStream _stream = new();
    private readonly RemoteLatch _latch = new();
    private readonly FarEndReach _reach;
    private readonly RtcpReporter _rtcp;
    private readonly RtcpRemote _rtcpRemote;
    private readonly EventReceiver _eventReceiver = new();
    private readonly AudioReceiver _audio;
    private readonly Outgoing _outgoing = new();
    private readonly InactivityWatch _inactivity;
    private readonly SessionReports _reports;
    private readonly Player _play;
    private readonly SessionRecordings _recordings;
    private readonly SessionKeys _keys;
    private readonly IdleSilence _idle;
    private readonly FrameClock _frames = new();
    private readonly PublishedStatistics _published = new();
    private MediaCounters _counters;
    private ReceivedPayloads _payloads;
    private MediaDescription? _description;
    private Life _life;

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
        _counters = services.Counters;
        Protect(options.Srtp, isOld: false);
        List<Recording> recordings = [];
        _sender = new RtpSender(seed);
        _reach = new FarEndReach(_latch);
        _rtcp = new RtcpReporter(seed, services.Clock);
        _rtcpRemote = new RtcpRemote(_latch);
        _audio = new AudioReceiver(recordings, options.IsLink);
        _reports = new SessionReports(id, events);
        _inactivity = new InactivityWatch(options.InactivityMillis, _reports);
        _play = new Player(_reports.Report);
        _recordings = new SessionRecordings(recordings, _audio, _reports);
        _keys = new SessionKeys(_sender, _reports, fillsGaps: options.Idle != IdleSending.Nothing);
        _idle = new IdleSilence(options.Idle, _rtcp);
        Mixes = new MixPlace(this, _reports, _recordings);
    }

    private enum Life
    {
        Open,
        /// <summary>Nothing begins any more; what runs is completed.</summary>
        Closing,
        /// <summary>And the far end was told, or is not to be.</summary>
        Parted,
    }

    /// <summary>Which session.</summary>
    public MediaSessionId Id { get; }

    /// <summary>Where RTP is to be sent now; none while nothing is negotiated. Read it after each <see cref="Tick"/> that wrote a packet.</summary>
    public SocketAddressKey Remote => _latch.Remote;

    /// <summary>Where RTCP is to be sent now: where theirs came from; else as signalled; else, where RTP was latched elsewhere, the port above it.</summary>
    public SocketAddressKey RemoteRtcp => _rtcpRemote.Remote;

    /// <summary>Where relayed packets go; without it nothing is relayed.</summary>
    public IRtpOutput? Output { get; set; }

    /// <summary>When it was ticked last, in nanoseconds of the monotonic clock; 0 before.</summary>
    public long LastTickNanos => _frames.LastNanos;

    /// <summary>Whether what came while it slept wants a tick.</summary>
    public bool WantsTick => _frames.WantsTick;

    /// <summary>After Close: every action has ended, BYE is written; the ports may be freed.</summary>
    public bool IsFinished => _life == Life.Parted && _recordings.IsEmpty && !Mixes.IsAwaiting;

    /// <summary>The streams' quality until now. From the loop; other threads use <see cref="ReadStatistics"/>.</summary>
    public StreamStatistics Statistics
    {
        get
        {
            Publish();
            return _published.Read() ?? new StreamStatistics(AudioCodec.Pcma, 0, 0, 0, 0, -1, -1, -1);
        }
    }

    /// <summary>The session's place in a bridge or conference.</summary>
    internal MixPlace Mixes { get; }

    /// <summary>The codec agreed on; null while nothing is negotiated.</summary>
    internal AudioCodec? Codec => _description?.Codec;

    /// <summary>The codec in which the far end sends; until it does, the one agreed on.</summary>
    internal AudioCodec? Heard { get; private set; }

    /// <summary>True once it was given up without a report.</summary>
    internal bool IsAbandoned => _reports.IsAbandoned;

    internal AudioReceiver Sound => _audio;

    /// <summary>The far end's present frame, while a mix decodes it.</summary>
    internal ReadOnlySpan<short> Frame => _audio.Frame;

    internal ConferenceSeat? Seat => Mixes.Seat;

    private bool IsClosing => _life != Life.Open;

    /// <summary>What protects RTP and RTCP now; null for nothing.</summary>
    private SrtpSession? Protection { get; set; }

    private bool CanReport => _description is not null && _reach.Allows(RtcpBytesMax);

    /// <summary>The streams' quality as of the last <see cref="Tick"/>; null while nothing was negotiated. Any thread; never waits.</summary>
    public StreamStatistics? ReadStatistics() => _published.Read();

    /// <summary>Applies a command. Every Prepare must be followed by its Start or Fail, also after Stop and Close.</summary>
    public void Apply(in MediaCommand command)
    {
        switch (command.Kind)
        {
            case MediaCommandKind.Configure: Configure((MediaDescription)command.Payload!); break;
            case MediaCommandKind.PreparePlay: PreparePlay(command.Action); break;
            case MediaCommandKind.StartPlay: _play.Start(command.Action, (PlayList)command.Payload!); break;
            case MediaCommandKind.FailPlay: _play.End(command.Action, command.Outcome, (string?)command.Payload); break;
            case MediaCommandKind.StopPlay: _play.End(command.Action, MediaOutcome.Stopped); break;
            case MediaCommandKind.PrepareRecord: PrepareRecord(command.Action); break;
            case MediaCommandKind.StartRecord: _recordings.Start(command.Action, (SoundRecorder)command.Payload!, command.Number != 0); break;
            case MediaCommandKind.FailRecord: _recordings.Fail(command); break;
            case MediaCommandKind.StopRecord: _recordings.Stop(command.Action); break;
            case MediaCommandKind.SendKeys: _keys.Send((SendKeysRequest)command.Payload!, _description, IsClosing); break;
            case MediaCommandKind.Connect: Connect((Bridge)command.Payload!); break;
            case MediaCommandKind.Join when !IsClosing: Mixes.Join((ConferenceJoin)command.Payload!); break;
            case MediaCommandKind.Leave: Mixes.Leave((Conference)command.Payload!); break;
            case MediaCommandKind.SetMember: Mixes.SetMember((ConferenceJoin)command.Payload!); break;
            case MediaCommandKind.Close: Close(); break;
            case MediaCommandKind.Abandon: Abandon(); break;
            case MediaCommandKind.None: break;
            default: Mixes.Apply(command); break;
        }
    }

    /// <summary>
    /// 20 ms have passed: records, clocks what plays, and writes at most one RTP packet for <see cref="Remote"/>.
    /// A loop that is late calls it several times in a row, up to 10; what is missing beyond 200 ms the session skips by itself.
    /// </summary>
    /// <returns>Bytes written, 0 for no packet.</returns>
    public int Tick(long nowNanos, Span<byte> rtpOut)
    {
        if (!BeginTick(nowNanos)) return 0;
        _frames.End();
        var length = IsClosing ? 0 : WriteFrame(rtpOut, nowNanos);
        if (length > 0) _counters.CountSent();
        else if (!_outgoing.HasPart) _sender.Pause();
        if (length > 0 && Protection is { } srtp) length = srtp.ProtectRtp(rtpOut, length);
        _reach.Spend(length);
        _sender.Advance(1);
        Publish();
        return length;
    }

    /// <summary>Writes an RTCP compound for <see cref="RemoteRtcp"/> when one is due: a report about every 5 s, BYE after Close.</summary>
    /// <returns>Bytes written, 0 for none.</returns>
    public int RtcpTick(long nowNanos, Span<byte> rtcpOut)
    {
        if (_life == Life.Parted) return 0;
        if (_life == Life.Closing)
        {
            _life = Life.Parted;
            // A participant that never sent anything must not say goodbye (RFC 3550 section 6.3.7).
            return CanReport && _sender.Packets > 0 ? WriteRtcp(rtcpOut, nowNanos, bye: true) : 0;
        }
        return CanReport && _rtcp.IsDue(nowNanos) ? WriteRtcp(rtcpOut, nowNanos, bye: false) : 0;
    }

    /// <summary>
    /// After <see cref="Tick"/> and <see cref="RtcpTick"/>: whether nothing is to be done before <paramref name="untilNanos"/>. The session need not be
    /// ticked before, unless a command is applied or <see cref="WantsTick"/> says so. Its timestamps go on meanwhile.
    /// </summary>
    public bool TrySleep(long nowNanos, out long untilNanos)
    {
        untilNanos = SleepsUntil(nowNanos);
        if (untilNanos <= nowNanos + (2 * TickNanos)) return false;
        _frames.Sleep(untilNanos);
        return true;
    }

    /// <summary>The loop ticks it in another phase of 20 ms from now on.</summary>
    public void Realign() => _frames.Realign();

    /// <summary>The session leaves its loop: whatever it is mixed with ends here.</summary>
    public void LeaveMixes() => Mixes.Leave();

    /// <summary>The session goes on in another loop.</summary>
    public void MoveTo(MediaServices services) => _counters = services.Counters;

    /// <summary>Reports <see cref="SessionClosed"/>: the last report. Once, after the ports were freed.</summary>
    public void ReportClosed()
    {
        if (_reports.IsClosed) return;
        _reports.Close();
        _reports.Report(new SessionClosed(Statistics));
        _srtp?.Dispose();
    }

    /// <summary>A report of a bridge: nothing follows the session's last report.</summary>
    internal void ReportOfBridge(MediaEvent happened) => _reports.ReportOfBridge(happened);

    /// <summary>
    /// Begins a frame: what the far end said is decoded, for those who want it. A conference calls it before it mixes; otherwise it is part of
    /// <see cref="Tick"/>.
    /// </summary>
    /// <returns>False while the frame is not due after <see cref="Realign"/>.</returns>
    internal bool BeginTick(long nowNanos)
    {
        if (_frames.IsBegun) return true;
        if (!_frames.TryBegin(nowNanos)) return false;
        if (_frames.TryWake(nowNanos, out var slept, out var lateNanos)) WakeUp(slept, lateNanos);
        var skipped = _frames.Step(nowNanos);
        if (skipped > 0) SkipFrames(skipped);
        _recordings.Poll();
        var frames = Math.Min(skipped, SkippedFramesMax);
        var key = _audio.Tick(nowNanos, frames);
        if (key >= 0) _reports.Report(Keys.Report(key));
        if (!IsClosing && _description is { Receive: true }) _inactivity.Check(nowNanos);
        Mixes.OnTick(frames);
        return true;
    }

    /// <summary>Ticked again: our stream's time went on; what passed beyond the end of the sleep was the loop's.</summary>
    private void WakeUp(long frames, long lateNanos)
    {
        if (frames > 0)
        {
            _sender.Pause();
            _sender.Advance(frames);
        }
        _inactivity.Skip(lateNanos);
        _idle.Skip(lateNanos);
    }

    /// <summary>Time in which nobody called: our stream's goes on, and it is not the far end's silence.</summary>
    private void SkipFrames(long frames)
    {
        _sender.Advance(frames);
        _inactivity.Skip(frames * TickNanos);
        _play.Delay(frames);
    }

    private long SleepsUntil(long nowNanos)
    {
        if (IsClosing || Mixes.IsMixed || Mixes.IsAwaiting || !_recordings.IsEmpty || _keys.IsActive || _play.IsOpen || _recordings.HasBeep) return nowNanos;
        var until = nowNanos + SleepNanosMax;
        if (_description is not { } description) return until;
        if (_audio.IsSearching && _idle.HasJustHeard(nowNanos)) return nowNanos;
        if (description.Send && !_latch.Remote.IsUnspecified)
        {
            if (!_reach.IsFree || _options.Idle == IdleSending.Silence) return nowNanos;
            if (_options.Idle == IdleSending.Keepalive)
            {
                if (!_idle.IsSparse(nowNanos)) return nowNanos;
                until = Math.Min(until, _idle.DueNanos);
            }
        }
        if (CanReport) until = Math.Min(until, _rtcp.DueNanos);
        return Math.Min(until, _inactivity.DueNanos);
    }

    private void Publish()
    {
        _published.Sent(_sender.Packets);
        _published.Received(_stream.Received, _stream.Expected, _stream.JitterMillis);
    }

    private void Configure(MediaDescription description)
    {
        if (IsClosing) return;
        if (_options.Srtp is null) Protect(description.Srtp, description.FarEnd.WasHeardElsewhere);
        var remote = SocketAddressKey.From(description.Remote);
        _rtcpRemote.Signal(remote, SocketAddressKey.From(description.RemoteRtcp));
        _latch.Signal(remote, description.FarEnd);
        _reach.Configure(description.FarEnd);
        _idle.End();
        if (!description.Receive || _description is not { Receive: true }) _inactivity.Stop();
        var isOtherCodec = _description?.Codec != description.Codec;
        _description = description;
        if (isOtherCodec) Heard = description.Codec;
        _sender.PerMilli = description.Codec.ClockPerMilli();
        _outgoing.Configure(description);
        _published.Negotiated(description.Codec);
        _payloads.Configure(description);
        _audio.Configure(description);
        if (!description.Send) _keys.End(MediaOutcome.Failed);
        Mixes.OnConfigured();
    }

    private void Protect(SrtpKeys? keys, bool isOld)
    {
        if (keys is null)
        {
            Protection = null;
            return;
        }
        if (_srtp is null) _srtp = new SrtpSession(keys, isOld);
        else _srtp.Configure(keys);
        Protection = _srtp;
    }

    private void PreparePlay(long action)
    {
        _play.Prepare(action);
        if (IsClosing) _play.Stop();
    }

    private void PrepareRecord(long action)
    {
        if (IsClosing) _reports.Report(new RecordEnded(action, MediaOutcome.Stopped, 0));
        else _recordings.Prepare(action);
    }

    private void Connect(Bridge bridge)
    {
        if (IsClosing) bridge.Refuse(this);
        else Mixes.Connect(bridge);
    }

    private void Close()
    {
        if (IsClosing) return;
        _life = Life.Closing;
        _play.Stop();
        _keys.End(MediaOutcome.Stopped);
        _recordings.Stop();
        Mixes.Leave();
    }

    /// <summary>Ends at once as a crash would end it: no goodbye, no report, unfinished files stay for whoever goes on with them.</summary>
    private void Abandon()
    {
        _reports.Abandon();
        _recordings.Abandon();
        Close();
        Mixes.Abandon();
        _life = Life.Parted;
    }
}
