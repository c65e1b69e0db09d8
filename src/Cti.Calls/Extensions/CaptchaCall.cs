using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>
/// <c>ext.captcha_call</c>: calls someone, plays a prompt and collects keys.
/// <code>
///   Initiated ──answered──► Answered: receive_dtmf_start ──keys complete, or no more came──► Released, with the keys
///       └──refused, no answer──► Released with that error     └──hung up, dropped──► Released with 410
/// </code>
/// </summary>
internal sealed class CaptchaCall : FlowBehaviour
{
    private protected override FlowEnd EndOfDrop(FlowState flow) => flow.Phase == FlowPhase.Answered
        ? new FlowEnd(ErrorCodes.Gone, "dropped before the keys were complete")
        : new FlowEnd(ErrorCodes.Terminated, "dropped");

    private protected override FlowEnd EndOfRelease(FlowState before, string droppedBy) => new(ErrorCodes.Gone, "the call was hung up");

    private protected override void Continue(FlowDraft decision, int party)
    {
        var captcha = (CaptchaSpec)decision.State.Spec;
        decision.Do(new AskOwned(1, decision.State.First.Call!, FlowAsk.Action, new StartReceiveKeys(captcha.Keys) { Once = "action" }));
    }

    private protected override void GoOn(FlowDraft decision)
    {
        if (decision.State is { First.Stage: PartyStage.Up, HasBegun: false }) Continue(decision, 1);
    }
}
