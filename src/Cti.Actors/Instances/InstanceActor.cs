using Cti.Actors.Calls;
using Cti.Actors.Conferences;
using Cti.Actors.Extensions;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Actors.Trunks;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors.Instances;

/// <summary>
/// One instance on its owner: the shard's coordinator. It creates its calls, hands requests to them, and remembers what requests with a UUID
/// were answered, so that a repeat does nothing again.
/// <code>
///   RpcAsk with a UUID ──known──► the first one's answer, or waits for it
///      └──new──┐
///   RpcAsk ────┴──construct──► gateway, permit ──Placed──► a new call, conference or flow
///                 └──else────► the mailbox of the resource that it names
///   what the former owner answered is not read yet ──► requests with a UUID wait, five seconds at most
/// </code>
/// </summary>
internal sealed class InstanceActor : NodeActor
{
    private readonly CallServices _services;
    private readonly InstanceJournal _journal;
    private readonly CallPlacer _placer;
    private readonly IJournalStore _store;
    private readonly Dictionary<(string Application, Guid Id), Remembered> _remembered = [];
    private readonly Queue<(long ExpiresMillis, string Application, Guid Id)> _expiry = new();

    /// <summary>Requests with a UUID that came before it is known what was answered; null when it is.</summary>
    private Queue<RpcAsk>? _early = new();

    public InstanceActor(CallServices services, InstanceJournal journal, CallPlacer placer, IJournalStore store)
    {
        _services = services;
        _journal = journal;
        _placer = placer;
        _store = store;
    }

    protected override void OnStart() => Become(Owning);

    protected override void OnUndelivered(object message)
    {
        switch (message)
        {
            case RpcAsk ask:
                ask.ReplyTo.Reply(Moving());
                break;
            case Placed placed:
                Refuse(placed);
                break;
            case Answered answered:
                Settle(answered);
                break;
        }
    }

    protected override void OnStop()
    {
        RefuseEarly();
        // Their first is answered by whoever carries it out, or never: a retry meets the new owner, who knows what became durable.
        foreach (var known in _remembered.Values)
        {
            foreach (var waiting in known.Waiting) waiting.Reply(Moving());
            known.Waiting.Clear();
        }
    }

    private static RpcReply Moving() => RpcReply.Refused(RpcError.Moving());

    private void Refuse(Placed placed)
    {
        if (placed.Placement.Permit is { } permit) _placer.Release(permit);
        placed.Ask.ReplyTo.Reply(Moving());
    }

    private bool Owning(object message)
    {
        switch (message)
        {
            case RpcAsk ask:
                if (_early is not null && ask.Request.RequestId is not null) Wait(ask);
                else RequestGuard.Run(System.Log, _services.Random, ask, () => Take(ask));
                return true;
            case Remember remember:
                Learn(remember.Rows);
                return true;
            case EarlyWaited:
                RefuseEarly();
                return true;
            case Placed placed:
                RequestGuard.Run(System.Log, _services.Random, placed.Ask, () => Spawn(placed));
                return true;
            case Answered answered:
                Settle(answered);
                return true;
            case InstanceLost:
                StopSelf();
                return true;
            default:
                return false;
        }
    }

    private void Wait(RpcAsk ask)
    {
        if (_early!.Count == 0) StartTimer("early", Limits.MovingMillis, new EarlyWaited());
        if (_early.Count < Limits.InstanceEarlyMax) _early.Enqueue(ask);
        else ask.ReplyTo.Reply(Moving());
    }

    private void Learn(IReadOnlyList<IdempotencyRow> rows)
    {
        if (_early is not { } waiting) return;
        foreach (var row in rows)
        {
            _remembered[(row.Application, row.RequestId)] = new Remembered(row.ParametersHash) { Stored = row.Reply };
            _expiry.Enqueue((row.UnixMillis + Limits.IdempotencyMillis, row.Application, row.RequestId));
        }
        CancelTimer("early");
        _early = null;
        foreach (var ask in waiting) Take(ask);
    }

    private void RefuseEarly()
    {
        while (_early?.TryDequeue(out var ask) == true) ask.ReplyTo.Reply(Moving());
    }

    private void Take(RpcAsk ask)
    {
        Forget();
        if (Recall(ask) is not { } first) return;
        if (first.Refusal is { } refusal) first.ReplyTo.Reply(RpcReply.Refused(refusal));
        else Dispatch(first);
    }

    /// <summary>Answers a repeat or lets it wait for the first; answers the request to carry out otherwise.</summary>
    private RpcAsk? Recall(RpcAsk ask)
    {
        if (ask.Request.RequestId is not { } id) return ask;
        var key = (ask.Request.Application, id);
        if (!_remembered.TryGetValue(key, out var known))
        {
            _remembered[key] = new Remembered(ask.Request.ParametersHash);
            _expiry.Enqueue((System.Clock.UnixMillis + Limits.IdempotencyMillis, ask.Request.Application, id));
            return ask with { ReplyTo = new RememberingReply(this, key, ask.ReplyTo) };
        }
        if (known.ParametersHash != ask.Request.ParametersHash)
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.InvalidParam("id",
                "this UUID was used for another request in the last 10 minutes; a retry must repeat the same request")));
        else if (known.Answer is { } answer) ask.ReplyTo.Reply(answer);
        else known.Waiting.Add(ask.ReplyTo);
        return null;
    }

    private void Dispatch(RpcAsk ask)
    {
        var method = ask.Request.Definition;
        if (method.IsConstruct)
        {
            if (MissingParent(ask.Request) is { } parent) ask.ReplyTo.Reply(RpcReply.Refused(RpcError.NoSuchResource(parent)));
            else if (method.Module == Modules.Conference) MakeConference(ask);
            else Place(ask, method.Parameters.First(static parameter => parameter.Kind == ParameterKind.TargetUris).Name);
            return;
        }
        var text = ask.Request.Arguments.String("res_id");
        if (_services.Directory.Find(text) is not { } there || there.Published?.IsVisibleTo(ask.Request.Application) != true || !there.Actor.Tell(ask))
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.NoSuchResource(text)));
    }

    /// <summary>The parent that a request names and that is not there, or not the application's own.</summary>
    private string? MissingParent(RpcRequest request) => request.Definition.Parameters.FirstOrDefault(parameter => IsMissing(request, parameter)) is { } missing
        ? request.Arguments.String(missing.Name)
        : null;

    private bool IsMissing(RpcRequest request, ParameterDefinition parameter) =>
        parameter.Kind == ParameterKind.ResourceId && request.Arguments.OptionalString(parameter.Name) is { Length: > 0 } named
            && _services.Directory.Find(named)?.Published?.IsVisibleTo(request.Application) != true;

    private void MakeConference(RpcAsk ask)
    {
        if (IsRefusedByStall(ask)) return;
        ConferenceActor.Begin(_services, _services.Media, _services.MediaProfile, System, "conference", _journal).Actor.Tell(new MakeConference(ask));
    }

    private bool IsRefusedByStall(RpcAsk ask)
    {
        if (!_journal.IsStalled) return false;
        ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can")));
        return true;
    }

    private void Place(RpcAsk ask, string targets)
    {
        if (IsRefusedByStall(ask)) return;
        _ = PlaceAsync(ask, ask.Request.Arguments.Strings(targets));
    }

    private async Task PlaceAsync(RpcAsk ask, IReadOnlyList<string> targets)
    {
        try
        {
            var (placement, error) = await _placer.PlaceAsync(targets).ConfigureAwait(false);
            if (placement is null) ask.ReplyTo.Reply(RpcReply.Refused(error!));
            else if (!Self.Tell(new Placed(ask, placement)))
            {
                if (placement.Permit is { } permit) await _store.ReleasePermitAsync(permit).ConfigureAwait(false);
                ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the instance has too much to do")));
            }
        }
        catch (StoreUnavailableException)
        {
            ask.ReplyTo.Reply(RpcReply.Refused(RpcError.Unavailable("the journal cannot be reached; nothing new is accepted until it can")));
        }
    }

    private void Spawn(Placed placed)
    {
        var to = placed.Placement.Target.Host;
        if (placed.Ask.Request.Definition.Module == Modules.Call)
            CallActor.Begin(_services, System, $"call to {to}", _journal).Actor.Tell(new PlaceCall(placed.Ask, placed.Placement));
        else
            FlowActor.Begin(_services, _placer, System, $"flow to {to}", _journal).Actor.Tell(new StartFlow(placed.Ask, placed.Placement));
    }

    private void Settle(Answered answered)
    {
        if (!_remembered.TryGetValue(answered.Key, out var known)) return;
        foreach (var waiting in known.Waiting) waiting.Reply(answered.Reply);
        known.Waiting.Clear();
        // What may go otherwise next time is not remembered (rpc.md, Retrying safely).
        if (answered.Reply.Error is { Code: ErrorCodes.TooMany or ErrorCodes.Unavailable or ErrorCodes.OwnerTimeout }) _remembered.Remove(answered.Key);
        else known.Answer = answered.Reply;
    }

    private void Forget()
    {
        while (_expiry.TryPeek(out var oldest) && oldest.ExpiresMillis <= System.Clock.UnixMillis)
        {
            _expiry.Dequeue();
            if (_remembered.TryGetValue((oldest.Application, oldest.Id), out var known) && known.IsAnswered)
                _remembered.Remove((oldest.Application, oldest.Id));
        }
    }

    private sealed class Remembered(ulong parametersHash)
    {
        public ulong ParametersHash { get; } = parametersHash;
        /// <summary>As the journal has it: read when it is asked for, which most are not.</summary>
        public ReadOnlyMemory<byte>? Stored { get; init; }
        public RpcReply? Answer
        {
            get => field ??= Stored is { } stored ? StoredReply.Read(stored) : null;
            set;
        }
        public bool IsAnswered => Stored is not null || Answer is not null;
        public List<IReplyTo> Waiting { get; } = [];
    }

    private sealed class RememberingReply(InstanceActor owner, (string Application, Guid Id) key, IReplyTo next) : IReplyTo
    {
        public void Reply(RpcReply reply)
        {
            owner.Self.Tell(new Answered(key, reply));
            next.Reply(reply);
        }
    }

    private sealed record Placed(RpcAsk Ask, Placement Placement) : ISystemMessage;

    private sealed record Answered((string Application, Guid Id) Key, RpcReply Reply) : ISystemMessage;

    private sealed record EarlyWaited : ISystemMessage;
}

/// <summary>What an instance's former owner answered.</summary>
internal sealed record Remember(IReadOnlyList<IdempotencyRow> Rows) : ISystemMessage;

/// <summary>Another node owns the instance: its actor stops.</summary>
internal sealed record InstanceLost : ISystemMessage;
