using Cti.Calls.Call.Sagas;
using Cti.Calls.Call.States;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>
/// A documented state of a call, as a thing one can open: what it accepts, what it hears, when it ends by itself, what lies beneath it. Which state a call is
/// in follows from its facts (<see cref="CallState.Phase"/>), so a call comes back by itself to the state that lies beneath.
/// <code>
///                  ┌─────────────── Initiated ───────────────┐
///    outbound: 180 │      │ outbound: 200   │ inbound: answer │ refused, cancelled, redirected, over in time
///                  ▼      │                 ▼                 │
///                Ring ────┤ 200           Answer              │
///                  ┊      ▼                 │ ACK             │
///                  ┊    ╔══════ Idle ◄══════╧══════╗          │
///                  ┊    ║ *_start    completed     ║          │
///                  ┊    ╠══► Play · Record · SendDtmf · ReceiveDtmf ══╣
///                  ┊    ╠══► Connect   connect_start, or asked to join by another call
///                  ┊    ╠══► Dial      a child is dialled on it: over Idle or Connect
///                  ┊    ╚══► Conf      conf_enter
///                  ┊          ▲                    drop, BYE, limits, faults: from every state ──► Released
///                  └┄┄┄┄┄┄┄┄┄┄┘ present generation: Conf also over Ring, Dial and (until it is let in) Play
/// </code>
/// <list type="bullet">
/// <item>The older generation (V1) shows Ring as Initiated, enters a conference from Idle only, and refuses a caller by <c>drop</c> too.</item>
/// <item>The present one (V2) has Ring, enters from Ring, Idle, Play and Dial, and drops an inbound call only once it is answered.</item>
/// <item>A request is decided by the uppermost state alone. News goes down through the states beneath until one makes it its own; what none of them does,
/// every state does alike (<see cref="EveryState"/>).</item>
/// </list>
/// </summary>
/// <param name="phase">The state.</param>
public abstract class CallBehaviour(CallPhase phase) : Behaviour<CallDecision, CallState, CallEntry>
{
    /// <summary>The state.</summary>
    public CallPhase Phase { get; } = phase;

    /// <inheritdoc/>
    public override string Name => Phase.ToString();

    /// <summary>The only direction of calls that are ever in it; null for both.</summary>
    public virtual CallDirection? Direction => null;

    /// <inheritdoc/>
    public override CallDecision Decide(CallState call, ResourceCommand command, long now, CallSettings settings) =>
        Dialling.Follow(call, Decide(new CallDraft(call, now, settings, CallDecider.Apply, OwnerNotices.NoticeOf), command));

    /// <summary>The state that the call falls back to when this one ends; null where there is none.</summary>
    internal virtual CallBehaviour? Beneath(CallState call) => null;

    /// <summary>When this state needs <see cref="DeadlineHasCome"/>, in Unix milliseconds; null never.</summary>
    internal virtual long? Deadline(CallState call, CallSettings settings) => null;

    /// <summary>What its deadline does.</summary>
    private protected virtual CallDecision DeadlineHasCome(CallDraft decision) => decision.Build();

    /// <summary>The earliest of what this state and those beneath it wait for.</summary>
    internal long? NextDeadline(CallState call, CallSettings settings)
    {
        var next = Deadline(call, settings);
        return Beneath(call)?.NextDeadline(call, settings) is { } beneath && !(next <= beneath) ? beneath : next;
    }

    private protected virtual CallDecision Decide(CallDraft decision, ResourceCommand command) => command switch
    {
        ResourceRequest { Once: { } once } request => OwnerNotices.Once(decision, request, once) ?? Decide(decision, request with { Once = null }),
        ResourceRequest request =>
            Accept(decision, request, decision.State.Direction) ?? EveryState.Alike.Accept(decision, request) ?? Refusals.WrongState(decision.State, request),
        TimeReached => EveryState.TimeHasCome(decision) ?? TimeHasCome(decision) ?? decision.Build(),
        _ => HearOrPassOn(decision, command, isOnTop: true) ?? EveryState.Alike.Hear(decision, command) ?? Nothing(decision, command),
    };

    /// <summary>Refuses a request that this state accepts in general.</summary>
    private protected static CallDecision Refuse(CallDraft decision, ResourceRequest request) => Refusals.WrongState(decision.State, request);

    /// <summary>What every state of an answered call accepts of transfers, beside whatever it does.</summary>
    private protected void AcceptsTransfers()
    {
        Accepts<ReferCall>(Referring.Begin);
        Accepts<AcceptRefer>(BeingReferred.Accept);
        Accepts<RejectRefer>(BeingReferred.Reject);
        Accepts<NotifyRefer>(BeingReferred.Tell);
    }

    private CallDecision? HearOrPassOn(CallDraft decision, ResourceCommand news, bool isOnTop) =>
        Hear(decision, news, isOnTop) ?? Beneath(decision.State)?.HearOrPassOn(decision, news, isOnTop: false);

    /// <summary>From the bottom up: what lies above a dialling does not stop its clocks.</summary>
    private CallDecision? TimeHasCome(CallDraft decision)
    {
        var call = decision.State;
        if (Beneath(call)?.TimeHasCome(decision) is { } beneath) return beneath;
        return Deadline(call, decision.Settings) is { } due && decision.Now >= due ? DeadlineHasCome(decision) : null;
    }

    private static CallDecision Nothing(CallDraft decision, ResourceCommand news) =>
        CallStates.IsHeard(news.GetType()) ? decision.Build() : throw new InvalidOperationException($"unknown command {news.GetType().Name}");
}

/// <summary>What every state of a call but Released does alike.</summary>
internal sealed class EveryState : CallBehaviour
{
    private EveryState() : base(default)
    {
        Accepts<TouchCall>(static (decision, _) => decision.ReplyNull().Build());
        Accepts<StartSideRecord>(SideRecordings.Start);
        Accepts<StopSideRecord>(static (decision, _) => SideRecordings.Stop(decision));

        Hears<ByeArrived>(FarEnd.HungUp);
        Hears<DialogChanged>(Takeover.DialogHasChanged);
        Hears<TargetMoved>(FarEnd.Moved);
        Hears<DialogLost>(FarEnd.LostTheDialog);
        Hears<MediaLost>(static (decision, _) => FarEnd.FellSilent(decision));

        Hears<RecordFinished>(SideRecordings.HasEnded);
        // Only a released call has something to settle.
        Hears<FarEndSettled>(static (decision, _) => decision.Build());
        Hears<OwnerHas>(static (decision, _) => decision.Build());

        // What another resource says of something that the call does not know any more, or never did.
        Hears<JoinAsked>(Bridging.RefuseToJoin);
        Hears<JoinAnswered>(Bridging.LeaveUnknown);
        Hears<BridgeAsked>(static (decision, asked) => Bridging.Part(decision, asked.Second, asked.Op));
        Hears<EnterAnswered>(Entering.LeaveUnknown);
        Hears<SeatAsked>(static (decision, asked) => Entering.Leave(decision, asked.Conference, asked.Op));
        Hears<ChildAsks>(Dialling.RefuseChild);
        Hears<ParentLooks>(Dialling.ParentLooksForChild);
        Hears<PeerMoved>(PartnerHasMoved);

        Hears<ReferAnswered>(Referring.HasAnswered);
        Hears<ReferReported>(Referring.IsReported);
        Hears<ReferArrived>(BeingReferred.HasArrived);
        Hears<ReportAnswered>(BeingReferred.IsAnswered);
        Hears<DialogAsked>(Referring.SayWhichDialog);
        Hears<DialogTold>(static (decision, told) =>
            Referring.DialogIsTold(decision, told) ?? BeingReferred.DialogIsTold(decision, told) ?? decision.Build());
        Hears<ReplacedBy>(Replacing.IsReplaced);

        Hears<TakenOver>(Takeover.Begins);
        Hears<TakeoverRefused>(Takeover.IsRefused);
        Hears<SoundGoesOn>(static (decision, _) => Takeover.AskWhoSharesTheSound(decision, decision.Now).Build());
        Hears<NodeLost>(static (decision, lost) => Takeover.Lost(decision, lost.Told));
        Hears<NodeStops>(static (decision, _) => Ending.Interrupted(decision, "the node stops"));
        Hears<OwnerGone>(static (decision, _) => Ending.Interrupted(decision, "the flow that drove it is gone"));
    }

    public static EveryState Alike { get; } = new();

    public CallDecision? Accept(CallDraft decision, ResourceRequest request) => Accept(decision, request, decision.State.Direction);

    public CallDecision? Hear(CallDraft decision, ResourceCommand news) => Hear(decision, news, isOnTop: true);

    /// <summary>The limit on the answered time, whatever the call does.</summary>
    public static long? LimitOf(CallState call) => call.AnswerMillis is { } answered ? answered + (call.MaxAnswerSeconds * 1000L) : null;

    /// <summary>What runs out whatever the call does: the answered time, and the patience with transfers.</summary>
    public static long? Deadline(CallState call) => Earlier(LimitOf(call), Earlier(Referring.Deadline(call), BeingReferred.Deadline(call)));

    public static CallDecision? TimeHasCome(CallDraft decision)
    {
        var call = decision.State;
        if (LimitOf(call) is { } limit && decision.Now >= limit)
            return Ending.Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "max_answer_seconds is over"));
        // A transfer ends nothing but itself: whatever else is due is decided on as well.
        if (call.Referral is { } referral && decision.Now >= referral.DeadlineMillis) Referring.TimeHasCome(decision, referral);
        if (call.Referred is { } referred && decision.Now >= referred.DeadlineMillis) BeingReferred.TimeHasCome(decision, referred);
        return null;
    }

    private static long? Earlier(long? one, long? other) => one <= other || other is null ? one : other;

    private static CallDecision PartnerHasMoved(CallDraft decision, PeerMoved moved)
    {
        Bridging.PartnerHasMoved(decision, moved);
        Entering.ConferenceHasMoved(decision, moved);
        Referring.OtherHasMoved(decision, moved);
        BeingReferred.OtherHasMoved(decision, moved);
        return decision.Build();
    }
}
