using Cti.Calls.Api;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Setting up: ringing, answering, refusing; and how it fails.</summary>
public static partial class CallDecider
{
    private static bool IsDialling(CallState call) =>
        call.Direction == CallDirection.Outbound && call.Phase is CallPhase.Initiated or CallPhase.Ring;

    private static CallDecision FarEndRangs(Decision decision)
    {
        if (decision.State is not { Direction: CallDirection.Outbound, Phase: CallPhase.Initiated }) return decision.Build();
        return decision.Add(new RingingBegan()).Emit("sys.call.on_ringing", CallEvents.Ringing(decision.State, decision.Now)).Build();
    }

    private static CallDecision Answered(Decision decision, FarEndAnswered answered)
    {
        if (!IsDialling(decision.State)) return decision.Build();
        decision.Add(new DialAnswered(answered.Dialog, answered.Audio)).Do(new ConfigureMedia(answered.Audio)).Do(new SendAck());
        return decision.Emit("sys.call.on_dial_completed", CallEvents.DialCompleted(decision.State, decision.Now, null, null)).Build();
    }

    private static CallDecision Unusable(Decision decision, FarEndUnusable unusable)
    {
        if (!IsDialling(decision.State)) return decision.Build();
        decision.Do(new SendAck());
        return Release(decision, new Ending(true, unusable.Status, SipClosing.Bye, unusable.Status, unusable.Reason) { Dialog = unusable.Dialog });
    }

    private static CallDecision DialHasFailed(Decision decision, DialFailed failed)
    {
        if (!IsDialling(decision.State)) return decision.Build();
        return Release(decision, new Ending(false, failed.Status, SipClosing.None, failed.Status, failed.Reason));
    }

    private static CallDecision Answer(Decision decision, AnswerCall answer)
    {
        if (decision.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated })
            return Refuse(decision, answer, "Initiated (inbound)");
        decision.Add(new AnswerRequested(answer.MaxAnswerSeconds));
        SetUserData(decision, answer.UserData);
        if (decision.State.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        return decision.Do(new SendOk()).ReplyNull().Build();
    }

    private static CallDecision AckHasArrived(Decision decision, AckArrived ack)
    {
        if (decision.State.Phase != CallPhase.Answer) return decision.Build();
        decision.Add(new AnswerConfirmed(ack.Audio));
        if (ack.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        return decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(decision.State, decision.Now, null, null)).Build();
    }

    private static CallDecision AnswerFailed(Decision decision, int error, string message, int cause)
    {
        if (decision.State.Phase != CallPhase.Answer) return decision.Build();
        return Release(decision, new Ending(true, cause, SipClosing.Bye, error, message));
    }

    private static CallDecision Reject(Decision decision, RejectCall reject)
    {
        if (decision.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated })
            return Refuse(decision, reject, "Initiated (inbound)");
        SetUserData(decision, reject.UserData);
        decision.ReplyNull().Do(new SendRefusal(reject.Cause));
        return Release(decision, new Ending(true, reject.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "rejected"));
    }

    private static CallDecision Redirect(Decision decision, RedirectCall redirect)
    {
        if (decision.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated })
            return Refuse(decision, redirect, "Initiated (inbound)");
        SetUserData(decision, redirect.UserData);
        decision.ReplyNull().Do(new SendRefusal(302, redirect.Contact));
        return Release(decision, new Ending(true, 302, SipClosing.Refusal, ErrorCodes.Terminated, "redirected"));
    }

    private static CallDecision Drop(Decision decision, DropCall drop)
    {
        var call = decision.State;
        if (call.Direction == CallDirection.Inbound && call.Phase == CallPhase.Initiated)
        {
            if (drop.Generation == ApiGeneration.V2) return Refuse(decision, drop, "Idle", "Play", "Record", "SendDtmf", "ReceiveDtmf", "Dial", "Connect", "Conf");
            if (drop.Cause < 400) return CallDecision.Refuse(RpcError.InvalidParam("cause", $"{drop.Cause} does not refuse a call; 400..699 does"));
            decision.ReplyNull().Do(new SendRefusal(drop.Cause));
            return Release(decision, new Ending(true, drop.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "dropped"));
        }
        if (call.Phase == CallPhase.Answer && drop.Generation == ApiGeneration.V2)
            return Refuse(decision, drop, "Idle", "Play", "Record", "SendDtmf", "ReceiveDtmf", "Dial", "Connect", "Conf");
        decision.ReplyNull();
        return IsDialling(call)
            ? Release(decision, new Ending(true, drop.Cause, SipClosing.Cancel, ErrorCodes.Terminated, "the dialling was dropped"))
            : Release(decision, new Ending(true, drop.Cause, SipClosing.Bye, ErrorCodes.Gone, "the call was hung up"));
    }

    private static CallDecision Cancelled(Decision decision)
    {
        // In Answer our 200 is intended or sent: it wins, and the caller hangs up with a BYE (RFC 3261 section 9.2).
        if (decision.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated }) return decision.Build();
        return Release(decision, new Ending(false, ErrorCodes.Terminated, SipClosing.None, ErrorCodes.Terminated, "the caller gave up"));
    }

    private static CallDecision Unoffered(Decision decision)
    {
        if (decision.State is not { Direction: CallDirection.Inbound, Phase: CallPhase.Initiated }) return decision.Build();
        decision.Do(new SendRefusal(480));
        return Release(decision, new Ending(true, 480, SipClosing.Refusal, 480, "no application took the call"));
    }

    private static void SetUserData(Decision decision, string? userData)
    {
        if (userData is not null) decision.Add(new UserDataSet(userData));
    }
}
