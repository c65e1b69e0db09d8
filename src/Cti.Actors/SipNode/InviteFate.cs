using Cti.Actors.Hosting;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>
/// What became of a request that came to this node: kept with its transaction, so that whatever still comes for it (a repetition by another path, a CANCEL, an
/// ACK) goes the same way. A request within a dialog is taken by a call or sent to another node; an INVITE has the whole way:
/// <code>
///   (none) ──other nodes may have it──► SameInvites.Question ──nobody has──► TakenByCall ──its call moved to another node──► AnsweredElsewhere
///     │                                        │ └─another has it, or only another can take it─► SipForwarding.Outgoing
///     └──no other node──► TakenByCall          └─its other branch came: the question is that one's now─► (none)
/// </code>
/// </summary>
internal abstract class InviteFate;

/// <summary>A call of this node has it.</summary>
/// <param name="call">The call's actor.</param>
internal sealed class TakenByCall(ActorHandle call) : InviteFate
{
    public ActorHandle Call { get; } = call;
}

/// <summary>The call that had it lives on another node now, and is answered for there.</summary>
/// <param name="tag">The call's tag, by which its owner is found.</param>
internal sealed class AnsweredElsewhere(string tag) : InviteFate
{
    public string Tag { get; } = tag;
}

/// <summary>What another branch of an INVITE met.</summary>
internal enum BranchOutcome
{
    /// <summary>Whoever has the first has this one too.</summary>
    Joined,
    /// <summary>The first is answered: this one is a merged request (RFC 3261 section 8.2.2.2, 482).</summary>
    Merged,
    /// <summary>No call came of the first: this one is an INVITE of its own.</summary>
    IsNew,
}

/// <summary>The fate with its transaction.</summary>
internal static class InviteFates
{
    extension(ServerTransaction transaction)
    {
        /// <summary>What became of it; null where nothing has yet, or no call came of it.</summary>
        public InviteFate? Fate
        {
            get => (InviteFate?)transaction.UserState;
            set => transaction.UserState = value;
        }
    }
}
