using System.Net;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Contract;
using Cti.Media;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Actors.Calls;

/// <summary>What the media side is told of the far end beside its SDP: where its SIP comes from, and whether it has shown itself.</summary>
internal sealed partial class CallLeg
{
    private IPAddress? lastSource;
    private bool isShown;

    /// <inheritdoc/>
    public bool HasShownItself { get; private set; }

    /// <inheritdoc/>
    public FarEnd FarEndOf(CallState state)
    {
        HasShownItself = false;
        var source = SourceOfCall;
        return new FarEnd
        {
            Latch = trunk?.Latch ?? services.MediaProfile.Latch,
            Sources = [.. ((IPAddress?[])[source, lastSource, ContactBehindProxy(state)]).OfType<IPAddress>().Distinct()],
            // Whom an application has called it has chosen itself.
            IsTrusted = state.Trunk is not null || state.Direction == CallDirection.Outbound,
            Shown = isShown || (leg.IsRestored && state.IsUp) ? source : null,
        };
    }

    /// <summary>Where the INVITE came from, or ours went.</summary>
    private IPAddress? SourceOfCall => Plain(serverTransaction?.Flow.Remote ?? route.Flow.Remote);

    /// <summary>
    /// A proxy between us hides where the far end is; where the proxy mends the Contact of what is behind a NAT, that says it. A private one says nothing.
    /// </summary>
    private IPAddress? ContactBehindProxy(CallState state)
    {
        var dialog = usages.Dialog ?? state.Dialog;
        if (dialog is not { RouteSet.IsEmpty: false } || !SipUri.TryParse(dialog.RemoteTarget, out var contact)) return null;
        return IPAddress.TryParse(contact.Host.Trim('[', ']'), out var address) && !DialPolicy.IsNear(address) ? address : null;
    }

    /// <summary>A request within the dialog came: who sends it from where the INVITE came from got our response, which names the dialog by 64 random bits.</summary>
    private void Heard(SipRequest request, SipFlow from)
    {
        if (Plain(from.Remote) is not { } source) return;
        if (request.Method is SipMethods.Invite or SipMethods.Update or SipMethods.Ack) lastSource = source;
        if (isShown || !source.Equals(SourceOfCall)) return;
        isShown = true;
        HasShownItself = true;
    }

    private static IPAddress? Plain(IPEndPoint? remote) => remote?.Address is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : remote?.Address;
}
