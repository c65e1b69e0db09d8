using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Media;

namespace Cti.Actors.Calls;

/// <summary>What becomes of a call whose node is gone.</summary>
internal sealed partial class CallActor
{
    /// <summary>Half of what a new owner allows for (<see cref="Limits.SoundBeginsMillis"/>): most plays begin earlier and cost no entry.</summary>
    private const int PlayLateMillis = Limits.SoundBeginsMillis / 2;

    protected override void Recover(long lostAtMillis)
    {
        var call = _cell.State!;
        _awaitsArrival = true;
        // Its far end hung up and was told so by this node, in an earlier life or before it lost the call: it is not called back.
        var told = _services.ToldByes.Find(call.Id.ToString());
        if (told is null && CallDecider.GoesOn(call) && Reopen(call) is { } taken)
        {
            _services.Counters.CallRecovered(goesOn: true);
            // What it journaled, the dead node did while it lived.
            taken = taken with { LostAtMillis = Math.Max(lostAtMillis, call.LastMillis), SeesRecording = Sees((call.Action as RecordAction)?.FullPath), SeesSideRecording = Sees(call.SideRecord?.FullPath) };
            // Where nothing was under way, the node that gave the call carries its sound until the far end listens to here.
            _asksLater = _cell.IsHandedOver && call is { Bridge: null or { Stage: BridgeStage.Connected }, Seat: null or { Stage: SeatStage.Entered } };
            taken = taken with { AsksLater = _asksLater };
            // One that was being completed is completed, not continued.
            if (call.Action is RecordAction { Ending: not null, FullPath: var path }) _services.Recordings.Repair(path);
            if (call.Bridge is { Stage: BridgeStage.Ending, Spec.RecordPath: { } file }) _services.Recordings.Repair(file);
            Run(taken, null);
            LookForSubscriber();
            return;
        }
        CloseMedia();
        _cell.Leg = CallLeg.ForLost(_services, _cell, System);
        foreach (var path in (string?[])[(call.Action as RecordAction)?.FullPath, call.SideRecord?.FullPath, call.Bridge?.Spec?.RecordPath])
        {
            if (path is not null) _services.Recordings.Repair(path);
        }
        if (CallDecider.Resume(call) is not { } command) return;
        _services.Counters.CallRecovered(goesOn: false);
        Run(command is NodeLost lost ? lost with { Told = told } : command, null);
    }

    /// <summary>What began late (its file was read, the disk took its time) would be skipped into by a new owner, which knows only what the journal says.</summary>
    private void PlayHasStarted(long number)
    {
        var now = System.Clock.UnixMillis;
        if (HeardSince(number) is { } since && now - since > PlayLateMillis) Run(new PlayWasBegun(number, now), null);
    }

    private void PlayWasDelayed(PlayDelayed delayed)
    {
        if (HeardSince(delayed.Action) is { } since) Run(new PlayWasBegun(delayed.Action, since + delayed.Millis), null);
    }

    /// <summary>Since when the journal has it that a play of that number is heard; null where there is none.</summary>
    private long? HeardSince(long number) =>
        _cell.State?.Action is (PlayAction or ReceiveKeysAction { Prompting: true }) and { } action && action.Number == number ? action.HeardFromMillis ?? action.BeginMillis : null;

    private bool Sees(string? recording) => recording is null || _services.Recordings.IsVisible(recording);

    /// <summary>A media session and a SIP leg of our own; null where there is no room, or the journal does not tell enough: then the call is lost.</summary>
    private TakenOver? Reopen(CallState call)
    {
        var isIPv6 = call.LocalSdp?.Contains("\nc=IN IP6 ", StringComparison.Ordinal) == true;
        if (_services.Media.TryOpen(_services.MediaProfile.Options(isIPv6, _services.Trunks.Named(call.Trunk)?.Idle) with { IsOwed = true }, _cell, out _) is not { } media) return null;
        _cell.Media = media.Session;
        _cell.MediaClosed = false;
        _cell.Leg = CallLeg.ForTakenOver(_services, _cell, System, LocalAudioAt(media.Local), out var taken);
        return taken;
    }
}
