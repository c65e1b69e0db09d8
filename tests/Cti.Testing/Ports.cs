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

    /// <summary>Programs listen above the port that they are told, too (SIP over TLS at the next one); it has no divisor in common with the count.</summary>
    private const int Step = 7;

    // Processes of tests side by side begin at different places; one process names no port again soon.
    private static int _last = Environment.ProcessId * 37 * Step;

    /// <summary>A port that nobody has, neither for UDP nor for TCP.</summary>
    public static int Free()
    {
        for (var tried = 0; tried < Count; tried++)
        {
            var port = First + ((Interlocked.Add(ref _last, Step) & int.MaxValue) % Count);
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
