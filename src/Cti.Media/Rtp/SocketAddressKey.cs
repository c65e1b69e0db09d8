using System.Buffers.Binary;
using System.Net;

namespace Cti.Media.Rtp;

/// <summary>
/// An address and port as a value: compared and kept per packet without allocating. IPv4 is held as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2),
/// so the same far end is equal whichever socket family it came through.
/// </summary>
public readonly record struct SocketAddressKey
{
    private const ulong MappedPrefix = 0x0000_FFFF_0000_0000;

    private readonly ulong _high;
    private readonly ulong _low;

    private SocketAddressKey(ulong high, ulong low, ushort port)
    {
        _high = high;
        _low = low;
        Port = port;
    }

    /// <summary>The port, 0..65535.</summary>
    public ushort Port { get; }

    /// <summary>True for the default value: no address.</summary>
    public bool IsNone => _high == 0 && _low == 0 && Port == 0;

    /// <summary>True for an IPv4 address, mapped or not.</summary>
    public bool IsIPv4 => _high == 0 && (_low & 0xFFFF_FFFF_0000_0000) == MappedPrefix;

    /// <summary>The IPv4 address, first octet in the highest byte; meaningful only where <see cref="IsIPv4"/>.</summary>
    public uint IPv4Bits => (uint)_low;

    /// <summary>True for 0.0.0.0 and ::, which RFC 3264's older holds put in the connection line, and for none.</summary>
    public bool IsUnspecified => (_high == 0 && _low == 0) || (IsIPv4 && IPv4Bits == 0);

    /// <summary>True for addresses that cannot be reached from elsewhere: RFC 1918, RFC 6598, link-local, loopback, unique local (RFC 4193).</summary>
    public bool IsPrivate => IsIPv4
        ? IPv4Bits >> 24 is 10 or 127 || IPv4Bits >> 20 == 0xAC1 || IPv4Bits >> 16 is 0xC0A8 or 0xA9FE || IPv4Bits >> 22 == 0x191
        : (_high >> 57) == 0x7E || (_high >> 54) == 0x3FA || (_high == 0 && _low == 1);

    /// <summary>An IPv4 far end: <paramref name="address"/> with the first octet in the highest byte.</summary>
    public static SocketAddressKey FromIPv4(uint address, ushort port) => new(0, MappedPrefix | address, port);

    /// <summary>An IPv6 far end: the 16 bytes of the address in network order.</summary>
    public static SocketAddressKey FromIPv6(ReadOnlySpan<byte> address, ushort port) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(address), BinaryPrimitives.ReadUInt64BigEndian(address[8..]), port);

    /// <summary>The same far end as a framework's endpoint.</summary>
    public static SocketAddressKey From(IPEndPoint endPoint)
    {
        Span<byte> bytes = stackalloc byte[16];
        endPoint.Address.TryWriteBytes(bytes, out var written);
        return written == 4
            ? FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes), (ushort)endPoint.Port)
            : FromIPv6(bytes, (ushort)endPoint.Port);
    }

    /// <summary>True when both have the same address, whatever the ports.</summary>
    public bool HasSameAddress(SocketAddressKey other) => _high == other._high && _low == other._low;

    /// <summary>True when both are in one network of the size that a site has at least: IPv4 /24, IPv6 /64.</summary>
    public bool IsNear(SocketAddressKey other) => IsIPv4 ? other.IsIPv4 && IPv4Bits >> 8 == other.IPv4Bits >> 8 : !other.IsIPv4 && _high == other._high;

    /// <summary>The same address with another port.</summary>
    public SocketAddressKey WithPort(ushort port) => new(_high, _low, port);

    /// <summary>Writes the 16 bytes of the (mapped) IPv6 address in network order.</summary>
    public void WriteIPv6(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _low);
    }

    /// <summary>As a framework's endpoint (allocates); an IPv4 address comes out as IPv4.</summary>
    public IPEndPoint ToEndPoint()
    {
        Span<byte> bytes = stackalloc byte[16];
        WriteIPv6(bytes);
        return new IPEndPoint(new IPAddress(IsIPv4 ? bytes[12..] : bytes), Port);
    }

    /// <inheritdoc/>
    public override string ToString() => IsNone ? "none" : ToEndPoint().ToString();
}
