using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Cti.Gateway;

/// <summary>One URL to listen on.</summary>
internal sealed record ListenUrl(IPAddress? Address, int Port, bool IsHttps, GatewayOptions Options)
{
    /// <summary>Reads <c>http(s)://ADDRESS:PORT</c>.</summary>
    /// <exception cref="ArgumentException">It is something else, or reaches beyond loopback with nothing but the default key.</exception>
    internal static ListenUrl Parse(string url, GatewayOptions options)
    {
        var isHttps = url.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (!isHttps && !url.StartsWith("http://", StringComparison.OrdinalIgnoreCase)) throw Bad(url, "must begin with http:// or https://");
        var rest = url[(isHttps ? 8 : 7)..].TrimEnd('/');
        var colon = rest.LastIndexOf(':');
        if (colon < 0 || rest.EndsWith(']')) throw Bad(url, "needs a port");
        if (!ushort.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port)) throw Bad(url, "needs a port 0..65535");
        if (isHttps && options.Certificate is null) throw Bad(url, "needs a certificate");
        var host = rest[..colon];
        var address = host switch
        {
            "*" => null,
            "localhost" => IPAddress.Loopback,
            _ when IPAddress.TryParse(host.Trim('[', ']'), out var parsed) => parsed,
            _ => throw Bad(url, "needs an IP address, localhost or *"),
        };
        if (options.OnlyDefaultKey && (address is null || !IPAddress.IsLoopback(address)))
            throw Bad(url, "is not loopback, and the only key is the one generated at first start: configure an application with a key of its own, or listen "
                + "on 127.0.0.1");
        return new ListenUrl(address, port, isHttps, options);
    }

    internal void Apply(KestrelServerOptions kestrel)
    {
        if (Address is null) kestrel.ListenAnyIP(Port, Configure);
        else kestrel.Listen(Address, Port, Configure);
    }

    private void Configure(ListenOptions listen)
    {
        // WebSockets over HTTP/2 would need flow control of their own; callers of a CTI server keep few connections.
        listen.Protocols = HttpProtocols.Http1;
        if (!IsHttps) return;
        // Asked for each connection: a certificate that has changed is used from then on.
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = Options.Certificate!(),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            }),
        });
    }

    private static ArgumentException Bad(string url, string reason) => new($"gateway listen URL {url} {reason}");
}
