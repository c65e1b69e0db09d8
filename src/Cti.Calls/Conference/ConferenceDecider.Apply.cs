using System.Collections.Immutable;
using Cti.Kernel;

namespace Cti.Calls.Conference;

public static partial class ConferenceDecider
{
    /// <summary>Folds one fact into the state. Total and without side effects: live handling, recovery and simulation run it alike.</summary>
    /// <exception cref="InvalidOperationException">The journal is broken: an entry other than the creating one for a conference that does not exist.</exception>
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
