using System.Buffers.Binary;
using Cti.Media.Rtp;

namespace Cti.Transport.Native;

/// <summary>Linux's sockaddr_in and sockaddr_in6.</summary>
internal static class SockAddr
{
    public const int BytesMax = 28;

    /// <summary>Writes the address for a socket of that family; returns its length.</summary>
    public static int Write(SocketAddressKey address, bool ipv6, Span<byte> target)
    {
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], address.Port);
        if (!ipv6)
        {
            BitConverter.TryWriteBytes(target, (ushort)Libc.AfInet);
            BinaryPrimitives.WriteUInt32BigEndian(target[4..], address.IPv4Bits);
            target.Slice(8, 8).Clear();
            return 16;
        }

        BitConverter.TryWriteBytes(target, (ushort)Libc.AfInet6);
        target.Slice(4, 4).Clear();
        address.WriteIPv6(target.Slice(8, 16));
        target.Slice(24, 4).Clear();
        return 28;
    }

    public static SocketAddressKey Read(ReadOnlySpan<byte> source)
    {
        var port = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        return BitConverter.ToUInt16(source) == Libc.AfInet
            ? SocketAddressKey.FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(source[4..]), port)
            : SocketAddressKey.FromIPv6(source.Slice(8, 16), port);
    }
}
