using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// A REFER of the far end's: it wants us to call somebody, and to hear what comes of it. The application decides, calls, and says how it went; we call nobody
/// by ourselves. It runs beside whatever the call does, one at a time.
/// <code>
///   REFER ──it names a dialog of ours──► Looking ──whose it is──► Offered ──refer_accept: 202, 100──► Accepted ──final, time──► Ending ──► (none)
///     └──────────────────────────────────────────────────────────►  │                                 └──1xx──┘                 answered
///                                                                   └──refer_reject, time: 603──► (none)
/// </code>
/// A node may die at any of these: a REFER that was not answered is repeated by its sender and known by its CSeq, and the last report is sent again.
/// </summary>
internal static class BeingReferred
{
    /// <summary>What a far end is told that nobody wants to do as it asks.</summary>
    public const int Declined = 603;

    private const string Ended = "noresource", TimedOut = "timeout";

    public static CallDecision HasArrived(CallDraft decision, ReferArrived arrived)
    {
        var call = decision.State;
        // A flow has nobody to ask; a second one would be a second answer to the same question.
        if (call is not { IsUp: true, Owner: null, Referred: null }) return decision.Do(new AnswerRefer(arrived.CSeq, Declined, false)).Build();
        var referred = new ReferOfTheirs
        {
            CSeq = arrived.CSeq, Stage = ReferredStage.Offered, DeadlineMillis = decision.Now + Limits.ReferAnswerMillis, Uri = arrived.Uri,
            Replaces = arrived.Replaces, ReferredBy = arrived.ReferredBy, IsSilent = !arrived.WantsReports, Headers = arrived.Headers,
        };
        if (ReplacedDialog.TryParse(arrived.Replaces, out var replaced) && DialogTag.TryParse(replaced.ToTag, out var tag) && tag.Resource != call.Id)
        {
            referred = referred with { Stage = ReferredStage.Looking, Other = tag.Resource.ToString(), DeadlineMillis = decision.Now + Limits.ReferLookMillis };
            return decision.Add(new ReferredMoved(referred)).Do(Referring.Ask(call, referred.Other, referred.Op)).Build();
        }
        return Offer(decision, referred).Build();
    }

    /// <summary>The call that the REFER names in its tag says which dialog it has: only that one is told to the application.</summary>
    public static CallDecision? DialogIsTold(CallDraft decision, DialogTold told)
    {
        if (decision.State.Referred is not { Stage: ReferredStage.Looking } referred || referred.Op != told.Op) return null;
        var isIt = told.Refusal is null && ReplacedDialog.TryParse(referred.Replaces, out var replaced)
            && replaced.CallId == told.CallId && replaced.ToTag == told.LocalTag && replaced.FromTag == told.RemoteTag;
        return Offer(decision, referred with { Other = isIt ? referred.Other : null }).Build();
    }

    public static CallDecision Accept(CallDraft decision, AcceptRefer accept)
    {
        if (decision.State.Referred is not { Stage: ReferredStage.Offered } referred) return NothingToAnswer(decision, accept);
        referred = referred with { Stage = ReferredStage.Accepted, DeadlineMillis = decision.Now + Limits.ReferMillisMax, Headers = null };
        decision.Add(new ReferredMoved(referred)).ReplyNull().Do(new AnswerRefer(referred.CSeq, 202, !referred.IsSilent));
        return Report(decision, referred).Build();
    }

    public static CallDecision Reject(CallDraft decision, RejectRefer reject)
    {
        if (decision.State.Referred is not { Stage: ReferredStage.Offered } referred) return NothingToAnswer(decision, reject);
        return decision.Add(new ReferredEnded()).ReplyNull().Do(new AnswerRefer(referred.CSeq, reject.Cause, false)).Build();
    }

    /// <summary>The application says how it goes, or went.</summary>
    public static CallDecision Tell(CallDraft decision, NotifyRefer notify)
    {
        if (decision.State.Referred is not { Stage: ReferredStage.Accepted } referred)
        {
            return Refusals.WrongState(decision.State, notify)
                .Saying($"{notify.Method}: the far end waits for nothing; refer_accept comes first, and after a final status no other follows");
        }
        referred = referred with { Status = notify.Status };
        decision.ReplyNull();
        if (notify.Status < 200) return Report(decision.Add(new ReferredMoved(referred)), referred).Build();
        return End(decision, referred, Ended).Build();
    }

    /// <summary>A report was answered: the last one ends it, and one that the far end does not know says that it wants no more.</summary>
    public static CallDecision IsAnswered(CallDraft decision, ReportAnswered answered) => decision.State.Referred switch
    {
        { Stage: ReferredStage.Ending } when answered.WasLast => decision.Add(new ReferredEnded()).Build(),
        { Stage: ReferredStage.Accepted, IsSilent: false } referred when answered.Status == 481 =>
            decision.Add(new ReferredMoved(referred with { IsSilent = true })).Build(),
        _ => decision.Build(),
    };

    public static long? Deadline(CallState call) => call.Referred?.DeadlineMillis;

    public static CallDraft TimeHasCome(CallDraft decision, ReferOfTheirs referred) => referred.Stage switch
    {
        ReferredStage.Looking => Offer(decision, referred with { Other = null }),
        ReferredStage.Offered => decision.Add(new ReferredEnded()).Do(new AnswerRefer(referred.CSeq, Declined, false)),
        ReferredStage.Accepted => End(decision, referred, TimedOut),
        _ => decision.Add(new ReferredEnded()),
    };

    /// <summary>The call ends first: who waits for an answer gets one, and who waits for a report hears before our BYE that there is no more.</summary>
    public static void EndWithCall(CallDraft decision, Ending ending)
    {
        if (decision.State.Referred is not { } referred) return;
        decision.Add(new ReferredEnded());
        if (ending.IsNodeGone) return;
        if (referred.Stage is ReferredStage.Looking or ReferredStage.Offered) decision.Do(new AnswerRefer(referred.CSeq, Declined, false));
        else if (referred is { Stage: ReferredStage.Accepted, IsSilent: false } && ending.Closing == SipClosing.Bye)
            decision.Do(new SendReport(referred with { EndReason = Ended }));
    }

    // ---- when one of the two has a new owner ----

    public static void GoOn(CallDraft decision)
    {
        switch (decision.State.Referred)
        {
            case { Stage: ReferredStage.Looking } looking: decision.Do(Referring.Ask(decision.State, looking.Other!, looking.Op)); break;
            case { Stage: ReferredStage.Accepted or ReferredStage.Ending } accepted: Report(decision, accepted); break;
        }
    }

    public static void OtherHasMoved(CallDraft decision, PeerMoved moved)
    {
        if (decision.State.Referred is { Stage: ReferredStage.Looking, Other: { } other } && moved.Concerns(other)) GoOn(decision);
    }

    private static CallDraft Offer(CallDraft decision, ReferOfTheirs referred)
    {
        referred = referred with { Stage = ReferredStage.Offered, DeadlineMillis = decision.Now + Limits.ReferAnswerMillis };
        decision.Add(new ReferredMoved(referred));
        return decision.Emit("sys.call.on_refer", ReferEvents.Asked(decision.State, referred));
    }

    private static CallDraft End(CallDraft decision, ReferOfTheirs referred, string reason)
    {
        if (referred.IsSilent) return decision.Add(new ReferredEnded());
        referred = referred with { Stage = ReferredStage.Ending, EndReason = reason, DeadlineMillis = decision.Now + Limits.ReferUnansweredMillis };
        return Report(decision.Add(new ReferredMoved(referred)), referred);
    }

    private static CallDraft Report(CallDraft decision, ReferOfTheirs referred) => referred.IsSilent ? decision : decision.Do(new SendReport(referred));

    private static CallDecision NothingToAnswer(CallDraft decision, ResourceRequest request) => Refusals.WrongState(decision.State, request)
        .Saying($"{request.Method}: no REFER waits for an answer; on_refer tells of one, and it is refused (603) after {Limits.ReferAnswerMillis / 1000} s");
}

// ---- what the call journals ----

/// <summary>How far a REFER of the far end's is.</summary>
public enum ReferredStage
{
    /// <summary>The call that it names is asked whether the dialog is its own.</summary>
    Looking,
    /// <summary>The application is asked.</summary>
    Offered,
    /// <summary>It was accepted; reports go out.</summary>
    Accepted,
    /// <summary>The last report is on its way.</summary>
    Ending,
}

/// <summary>A REFER of the far end's, as the call journals it (<see cref="BeingReferred"/>).</summary>
public sealed record ReferOfTheirs
{
    /// <summary>Its number, by which its repetition is known and reports name it.</summary>
    public required uint CSeq { get; init; }
    /// <summary>How far it is.</summary>
    public required ReferredStage Stage { get; init; }
    /// <summary>When that is over without more.</summary>
    public required long DeadlineMillis { get; init; }
    /// <summary>Whom to call.</summary>
    public required string Uri { get; init; }
    /// <summary>What that is to replace: a <see cref="ReplacedDialog"/>.</summary>
    public string? Replaces { get; init; }
    /// <summary>The call of ours whose dialog that is.</summary>
    public string? Other { get; init; }
    /// <summary>Who says that he asks.</summary>
    public string? ReferredBy { get; init; }
    /// <summary>Whether the far end wants to hear nothing of it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSilent { get; init; }
    /// <summary>What the application wants to hear of its header fields: <see cref="CarriedHeaders"/>.</summary>
    public string? Headers { get; init; }
    /// <summary>What is reported, 100..699.</summary>
    public int Status { get; init; } = 100;
    /// <summary>Why no other report follows; null where one may.</summary>
    public string? EndReason { get; init; }

    /// <summary>Names the question to the other call.</summary>
    internal string Op => $"refer {CSeq}";
}

/// <summary>A REFER of the far end's came or moved on; from <see cref="ReferredStage.Accepted"/> on a report of its status is intended.</summary>
public sealed record ReferredMoved(ReferOfTheirs Referred) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Referred = Referred };
}

/// <summary>It is over.</summary>
public sealed record ReferredEnded : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Referred = null };
}

// ---- what comes of it ----

/// <summary>A REFER of the far end's came; its answer waits for <see cref="AnswerRefer"/>.</summary>
/// <param name="CSeq">Its number.</param>
/// <param name="Uri">Whom to call.</param>
/// <param name="Replaces">What that is to replace: a <see cref="ReplacedDialog"/>; null for nothing.</param>
/// <param name="ReferredBy">Who says that he asks.</param>
/// <param name="WantsReports">Whether it wants to hear what comes of it.</param>
public sealed record ReferArrived(uint CSeq, string Uri, string? Replaces, string? ReferredBy, bool WantsReports) : ResourceCommand
{
    /// <inheritdoc cref="OfferCall.Headers"/>
    public string? Headers { get; init; }
}

/// <summary>A report of ours was answered, or nobody answered.</summary>
/// <param name="Status">The SIP status; 408 and 503 for what nobody answered.</param>
/// <param name="WasLast">Whether it was the last one.</param>
public sealed record ReportAnswered(int Status, bool WasLast) : ResourceCommand;

// ---- what it does ----

/// <summary>Answers a REFER of the far end's.</summary>
/// <param name="CSeq">Its number.</param>
/// <param name="Status">202, or 400..699.</param>
/// <param name="Reports">Whether reports follow a 202.</param>
public sealed record AnswerRefer(uint CSeq, int Status, bool Reports) : TransferEffect;

/// <summary>Reports how it stands.</summary>
public sealed record SendReport(ReferOfTheirs Referred) : TransferEffect;
