using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// Owns the node's SIP transactions (RFC 3261's transaction user for all of them): finds whose each message is and posts it to that call.
/// A transaction stays on the node whose socket it uses; what a message means for a call is decided in the call's actor.
/// <code>
///   sockets ──► transactions ──in a dialog──────► whose call? ──here──► its actor ──answers──► transactions
///                   │                                 └──elsewhere──► SipForwarding ──link──► its owner, and the answer back
///                   ├──INVITE outside one──────► NewInvites: is it here, or on another node? ──► InboundCalls: a new call
///                   └──answer to nobody──────────► StrayCalls: acknowledged and hung up
/// </code>
/// </summary>
internal sealed class SipNodeActor(ISipTransport transport, ResourceDirectory directory, IInboundCalls inbound, IRandom random, SipTimers timers,
    SipCluster cluster, InviteWitness witness, SipBacklog backlog) : NodeActor, ITransactionUser, SipForwarding.ISipSide, NewInvites.ISipSide
{
    private static readonly SipRequestRules Rules = new(
        [SipMethods.Invite, SipMethods.Ack, SipMethods.Cancel, SipMethods.Bye, SipMethods.Options, SipMethods.Info, SipMethods.Update, SipMethods.Prack,
            SipMethods.Refer, SipMethods.Notify],
        [SipCapabilities.Timer, SipCapabilities.Reliable, SipCapabilities.Replaces, SipCapabilities.NoReferSub],
        ["application/sdp", "application/dtmf-relay", "application/dtmf", "multipart/mixed", "multipart/alternative"]);

    private TransactionLayer _layer = null!;
    private SipForwarding _forwarding = null!;
    private NewInvites _invites = null!;
    private StrayCalls _strays = null!;
    private long _armed = long.MaxValue;
    private long _forwardDue = long.MaxValue;

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
        _invites = new NewInvites(_layer, cluster, _forwarding, witness, inbound, random, this);
        _strays = new StrayCalls(_layer, inbound, System.Clock, timers);
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
            case HandOffNow off: HandOff(off); break;
            case AcknowledgeNow acknowledge: Acknowledge(acknowledge); break;
            case LinkMessageCame came: Receive(came.Node, came.Payload); break;
            case LinkChanged { IsUp: false } broken: LinkBroke(broken.Node); break;
            case LinkChanged: _invites.OthersChanged(); _forwarding.Tick(); break;
            case ClusterChanged: _invites.OthersChanged(); break;
            case TakeAgain again: TakeBack(again.Transaction); break;
            case NewInvites.AskOver over: _invites.EndQuestion(over.Number); break;
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
        _strays.Sent(start.Request, start.Flow);
    }

    private void Adopt(AdoptOutboundNow adopt)
    {
        adopt.Handle.Transaction = _layer.AdoptClient(adopt.Handle.Request, adopt.Flow, adopt.Handle);
        _strays.Inherit(adopt.Handle.Request.CallId);
    }

    private void Acknowledge(AcknowledgeNow acknowledge)
    {
        // A repeated ACK is the same request; each sending gets a Via of its own.
        acknowledge.Ack.Remove(HeaderId.Via);
        _layer.SendAck(acknowledge.Ack, acknowledge.Flow);
    }

    private static void Cancel(CancelNow cancel)
    {
        if (cancel.Handle.Transaction is { } transaction) transaction.Cancel(cancel.Reason, CarriedHeaders.Read(cancel.Headers));
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
        if (SipRequestValidator.Find(request, Rules) is { } refusal)
        {
            var token = _layer.TokenFor(request);
            return refusal.Status == 405 && request.Method == SipMethods.Subscribe ? SipCapabilities.RefuseSubscription(request, token)
                : refusal.ToResponse(request, token);
        }
        return request.Method switch
        {
            // Another branch of one that is here is none too many.
            SipMethods.Invite => _invites.FindSame(request) is null ? RefuseNew(request, flow) : null,
            SipMethods.Options => SipCapabilities.AnswerOptions(request, _layer.TokenFor(request), inbound.IsAvailable, inbound.Profile.Reliable),
            // Whom we have no call with, we call nobody for.
            SipMethods.Refer => SipResponse.For(request, 603, null, _layer.TokenFor(request)),
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
        else _invites.Take(transaction);
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
        if (_invites.IsCancelled(invite, cancel)) return;
        invite.Respond(SipResponse.For(invite.Request, 487, null, _layer.NewToken()));
    }

    /// <inheritdoc/>
    public void OnResponse(ClientTransaction transaction, SipResponse response)
    {
        if (!response.IsProvisional) _strays.Settled(transaction);
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
        _strays.HangUp(response, flow);
    }

    /// <inheritdoc/>
    public void OnTimeout(ClientTransaction transaction)
    {
        _strays.Settled(transaction);
        if (transaction.UserState is RequestHandle handle) handle.Owner.Tell(new RequestTimedOut(handle));
    }

    /// <inheritdoc/>
    public void OnTransportError(ClientTransaction transaction, SipSendFailure failure)
    {
        _strays.Settled(transaction);
        if (transaction.UserState is RequestHandle handle) handle.Owner.Tell(new RequestNotSent(handle, failure));
    }

    /// <inheritdoc/>
    public void OnServerFailed(ServerTransaction transaction, SipSendFailure? failure) => Settled(transaction);

    private static void Settled(ServerTransaction transaction)
    {
        if (transaction.Fate is TakenByCall taken) taken.Call.Tell(new ResponseSettled(transaction));
    }

    private ResourceListing? OwnerOf(string? tag) => DialogTag.TryParse(tag, out var parsed) ? directory.Find(parsed.Resource) : null;

    private long NowMillis => System.Clock.MonotonicNanos / 1_000_000;

    /// <inheritdoc/>
    void NewInvites.ISipSide.StartTimer(string key, long delayMillis, object message) => StartTimer(key, delayMillis, message);

    /// <inheritdoc/>
    void NewInvites.ISipSide.CancelTimer(string key) => CancelTimer(key);

    /// <inheritdoc/>
    public void Respond(ServerTransaction transaction, SipResponse response)
    {
        if (transaction.Origin is SipOrigin origin)
        {
            if (!_forwarding.Answer(origin, response) && transaction.IsInvite) RespondFromHere(origin, transaction, response);
        }
        else if (!transaction.Respond(response) && response.IsFinal)
        {
            Settled(transaction);
        }
    }

    /// <summary>
    /// The node that has the transaction of an INVITE has ended, or cannot be reached: its sender, who waits for an answer and does not ask again, gets it
    /// by another socket. Any other request is repeated by its sender.
    /// </summary>
    private void RespondFromHere(SipOrigin origin, ServerTransaction elsewhere, SipResponse response)
    {
        if (_forwarding.AdoptedOf(origin) is not { } own)
        {
            own = ServerTransaction.Detached(elsewhere.Request, elsewhere.Flow);
            _layer.AdoptServer(own, elsewhere.Fate);
            _forwarding.Adopted(origin, own);
        }
        own.Respond(response);
    }

    /// <inheritdoc/>
    public void TakeHere(ServerTransaction? transaction, SipMessage message, SipFlow flow)
    {
        if (transaction is { Request.To.Tag: null }) _invites.TakeOffer(transaction);
        else if (transaction is not null) InDialog(transaction);
        else if (message is SipRequest { Method: SipMethods.Cancel } cancel) CancelLate(cancel);
        else if (message is SipRequest ack)
        {
            if (!_layer.TakeAck(ack)) OnAck(ack, flow, null);
        }
        else OnStrayResponse((SipResponse)message, flow);
    }

    /// <inheritdoc/>
    public void TakeOffer(ServerTransaction transaction) => _invites.TakeOffer(transaction);

    /// <inheritdoc/>
    public ResourceId? Replaced(SipRequest invite) => ReplacedCalls.Named(invite, IsHere);

    /// <inheritdoc/>
    public SipFlow FlowHere(SipFlow flow) => flow.Remote is null ? flow
        : flow with { Listener = Math.Max(0, transport.FindListener(flow.Kind, flow.Remote.AddressFamily)), Connection = 0 };

    /// <inheritdoc/>
    public bool OnMerged(ServerTransaction existing, ServerTransaction arrived)
    {
        if (_invites.Join(existing, arrived) is not BranchOutcome.IsNew and var outcome) return outcome == BranchOutcome.Joined;
        if (!existing.IsCancelled) return false;
        _invites.Take(arrived);
        return true;
    }

    /// <inheritdoc/>
    public void CancelElsewhere(AnsweredElsewhere elsewhere, SipRequest cancel, SipFlow flow)
    {
        if (!DialogTag.TryParse(elsewhere.Tag, out var tag) || !IsHere(tag.Resource)) return;
        // A CANCEL names no dialog: on its way to the owner its To has the call's tag.
        var told = (SipRequest)SipParser.ParseDatagram(SipMessageWriter.ToArray(cancel)).Message!;
        var to = told.To.WithoutTag();
        told.Remove(HeaderId.To);
        told.Add(HeaderId.To, $"{to};tag={elsewhere.Tag}");
        if (!_forwarding.Forward(SipLinkMessage.LateCancel, told, flow, tag.Resource)) CancelLate(told);
    }

    private void HandOff(HandOffNow off)
    {
        off.Transaction.Fate = new AnsweredElsewhere(off.Tag);
        if (off.Transaction.Origin is null) off.Transaction.HandOff(off.Millis);
    }

    /// <summary>The CANCEL of an INVITE that came to another node before the call did come here.</summary>
    private void CancelLate(SipRequest cancel) => OwnerOf(cancel.To.Tag)?.Actor.Tell(new CancelCameLate(cancel));

    private void InDialog(ServerTransaction transaction)
    {
        if (DialogTag.TryFind(transaction.Request, out var tag) && IsHere(tag.Resource))
        {
            // Asked first: a call that this node has lost is in its directory for a moment more.
            if (_forwarding.Forward(transaction, tag.Resource)) return;
            if (directory.Find(tag.Resource) is { } owner)
            {
                transaction.Fate = new TakenByCall(owner.Actor);
                if (owner.Actor.Tell(new InDialogRequest(transaction))) return;
            }
        }
        Respond(transaction, DialogChecks.NoSuchDialog(transaction.Request));
    }

    /// <summary>A call of a lost instance was to take it.</summary>
    private void TakeBack(ServerTransaction transaction)
    {
        if (transaction.Request.To.Tag is not null) InDialog(transaction);
        else Respond(transaction, SipResponse.For(transaction.Request, 503, null, _layer.NewToken()));
    }

    private bool IsHere(ResourceId id) => inbound.Knows(id);

    private void Receive(string node, ReadOnlyMemory<byte> payload)
    {
        var number = SipWire.NumberOf(payload.Span);
        switch (SipWire.KindOf(payload.Span))
        {
            case SipLinkMessage.HaveYou or SipLinkMessage.Witness:
                _invites.BeAsked(node, number, SipWire.TextOf(payload.Span), SipWire.KindOf(payload.Span) == SipLinkMessage.Witness);
                break;
            case SipLinkMessage.Have:
                _invites.Answered(node, number, SipWire.TextOf(payload.Span));
                break;
            default:
                _forwarding.Receive(node, payload);
                break;
        }
    }

    private void LinkBroke(string node)
    {
        _invites.OthersChanged();
        _forwarding.LinkBroke(node);
        _invites.LinkBroke(node);
    }

    private void ArmForwarding()
    {
        if (_forwarding.TickMillis is not { } millis || NowMillis + millis >= _forwardDue) return;
        _forwardDue = NowMillis + millis;
        StartTimer("forward", millis, new ForwardNow());
    }

    private sealed record ForwardNow;

    private sealed record TickNow;
}
