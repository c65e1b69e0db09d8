using Cti.Calls.Api;
using Cti.Calls.Conference;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Being in a conference (<c>conf_enter</c>, <c>conf_exit</c>). What the call was doing, ringing or dialling a child, goes on beneath.</summary>
public static partial class CallDecider
{
    private static CallDecision ConfEnter(CallDraft decision, EnterConference enter)
    {
        var call = decision.State;
        string[] allowed = [.. Generations.EntryStatesOf(enter.Generation)];
        if (!allowed.Contains(call.Phase.ToString())) return Refuse(decision, enter, allowed);
        if (call.Bridge is not null)
        {
            // A conference takes the call out of the bridge's sound, so the other party would be left with nobody.
            return Refuse(decision, enter, allowed).Saying("sys.call.conf_enter: the call is still bridged beneath the dialling; connect_stop ends that first");
        }
        var seat = new ConferenceSeat
        {
            Op = enter.Op, Conference = enter.Conference, Stage = SeatStage.Requested, BeginMillis = decision.Now, MaxSeconds = enter.MaxSeconds,
            VoiceMode = enter.VoiceMode, Volume = enter.Volume, EntrySound = enter.EntrySound.IsEmpty ? null : enter.EntrySound,
        };
        // Further requests find the call in Conf from here on; this one is answered when the conference has.
        return decision.Add(new SeatTaken(seat)).Do(Ask(call, seat)).Build();
    }

    private static AskEntry Ask(CallState call, ConferenceSeat seat) => new(seat.Conference, new EnterAsked
    {
        Op = seat.Op, Call = call.Id.ToString(), VoiceMode = seat.VoiceMode == 0 ? 1 : seat.VoiceMode, Volume = seat.Volume, UserData = call.UserData,
        EntrySound = seat.EntrySound ?? [], IsEntered = seat.Stage == SeatStage.Entered,
    });

    private static CallDecision EntryIsAnswered(CallDraft decision, EnterAnswered answered)
    {
        if (decision.State.Seat is { Stage: SeatStage.Entered } entered && entered.Op == answered.Op)
        {
            // Asked again after one of the two has moved. A conference that does not know this call is gone, or has put it out.
            return answered.Refusal is null ? decision.Build() : LeaveSeat(decision, entered, new ActionEnding(), tellConference: false).Build();
        }
        if (decision.State.Seat is not { Stage: SeatStage.Requested } seat || seat.Op != answered.Op)
        {
            // The call has given up meanwhile: who let it in has to know.
            return answered.Refusal is null && decision.State.Seat?.Op != answered.Op ? decision.Do(new LeaveConference(answered.Conference, answered.Op)).Build() : decision.Build();
        }
        // A play that runs goes on until here, so that a refusal leaves it as it was.
        if (answered.Refusal is { } refusal) return decision.Add(new SeatLeft()).Do(new ReplyRefused(refusal)).Build();
        if (decision.State.Action is PlayAction play)
        {
            decision.Do(new StopMediaPlay(play.Number));
            EndAction(decision, play, new ActionEnding(ErrorCodes.Terminated, "the call entered a conference"));
        }
        return decision.Add(new SeatTaken(seat with { Stage = SeatStage.Entered, BeginMillis = decision.Now })).ReplyNull().Build();
    }

    private static CallDecision ConfExit(CallDraft decision, ExitConference exit)
    {
        if (decision.State.Seat is not { } seat) return Refuse(decision, exit, nameof(CallPhase.Conf));
        if (seat.Conference != exit.Conference)
            return Refuse(decision, exit, nameof(CallPhase.Conf)).Saying($"sys.call.conf_exit: the call is in conference {seat.Conference}, not in {exit.Conference}");
        if (seat.Stage != SeatStage.Entered)
            return Refuse(decision, exit, nameof(CallPhase.Conf)).Saying("sys.call.conf_exit: the conference has not let the call in yet; conf_enter is answered when it has");
        return LeaveSeat(decision.ReplyNull(), seat, new ActionEnding()).Build();
    }

    private static CallDecision ConferenceHasParted(CallDraft decision, ConferenceParted parted)
    {
        if (decision.State.Seat is not { } seat || seat.Op != parted.Op) return decision.Build();
        return LeaveSeat(decision, seat, new ActionEnding(parted.Error, parted.Message), tellConference: false).Build();
    }

    /// <summary>Gives up the seat and reports it, or refuses the request that still waits for it. The call is back in the state beneath.</summary>
    private static CallDraft LeaveSeat(CallDraft decision, ConferenceSeat seat, ActionEnding ending, bool tellConference = true)
    {
        decision.Add(new SeatLeft());
        if (tellConference) decision.Do(new LeaveConference(seat.Conference, seat.Op));
        if (seat.Stage == SeatStage.Requested)
            return decision.Do(new ReplyRefused(RpcError.NoSuchResource(tellConference ? decision.State.Id.ToString() : seat.Conference)));
        return decision.Emit("sys.call.on_conf_completed", CallEvents.ConferenceCompleted(decision.State, seat, ending, decision.Now));
    }

    /// <summary>How a release ends the seat: to the conference a failed dialling is a hang-up too; only the loss of a node is told as such.</summary>
    private static ActionEnding SeatEndingOf(Ending ending) => ending.IsNodeGone
        ? new ActionEnding(ending.Error, ending.Message)
        : new ActionEnding(ErrorCodes.Gone, ending.Message);

    private static long? SeatLimitOf(CallState call) => call.Seat is { Stage: SeatStage.Entered } seat ? seat.BeginMillis + (seat.MaxSeconds * 1000L) : null;
}
