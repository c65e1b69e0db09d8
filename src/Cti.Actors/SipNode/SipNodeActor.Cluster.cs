using System.Globalization;
using Cti.Actors.Hosting;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>What the SIP actor has to do with other nodes: requests of calls that live there, and INVITEs that came to two nodes.</summary>
internal sealed partial class SipNodeActor : SipForwarding.ISipSide
{
    private SipForwarding _forwarding = null!;
    private SameInvites _sameInvites = null!;
    private long _forwardDue = long.MaxValue;
    private int _turn;

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
        if (transaction is not null) InDialog(transaction);
        else if (message is SipRequest { Method: SipMethods.Cancel } cancel) CancelLate(cancel);
        else if (message is SipRequest ack)
        {
            if (!_layer.TakeAck(ack)) OnAck(ack, flow, null);
        }
        else OnStrayResponse((SipResponse)message, flow);
    }

    /// <inheritdoc/>
    public void TakeOffer(ServerTransaction transaction)
    {
        switch (FindSame(transaction.Request) is { } existing && existing != transaction ? Join(existing, transaction) : BranchOutcome.IsNew)
        {
            case BranchOutcome.Merged: Respond(transaction, SipResponse.For(transaction.Request, 482, null, _layer.NewToken())); break;
            case BranchOutcome.IsNew: Accept(transaction); break;
        }
    }

    /// <inheritdoc/>
    public SipFlow FlowHere(SipFlow flow) => flow.Remote is null ? flow
        : flow with { Listener = Math.Max(0, transport.FindListener(flow.Kind, flow.Remote.AddressFamily)), Connection = 0 };

    /// <inheritdoc/>
    public bool OnMerged(ServerTransaction existing, ServerTransaction arrived)
    {
        if (Join(existing, arrived) is not BranchOutcome.IsNew and var outcome) return outcome == BranchOutcome.Joined;
        if (!existing.IsCancelled) return false;
        NewInvite(arrived);
        return true;
    }

    // ---- INVITEs that another node answers ----

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

    private void LetGo(LetGoNow let)
    {
        let.Transaction.Fate = new AnsweredElsewhere(let.Tag);
        if (let.Transaction.Origin is null) let.Transaction.HandOff(let.Millis);
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
                BeAsked(node, number, SipWire.TextOf(payload.Span), SipWire.KindOf(payload.Span) == SipLinkMessage.Witness);
                break;
            case SipLinkMessage.Have:
                var said = SipWire.TextOf(payload.Span).Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (said.Length > 0 && int.TryParse(said[0], CultureInfo.InvariantCulture, out var status)
                    && _sameInvites.Answered(node, number, status, said.Skip(1)) is { } answered)
                    Decided(answered.Question, node, answered.Status);
                break;
            default:
                _forwarding.Receive(node, payload);
                break;
        }
    }

    private void LinkBroke(string node)
    {
        OthersChanged();
        _forwarding.LinkBroke(node);
        foreach (var question in _sameInvites.Lost(node)) Decided(question, node, 0);
    }

    private void OthersChanged() => _sameInvites.Reconsider(_layer.Invites.Where(invite => StatusOf(invite) == 100));

    // ---- INVITEs that come to two nodes ----

    private void NewInvite(ServerTransaction transaction)
    {
        if (_sameInvites.Ask(transaction) is not { } question)
        {
            Accept(transaction);
            return;
        }
        transaction.Fate = question;
        StartTimer(question.Timer, Limits.SameInviteMillis, new AskOver(question.Number));
    }

    private void BeAsked(string node, long number, string key, bool isWitness)
    {
        witness.Answer(node, number, key, StatusFor(node, key), isWitness);
        // Of two nodes that ask at once the witness may have told only one of the other.
        if (_sameInvites.YieldTo(node, key) is { } own) Decided(own, node, 100);
    }

    private void EndQuestion(long number)
    {
        if (_sameInvites.Find(number) is not { } question) return;
        if (_sameInvites.AskWitness(question)) StartTimer(question.Timer, Limits.SameInviteMillis, new AskOver(number));
        else Decided(question, "", 0);
    }

    private void Decided(SameInvites.Question question, string node, int status)
    {
        CancelTimer(question.Timer);
        _sameInvites.Close(question);
        var transaction = question.Transaction;
        transaction.Fate = null;
        switch (status)
        {
            case 0:
                Accept(transaction);
                break;
            case < 200:
                if (!_forwarding.Offer(transaction, node)) Accept(transaction);
                break;
            default:
                Respond(transaction, SipResponse.For(transaction.Request, status < 300 ? 482 : status, null, _layer.NewToken()));
                break;
        }
    }

    private void Accept(ServerTransaction transaction)
    {
        if (inbound.Accept(transaction) is not { } refused) return;
        if (refused.MayGoElsewhere && transaction.Origin is null && AnyOwner() is { } node && _forwarding.Offer(transaction, node)) return;
        Respond(transaction, SipResponse.For(transaction.Request, refused.Status, refused.Reason, _layer.NewToken()));
    }

    /// <summary>Another node that takes calls, in turn.</summary>
    private string? AnyOwner()
    {
        if (cluster.View?.Invoke() is not { } view || cluster.Links is not { } links) return null;
        var able = view.Nodes.Where(node => node.Name != cluster.Self && node is { IsMedia: true, IsDraining: false } && links.IsConnected(node.Name)
            && view.Owners.Any(owner => owner.Node == node.Name)).ToList();
        return able.Count == 0 ? null : able[(int)((uint)_turn++ % (uint)able.Count)].Name;
    }

    private ServerTransaction? FindSame(SipRequest invite) =>
        (invite.From.Tag is { } tag ? _layer.FindInvite(invite.CallId, tag, invite.CSeq.Number) : null) ?? _forwarding.FindOffer(SipForwarding.KeyOf(invite));

    private int StatusFor(string node, string key)
    {
        if (_forwarding.FindOffer(key) is { } offered) return StatusOf(offered);
        var parts = key.Split(' ', 3);
        if (parts.Length != 3 || !uint.TryParse(parts[0], CultureInfo.InvariantCulture, out var number)) return 0;
        if (_layer.FindInvite(parts[2], parts[1], number) is not { } existing) return 0;
        return existing.Fate is SameInvites.Question ? _sameInvites.StatusFor(node, key) : StatusOf(existing);
    }

    /// <summary>
    /// How an INVITE was answered: 0 where no call came of it, 100 while it is not. One that was cancelled does not count: a proxy that gives up a branch and
    /// sends another has a caller who waits, and if it is the caller who gave up, the other branch is cancelled too.
    /// </summary>
    private int StatusOf(ServerTransaction invite)
    {
        if (invite.Fate is null or AnsweredElsewhere) return 0;
        var status = invite.Origin is SipOrigin origin ? _forwarding.StatusOf(origin) : invite.LastStatus;
        if (status == 487 || (invite.IsCancelled && status < 200)) return 0;
        return status < 200 ? 100 : status;
    }

    /// <summary>Gives another branch of an INVITE to whoever has the first.</summary>
    private BranchOutcome Join(ServerTransaction existing, ServerTransaction arrived)
    {
        switch (existing.Fate)
        {
            case SameInvites.Question question:
                Respond(question.Transaction, SipResponse.For(question.Transaction.Request, 482, null, _layer.NewToken()));
                question.Transaction.Fate = null;
                question.Transaction = arrived;
                arrived.Fate = question;
                return BranchOutcome.Joined;
            case SipForwarding.Outgoing { OfferedTo: { } node }:
                return JoinedIf(_forwarding.Offer(arrived, node));
            case AnsweredElsewhere elsewhere when DialogTag.TryParse(elsewhere.Tag, out var tag)
                && cluster.View?.Invoke().OwnerOf(tag.Resource.Instance) is { } other && other.Name != cluster.Self:
                return JoinedIf(_forwarding.Offer(arrived, other.Name));
            case TakenByCall taken:
                switch (StatusOf(existing))
                {
                    case 0:
                        return BranchOutcome.IsNew;
                    case < 200:
                        arrived.Fate = taken;
                        return JoinedIf(taken.Call.Tell(new InviteJoined(arrived)));
                    case var status and >= 300:
                        Respond(arrived, SipResponse.For(arrived.Request, status, null, _layer.NewToken()));
                        return BranchOutcome.Joined;
                    default:
                        return BranchOutcome.Merged;
                }
            default:
                return BranchOutcome.IsNew;
        }
    }

    private static BranchOutcome JoinedIf(bool isTaken) => isTaken ? BranchOutcome.Joined : BranchOutcome.Merged;

    private bool IsCancelledElsewhere(ServerTransaction invite, SipRequest cancel)
    {
        switch (invite.Fate)
        {
            case SipForwarding.Outgoing { Node: not null } forwarded:
                _forwarding.Cancel(forwarded, cancel);
                return true;
            case AnsweredElsewhere elsewhere:
                CancelElsewhere(elsewhere, cancel, invite.Flow);
                return true;
            case SameInvites.Question question when question.Transaction == invite:
                CancelTimer(question.Timer);
                _sameInvites.Close(question);
                invite.Fate = null;
                return false;
            default:
                return false;
        }
    }

    private void ArmForwarding()
    {
        if (_forwarding.TickMillis is not { } millis || NowMillis + millis >= _forwardDue) return;
        _forwardDue = NowMillis + millis;
        StartTimer("forward", millis, new ForwardNow());
    }

    private sealed record ForwardNow;

    private sealed record AskOver(long Number) : ISystemMessage;
}
