using System.Net;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Contract;
using Cti.Media;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Actors.Calls;

/// <summary>What the media side is told of the far end beside its SDP: where its SIP comes from, and whether it has shown itself.</summary>
internal sealed class LegFarEnd(LegContext leg, LegUsages usages, LegRoute route, InviteOfTheirs theirs)
{
    private IPAddress? _lastSource;
    private bool _isShown;

    /// <summary>Whether it has shown itself since the media side was told last.</summary>
    public bool HasShownItself { get; private set; }

    /// <summary>What the media side is told.</summary>
    public FarEnd Describe(CallState state)
    {
        HasShownItself = false;
        var source = SourceOfCall;
        return new FarEnd
        {
            Latch = LatchOf(state),
            Sources = [.. ((IPAddress?[])[source, _lastSource, ContactBehindProxy(state)]).OfType<IPAddress>().Distinct()],
            // Whom an application has called it has chosen itself.
            WasHeardElsewhere = leg.IsRestored,
            IsTrusted = state.Trunk is not null || state.Direction == CallDirection.Outbound,
            Shown = _isShown || (leg.IsRestored && state.IsUp) ? source : null,
        };
    }

    /// <summary>What is protected proves whose it is wherever it comes from, unless nothing but the signalled address is to count.</summary>
    private LatchMode LatchOf(CallState state)
    {
        var configured = leg.Trunk?.Latch ?? leg.Services.MediaProfile.Latch;
        return state.Audio?.Keys is not null && configured != LatchMode.Off ? LatchMode.Authenticated : configured;
    }

    /// <summary>
    /// A request within the dialog came: who sends it from where the INVITE came from got our response, which names the dialog by 64 random bits.
    /// </summary>
    public void Note(SipRequest request, SipFlow from)
    {
        if (Plain(from.Remote) is not { } source) return;
        if (request.Method is SipMethods.Invite or SipMethods.Update or SipMethods.Ack) _lastSource = source;
        if (_isShown || !source.Equals(SourceOfCall)) return;
        _isShown = true;
        HasShownItself = true;
    }

    /// <summary>Where the INVITE came from, or ours went.</summary>
    private IPAddress? SourceOfCall => Plain(theirs.Flow?.Remote ?? route.Flow.Remote);

    /// <summary>
    /// A proxy between us hides where the far end is; where the proxy mends the Contact of what is behind a NAT, that says it. A private one says nothing.
    /// </summary>
    private IPAddress? ContactBehindProxy(CallState state)
    {
        var dialog = usages.Dialog ?? state.Dialog;
        if (dialog is not { RouteSet.IsEmpty: false } || !SipUri.TryParse(dialog.RemoteTarget, out var contact)) return null;
        return IPAddress.TryParse(contact.Host.Trim('[', ']'), out var address) && !DialPolicy.IsNear(address) ? address : null;
    }

    private static IPAddress? Plain(IPEndPoint? remote) => remote?.Address is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : remote?.Address;
}
