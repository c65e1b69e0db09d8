using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Resources;
using Cti.Server.Sip;

namespace Cti.Server.Calls;

/// <summary>
/// A call on its way to another living node. One that is alone with its far end goes on sounding here until that listens to the new owner; what is recorded,
/// bridged or in a conference leaves its session first, because a file has one writer and a mix one place.
/// </summary>
internal sealed partial class CallActor
{
    /// <summary>In <see cref="shared"/>: the first party has not yet let go of the bridge.</summary>
    private const long PartnerAwaited = long.MinValue;

    private readonly HashSet<long> shared = [];
    private bool awaitsArrival;

    protected override bool IsStillHeard => cell is { Media: not null, MediaClosed: false };

    protected override bool IsSettingUp => cell.State is { IsUp: false, WasReleased: false };

    protected override string? WhyNotPart() => cell.State switch
    {
        not { WasReleased: false } => "is ending",
        { IsUp: false } => "is being set up",
        { InterruptedMillis: not null } => "has just come, and its far end has not answered yet",
        { Dialling: not null } => "dials another call",
        { Action: SendKeysAction } => "sends keys",
        { Action: { Ending: not null } } => "ends what it was doing",
        { Bridge: not null and not { Stage: BridgeStage.Connected } } => "is being connected",
        { Seat: not null and not { Stage: SeatStage.Entered } } => "is entering a conference",
        _ when cell is not { Media: not null, MediaClosed: false } => "has no media",
        _ when cell.Leg is not { IsQuiet: true } => "has a change of its session under way",
        _ => null,
    };

    protected override void LetGoOfShared()
    {
        if (cell.State is not { } call) return;
        if (call.Action is RecordAction record) Await(record.Number, media => services.Media.Port.StopRecord(media, record.Number));
        if (call.SideRecord is { } side) Await(side.Number, media => services.Media.Port.StopRecord(media, side.Number));
        if (call.Bridge is { IsFirst: true, Spec.RecordPath: not null } bridge && cell.Sound is { IsRunning: true, Number: var running })
            Await(running == 0 ? bridge.Number : running, media => services.Media.Port.Disconnect(media, running == 0 ? bridge.Number : running));
        // A first party that stays here must not take the end of our session for the end of the bridge.
        if (call.Bridge is { IsFirst: false } second && !IsSameInstance(second.Peer) && ResourceId.TryParse(second.Peer, out var id)
            && services.Directory.Find<CallCell>(id) is { } first && first.Actor.Tell(new PartnerGoes(second.Op, cell))) shared.Add(PartnerAwaited);
        LeaveWhenQuiet();
    }

    protected override bool IsSharedGone() => shared.Count == 0;

    protected override bool TakeWhileParting(object message)
    {
        switch (message)
        {
            case MediaHappened { Event: RecordEnded ended } when shared.Remove(ended.Action):
            case MediaHappened { Event: Cti.Media.BridgeEnded over } when shared.Remove(over.Action):
            case PartnerIsReady when shared.Remove(PartnerAwaited):
                LeaveWhenQuiet();
                return true;
            case MediaHappened { Event: SessionClosed }:
                OutsideEnded(message);
                return true;
            default:
                return false;
        }
    }

    private bool IsSameInstance(string resource) => ResourceId.TryParse(resource, out var id) && id.Instance == cell.State!.Id.Instance;

    private void Await(long number, Action<MediaSessionId> end)
    {
        if (ForwardToMedia(end)) shared.Add(number);
    }

    /// <summary>A bridge and a conference have one place: the far end hears nothing until it is there.</summary>
    private void LeaveWhenQuiet()
    {
        if (shared.Count > 0 || cell.State is not ({ Bridge: not null } or { Seat: not null }) || cell.Media is not { } media) return;
        LetGoOfSound();
        cell.MediaClosed = true;
        AbandonMedia(media);
    }

    /// <summary>The second party leaves this node: the bridge is ended here, and made anew when its new owner is asked.</summary>
    private void LetPartnerGo(PartnerGoes goes)
    {
        if (cell.State?.Bridge is { IsFirst: true } bridge && bridge.Op == goes.Op) EndRunningBridge();
        goes.Second.Actor.Tell(new PartnerIsReady());
    }

    protected override void TakeBackShared()
    {
        shared.Clear();
        if (cell.Media is not null && cell.State is not ({ Action: RecordAction } or { SideRecord: not null })) return;
        // As after a loss of the node: a new session, and the far end is told.
        if (cell.Media is { } media)
        {
            cell.MediaClosed = true;
            AbandonMedia(media);
        }
        Recover(System.Clock.UnixMillis);
    }

    protected override bool SendAfter(object message)
    {
        switch (message)
        {
            case InDialogRequest request:
                services.Sip.GiveBack(request.Transaction);
                return true;
            case MediaHappened { Event: KeyPressed pressed }:
                Tell(cell.State!.Id.ToString(), new KeyArrived(pressed.Key));
                return true;
            default:
                return false;
        }
    }

    protected override void OnDecided()
    {
        if (!awaitsArrival || cell.State is not { } call || (call.InterruptedMillis is not null && !call.WasReleased)) return;
        awaitsArrival = false;
        services.Arrived?.Invoke(call.Id);
    }
}

/// <summary>The second party of a bridge is about to leave this node.</summary>
/// <param name="Op">The bridge.</param>
/// <param name="Second">Who leaves, and is to be answered.</param>
internal sealed record PartnerGoes(string Op, CallCell Second) : Cti.Actors.ISystemMessage;

/// <summary>The first party has let go of the bridge.</summary>
internal sealed record PartnerIsReady : Cti.Actors.ISystemMessage;
