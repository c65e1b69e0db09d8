using Cti.Calls.Api;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Setting up: ringing, answering, refusing; and how it fails.</summary>
public static partial class CallDecider
{
    private static CallDecision FarEndRangs(CallDraft decision, FarEndRings rings)
    {
        if (decision.State is not { IsDialling: true, IsAwaitingParent: false }) return decision.Build();
        // Of several early dialogs the newest is heard; a provisional response without SDP changes nothing.
        if (rings.Early is { } early && early != decision.State.Audio) decision.Add(new EarlyMediaBegan(early)).Do(new ConfigureMedia(early));
        if (decision.State.RingMillis is not null) return decision.Build();
        return decision.Add(new RingingBegan()).Emit("sys.call.on_ringing", CallEvents.Ringing(decision.State, decision.Now)).Build();
    }

    private static CallDecision Answered(CallDraft decision, FarEndAnswered answered)
    {
        if (decision.State is not { IsDialling: true, IsAwaitingParent: false }) return decision.Build();
        decision.Add(new DialAnswered(answered.Dialog, answered.Audio, answered.Agreement)).Do(new ConfigureMedia(answered.Audio)).Do(new SendAck());
        return decision.Emit("sys.call.on_dial_completed", CallEvents.DialCompleted(decision.State, decision.Now, null, null)).Build();
    }

    private static CallDecision Unusable(CallDraft decision, FarEndUnusable unusable)
    {
        if (decision.State is not { IsDialling: true, IsAwaitingParent: false }) return decision.Build();
        decision.Do(new SendAck());
        return Release(decision, new Ending(true, unusable.Status, SipClosing.Bye, unusable.Status, unusable.Reason) { Dialog = unusable.Dialog });
    }

    private static CallDecision DialHasFailed(CallDraft decision, DialFailed failed)
    {
        if (!decision.State.IsDialling) return decision.Build();
        return Release(decision, new Ending(false, failed.Status, SipClosing.None, failed.Status, failed.Reason));
    }

    private static CallDecision Answer(CallDraft decision, AnswerCall answer)
    {
        if (!decision.State.IsOffered)
            return RefuseUnlessOffered(decision, answer);
        decision.Add(new AnswerRequested(answer.MaxAnswerSeconds));
        SetUserData(decision, answer.UserData);
        if (decision.State.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        return decision.Do(new SendOk()).ReplyNull().Build();
    }

    private static CallDecision AckHasArrived(CallDraft decision, AckArrived ack)
    {
        if (decision.State.Phase != CallPhase.Answer) return decision.Build();
        decision.Add(new AnswerConfirmed(ack.Audio));
        if (ack.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        if (decision.State.InterruptedMillis is not null) decision.Do(new SendReInvite());
        return decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(decision.State, decision.Now, null, null)).Build();
    }

    private static CallDecision AnswerFailed(CallDraft decision, int error, string message, int cause)
    {
        if (decision.State.Phase != CallPhase.Answer) return decision.Build();
        return Release(decision, new Ending(true, cause, SipClosing.Bye, error, message));
    }

    private static CallDecision Reject(CallDraft decision, RejectCall reject)
    {
        if (!decision.State.IsOffered)
            return RefuseUnlessOffered(decision, reject);
        SetUserData(decision, reject.UserData);
        decision.ReplyNull().Do(new SendRefusal(reject.Cause));
        return Release(decision, new Ending(true, reject.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "rejected"));
    }

    private static CallDecision Redirect(CallDraft decision, RedirectCall redirect)
    {
        if (!decision.State.IsOffered)
            return RefuseUnlessOffered(decision, redirect);
        SetUserData(decision, redirect.UserData);
        var contact = ContactOf(redirect.Contact, decision.State.ToUri);
        decision.ReplyNull().Do(new SendRefusal(302, contact));
        return Release(decision, new Ending(true, 302, SipClosing.Refusal, ErrorCodes.Terminated, "redirected") { Contact = contact });
    }

    private static CallDecision Drop(CallDraft decision, DropCall drop)
    {
        var call = decision.State;
        if (call.Direction == CallDirection.Inbound && Generations.DropStatesOf(drop.Generation) is { IsEmpty: false } allowed && !allowed.Contains(call.Phase.ToString()))
        {
            var refused = Refuse(decision, drop, [.. allowed]);
            return refused.Saying(call.IsOffered
                ? $"{refused.Refusal!.Message}; sys.call.reject refuses a call that is not answered"
                : $"{refused.Refusal!.Message}; on_answer_completed tells when that is");
        }
        if (call.IsOffered)
        {
            if (drop.Cause < 400) return CallDecision.Refuse(RpcError.InvalidParam("cause", $"{drop.Cause} does not refuse a call; 400..699 does"));
            decision.ReplyNull().Do(new SendRefusal(drop.Cause));
            return Release(decision, new Ending(true, drop.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "dropped"));
        }
        decision.ReplyNull();
        return call.IsDialling
            ? Release(decision, new Ending(true, drop.Cause, SipClosing.Cancel, ErrorCodes.Terminated, "the dialling was dropped"))
            : Release(decision, new Ending(true, drop.Cause, SipClosing.Bye, ErrorCodes.Gone, "the call was hung up"));
    }

    private static CallDecision Cancelled(CallDraft decision)
    {
        // In Answer our 200 is intended or sent: it wins, and the caller hangs up with a BYE (RFC 3261 section 9.2).
        if (!decision.State.IsOffered) return decision.Build();
        return Release(decision, new Ending(false, ErrorCodes.Terminated, SipClosing.None, ErrorCodes.Terminated, "the caller gave up"));
    }

    private static CallDecision Unoffered(CallDraft decision)
    {
        if (!decision.State.IsOffered) return decision.Build();
        decision.Do(new SendRefusal(480));
        return Release(decision, new Ending(true, 480, SipClosing.Refusal, 480, "no application took the call"));
    }

    /// <summary>The Contact of a 302: a target without a user part keeps the dialled one.</summary>
    private static string ContactOf(string target, string dialled)
    {
        var hasScheme = target.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || target.StartsWith("sips:", StringComparison.OrdinalIgnoreCase);
        var scheme = hasScheme ? target[..(target.IndexOf(':', StringComparison.Ordinal) + 1)] : "sip:";
        var rest = hasScheme ? target[scheme.Length..] : target;
        var user = CallRecords.UserOf(dialled);
        return rest.Contains('@', StringComparison.Ordinal) || user.Length == 0 ? scheme + rest : $"{scheme}{user}@{rest}";
    }

    private static void SetUserData(CallDraft decision, string? userData)
    {
        if (userData is not null) decision.Add(new UserDataSet(userData));
    }
}
