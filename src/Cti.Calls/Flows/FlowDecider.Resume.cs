using Cti.Calls.Call;
using Cti.Kernel;

namespace Cti.Calls.Flows;

/// <summary>
/// Going on after a recovery. A flow and its calls have one owner, so they are recovered together: what the calls have to tell they tell again, and what the
/// flow wanted of them it asks again; a call does once what is asked once.
/// </summary>
public static partial class FlowDecider
{
    /// <summary>What <see cref="Resources.ResourceRequest.Once"/> is for the connection.</summary>
    internal const string ConnectOnce = "connect";

    /// <summary>
    /// The answer to a <c>construct</c> that was lost with a node: the call exists, and the flow that asked for it is still calling that party. Null for a call
    /// that the flow knows, or that is withdrawn because its parent had not agreed.
    /// </summary>
    /// <param name="flow">The flow.</param>
    /// <param name="call">A call that it drives.</param>
    public static OwnedReplied? FindParty(FlowState flow, CallState call)
    {
        if (call.IsOver || NumberOf(flow, call.Id.ToString()) is not null || call.Parent is { Stage: ParentStage.Asked }) return null;
        for (var party = 1; party <= 2; party++)
        {
            if (flow.Party(party) is { Stage: PartyStage.Calling, Call: null }) return new OwnedReplied(party, FlowAsk.Construct, CallEvents.ConstructResult(call), null);
        }
        return null;
    }

    private static void Resume(FlowDraft decision)
    {
        ResumeParty(decision, 1);
        if (decision.State.Second is not null) ResumeParty(decision, 2);
        var flow = decision.State;
        if (flow.End is not null)
        {
            ReleaseWhenAlone(decision);
            return;
        }
        switch (flow.Spec)
        {
            case NotifySpec or CaptchaSpec when flow is { First.Stage: PartyStage.Up, HasBegun: false }:
                Continue(decision, 1);
                break;
            case DuoSpec duo when flow.ConnectMillis is not null && flow.First.Stage == PartyStage.Up:
                ConnectOrComplete(decision, duo);
                break;
            case DuoSpec { RecordPath: { } path } duo when flow is { IsRecording: true, First.Call: not null }:
                decision.Do(AskRecording(flow, duo, path));
                break;
        }
    }

    /// <summary>A party that was being called and has no call: nobody heard of it, so it is called now; or, where the flow ends, it never comes to be.</summary>
    private static void ResumeParty(FlowDraft decision, int number)
    {
        var flow = decision.State;
        var party = flow.Party(number)!;
        switch (party)
        {
            case { Stage: PartyStage.Calling, Call: null } when flow.End is null:
                decision.Do(new CallParty(number));
                break;
            case { Stage: PartyStage.Calling, Call: null }:
                decision.Add(new PartyGone(number, "sys"));
                TellDialled(decision, number, new FlowEnd(ErrorCodes.Terminated, "it ended before the party was called"), null, decision.Now);
                break;
            default:
                if (flow.End is not null) Hang(decision, number, party.Stage == PartyStage.Calling ? ErrorCodes.Terminated : Done);
                break;
        }
    }
}
