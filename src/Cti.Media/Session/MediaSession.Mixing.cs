using Cti.Media.Codecs;
using Cti.Media.Dtmf;
using Cti.Media.Files;
using Cti.Media.Session.Mix;
using Cti.Media.Rtp;
using Cti.Media.Srtp;

namespace Cti.Media.Session;

/// <summary>Where a session's packets go that are due between its ticks: what a bridge relays to it.</summary>
public interface IRtpOutput
{
    /// <summary>Sends a packet to the session's <see cref="MediaSession.Remote"/>, from the loop's thread.</summary>
    void SendRtp(MediaSession session, ReadOnlySpan<byte> packet);
}

/// <content>
/// The session in a bridge or conference: at most one of the two, and listening on top. What the session itself plays or sends as keys comes first,
/// then what it listens to, then the mix.
/// </content>
public sealed partial class MediaSession
{
    /// <summary>Bytes of a payload that is relayed: what fits into an Ethernet frame.</summary>
    internal const int RelayedPayloadMax = 1_460;

    /// <summary>Bytes that a packet of a session may have: header, a relayed payload, and what SRTP adds.</summary>
    internal const int PacketBytesMax = RtpPacket.HeaderBytes + RelayedPayloadMax + SrtpSession.RtpOverheadBytes;

    /// <summary>The action of keys that are sounded for the other side of a bridge: nobody is told about them.</summary>
    private const long ForwardedKeys = long.MinValue;

    /// <summary>After a change of phase the next frame is not due before half a frame is over, so that time is kept on the whole.</summary>
    private const long RealignNanos = TickNanos / 2;

    private readonly List<Bridge> _awaited = [];
    private Bridge? _bridge;
    private Bridge? _listening;
    private Bridge? _heardBy;
    private ConferenceSeat? _seat;
    private long _notBeforeNanos;

    /// <summary>Where relayed packets go; without it nothing is relayed.</summary>
    public IRtpOutput? Output { get; set; }

    /// <summary>When it was ticked last, in nanoseconds of the monotonic clock; 0 before.</summary>
    public long LastTickNanos => _lastTickNanos;

    /// <summary>Bytes of a payload that this session sends, so that what SRTP adds fits as well.</summary>
    private int PayloadMax => RelayedPayloadMax - (_srtp is null ? 0 : SrtpSession.RtpOverheadBytes);

    /// <summary>The codec agreed on; null while nothing is negotiated.</summary>
    internal AudioCodec? Codec => _description?.Codec;

    /// <summary>True once it was given up without a report.</summary>
    internal bool IsAbandoned { get; private set; }

    internal AudioReceiver Sound => _audio;

    /// <summary>The far end's present frame, while a mix decodes it.</summary>
    internal ReadOnlySpan<short> Frame => _audio.Frame;

    internal ConferenceSeat? Seat => _seat;

    /// <summary>The loop ticks it in another phase of 20 ms from now on.</summary>
    public void Realign() => _notBeforeNanos = _ticked ? _lastTickNanos + RealignNanos : 0;

    /// <summary>The session leaves its loop: whatever it is mixed with ends here.</summary>
    public void LeaveMixes()
    {
        _bridge?.Leave(this);
        _listening?.Leave(this);
        _heardBy?.Leave(this);
        _seat?.Conference.Remove(_seat);
    }

    /// <summary>The session goes on in another loop.</summary>
    public void MoveTo(MediaServices services) => _counters = services.Counters;

    /// <summary>Begins a frame: what the far end said is decoded, for those who want it. A conference calls it before it mixes; otherwise it is part of <see cref="Tick"/>.</summary>
    /// <returns>False while the frame is not due after <see cref="Realign"/>.</returns>
    internal bool BeginTick(long nowNanos)
    {
        if (_begun) return true;
        if (nowNanos < _notBeforeNanos) return false;
        _notBeforeNanos = 0;
        _begun = true;
        if (_sleepsUntilNanos != Awake)
        {
            WakeUp(nowNanos);
            _lastTickNanos = nowNanos - TickNanos;
        }
        var skipped = _ticked ? ((nowNanos - _lastTickNanos) / TickNanos) - 1 : 0;
        if (skipped < CatchUpFrames) skipped = 0;
        else SkipFrames(skipped);
        _ticked = true;
        _lastTickNanos = nowNanos;
        if (_recordings.Count > 0) PollRecordings();
        var frames = Math.Min(skipped, SkippedFramesMax);
        var key = _audio.Tick(nowNanos, frames);
        if (key >= 0) Report(Keys.Report(key));
        WatchActivity(nowNanos);
        _bridge?.OnTick(this, frames);
        for (var i = _awaited.Count - 1; i >= 0; i--)
        {
            if (_awaited[i].Poll()) _awaited.RemoveAt(i);
        }
        return true;
    }

    /// <summary>Time in which nobody called: our stream's goes on, and it is not the far end's silence.</summary>
    private void SkipFrames(long frames)
    {
        _sender.Advance(frames);
        _lastHeardNanos += frames * TickNanos;
        if (_playReported && _play.IsActive) Report(new PlayDelayed(_playAction, frames * TickNanos / 1_000_000));
    }

    /// <summary>A report of a bridge: nothing follows the session's last report.</summary>
    internal void ReportOfBridge(MediaEvent happened)
    {
        if (!_closedReported) Report(happened);
    }

    /// <summary>A bridge counts this session as its side now.</summary>
    internal void Enter(Bridge bridge)
    {
        if (!bridge.IsListening) _bridge = bridge;
        else if (bridge.First == this) _listening = bridge;
        else _heardBy = bridge;
    }

    /// <summary>A bridge has let go of this session.</summary>
    internal void Exit(Bridge bridge)
    {
        if (_bridge == bridge) _bridge = null;
        if (_listening == bridge) _listening = null;
        if (_heardBy == bridge) _heardBy = null;
    }

    /// <summary>A bridge of this session's has still to complete its recording.</summary>
    internal void Await(Bridge bridge)
    {
        if (!_awaited.Contains(bridge)) _awaited.Add(bridge);
    }

    /// <summary>A conference has let go of this session.</summary>
    internal void Unseat() => _seat = null;

    /// <summary>Sends a packet of the other side's far end as one of ours.</summary>
    /// <param name="by">The bridge that does it.</param>
    /// <param name="rtp">The packet.</param>
    /// <param name="kind">What it brings: sound of the other law is brought to ours, sample by sample.</param>
    /// <param name="isRelaying">Whether audio is relayed as well: then events keep their place in it.</param>
    /// <param name="nowNanos">Now.</param>
    /// <returns>False where it cannot be heard now.</returns>
    internal bool Relay(Bridge by, in RtpPacket rtp, PayloadKind kind, bool isRelaying, long nowNanos)
    {
        var isEvent = kind == PayloadKind.Event;
        if (_closing || Output is not { } output || _description is not { Send: true } description || !MayReach(RtpPacket.HeaderBytes + rtp.Payload.Length)) return false;
        if (_keys.IsActive || _playLoaded || _beep.IsActive || (_listening is { } other && other != by && other.IsLive(nowNanos))) return false;
        var payloadType = isEvent ? description.TelephoneEventPayloadType : description.PayloadType;
        if (payloadType < 0 || rtp.Payload.Length > PayloadMax) return false;
        var length = isEvent && !isRelaying ? _sender.WriteRelayedEvent(by.Packet, payloadType, rtp) : _sender.WriteRelayed(by.Packet, payloadType, rtp);
        if (length > 0 && !isEvent && kind != (description.Codec == AudioCodec.Pcma ? PayloadKind.Pcma : PayloadKind.Pcmu))
            G711.ToOtherLaw(description.Codec, by.Packet.AsSpan(RtpPacket.HeaderBytes, length - RtpPacket.HeaderBytes));
        if (length > 0 && _srtp is { } srtp) length = srtp.ProtectRtp(by.Packet, length);
        if (length == 0) return false;
        Spend(length);
        _counters.CountSent();
        output.SendRtp(this, by.Packet.AsSpan(0, length));
        return true;
    }

    /// <summary>Sounds a key that the other side's far end pressed, where telephone events were not agreed on here.</summary>
    internal void SoundKey(int code)
    {
        if (_closing || _keys.IsActive || _description is not { Send: true, TelephoneEventPayloadType: < 0 }) return;
        _keys.Start(ForwardedKeys, Keys.Text(code), inBand: true);
    }

    private void Connect(Bridge bridge)
    {
        if (_closing)
        {
            bridge.Refuse(this);
            return;
        }
        if (!bridge.IsListening) LeaveMix();
        else if (bridge.First == this) _listening?.Leave(this);
        else _heardBy?.Leave(this);
        bridge.Attach(this);
    }

    private void LeaveMix()
    {
        _bridge?.Leave(this);
        _seat?.Conference.Remove(_seat);
    }

    private void Join(ConferenceJoin join)
    {
        if (_closing || join.Conference.IsClosing) return;
        if (_seat is { } seat && seat.Conference == join.Conference)
        {
            seat.Conference.Set(seat, join.Member);
            return;
        }
        LeaveMix();
        _seat = join.Conference.Add(this, join.Member);
    }

    private void Leave(Conference conference)
    {
        if (_seat is { } seat && seat.Conference == conference) conference.Remove(seat);
    }

    private void SetMember(ConferenceJoin change)
    {
        if (_seat is { } seat && seat.Conference == change.Conference) seat.Conference.Set(seat, change.Member);
    }

    private Bridge? FindBridge(long action) =>
        _bridge is { } bridge && bridge.First == this && bridge.Action == action ? bridge
        : _listening?.Action == action ? _listening
        : _awaited.Find(awaited => awaited.Action == action);

    private void ApplyToBridge(in MediaCommand command)
    {
        switch (command.Kind)
        {
            case MediaCommandKind.Disconnect:
                FindBridge(command.Action)?.End(MediaOutcome.Stopped);
                break;
            case MediaCommandKind.PrepareBridgePlay when OwnBridge is { } bridge:
                bridge.PreparePlay(command.Action);
                break;
            case MediaCommandKind.PrepareBridgePlay when !_closedReported:
                Report(new PlayEnded(command.Action, MediaOutcome.Stopped));
                break;
            case MediaCommandKind.StartBridgePlay:
                OwnBridge?.StartPlay(command.Action, (PlayList)command.Payload!);
                break;
            case MediaCommandKind.FailBridgePlay:
                OwnBridge?.EndPlay(command.Action, command.Outcome, (string?)command.Payload);
                break;
            case MediaCommandKind.StopBridgePlay:
                OwnBridge?.EndPlay(command.Action, MediaOutcome.Stopped, null);
                break;
            case MediaCommandKind.StartBridgeRecord when FindBridge(command.Action) is { } bridge:
                bridge.StartRecord((SoundRecorder)command.Payload!);
                break;
            case MediaCommandKind.StartBridgeRecord:
                GiveBack((SoundRecorder)command.Payload!);
                break;
            case MediaCommandKind.FailBridgeRecord:
                FindBridge(command.Action)?.FailRecord(command.Outcome, (string?)command.Payload);
                break;
        }
    }

    private Bridge? OwnBridge => _bridge is { } bridge && bridge.First == this ? bridge : null;

    private Supply TakeMix(Span<byte> payload, AudioCodec codec, long nowNanos)
    {
        if (_listening is { } listening && listening.IsLive(nowNanos)) return listening.Take(this, payload, codec, nowNanos);
        if (_bridge is { } bridge) return bridge.Take(this, payload, codec, nowNanos);
        return _seat?.Take(payload, codec) ?? Supply.None;
    }
}
