using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors.Hosting;
using Cti.Calls;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Resources;

/// <summary>
/// A journaled resource: lets its functional core decide, journals what was decided, and carries out the effects, reflexes at once, committed ones
/// when the entries are durable.
/// <code>
///   Unborn ──created──► Living ──released, settled and durable──► (stopped)
///      └──recovered───►   └──deposed──► Deposed ──► (stopped)
/// </code>
/// </summary>
/// <typeparam name="TState">Its state.</typeparam>
/// <typeparam name="TEntry">Its entries.</typeparam>
internal abstract partial class ResourceActor<TState, TEntry>(ResourceServices services, ResourceCell<TState> cell) : NodeActor
    where TState : ResourceState
    where TEntry : ResourceEntry
{
    private long _armedMillis = long.MaxValue;

    /// <summary>The version of the entries that <see cref="Encode"/> writes.</summary>
    protected abstract int EntryVersion { get; }

    /// <summary>The functional core.</summary>
    protected abstract ResourceDecision<TState, TEntry> Decide(TState? state, ResourceCommand command, long now);

    /// <summary>An entry's bytes.</summary>
    protected abstract ReadOnlyMemory<byte> Encode(TEntry entry);

    /// <summary>When the resource next needs <see cref="TimeReached"/>, in Unix milliseconds, or null.</summary>
    protected abstract long? NextDeadline(TState state);

    /// <summary>The command of a request.</summary>
    protected abstract ResourceCommand CommandOf(RpcAsk ask);

    /// <summary>Carries out an effect that only this kind of resource has.</summary>
    protected abstract void Perform(ResourceEffect effect, RpcAsk? ask);

    /// <summary>The behaviour before the resource exists.</summary>
    protected abstract bool Unborn(object message);

    /// <summary>What only this kind of resource receives while it lives.</summary>
    protected abstract bool ReceiveAlive(object message);

    /// <summary>Makes up for what the dead process left undone.</summary>
    protected abstract void Recover(long lostAtMillis);

    /// <summary>The other resources of a moved instance that this one shares something with.</summary>
    protected virtual IEnumerable<string> PeersAt(PeerMoved moved) => [];

    /// <summary>Who of those speaks by a command; null for nobody.</summary>
    protected virtual string? SpeakerOf(ResourceCommand command) => null;

    /// <summary>Adds what only this kind of resource writes along with its entries.</summary>
    protected virtual JournalRows Complete(JournalRows rows, ResourceDecision<TState, TEntry> decision) => rows;

    /// <summary>Another node owns the resource: lets go of timers and transactions without a word to anyone.</summary>
    protected virtual void Abandon()
    {
    }

    /// <summary>A deadline was decided on, and is to be made durable.</summary>
    protected virtual void TimeHasCome()
    {
    }

    /// <summary>Looks whether a message tells of the end of something held outside; all that matters to a deposed resource.</summary>
    protected virtual void OutsideEnded(object message)
    {
    }

    /// <summary>Whether a command waits, or is out of date.</summary>
    protected virtual bool Defers(ResourceCommand command) => false;

    /// <summary>A decision was made: what is held outside for something that is over is let go.</summary>
    protected virtual void Decided()
    {
    }

    /// <summary>Whether nothing outside is held any more, so that the actor may stop; if not, lets go of it.</summary>
    protected virtual bool IsOutsideGone() => true;

    protected override void OnStart()
    {
        if (cell.State is null) Become(Unborn);
        else if (cell.Deposed) Become(Deposed);
        else
        {
            Become(Living);
            // A deadline of the time before is looked at when it has recovered.
            if (!cell.AwaitsRecovery) Arm();
        }
    }

    protected override void OnStop()
    {
        cell.HasStoodDown = true;
        if (cell.State is not { } state) return;
        services.Directory.Remove(state.Id, cell);
        services.HandedOver.Remove(state.Id, cell);
        if (state is { Owner: { } owner, IsReleased: false } && !cell.Deposed) Tell(owner, new OwnedGone(state.Id.ToString()));
    }

    protected override void OnUndelivered(object message)
    {
        if (cell.Deposed)
        {
            GiveBack(message);
            RefuseMoving(message);
        }
        else
        {
            AskOf(message)?.ReplyTo.Reply(RpcReply.Refused(RpcError.NoSuchResource(cell.State?.Id.ToString() ?? "")));
        }
    }

    protected bool Living(object message)
    {
        switch (message)
        {
            case RpcAsk or OwnedAsk or Resources.Decide when cell.AwaitsRecovery:
                // What others ask of it waits until it has its session and its mix again.
                StashMessage();
                return true;
            case RpcAsk ask:
                Guard(ask, () => Handle(ask));
                return true;
            case OwnedAsk owned:
                Guard(owned.Ask, () => Run(owned.Request, owned.Ask));
                return true;
            case BecameDurable durable:
                RunCommitted(durable.Position);
                return true;
            case DeadlineCame:
                _armedMillis = long.MaxValue;
                Run(new TimeReached(), null);
                Arm();
                TimeHasCome();
                return true;
            case Decide { Command: PeerMoved { IsHandedOver: true } moved }:
                AwaitPeers(moved);
                return true;
            case Decide decide when Defers(decide.Command):
                return true;
            case Decide decide:
                HearPeer(decide.Command);
                Run(decide.Command, decide.Command.AnswersHeld ? cell.Held : null);
                return true;
            case Recover recover:
                cell.AwaitsRecovery = false;
                Recover(recover.LostAtMillis);
                Arm();
                UnstashAll();
                return true;
            case WasDeposed:
                StandDown();
                return true;
            case AskToPart ask:
                BeginParting(ask.Parting);
                return true;
            case Go go:
                go.Parting.Refuse(cell, "has not agreed");
                return true;
            case EndIfSettingUp:
                if (IsSettingUp) Run(new NodeStops(), null);
                return true;
            case Stay or LetGo:
                return true;
            default:
                return ReceiveAlive(message);
        }
    }

    /// <summary>Another node owns the resource now: nothing outside is touched, whatever still arrives.</summary>
    private bool Deposed(object message)
    {
        GiveBack(message);
        RefuseMoving(message);
        OutsideEnded(message);
        if (IsOutsideGone()) StopSelf();
        return true;
    }

    /// <summary>A request that the new owner answers: whoever asked asks there.</summary>
    private static void RefuseMoving(object message) => AskOf(message)?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));

    private static RpcAsk? AskOf(object message) => message as RpcAsk ?? (message as OwnedAsk)?.Ask;

    /// <summary>What came for it from outside is the new owner's.</summary>
    protected virtual void GiveBack(object message)
    {
    }

    private void StandDown()
    {
        cell.Deposed = true;
        foreach (var waiting in cell.Waiting)
            waiting.Ask?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
        cell.Waiting.Clear();
        TakeHeld()?.ReplyTo.Reply(RpcReply.Refused(RpcError.Moving()));
        CancelTimer("deadline");
        Abandon();
        Become(Deposed);
        if (IsOutsideGone()) StopSelf();
        cell.HasStoodDown = true;
    }

    /// <summary>A crash while a request is handled answers it with a trace id before the supervisor sees it.</summary>
    protected void Guard(RpcAsk ask, Action handle)
    {
        try
        {
            handle();
        }
        catch (Exception fault)
        {
            var trace = services.Random.NextHex(8);
            System.Log.Write(LogEvents.RequestFault, ask.Request.Method, trace, fault.Message);
            ask.ReplyTo.Reply(RpcReply.Refused(new RpcError(ErrorCodes.Internal, "a fault of the server; its log has the trace id").With("trace_id", trace)));
            throw;
        }
    }

    private void Handle(RpcAsk ask)
    {
        if (cell.Journal.IsStalled)
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can")));
            return;
        }
        Run(CommandOf(ask), ask);
    }

    /// <summary>Decides on a command and does what follows.</summary>
    protected void Run(ResourceCommand command, RpcAsk? ask)
    {
        var decision = Decide(cell.State, command, System.Clock.UnixMillis);
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
        if (decision.Entries.IsEmpty) After(cell.LastPosition, decision, ask);
        else After(cell.Journal.Append(first => Rows(first, decision, ask), cell), decision, ask);
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
            services.Directory.Add(id, cell);
            return Rows(first, decision, ask);
        }, cell);
        if (decision is null) return false;
        Become(Living);
        After(position, decision, ask);
        return true;
    }

    private void After(long position, ResourceDecision<TState, TEntry> decision, RpcAsk? ask)
    {
        cell.State = decision.State;
        cell.LastPosition = position;
        Decided();
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
        OnDecided();
    }

    /// <summary>Carries out what waited for a position, and stops once nothing is left.</summary>
    protected void RunCommitted(long position)
    {
        while (cell.Waiting.TryPeek(out var next) && next.Position <= position)
        {
            cell.Waiting.Dequeue();
            foreach (var effect in next.Effects) Commit(effect, next.Ask);
        }
        OnCommitted();
        if (cell.Waiting.Count == 0 && cell.State is { IsOver: true } && IsOutsideGone()) StopSelf();
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

    protected RpcAsk? TakeHeld()
    {
        var held = cell.Held;
        cell.Held = null;
        return held;
    }

    /// <summary>Gives a command to another resource, wherever it lives; false when it is known to be gone.</summary>
    protected bool Tell(string resource, ResourceCommand command) =>
        services.Loses?.Invoke(command) == true || services.Post.Send(cell.State!.Id.ToString(), resource, command);

    /// <summary>The same; where the other one is gone, this one is given what that means to it.</summary>
    protected void TellOrLearn(string resource, ResourceCommand command)
    {
        if (!Tell(resource, command) && Nowhere.AnswerTo(command, resource, cell.State!.Id.ToString()) is { } answer) Self.Tell(new Decide(answer));
    }

    private JournalRows Rows(long first, ResourceDecision<TState, TEntry> decision, RpcAsk? ask)
    {
        var state = decision.State!;
        var id = state.Id.ToString();
        var position = first;
        var entries = new List<JournalEntry>(decision.Entries.Length);
        foreach (var entry in decision.Entries) entries.Add(new JournalEntry(position++, id, EntryVersion, Encode(entry)));
        var events = new List<StoredEvent>(decision.Events.Length);
        foreach (var happened in decision.Events)
            events.Add(new StoredEvent(state.Application, state.Id.Instance, position++, id, happened.Sequence, state.LastMillis, happened.Method, happened.Params, default));
        return Complete(new JournalRows
        {
            Tag = state,
            Entries = entries,
            Events = events,
            Idempotency = Remember(decision, ask, state.LastMillis),
            ReleasedResources = state.IsOver ? [id] : [],
        }, decision);
    }

    private static IReadOnlyList<IdempotencyRow> Remember(ResourceDecision<TState, TEntry> decision, RpcAsk? ask, long now)
    {
        if (ask?.Request.RequestId is not { } requestId) return [];
        foreach (var effect in decision.Effects)
        {
            if (effect is ReplyResult reply) return [new IdempotencyRow(ask.Request.Application, requestId, ask.Request.ParametersHash, now, WrapResult(reply.Result))];
        }
        return [];
    }

    private static byte[] WrapResult(ReadOnlyMemory<byte> result)
    {
        var buffer = new ArrayBufferWriter<byte>(result.Length + 16);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WritePropertyName("result"u8);
        json.WriteRawValue(result.Span);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private void Arm()
    {
        var due = cell.State is { } state ? NextDeadline(state) ?? long.MaxValue : long.MaxValue;
        if (due == _armedMillis) return;
        _armedMillis = due;
        if (due == long.MaxValue) CancelTimer("deadline");
        else StartTimer("deadline", Math.Max(0, due - System.Clock.UnixMillis), new DeadlineCame());
    }

    /// <summary>
    /// A refusal as its asker sees it: it says whose state it is about, which may be that of the other resource that a request named
    /// (<c>data.res_id</c>), and <c>ipsc_info</c> is that one's.
    /// </summary>
    protected RpcError Concerning(RpcError error)
    {
        if (error.Code == ErrorCodes.NotFound || cell.State is not { } state) return error;
        var id = error.Data?.GetValueOrDefault("res_id") is string named && ResourceId.TryParse(named, out var other) ? other : state.Id;
        if (error.Code == ErrorCodes.Conflict) error = error with { Message = $"{id}: {error.Message}" };
        return error.With("res_id", id.ToString()).With("ipsc_info", ImmutableDictionary<string, object>.Empty.Add("process_id", id.ProcessId));
    }
}
