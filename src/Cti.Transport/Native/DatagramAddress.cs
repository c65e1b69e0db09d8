using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Cti.Transport.Native;

/// <summary>An IP address and port as a value, so that telling where a packet came from allocates nothing.</summary>
internal readonly record struct DatagramAddress(ulong High, ulong Low, uint Scope, ushort Port, bool IPv6)
{
    public const int SockAddrBytesMax = 28;

    public static DatagramAddress From(IPEndPoint endPoint)
    {
        Span<byte> bytes = stackalloc byte[16];
        endPoint.Address.TryWriteBytes(bytes, out var written);
        return written == 4
            ? new DatagramAddress(0, BinaryPrimitives.ReadUInt32BigEndian(bytes), 0, (ushort)endPoint.Port, false)
            : new DatagramAddress(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
                (uint)endPoint.Address.ScopeId, (ushort)endPoint.Port, true);
    }

    public IPEndPoint ToEndPoint()
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!IPv6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Low);
            return new IPEndPoint(new IPAddress(bytes[..4]), Port);
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
        return new IPEndPoint(new IPAddress(bytes, Scope), Port);
    }

    /// <summary>Writes Linux's sockaddr_in or sockaddr_in6; returns its length.</summary>
    public int WriteSockAddr(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], Port);
        if (!IPv6)
        {
            BitConverter.TryWriteBytes(target, (ushort)Libc.AfInet);
            BinaryPrimitives.WriteUInt32BigEndian(target[4..], (uint)Low);
            target.Slice(8, 8).Clear();
            return 16;
        }

        BitConverter.TryWriteBytes(target, (ushort)Libc.AfInet6);
        target.Slice(4, 4).Clear();
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], High);
        BinaryPrimitives.WriteUInt64BigEndian(target[16..], Low);
        BitConverter.TryWriteBytes(target[24..], Scope);
        return 28;
    }

    /// <summary>Reads Linux's sockaddr_in or sockaddr_in6.</summary>
    public static DatagramAddress ReadSockAddr(ReadOnlySpan<byte> source)
    {
        var port = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        return BitConverter.ToUInt16(source) == Libc.AfInet
            ? new DatagramAddress(0, BinaryPrimitives.ReadUInt32BigEndian(source[4..]), 0, port, false)
            : new DatagramAddress(BinaryPrimitives.ReadUInt64BigEndian(source[8..]), BinaryPrimitives.ReadUInt64BigEndian(source[16..]),
                BitConverter.ToUInt32(source[24..]), port, true);
    }

    /// <summary>Reads the framework's serialized form, whatever the platform's layout.</summary>
    public static DatagramAddress From(SocketAddress address, IPEndPoint factory) => From((IPEndPoint)factory.Create(address));

    public AddressFamily Family => IPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
}
