using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Extensions;

/// <summary>
/// A ready-made flow (<c>ext.*</c>): an application inside the server. It is told what an application would be told of its calls, and gives them the requests
/// that an application would. What all three do alike stands here, what each of them is for in a file of its own (<see cref="NotifyCall"/>,
/// <see cref="CaptchaCall"/>, <see cref="DuoCallback"/>).
/// <code>
///   Initiated ──first answers──► Answered ──(duo) second answers──► Connected
///       │                           │                                  │
///       └──── failed, dropped ──────┴──── done, hung up, dropped ──────┴──► ending ──every call's end is known──► Released
/// </code>
/// Whatever ends it first decides how it ends (<see cref="FlowEnding"/>) and hangs up what is up; the ends of its calls only complete that.
/// It has no clock of its own: every limit on time is one of its calls'.
/// </summary>
public abstract class FlowBehaviour : Behaviour<FlowDecision, FlowState, FlowEntry>
{
    /// <summary>The SIP cause that a far end reads when the flow has done what it was for.</summary>
    internal const int Done = 200;

    /// <summary>The SIP cause of a drop that names none, as <c>sys.call.drop</c> has it.</summary>
    private const int Dropped = 603;

    private protected FlowBehaviour()
    {
        Accepts<DropFlow>((decision, _) => End(decision.ReplyNull(), EndOfDrop(decision.State), Dropped));

        Hears<OwnedReplied>(CallHasReplied);
        Hears<OwnedHappened>(CallHasTold);
        Hears<OwnedGone>(static (decision, gone) => NumberOf(decision.State, gone.Resource) is { } party
            ? Lose(decision, party, "a fault of the server ended the call")
            : decision.Build());
        Hears<NodeStops>(static (decision, _) => End(decision, new FlowEnd(ErrorCodes.Unavailable, "the node stops"), ErrorCodes.Unavailable));
        Hears<WasRecovered>((decision, _) => Resume(decision));
        Hears<NodeLost>(static (decision, _) => Interrupt(decision));
        Hears<TimeReached>(static (decision, _) => decision.Build());
        Hears<PeerMoved>(static (decision, _) => decision.Build());
    }

    /// <summary>All three.</summary>
    public static IReadOnlyList<FlowBehaviour> All { get; } = [new NotifyCall(), new CaptchaCall(), new DuoCallback()];

    /// <summary>The flow that a specification is for.</summary>
    public static FlowBehaviour Of(FlowSpec spec) => spec switch { NotifySpec => All[0], CaptchaSpec => All[1], _ => All[2] };

    /// <summary>The states in which a method is allowed; empty: in every one.</summary>
    /// <param name="method">Its full name.</param>
    public static IReadOnlyList<string> AllowedIn(string method) => method == DuoCallback.CancelMethod ? DuoCallback.CancelStates : [];

    /// <summary>Its module's name, without <c>ext.</c>.</summary>
    public override string Name => GetType().Name;

    /// <summary>How a drop ends it.</summary>
    private protected abstract FlowEnd EndOfDrop(FlowState flow);

    /// <summary>How it ends when a party's call was released.</summary>
    /// <param name="before">The flow before that.</param>
    /// <param name="droppedBy">By whom, as the call says.</param>
    private protected abstract FlowEnd EndOfRelease(FlowState before, string droppedBy);

    /// <summary>A party has answered: on with what the flow is for.</summary>
    private protected abstract void Continue(FlowDraft decision, int party);

    /// <summary>After a recovery, of a flow that is not ending: asks again for what its calls do once.</summary>
    private protected abstract void GoOn(FlowDraft decision);

    /// <summary>A party is being called and its call exists now.</summary>
    private protected virtual void PartyExists(FlowDraft decision, int party)
    {
    }

    /// <summary>A party's dialling ended.</summary>
    private protected virtual void TellDialled(FlowDraft decision, int party, FlowEnd end, long? answerMillis, long endMillis)
    {
    }

    /// <summary>Whether a party's release ends nothing yet.</summary>
    private protected virtual bool WaitsForMore(FlowState before, int party) => false;

    /// <summary>The recording beside everything else is complete, or failed.</summary>
    private protected virtual void RecordIsComplete(FlowDraft decision)
    {
    }

    /// <inheritdoc/>
    public override FlowDecision Decide(FlowState flow, ResourceCommand command, long now, CallSettings settings)
    {
        var decision = new FlowDraft(flow, now, settings, FlowDecider.Apply);
        if (decision.State.WasReleased) return DecideReleased(decision, command);
        return command is ResourceRequest request
            ? Accept(decision, request, null) ?? throw new InvalidOperationException($"unknown request {request.GetType().Name}")
            : Hear(decision, command, isOnTop: true) ?? throw new InvalidOperationException($"unknown command {command.GetType().Name}");
    }

    private static FlowDecision DecideReleased(FlowDraft decision, ResourceCommand command)
    {
        if (command is ResourceRequest) return FlowDecision.Refuse(RpcError.NoSuchResource(decision.State.Id.ToString()));
        if (command is OwnedReplied { What: FlowAsk.Construct, Refusal: null } late) decision.Do(new AbandonOwned(late.Member("res_id")));
        if (command is OwnedHappened { Number: > 0 } told) decision.Do(new ConfirmOwned(told.Resource, told.Number));
        return decision.Build();
    }

    // ---- what the calls answer ----

    private FlowDecision CallHasReplied(FlowDraft decision, OwnedReplied replied)
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
            case (FlowAsk.Connect, { Code: ErrorCodes.NotFound })
                when decision.State is { End: null, Second.Stage: PartyStage.Gone, First.Stage: PartyStage.Up }:
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
        return decision.Build();
    }

    private void PartyIsThere(FlowDraft decision, OwnedReplied replied)
    {
        var call = replied.Member("res_id");
        decision.Add(new PartyCreated(replied.Party, call, replied.Member("to_uri")));
        if (decision.State.End is not null) Hang(decision, replied.Party, ErrorCodes.Terminated);
        else PartyExists(decision, replied.Party);
    }

    private void NotConstructed(FlowDraft decision, int party, RpcError refusal)
    {
        // The second party is dialled beneath the first one's call: when that is gone, so is the first party.
        var end = party == 2 && refusal.Code == ErrorCodes.NotFound ? new FlowEnd(ErrorCodes.Gone, "the first party hung up") : EndOf(refusal);
        decision.Add(new PartyGone(party, "sys"));
        TellDialled(decision, party, end, null, decision.Now);
        End(decision, end, ErrorCodes.Terminated);
    }

    // ---- what the calls tell ----

    private FlowDecision CallHasTold(FlowDraft decision, OwnedHappened happened)
    {
        // Confirmed whatever it leads to, and once more when it is told again: its call waits for that.
        if (happened.Number > 0) decision.Do(new ConfirmOwned(happened.Resource, happened.Number));
        if (NumberOf(decision.State, happened.Resource) is not { } party) return decision.Build();
        if (happened.Number > 0)
        {
            if (decision.State.Party(party)!.Heard >= happened.Number) return decision.Build();
            decision.Add(new PartyHeard(party, happened.Number));
        }
        var told = OwnedNews.Read(happened.Params);
        switch (happened.Method)
        {
            case "sys.call.on_dial_completed":
                Dialled(decision, party, told);
                break;
            case "sys.call.on_play_completed" or "sys.call.on_connect_completed" when told.End.Error == ErrorCodes.Gone:
                // That call was hung up; its on_released follows and says by whom.
                break;
            case "sys.call.on_play_completed" or "sys.call.on_connect_completed":
                End(decision, told.End, Done);
                break;
            case "sys.call.on_receive_dtmf_completed":
                if (told.Keys.Length > 0) decision.Add(new KeysCame(told.Keys));
                if (told.End.Error != ErrorCodes.Gone) End(decision, told.End, Done);
                break;
            case "sys.call.on_record_completed":
                RecordIsComplete(decision);
                break;
            case "sys.call.on_released":
                WasReleased(decision, party, told.DroppedBy);
                break;
        }
        return decision.Build();
    }

    private void Dialled(FlowDraft decision, int party, OwnedNews told)
    {
        if (decision.State.Party(party)!.Stage != PartyStage.Calling) return;
        if (told.End.Error is not null || told.AnswerSeconds is not { } answer)
        {
            decision.Add(new PartyFailed(party));
            TellDialled(decision, party, told.End, null, told.EndSeconds * 1000);
            End(decision, told.End, ErrorCodes.Terminated);
            return;
        }
        decision.Add(new PartyAnswered(party, answer * 1000));
        TellDialled(decision, party, told.End, answer * 1000, told.EndSeconds * 1000);
        // A flow that is ending has asked the call to go already.
        if (decision.State.End is null) Continue(decision, party);
    }

    private void WasReleased(FlowDraft decision, int party, string droppedBy)
    {
        var before = decision.State;
        if (before.Party(party)!.Stage == PartyStage.Gone) return;
        decision.Add(new PartyGone(party, droppedBy));
        if (!WaitsForMore(before, party)) End(decision, EndOfRelease(before, droppedBy), Done);
    }

    // ---- how it ends ----

    /// <summary>A call of which nothing will be heard any more.</summary>
    private static FlowDecision Lose(FlowDraft decision, int party, string message)
    {
        var lost = decision.State.Party(party)!;
        if (lost.Stage == PartyStage.Gone) return decision.Build();
        var end = new FlowEnd(ErrorCodes.ServerError, message);
        decision.Add(new PartyGone(party, "sys"));
        if (lost.Stage == PartyStage.Calling) Of(decision.State.Spec).TellDialled(decision, party, end, null, decision.Now);
        return End(decision, end, ErrorCodes.ServerError);
    }

    private static FlowDecision Interrupt(FlowDraft decision)
    {
        var end = new FlowEnd(ErrorCodes.Unavailable, "interrupted by the loss of a node");
        if (decision.State.End is null) decision.Add(new FlowEnding(end.Error, end.Message));
        for (var party = 1; party <= 2; party++)
        {
            if (decision.State.Party(party) is not { Stage: PartyStage.Calling or PartyStage.Up or PartyStage.Failed } left) continue;
            decision.Add(new PartyGone(party, "sys"));
            if (left.Stage == PartyStage.Calling) Of(decision.State.Spec).TellDialled(decision, party, end, null, decision.Now);
        }
        return ReleaseWhenAlone(decision);
    }

    /// <summary>Decides how the flow ends, unless that is decided already, hangs up what is up, and releases it when nothing is.</summary>
    private protected static FlowDecision End(FlowDraft decision, FlowEnd end, int cause)
    {
        if (decision.State.End is null)
        {
            decision.Add(new FlowEnding(end.Error, end.Message));
            Hang(decision, 1, cause);
            Hang(decision, 2, cause);
        }
        return ReleaseWhenAlone(decision);
    }

    private static void Hang(FlowDraft decision, int party, int cause)
    {
        if (decision.State.Party(party) is { Stage: PartyStage.Calling or PartyStage.Up, Call: { } call })
            decision.Do(new AskOwned(party, call, FlowAsk.Drop, new DropCall(cause, ApiGeneration.V2)));
    }

    private static FlowDecision ReleaseWhenAlone(FlowDraft decision)
    {
        var flow = decision.State;
        if (flow.End is not { } end || flow.First.Stage != PartyStage.Gone || flow.Second is { Stage: not (PartyStage.Gone or PartyStage.Waiting) })
            return decision.Build();
        decision.Add(new FlowReleased());
        return decision.Emit($"{flow.Id.Module}.on_released", FlowEvents.Released(decision.State, end, decision.Now)).Build();
    }

    /// <summary>What an application is told where one of its requests would be refused.</summary>
    private static FlowEnd EndOf(RpcError refusal) => new(refusal.Code switch
    {
        ErrorCodes.NoGateway or ErrorCodes.Terminated or ErrorCodes.Unavailable => refusal.Code,
        ErrorCodes.TooMany or ErrorCodes.OwnerTimeout => ErrorCodes.Unavailable,
        _ => ErrorCodes.ServerError,
    }, refusal.Message);

    // ---- after a recovery ----

    /// <summary>
    /// A flow and its calls have one owner, so they are recovered together: what the calls have to tell they tell again, and what the flow wanted of them it
    /// asks again; a call does once what is asked once.
    /// </summary>
    private FlowDecision Resume(FlowDraft decision)
    {
        ResumeParty(decision, 1);
        if (decision.State.Second is not null) ResumeParty(decision, 2);
        if (decision.State.End is not null) return ReleaseWhenAlone(decision);
        GoOn(decision);
        return decision.Build();
    }

    /// <summary>
    /// A party that was being called and has no call: nobody heard of it, so it is called now; or, where the flow ends, it never comes to be.
    /// </summary>
    private void ResumeParty(FlowDraft decision, int number)
    {
        var flow = decision.State;
        var party = flow.Party(number)!;
        switch (party)
        {
            case { Stage: PartyStage.Calling, Call: null } when flow.End is null:
                decision.Do(new CallParty(number));
                break;
            case { Stage: PartyStage.Calling, Call: null }:
                decision.Add(new PartyGone(number, "sys"));
                TellDialled(decision, number, new FlowEnd(ErrorCodes.Terminated, "it ended before the party was called"), null, decision.Now);
                break;
            default:
                if (flow.End is not null) Hang(decision, number, party.Stage == PartyStage.Calling ? ErrorCodes.Terminated : Done);
                break;
        }
    }

    internal static int? NumberOf(FlowState flow, string call) => flow.First.Call == call ? 1 : flow.Second?.Call == call ? 2 : null;
}
