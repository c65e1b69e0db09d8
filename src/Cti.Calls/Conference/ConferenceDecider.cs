using System.Collections.Immutable;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>
/// The functional core of a conference: pure functions of state, command and time, like <see cref="CallDecider"/>; what is decided stands with the states
/// (<see cref="ConferenceBehaviour"/> has the picture).
/// </summary>
public static class ConferenceDecider
{
    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating one only.</summary>
    /// <param name="state">The conference.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static ConferenceDecision Decide(ConferenceState? state, ResourceCommand command, long now, CallSettings settings) => (state, command) switch
    {
        (null, ConstructConference construct) => Construct(new ConferenceDraft(null, now, settings, Apply), construct),
        (null, _) => throw new InvalidOperationException($"{command.GetType().Name} for a conference that does not exist"),
        (_, ConstructConference) => throw new InvalidOperationException("a conference that exists is constructed"),
        _ => ConferenceBehaviour.Of(state.Phase).Decide(state, command, now, settings),
    };

    /// <summary>The command that a recovery gives to a conference that its journal shows alive.</summary>
    /// <param name="state">The conference.</param>
    /// <param name="lostAtMillis">When its former owner was last known to be alive.</param>
    public static ResourceCommand? Resume(ConferenceState state, long lostAtMillis) => state.WasReleased ? null : new WasRecovered(lostAtMillis);

    /// <summary>When the conference next needs <see cref="TimeReached"/>, in Unix milliseconds, or null.</summary>
    public static long? NextDeadline(ConferenceState conference) => ConferenceBehaviour.Of(conference.Phase).NextDeadline(conference);

    /// <summary>Whether a call that asks becomes a member by the decision on it: the media side takes it in before that.</summary>
    public static bool WillEnter(ConferenceState conference, EnterAsked asked) =>
        !conference.WasReleased && !asked.IsEntered && conference.Members.Length < Limits.ConferenceMembersMax
            && conference.MemberOf(asked.Call)?.Op != asked.Op;

    /// <summary>Whether a call that asks is in already: its sound is taken in anew, where one of the two has moved.</summary>
    public static bool IsIn(ConferenceState conference, EnterAsked asked) => conference.MemberOf(asked.Call)?.Op == asked.Op;

    private static ConferenceDecision Construct(ConferenceDraft decision, ConstructConference make)
    {
        decision.Add(new ConferenceMade(make.Id.ToString(), make.Application, make.MaxSeconds, make.Background, make.PartsThreshold, make.TalkerEvents,
            make.UserData));
        if (make.RecordPath is { } path) ConferenceSound.BeginRecording(decision, path, make.RecordFormat!, null);
        return decision.Reply(ConferenceEvents.ConstructResult(decision.State)).Build();
    }

    /// <summary>Folds one fact into the state. Total and without side effects: live handling, recovery and simulation run it alike.</summary>
    /// <exception cref="InvalidOperationException">
    /// The journal is broken: an entry other than the creating one for a conference that does not exist.
    /// </exception>
    public static ConferenceState Apply(ConferenceState? state, ConferenceEntry entry)
    {
        var next = entry switch
        {
            ConferenceMade made => Create(made),
            _ when state is null => throw new InvalidOperationException($"the journal begins with {entry.GetType().Name}"),
            MemberEntered entered => WithMembers(state, Without(state, entered.Member.Call).Add(entered.Member), entry.AtMillis),
            MemberChanged changed => state with { Members = [.. state.Members.Select(member => member.Call == changed.Member.Call ? changed.Member : member)] },
            MemberExited exited => WithMembers(state, Without(state, exited.Call), entry.AtMillis),
            ThresholdSet set => state with { PartsThreshold = set.Value },
            PlayBegan began => state with { Play = began.Play, ActionCount = Math.Max(state.ActionCount, began.Play.Number) },
            PlayEnded => state with { Play = null },
            RecordingSet set => state with { Recording = set.Recording, ActionCount = Math.Max(state.ActionCount, set.Recording.Number) },
            RecordingEnded => state with { Recording = null },
            ChildSet set when state.ChildOf(set.Child.Child) is { } known => state with { Children = state.Children.Replace(known, set.Child) },
            ChildSet set => state with { Children = state.Children.Add(set.Child) },
            ChildForgotten forgotten => state with { Children = state.Children.RemoveAll(child => child.Child == forgotten.Child) },
            ConferenceReleased => state with { WasReleased = true, Members = [], Children = [], Play = null, Recording = null },
            _ => throw new InvalidOperationException($"unknown entry {entry.GetType().Name}"),
        };
        return next with { LastMillis = entry.AtMillis, EventCount = next.EventCount + entry.Events };
    }

    private static ConferenceState WithMembers(ConferenceState state, ImmutableArray<Participant> members, long now) => state with
    {
        Members = members,
        HadTwo = state.HadTwo || members.Length > 1,
        EmptySinceMillis = members.IsEmpty ? now : state.EmptySinceMillis,
    };

    private static ImmutableArray<Participant> Without(ConferenceState state, string call) => state.Members.RemoveAll(member => member.Call == call);

    private static ConferenceState Create(ConferenceMade made) => new()
    {
        Id = ResourceId.TryParse(made.Id, out var id) ? id : throw new InvalidOperationException($"the journal names a resource {made.Id}"),
        Application = made.Application,
        UserData = made.UserData,
        BeginMillis = made.AtMillis,
        EmptySinceMillis = made.AtMillis,
        MaxSeconds = made.MaxSeconds,
        Background = made.Background,
        PartsThreshold = made.PartsThreshold,
        TalkerEvents = made.TalkerEvents,
    };
}
