using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>In a conference, or asking to be let in (<see cref="Entering"/>). Ring, Idle, Dial or, until it is in, Play goes on beneath.</summary>
internal sealed class Conf : CallBehaviour
{
    public Conf() : base(CallPhase.Conf)
    {
        Accepts<DropCall>(static (decision, drop) => decision.State.IsDialling ? Ending.GiveUpDialling(decision, drop) : Ending.HangUp(decision, drop));
        AcceptsTransfers();
        Accepts<ExitConference>(Entering.Exit);

        Hears<EnterAnswered>(Entering.EntryIsAnswered);
        Hears<SeatAsked>(Entering.ConferenceAsks);
        Hears<ConferenceParted>(Entering.ConferenceHasParted);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathSeat);

    internal override long? Deadline(CallState call, CallSettings settings) =>
        call.Seat is { Stage: SeatStage.Entered } seat ? seat.BeginMillis + (seat.MaxSeconds * 1000L) : null;

    private protected override CallDecision DeadlineHasCome(CallDraft decision) =>
        Entering.LeaveSeat(decision, decision.State.Seat!, new ActionEnding()).Build();
}
