using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.States;

/// <summary>
/// Exists, not answered: a caller waits for the application to answer, reject or redirect; or our INVITE is out, and before that a parent may be asked
/// (<see cref="Dialling"/>).
/// </summary>
internal sealed class Initiated : CallBehaviour
{
    public Initiated() : base(CallPhase.Initiated)
    {
        Accepts<AnswerCall>(Answer, direction: CallDirection.Inbound);
        Accepts<RejectCall>(Reject, direction: CallDirection.Inbound);
        Accepts<RedirectCall>(Redirect, direction: CallDirection.Inbound);
        // In the older generation that is also how a caller is refused.
        Accepts<DropCall>(RefuseCaller, ApiGeneration.V1, CallDirection.Inbound);
        Accepts<DropCall>(Ending.GiveUpDialling, direction: CallDirection.Outbound);

        Hears<CallerCancelled>(CallerGaveUp);
        Hears<PrackMissing>(static (decision, _) => NothingReachesTheCaller(decision));
        Hears<SubscriberMissing>(static (decision, _) => NobodyTookIt(decision));

        Hears<FarEndRings>(FarEnd.Rings);
        Hears<FarEndAnswered>(FarEnd.Answers);
        Hears<FarEndUnusable>(FarEnd.AnswersUnusably);
        Hears<DialFailed>(FarEnd.Refuses);
        Hears<InviteRetried>(FarEnd.IsInvitedAgain);
        Hears<ParentAnswers>(Dialling.ParentHasAnswered);
        Hears<ParentReleases>(Dialling.ParentHasReleased);
    }

    internal override long? Deadline(CallState call, CallSettings settings) => call.IsOffered
        ? call.BeginMillis + settings.OfferTimeoutMillis
        // Its own clock counts from the INVITE, which waits for a parent.
        : Dialling.ParentDeadline(call, settings) ?? (call.IsDialling ? (call.InviteMillis ?? call.BeginMillis) + settings.SetupTimeoutMillis : null);

    private protected override CallDecision DeadlineHasCome(CallDraft decision) => decision.State switch
    {
        { IsOffered: true } => NobodyTookIt(decision),
        { IsAwaitingParent: true, Parent: { } parent } => Dialling.ParentWasSilent(decision, parent),
        _ => Ending.DiallingTimedOut(decision, "no ringing and no answer came"),
    };

    private static CallDecision Answer(CallDraft decision, AnswerCall answer)
    {
        decision.Add(new AnswerRequested(answer.MaxAnswerSeconds, answer.Headers));
        SetUserData(decision, answer.UserData);
        if (decision.State.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
        return decision.Do(new SendOk(answer.Headers)).ReplyNull().Build();
    }

    private static CallDecision Reject(CallDraft decision, RejectCall reject)
    {
        SetUserData(decision, reject.UserData);
        decision.ReplyNull().Do(new SendRefusal(reject.Cause, Headers: reject.Headers));
        var ending = new Ending(true, reject.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "rejected") { Headers = reject.Headers };
        return Ending.Release(decision, ending);
    }

    private static CallDecision Redirect(CallDraft decision, RedirectCall redirect)
    {
        SetUserData(decision, redirect.UserData);
        var contact = ContactOf(redirect.Contact, decision.State.ToUri);
        decision.ReplyNull().Do(new SendRefusal(302, contact, redirect.Headers));
        return Ending.Release(decision, new Ending(true, 302, SipClosing.Refusal, ErrorCodes.Terminated, "redirected")
        {
            Contact = contact, Headers = redirect.Headers,
        });
    }

    private static CallDecision RefuseCaller(CallDraft decision, DropCall drop)
    {
        if (drop.Cause < 400) return CallDecision.Refuse(RpcError.InvalidParam("cause", $"{drop.Cause} does not refuse a call; 400..699 does"));
        decision.ReplyNull().Do(new SendRefusal(drop.Cause, Headers: drop.Headers));
        var ending = new Ending(true, drop.Cause, SipClosing.Refusal, ErrorCodes.Terminated, "dropped") { Headers = drop.Headers };
        return Ending.Release(decision, ending);
    }

    private static CallDecision CallerGaveUp(CallDraft decision, CallerCancelled cancelled) => decision.State.IsOffered
        ? Ending.Release(decision, new Ending(false, ErrorCodes.Terminated, SipClosing.None, ErrorCodes.Terminated, "the caller gave up")
        {
            Heard = cancelled.Headers,
        })
        : decision.Build();

    private static CallDecision NothingReachesTheCaller(CallDraft decision)
    {
        if (!decision.State.IsOffered) return decision.Build();
        decision.Do(new SendRefusal(504));
        return Ending.Release(decision, new Ending(true, 504, SipClosing.Refusal, ErrorCodes.Timeout, "the caller never acknowledged the ringing"));
    }

    private static CallDecision NobodyTookIt(CallDraft decision)
    {
        if (!decision.State.IsOffered) return decision.Build();
        var status = Replacing.StatusOfNobody(decision.State);
        decision.Do(new SendRefusal(status));
        return Ending.Release(decision, new Ending(true, status, SipClosing.Refusal, status, "no application took the call"));
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
