using System.Globalization;
using Cti.Actors.Hosting;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// What becomes of INVITEs outside a dialog, which may come by several paths and to several nodes: part of the SIP actor.
/// <code>
///   INVITE ──a branch of it is here──► joins that: the newest is answered, the older ones are 482
///      └──new here──► do others have it? ──no──────────────► a call, here or where there is an instance for it
///                                         ├──unanswered────► offered to that node
///                                         └──answered──────► 482, or the same refusal
/// </code>
/// </summary>
internal sealed class NewInvites(TransactionLayer layer, SipCluster cluster, SipForwarding forwarding, InviteWitness witness, IInboundCalls inbound,
    IRandom random, NewInvites.ISipSide side)
{
    private readonly SameInvites _sameInvites = new(cluster, witness, random);
    private int _turn;

    /// <summary>What it needs of the SIP actor.</summary>
    internal interface ISipSide
    {
        /// <summary>Answers a request, wherever its transaction is.</summary>
        void Respond(ServerTransaction transaction, SipResponse response);

        /// <summary>Tells the owner of a call that its caller gives up.</summary>
        void CancelElsewhere(AnsweredElsewhere elsewhere, SipRequest cancel, SipFlow flow);

        /// <summary>Sends the actor a message later.</summary>
        void StartTimer(string key, long delayMillis, object message);

        /// <summary>Not after all.</summary>
        void CancelTimer(string key);
    }

    /// <summary>A new INVITE that another node handed over, or another branch of one that is here.</summary>
    public void TakeOffer(ServerTransaction transaction)
    {
        switch (FindSame(transaction.Request) is { } existing && existing != transaction ? Join(existing, transaction) : BranchOutcome.IsNew)
        {
            case BranchOutcome.Merged: side.Respond(transaction, SipResponse.For(transaction.Request, 482, null, layer.NewToken())); break;
            case BranchOutcome.IsNew: Accept(transaction); break;
        }
    }

    /// <summary>A node says how it has answered an INVITE.</summary>
    public void Answered(string node, long number, string text)
    {
        var said = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (said.Length > 0 && int.TryParse(said[0], CultureInfo.InvariantCulture, out var status)
            && _sameInvites.Answered(node, number, status, said.Skip(1)) is { } answered)
            Decided(answered.Question, node, answered.Status);
    }

    /// <summary>A node cannot answer any more.</summary>
    public void LinkBroke(string node)
    {
        foreach (var question in _sameInvites.Lost(node)) Decided(question, node, 0);
    }

    /// <summary>Who lives, or who is linked, may have changed.</summary>
    public void OthersChanged() => _sameInvites.Reconsider(layer.Invites.Where(invite => StatusOf(invite) == 100));

    /// <summary>A new INVITE of this node's own sockets.</summary>
    public void Take(ServerTransaction transaction)
    {
        if (_sameInvites.Ask(transaction) is not { } question)
        {
            Accept(transaction);
            return;
        }
        transaction.Fate = question;
        side.StartTimer(question.Timer, Limits.SameInviteMillis, new AskOver(question.Number));
    }

    /// <summary>Another node asks whether this one has an INVITE.</summary>
    public void BeAsked(string node, long number, string key, bool isWitness)
    {
        witness.Answer(node, number, key, StatusFor(node, key), isWitness);
        // Of two nodes that ask at once the witness may have told only one of the other.
        if (_sameInvites.YieldTo(node, key) is { } own) Decided(own, node, 100);
    }

    /// <summary>A question has waited long enough.</summary>
    public void EndQuestion(long number)
    {
        if (_sameInvites.Find(number) is not { } question) return;
        if (_sameInvites.AskWitness(question)) side.StartTimer(question.Timer, Limits.SameInviteMillis, new AskOver(number));
        else Decided(question, "", 0);
    }

    private void Decided(SameInvites.Question question, string node, int status)
    {
        side.CancelTimer(question.Timer);
        _sameInvites.Close(question);
        var transaction = question.Transaction;
        transaction.Fate = null;
        switch (status)
        {
            case 0:
                Accept(transaction);
                break;
            case < 200:
                if (!forwarding.Offer(transaction, node)) Accept(transaction);
                break;
            default:
                side.Respond(transaction, SipResponse.For(transaction.Request, status < 300 ? 482 : status, null, layer.NewToken()));
                break;
        }
    }

    private void Accept(ServerTransaction transaction)
    {
        if (ReplacedCalls.Named(transaction.Request, inbound.Knows) is { } replaced && forwarding.ForwardInvite(transaction, replaced)) return;
        if (inbound.Accept(transaction) is not { } refused) return;
        if (refused.MayGoElsewhere && transaction.Origin is null && AnyOwner() is { } node && forwarding.Offer(transaction, node)) return;
        side.Respond(transaction, SipResponse.For(transaction.Request, refused.Status, refused.Reason, layer.NewToken()));
    }

    /// <summary>Another node that takes calls, in turn.</summary>
    private string? AnyOwner()
    {
        if (cluster.View?.Invoke() is not { } view || cluster.Links is not { } links) return null;
        var able = view.Nodes.Where(node => node.Name != cluster.Self && node is { IsMedia: true, IsDraining: false } && links.IsConnected(node.Name)
            && view.Owners.Any(owner => owner.Node == node.Name)).ToList();
        return able.Count == 0 ? null : able[(int)((uint)_turn++ % (uint)able.Count)].Name;
    }

    /// <summary>A branch of the same INVITE that is here; null for none.</summary>
    public ServerTransaction? FindSame(SipRequest invite) =>
        (invite.From.Tag is { } tag ? layer.FindInvite(invite.CallId, tag, invite.CSeq.Number) : null) ?? forwarding.FindOffer(SipForwarding.KeyOf(invite));

    private int StatusFor(string node, string key)
    {
        if (forwarding.FindOffer(key) is { } offered) return StatusOf(offered);
        var parts = key.Split(' ', 3);
        if (parts.Length != 3 || !uint.TryParse(parts[0], CultureInfo.InvariantCulture, out var number)) return 0;
        if (layer.FindInvite(parts[2], parts[1], number) is not { } existing) return 0;
        return existing.Fate is SameInvites.Question ? _sameInvites.StatusFor(node, key) : StatusOf(existing);
    }

    /// <summary>
    /// How an INVITE was answered: 0 where no call came of it, 100 while it is not. One that was cancelled does not count: a proxy that gives up a branch and
    /// sends another has a caller who waits, and if it is the caller who gave up, the other branch is cancelled too.
    /// </summary>
    private int StatusOf(ServerTransaction invite)
    {
        if (invite.Fate is null or AnsweredElsewhere) return 0;
        var status = invite.Origin is SipOrigin origin ? forwarding.StatusOf(origin) : invite.LastStatus;
        if (status == 487 || (invite.IsCancelled && status < 200)) return 0;
        return status < 200 ? 100 : status;
    }

    /// <summary>Gives another branch of an INVITE to whoever has the first.</summary>
    public BranchOutcome Join(ServerTransaction existing, ServerTransaction arrived)
    {
        switch (existing.Fate)
        {
            case SameInvites.Question question:
                side.Respond(question.Transaction, SipResponse.For(question.Transaction.Request, 482, null, layer.NewToken()));
                question.Transaction.Fate = null;
                question.Transaction = arrived;
                arrived.Fate = question;
                return BranchOutcome.Joined;
            case SipForwarding.Outgoing { OfferedTo: { } node }:
                return JoinedIf(forwarding.Offer(arrived, node));
            case AnsweredElsewhere elsewhere when DialogTag.TryParse(elsewhere.Tag, out var tag)
                && cluster.View?.Invoke().OwnerOf(tag.Resource.Instance) is { } other && other.Name != cluster.Self:
                return JoinedIf(forwarding.Offer(arrived, other.Name));
            case TakenByCall taken:
                switch (StatusOf(existing))
                {
                    case 0:
                        return BranchOutcome.IsNew;
                    case < 200:
                        arrived.Fate = taken;
                        return JoinedIf(taken.Call.Tell(new InviteJoined(arrived)));
                    case var status and >= 300:
                        side.Respond(arrived, SipResponse.For(arrived.Request, status, null, layer.NewToken()));
                        return BranchOutcome.Joined;
                    default:
                        return BranchOutcome.Merged;
                }
            default:
                return BranchOutcome.IsNew;
        }
    }

    private static BranchOutcome JoinedIf(bool isTaken) => isTaken ? BranchOutcome.Joined : BranchOutcome.Merged;

    /// <summary>Whether whoever has the INVITE is told of its CANCEL; false where it is to be answered here.</summary>
    public bool IsCancelled(ServerTransaction invite, SipRequest cancel)
    {
        switch (invite.Fate)
        {
            case SipForwarding.Outgoing { Node: not null } forwarded:
                forwarding.Cancel(forwarded, cancel);
                return true;
            case AnsweredElsewhere elsewhere:
                side.CancelElsewhere(elsewhere, cancel, invite.Flow);
                return true;
            case SameInvites.Question question when question.Transaction == invite:
                side.CancelTimer(question.Timer);
                _sameInvites.Close(question);
                invite.Fate = null;
                return false;
            default:
                return false;
        }
    }

    /// <summary>A question has waited long enough.</summary>
    internal sealed record AskOver(long Number) : ISystemMessage;
}
