using System.Net;
using Cti.Media.Rtp;

namespace Cti.Transport.Media;

/// <summary>A bound UDP socket that never blocks and allocates nothing per packet.</summary>
internal abstract class DatagramSocket : IDisposable
{
    /// <summary>Bytes of the next packet and its source, or -1 when there is none. A longer packet is cut.</summary>
    public abstract unsafe int Receive(byte* buffer, int length, out SocketAddressKey source);

    /// <summary>False when the packet could not be given to the network: it is lost, as any datagram may be.</summary>
    public abstract unsafe bool Send(byte* buffer, int length, SocketAddressKey target);

    /// <summary>What it is bound to.</summary>
    public abstract IPEndPoint Local { get; }

    /// <summary>Waits until there is a packet or an error to take; false when the time is over first. Not for media loops.</summary>
    public abstract bool WaitReadable(int millis);

    /// <summary>Takes one ICMP error: the destination that could not be reached. False when there is none, or it cannot be told.</summary>
    public abstract bool TryTakeError(out SocketAddressKey destination);

    public abstract void Dispose();
}

/// <summary>Tells which of a loop's sockets have something to read.</summary>
internal abstract class DatagramPoller : IDisposable
{
    /// <summary>Watches a socket until it is removed, under <paramref name="token"/>.</summary>
    public abstract void Add(DatagramSocket socket, int token);

    /// <summary>Forgets a socket: it is about to be closed, or goes to another loop.</summary>
    public abstract void Remove(DatagramSocket socket, int token);

    /// <summary>Tokens of readable sockets, as many as fit; does not wait.</summary>
    public abstract int Poll(Span<int> tokens);

    public abstract void Dispose();
}

/// <summary>How sockets are made: Linux's own calls where they exist, the framework's elsewhere.</summary>
internal static class Datagrams
{
    /// <summary>Null when the port is taken.</summary>
    public static DatagramSocket? TryBind(IPEndPoint local, SocketTuning tuning, bool managed) =>
        OperatingSystem.IsLinux() && !managed ? LinuxDatagramSocket.TryBind(local, tuning) : ManagedDatagramSocket.TryBind(local, tuning);

    public static DatagramPoller CreatePoller(bool managed) =>
        OperatingSystem.IsLinux() && !managed ? new EpollPoller() : new ManagedPoller();
}

/// <summary>What is set on a datagram socket.</summary>
/// <param name="BufferBytes">Receive buffer; 0 leaves the system's.</param>
/// <param name="TrafficClass">The IP header's TOS octet: 184 is DSCP EF (RFC 3246), 0 leaves it.</param>
/// <param name="ReportsErrors">ICMP errors are kept to be taken.</param>
internal readonly record struct SocketTuning(int BufferBytes, int TrafficClass, bool ReportsErrors = false);
