using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>
/// The functional core of <c>ext.*</c>: pure functions of state, command and time, like <see cref="CallDecider"/>; what is decided stands with the flows.
/// </summary>
public static class FlowDecider
{
    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating one only.</summary>
    /// <param name="state">The flow.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static FlowDecision Decide(FlowState? state, ResourceCommand command, long now, CallSettings settings)
    {
        if (command is BeginFlow begin)
            return state is null ? Begin(new FlowDraft(null, now, settings, Apply), begin)
                : throw new InvalidOperationException("BeginFlow for a flow that exists");
        if (state is null) throw new InvalidOperationException($"{command.GetType().Name} for a flow that does not exist");
        return FlowBehaviour.Of(state.Spec).Decide(state, command, now, settings);
    }

    /// <summary>What a recovery gives to a flow that its journal shows alive.</summary>
    /// <param name="state">The flow.</param>
    /// <param name="lostAtMillis">When its former owner was last known to be alive.</param>
    public static ResourceCommand? Resume(FlowState state, long lostAtMillis) => state.WasReleased ? null : new WasRecovered(lostAtMillis);

    /// <summary>
    /// The answer to a <c>construct</c> that was lost with a node: the call exists, and the flow that asked for it is still calling that party. Null for a call
    /// that the flow knows, or that is withdrawn because its parent had not agreed.
    /// </summary>
    /// <param name="flow">The flow.</param>
    /// <param name="call">A call that it drives.</param>
    public static OwnedReplied? FindParty(FlowState flow, CallState call)
    {
        if (call.IsOver || FlowBehaviour.NumberOf(flow, call.Id.ToString()) is not null || call.Parent is { Stage: ParentStage.Asked }) return null;
        for (var party = 1; party <= 2; party++)
        {
            if (flow.Party(party) is { Stage: PartyStage.Calling, Call: null })
                return new OwnedReplied(party, FlowAsk.Construct, CallEvents.ConstructResult(call), null);
        }
        return null;
    }

    private static FlowDecision Begin(FlowDraft decision, BeginFlow begin) =>
        decision.Add(new FlowBegan(begin.Id.ToString(), begin.Application, begin.Spec, begin.ToUri)).Do(new CallParty(1))
            .Reply(FlowQueries.ConstructResult(decision.State)).Build();

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
}
