using System.Collections.Concurrent;
using System.Text.Json;
using Cti.Actors.Resources;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Requests;

/// <summary>
/// Requests whose owner may be another node: sends them there, gives the answers back, and carries out what other nodes send. A request waits while its
/// instance is between owners; it is sent again where it cannot have been carried out, or where carrying it out twice does nothing more than once.
/// </summary>
internal sealed class RemoteRequests : ILinkReceiver
{
    private const int PicksMax = 20;

    private readonly OwnerRequests _owner;
    private readonly INodeLinks? _links;
    private readonly Func<ClusterView> _view;
    private readonly ResourceServices _services;
    private readonly IClock _clock;
    private readonly ITimers _timers;
    private readonly ILog _log;
    private readonly ConcurrentDictionary<long, Question> _sent = new();
    private long _lastNumber;

    public RemoteRequests(ResourceServices services, OwnerRequests owner, INodeLinks? links, Func<ClusterView> view, IClock clock, ITimers timers, ILog log)
    {
        _services = services;
        _owner = owner;
        _links = links;
        _view = view;
        _clock = clock;
        _timers = timers;
        _log = log;
        // A late answer to a former run of this node must not meet a new question.
        _lastNumber = links is null ? 0 : (long)(services.Random.NextUInt64() >> 2);
        links?.Receive(LinkChannel.Requests, this);
    }

    private long NowMillis => _clock.MonotonicNanos / 1_000_000;

    /// <summary>Asks the owner of an instance.</summary>
    public void Ask(RpcRequest request, int instance, string? missing, IReplyTo replyTo) =>
        Begin(new Question(this, request, instance, null, missing, replyTo));

    /// <summary>Asks every node that owns anything; waits for one that owns what nobody owns at the moment.</summary>
    public void AskOwners(RpcRequest request, Action<RpcReply[]> then) => AskOwners(request, then, NowMillis + Limits.MovingMillis);

    /// <summary>Asks every living node; what stands for one that does not answer is given by <paramref name="unreachable"/>.</summary>
    public void AskAll(RpcRequest request, Func<ClusterNode, ClusterView, ReadOnlyMemory<byte>> unreachable, Action<RpcReply[]> then)
    {
        var now = _view();
        if (now.Nodes.IsEmpty)
        {
            then([AnswerHere(request)]);
            return;
        }
        var gathered = new GatheredReplies(now.Nodes.Length, then);
        for (var index = 0; index < now.Nodes.Length; index++)
        {
            var node = now.Nodes[index];
            var target = gathered.Of(index);
            var orElse = new ThenReply(reply => target.Reply(reply.Error is null ? reply : RpcReply.Ok(unreachable(node, now))));
            Begin(new Question(this, request, -1, node.Name, null, orElse));
        }
    }

    /// <summary>An instance for something new: one whose owner takes it, where there is any.</summary>
    public int PickInstance()
    {
        var now = _view();
        var picked = _services.Random.Next(_services.InstanceCount);
        // A few draws find one, unless nearly all nodes drain.
        for (var draw = 0; draw < PicksMax && (picked >= now.Owners.Length || now.OwnerOf(picked) is not { IsDraining: false }); draw++)
            picked = _services.Random.Next(_services.InstanceCount);
        return picked;
    }

    /// <summary>Whether carrying it out a second time does nothing more: it only reads, or the owner remembers it by its id.</summary>
    public static bool MayRepeat(RpcRequest request) => request.RequestId is not null || !request.Definition.Changes;

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        var kind = RequestWire.KindOf(payload.Span);
        switch (kind)
        {
            case RequestMessage.Ask:
                CarryOut(node, RequestWire.NumberOf(payload.Span), RequestWire.BodyOf(payload));
                break;
            case RequestMessage.Result or RequestMessage.Refusal or RequestMessage.NotOwner:
                if (!_sent.TryGetValue(RequestWire.NumberOf(payload.Span), out var question) || question.Node != node
                    || !_sent.TryRemove(question.Number, out _)) break;
                if (kind == RequestMessage.NotOwner) question.Again();
                else question.Reply(kind == RequestMessage.Result ? RpcReply.Ok(RequestWire.BodyOf(payload))
                    : RpcReply.Refused(RequestWire.ReadRefusal(RequestWire.BodyOf(payload))));
                break;
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        foreach (var question in _sent.Values.Where(question => question.Node == node).OrderBy(static question => question.Number))
        {
            if (_sent.TryRemove(question.Number, out _)) question.LinkBroke();
        }
    }

    private void AskOwners(RpcRequest request, Action<RpcReply[]> then, long untilMillis)
    {
        var now = _view();
        var nodes = new SortedSet<string>(StringComparer.Ordinal);
        var isMoving = now.Owners.IsEmpty;
        for (var index = 0; index < now.Owners.Length; index++)
        {
            if (now.OwnerOf(index) is { } node && (node.Name != _services.NodeName || _owner.Owns(index))) nodes.Add(node.Name);
            else isMoving = true;
        }
        if (!isMoving)
        {
            var gathered = new GatheredReplies(nodes.Count, then);
            var asked = 0;
            foreach (var node in nodes) Begin(new Question(this, request, -1, node, null, gathered.Of(asked++)));
        }
        else if (NowMillis >= untilMillis)
        {
            then([RpcReply.Refused(RpcError.Moving())]);
        }
        else
        {
            _timers.Schedule(Limits.MovingRetryMillis, _ => AskOwners(request, then, untilMillis), null);
        }
    }

    private void Begin(Question question)
    {
        question.Number = Interlocked.Increment(ref _lastNumber);
        question.Begin();
    }

    private void CarryOut(string node, long number, ReadOnlyMemory<byte> body)
    {
        (RpcRequest? Request, string Method, int Instance, string? Missing) ask;
        try
        {
            ask = RequestWire.ReadAsk(body);
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            _log.Write(LogEvents.LinkMessageUnknown, node, LinkChannel.Requests, fault.Message);
            return;
        }
        _services.Counters.RequestCarriedOut();
        var replyTo = new ThenReply(reply => _links!.Send(node, LinkChannel.Requests, RequestWire.Reply(number, reply)));
        if (ask.Request is not { } request)
        {
            // Of what this version does not know there is nothing here to be listed.
            replyTo.Reply(ask.Instance < 0 ? RpcReply.Ok(MergedLists.Write([], null))
                : RpcReply.Refused(new RpcError(ErrorCodes.MethodNotFound, $"the owner's version has no method {ask.Method}")));
        }
        else if (ask.Instance < 0) replyTo.Reply(AnswerHere(request));
        else if (!_owner.Owns(ask.Instance)) _links!.Send(node, LinkChannel.Requests, RequestWire.NotOwner(number));
        else _owner.Carry(request, ask.Instance, ask.Missing, replyTo);
    }

    private RpcReply AnswerHere(RpcRequest request) => request.Method switch
    {
        Catalogue.ListNodes => RpcReply.Ok(_owner.Describe()),
        Catalogue.ListTrunks => RpcReply.Ok(_owner.DescribeTrunks()),
        _ => _owner.List(request),
    };

    /// <summary>
    /// One request on its way.
    /// <code>
    ///   Begun ──owner here──► its mailbox ──────────────────────────────► answered
    ///     │ └──link──► sent ──answer──────────────────────────────────► answered
    ///     │             └──not the owner; link broke and it may be repeated──┐
    ///     └──nobody owns it, no link──► waiting ◄────────────────────────────┘   5 s: 503       10 s in all: 504
    /// </code>
    /// </summary>
    private sealed class Question(RemoteRequests owner, RpcRequest request, int instance, string? toNode, string? missing, IReplyTo replyTo) : IReplyTo
    {
        private readonly long _untilMillis = owner.NowMillis + Limits.MovingMillis;
        private ITimerHandle? _deadline;
        private int _isAnswered;

        public long Number { get; set; }

        /// <summary>Where it was sent; null while it is here.</summary>
        public string? Node { get; private set; }

        public void Begin()
        {
            var millis = toNode is null ? Limits.OwnerAnswerMillis : Limits.NodeAnswerMillis;
            _deadline = owner._timers.Schedule(millis, static question => ((Question)question!).TimedOut(), this);
            Try();
        }

        public void Reply(RpcReply reply)
        {
            if (reply.Error is { IsMoving: true } && MayRepeat(request)) Again();
            else Finish(reply);
        }

        /// <summary>Nothing was done there: another try, unless that has gone on for too long.</summary>
        public void Again()
        {
            Node = null;
            if (toNode is not null || owner.NowMillis >= _untilMillis) Finish(RpcReply.Refused(RpcError.Moving()));
            else Hold();
        }

        public void LinkBroke()
        {
            if (MayRepeat(request)) Again();
            else Finish(RpcReply.Refused(new RpcError(ErrorCodes.OwnerTimeout,
                "the link to the owner broke; the outcome is unknown, and a request without a UUID as id cannot be repeated safely")));
        }

        private void Hold()
        {
            owner._services.Counters.RequestHeld();
            owner._timers.Schedule(Limits.MovingRetryMillis, static question => ((Question)question!).Try(), this);
        }

        private void Try()
        {
            if (Volatile.Read(ref _isAnswered) != 0) return;
            if (toNode == owner._services.NodeName)
            {
                Finish(owner.AnswerHere(request));
                return;
            }
            if (toNode is null && owner._owner.Owns(instance))
            {
                owner._owner.Carry(request, instance, missing, this);
                return;
            }
            Node = toNode ?? owner._view().OwnerOf(instance)?.Name;
            if (Node is null || Node == owner._services.NodeName)
            {
                Again();
                return;
            }
            owner._sent[Number] = this;
            if (owner._links?.Send(Node, LinkChannel.Requests, RequestWire.Ask(Number, request, instance, missing)) == true)
                owner._services.Counters.RequestForwarded();
            else if (owner._sent.TryRemove(Number, out _)) Again();
        }

        private void TimedOut() => Finish(RpcReply.Refused(new RpcError(ErrorCodes.OwnerTimeout,
            "the owner did not answer in time; the outcome is unknown, retry with the same id")));

        private void Finish(RpcReply reply)
        {
            if (Interlocked.Exchange(ref _isAnswered, 1) != 0) return;
            _deadline?.Cancel();
            owner._sent.TryRemove(Number, out _);
            replyTo.Reply(reply);
        }
    }
}
