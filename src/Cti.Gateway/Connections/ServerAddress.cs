using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;

namespace Cti.Gateway.Connections;

/// <summary>The address by which a request reached this gateway, as its caller may use it again.</summary>
internal static class ServerAddress
{
    private const int HostCharsMax = 255;

    /// <summary>
    /// Scheme and authority: the request's own <c>Host</c> where it is one, else the address that its connection came to. Behind a proxy that ends TLS,
    /// <c>X-Forwarded-Proto</c> gives the scheme: only the caller itself reads the answer, so it can deceive nobody else.
    /// </summary>
    internal static string Of(HttpContext context)
    {
        var forwarded = context.Request.Headers["X-Forwarded-Proto"].ToString();
        var isSecure = forwarded is "https" or "wss" || (context.Request.IsHttps && forwarded is not ("http" or "ws"));
        return (isSecure ? "https://" : "http://") + (Authority(context.Request.Host) ?? Local(context.Connection));
    }

    // Nothing but a name or address and a port: what else a Host field may hold never reaches a document.
    private static string? Authority(HostString host)
    {
        if (!host.HasValue || host.Value.Length > HostCharsMax) return null;
        if (Uri.CheckHostName(host.Host.Trim('[', ']')) is UriHostNameType.Unknown or UriHostNameType.Basic
            || host.Host.Contains('%', StringComparison.Ordinal))
            return null;
        if (host.Port is null) return host.Value == host.Host ? host.Value : null;
        return host.Port is > 0 and <= ushort.MaxValue ? string.Create(CultureInfo.InvariantCulture, $"{host.Host}:{host.Port}") : null;
    }

    private static string Local(ConnectionInfo connection) => new IPEndPoint(connection.LocalIpAddress ?? IPAddress.Loopback, connection.LocalPort).ToString();
}
