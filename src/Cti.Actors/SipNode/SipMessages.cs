using System.Collections.Immutable;
using System.Net;
using Cti.Actors.Hosting;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>The node's SIP side as its calls see it: everything is posted to the actor that owns the transactions.</summary>
internal interface ISipNode
{
    /// <summary>Sends a response.</summary>
    void Respond(ServerTransaction transaction, SipResponse response);

    /// <summary>Gives back a request that a call of a lost instance was to take: the instance's owner gets it.</summary>
    void GiveBack(ServerTransaction transaction);

    /// <summary>Another node answers an INVITE that came here: its CANCEL, and the ACK of a refusal, are passed on to whoever owns the call.</summary>
    /// <param name="transaction">The INVITE's.</param>
    /// <param name="tag">The call's tag.</param>
    /// <param name="millis">For how long a call may wait for its answer.</param>
    void HandOff(ServerTransaction transaction, string tag, long millis);

    /// <summary>Sends a request in a transaction of its own; news of it goes to the handle's owner.</summary>
    void Start(SipRequest request, SipFlow flow, RequestHandle handle);

    /// <summary>Takes over an INVITE of a dead node, so that it can be cancelled; news of it goes to the handle's owner.</summary>
    void AdoptOutbound(RequestHandle handle, SipFlow flow);

    /// <summary>Takes over an INVITE that came to a dead node, so that it can be answered.</summary>
    void AdoptInbound(ServerTransaction transaction, ActorHandle owner);

    /// <summary>By what the peer of a dead node's flow is reached from here.</summary>
    SipFlow Facing(SipFlow flow);

    /// <summary>The Via of a request with that branch.</summary>
    string ViaOf(SipFlow flow, string branch);

    /// <summary>Cancels an INVITE.</summary>
    /// <param name="handle">The INVITE's.</param>
    /// <param name="reason">Value of the CANCEL's Reason, or null.</param>
    /// <param name="headers">What the application adds to it: <see cref="Cti.Sip.Dialog.CarriedHeaders"/>.</param>
    void Cancel(RequestHandle handle, string? reason, string? headers = null);

    /// <summary>Sends the ACK of a 2xx.</summary>
    void Acknowledge(SipRequest ack, SipFlow flow);

    /// <summary>Sends the OPTIONS, REGISTER or INVITE next hop of a URI; answers null when the host is unknown.</summary>
    ValueTask<SipFlow?> ResolveAsync(SipUri nextHop);

    /// <summary>Looks up the addresses of a host that a session description names: see <see cref="ISipResolver.ResolveHostAsync"/>.</summary>
    ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host);

    /// <summary>A call begins (1) or ends (-1) that is reached by a flow: its connection is kept open.</summary>
    void CountCall(SipFlow flow, int change);

    /// <summary>All that a URI's host leads to, the best first; empty when the host is unknown.</summary>
    ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop);

    /// <summary>Host and port by which a flow's peer reaches us.</summary>
    SipHostPort LocalAddress(SipFlow flow);
}

/// <summary>A request of ours, as its owner knows it.</summary>
internal sealed class RequestHandle(ActorHandle owner, SipRequest request)
{
    private bool _isGivenUp;

    public ActorHandle Owner { get; } = owner;

    public SipRequest Request { get; } = request;

    /// <summary>The branch of its Via where that was journaled; null for a random one.</summary>
    public string? Branch { get; init; }

    /// <summary>What may be sent to a far end that has not shown itself; null for any other.</summary>
    public SourceAllowance? Allowance { get; set; }

    /// <summary>Where a request within a dialog was sent; null before that.</summary>
    public IPEndPoint? Target { get; set; }

    /// <summary>Where one within a dialog is tried next where it cannot be sent.</summary>
    public ImmutableArray<SipFlow> Others { get; set; } = [];

    /// <summary>Set and read by the SIP actor only.</summary>
    public ClientTransaction? Transaction { get; set; }

    /// <summary>
    /// Whether it is not sent any more: another node has the dialog and counts on in it. What was not answered there is that node's to ask again.
    /// </summary>
    public bool IsGivenUp
    {
        get => Volatile.Read(ref _isGivenUp);
        set => Volatile.Write(ref _isGivenUp, value);
    }

    /// <summary>Cancelled before the transaction was made.</summary>
    public bool Cancelled { get; set; }
}

/// <summary>A new INVITE for an application; the first message of an inbound call.</summary>
internal sealed record InviteOffered(ServerTransaction Transaction, string Application, string? Trunk)
{
    /// <summary>The call whose place it is to take; null for none.</summary>
    public string? Replaces { get; init; }
}

/// <summary>A request within the call's dialog.</summary>
internal sealed record InDialogRequest(ServerTransaction Transaction) : ISystemMessage;

/// <summary>The INVITE of the call came by another path too: that branch is to be answered.</summary>
internal sealed record InviteJoined(ServerTransaction Transaction) : ISystemMessage;

/// <summary>The caller cancelled its INVITE.</summary>
internal sealed record InviteWasCancelled(ServerTransaction Transaction, SipRequest Cancel) : ISystemMessage;

/// <summary>The caller cancelled its INVITE at a node that had the call before.</summary>
internal sealed record CancelCameLate(SipRequest Cancel) : ISystemMessage;

/// <summary>An ACK of a 2xx.</summary>
internal sealed record AckCame(SipRequest Ack, SipFlow Flow) : ISystemMessage;

/// <summary>A response to a request of ours.</summary>
/// <param name="Handle">The request's.</param>
/// <param name="Response">It.</param>
/// <param name="Sent">By what the request went.</param>
/// <param name="Came">By what the response came.</param>
internal sealed record ResponseCame(RequestHandle Handle, SipResponse Response, SipFlow Sent, SipFlow Came) : ISystemMessage;

/// <summary>A 2xx to our INVITE after its transaction was over.</summary>
internal sealed record StrayResponseCame(SipResponse Response, SipFlow Flow) : ISystemMessage;

/// <summary>No final response came.</summary>
internal sealed record RequestTimedOut(RequestHandle Handle) : ISystemMessage;

/// <summary>A request could not be sent.</summary>
internal sealed record RequestNotSent(RequestHandle Handle, SipSendFailure Failure) : ISystemMessage;

/// <summary>A refusal of ours is acknowledged or given up, or a response could not be sent.</summary>
internal sealed record ResponseSettled(ServerTransaction Transaction) : ISystemMessage;
