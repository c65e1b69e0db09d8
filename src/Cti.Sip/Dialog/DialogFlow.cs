using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Cti.Sip.Dialog;

/// <summary>A <see cref="SipFlow"/> as text, for the journal: <c>udp/0/192.0.2.1:5060/0</c> is kind, listener, peer, connection.</summary>
public static class DialogFlow
{
    /// <summary>The text form.</summary>
    public static string Format(SipFlow flow) =>
        string.Create(CultureInfo.InvariantCulture, $"{flow.Kind.ToString().ToLowerInvariant()}/{flow.Listener}/{flow.Remote}/{flow.Connection}");

    /// <summary>Reads the text form; false when it is not one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SipFlow flow)
    {
        flow = default;
        var parts = text?.Split('/');
        if (parts is not { Length: 4 }) return false;
        SipTransportKind? kind = parts[0] switch { "udp" => SipTransportKind.Udp, "tcp" => SipTransportKind.Tcp, "tls" => SipTransportKind.Tls, _ => null };
        if (kind is null || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var listener) ||
            !IPEndPoint.TryParse(parts[2], out var remote) ||
            !long.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out var connection)) return false;
        flow = new SipFlow(kind.Value, listener, remote, connection);
        return true;
    }
}
