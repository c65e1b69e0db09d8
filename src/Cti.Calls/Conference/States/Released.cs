using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference.States;

/// <summary>Over: who still asks is told so.</summary>
internal sealed class Released : ConferenceBehaviour
{
    public Released() : base(ConferencePhase.Released)
    {
        Hears<EnterAsked>(static (decision, asked) => decision.Do(new AnswerEntry(asked.Call, asked.Op, Gone(decision))).Build());
        Hears<ChildAsks>(static (decision, asks) => decision.Do(new AnswerChild(asks.Child, Gone(decision), false)).Build());
    }

    private protected override ConferenceDecision Decide(ConferenceDraft decision, ResourceCommand command) => command is ResourceRequest
        ? ConferenceDecision.Refuse(Gone(decision))
        : Hear(decision, command, isOnTop: true) ?? decision.Build();

    private static RpcError Gone(ConferenceDraft decision) => RpcError.NoSuchResource(decision.State.Id.ToString());
}
