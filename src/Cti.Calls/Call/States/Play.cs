using Cti.Calls.Call.Sagas;
using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>A play runs over Idle. It goes on while a conference is asked to let the call in, and ends once it has.</summary>
internal sealed class Play : CallBehaviour
{
    public Play() : base(CallPhase.Play)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<StopPlay>(Stop);
        Accepts<EnterConference>(Entering.Begin, ApiGeneration.V2);

        Hears<PlayWasBegun>(Actions.SoundHasBegun);
        Hears<PlayFinished>(HasFinished);
        Hears<KeyArrived>(KeyHasArrived);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathAction);

    internal static CallDecision Start(CallDraft decision, StartPlay play)
    {
        var action = new PlayAction
        {
            Number = Actions.NextNumber(decision), BeginMillis = decision.Now, Files = play.Files, Repeat = play.Repeat, FinishKeys = play.FinishKeys,
        };
        decision.Add(new ActionStarted(action)).ReplyNull();
        if (play.Files.IsEmpty) Actions.End(decision, action, new ActionEnding());
        else Actions.Sound(decision, new StartMediaPlay(action.Number, play.Files, play.Repeat));
        return decision.Build();
    }

    private static CallDecision Stop(CallDraft decision, StopPlay stop)
    {
        var play = Of(decision);
        decision.Do(new StopMediaPlay(play.Number)).ReplyNull();
        Actions.End(decision, play, new ActionEnding());
        return decision.Build();
    }

    private static CallDecision? HasFinished(CallDraft decision, PlayFinished played)
    {
        var play = Of(decision);
        if (play.Number != played.Number) return null;
        Actions.End(decision, play, Actions.EndingOf(played.End, played.Detail));
        return decision.Build();
    }

    private static CallDecision? KeyHasArrived(CallDraft decision, KeyArrived arrived)
    {
        var play = Of(decision);
        if (Actions.IsKnown(decision.State, arrived) || !play.FinishKeys.Contains(arrived.Key, StringComparison.Ordinal)) return null;
        decision.Do(new StopMediaPlay(play.Number));
        Actions.End(decision, play, new ActionEnding(FinishKey: arrived.Key.ToString()), arrived.Press);
        return decision.Build();
    }

    private static PlayAction Of(CallDraft decision) => (PlayAction)decision.State.Action!;
}
