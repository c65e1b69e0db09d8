using System.Buffers.Binary;

namespace Cti.Media.Rtp;

/// <summary>
/// An RTP packet over the datagram that it came in (RFC 3550 section 5.1):
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |        contributing source (CSRC) identifiers, CC of them     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  if X: defined by profile (16)  |  length in words (16), data |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  payload ... if P: padding, its count in the last byte        |
/// </code>
/// </summary>
internal readonly ref struct RtpPacket
{
    /// <summary>Bytes of a header without CSRC and extension.</summary>
    public const int HeaderBytes = 12;

    private RtpPacket(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        Marker = (header[1] & 0x80) != 0;
        PayloadType = header[1] & 0x7F;
        Sequence = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        Timestamp = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        Ssrc = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        Payload = payload;
    }

    public bool Marker { get; }

    public int PayloadType { get; }

    public ushort Sequence { get; }

    public uint Timestamp { get; }

    public uint Ssrc { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Parses a datagram; false with the reason where it is not a whole RTP packet with a payload.</summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, out RtpPacket packet, out DropReason reason)
    {
        packet = default;
        reason = DropReason.Truncated;
        if (datagram.Length < HeaderBytes) return false;
        if (datagram[0] >> 6 != 2)
        {
            reason = DropReason.BadVersion;
            return false;
        }
        var start = PayloadStart(datagram);
        if (start < 0) return false;
        var end = datagram.Length;
        if ((datagram[0] & 0x20) != 0)
        {
            var padding = datagram[^1];
            if (padding == 0 || padding > end - start)
            {
                reason = DropReason.BadPadding;
                return false;
            }
            end -= padding;
        }
        if (end == start)
        {
            reason = DropReason.Empty;
            return false;
        }
        packet = new RtpPacket(datagram, datagram[start..end]);
        return true;
    }

    /// <summary>Where the payload begins, behind contributing sources and extension; -1 where the datagram ends before that.</summary>
    public static int PayloadStart(ReadOnlySpan<byte> datagram)
    {
        if (datagram.Length < HeaderBytes) return -1;
        var start = HeaderBytes + ((datagram[0] & 0x0F) * 4);
        if ((datagram[0] & 0x10) != 0)
        {
            if (datagram.Length < start + 4) return -1;
            start += 4 + (BinaryPrimitives.ReadUInt16BigEndian(datagram[(start + 2)..]) * 4);
        }
        return datagram.Length < start ? -1 : start;
    }

    /// <summary>Writes a header without CSRC, extension and padding: 12 bytes.</summary>
    public static void WriteHeader(Span<byte> destination, int payloadType, bool marker, ushort sequence, uint timestamp, uint ssrc)
    {
        destination[0] = 0x80;
        destination[1] = (byte)(payloadType | (marker ? 0x80 : 0));
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(destination[8..], ssrc);
    }
}
