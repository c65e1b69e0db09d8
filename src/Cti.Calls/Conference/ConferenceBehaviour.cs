using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference.States;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>
/// A documented state of a conference: what it accepts, what it hears, when it ends by itself. Which one it is in follows from its facts
/// (<see cref="ConferenceState.Phase"/>). Both generations know the same ones.
/// <code>
///   Initiated ──first member──► Active ──release, limit, threshold──► Released
///       ▲  └──180 s without a member────────────────────────────────────▲
///       └──────── last member leaves ──┘
/// </code>
/// </summary>
/// <param name="phase">The state.</param>
public abstract class ConferenceBehaviour(ConferencePhase phase) : Behaviour<ConferenceDecision, ConferenceState, ConferenceEntry>
{
    private static readonly ConferenceBehaviour[] States = [new Initiated(), new Active(), new Released()];

    private static readonly string[] Alive = [nameof(ConferencePhase.Initiated), nameof(ConferencePhase.Active)];

    /// <summary>The state.</summary>
    public ConferencePhase Phase { get; } = phase;

    /// <inheritdoc/>
    public override string Name => Phase.ToString();

    /// <summary>The behaviour of a state.</summary>
    public static ConferenceBehaviour Of(ConferencePhase phase) => States[(int)phase];

    /// <inheritdoc/>
    public override ConferenceDecision Decide(ConferenceState conference, ResourceCommand command, long now, CallSettings settings) =>
        Decide(new ConferenceDraft(conference, now, settings, ConferenceDecider.Apply), command);

    /// <summary>When the conference next needs <see cref="TimeReached"/>, in Unix milliseconds; null never.</summary>
    internal virtual long? NextDeadline(ConferenceState conference) => null;

    private protected virtual ConferenceDecision Decide(ConferenceDraft decision, ResourceCommand command) => command is ResourceRequest request
        ? Accept(decision, request, null) ?? throw new InvalidOperationException($"unknown request {request.GetType().Name}")
        : Hear(decision, command, isOnTop: true) ?? throw new InvalidOperationException($"unknown command {command.GetType().Name}");

    /// <summary>Refuses a request for a reason that is finer than the state.</summary>
    internal static ConferenceDecision Refuse(ConferenceDraft decision, ResourceRequest request, string why)
    {
        var state = decision.State.StateName(request.Generation);
        return ConferenceDecision.Refuse(new RpcError(ErrorCodes.Conflict, $"{request.Method}: {why}").With("state", state).With("allowed", Alive));
    }
}

/// <summary>What a conference does in both states in which it is alive.</summary>
internal abstract class AliveConference : ConferenceBehaviour
{
    private protected AliveConference(ConferencePhase phase) : base(phase)
    {
        Accepts<ReleaseConference>(static (decision, _) =>
            ConferenceEnding.Release(decision.ReplyNull(), ConferenceEnding.Ended("the conference was released")));
        Accepts<ListMembers>(static (decision, _) => decision.Reply(ConferenceEvents.Members(decision.State)).Build());
        Accepts<StartConferencePlay>(ConferenceSound.PlayStart);
        Accepts<StopConferencePlay>(ConferenceSound.PlayStop);
        Accepts<StartConferenceRecord>(ConferenceSound.RecordStart);
        Accepts<StopConferenceRecord>(ConferenceSound.RecordStop);
        Accepts<SetThreshold>(static (decision, set) => decision.Add(new ThresholdSet(set.Value)).ReplyNull().Build());
        Accepts<SetMemberMode>(Membership.SetMode);
        Accepts<SetMemberVolume>(Membership.SetVolume);
        Accepts<TouchConference>(static (decision, _) => decision.ReplyNull().Build());

        Hears<EnterAsked>(Membership.EntryIsAsked);
        Hears<MemberLeaves>(Membership.MemberHasLeft);
        Hears<MemberTalks>(Membership.MemberHasTalked);
        Hears<ChildAsks>(Ringing.ChildHasAsked);
        Hears<ChildRings>(Ringing.ChildHasRung);
        Hears<ChildDone>(Ringing.ChildIsDone);
        Hears<PlayFinished>(ConferenceSound.PlayHasFinished);
        Hears<RecordBegan>(ConferenceSound.RecordHasBegun);
        Hears<RecordFinished>(ConferenceSound.RecordHasFinished);

        Hears<TimeReached>((decision, _) => TimeHasCome(decision));
        Hears<WasRecovered>(ConferenceTakeover.Begins);
        Hears<PeerMoved>(ConferenceTakeover.PeerHasMoved);
        Hears<NodeLost>(static (decision, _) =>
            ConferenceEnding.Release(decision, ConferenceEnding.Interrupted("interrupted by the loss of a node"), isOrdinary: false));
        Hears<NodeStops>(static (decision, _) => ConferenceEnding.Release(decision, ConferenceEnding.Interrupted("the node stops"), isOrdinary: false));
        Hears<ConferenceBroke>(static (decision, _) =>
            ConferenceEnding.Release(decision, new ActionEnding(ErrorCodes.ServerError, "a fault in the media side"), isOrdinary: false));
    }

    internal override long? NextDeadline(ConferenceState conference)
    {
        var next = LimitOf(conference);
        return RecordLimitOf(conference) is { } record && record < next ? record : next;
    }

    private protected virtual ConferenceDecision TimeHasCome(ConferenceDraft decision)
    {
        var conference = decision.State;
        if (decision.Now >= LimitOf(conference)) return ConferenceEnding.Release(decision, ConferenceEnding.Ended("max_seconds is over"));
        if (RecordLimitOf(conference) is { } due && decision.Now >= due)
            ConferenceSound.StopRecording(decision, conference.Recording!, new ActionEnding(ErrorCodes.Timeout, "max_seconds is over"));
        return decision.Build();
    }

    private protected static long LimitOf(ConferenceState conference) => conference.BeginMillis + (conference.MaxSeconds * 1000L);

    private static long? RecordLimitOf(ConferenceState conference) =>
        conference.Recording is { Ending: null, BeganMillis: { } began, MaxSeconds: { } seconds } ? began + (seconds * 1000L) : null;
}
