using System.Buffers.Binary;
using System.Text;

namespace Cti.Media.Rtcp;

/// <summary>
/// RTCP compounds (RFC 3550 section 6): SR or RR, SDES with CNAME, BYE. Every packet in one begins with
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P| RC / SC |      PT       |    length in words minus 1    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                             SSRC                              |
/// </code>
/// </summary>
internal static class RtcpCompound
{
    private const byte SenderReport = 200;
    private const byte ReceiverReport = 201;
    private const byte SourceDescription = 202;
    private const byte Goodbye = 203;
    private const int SenderInfoBytes = 20;

    /// <summary>True where a datagram on an RTP port is RTCP (RFC 5761 section 4).</summary>
    public static bool IsRtcp(ReadOnlySpan<byte> datagram) => datagram.Length >= 2 && datagram[1] is >= SenderReport and <= 207;

    /// <summary>Reads a compound; false where it is not well-formed as a whole (RFC 3550 appendix A.2), so nothing in it is believed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> datagram, uint ourSsrc, out RtcpSummary summary)
    {
        summary = default;
        if (datagram.Length < 8 || datagram[1] is not (SenderReport or ReceiverReport) || (datagram[0] & 0x20) != 0) return false;
        var first = true;
        while (!datagram.IsEmpty)
        {
            if (datagram.Length < 4 || datagram[0] >> 6 != 2) return false;
            var length = (BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]) + 1) * 4;
            if (length > datagram.Length) return false;
            var packet = datagram[..length];
            datagram = datagram[length..];
            if ((packet[0] & 0x20) != 0)
            {
                // Padding is allowed on the last packet only.
                if (!datagram.IsEmpty || packet[^1] == 0 || packet[^1] % 4 != 0 || packet[^1] > length - 4) return false;
                packet = packet[..^packet[^1]];
            }
            if (!Read(packet, ourSsrc, first, ref summary)) return false;
            first = false;
        }
        return true;
    }

    private static bool Read(ReadOnlySpan<byte> packet, uint ourSsrc, bool first, ref RtcpSummary summary)
    {
        var count = packet[0] & 0x1F;
        switch (packet[1])
        {
            case SenderReport or ReceiverReport:
                var isSender = packet[1] == SenderReport;
                var blocks = 8 + (isSender ? SenderInfoBytes : 0);
                if (packet.Length < blocks + (count * ReportBlock.Bytes)) return false;
                if (first) summary.SenderSsrc = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
                if (isSender && first) ReadSender(packet[8..], ref summary);
                for (var i = 0; i < count; i++) ReadBlock(packet[(blocks + (i * ReportBlock.Bytes))..], ourSsrc, ref summary);
                return true;
            case Goodbye:
                if (packet.Length < 4 + (count * 4)) return false;
                summary.HasBye |= count > 0;
                return true;
            default:
                return true;
        }
    }

    private static void ReadSender(ReadOnlySpan<byte> info, ref RtcpSummary summary)
    {
        summary.HasSenderInfo = true;
        summary.Sender = new SenderInfo(BinaryPrimitives.ReadUInt64BigEndian(info), BinaryPrimitives.ReadUInt32BigEndian(info[8..]),
            BinaryPrimitives.ReadUInt32BigEndian(info[12..]), BinaryPrimitives.ReadUInt32BigEndian(info[16..]));
    }

    private static void ReadBlock(ReadOnlySpan<byte> block, uint ourSsrc, ref RtcpSummary summary)
    {
        if (BinaryPrimitives.ReadUInt32BigEndian(block) != ourSsrc) return;
        var loss = BinaryPrimitives.ReadUInt32BigEndian(block[4..]);
        summary.HasReport = true;
        // The cumulative number lost is a signed 24-bit number: duplicates make it negative.
        summary.Report = new ReportBlock(ourSsrc, (byte)(loss >> 24), (int)(loss << 8) >> 8, BinaryPrimitives.ReadUInt32BigEndian(block[8..]),
            BinaryPrimitives.ReadUInt32BigEndian(block[12..]), BinaryPrimitives.ReadUInt32BigEndian(block[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(block[20..]));
    }

    /// <summary>Writes SR (where <paramref name="sender"/> is given) or RR, SDES with CNAME, and BYE where asked for.</summary>
    /// <returns>Bytes written: at most 28 + 24 + 76 + 8.</returns>
    public static int Write(Span<byte> destination, uint ssrc, in SenderInfo? sender, in ReportBlock? report, ReadOnlySpan<byte> canonicalName, bool bye)
    {
        var at = WriteReport(destination, ssrc, sender, report);
        at += WriteDescription(destination[at..], ssrc, canonicalName);
        if (!bye) return at;
        Head(destination[at..], 1, Goodbye, 8, ssrc);
        return at + 8;
    }

    private static int WriteReport(Span<byte> destination, uint ssrc, in SenderInfo? sender, in ReportBlock? report)
    {
        var at = 8;
        if (sender is { } info)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[8..], info.NtpTime);
            BinaryPrimitives.WriteUInt32BigEndian(destination[16..], info.RtpTimestamp);
            BinaryPrimitives.WriteUInt32BigEndian(destination[20..], info.Packets);
            BinaryPrimitives.WriteUInt32BigEndian(destination[24..], info.Octets);
            at += SenderInfoBytes;
        }
        if (report is { } block)
        {
            var lost = Math.Clamp(block.CumulativeLost, -0x80_0000, 0x7F_FFFF);
            BinaryPrimitives.WriteUInt32BigEndian(destination[at..], block.Ssrc);
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 4)..], ((uint)block.FractionLost << 24) | ((uint)lost & 0xFF_FFFF));
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 8)..], block.ExtendedSequence);
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 12)..], block.Jitter);
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 16)..], block.LastSenderReport);
            BinaryPrimitives.WriteUInt32BigEndian(destination[(at + 20)..], block.DelaySinceLastSenderReport);
            at += ReportBlock.Bytes;
        }
        Head(destination, report is null ? 0 : 1, sender is null ? ReceiverReport : SenderReport, at, ssrc);
        return at;
    }

    private static int WriteDescription(Span<byte> destination, uint ssrc, ReadOnlySpan<byte> canonicalName)
    {
        // The item list ends with at least one zero byte, up to the next multiple of four (RFC 3550 section 6.5).
        var length = (8 + 2 + canonicalName.Length + 4) & ~3;
        destination[8..length].Clear();
        destination[8] = 1;
        destination[9] = (byte)canonicalName.Length;
        canonicalName.CopyTo(destination[10..]);
        Head(destination, 1, SourceDescription, length, ssrc);
        return length;
    }

    private static void Head(Span<byte> destination, int count, byte type, int length, uint ssrc)
    {
        destination[0] = (byte)(0x80 | count);
        destination[1] = type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)((length / 4) - 1));
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], ssrc);
    }

    /// <summary>The bytes of a canonical name: at most 64 of them.</summary>
    public static byte[] CanonicalName(string name) => Encoding.UTF8.GetBytes(name.Length > 64 ? name[..64] : name);
}
