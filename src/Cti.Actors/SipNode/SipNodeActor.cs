using Cti.Actors.Resources;
using Cti.Actors.Hosting;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// Owns the node's SIP transactions (RFC 3261's transaction user for all of them): finds whose each message is and posts it to that call.
/// A transaction stays on the node whose socket it uses; what a message means for a call is decided in the call's actor.
/// </summary>
internal sealed partial class SipNodeActor(ISipTransport transport, ResourceDirectory directory, IInboundCalls inbound, IRandom random, SipTimers timers,
    SipCluster cluster, InviteWitness witness, SipBacklog backlog) : NodeActor, ITransactionUser
{
    /// <summary>
    /// Stray answers remembered, each for 64 T1: more than a node that restarted with all its calls ringing has; past it a BYE may go out twice.
    /// </summary>
    private const int StraysMax = 4_000;

    private static readonly SipRequestRules Rules = new(
        [SipMethods.Invite, SipMethods.Ack, SipMethods.Cancel, SipMethods.Bye, SipMethods.Options, SipMethods.Info, SipMethods.Update],
        [SipCapabilities.Timer], ["application/sdp", "application/dtmf-relay", "application/dtmf", "multipart/mixed", "multipart/alternative"]);

    private readonly Dictionary<(string CallId, string Tag), StrayCall> _strays = [];
    private readonly Dictionary<string, long> _inherited = new(StringComparer.Ordinal);
    private TransactionLayer _layer = null!;
    private long _armed = long.MaxValue;

    protected override void OnStart()
    {
        _layer = new TransactionLayer(transport, this, System.Clock, random, timers, log: System.Log)
        {
            // An INVITE that was sent before the node was cut off may be of a call that another has by now; what ends one is repeated.
            IsKnown = inbound.IsKnown,
            MayRepeat = client => client.UserState is not RequestHandle { IsGivenUp: true }
                && (client.Request.Method != SipMethods.Invite || !cluster.IsCutOff()),
        };
        inbound.Observe(_layer);
        _forwarding = new SipForwarding(cluster, System.Clock, random, timers, this);
        _sameInvites = new SameInvites(cluster, witness, random);
        Become(Serving);
    }

    private bool Serving(object message)
    {
        switch (message)
        {
            case MessageCame came:
                backlog.Note(came.Received.ReceivedAtNanos / 1_000_000, NowMillis);
                _layer.Receive(came.Received);
                break;
            case RejectedCame rejected: _layer.ReceiveRejected(rejected.Rejected, rejected.Flow); break;
            case SendFailedCame failed: _layer.SendFailed(failed.SendId, failed.Failure); break;
            case RespondNow respond: Respond(respond.Transaction, respond.Response); break;
            case StartNow start: Start(start); break;
            case AdoptOutboundNow adopt: Adopt(adopt); break;
            case AdoptInboundNow adopt: _layer.AdoptServer(adopt.Transaction, new TakenByCall(adopt.Owner)); break;
            case CancelNow cancel: Cancel(cancel); break;
            case LetGoNow let: LetGo(let); break;
            case AcknowledgeNow acknowledge: Acknowledge(acknowledge); break;
            case LinkMessageCame came: Receive(came.Node, came.Payload); break;
            case LinkChanged { IsUp: false } broken: LinkBroke(broken.Node); break;
            case LinkChanged: OthersChanged(); _forwarding.Tick(); break;
            case ClusterChanged: OthersChanged(); break;
            case TakeAgain again: TakeBack(again.Transaction); break;
            case AskOver over: EndQuestion(over.Number); break;
            case ForwardNow: _forwardDue = long.MaxValue; _forwarding.Tick(); break;
            case TickNow: _armed = long.MaxValue; _layer.Tick(); break;
            default: return false;
        }
        Arm();
        return true;
    }

    private void Start(StartNow start)
    {
        if (start.Handle.Cancelled || start.Handle.IsGivenUp)
        {
            start.Handle.Owner.Tell(new RequestTimedOut(start.Handle));
            return;
        }
        start.Handle.Transaction = _layer.StartClient(start.Request, start.Flow, start.Handle, branch: start.Handle.Branch, allowance: start.Handle.Allowance);
        // Its call may be over before the answer that crossed the CANCEL comes for the last time.
        if (start.Request.Method == SipMethods.Bye && _inherited.Remove(start.Request.CallId))
            Remember((start.Request.CallId, start.Request.To.Tag ?? ""), new StrayCall(start.Flow, NowMillis + timers.Limit) { IsOver = true });
    }

    private void Adopt(AdoptOutboundNow adopt)
    {
        adopt.Handle.Transaction = _layer.AdoptClient(adopt.Handle.Request, adopt.Flow, adopt.Handle);
        if (_inherited.Count >= StraysMax)
        {
            foreach (var (callId, ends) in _inherited)
            {
                if (ends <= NowMillis) _inherited.Remove(callId);
            }
        }
        if (_inherited.Count < StraysMax) _inherited[adopt.Handle.Request.CallId] = NowMillis + (2 * timers.Limit);
    }

    private void Acknowledge(AcknowledgeNow acknowledge)
    {
        // A repeated ACK is the same request; each sending gets a Via of its own.
        acknowledge.Ack.Remove(HeaderId.Via);
        _layer.SendAck(acknowledge.Ack, acknowledge.Flow);
    }

    private static void Cancel(CancelNow cancel)
    {
        if (cancel.Handle.Transaction is { } transaction) transaction.Cancel(cancel.Reason);
        else cancel.Handle.Cancelled = true;
    }

    private void Arm()
    {
        ArmForwarding();
        var next = _layer.NextDeadline;
        if (next == _armed) return;
        _armed = next;
        if (next == long.MaxValue) CancelTimer("tick");
        else StartTimer("tick", Math.Max(0, next - (System.Clock.MonotonicNanos / 1_000_000)), new TickNow());
    }

    /// <inheritdoc/>
    public SipResponse? AnswerStateless(SipRequest request, SipFlow flow)
    {
        // Only what is of a call, or is to become one, is remembered.
        if (request.To.Tag is not null)
        {
            var isKnown = DialogTag.TryFind(request, out var tag) && IsHere(tag.Resource)
                && (_forwarding.IsElsewhere(tag.Resource) || directory.Find(tag.Resource) is not null);
            return isKnown ? null : DialogChecks.NoSuchDialog(request);
        }
        if (request.Method == SipMethods.Cancel) return null;
        if (SipRequestValidator.Find(request, Rules) is { } refusal) return refusal.ToResponse(request, _layer.TokenFor(request));
        return request.Method switch
        {
            // Another branch of one that is here is none too many.
            SipMethods.Invite => FindSame(request) is null ? RefuseNew(request, flow) : null,
            SipMethods.Options => SipCapabilities.AnswerOptions(request, _layer.TokenFor(request), inbound.IsAvailable),
            _ => SipResponse.For(request, 481, null, _layer.TokenFor(request)),
        };
    }

    /// <summary>The answer to an INVITE of which nothing is to be kept; null where it is looked at further.</summary>
    private SipResponse? RefuseNew(SipRequest invite, SipFlow flow)
    {
        if (backlog.Refuses())
        {
            if (System.Log.IsWanted(LogEvents.SipBehind)) System.Log.Write(LogEvents.SipBehind, backlog.WaitedMillis);
            return SipResponse.For(invite, 503, null, _layer.TokenFor(invite));
        }
        return inbound.Refuse(invite, flow) is { } refused ? SipResponse.For(invite, refused.Status, refused.Reason, _layer.TokenFor(invite)) : null;
    }

    /// <inheritdoc/>
    public void OnRequest(ServerTransaction transaction)
    {
        if (transaction.Request.To.Tag is not null) InDialog(transaction);
        else NewInvite(transaction);
    }

    /// <inheritdoc/>
    public void OnAck(SipRequest ack, SipFlow flow, ServerTransaction? transaction)
    {
        if (transaction is { Phase: TransactionPhase.Proceeding })
        {
            // Nothing was answered here: whoever has the call now has refused it.
            if (transaction.Fate is not (AnsweredElsewhere or SipForwarding.Outgoing)) return;
            transaction.Forget();
        }
        if (OwnerOf(ack.To.Tag) is { } owner) owner.Actor.Tell(new AckCame(ack, flow));
        else if (DialogTag.TryParse(ack.To.Tag, out var tag) && IsHere(tag.Resource)) _forwarding.Forward(SipLinkMessage.Ack, ack, flow, tag.Resource);
    }

    /// <inheritdoc/>
    public void OnCancel(ServerTransaction invite, SipRequest cancel)
    {
        if (invite.Fate is TakenByCall taken && taken.Call.Tell(new InviteWasCancelled(invite, cancel))) return;
        if (IsCancelledElsewhere(invite, cancel)) return;
        invite.Respond(SipResponse.For(invite.Request, 487, null, _layer.NewToken()));
    }

    /// <inheritdoc/>
    public void OnResponse(ClientTransaction transaction, SipResponse response)
    {
        if (transaction.UserState is StrayCall stray && !response.IsProvisional) stray.SayGoodbye(_layer, null);
        if (transaction.UserState is not RequestHandle handle) return;
        // A call that is another node's now is hung up there, once.
        if (!handle.Owner.Tell(new ResponseCame(handle, response, transaction.Flow, transaction.LastCame)) && transaction.IsInvite && response.IsSuccess)
            OnStrayResponse(response, transaction.Flow);
    }

    /// <inheritdoc/>
    public void OnStrayResponse(SipResponse response, SipFlow flow)
    {
        // What we have called with, we have called: nothing is said to anybody for an answer to something else.
        if (!DialogTag.TryParse(response.From.Tag, out var tag) || !IsHere(tag.Resource)) return;
        if (OwnerOf(response.From.Tag) is { } owner && owner.Actor.Tell(new StrayResponseCame(response, flow))) return;
        if (_forwarding.Forward(SipLinkMessage.Stray, response, flow, tag.Resource)) return;
        HangUpStray(response, flow);
    }

    /// <inheritdoc/>
    public void OnTimeout(ClientTransaction transaction)
    {
        if (transaction.UserState is StrayCall stray) stray.SayGoodbye(_layer, null);
        if (transaction.UserState is RequestHandle handle) handle.Owner.Tell(new RequestTimedOut(handle));
    }

    /// <inheritdoc/>
    public void OnTransportError(ClientTransaction transaction, SipSendFailure failure)
    {
        if (transaction.UserState is StrayCall stray) stray.SayGoodbye(_layer, null);
        if (transaction.UserState is RequestHandle handle) handle.Owner.Tell(new RequestNotSent(handle, failure));
    }

    /// <inheritdoc/>
    public void OnServerFailed(ServerTransaction transaction, SipSendFailure? failure) => Settled(transaction);

    private static void Settled(ServerTransaction transaction)
    {
        if (transaction.Fate is TakenByCall taken) taken.Call.Tell(new ResponseSettled(transaction));
    }

    private ResourceListing? OwnerOf(string? tag) => DialogTag.TryParse(tag, out var parsed) ? directory.Find(parsed.Resource) : null;

    /// <summary>
    /// A call of ours that nobody knows any more was answered: a late fork, or the node restarted while it rang. It is hung up, so that no phone stays in a
    /// call with nobody, and acknowledged only when that has succeeded: if this process dies meanwhile, the answer is repeated to the next one.
    /// </summary>
    private void HangUpStray(SipResponse response, SipFlow flow)
    {
        var key = (response.CallId, response.To.Tag ?? "");
        if (_strays.TryGetValue(key, out var known) && known.EndsMillis > NowMillis)
        {
            known.Allowance?.Came(SipMessageWriter.GetLength(response));
            if (known.IsOver) known.SayGoodbye(_layer, response);
            return;
        }
        var dialog = StrayDialog.Of(response, flow);
        var stray = new StrayCall(flow, NowMillis + timers.Limit)
        {
            Ack = StrayDialog.Ack(dialog),
            Allowance = flow.IsReliable || inbound.IsKnown(flow) ? null : new SourceAllowance(),
        };
        stray.Allowance?.Came(SipMessageWriter.GetLength(response));
        Remember(key, stray);
        _layer.StartClient(DialogRequests.Bye(dialog, out _, SipReason.Sip(481, "Call does not exist")), flow, stray, allowance: stray.Allowance);
    }

    private long NowMillis => System.Clock.MonotonicNanos / 1_000_000;

    private void Remember((string CallId, string Tag) key, StrayCall stray)
    {
        if (_strays.Count >= StraysMax)
        {
            foreach (var (old, known) in _strays)
            {
                if (known.EndsMillis <= NowMillis) _strays.Remove(old);
            }
        }
        if (_strays.Count < StraysMax) _strays[key] = stray;
    }

    /// <summary>A stray call that is being hung up, or one of a dead node's that was.</summary>
    private sealed class StrayCall(SipFlow flow, long endsMillis)
    {
        public long EndsMillis { get; } = endsMillis;

        /// <summary>Its BYE was answered, or is its call's to see through.</summary>
        public bool IsOver { get; set; }

        public SipRequest? Ack { get; set; }

        /// <summary>What may be sent to a stranger, who may never have been called.</summary>
        public SourceAllowance? Allowance { get; init; }

        /// <summary>Acknowledges the answer; <paramref name="repeated"/> is that answer where it came again.</summary>
        public void SayGoodbye(TransactionLayer layer, SipResponse? repeated)
        {
            IsOver = true;
            Ack ??= repeated is null ? null : StrayDialog.Ack(StrayDialog.Of(repeated, flow));
            if (Ack is not { } ack) return;
            ack.Remove(HeaderId.Via);
            layer.SendAck(ack, flow);
        }
    }

    private sealed record TickNow;
}

/// <summary>What becomes of INVITEs outside a dialog.</summary>
internal interface IInboundCalls
{
    /// <summary>Whether OPTIONS is answered with 200: neither draining nor stopping.</summary>
    bool IsAvailable { get; }

    /// <summary>Whether an id is one of this cluster's.</summary>
    bool Knows(ResourceId id);

    /// <summary>Gives the INVITE to a new call, or says why not.</summary>
    InviteRefusal? Accept(ServerTransaction transaction);

    /// <summary>
    /// Why an INVITE is refused of which nothing is to be kept: it comes from a stranger who may not call, or leads nowhere. Null where it is looked at
    /// further.
    /// </summary>
    InviteRefusal? Refuse(SipRequest invite, SipFlow flow);

    /// <summary>Whether a flow is a trunk's.</summary>
    bool IsKnown(SipFlow flow);

    /// <summary>Given the layer at start, for counting.</summary>
    void Observe(TransactionLayer layer);
}

/// <summary>Why an INVITE is refused before a call exists.</summary>
/// <param name="Status">400..699.</param>
/// <param name="Reason">Its phrase.</param>
internal sealed record InviteRefusal(int Status, string? Reason = null)
{
    /// <summary>Only this node has no room for it: it owns no instance.</summary>
    public bool MayGoElsewhere { get; init; }
}
