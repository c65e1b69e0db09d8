using System.Collections.Immutable;
using Cti.Actors.Hosting;
using Cti.Calls;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>
/// An actor whose state is its journal. The state that it is in decides; what was decided is journaled; reflexes are carried out at once, committed effects
/// when the entries are durable; and it becomes the state that the decision led to.
/// <code>
///   command ──Complete──► the state's behaviour: Decide ──entries──► journal ──durable──► committed effects
///                                                  ├──► becomes its next state
///                                                  └──► reflexes, deadline
/// </code>
/// The next command is decided on before the last one's entries are durable.
/// </summary>
/// <typeparam name="TState">Its state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
internal abstract class JournaledActor<TState, TEntry>(ResourceServices services, ResourceCell<TState> cell) : NodeActor
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    private long _armedMillis = long.MaxValue;
    private IBehaviour<TState, TEntry>? _behaviour;

    /// <summary>The version of the entries that <see cref="Encode"/> writes.</summary>
    protected abstract int EntryVersion { get; }

    /// <summary>The behaviour of the state that its facts show.</summary>
    protected abstract IBehaviour<TState, TEntry> BehaviourOf(TState state);

    /// <summary>An entry's bytes.</summary>
    protected abstract ReadOnlyMemory<byte> Encode(TEntry entry);

    /// <summary>When the resource next needs <see cref="TimeReached"/>, in Unix milliseconds, or null.</summary>
    protected abstract long? NextDeadline(TState state);

    /// <summary>Carries out an effect that only this kind of resource has.</summary>
    protected abstract void Perform(ResourceEffect effect, RpcAsk? ask);

    /// <summary>What it receives in each of its documented states.</summary>
    protected abstract bool Living(object message);

    /// <summary>Adds to a command what only the outside knows, before it is decided on.</summary>
    protected virtual ResourceCommand Complete(ResourceCommand command) => command;

    /// <summary>A decision was made, and none of its effects is carried out yet.</summary>
    protected virtual void HasDecided(ResourceCommand command)
    {
    }

    /// <summary>A decision was made, and what can be done at once is done.</summary>
    protected virtual void AfterDecision()
    {
    }

    /// <summary>Effects that waited for the disk were carried out.</summary>
    protected virtual void AfterCommit()
    {
    }

    /// <summary>Adds what only this kind of resource writes along with its entries.</summary>
    protected virtual JournalRows Complete(JournalRows rows, ResourceDecision<TState, TEntry> decision) => rows;

    /// <summary>Becomes the state that its facts show; from another behaviour than a state's too.</summary>
    protected void ReturnToItsState()
    {
        _behaviour = null;
        BecomeItsState();
        Arm();
    }

    private void BecomeItsState()
    {
        var behaviour = BehaviourOf(cell.State!);
        if (ReferenceEquals(behaviour, _behaviour)) return;
        _behaviour = behaviour;
        Become(Living);
    }

    /// <inheritdoc cref="RequestGuard.Run"/>
    protected void Guard(RpcAsk ask, Action handle) => RequestGuard.Run(System.Log, services.Random, ask, handle);

    /// <summary>Lets the present state decide on a command, and does what follows.</summary>
    protected void Run(ResourceCommand command, RpcAsk? ask)
    {
        command = Complete(command);
        var decision = _behaviour!.Decide(cell.State!, command, System.Clock.UnixMillis, services.Settings);
        if (decision.Refusal is { } refusal)
        {
            ask?.ReplyTo.Reply(RpcReply.Refused(Concerning(refusal)));
            return;
        }
        if (ask is not null && ask == cell.Held)
        {
            // An answer that comes when the request is refused already answers nothing: the refusal is on its way.
            if (decision.Effects.Any(static effect => effect is ReplyResult)) cell.Held = null;
            else ask = null;
        }
        var position = decision.Entries.IsEmpty ? cell.LastPosition : cell.Journal.Append(first => Rows(first, decision, ask), cell.Listing);
        Follow(command, position, decision, ask);
    }

    /// <summary>
    /// Creates the resource: its id is the position of its first entry, so it is decided while the position is being reserved. Nothing is written where
    /// <paramref name="decide"/> answers null.
    /// </summary>
    protected bool Create(string module, Func<ResourceId, ResourceDecision<TState, TEntry>?> decide, RpcAsk? ask)
    {
        ResourceDecision<TState, TEntry>? decision = null;
        var position = cell.Journal.Append(first =>
        {
            var id = new ResourceId(services.Area, services.Station, cell.Journal.Instance, module, (first * services.InstanceCount) + cell.Journal.Instance);
            decision = decide(id);
            if (decision is null) return null;
            cell.State = decision.State;
            services.Directory.Add(id, cell.Listing);
            return Rows(first, decision, ask);
        }, cell.Listing);
        if (decision is null) return false;
        Follow(null, position, decision, ask);
        return true;
    }

    private JournalRows Rows(long first, ResourceDecision<TState, TEntry> decision, RpcAsk? ask) =>
        Complete(DecidedRows.Of(first, decision, EntryVersion, Encode, ask), decision);

    private void Follow(ResourceCommand? command, long position, ResourceDecision<TState, TEntry> decision, RpcAsk? ask)
    {
        cell.State = decision.State;
        cell.LastPosition = position;
        BecomeItsState();
        if (command is not null) HasDecided(command);
        var committed = new List<ResourceEffect>(decision.Effects.Length);
        foreach (var effect in decision.Effects)
        {
            if (effect.IsReflex) Perform(effect, null);
            else committed.Add(effect);
        }
        if (decision.Entries.IsEmpty && cell.Waiting.Count == 0)
        {
            foreach (var effect in committed) Commit(effect, ask);
        }
        else if (committed.Count > 0 || !decision.Entries.IsEmpty)
        {
            cell.Waiting.Enqueue(new CommittedEffects(position, committed, ask));
        }
        Arm();
        AfterDecision();
    }

    /// <summary>Carries out what waited for a position, and stops once nothing is left.</summary>
    protected void RunCommitted(long position)
    {
        while (cell.Waiting.TryPeek(out var next) && next.Position <= position)
        {
            cell.Waiting.Dequeue();
            foreach (var effect in next.Effects) Commit(effect, next.Ask);
        }
        AfterCommit();
        if (cell.Waiting.Count == 0 && cell.State is { IsOver: true }) StopSelf();
    }

    private void Commit(ResourceEffect effect, RpcAsk? ask)
    {
        switch (effect)
        {
            case ReplyResult reply:
                ask?.ReplyTo.Reply(RpcReply.Ok(reply.Result));
                break;
            case ReplyRefused refused:
                TakeHeld()?.ReplyTo.Reply(RpcReply.Refused(Concerning(refused.Refusal)));
                break;
            case NotifyOwner notify:
                if (!Tell(notify.Owner, new OwnedHappened(cell.State!.Id.ToString(), notify.Method, notify.Params) { Number = notify.Number }))
                    Self.Tell(new Decide(new OwnerGone()));
                break;
            default:
                if (effect.HoldsRequest && ask is not null) cell.Held = ask;
                Perform(effect, ask);
                break;
        }
    }

    /// <summary>The request that waits for another resource's answer; nobody else answers it.</summary>
    protected RpcAsk? TakeHeld()
    {
        var held = cell.Held;
        cell.Held = null;
        return held;
    }

    /// <summary>Nothing is due before it returns to a state.</summary>
    protected void Disarm()
    {
        CancelTimer("deadline");
        _armedMillis = long.MaxValue;
    }

    /// <summary>A deadline of its state has come.</summary>
    protected void RunDeadline()
    {
        _armedMillis = long.MaxValue;
        Run(new TimeReached(), null);
        Arm();
    }

    private void Arm()
    {
        var due = cell.State is { } state ? NextDeadline(state) ?? long.MaxValue : long.MaxValue;
        if (due == _armedMillis) return;
        _armedMillis = due;
        if (due == long.MaxValue) CancelTimer("deadline");
        else StartTimer("deadline", Math.Max(0, due - System.Clock.UnixMillis), new DeadlineCame());
    }

    /// <summary>Gives a command to another resource, wherever it lives; false when it is known to be gone.</summary>
    protected bool Tell(string resource, ResourceCommand command) =>
        services.Loses?.Invoke(command) == true || services.Post.Send(cell.State!.Id.ToString(), resource, command);

    /// <summary>The same; where the other one is gone, this one is given what that means to it.</summary>
    protected void TellOrLearn(string resource, ResourceCommand command)
    {
        if (!Tell(resource, command) && Nowhere.AnswerTo(command, resource, cell.State!.Id.ToString()) is { } answer) Self.Tell(new Decide(answer));
    }

    /// <summary>
    /// A refusal as its asker sees it: it says whose state it is about, which may be that of the other resource that a request named
    /// (<c>data.res_id</c>), and <c>ipsc_info</c> is that one's.
    /// </summary>
    private RpcError Concerning(RpcError error)
    {
        if (error.Code == ErrorCodes.NotFound || cell.State is not { } state) return error;
        var id = error.Data?.GetValueOrDefault("res_id") is string named && ResourceId.TryParse(named, out var other) ? other : state.Id;
        if (error.Code == ErrorCodes.Conflict) error = error with { Message = $"{id}: {error.Message}" };
        return error.With("res_id", id.ToString()).With("ipsc_info", ImmutableDictionary<string, object>.Empty.Add("process_id", id.ProcessId));
    }
}
