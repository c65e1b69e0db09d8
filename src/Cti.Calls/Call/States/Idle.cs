using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>Up, no action running: where actions, bridges, diallings and conferences begin and where the call comes back to.</summary>
internal sealed class Idle : CallBehaviour
{
    public Idle() : base(CallPhase.Idle)
    {
        Accepts<TouchCall>(static (decision, _) => decision.Add(new Touched()).ReplyNull().Build());
        Accepts<DropCall>(Ending.HangUp);
        AcceptsTransfers();
        Accepts<StartPlay>(Play.Start);
        Accepts<StartRecord>(Record.Start);
        Accepts<StartSendKeys>(SendDtmf.Start);
        Accepts<StartReceiveKeys>(ReceiveDtmf.Start);
        Accepts<StartConnect>(Bridging.Begin);
        Accepts<EnterConference>(Entering.Begin);

        HearsOnTop<JoinAsked>(Bridging.Join);
        HearsOnTop<ChildAsks>(Dialling.HearChild);
    }

    /// <summary>The limit on idling, which what lies above stops.</summary>
    internal override long? Deadline(CallState call, CallSettings settings) =>
        call.Phase == CallPhase.Idle && settings.IdleReleaseMillis > 0 ? call.IdleSinceMillis + settings.IdleReleaseMillis : null;

    private protected override CallDecision DeadlineHasCome(CallDraft decision) =>
        Ending.Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "idle for too long"));
}
