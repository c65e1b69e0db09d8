using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Flows;

/// <summary>
/// The functional core of <c>ext.*</c>. A flow is an application inside the server: it is told what an application would be told of its calls, and gives
/// them the requests that an application would.
/// <code>
///   Initiated ──first answers──► Answered ──(duo) second answers──► Connected
///       │                           │                                  │
///       └──── failed, dropped ──────┴──── done, hung up, dropped ──────┴──► ending ──every call's end is known──► Released
/// </code>
/// Whatever ends it first decides how it ends (<see cref="FlowEnding"/>) and hangs up what is up; the ends of its calls only complete that.
/// It has no clock of its own: every limit on time is one of its calls'.
/// </summary>
public static partial class FlowDecider
{
    /// <summary>Decides on one command. <paramref name="state"/> is null for the creating one only.</summary>
    /// <param name="state">The flow.</param>
    /// <param name="command">What came.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="settings">The configured limits.</param>
    public static FlowDecision Decide(FlowState? state, ResourceCommand command, long now, CallSettings settings)
    {
        var decision = new FlowDraft(state, now, settings, Apply);
        if (command is BeginFlow begin)
            return state is null ? Begin(decision, begin) : throw new InvalidOperationException("BeginFlow for a flow that exists");
        if (state is null) throw new InvalidOperationException($"{command.GetType().Name} for a flow that does not exist");
        if (state.WasReleased) return DecideReleased(decision, command);
        switch (command)
        {
            case DropFlow:
                DropIsAsked(decision.ReplyNull());
                break;
            case CancelFlow cancel when state.ConnectMillis is not null:
                return FlowDecision.Refuse(RpcError.WrongState(cancel.Method, state.StateName(cancel.Generation), nameof(FlowPhase.Initiated), nameof(FlowPhase.Answered)));
            case CancelFlow:
                End(decision.ReplyNull(), new FlowEnd(ErrorCodes.Terminated, "cancelled"), ErrorCodes.Terminated);
                break;
            case OwnedReplied replied:
                CallHasReplied(decision, replied);
                break;
            case OwnedHappened happened:
                CallHasTold(decision, happened);
                break;
            case OwnedGone gone when NumberOf(state, gone.Resource) is { } party:
                Lose(decision, party, "a fault of the server ended the call");
                break;
            case NodeStops:
                End(decision, new FlowEnd(ErrorCodes.Unavailable, "the node stops"), ErrorCodes.Unavailable);
                break;
            case WasRecovered:
                Resume(decision);
                break;
            case NodeLost:
                Interrupt(decision);
                break;
            case OwnedGone or TimeReached or PeerMoved:
                break;
            default:
                throw new InvalidOperationException($"unknown command {command.GetType().Name}");
        }
        return decision.Build();
    }

    /// <summary>What a recovery gives to a flow that its journal shows alive.</summary>
    /// <param name="state">The flow.</param>
    /// <param name="lostAtMillis">When its former owner was last known to be alive.</param>
    public static ResourceCommand? Resume(FlowState state, long lostAtMillis) => state.WasReleased ? null : new WasRecovered(lostAtMillis);

    private static FlowDecision Begin(FlowDraft decision, BeginFlow begin) =>
        decision.Add(new FlowBegan(begin.Id.ToString(), begin.Application, begin.Spec, begin.ToUri)).Do(new CallParty(1))
            .Reply(FlowQueries.ConstructResult(decision.State)).Build();

    private static FlowDecision DecideReleased(FlowDraft decision, ResourceCommand command)
    {
        if (command is ResourceRequest) return FlowDecision.Refuse(RpcError.NoSuchResource(decision.State.Id.ToString()));
        if (command is OwnedReplied { What: FlowAsk.Construct, Refusal: null } late) decision.Do(new AbandonOwned(late.Member("res_id")));
        if (command is OwnedHappened { Number: > 0 } told) decision.Do(new ConfirmOwned(told.Resource, told.Number));
        return decision.Build();
    }

    private static void CallHasReplied(FlowDraft decision, OwnedReplied replied)
    {
        switch (replied.What, replied.Refusal)
        {
            case (FlowAsk.Construct, null):
                PartyIsThere(decision, replied);
                break;
            case (FlowAsk.Construct, { } refusal):
                NotConstructed(decision, replied.Party, refusal);
                break;
            case (FlowAsk.Action, null):
                decision.Add(new ActionBegan());
                break;
            case (FlowAsk.Connect, { Code: ErrorCodes.NotFound }) when decision.State is { End: null, Second.Stage: PartyStage.Gone, First.Stage: PartyStage.Up }:
                // The second party hung up before the two were connected: there is no connection whose end could be waited for.
                End(decision, new FlowEnd(null, null), Done);
                break;
            case (_, null) or (_, { Code: ErrorCodes.NotFound }):
                // A call that is gone has said so, or is about to: that is what decides.
                break;
            case (FlowAsk.Drop, { } refusal):
                decision.Do(new AbandonOwned(decision.State.Party(replied.Party)!.Call!));
                Lose(decision, replied.Party, refusal.Message);
                break;
            case (_, { } refusal):
                End(decision, EndOf(refusal), ErrorCodes.ServerError);
                break;
        }
    }

    private static void PartyIsThere(FlowDraft decision, OwnedReplied replied)
    {
        var call = replied.Member("res_id");
        decision.Add(new PartyCreated(replied.Party, call, replied.Member("to_uri")));
        if (decision.State.End is not null) Hang(decision, replied.Party, ErrorCodes.Terminated);
        else if (replied.Party == 1) RecordFrom(decision, DuoRecording.FromFirstCall);
    }

    private static void NotConstructed(FlowDraft decision, int party, RpcError refusal)
    {
        // The second party is dialled beneath the first one's call: when that is gone, so is the first party.
        var end = party == 2 && refusal.Code == ErrorCodes.NotFound ? new FlowEnd(ErrorCodes.Gone, "the first party hung up") : EndOf(refusal);
        decision.Add(new PartyGone(party, "sys"));
        TellDialled(decision, party, end, null, decision.Now);
        End(decision, end, ErrorCodes.Terminated);
    }

    /// <summary>A call of which nothing will be heard any more.</summary>
    private static void Lose(FlowDraft decision, int party, string message)
    {
        var lost = decision.State.Party(party)!;
        if (lost.Stage == PartyStage.Gone) return;
        var end = new FlowEnd(ErrorCodes.ServerError, message);
        decision.Add(new PartyGone(party, "sys"));
        if (lost.Stage == PartyStage.Calling) TellDialled(decision, party, end, null, decision.Now);
        End(decision, end, ErrorCodes.ServerError);
    }

    private static void Interrupt(FlowDraft decision)
    {
        var end = new FlowEnd(ErrorCodes.Unavailable, "interrupted by the loss of a node");
        if (decision.State.End is null) decision.Add(new FlowEnding(end.Error, end.Message));
        for (var party = 1; party <= 2; party++)
        {
            if (decision.State.Party(party) is not { Stage: PartyStage.Calling or PartyStage.Up or PartyStage.Failed } left) continue;
            decision.Add(new PartyGone(party, "sys"));
            if (left.Stage == PartyStage.Calling) TellDialled(decision, party, end, null, decision.Now);
        }
        ReleaseWhenAlone(decision);
    }

    /// <summary>Decides how the flow ends, unless that is decided already, hangs up what is up, and releases it when nothing is.</summary>
    private static void End(FlowDraft decision, FlowEnd end, int cause)
    {
        if (decision.State.End is null)
        {
            decision.Add(new FlowEnding(end.Error, end.Message));
            Hang(decision, 1, cause);
            Hang(decision, 2, cause);
        }
        ReleaseWhenAlone(decision);
    }

    private static void Hang(FlowDraft decision, int party, int cause)
    {
        if (decision.State.Party(party) is { Stage: PartyStage.Calling or PartyStage.Up, Call: { } call })
            decision.Do(new AskOwned(party, call, FlowAsk.Drop, new DropCall(cause, Api.ApiGeneration.V2)));
    }

    private static void ReleaseWhenAlone(FlowDraft decision)
    {
        var flow = decision.State;
        if (flow.End is not { } end || flow.First.Stage != PartyStage.Gone || flow.Second is { Stage: not (PartyStage.Gone or PartyStage.Waiting) }) return;
        decision.Add(new FlowReleased());
        decision.Emit($"{flow.Id.Module}.on_released", FlowEvents.Released(decision.State, end, decision.Now));
    }

    private static int? NumberOf(FlowState flow, string call) => flow.First.Call == call ? 1 : flow.Second?.Call == call ? 2 : null;

    /// <summary>What an application is told where one of its requests would be refused.</summary>
    private static FlowEnd EndOf(RpcError refusal) => new(refusal.Code switch
    {
        ErrorCodes.NoGateway or ErrorCodes.Terminated or ErrorCodes.Unavailable => refusal.Code,
        ErrorCodes.TooMany or ErrorCodes.OwnerTimeout => ErrorCodes.Unavailable,
        _ => ErrorCodes.ServerError,
    }, refusal.Message);
}
