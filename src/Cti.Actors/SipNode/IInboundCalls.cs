using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>What becomes of INVITEs outside a dialog.</summary>
internal interface IInboundCalls
{
    /// <summary>Whether OPTIONS is answered with 200: neither draining nor stopping.</summary>
    bool IsAvailable { get; }

    /// <summary>What is granted to far ends of which nothing else is known.</summary>
    SipProfile Profile { get; }

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
