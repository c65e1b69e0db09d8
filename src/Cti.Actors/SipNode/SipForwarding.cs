using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>The cluster as the SIP side sees it.</summary>
/// <param name="Self">This node's name.</param>
/// <param name="Owns">Whether an instance is this node's and its calls are known.</param>
/// <param name="View">Who owns the others; null for a node that is alone.</param>
/// <param name="Links">The links; null for a node that is alone.</param>
internal sealed record SipCluster(string Self, Func<int, bool> Owns, Func<ClusterView>? View, INodeLinks? Links)
{
    /// <summary>What operators watch.</summary>
    public ClusterCounters Counters { get; init; } = new();

    /// <summary>Whether this node may have been replaced without having heard of it.</summary>
    public Func<bool> IsCutOff { get; init; } = static () => false;
}

/// <summary>A message of another node.</summary>
internal sealed record LinkMessageCame(string Node, ReadOnlyMemory<byte> Payload);

/// <summary>A link is up or broke.</summary>
internal sealed record LinkChanged(string Node, bool IsUp) : ISystemMessage;

/// <summary>Who lives has changed.</summary>
internal sealed record ClusterChanged : ISystemMessage;

/// <summary>Where the answers to a request go that another node received.</summary>
/// <param name="Node">That node.</param>
/// <param name="Number">The request's number there.</param>
internal sealed record SipOrigin(string Node, long Number);

/// <summary>
/// SIP that reached a node which does not own the call: part of the SIP actor. The server transaction stays where its socket is; the request travels to the
/// owner, its answers travel back. While an instance has no owner its messages wait here, so that no far end is told that its call does not exist.
/// <code>
///   request ──owner known, link up──► Sent ──answer──► Answered ──64 T1──► forgotten
///      └──else──► Held ──owner known──┘ └──link broke, not the owner──► Held ──30 s──► 503
/// </code>
/// </summary>
internal sealed class SipForwarding(SipCluster cluster, IClock clock, IRandom random, SipTimers timers, SipForwarding.ISipSide side)
{
    private readonly Dictionary<long, Outgoing> _outgoing = [];
    private readonly Dictionary<long, Outgoing> _held = [];
    private readonly Dictionary<SipOrigin, Incoming> _incoming = [];
    private readonly Dictionary<string, Incoming> _offers = new(StringComparer.Ordinal);
    private readonly Queue<(long AtMillis, Action Forget)> _expiries = new();
    private long _lastNumber = cluster.Links is null ? 0 : (long)(random.NextUInt64() >> 2);

    /// <summary>What the forwarding needs of the SIP actor.</summary>
    internal interface ISipSide
    {
        /// <summary>Answers a request, wherever its transaction is.</summary>
        void Respond(ServerTransaction transaction, SipResponse response);

        /// <summary>Takes a message that turned out to be this node's own.</summary>
        void TakeHere(ServerTransaction? transaction, SipMessage message, SipFlow flow);

        /// <summary>Takes a new INVITE that another node handed over, or another branch of one that is here.</summary>
        void TakeOffer(ServerTransaction transaction);

        /// <summary>Tells the owner of a call that its caller gives up.</summary>
        void CancelElsewhere(AnsweredElsewhere elsewhere, SipRequest cancel, SipFlow flow);

        /// <summary>The call of this cluster whose place a new INVITE is to take; null for none.</summary>
        ResourceId? Replaced(SipRequest invite);

        /// <summary>This node's listener for a flow that another node named.</summary>
        SipFlow FlowHere(SipFlow flow);
    }

    /// <summary>When <see cref="Tick"/> wants to be called next, in milliseconds from now; null when nothing is under way.</summary>
    public long? TickMillis => _held.Count > 0 ? Limits.MovingRetryMillis : _expiries.Count > 0 ? 1_000 : null;

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>Whether a resource's instance is not this node's, so that what comes for it goes elsewhere or waits for its owner.</summary>
    public bool IsElsewhere(ResourceId resource) => !cluster.Owns(resource.Instance);

    /// <summary>Takes a request whose call is not known here; false where it is nobody's: its instance is this node's.</summary>
    public bool Forward(ServerTransaction transaction, ResourceId resource) =>
        Forward(SipLinkMessage.Request, transaction, transaction.Request, transaction.Flow, resource.Instance);

    /// <summary>Takes an ACK or a late answer whose call is not known here; false where it is nobody's.</summary>
    public bool Forward(SipLinkMessage kind, SipMessage message, SipFlow flow, ResourceId resource) => Forward(kind, null, message, flow, resource.Instance);

    /// <summary>Hands an INVITE to another node; false where there is no link to it.</summary>
    public bool Offer(ServerTransaction transaction, string node)
    {
        var offer = new Outgoing(SipLinkMessage.Offer, ++_lastNumber, transaction, transaction.Request, transaction.Flow, -1)
        {
            EndsMillis = NowMillis + Limits.SipMovingMillis,
            OfferedTo = node,
        };
        if (!Send(offer, node)) return false;
        _outgoing[offer.Number] = offer;
        transaction.Fate = offer;
        return true;
    }

    /// <summary>Takes an INVITE that concerns a call which is not known here (Replaces); false where that is nobody's: its instance is this node's.</summary>
    public bool ForwardInvite(ServerTransaction transaction, ResourceId resource) =>
        Forward(SipLinkMessage.Offer, transaction, transaction.Request, transaction.Flow, resource.Instance);

    /// <summary>The INVITE that this node was handed by another, by what tells INVITEs apart; null where there is none.</summary>
    public ServerTransaction? FindOffer(string key) => _offers.GetValueOrDefault(key)?.Transaction;

    /// <summary>How an INVITE was answered that another node handed over: 0 for not yet.</summary>
    public int StatusOf(SipOrigin origin) => _incoming.GetValueOrDefault(origin)?.Last?.Status ?? 0;

    /// <summary>An INVITE that was handed to another node is cancelled.</summary>
    public void Cancel(Outgoing offer, SipRequest cancel)
    {
        if (offer.Node is { } node) cluster.Links!.Send(node, LinkChannel.Sip, SipWire.Write(SipLinkMessage.Cancel, offer.Number, cancel));
    }

    /// <summary>Sends an answer to the node that has the transaction; false where that node is not there to send it on.</summary>
    public bool Answer(SipOrigin origin, SipResponse response)
    {
        var known = _incoming.GetValueOrDefault(origin);
        if (known is not null)
        {
            known.Last = response;
            if (response.IsFinal && !known.IsOver)
            {
                known.IsOver = true;
                _expiries.Enqueue((NowMillis + timers.Limit, () => Forget(origin, known)));
            }
        }
        // One that has come back under the same name knows nothing of the request; one whose link alone broke asks again.
        return known is not { IsOrphan: true } && cluster.Links!.Send(origin.Node, LinkChannel.Sip,
            SipWire.Write(SipLinkMessage.Response, origin.Number, response));
    }

    /// <summary>The transaction by which a request is answered from here after all; null where its own node does.</summary>
    public ServerTransaction? AdoptedOf(SipOrigin origin) => _incoming.GetValueOrDefault(origin)?.Adopted;

    /// <summary>From now on a request is answered from here.</summary>
    public void Adopted(SipOrigin origin, ServerTransaction own)
    {
        if (_incoming.TryGetValue(origin, out var known)) known.Adopted = own;
    }

    /// <summary>A message of another node that has to do with forwarding.</summary>
    public void Receive(string node, ReadOnlyMemory<byte> payload)
    {
        var message = payload.Span;
        var number = SipWire.NumberOf(message);
        switch (SipWire.KindOf(message))
        {
            case SipLinkMessage.Request or SipLinkMessage.Offer:
                TakeRequest(node, number, message);
                break;
            case SipLinkMessage.Ack or SipLinkMessage.Stray or SipLinkMessage.LateCancel when SipWire.TryRead<SipMessage>(message, out var loose, out var flow):
                TakeLoose(loose, side.FlowHere(flow));
                break;
            case SipLinkMessage.Response when _outgoing.TryGetValue(number, out var asked) && SipWire.TryRead<SipResponse>(message, out var response, out _):
                Answered(asked, response);
                break;
            case SipLinkMessage.NotOwner when _outgoing.TryGetValue(number, out var refused):
                Hold(refused);
                break;
            case SipLinkMessage.Cancel when _incoming.TryGetValue(new SipOrigin(node, number), out var cancelled)
                && SipWire.TryRead<SipRequest>(message, out var cancel, out _):
                (cancelled.Transaction.Fate as TakenByCall)?.Call.Tell(new InviteWasCancelled(cancelled.Transaction, cancel));
                if (cancelled.Transaction.Fate is Outgoing further) Cancel(further, cancel);
                else if (cancelled.Transaction.Fate is AnsweredElsewhere elsewhere) side.CancelElsewhere(elsewhere, cancel, cancelled.Transaction.Flow);
                break;
        }
    }

    /// <summary>A link broke: what it carried is sent again, which the owner recognises.</summary>
    public void LinkBroke(string node)
    {
        foreach (var (origin, known) in _incoming)
        {
            if (origin.Node == node) known.IsOrphan = true;
        }
        foreach (var waiting in _outgoing.Values)
        {
            if (waiting.Node != node || waiting.IsAnswered) continue;
            waiting.EndsMillis = NowMillis + Limits.SipMovingMillis;
            Hold(waiting);
        }
    }

    /// <summary>Tries again what waits, and forgets what is over.</summary>
    public void Tick()
    {
        var now = NowMillis;
        while (_expiries.TryPeek(out var oldest) && oldest.AtMillis <= now) _expiries.Dequeue().Forget();
        foreach (var waiting in _held.Values.OrderBy(static waiting => waiting.Number).ToList()) TryAgain(waiting, now);
    }

    /// <summary>What tells INVITEs apart (RFC 3261 section 8.2.2.2).</summary>
    public static string KeyOf(SipRequest invite) => $"{invite.CSeq.Number} {invite.From.Tag} {invite.CallId}";

    private bool Forward(SipLinkMessage kind, ServerTransaction? transaction, SipMessage message, SipFlow flow, int instance)
    {
        if (cluster.Owns(instance)) return false;
        var waiting = new Outgoing(kind, ++_lastNumber, transaction, message, flow, instance) { EndsMillis = NowMillis + Limits.SipMovingMillis };
        if (transaction is not null) transaction.Fate = waiting;
        var sent = OwnerOf(instance) is { } node && Send(waiting, node);
        if (sent && transaction is null) return true;
        if (_outgoing.Count >= Limits.SipForwardedMax)
        {
            GiveUp(waiting);
            return true;
        }
        _outgoing[waiting.Number] = waiting;
        if (!sent) Hold(waiting);
        // A call that was offered may wait for its answer.
        if (kind != SipLinkMessage.Offer) _expiries.Enqueue((waiting.EndsMillis, () => Expire(waiting)));
        return true;
    }

    private void Hold(Outgoing waiting)
    {
        cluster.Counters.SipWasHeld();
        waiting.Node = null;
        _held[waiting.Number] = waiting;
    }

    private void Remove(Outgoing waiting)
    {
        _outgoing.Remove(waiting.Number);
        _held.Remove(waiting.Number);
    }

    /// <summary>The owner took it and never answered.</summary>
    private void Expire(Outgoing waiting)
    {
        if (waiting.IsAnswered || !_outgoing.ContainsKey(waiting.Number)) return;
        if (NowMillis >= waiting.EndsMillis) GiveUp(waiting);
        else _expiries.Enqueue((waiting.EndsMillis, () => Expire(waiting)));
    }

    private string? OwnerOf(int instance) => cluster.View?.Invoke().OwnerOf(instance)?.Name is { } owner && owner != cluster.Self ? owner : null;

    private bool Send(Outgoing waiting, string node)
    {
        if (cluster.Links?.Send(node, LinkChannel.Sip, SipWire.Write(waiting.Kind, waiting.Number, waiting.Message, waiting.Flow)) != true) return false;
        if (waiting.Kind == SipLinkMessage.Offer) cluster.Counters.InviteOffered();
        else cluster.Counters.SipWasForwarded();
        waiting.Node = node;
        _held.Remove(waiting.Number);
        return true;
    }

    private void TryAgain(Outgoing waiting, long now)
    {
        // Its caller has its answer.
        if (waiting is { Kind: SipLinkMessage.Offer, Transaction.IsCancelled: true })
        {
            Remove(waiting);
            return;
        }
        if (waiting.OfferedTo is { } offered)
        {
            if (cluster.View!().Find(offered) is null || now >= waiting.EndsMillis) GiveUp(waiting);
            else Send(waiting, offered);
        }
        else if (cluster.Owns(waiting.Instance))
        {
            Remove(waiting);
            side.TakeHere(waiting.Transaction, waiting.Message, waiting.Flow);
        }
        else if (OwnerOf(waiting.Instance) is { } node && Send(waiting, node))
        {
            if (waiting.Transaction is null) Remove(waiting);
        }
        else if (now >= waiting.EndsMillis)
        {
            GiveUp(waiting);
        }
    }

    private void GiveUp(Outgoing waiting)
    {
        Remove(waiting);
        cluster.Counters.SipWasGivenUp();
        if (waiting.Transaction is not { } transaction) return;
        var response = SipResponse.For(transaction.Request, 503, null, transaction.Request.To.Tag is null ? random.NextHex(8) : null);
        side.Respond(transaction, response);
    }

    private void Answered(Outgoing asked, SipResponse response)
    {
        side.Respond(asked.Transaction!, response);
        if (!response.IsFinal || asked.IsAnswered) return;
        asked.IsAnswered = true;
        // The owner repeats its 2xx to an INVITE until the ACK comes.
        if (asked.Transaction!.IsInvite && response.IsSuccess) _expiries.Enqueue((NowMillis + timers.Limit, () => Remove(asked)));
        else Remove(asked);
    }

    private void TakeRequest(string node, long number, ReadOnlySpan<byte> message)
    {
        var origin = new SipOrigin(node, number);
        if (_incoming.TryGetValue(origin, out var known))
        {
            // It was sent again because a link broke: so may the answer have been.
            known.IsOrphan = false;
            if (known.Last is { } last) Answer(origin, last);
            return;
        }
        if (!SipWire.TryRead<SipRequest>(message, out var request, out var flow)) return;
        cluster.Counters.SipWasTaken();
        var transaction = ServerTransaction.Elsewhere(request, side.FlowHere(flow), origin);
        var isOffer = SipWire.KindOf(message) == SipLinkMessage.Offer;
        ResourceId? call = isOffer ? side.Replaced(request) : DialogTag.TryFind(request, out var tag) ? tag.Resource : null;
        if (call is { } named && !cluster.Owns(named.Instance))
        {
            cluster.Links!.Send(node, LinkChannel.Sip, SipWire.Write(SipLinkMessage.NotOwner, number));
            return;
        }
        if (_incoming.Count >= Limits.SipForwardedMax)
        {
            Answer(origin, SipResponse.For(request, 503, null, request.To.Tag is null ? random.NextHex(8) : null));
            return;
        }
        var taken = new Incoming(transaction);
        _incoming[origin] = taken;
        if (!isOffer)
        {
            side.TakeHere(transaction, request, transaction.Flow);
            return;
        }
        side.TakeOffer(transaction);
        if (!taken.IsOver) _offers[KeyOf(request)] = taken;
    }

    private void TakeLoose(SipMessage message, SipFlow flow)
    {
        var tag = message is SipRequest ack ? ack.To.Tag : ((SipResponse)message).From.Tag;
        cluster.Counters.SipWasTaken();
        // Two nodes that each believe the other to be the owner would play ball: what was forwarded once is taken or dropped.
        if (DialogTag.TryParse(tag, out var parsed) && cluster.Owns(parsed.Resource.Instance)) side.TakeHere(null, message, flow);
    }

    private void Forget(SipOrigin origin, Incoming known)
    {
        _incoming.Remove(origin);
        var key = KeyOf(known.Transaction.Request);
        if (_offers.GetValueOrDefault(key) == known) _offers.Remove(key);
    }

    /// <summary>A message that another node has to take.</summary>
    internal sealed class Outgoing(SipLinkMessage kind, long number, ServerTransaction? transaction, SipMessage message, SipFlow flow, int instance)
        : InviteFate
    {
        public SipLinkMessage Kind => kind;
        public long Number => number;
        public ServerTransaction? Transaction => transaction;
        public SipMessage Message => message;
        public SipFlow Flow => flow;
        public int Instance => instance;

        /// <summary>Where it was sent; null while it waits.</summary>
        public string? Node { get; set; }

        /// <summary>The node that an INVITE was offered to, whoever owns what.</summary>
        public string? OfferedTo { get; init; }

        /// <summary>When it is given up.</summary>
        public long EndsMillis { get; set; }

        public bool IsAnswered { get; set; }
    }

    /// <summary>A request that another node has the transaction of.</summary>
    private sealed class Incoming(ServerTransaction transaction)
    {
        public ServerTransaction Transaction => transaction;

        /// <summary>The answer that was sent last.</summary>
        public SipResponse? Last { get; set; }

        public bool IsOver { get; set; }

        /// <summary>The link to the node that has the transaction broke, and it has not asked again.</summary>
        public bool IsOrphan { get; set; }

        /// <summary>The transaction that this node answers by, because the other one cannot.</summary>
        public ServerTransaction? Adopted { get; set; }
    }
}
