using Cti.Media.Files;
using Cti.Media.Rtp;

namespace Cti.Media.Session.Mix;

/// <summary>
/// A session's place in what is mixed: in a bridge or a conference, at most one of the two; listening to another session on top, and heard by another one.
/// What it listens to comes before the mix.
/// </summary>
internal sealed class MixPlace(MediaSession session, SessionReports reports, SessionRecordings recordings)
{
    private readonly List<Bridge> _awaited = [];
    private Bridge? _bridge;
    private Bridge? _listening;
    private Bridge? _heardBy;

    /// <summary>Its seat in a conference.</summary>
    public ConferenceSeat? Seat { get; private set; }

    /// <summary>Whether it is in any mix.</summary>
    public bool IsMixed => _bridge is not null || _listening is not null || _heardBy is not null || Seat is not null;

    /// <summary>Whether bridges of its have still to complete their recordings.</summary>
    public bool IsAwaiting => _awaited.Count > 0;

    private Bridge? Own => _bridge is { } bridge && bridge.First == session ? bridge : null;

    /// <summary>Applies a command about a bridge; others are none of its.</summary>
    public void Apply(in MediaCommand command)
    {
        switch (command.Kind)
        {
            case MediaCommandKind.Disconnect:
                Find(command.Action)?.End(MediaOutcome.Stopped);
                break;
            case MediaCommandKind.PrepareBridgePlay when Own is { } bridge:
                bridge.PreparePlay(command.Action);
                break;
            case MediaCommandKind.PrepareBridgePlay:
                reports.ReportOfBridge(new PlayEnded(command.Action, MediaOutcome.Stopped));
                break;
            case MediaCommandKind.StartBridgePlay:
                Own?.StartPlay(command.Action, (PlayList)command.Payload!);
                break;
            case MediaCommandKind.FailBridgePlay:
                Own?.EndPlay(command.Action, command.Outcome, (string?)command.Payload);
                break;
            case MediaCommandKind.StopBridgePlay:
                Own?.EndPlay(command.Action, MediaOutcome.Stopped, null);
                break;
            case MediaCommandKind.StartBridgeRecord when Find(command.Action) is { } bridge:
                bridge.StartRecord((SoundRecorder)command.Payload!);
                break;
            case MediaCommandKind.StartBridgeRecord:
                recordings.Drop((SoundRecorder)command.Payload!);
                break;
            case MediaCommandKind.FailBridgeRecord:
                Find(command.Action)?.FailRecord(command.Outcome, (string?)command.Payload);
                break;
        }
    }

    /// <summary>The session becomes a side of the bridge.</summary>
    public void Connect(Bridge bridge)
    {
        if (!bridge.IsListening) LeaveMix();
        else if (bridge.First == session) _listening?.Leave(session);
        else _heardBy?.Leave(session);
        bridge.Attach(session);
    }

    /// <summary>The session enters the conference, or takes part in it in another way.</summary>
    public void Join(ConferenceJoin join)
    {
        if (join.Conference.IsClosing) return;
        if (Seat is { } seat && seat.Conference == join.Conference)
        {
            seat.Conference.Set(seat, join.Member);
            return;
        }
        LeaveMix();
        Seat = join.Conference.Add(session, join.Member);
    }

    /// <summary>The session leaves the conference, if it is in it.</summary>
    public void Leave(Conference conference)
    {
        if (Seat is { } seat && seat.Conference == conference) conference.Remove(seat);
    }

    /// <summary>The session takes part in another way, if it is in the conference.</summary>
    public void SetMember(ConferenceJoin change)
    {
        if (Seat is { } seat && seat.Conference == change.Conference) seat.Conference.Set(seat, change.Member);
    }

    /// <summary>Whatever the session is mixed with ends here.</summary>
    public void Leave()
    {
        _bridge?.Leave(session);
        _listening?.Leave(session);
        _heardBy?.Leave(session);
        Seat?.Conference.Remove(Seat);
    }

    /// <summary>The session was given up: recordings of its bridges stay as they are.</summary>
    public void Abandon()
    {
        foreach (var bridge in _awaited) bridge.Abandon();
        _awaited.Clear();
    }

    /// <summary>A bridge counts the session as its side now.</summary>
    public void Enter(Bridge bridge)
    {
        if (!bridge.IsListening) _bridge = bridge;
        else if (bridge.First == session) _listening = bridge;
        else _heardBy = bridge;
    }

    /// <summary>A bridge has let go of the session.</summary>
    public void Exit(Bridge bridge)
    {
        if (_bridge == bridge) _bridge = null;
        if (_listening == bridge) _listening = null;
        if (_heardBy == bridge) _heardBy = null;
    }

    /// <summary>A bridge of the session's has still to complete its recording.</summary>
    public void Await(Bridge bridge)
    {
        if (!_awaited.Contains(bridge)) _awaited.Add(bridge);
    }

    /// <summary>The conference has let go of the session.</summary>
    public void Unseat() => Seat = null;

    /// <summary>The session's codec, or whether it may send, changed.</summary>
    public void OnConfigured()
    {
        _bridge?.OnConfigured();
        _listening?.OnConfigured();
        _heardBy?.OnConfigured();
    }

    /// <summary>20 ms are over: the far end's frame is new.</summary>
    public void OnTick(long skippedFrames)
    {
        _bridge?.OnTick(session, skippedFrames);
        for (var i = _awaited.Count - 1; i >= 0; i--)
        {
            if (_awaited[i].Poll()) _awaited.RemoveAt(i);
        }
    }

    /// <summary>A packet of the far end.</summary>
    public void OnPacket(in RtpPacket rtp, PayloadKind kind, long nowNanos)
    {
        _bridge?.OnPacket(session, rtp, kind, nowNanos);
        _heardBy?.OnPacket(session, rtp, kind, nowNanos);
    }

    /// <summary>A key of the far end.</summary>
    public void OnKey(int code) => _bridge?.OnKey(session, code);

    /// <summary>Whether the session listens to someone who sends, so that it hears nothing of that bridge.</summary>
    public bool ListensBeside(Bridge bridge, long nowNanos) => _listening is { } other && other != bridge && other.IsLive(nowNanos);

    /// <summary>What the session hears in this frame.</summary>
    public Supply Take(Outgoing sound, long nowNanos)
    {
        if (_listening is { } listening && listening.IsLive(nowNanos)) return listening.Take(session, sound, nowNanos);
        if (_bridge is { } bridge) return bridge.Take(session, sound, nowNanos);
        return Seat?.Take(sound) ?? Supply.None;
    }

    private void LeaveMix()
    {
        _bridge?.Leave(session);
        Seat?.Conference.Remove(Seat);
    }

    private Bridge? Find(long action) =>
        _bridge is { } bridge && bridge.First == session && bridge.Action == action ? bridge
        : _listening?.Action == action ? _listening
        : _awaited.Find(awaited => awaited.Action == action);
}
