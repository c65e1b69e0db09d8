using System.Net;
using System.Net.Sockets;

namespace Cti.Testing;

/// <summary>
/// Ports of the loopback for programs that are told where to listen. They lie below those that the system gives to outgoing connections:
/// one of these may be another's in the moment between being looked for and being used.
/// </summary>
public static class Ports
{
    private const int First = 28_000;
    private const int Count = 4_700;

    // Processes of tests side by side begin at different places; one process never names a port twice in a row.
    private static int _last = Environment.ProcessId * 37;

    /// <summary>A port that nobody has, neither for UDP nor for TCP.</summary>
    public static int Free()
    {
        for (var tried = 0; tried < Count; tried++)
        {
            var port = First + ((Interlocked.Increment(ref _last) & int.MaxValue) % Count);
            if (IsFree(port, SocketType.Dgram, ProtocolType.Udp) && IsFree(port, SocketType.Stream, ProtocolType.Tcp)) return port;
        }
        throw new InvalidOperationException($"none of the ports {First} to {First + Count - 1} is free");
    }

    private static bool IsFree(int port, SocketType type, ProtocolType protocol)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
