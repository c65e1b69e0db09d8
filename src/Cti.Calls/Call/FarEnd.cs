using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>What the far end says over SIP, and what follows wherever the call is.</summary>
internal static class FarEnd
{
    public static CallDecision Rings(CallDraft decision, FarEndRings rings)
    {
        if (!IsHeard(decision)) return decision.Build();
        // Of several early dialogs the newest is heard; a provisional response without SDP changes nothing.
        if (rings.Early is { } early && early != decision.State.Audio) decision.Add(new EarlyMediaBegan(early)).Do(new ConfigureMedia(early));
        if (decision.State.RingMillis is not null) return decision.Build();
        return decision.Add(new RingingBegan(rings.Tag)).Emit("sys.call.on_ringing", CallEvents.Ringing(decision.State, decision.Now, rings.Headers)).Build();
    }

    public static CallDecision Answers(CallDraft decision, FarEndAnswered answered)
    {
        if (!IsHeard(decision)) return decision.Build();
        decision.Add(new DialAnswered(answered.Dialog, answered.Audio, answered.Agreement, answered.Timer));
        decision.Do(new ConfigureMedia(answered.Audio)).Do(new SendAck());
        return decision.Emit("sys.call.on_dial_completed", CallEvents.DialCompleted(decision.State, decision.Now, null, null, answered.Headers)).Build();
    }

    public static CallDecision AnswersUnusably(CallDraft decision, FarEndUnusable unusable)
    {
        if (!IsHeard(decision)) return decision.Build();
        decision.Do(new SendAck());
        return Ending.Release(decision, new Ending(true, unusable.Status, SipClosing.Bye, unusable.Status, unusable.Reason) { Dialog = unusable.Dialog });
    }

    public static CallDecision Refuses(CallDraft decision, DialFailed failed) => decision.State.IsDialling
        ? Ending.Release(decision, new Ending(false, failed.Status, SipClosing.None, failed.Status, failed.Reason) { Heard = failed.Headers })
        : decision.Build();

    /// <summary>Our INVITE goes out once more, with credentials or to another place.</summary>
    public static CallDecision IsInvitedAgain(CallDraft decision, InviteRetried retried) =>
        IsHeard(decision) ? decision.Add(new InviteMoved(retried.Invite)).Do(new SendInvite()).Build() : decision.Build();

    public static CallDecision HungUp(CallDraft decision, ByeArrived bye)
    {
        var call = decision.State;
        var cause = bye.ReasonCause ?? 200;
        if (call.IsOffered)
        {
            // A BYE on the early dialog ends it; the INVITE still needs its final response (RFC 3261 section 15.1.2).
            decision.Do(new SendRefusal(ErrorCodes.Terminated));
            return Ending.Release(decision, new Ending(false, cause, SipClosing.Refusal, ErrorCodes.Gone, "the far end hung up")
            {
                Told = ErrorCodes.Terminated, AtMillis = bye.AtMillis, Heard = bye.Headers,
            });
        }
        // A far end whose 200 was lost may hang up first; our INVITE is then still pending.
        var closing = call.IsDialling ? SipClosing.Cancel : SipClosing.None;
        return Ending.Release(decision, new Ending(false, cause, closing, ErrorCodes.Gone, "the far end hung up")
        {
            AtMillis = bye.AtMillis, Heard = bye.Headers, IsTheirBye = true,
        });
    }

    public static CallDecision FellSilent(CallDraft decision) => decision.State.IsUp
        ? Ending.Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "no sound came from the far end for too long"))
        : decision.Build();

    public static CallDecision LostTheDialog(CallDraft decision, DialogLost lost)
    {
        var call = decision.State;
        if (call.IsOffered) return decision.Build();
        // Without an answer (408) the far end may still be there, only deaf: it gets a BYE (RFC 3261 section 12.2.1.2).
        var closing = call.IsDialling ? SipClosing.Cancel : lost.Status == 481 ? SipClosing.None : SipClosing.Bye;
        return Ending.Release(decision, new Ending(false, lost.Status, closing, ErrorCodes.Gone, "the far end lost the call"));
    }

    /// <summary>The media goes on as it is: an entry of the change that there is, with what holds.</summary>
    public static CallDecision Moved(CallDraft decision, TargetMoved moved)
    {
        if (decision.State is { Audio: { } audio, LocalSdp: { } local }) decision.Add(new DialogUpdated(moved.Dialog, audio, local, decision.State.Timer));
        return decision.Do(new ConfirmChange()).Build();
    }

    private static bool IsHeard(CallDraft decision) => decision.State is { IsDialling: true, IsAwaitingParent: false };
}
