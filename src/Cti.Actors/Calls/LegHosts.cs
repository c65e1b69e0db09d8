using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Cti.Actors.SipNode;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Calls;

/// <summary>
/// Descriptions of theirs that name a host: what brought one waits until the name is looked up, and what belongs behind it waits with it, so that the usages
/// see everything in its order. A BYE waits only where the dialog is made by what waits.
/// </summary>
internal sealed class LegHosts(LegContext leg, LegUsages usages, LegRoute route, LegEnding ending)
{
    private readonly Queue<object> _waiting = new();
    private ImmutableDictionary<string, string> _known = HostNames.None;
    private ImmutableHashSet<string> _asked = ImmutableHashSet.Create<string>(StringComparer.OrdinalIgnoreCase);
    private (bool IsRequest, uint CSeq) _askedFor;
    private string? _lookedUp;

    /// <summary>What was looked up: addresses by name.</summary>
    public ImmutableDictionary<string, string> Known { get => _known; init => _known = value; }

    /// <summary>Whether nothing waits.</summary>
    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Whether a message has to wait; a look-up begins where it is the first to need one.</summary>
    public bool Holds(object message)
    {
        if (_waiting.Count == 0 ? !BeginsLookUp(message) : !BelongsInOrder(message)) return false;
        if (_waiting.Count < Limits.SdpHostsMax) _waiting.Enqueue(message);
        else if (message is InDialogRequest request)
            leg.Services.Sip.Respond(request.Transaction, DialogChecks.TryLater(request.Transaction.Request, 1 + leg.Services.Random.Next(10)));
        return true;
    }

    /// <summary>The outcome of a look-up.</summary>
    /// <returns>What goes on now, as <see cref="Next"/>.</returns>
    public object? Found(HostLookedUp found)
    {
        // The time-out and the answer may both come.
        if (found.Name != _lookedUp) return null;
        _lookedUp = null;
        if (found.Address is { } address) _known = _known.SetItem(found.Name, address);
        return Next();
    }

    /// <summary>The message that goes on now; null where none does. One at a time: each is a step of its own.</summary>
    public object? Next()
    {
        if (_lookedUp is not null || !_waiting.TryPeek(out var next) || BeginsLookUp(next)) return null;
        _waiting.Dequeue();
        if (_waiting.Count > 0) leg.Cell.Actor.Tell(new WaitingIsDue());
        return next;
    }

    /// <summary>What waits is another node's.</summary>
    public void GiveBack()
    {
        while (_waiting.TryDequeue(out var message))
        {
            if (message is InDialogRequest request) leg.Services.Sip.GiveBack(request.Transaction);
        }
    }

    private bool BeginsLookUp(object message)
    {
        if (Describing(message) is not { } sip || sip.Body.IsEmpty) return false;
        if (InviteResponses.FindSdp(sip) is not { } sdp || SdpNegotiator.HostToLookUp(sdp) is not { } named) return false;
        var key = (sip is SipRequest, sip.CSeq.Number);
        if (key != _askedFor)
        {
            // Another offer or answer: the name may lead elsewhere by now.
            _askedFor = key;
            _asked = _asked.Clear();
            _known = _known.Clear();
        }
        if (_asked.Count >= Limits.SdpHostsMax || _asked.Contains(named.Address)) return false;
        _asked = _asked.Add(named.Address);
        _lookedUp = named.Address;
        var family = leg.Local.Address.Contains(':', StringComparison.Ordinal) ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        var source = route.Flow.Remote?.Address ?? IPAddress.None;
        HostNames.LookUp(leg.Services, leg.Timers, named, family, isFixed: true, source, found => leg.Cell.Actor.Tell(found));
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
        ResponseCame came => !ending.Is(came.Handle),
        _ => false,
    };
}
