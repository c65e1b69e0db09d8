using System.Collections.Immutable;
using System.Net;
using Cti.Actors.SipNode;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>
/// Where our requests within the dialog go (RFC 3261 section 12.2.1.1): to the first route, else to the far end's Contact. What the call came by is used where
/// that says the same, and where the policy lets this far end not say so. A far end that has not shown itself yet gets no more than it is allowed.
/// </summary>
internal sealed class LegRoute(LegContext leg, LegUsages usages)
{
    private SourceAllowance? _allowance;
    private SourceAllowance? _elsewhere;
    private IPAddress? _answeringTarget;

    /// <summary>A caller that is no trunk has not shown itself before its ACK: until then it gets three times what it sent, our BYE included.</summary>
    public SourceAllowance? CallerAllowance { init => _allowance = value; }

    /// <summary>What the call came by, or our INVITE went by.</summary>
    public SipFlow Flow { get; set; }

    /// <summary>A stream that the far end opened towards a node that is gone: only its listening port can be reached.</summary>
    private bool IsConnectionLost => leg.IsRestored && usages.Session?.Dialog.IsUac != true && leg.Cell.State?.Dialog?.IsUac != true;

    /// <summary>The caller has shown that what we sent has reached it.</summary>
    public void CallerIsShown() => _allowance = null;

    /// <summary>Something has answered a request of ours.</summary>
    public void Answered(RequestHandle handle)
    {
        if (handle.Target is { } target) _answeringTarget = target.Address;
    }

    /// <summary>After a restart: the connection of that time is gone, one to the same peer may be opened.</summary>
    public void UseFlowOf(DialogState dialog)
    {
        if (Flow.Remote is null && DialogFlow.TryParse(dialog.Flow, out var parsed)) Flow = parsed with { Connection = 0 };
    }

    /// <summary>Sends a request within the dialog; news of it comes with the answered handle.</summary>
    public RequestHandle Start(SipRequest request)
    {
        var handle = new RequestHandle(leg.Cell.Actor, request);
        Route(request, (way, others) =>
        {
            handle.Others = others;
            Send(handle, way);
        });
        return handle;
    }

    /// <summary>
    /// A request that could not be sent goes to the next of those that its next hop's name leads to, in a transaction of its own (RFC 3263 section 4.3); false
    /// where there is none. One that was sent and not answered is not asked again elsewhere: it may have been heard.
    /// </summary>
    public bool TryElsewhere(RequestHandle handle)
    {
        if (handle.IsGivenUp || handle.Others.IsEmpty || handle.Target is not { } silent) return false;
        leg.Services.Silent.Note(silent, null);
        var next = handle.Others[0];
        handle.Others = handle.Others.RemoveAt(0);
        handle.Request.Remove(HeaderId.Via);
        Send(handle, next);
        return true;
    }

    private void Send(RequestHandle handle, SipFlow way)
    {
        KeepCredentials(handle.Request, way);
        handle.Target = way.Remote;
        handle.Allowance = _allowance ?? AllowanceTowards(way);
        leg.Services.Sip.Start(handle.Request, way, handle);
    }

    /// <summary>Sends the ACK of a 2xx.</summary>
    public void Acknowledge(SipRequest ack) => Route(ack, (way, _) =>
    {
        KeepCredentials(ack, way);
        leg.Services.Sip.Acknowledge(ack, way);
    });

    /// <summary>An answer to a challenge does not go elsewhere: neither to a far end's Contact with an ACK, nor where a name leads by now.</summary>
    public void KeepCredentials(SipRequest request, SipFlow way)
    {
        if (!request.Has(HeaderId.Authorization) && !request.Has(HeaderId.ProxyAuthorization)) return;
        if (leg.Trunk is not null && leg.Services.Trunks.Of(leg.Trunk).Owns(way)) return;
        request.Remove(HeaderId.Authorization);
        request.Remove(HeaderId.ProxyAuthorization);
    }

    /// <summary>
    /// A far end that is no trunk has sent us to an address that is not its own: as long as nothing has answered there, what it costs that address is the
    /// far end's doing.
    /// </summary>
    private SourceAllowance? AllowanceTowards(SipFlow way)
    {
        if (leg.Trunk is not null || way.IsReliable) return null;
        if (way.Remote.Address.Equals(Flow.Remote.Address) || way.Remote.Address.Equals(_answeringTarget)) return null;
        if (_elsewhere is { } known) return known;
        var fresh = new SourceAllowance();
        fresh.Came(usages.Server is { } serving ? SipMessageWriter.GetLength(serving.Invite) : Limits.SipDatagramRequestBytesMax / 2);
        return _elsewhere = fresh;
    }

    /// <summary>Given the way, and what to try where it cannot be gone.</summary>
    private delegate void Sender(SipFlow way, ImmutableArray<SipFlow> others);

    private void Route(SipRequest request, Sender send)
    {
        var hop = request.Routes.Count > 0 ? request.Routes[0].Uri : request.Uri;
        if (KnownWay(hop) is { } known)
        {
            send(known, []);
            return;
        }
        var lookup = leg.Services.Sip.ResolveAllAsync(hop);
        if (lookup.IsCompletedSuccessfully) SendByFirst(lookup.Result, send);
        else _ = RouteLaterAsync(lookup, send);
    }

    private async Task RouteLaterAsync(ValueTask<IReadOnlyList<SipFlow>> lookup, Sender send)
    {
        IReadOnlyList<SipFlow> found = [];
        try
        {
            found = await lookup.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The way that the call came by is better than none.
        }
        SendByFirst(found, send);
    }

    private void SendByFirst(IReadOnlyList<SipFlow> found, Sender send)
    {
        ImmutableArray<SipFlow> ways = [.. leg.Services.Silent.InOrder(found).Where(way => leg.Services.DialPolicy.Allows(way.Remote, Flow.Remote))];
        if (ways.IsEmpty) send(Flow, []);
        else send(ways[0], ways.RemoveAt(0));
    }

    /// <summary>
    /// The way to an address; null where it has to be looked up. Behind a public address a private one is reached by nothing but what the call came by.
    /// </summary>
    private SipFlow? KnownWay(SipUri hop)
    {
        if (!IPAddress.TryParse(hop.Host.Trim('[', ']'), out var address)) return null;
        var source = Flow.Remote.Address.IsIPv4MappedToIPv6 ? Flow.Remote.Address.MapToIPv4() : Flow.Remote.Address;
        var port = hop.Port == 0 ? 5060 : hop.Port;
        if (!leg.Services.DialPolicy.Allows(new IPEndPoint(address, port), Flow.Remote)) return Flow;
        if (!address.Equals(source)) return null;
        return (Flow.IsReliable && !IsConnectionLost) || port == Flow.Remote.Port ? Flow : Flow with { Remote = new IPEndPoint(Flow.Remote.Address, port) };
    }
}
