using Cti.Calls.Call.Sagas;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>
/// The application answers: our 200 is out and its ACK is awaited. A CANCEL that crosses it changes nothing: the 200 wins, and the caller hangs up with a BYE
/// (RFC 3261 section 9.2).
/// </summary>
internal sealed class Answer : CallBehaviour
{
    public Answer() : base(CallPhase.Answer)
    {
        Accepts<DropCall>(Ending.HangUp, ApiGeneration.V1, CallDirection.Inbound);

        Hears<AckArrived>(AckHasArrived);
        Hears<AckMissing>(static (decision, _) => Fail(decision, ErrorCodes.Timeout, "the far end never acknowledged the answer"));
        Hears<AckUnusable>(static (decision, _) => Fail(decision, 488, "the far end's answer to our offer is not usable"));
    }

    public override CallDirection? Direction => CallDirection.Inbound;

    private static CallDecision AckHasArrived(CallDraft decision, AckArrived ack)
    {
        decision.Add(new AnswerConfirmed(ack.Audio, ack.Timer));
        if (ack.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        if (decision.State.InterruptedMillis is not null) decision.Do(new SendReInvite());
        Replacing.EndReplaced(decision);
        return decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(decision.State, decision.Now, null, null)).Build();
    }

    private static CallDecision Fail(CallDraft decision, int error, string message) =>
        Ending.Release(decision, new Ending(true, error, SipClosing.Bye, error, message));
}
