using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Call.States;

/// <summary>
/// The far end of an outbound call rings. A conference may be entered from here: then this goes on beneath it. The older generation shows it as Initiated.
/// </summary>
internal sealed class Ring : CallBehaviour
{
    public Ring() : base(CallPhase.Ring)
    {
        Accepts<DropCall>(Ending.GiveUpDialling, direction: CallDirection.Outbound);
        Accepts<EnterConference>(Entering.Begin, ApiGeneration.V2);

        Hears<FarEndRings>(FarEnd.Rings);
        Hears<FarEndAnswered>(FarEnd.Answers);
        Hears<FarEndUnusable>(FarEnd.AnswersUnusably);
        Hears<DialFailed>(FarEnd.Refuses);
        Hears<InviteRetried>(FarEnd.IsInvitedAgain);
    }

    public override CallDirection? Direction => CallDirection.Outbound;

    internal override long? Deadline(CallState call, CallSettings settings) => call.IsDialling ? call.RingMillis + (call.MaxRingSeconds * 1000L) : null;

    private protected override CallDecision DeadlineHasCome(CallDraft decision) => Ending.DiallingTimedOut(decision, "max_ring_seconds is over");
}
