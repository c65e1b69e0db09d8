using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>
/// <c>ext.notify_call</c>: calls someone and plays a message.
/// <code>
///   Initiated ──answered──► Answered: play_start ──heard to its end, or hung up while it plays──► Released without an error
///       └──refused, no answer──► Released with that error
/// </code>
/// </summary>
internal sealed class NotifyCall : FlowBehaviour
{
    private protected override FlowEnd EndOfDrop(FlowState flow) => flow.HasBegun ? new FlowEnd(null, null) : new FlowEnd(ErrorCodes.Terminated, "dropped");

    private protected override FlowEnd EndOfRelease(FlowState before, string droppedBy) =>
        before.HasBegun && droppedBy == "usr" ? new FlowEnd(null, null) : new FlowEnd(ErrorCodes.Gone, "the call was hung up");

    private protected override void Continue(FlowDraft decision, int party)
    {
        var notify = (NotifySpec)decision.State.Spec;
        decision.Do(new AskOwned(1, decision.State.First.Call!, FlowAsk.Action, new StartPlay(notify.Files, "", notify.Repeat) { Once = "action" }));
    }

    private protected override void GoOn(FlowDraft decision)
    {
        if (decision.State is { First.Stage: PartyStage.Up, HasBegun: false }) Continue(decision, 1);
    }
}
