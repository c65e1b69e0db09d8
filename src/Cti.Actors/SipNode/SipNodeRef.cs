using System.Net;
using Cti.Actors.Hosting;
using Cti.Cluster;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.SipNode;

/// <summary>The front of the SIP actor: posts everything to its mailbox; what does not fit is dropped and counted, as a full socket would.</summary>
internal sealed class SipNodeRef(ISipResolver resolver) : ISipNode, ISipTransportEvents, ILinkReceiver
{
    private ActorHandle _actor = null!;
    private ISipTransport _transport = null!;
    private InviteWitness? _witness;
    private long _dropped;

    /// <summary>Messages from the network that found the mailbox full.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Attach(ActorHandle sipActor, ISipTransport sipTransport, InviteWitness inviteWitness)
    {
        _witness = inviteWitness;
        _actor = sipActor;
        _transport = sipTransport;
    }

    public void Respond(ServerTransaction transaction, SipResponse response) => _actor.Tell(new RespondNow(transaction, response));

    public void GiveBack(ServerTransaction transaction) => _actor.Tell(new TakeAgain(transaction));

    public void HandOff(ServerTransaction transaction, string tag, long millis) => _actor.Tell(new HandOffNow(transaction, tag, millis));

    public void Start(SipRequest request, SipFlow flow, RequestHandle handle) => _actor.Tell(new StartNow(request, flow, handle));

    public void AdoptOutbound(RequestHandle handle, SipFlow flow) => _actor.Tell(new AdoptOutboundNow(handle, flow));

    public void AdoptInbound(ServerTransaction transaction, ActorHandle owner) => _actor.Tell(new AdoptInboundNow(transaction, owner));

    public SipFlow Facing(SipFlow flow)
    {
        // The same one where all nodes are configured alike.
        if (_transport.IsListener(flow.Listener, flow.Kind, flow.Remote.AddressFamily)) return flow with { Connection = 0 };
        var listener = _transport.FindListener(flow.Kind, flow.Remote.AddressFamily);
        return flow with { Listener = listener < 0 ? flow.Listener : listener, Connection = 0 };
    }

    public string ViaOf(SipFlow flow, string branch) => TransactionLayer.ViaFor(_transport, flow, branch).ToString();

    public void Cancel(RequestHandle handle, string? reason, string? headers = null) => _actor.Tell(new CancelNow(handle, reason, headers));

    public void Acknowledge(SipRequest ack, SipFlow flow) => _actor.Tell(new AcknowledgeNow(ack, flow));

    public ValueTask<SipFlow?> ResolveAsync(SipUri nextHop) => resolver.ResolveAsync(nextHop);

    public ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host) => resolver.ResolveHostAsync(host);

    public void CountCall(SipFlow flow, int change) => _transport.CountCall(flow, change);

    public ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop) => resolver.ResolveAllAsync(nextHop);

    public SipHostPort LocalAddress(SipFlow flow) => _transport.LocalAddressTowards(flow);

    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        if (_witness?.TryAnswer(node, payload.Span) != true && !_actor.Tell(new LinkMessageCame(node, payload))) Interlocked.Increment(ref _dropped);
    }

    /// <summary>Who lives has changed.</summary>
    public void OnClusterChanged() => _actor.Tell(new ClusterChanged());

    public void OnConnected(string node) => _actor.Tell(new LinkChanged(node, true));

    public void OnBroken(string node) => _actor.Tell(new LinkChanged(node, false));

    public void OnReceived(in ReceivedMessage received)
    {
        if (!_actor.Tell(new MessageCame(received))) Interlocked.Increment(ref _dropped);
    }

    public void OnRejected(in SipParseResult rejected, SipFlow flow)
    {
        if (!_actor.Tell(new RejectedCame(rejected, flow))) Interlocked.Increment(ref _dropped);
    }

    public void OnSendFailed(SipFlow flow, long sendId, SipSendFailure failure)
    {
        if (sendId != 0) _actor.Tell(new SendFailedCame(sendId, failure));
    }
}

internal sealed record TakeAgain(ServerTransaction Transaction) : ISystemMessage;

internal sealed record HandOffNow(ServerTransaction Transaction, string Tag, long Millis) : ISystemMessage;

internal sealed record RespondNow(ServerTransaction Transaction, SipResponse Response) : ISystemMessage;

internal sealed record StartNow(SipRequest Request, SipFlow Flow, RequestHandle Handle) : ISystemMessage;

internal sealed record AdoptOutboundNow(RequestHandle Handle, SipFlow Flow) : ISystemMessage;

internal sealed record AdoptInboundNow(ServerTransaction Transaction, ActorHandle Owner) : ISystemMessage;

internal sealed record CancelNow(RequestHandle Handle, string? Reason, string? Headers) : ISystemMessage;

internal sealed record AcknowledgeNow(SipRequest Ack, SipFlow Flow) : ISystemMessage;

internal sealed record MessageCame(ReceivedMessage Received);

internal sealed record RejectedCame(SipParseResult Rejected, SipFlow Flow);

internal sealed record SendFailedCame(long SendId, SipSendFailure Failure) : ISystemMessage;
