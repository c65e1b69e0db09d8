using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Actors.Runtime;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>
/// Descriptions of theirs that name a host: what brought one waits until the name is looked up, and what belongs behind it waits with it, so that the usages see
/// everything in its order. A BYE waits only where the dialog is made by what waits.
/// </summary>
internal sealed partial class CallLeg
{
    private readonly Queue<object> waiting = new();
    private ImmutableDictionary<string, string> hosts = HostNames.None;
    private ImmutableHashSet<string> asked = ImmutableHashSet.Create<string>(StringComparer.OrdinalIgnoreCase);
    private (bool IsRequest, uint CSeq) askedFor;
    private string? lookedUp;

    /// <summary>Whether a message has to wait; a look-up begins where it is the first to need one.</summary>
    private bool WaitsForHost(object message)
    {
        if (waiting.Count == 0 ? !BeginsLookUp(message) : !BelongsInOrder(message)) return false;
        if (waiting.Count < Limits.SdpHostsMax) waiting.Enqueue(message);
        else if (message is InDialogRequest request) services.Sip.Respond(request.Transaction, DialogChecks.TryLater(request.Transaction.Request, 1 + services.Random.Next(10)));
        return true;
    }

    private ResourceCommand? HostKnown(HostLookedUp found, CallState state)
    {
        // The time-out and the answer may both come.
        if (found.Name != lookedUp) return null;
        lookedUp = null;
        if (found.Address is { } address) hosts = hosts.SetItem(found.Name, address);
        return NextWaiting(state);
    }

    /// <summary>One message at a time: each is a step of its own.</summary>
    private ResourceCommand? NextWaiting(CallState state)
    {
        if (lookedUp is not null || !waiting.TryPeek(out var next) || BeginsLookUp(next)) return null;
        waiting.Dequeue();
        if (waiting.Count > 0) cell.Actor.Tell(new WaitingIsDue());
        return Carry(next, state, out _);
    }

    private bool BeginsLookUp(object message)
    {
        if (Describing(message) is not { } sip || sip.Body.IsEmpty || InviteResponses.FindSdp(sip) is not { } sdp || SdpNegotiator.HostToLookUp(sdp) is not { } named) return false;
        var key = (sip is SipRequest, sip.CSeq.Number);
        if (key != askedFor)
        {
            // Another offer or answer: the name may lead elsewhere by now.
            askedFor = key;
            asked = asked.Clear();
            hosts = hosts.Clear();
        }
        if (asked.Count >= Limits.SdpHostsMax || asked.Contains(named.Address)) return false;
        asked = asked.Add(named.Address);
        lookedUp = named.Address;
        var family = local.Address.Contains(':', StringComparison.Ordinal) ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        HostNames.LookUp(services, timers, named, family, isFixed: true, route.Flow.Remote?.Address ?? IPAddress.None, found => cell.Actor.Tell(found));
        return true;
    }

    private static SipMessage? Describing(object message) => message switch
    {
        InDialogRequest { Transaction.Request: { Method: SipMethods.Invite or SipMethods.Update } request } => request,
        AckCame ack => ack.Ack,
        ResponseCame { Response: { Status: > 100 and < 300 } response } => response,
        StrayResponseCame stray => stray.Response,
        _ => null,
    };

    private bool BelongsInOrder(object message) => message switch
    {
        InDialogRequest { Transaction.Request.Method: SipMethods.Bye } => usages.Session is null && usages.Client is not null,
        InDialogRequest or AckCame or StrayResponseCame => true,
        ResponseCame came => came.Handle != byeRequest,
        _ => false,
    };

    private void GiveBackWaiting()
    {
        while (waiting.TryDequeue(out var message))
        {
            if (message is InDialogRequest request) services.Sip.GiveBack(request.Transaction);
        }
    }
}
