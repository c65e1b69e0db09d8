using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>
/// A call on its way to another living node. It goes on sounding here, in its bridge or conference too, until its far end listens to the new owner and is
/// heard there by the other party or the conference: both places carry it for a moment. Only files, which have one writer, are completed first.
/// </summary>
internal sealed partial class CallActor
{
    private readonly HashSet<long> _shared = [];
    private bool _awaitsArrival;
    private bool _asksLater;
    private bool _hasArrived;

    protected override bool IsStillHeard => _cell is { Media: not null, MediaClosed: false };

    protected override bool IsSettingUp => _cell.State is { IsUp: false, WasReleased: false };

    protected override string? WhyNotPart() => _cell.State switch
    {
        not { WasReleased: false } => "is ending",
        { IsUp: false } => "is being set up",
        { InterruptedMillis: not null } => "has just come, and its far end has not answered yet",
        { Dialling: not null } => "dials another call",
        { Action: SendKeysAction } => "sends keys",
        { Action: { Ending: not null } } => "ends what it was doing",
        { Bridge: not null and not { Stage: BridgeStage.Connected } } => "is being connected",
        { Seat: not null and not { Stage: SeatStage.Entered } } => "is entering a conference",
        _ when _cell is not { Media: not null, MediaClosed: false } => "has no media",
        _ when _cell.Leg is not { IsQuiet: true } => "has a change of its session under way",
        _ => null,
    };

    protected override void LetGoOfShared()
    {
        if (_cell.State is not { } call) return;
        if (call.Action is RecordAction record) Await(record.Number, media => _services.Media.Port.StopRecord(media, record.Number));
        if (call.SideRecord is { } side) Await(side.Number, media => _services.Media.Port.StopRecord(media, side.Number));
        if (call.Bridge is { IsFirst: true, Spec.RecordPath: not null } bridge && _cell.Sound is { IsRunning: true, Number: var running })
            Await(running == 0 ? bridge.Number : running, media => _services.Media.Port.Disconnect(media, running == 0 ? bridge.Number : running));
    }

    protected override bool IsSharedGone() => _shared.Count == 0;

    protected override bool TakeWhileParting(object message)
    {
        switch (message)
        {
            case MediaHappened { Session: { } session } when session != _cell.Media:
            case MediaHappened { Event: RecordEnded ended } when _shared.Remove(ended.Action):
            case MediaHappened { Event: Cti.Media.Session.Mix.BridgeEnded over } when _shared.Remove(over.Action):
                return true;
            case MediaHappened { Event: SessionClosed }:
                OutsideEnded(message);
                return true;
            default:
                return false;
        }
    }

    private void Await(long number, Action<MediaSessionId> end)
    {
        if (ForwardToMedia(end)) _shared.Add(number);
    }

    protected override void TakeBackShared()
    {
        _shared.Clear();
        if (_cell.State is not ({ Action: RecordAction } or { SideRecord: not null } or { Bridge: { IsFirst: true, Spec.RecordPath: not null } })) return;
        LetGoOfSound();
        // As after a loss of the node: a new session, and the far end is told.
        if (_cell.Media is { } media)
        {
            _cell.MediaClosed = true;
            AbandonMedia(media);
        }
        Recover(System.Clock.UnixMillis);
    }

    protected override bool SendAfter(object message)
    {
        switch (message)
        {
            case InDialogRequest request:
                _services.Sip.GiveBack(request.Transaction);
                return true;
            case MediaHappened { Event: KeyPressed pressed }:
                Tell(_cell.State!.Id.ToString(), MediaDescriptions.From(pressed) with { IsLate = true });
                return true;
            default:
                return false;
        }
    }

    protected override void OnDecided()
    {
        TellWhereNothingIsWritten();
        if (!_awaitsArrival || _cell.State is not { } call || (call.InterruptedMillis is not null && !call.WasReleased)) return;
        if (call.WasReleased || !_cell.IsHandedOver || call is { Bridge: null, Seat: null } || _cell.Sound is { IsRunning: true })
        {
            SoundGoesOnHere();
        }
        else if (_asksLater)
        {
            _asksLater = false;
            Run(new SoundGoesOn(), null);
        }
    }

    /// <summary>The far end listens to here, and what it shares with others sounds from here: whoever carried the sound until now can let go.</summary>
    private void SoundGoesOnHere()
    {
        if (!_awaitsArrival || _cell.State is not { } call || (call.InterruptedMillis is not null && !call.WasReleased)) return;
        _awaitsArrival = _asksLater = _cell.IsHandedOver = false;
        _hasArrived = true;
        OnCommitted();
    }

    protected override void OnCommitted()
    {
        // What is to be heard here begins when it is durable; until then it is heard from there.
        if (!_hasArrived || _cell.Waiting.Count > 0 || _cell.State is not { } call) return;
        _hasArrived = false;
        _services.Arrived(call.Id);
    }

    protected override IEnumerable<string> PeersAt(PeerMoved moved)
    {
        if (_cell.State?.Bridge is { } bridge && moved.Concerns(bridge.Peer)) yield return bridge.Peer;
        if (_cell.State?.Seat is { } seat && moved.Concerns(seat.Conference)) yield return seat.Conference;
    }

    protected override string? SpeakerOf(ResourceCommand command) => command switch
    {
        JoinAsked asked => asked.First,
        JoinAnswered answered => answered.Second,
        BridgeAsked asked => asked.Second,
        BridgeParted => _cell.State?.Bridge?.Peer,
        EnterAnswered answered => answered.Conference,
        SeatAsked asked => asked.Conference,
        _ => null,
    };
}
