using System.Text.Json;
using Cti.Kernel;

namespace Cti.Calls.Flows;

public static partial class FlowDecider
{
    /// <summary>Folds one fact into the state. Total and without side effects: live handling, recovery and simulation run it alike.</summary>
    /// <exception cref="InvalidOperationException">The journal is broken: an entry other than the creating one for a flow that does not exist.</exception>
    public static FlowState Apply(FlowState? state, FlowEntry entry)
    {
        var next = entry switch
        {
            FlowBegan began => Create(began),
            _ when state is null => throw new InvalidOperationException($"the journal begins with {entry.GetType().Name}"),
            PartyCalled called => With(state, called.Party, party => party with { Stage = PartyStage.Calling, BeginMillis = entry.AtMillis }),
            PartyCreated created => With(state, created.Party, party => party with { Call = created.Call, ToUri = created.ToUri }),
            PartyAnswered answered => With(state, answered.Party, party => party with { Stage = PartyStage.Up, AnswerMillis = answered.AnswerMillis }),
            PartyFailed failed => With(state, failed.Party, static party => party with { Stage = PartyStage.Failed }),
            PartyGone gone => With(state, gone.Party, party => party with { Stage = PartyStage.Gone, DroppedBy = gone.DroppedBy }),
            PartyHeard heard => With(state, heard.Party, party => party with { Heard = heard.Number }),
            ActionBegan => state with { HasBegun = true },
            KeysCame came => state with { Keys = came.Keys },
            PartiesConnected connected => state with { ConnectMillis = connected.ConnectMillis },
            RecordingBegan => state with { IsRecording = true },
            RecordingEnded => state with { IsRecording = false },
            FlowEnding ending => state with { End = new FlowEnd(ending.Error, ending.Message) },
            FlowReleased => state with { WasReleased = true },
            _ => throw new InvalidOperationException($"unknown entry {entry.GetType().Name}"),
        };
        return next with { LastMillis = entry.AtMillis, EventCount = next.EventCount + entry.Events };
    }

    private static FlowState With(FlowState state, int party, Func<FlowParty, FlowParty> change) =>
        party == 1 ? state with { First = change(state.First) } : state with { Second = change(state.Second!) };

    private static FlowState Create(FlowBegan began) => new()
    {
        Id = ResourceId.TryParse(began.Id, out var id) ? id : throw new InvalidOperationException($"the journal names a resource {began.Id}"),
        Application = began.Application,
        UserData = began.Spec.First.UserData,
        BeginMillis = began.AtMillis,
        Spec = began.Spec,
        First = new FlowParty { Stage = PartyStage.Calling, ToUri = began.ToUri, BeginMillis = began.AtMillis },
        Second = began.Spec is DuoSpec ? new FlowParty { Stage = PartyStage.Waiting } : null,
    };

    /// <summary>What a flow reads in an event of one of its calls.</summary>
    private sealed record OwnedNews(FlowEnd End, long? AnswerSeconds, long EndSeconds, string Keys, string DroppedBy)
    {
        public static OwnedNews Read(ReadOnlyMemory<byte> parameters)
        {
            using var document = JsonDocument.Parse(parameters);
            var root = document.RootElement;
            var end = new FlowEnd(null, null);
            if (root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
                end = new FlowEnd(error.GetProperty("code").GetInt32(), error.GetProperty("message").GetString());
            return new OwnedNews(end, Number(root, "answer_time"), Number(root, "end_time") ?? 0, Text(root, "keys"), Text(root, "dropped_by"));
        }

        private static long? Number(JsonElement root, string name) =>
            root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;

        private static string Text(JsonElement root, string name) =>
            root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

        public override string ToString() => nameof(OwnedNews);
    }
}
