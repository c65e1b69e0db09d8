using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>Keys are being sent, over Idle.</summary>
internal sealed class SendDtmf : CallBehaviour
{
    public SendDtmf() : base(CallPhase.SendDtmf)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();

        Hears<KeysSent>(WereSent);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathAction);

    internal static CallDecision Start(CallDraft decision, StartSendKeys send)
    {
        var action = new SendKeysAction { Number = Actions.NextNumber(decision), BeginMillis = decision.Now, Keys = send.Keys };
        return Actions.Sound(decision.Add(new ActionStarted(action)), new StartMediaKeys(action.Number, send.Keys)).ReplyNull().Build();
    }

    private static CallDecision? WereSent(CallDraft decision, KeysSent sent)
    {
        if (decision.State.Action is not SendKeysAction action || action.Number != sent.Number) return null;
        Actions.End(decision, action, Actions.EndingOf(sent.End, null));
        return decision.Build();
    }
}
