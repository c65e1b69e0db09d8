using System.Text.Json.Serialization;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// A REFER of ours (<c>refer</c>): the far end is asked to call somebody else, in the place of another call of the application's where it says so. It runs
/// beside whatever the call does, once at a time; what becomes of the call is the application's affair.
/// <code>
///   refer ──another call is to be replaced──► Asking ──which dialog it has──► Sent ──2xx──► Accepted ──final report, its end, BYE, time──► (completed)
///     └──────────────────────────────────────────┼───────────────────────────►  │                └──1xx: on_refer_progress──┘
///                                                └──it is not up──► (completed) └──refused, nothing came──► (completed)
///
///   call ──DialogAsked──► other call ──DialogTold──► call
/// </code>
/// A node may die at any of these: who is asked is asked again, and where only the REFER may have gone out, a report says that it did.
/// </summary>
internal static class Referring
{
    public static CallDecision Begin(CallDraft decision, ReferCall refer)
    {
        var call = decision.State;
        if (!call.IsUp) return Refusals.WrongState(call, refer);
        if (call.Referral is not null)
        {
            return Refusals.WrongState(call, refer)
                .Saying($"{refer.Method}: the far end is being asked already; on_refer_completed tells when that is over");
        }
        if (refer.Other is null && refer.Uri is null)
            return CallDecision.Refuse(RpcError.InvalidParam("to_uri", "is needed where no replaces_call_res_id tells whom to call"));
        var referral = new Referral
        {
            Op = refer.Op, Stage = ReferStage.Sent, BeginMillis = decision.Now, DeadlineMillis = decision.Now + Limits.ReferUnansweredMillis,
            Uri = refer.Uri, Other = refer.Other, IsSilent = !refer.WantsReports, Headers = refer.Headers,
        };
        decision.ReplyNull();
        if (refer.Other is null) return decision.Add(new ReferralMoved(referral)).Do(new SendRefer(referral)).Build();
        referral = referral with { Stage = ReferStage.Asking, DeadlineMillis = decision.Now + Limits.ReferLookMillis };
        return decision.Add(new ReferralMoved(referral)).Do(Ask(call, referral.Other!, referral.Op)).Build();
    }

    /// <summary>The call whose dialog is to be replaced says which one that is.</summary>
    public static CallDecision? DialogIsTold(CallDraft decision, DialogTold told)
    {
        if (decision.State.Referral is not { Stage: ReferStage.Asking } referral || referral.Op != told.Op) return null;
        if (told.Refusal is { } refusal) return Complete(decision, referral, new ActionEnding(refusal.Code, refusal.Message)).Build();
        var moved = referral with
        {
            Stage = ReferStage.Sent,
            DeadlineMillis = decision.Now + Limits.ReferUnansweredMillis,
            Uri = referral.Uri ?? told.Target,
            Replaces = new ReplacedDialog(told.CallId!, told.RemoteTag!, told.LocalTag!).ToString(),
        };
        return decision.Add(new ReferralMoved(moved)).Do(new SendRefer(moved)).Build();
    }

    /// <summary>This call is asked by another one which dialog it has.</summary>
    public static CallDecision SayWhichDialog(CallDraft decision, DialogAsked asked)
    {
        var call = decision.State;
        if (call.Application != asked.Application || call.Owner is not null)
            return decision.Do(new TellDialog(asked.Call, DialogTold.Refused(asked.Op, call, RpcError.NoSuchResource(call.Id.ToString())))).Build();
        if (call is not { IsUp: true, Dialog: { } dialog })
        {
            var refusal = new RpcError(ErrorCodes.Conflict, $"{call.Id} is not answered, or over: nobody can take its place");
            return decision.Do(new TellDialog(asked.Call, DialogTold.Refused(asked.Op, call, refusal))).Build();
        }
        return decision.Do(new TellDialog(asked.Call, new DialogTold(asked.Op, call.Id.ToString(), null)
        {
            CallId = dialog.CallId, LocalTag = dialog.LocalTag, RemoteTag = dialog.RemoteTag.Length == 0 ? "0" : dialog.RemoteTag,
            Target = DialogRequests.TargetOf(dialog).Text,
        })).Build();
    }

    /// <summary>The far end answered the REFER.</summary>
    public static CallDecision HasAnswered(CallDraft decision, ReferAnswered answered)
    {
        if (decision.State.Referral is not { Stage: not ReferStage.Asking } referral || referral.Op != answered.Op) return decision.Build();
        if (answered.Status >= 300) return Complete(decision, referral, new ActionEnding(answered.Status, answered.Reason)).Build();
        if (!answered.Reports) return Complete(decision, referral with { Status = answered.Status }, new ActionEnding()).Build();
        // A report has overtaken it.
        if (referral.Stage == ReferStage.Accepted) return decision.Build();
        return decision.Add(new ReferralMoved(referral with
        {
            Stage = ReferStage.Accepted,
            EventId = answered.EventId,
            DeadlineMillis = decision.Now + Limits.ReferFirstReportMillis,
        })).Build();
    }

    /// <summary>The far end reports: whatever comes of it, the report is answered once that is durable.</summary>
    public static CallDecision IsReported(CallDraft decision, ReferReported reported)
    {
        decision.Do(new AnswerReport());
        if (decision.State.Referral is not { Stage: not ReferStage.Asking } referral) return decision.Build();
        switch (reported.Status)
        {
            case >= 200 and < 300:
                return Complete(decision, referral with { Status = reported.Status }, new ActionEnding()).Build();
            case >= 300:
                return Complete(decision, referral with { Status = reported.Status }, new ActionEnding(reported.Status, reported.Reason)).Build();
        }
        var isNews = reported.Status is { } status && status != referral.Status && referral.Reports < Limits.ReferReportsMax;
        if (isNews || referral.Stage == ReferStage.Sent)
        {
            referral = referral with
            {
                Stage = ReferStage.Accepted,
                DeadlineMillis = referral.BeginMillis + Limits.ReferMillisMax,
                EventId = referral.EventId ?? reported.EventId,
                Status = isNews ? reported.Status : referral.Status,
                Reports = referral.Reports + (isNews ? 1 : 0),
            };
            decision.Add(new ReferralMoved(referral));
            if (isNews) decision.Emit("sys.call.on_refer_progress", ReferEvents.Progress(decision.State, reported.Status!.Value, reported.Reason));
        }
        if (!reported.IsLast) return decision.Build();
        var ended = $"the far end reports no more ({reported.EndReason ?? "no reason given"}), and has not said how it went";
        return Complete(decision, referral, new ActionEnding(ErrorCodes.Terminated, ended)).Build();
    }

    public static long? Deadline(CallState call) => call.Referral?.DeadlineMillis;

    public static CallDraft TimeHasCome(CallDraft decision, Referral referral) => Complete(decision, referral, referral.Stage switch
    {
        ReferStage.Asking => new ActionEnding(ErrorCodes.Unavailable, $"{referral.Other} did not answer"),
        ReferStage.Sent => new ActionEnding(ErrorCodes.Timeout, "the far end did not answer"),
        _ => new ActionEnding(ErrorCodes.Timeout, "the far end accepted, and has not said how it went"),
    });

    /// <summary>The call ends first. A far end that hangs up once it has accepted is on its way; whether it arrives nobody will tell.</summary>
    public static void EndWithCall(CallDraft decision, Ending ending)
    {
        if (decision.State.Referral is not { } referral) return;
        var isOnItsWay = ending.IsTheirBye && referral.Stage == ReferStage.Accepted;
        Complete(decision, referral, isOnItsWay ? new ActionEnding() : new ActionEnding(ending.Error, ending.Message));
    }

    // ---- when one of the two has a new owner ----

    public static void GoOn(CallDraft decision)
    {
        if (decision.State.Referral is { Stage: ReferStage.Asking } asking) decision.Do(Ask(decision.State, asking.Other!, asking.Op));
    }

    public static void OtherHasMoved(CallDraft decision, PeerMoved moved)
    {
        if (decision.State.Referral is { Stage: ReferStage.Asking, Other: { } other } && moved.Concerns(other)) GoOn(decision);
    }

    internal static AskDialog Ask(CallState call, string other, string op) => new(other, new DialogAsked(op, call.Id.ToString(), call.Application));

    private static CallDraft Complete(CallDraft decision, Referral referral, ActionEnding ending)
    {
        decision.Add(new ReferralEnded());
        return decision.Emit("sys.call.on_refer_completed", ReferEvents.Completed(decision.State, referral, ending, decision.Now));
    }
}

// ---- what the call journals ----

/// <summary>How far a REFER of ours is.</summary>
public enum ReferStage
{
    /// <summary>Another call is asked which dialog it has.</summary>
    Asking,
    /// <summary>It is on its way, or was with a node that is gone.</summary>
    Sent,
    /// <summary>The far end takes it.</summary>
    Accepted,
}

/// <summary>A REFER of ours, as the call journals it (<see cref="Referring"/>).</summary>
public sealed record Referral
{
    /// <summary>Names it.</summary>
    public required string Op { get; init; }
    /// <summary>How far it is.</summary>
    public required ReferStage Stage { get; init; }
    /// <summary>When it began.</summary>
    public required long BeginMillis { get; init; }
    /// <summary>When it is over without more.</summary>
    public required long DeadlineMillis { get; init; }
    /// <summary>Whom the far end is to call; null before another call has told it.</summary>
    public string? Uri { get; init; }
    /// <summary>The call whose dialog that is to replace.</summary>
    public string? Other { get; init; }
    /// <summary>That dialog, as its far end knows it: a <see cref="ReplacedDialog"/>.</summary>
    public string? Replaces { get; init; }
    /// <summary>Whether the far end was asked to report nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSilent { get; init; }
    /// <summary>Header fields of the REFER: <see cref="CarriedHeaders"/>.</summary>
    public string? Headers { get; init; }
    /// <summary>By what its reports name it: its CSeq; null where that is not known.</summary>
    public uint? EventId { get; init; }
    /// <summary>What was reported last.</summary>
    public int? Status { get; init; }
    /// <summary>How often something new was reported.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Reports { get; init; }
}

/// <summary>A REFER of ours began or moved on; at <see cref="ReferStage.Sent"/> it is intended.</summary>
public sealed record ReferralMoved(Referral Referral) : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Referral = Referral };
}

/// <summary>It is over.</summary>
public sealed record ReferralEnded : CallEntry
{
    private protected override CallState Change(CallState state) => state with { Referral = null };
}

// ---- what comes of it ----

/// <summary>The far end answered our REFER, or nothing came.</summary>
/// <param name="Op">Which.</param>
/// <param name="Status">The SIP status, 200..699; 408 and 503 for what nobody answered.</param>
/// <param name="Reason">Its words.</param>
/// <param name="EventId">The REFER's CSeq.</param>
/// <param name="Reports">Whether it will tell what becomes of it.</param>
public sealed record ReferAnswered(string Op, int Status, string Reason, uint EventId, bool Reports) : ResourceCommand;

/// <summary>The far end reports what became of our REFER; its report is answered by <see cref="AnswerReport"/>.</summary>
/// <param name="Status">The SIP status that it tells; null where it could not be read.</param>
/// <param name="Reason">Its words.</param>
/// <param name="IsLast">Whether no other report follows.</param>
/// <param name="EndReason">Why not.</param>
/// <param name="EventId">The REFER's CSeq, where the report names it.</param>
public sealed record ReferReported(int? Status, string Reason, bool IsLast, string? EndReason, uint? EventId) : ResourceCommand;

/// <summary>A call asks another one of its application which dialog it has.</summary>
/// <param name="Op">Names the question.</param>
/// <param name="Call">Who asks.</param>
/// <param name="Application">Whose that call is.</param>
public sealed record DialogAsked(string Op, string Call, string Application) : CrossingCommand;

/// <summary>The answer.</summary>
/// <param name="Op">The question.</param>
/// <param name="Other">Who answers.</param>
/// <param name="Refusal">Why it says nothing.</param>
public sealed record DialogTold(string Op, string Other, RpcError? Refusal) : CrossingCommand
{
    /// <summary>Its Call-ID.</summary>
    public string? CallId { get; init; }
    /// <summary>The tag on our side.</summary>
    public string? LocalTag { get; init; }
    /// <summary>The far end's; 0 where it has none.</summary>
    public string? RemoteTag { get; init; }
    /// <summary>Where its far end is reached: the URI of its Contact.</summary>
    public string? Target { get; init; }

    internal static DialogTold Refused(string op, CallState call, RpcError refusal) => new(op, call.Id.ToString(), refusal);
}

// ---- what it does ----

/// <summary>What a transfer does over SIP.</summary>
public abstract record TransferEffect : ResourceEffect;

/// <summary>Sends our REFER.</summary>
public sealed record SendRefer(Referral Referral) : TransferEffect;

/// <summary>Answers the report that came first of those that were decided on.</summary>
public sealed record AnswerReport : TransferEffect;

/// <summary>Asks another call which dialog it has.</summary>
public sealed record AskDialog(string Other, DialogAsked Asked) : ResourceEffect;

/// <summary>Tells it.</summary>
public sealed record TellDialog(string Call, DialogTold Told) : ResourceEffect;
