using Cti.Calls.Call.Sagas;
using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>A child call is being dialled on this one, which hears its ring-back (<see cref="Dialling"/>). Idle or Connect goes on beneath.</summary>
internal sealed class Dial : CallBehaviour
{
    public Dial() : base(CallPhase.Dial)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<EnterConference>(Entering.Begin, ApiGeneration.V2);

        Hears<ChildAsks>(Dialling.HearChildAgain);
        Hears<ChildRings>(Dialling.ChildIsRinging);
        Hears<ChildDone>(Dialling.ChildIsDone);
        Hears<PlayFinished>(Dialling.RingBackHasEnded);
        Hears<BridgeFinished>(Dialling.LineHasFailed);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathDialling);
}
