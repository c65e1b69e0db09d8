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
        var call = cell.State!;
        awaitsArrival = true;
        // Its far end hung up and was told so by this node, in an earlier life or before it lost the call: it is not called back.
        var told = services.ToldByes.Find(call.Id.ToString());
        if (told is null && CallDecider.GoesOn(call) && Reopen(call) is { } taken)
        {
            services.Counters.CallRecovered(goesOn: true);
            // What it journaled, the dead node did while it lived.
            taken = taken with { LostAtMillis = Math.Max(lostAtMillis, call.LastMillis), SeesRecording = Sees((call.Action as RecordAction)?.FullPath), SeesSideRecording = Sees(call.SideRecord?.FullPath) };
            // Where nothing was under way, the node that gave the call carries its sound until the far end listens to here.
            asksLater = cell.IsHandedOver && call is { Bridge: null or { Stage: BridgeStage.Connected }, Seat: null or { Stage: SeatStage.Entered } };
            taken = taken with { AsksLater = asksLater };
            // One that was being completed is completed, not continued.
            if (call.Action is RecordAction { Ending: not null, FullPath: var path }) services.Recordings.Repair(path);
            if (call.Bridge is { Stage: BridgeStage.Ending, Spec.RecordPath: { } file }) services.Recordings.Repair(file);
            Run(taken, null);
            LookForSubscriber();
            return;
        }
        CloseMedia();
        cell.Leg = CallLeg.ForLost(services, cell, System);
        foreach (var path in (string?[])[(call.Action as RecordAction)?.FullPath, call.SideRecord?.FullPath, call.Bridge?.Spec?.RecordPath])
        {
            if (path is not null) services.Recordings.Repair(path);
        }
        if (CallDecider.Resume(call) is not { } command) return;
        services.Counters.CallRecovered(goesOn: false);
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
        cell.State?.Action is (PlayAction or ReceiveKeysAction { Prompting: true }) and { } action && action.Number == number ? action.HeardFromMillis ?? action.BeginMillis : null;

    private bool Sees(string? recording) => recording is null || services.Recordings.IsVisible(recording);

    /// <summary>A media session and a SIP leg of our own; null where there is no room, or the journal does not tell enough: then the call is lost.</summary>
    private TakenOver? Reopen(CallState call)
    {
        var isIPv6 = call.LocalSdp?.Contains("\nc=IN IP6 ", StringComparison.Ordinal) == true;
        if (services.Media.TryOpen(services.MediaProfile.Options(isIPv6, services.Trunks.Named(call.Trunk)?.Idle) with { IsOwed = true }, cell, out _) is not { } media) return null;
        cell.Media = media.Session;
        cell.MediaClosed = false;
        cell.Leg = CallLeg.ForTakenOver(services, cell, System, LocalAudioAt(media.Local), out var taken);
        return taken;
    }
}
