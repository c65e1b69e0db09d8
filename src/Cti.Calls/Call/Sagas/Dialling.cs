using System.Collections.Immutable;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call.Sagas;

/// <summary>
/// Dialling on a parent (<c>construct</c> with <c>parent_call_res_id</c>): a saga of two calls of one instance. The child begins it:
/// <code>
///   child    Asked ──answered──► Calling ──INVITE──► rings, answered or failed: tells the parent
///              │  └──file first──► Waiting ──released──► Calling
///              └──refused──► withdrawn, as if it had never been
///   parent   Idle, Connect ──asked──► Dial: Announcing ──file over──► Calling ──rings──► Ringing ──done──► where it came from
///
///   child ──ChildAsks──► parent ──ParentAnswers, ParentReleases──► child ──ChildRings, ChildDone──► parent
/// </code>
/// A conference is a parent too: everyone in it hears the ringing (<see cref="Cti.Calls.Conference.ConferenceState.Children"/>).
/// </summary>
internal static class Dialling
{
    // ---- the child ----

    public static CallDecision ParentHasAnswered(CallDraft decision, ParentAnswers answer)
    {
        if (decision.State.Parent is not { Stage: ParentStage.Asked } parent || parent.Resource != answer.Parent) return decision.Build();
        if (answer.Refusal is { } refusal) return Withdraw(decision, refusal);
        if (answer.MayDial) decision.Add(new ParentMoved(ParentStage.Calling)).Do(new SendInvite());
        else decision.Add(new ParentMoved(ParentStage.Waiting));
        return decision.Reply(CallEvents.ConstructResult(decision.State)).Build();
    }

    public static CallDecision ParentHasReleased(CallDraft decision, ParentReleases released) =>
        decision.State.Parent is { Stage: ParentStage.Waiting } parent && parent.Resource == released.Parent ? DialNow(decision) : decision.Build();

    /// <summary>A dialling that goes on tells its end when it comes.</summary>
    public static CallDecision ParentLooksForChild(CallDraft decision, ParentLooks looks) =>
        decision.State.IsDialledFor(looks.Parent) ? decision.Build() : decision.Do(new TellDone(looks.Parent)).Build();

    private static CallDecision DialNow(CallDraft decision) => decision.Add(new ParentMoved(ParentStage.Calling)).Do(new SendInvite()).Build();

    /// <summary>The application never got the call: it leaves no event and no call record.</summary>
    public static CallDecision Withdraw(CallDraft decision, RpcError refusal) =>
        decision.Add(new CallReleased(SipClosing.None, refusal.Code)).Do(new CloseMedia()).Do(new ReplyRefused(refusal)).Build();

    /// <summary>When a child that waits for its parent goes on without it.</summary>
    public static long? ParentDeadline(CallState call, CallSettings settings) => call.Parent?.Stage switch
    {
        ParentStage.Asked => call.BeginMillis + settings.SetupTimeoutMillis,
        ParentStage.Waiting => call.BeginMillis + Limits.AnnouncementMillisMax,
        _ => null,
    };

    public static CallDecision ParentWasSilent(CallDraft decision, RingBackParent parent) => parent.Stage == ParentStage.Asked
        ? Withdraw(decision, RpcError.Unavailable($"the parent {parent.Resource} did not answer"))
        : DialNow(decision);

    // ---- the parent ----

    /// <summary>A child asks a call that is idle, or in a bridge that stands.</summary>
    public static CallDecision HearChild(CallDraft decision, ChildAsks asked)
    {
        var announces = asked.RingBack is { Mode: 3, File.Length: > 0 };
        decision.Add(new DiallingMoved(new ChildDialling
        {
            Child = asked.Child, Stage = announces ? DiallingStage.Announcing : DiallingStage.Calling, RingBack = asked.RingBack,
        }));
        return decision.Do(new AnswerChild(asked.Child, null, !announces)).Build();
    }

    public static CallDecision? HearChildInBridge(CallDraft decision, ChildAsks asked) =>
        decision.State.Bridge is { Stage: BridgeStage.Connected } ? HearChild(decision, asked) : null;

    /// <summary>The child asks again: its answer was lost.</summary>
    public static CallDecision? HearChildAgain(CallDraft decision, ChildAsks asked) => decision.State.Dialling is { } known && known.Child == asked.Child
        ? decision.Do(new AnswerChild(asked.Child, null, known.Stage != DiallingStage.Announcing)).Build()
        : null;

    public static CallDecision RefuseChild(CallDraft decision, ChildAsks asked)
    {
        var call = decision.State;
        var refusal = RpcError.WrongState("sys.call.construct", call.Phase.ToString(), nameof(CallPhase.Idle), nameof(CallPhase.Connect))
            .With("res_id", call.Id.ToString());
        return decision.Do(new AnswerChild(asked.Child, refusal, false)).Build();
    }

    public static CallDecision? ChildIsRinging(CallDraft decision, ChildRings rings)
    {
        if (decision.State.Dialling is not { } dialling || dialling.Child != rings.Child) return null;
        var moved = dialling with { Stage = DiallingStage.Ringing, HasEarlyMedia = rings.HasEarlyMedia };
        return moved == dialling ? decision.Build() : decision.Add(new DiallingMoved(moved)).Build();
    }

    public static CallDecision? ChildIsDone(CallDraft decision, ChildDone done) =>
        decision.State.Dialling?.Child == done.Child ? decision.Add(new DiallingEnded()).Build() : null;

    /// <summary>A file or tone of the ring-back ended by itself. A file that cannot be played gives way to the line's own ring-back.</summary>
    public static CallDecision? RingBackHasEnded(CallDraft decision, PlayFinished played)
    {
        if (decision.State.Dialling is not { } dialling || dialling.Number != played.Number || HeardBy(decision.State) is not (RingBackFile or RingBackTone))
            return null;
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
    public static CallDecision? LineHasFailed(CallDraft decision, BridgeFinished finished)
    {
        if (decision.State.Dialling is not { } dialling || dialling.Number != finished.Number) return null;
        return finished.End is MediaEnd.Completed or MediaEnd.Stopped || !dialling.HasEarlyMedia
            ? decision.Build()
            : decision.Add(new DiallingMoved(dialling with { HasEarlyMedia = false })).Build();
    }

    // ---- what follows from any change, on both sides ----

    /// <summary>
    /// Whatever a decision changed: the parent begins or ceases to hear what its dialling now sounds like, the child tells what it has to tell. Both compare
    /// the states before and after, so no handler has to think of it.
    /// </summary>
    public static CallDecision Follow(CallState? before, CallDecision decision)
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
        return CallDecider.Apply(state, entry);
    }

    /// <summary>What a parent hears of its child's dialling: nothing while it is in a conference.</summary>
    private static RingBackSound? HeardBy(CallState call) =>
        call is { Dialling: { } dialling, Seat: null or { Stage: SeatStage.Requested } } ? RingBackSound.Of(dialling) : null;

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

// ---- what each of them journals ----

/// <summary>What a parent's ring-back is made of (sys.call, <c>construct</c>).</summary>
/// <param name="File">What the parent hears instead of the line's own ring-back; null passes that through.</param>
/// <param name="Mode">
/// 0 from the far ringing on; 1 from dialling to the far ringing, then the line's; 2 from dialling to the answer; 3 to its end before dialling, then the
/// line's.
/// </param>
public sealed record RingBackSpec(string? File, int Mode);

/// <summary>How far the dialling of a child is, as its parent hears it.</summary>
public enum DiallingStage
{
    /// <summary>The file plays to its end first (mode 3); the child waits.</summary>
    Announcing,
    /// <summary>The child's INVITE is on its way.</summary>
    Calling,
    /// <summary>The child's far end rings.</summary>
    Ringing,
}

/// <summary>The dialling of a child call beneath its parent, as the parent journals it. The parent returns to the state it came from when it ends.</summary>
public sealed record ChildDialling
{
    /// <summary>The child's resource id, which names the saga.</summary>
    public required string Child { get; init; }
    /// <summary>How far it is.</summary>
    public required DiallingStage Stage { get; init; }
    /// <summary>What the parent hears.</summary>
    public required RingBackSpec RingBack { get; init; }
    /// <summary>Whether the child's line brings sound of its own (early media).</summary>
    public bool HasEarlyMedia { get; init; }
    /// <summary>Its number in the parent's media side.</summary>
    public long Number { get; init; }
}

/// <summary>How far a child is with the parent that hears its ring-back.</summary>
public enum ParentStage
{
    /// <summary>The parent was asked; the application's request waits for its answer.</summary>
    Asked,
    /// <summary>The parent hears a file to its end before the INVITE goes out.</summary>
    Waiting,
    /// <summary>The INVITE is on its way or answered.</summary>
    Calling,
}

/// <summary>The call or conference that hears a child's ring-back, as the child journals it.</summary>
/// <param name="Resource">The parent's resource id.</param>
/// <param name="Stage">How far it is.</param>
/// <param name="RingBack">What the parent is to hear.</param>
public sealed record RingBackParent(string Resource, ParentStage Stage, RingBackSpec RingBack);

// ---- what they say to each other ----

/// <summary>
/// A call that is being constructed asks this one (or this conference) to hear its ring-back. The child waits for the answer before it dials.
/// </summary>
/// <param name="Child">The child's resource id, which names the saga.</param>
/// <param name="RingBack">What is to be heard.</param>
public sealed record ChildAsks(string Child, RingBackSpec RingBack) : ResourceCommand;

/// <summary>The parent's answer.</summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="Refusal">Why not; null when it hears the ring-back from now on.</param>
/// <param name="MayDial">False where a file is played to its end first: <see cref="ParentReleases"/> follows.</param>
public sealed record ParentAnswers(string Parent, RpcError? Refusal, bool MayDial) : ResourceCommand
{
    /// <inheritdoc/>
    public override bool AnswersHeld => Refusal is null;
}

/// <summary>The file that the parent hears first is over: the child dials now.</summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record ParentReleases(string Parent) : ResourceCommand;

/// <summary>The child's far end rings; told again when that changes.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="HasEarlyMedia">Whether the child's line brings sound of its own.</param>
public sealed record ChildRings(string Child, bool HasEarlyMedia) : ResourceCommand;

/// <summary>The child's dialling ended: it was answered, failed or dropped.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record ChildDone(string Child) : ResourceCommand;

/// <summary>
/// The parent, which goes on at a new owner, asks whether the child is still dialled on it: the journal may end between the child's last word and what the
/// parent made of it. A child that is not, or that does not exist any more, is <see cref="ChildDone"/>.
/// </summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record ParentLooks(string Parent) : ResourceCommand;

/// <summary>Asks the parent; the application's request waits for its answer.</summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="RingBack">What it is to hear.</param>
public sealed record AskParent(string Parent, RingBackSpec RingBack) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool HoldsRequest => true;
}

/// <summary>Answers a child.</summary>
/// <param name="Child">The child's resource id.</param>
/// <param name="Refusal">Why not; null when it is heard from now on.</param>
/// <param name="MayDial">Whether it need not wait for a file's end.</param>
public sealed record AnswerChild(string Child, RpcError? Refusal, bool MayDial) : ResourceEffect;

/// <summary>Lets a child dial that waits for a file's end. Committed, so that it never overtakes the answer.</summary>
/// <param name="Child">The child's resource id.</param>
public sealed record ReleaseChild(string Child) : ResourceEffect;

/// <summary>
/// Tells the parent that the far end rings. A reflex: both live in one instance, whose journal keeps their order, so the parent is never ahead of what is
/// durable.
/// </summary>
/// <param name="Parent">The parent's resource id.</param>
/// <param name="HasEarlyMedia">Whether the line brings sound of its own.</param>
public sealed record TellRinging(string Parent, bool HasEarlyMedia) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}

/// <summary>
/// Tells the parent that the dialling ended. A reflex like <see cref="TellRinging"/>: when the application hears of the end, the parent has left Dial.
/// </summary>
/// <param name="Parent">The parent's resource id.</param>
public sealed record TellDone(string Parent) : ResourceEffect
{
    /// <inheritdoc/>
    public override bool IsReflex => true;
}
