using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>
/// Bridged with another call, or about to be, or completing the bridge's recording (<see cref="Bridging"/>). Over Idle; a dialling may lie above.
/// </summary>
internal sealed class Connect : CallBehaviour
{
    public Connect() : base(CallPhase.Connect)
    {
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<StopConnect>(Bridging.Stop);

        Hears<JoinAsked>(Bridging.JoinAgain);
        Hears<JoinAnswered>(Bridging.JoinIsAnswered);
        Hears<BridgeParted>(Bridging.PeerHasParted);
        Hears<BridgeAsked>(Bridging.SecondAsks);
        Hears<BridgeFinished>(Bridging.MediaHasEnded);
        HearsOnTop<ChildAsks>(Dialling.HearChildInBridge);
    }

    internal override CallBehaviour Beneath(CallState call) => CallStates.Of(call.PhaseBeneathBridge);

    internal override long? Deadline(CallState call, CallSettings settings) => call.Bridge is { } bridge ? Bridging.Deadline(bridge) : null;

    private protected override CallDecision DeadlineHasCome(CallDraft decision) => Bridging.TimeHasCome(decision, decision.State.Bridge!);
}
