using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Cti.Transport.Native;

/// <summary>Which of the machine's addresses the routing table uses towards a destination: asked by connecting a UDP socket, which sends nothing.</summary>
internal static class LocalAddress
{
    private const int CachedMax = 4_096;
    private const long KeptMillis = 30_000;
    private static readonly ConcurrentDictionary<IPAddress, (IPAddress Local, long ExpiresMillis)> Cache = new();
    // Documentation addresses (RFC 5737, RFC 3849): they follow the default route and nobody answers at them.
    private static readonly IPAddress Anywhere4 = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress Anywhere6 = IPAddress.Parse("2001:db8::1");

    /// <summary>The address of the default route; loopback where there is none.</summary>
    public static IPAddress OfDefaultRoute(AddressFamily family) =>
        family == AddressFamily.InterNetwork ? Towards(Anywhere4) : Towards(Anywhere6);

    /// <summary>The address used towards a destination; loopback where there is no route.</summary>
    public static IPAddress Towards(IPAddress destination)
    {
        var now = Environment.TickCount64;
        if (Cache.TryGetValue(destination, out var known) && known.ExpiresMillis > now)
            return known.Local;
        // Without a socket to ask with, what was so a while ago is the best guess, and is asked again next time.
        if (Probe(destination) is not { } local)
            return known.Local ?? (destination.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback);
        if (Cache.Count >= CachedMax)
            Cache.Clear();
        Cache[destination] = (local, now + KeptMillis);
        return local;
    }

    private static IPAddress? Probe(IPAddress destination)
    {
        using var socket = TryOpen(destination.AddressFamily);
        if (socket is null)
            return null;
        try
        {
            socket.Connect(destination, 9);
            return ((IPEndPoint)socket.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            return destination.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback;
        }
    }

    private static Socket? TryOpen(AddressFamily family)
    {
        try
        {
            return new Socket(family, SocketType.Dgram, ProtocolType.Udp);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
