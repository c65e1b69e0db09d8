using Cti.Calls.Call;
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
    private bool awaitsArrival;

    protected override bool IsStillHeard => cell is { Media: not null, MediaClosed: false };

    protected override bool MayPart() => cell is { State: { IsUp: true, InterruptedMillis: null, Dialling: null } call, Media: not null, MediaClosed: false, Leg.IsQuiet: true }
        && call.Action is null or { Ending: null } and not SendKeysAction
        && call.Bridge is null or { Stage: BridgeStage.Connected }
        && call.Seat is null or { Stage: SeatStage.Entered };

    protected override void LetGoOfShared()
    {
        if (cell.State is not ({ Action: RecordAction } or { SideRecord: not null } or { Bridge: not null } or { Seat: not null }) || cell.Media is not { } media) return;
        LetGoOfSound();
        cell.MediaClosed = true;
        AbandonMedia(media);
    }

    protected override bool IsSharedGone() => !cell.MediaClosed || cell.Media is null;

    protected override bool TakeWhileParting(object message)
    {
        if (message is not MediaHappened { Event: SessionClosed }) return false;
        OutsideEnded(message);
        return true;
    }

    protected override void TakeBackShared()
    {
        // As after a loss of the node: a new session, and the far end is told.
        if (cell.Media is null) Recover(System.Clock.UnixMillis);
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
