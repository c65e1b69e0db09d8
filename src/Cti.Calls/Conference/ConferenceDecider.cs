using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>
/// The functional core of a conference: pure functions of state, command and time, like <see cref="CallDecider"/>.
/// <code>
///   Initiated ──first member──► Active ──release, limit, threshold──► Released
///       ▲  └──180 s without a member────────────────────────────────────▲
///       └──────── last member leaves ──┘
/// </code>
/// </summary>
public static partial class ConferenceDecider
{
    private static readonly string[] Alive = [nameof(ConferencePhase.Initiated), nameof(ConferencePhase.Active)];

    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating one only.</summary>
    /// <param name="state">The conference.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static ConferenceDecision Decide(ConferenceState? state, ResourceCommand command, long now, CallSettings settings)
    {
        var decision = new ConferenceDraft(state, now, settings, Apply);
        if (command is ConstructConference construct)
            return state is null ? Construct(decision, construct) : throw new InvalidOperationException("a conference that exists is constructed");
        if (state is null) throw new InvalidOperationException($"{command.GetType().Name} for a conference that does not exist");
        if (state.WasReleased) return DecideReleased(decision, command);
        return command switch
        {
            ResourceRequest request => DecideRequest(decision, request),
            EnterAsked asked => EntryIsAsked(decision, asked),
            MemberLeaves left => MemberHasLeft(decision, left),
            MemberTalks talks => MemberHasTalked(decision, talks),
            PlayFinished played => PlayHasFinished(decision, played),
            RecordBegan began => RecordHasBegun(decision, began),
            RecordFinished recorded => RecordHasFinished(decision, recorded),
            ChildAsks asks => ChildHasAsked(decision, asks),
            ChildRings rings => ChildHasRung(decision, rings),
            ChildDone done => ChildIsDone(decision, done),
            TimeReached => TimeHasCome(decision),
            WasRecovered taken => IsRecovered(decision, taken),
            PeerMoved moved => PeerHasMoved(decision, moved),
            NodeLost => Release(decision, Interrupted("interrupted by the loss of a node"), isOrdinary: false),
            NodeStops => Release(decision, Interrupted("the node stops"), isOrdinary: false),
            ConferenceBroke => Release(decision, new ActionEnding(ErrorCodes.ServerError, "a fault in the media side"), isOrdinary: false),
            _ => throw new InvalidOperationException($"unknown command {command.GetType().Name}"),
        };
    }

    /// <summary>The command that a recovery gives to a conference that its journal shows alive.</summary>
    /// <param name="state">The conference.</param>
    /// <param name="lostAtMillis">When its former owner was last known to be alive.</param>
    public static ResourceCommand? Resume(ConferenceState state, long lostAtMillis) => state.WasReleased ? null : new WasRecovered(lostAtMillis);

    /// <summary>When the conference next needs <see cref="TimeReached"/>, in Unix milliseconds, or null.</summary>
    public static long? NextDeadline(ConferenceState conference)
    {
        if (conference.WasReleased) return null;
        var next = LimitOf(conference);
        if (conference.Members.IsEmpty) next = Math.Min(next, EmptyLimitOf(conference));
        if (RecordLimitOf(conference) is { } record) next = Math.Min(next, record);
        return next;
    }

    private static ConferenceDecision TimeHasCome(ConferenceDraft decision)
    {
        var conference = decision.State;
        if (decision.Now >= LimitOf(conference)) return Release(decision, Ended("max_seconds is over"));
        if (conference.Members.IsEmpty && decision.Now >= EmptyLimitOf(conference)) return Release(decision, Ended("nobody was in for too long"));
        if (RecordLimitOf(conference) is { } due && decision.Now >= due)
            StopRecording(decision, conference.Recording!, new ActionEnding(ErrorCodes.Timeout, "max_seconds is over"));
        return decision.Build();
    }

    private static long LimitOf(ConferenceState conference) => conference.BeginMillis + (conference.MaxSeconds * 1000L);

    private static long EmptyLimitOf(ConferenceState conference) => conference.EmptySinceMillis + Limits.ConferenceEmptyMillis;

    private static long? RecordLimitOf(ConferenceState conference) =>
        conference.Recording is { Ending: null, BeganMillis: { } began, MaxSeconds: { } seconds } ? began + (seconds * 1000L) : null;

    private static ConferenceDecision DecideRequest(ConferenceDraft decision, ResourceRequest request) => request switch
    {
        ReleaseConference => Release(decision.ReplyNull(), Ended("the conference was released")),
        ListMembers => decision.Reply(ConferenceEvents.Members(decision.State)).Build(),
        StartConferencePlay play => PlayStart(decision, play),
        StopConferencePlay stop => PlayStop(decision, stop),
        StartConferenceRecord record => RecordStart(decision, record),
        StopConferenceRecord stop => RecordStop(decision, stop),
        SetThreshold set => decision.Add(new ThresholdSet(set.Value)).ReplyNull().Build(),
        SetMemberMode set => ChangeMember(decision, set, set.Call, member => member with { VoiceMode = set.Mode }),
        SetMemberVolume set => ChangeMember(decision, set, set.Call, member => member with { Volume = set.Volume }),
        TouchConference => decision.ReplyNull().Build(),
        _ => throw new InvalidOperationException($"unknown request {request.GetType().Name}"),
    };

    private static ConferenceDecision DecideReleased(ConferenceDraft decision, ResourceCommand command)
    {
        var gone = RpcError.NoSuchResource(decision.State.Id.ToString());
        return command switch
        {
            ResourceRequest => ConferenceDecision.Refuse(gone),
            EnterAsked asked => decision.Do(new AnswerEntry(asked.Call, asked.Op, gone)).Build(),
            ChildAsks asks => decision.Do(new AnswerChild(asks.Child, gone, false)).Build(),
            _ => decision.Build(),
        };
    }

    private static ConferenceDecision Construct(ConferenceDraft decision, ConstructConference make)
    {
        decision.Add(new ConferenceMade(make.Id.ToString(), make.Application, make.MaxSeconds, make.Background, make.PartsThreshold, make.TalkerEvents, make.UserData));
        if (make.RecordPath is { } path) BeginRecording(decision, path, make.RecordFormat!, null);
        return decision.Reply(ConferenceEvents.ConstructResult(decision.State)).Build();
    }

    /// <summary>One decision: everyone is out, what runs is completed, and it is over. The members' own completions follow when they hear of it.</summary>
    private static ConferenceDecision Release(ConferenceDraft decision, ActionEnding ending, bool isOrdinary = true)
    {
        var told = isOrdinary ? new ActionEnding() : ending;
        foreach (var member in decision.State.Members)
        {
            Exit(decision, member);
            decision.Do(new PartMember(member.Call, member.Op, told.Error, told.Message));
        }
        if (decision.State.Play is { } play) EndPlay(decision, play, ending);
        if (decision.State.Recording is { } record) EndRecording(decision, record, ending);
        decision.Add(new ConferenceReleased()).Do(new CloseMix());
        return decision.Emit("sys.conf.on_released", ConferenceEvents.Released(decision.State, decision.Now)).Build();
    }

    private static ActionEnding Ended(string message) => new(ErrorCodes.Gone, message);

    private static ActionEnding Interrupted(string message) => new(ErrorCodes.Unavailable, message);

    private static ConferenceDecision Refuse(ConferenceDraft decision, ResourceRequest request, string why)
    {
        var state = decision.State.StateName(request.Generation);
        return ConferenceDecision.Refuse(new RpcError(ErrorCodes.Conflict, $"{request.Method}: {why}").With("state", state).With("allowed", Alive));
    }
}
