using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Transport.Links;

/// <summary>Asks hosts by TCP whether anybody listens at an address.</summary>
public sealed class PortProbe : IPortProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(Limits.LinkHandshakeMillis);

    /// <inheritdoc/>
    public void Probe(string address, Action<bool> done) => _ = ProbeAsync(address, done);

    private static async Task ProbeAsync(string address, Action<bool> done)
    {
        await Task.Yield();
        done(await IsRefusedAsync(address).ConfigureAwait(false));
    }

    private static async Task<bool> IsRefusedAsync(string address)
    {
        var colon = address.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(address.AsSpan(colon + 1), out var port)) return false;
        var host = address[..colon].Trim('[', ']');
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await socket.ConnectAsync(IPAddress.TryParse(host, out var ip) ? new IPEndPoint(ip, port) : new DnsEndPoint(host, port), patience.Token)
                .ConfigureAwait(false);
            return false;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
