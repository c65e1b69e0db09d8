using System.Collections.Immutable;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>
/// Dialling on a parent (<c>construct</c> with <c>parent_call_res_id</c>), on either side. The child begins the saga:
/// <code>
///   child    Asked ──answered──► Calling ──INVITE──► rings, answered or failed: tells the parent
///              │  └──file first──► Waiting ──released──► Calling
///              └──refused──► withdrawn, as if it had never been
///   parent   Idle, Connect ──asked──► Dial: Announcing ──file over──► Calling ──rings──► Ringing ──done──► where it came from
/// </code>
/// </summary>
public static partial class CallDecider
{
    // ---- the child ----

    private static CallDecision ParentHasAnswered(CallDraft decision, ParentAnswers answer)
    {
        if (decision.State.Parent is not { Stage: ParentStage.Asked } parent || parent.Resource != answer.Parent) return decision.Build();
        if (answer.Refusal is { } refusal) return Withdraw(decision, refusal);
        if (answer.MayDial) decision.Add(new ParentMoved(ParentStage.Calling)).Do(new SendInvite());
        else decision.Add(new ParentMoved(ParentStage.Waiting));
        return decision.Reply(CallEvents.ConstructResult(decision.State)).Build();
    }

    private static CallDecision ParentHasReleased(CallDraft decision, ParentReleases released) =>
        decision.State.Parent is { Stage: ParentStage.Waiting } parent && parent.Resource == released.Parent ? DialNow(decision) : decision.Build();

    private static CallDecision DialNow(CallDraft decision) => decision.Add(new ParentMoved(ParentStage.Calling)).Do(new SendInvite()).Build();

    /// <summary>The application never got the call: it leaves no event and no call record.</summary>
    private static CallDecision Withdraw(CallDraft decision, RpcError refusal) =>
        decision.Add(new CallReleased(SipClosing.None, refusal.Code)).Do(new CloseMedia()).Do(new ReplyRefused(refusal)).Build();

    /// <summary>When a child that waits for its parent goes on without it.</summary>
    private static long? ParentDeadline(CallState call, CallSettings settings) => call.Parent?.Stage switch
    {
        ParentStage.Asked => call.BeginMillis + settings.SetupTimeoutMillis,
        ParentStage.Waiting => call.BeginMillis + Limits.AnnouncementMillisMax,
        _ => null,
    };

    private static CallDecision ParentTime(CallDraft decision, ParentStage stage) => stage == ParentStage.Asked
        ? Withdraw(decision, RpcError.Unavailable($"the parent {decision.State.Parent!.Resource} did not answer"))
        : DialNow(decision);

    // ---- the parent ----

    private static CallDecision ChildHasAsked(CallDraft decision, ChildAsks asked)
    {
        var call = decision.State;
        var announces = asked.RingBack is { Mode: 3, File.Length: > 0 };
        if (call.Dialling is { } known && known.Child == asked.Child)
            return decision.Do(new AnswerChild(asked.Child, null, known.Stage != DiallingStage.Announcing)).Build();
        if (call.Phase != CallPhase.Idle && call is not { Phase: CallPhase.Connect, Bridge.Stage: BridgeStage.Connected })
        {
            var refusal = RpcError.WrongState("sys.call.construct", call.Phase.ToString(), nameof(CallPhase.Idle), nameof(CallPhase.Connect)).With("res_id", call.Id.ToString());
            return decision.Do(new AnswerChild(asked.Child, refusal, false)).Build();
        }
        decision.Add(new DiallingMoved(new ChildDialling
        {
            Child = asked.Child, Stage = announces ? DiallingStage.Announcing : DiallingStage.Calling, RingBack = asked.RingBack,
        }));
        return decision.Do(new AnswerChild(asked.Child, null, !announces)).Build();
    }

    private static CallDecision ChildIsRinging(CallDraft decision, ChildRings rings)
    {
        if (decision.State.Dialling is not { } dialling || dialling.Child != rings.Child) return decision.Build();
        var moved = dialling with { Stage = DiallingStage.Ringing, HasEarlyMedia = rings.HasEarlyMedia };
        return moved == dialling ? decision.Build() : decision.Add(new DiallingMoved(moved)).Build();
    }

    private static CallDecision ChildIsDone(CallDraft decision, ChildDone done) =>
        decision.State.Dialling?.Child == done.Child ? decision.Add(new DiallingEnded()).Build() : decision.Build();

    /// <summary>A file or tone of the ring-back ended by itself. A file that cannot be played gives way to the line's own ring-back.</summary>
    private static CallDecision RingBackHasEnded(CallDraft decision, ChildDialling dialling, PlayFinished played)
    {
        var failed = played.End is not (MediaEnd.Completed or MediaEnd.Stopped);
        var ringBack = failed ? dialling.RingBack with { File = null } : dialling.RingBack;
        if (dialling.Stage == DiallingStage.Announcing)
        {
            decision.Add(new DiallingMoved(dialling with { Stage = DiallingStage.Calling, RingBack = ringBack })).Do(new ReleaseChild(dialling.Child));
        }
        else if (failed && dialling.RingBack.File is not null)
        {
            decision.Add(new DiallingMoved(dialling with { RingBack = ringBack }));
        }
        return decision.Build();
    }

    /// <summary>Where the line cannot be listened to, the tone is heard.</summary>
    private static CallDecision LineHasFailed(CallDraft decision, ChildDialling dialling, BridgeFinished finished) =>
        finished.End is MediaEnd.Completed or MediaEnd.Stopped || !dialling.HasEarlyMedia
            ? decision.Build()
            : decision.Add(new DiallingMoved(dialling with { HasEarlyMedia = false })).Build();

    // ---- what follows from any change, on both sides ----

    /// <summary>
    /// Whatever a decision changed: the parent begins or ceases to hear what its dialling now sounds like, the child tells what it has to tell. Both compare
    /// the states before and after, so no handler has to think of it.
    /// </summary>
    private static CallDecision FollowDialling(CallState? before, CallDecision decision)
    {
        if (decision.Refusal is not null || decision.Entries.IsEmpty || before is null || decision.State is not { } after) return decision;
        var effects = decision.Effects.ToBuilder();
        var entries = decision.Entries.ToBuilder();
        if (before.Dialling is not null || after.Dialling is not null) after = Hear(before, after, entries, effects);
        if (before.Parent is not null) TellParent(before, after, effects);
        return decision with { State = after, Effects = effects.ToImmutable(), Entries = entries.ToImmutable() };
    }

    private static CallState Hear(CallState before, CallState after, ImmutableArray<CallEntry>.Builder entries, ImmutableArray<ResourceEffect>.Builder effects)
    {
        // A released call's session ends everything that runs in it.
        if (after.WasReleased) return after;
        if (after is { Dialling: { Stage: DiallingStage.Announcing } announcing, Seat.Stage: SeatStage.Entered })
        {
            // In the conference the file is not heard: it is over.
            after = Journal(after, new DiallingMoved(announcing with { Stage = DiallingStage.Calling }), entries);
            effects.Add(new ReleaseChild(announcing.Child));
        }
        var heard = HeardBy(before);
        var sound = HeardBy(after);
        if (heard == sound) return after;
        if (heard is not null) effects.Add(new StopRingBack(before.Dialling!.Number, heard is RingBackLine));
        if (sound is null) return after;
        var number = after.ActionCount + 1;
        after = Journal(after, new DiallingMoved(after.Dialling! with { Number = number }), entries);
        effects.Add(new StartRingBack(number, sound));
        return after;
    }

    private static CallState Journal(CallState state, CallEntry entry, ImmutableArray<CallEntry>.Builder entries)
    {
        entry = entry with { AtMillis = state.LastMillis };
        entries.Add(entry);
        return Apply(state, entry);
    }

    /// <summary>What a parent hears of its child's dialling: nothing while it is in a conference.</summary>
    private static RingBackSound? HeardBy(CallState call) => call is { Dialling: { } dialling, Seat: null or { Stage: SeatStage.Requested } } ? RingBackSound.Of(dialling) : null;

    private static void TellParent(CallState before, CallState after, ImmutableArray<ResourceEffect>.Builder effects)
    {
        if (after.Parent is not { } parent)
        {
            // Who never answered has nothing to undo; an answer that is still on its way is answered by the released call.
            if (before.Parent is { Stage: not ParentStage.Asked } left) effects.Add(new TellDone(left.Resource));
            return;
        }
        if (NewsOf(after) is { } hasEarlyMedia && NewsOf(before) != hasEarlyMedia) effects.Add(new TellRinging(parent.Resource, hasEarlyMedia));
    }

    /// <summary>Null before it rings, then whether its line can be heard: in a conference it is there.</summary>
    private static bool? NewsOf(CallState child) =>
        child is { Parent.Stage: ParentStage.Calling, RingMillis: not null } ? child.HasEarlyMedia && child.Seat is not { Stage: SeatStage.Entered } : null;
}
