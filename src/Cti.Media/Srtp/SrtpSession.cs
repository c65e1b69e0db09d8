using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Rtp;

namespace Cti.Media.Srtp;

/// <summary>
/// SRTP and SRTCP of one session, both directions (RFC 3711):
/// <code>
/// SRTP   | RTP header        | payload, encrypted        |                          | tag (10) |
///        |◄──────────── authenticated, with the roll-over counter behind it ──────►|
/// SRTCP  | header, SSRC (8)  | all that follows, encrypted | E | index (31 bits)    | tag (10) |
///        |◄──────────── authenticated ────────────────────────────────────────────►|
/// </code>
/// Nothing is allocated per packet. The other side is one source for the whole life of a session: the first one whose packet is authentic.
/// </summary>
internal sealed class SrtpSession : IDisposable
{
    /// <summary>What protecting adds to an RTP packet.</summary>
    public const int RtpOverheadBytes = SrtpTransform.TagBytes;

    /// <summary>What protecting adds to an RTCP compound.</summary>
    public const int RtcpOverheadBytes = RtcpIndexBytes + SrtpTransform.TagBytes;

    private const int RollOverBytes = 4;
    private const int RtcpIndexBytes = 4;
    private const int RtcpHeaderBytes = 8;
    private const uint Encrypted = 0x8000_0000;
    private const uint RtcpIndexMask = 0x7FFF_FFFF;

    private readonly SrtpTransform _rtpOut;
    private readonly SrtpTransform _rtpIn;
    private readonly SrtpTransform _rtcpOut;
    private readonly SrtpTransform _rtcpIn;
    private readonly byte[] _plain = new byte[Limits.MediaDatagramBytesMax];
    private PacketIndexes _sent;
    private PacketIndexes _received;
    private PacketIndexes _receivedRtcp;
    private uint _nextRtcpIndex;
    private bool _hasRemote;
    private uint _remoteSsrc;

    public SrtpSession(SrtpKeys keys)
    {
        _rtpOut = SrtpTransform.Of(keys.Local, SrtpUse.Rtp);
        _rtpIn = SrtpTransform.Of(keys.Remote, SrtpUse.Rtp);
        _rtcpOut = SrtpTransform.Of(keys.Local, SrtpUse.Rtcp);
        _rtcpIn = SrtpTransform.Of(keys.Remote, SrtpUse.Rtcp);
    }

    /// <summary>The seed of a stream whose first cycle of sequence numbers is long enough for the far end to notice its end (RFC 3711 section 3.3.1).</summary>
    public static MediaSessionSeed Fit(MediaSessionSeed seed) => seed with { Sequence = (ushort)(seed.Sequence & 0x7FFF) };

    /// <summary>Protects the RTP packet at the beginning of a buffer with <see cref="RtpOverheadBytes"/> of room behind it.</summary>
    /// <returns>The new length; 0 where a packet of that index was sent before: one index, one packet, or two would share a key stream.</returns>
    public int ProtectRtp(Span<byte> buffer, int length)
    {
        var packet = buffer[..length];
        var index = _sent.Estimate(BinaryPrimitives.ReadUInt16BigEndian(packet[2..]));
        if (!_sent.IsNew(index)) return 0;
        _sent.Add(index);
        var payload = packet[RtpPacket.PayloadStart(packet)..];
        _rtpOut.Crypt(payload, payload, BinaryPrimitives.ReadUInt32BigEndian(packet[8..]), index);
        Span<byte> rollOver = stackalloc byte[RollOverBytes];
        BinaryPrimitives.WriteUInt32BigEndian(rollOver, (uint)(index >> 16));
        _rtpOut.Sign(packet, rollOver, buffer.Slice(length, SrtpTransform.TagBytes));
        return length + RtpOverheadBytes;
    }

    /// <summary>Checks and decrypts a datagram. The order is RFC 3711 section 3.3's: a replay costs nothing, what is not authentic changes nothing.</summary>
    /// <param name="datagram">What came.</param>
    /// <param name="plain">The RTP packet, until the next call.</param>
    /// <param name="reason">Why there is none.</param>
    public bool TryUnprotectRtp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        plain = default;
        reason = DropReason.Truncated;
        var length = datagram.Length - RtpOverheadBytes;
        if (length < RtpPacket.HeaderBytes || datagram.Length > _plain.Length) return false;
        var packet = datagram[..length];
        var start = RtpPacket.PayloadStart(packet);
        if (start < 0) return false;
        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(packet[8..]);
        reason = DropReason.NotAuthentic;
        if (_hasRemote && ssrc != _remoteSsrc) return false;
        var index = _received.Estimate(BinaryPrimitives.ReadUInt16BigEndian(packet[2..]));
        if (!_received.IsNew(index))
        {
            reason = DropReason.Duplicate;
            return false;
        }
        Span<byte> rollOver = stackalloc byte[RollOverBytes];
        BinaryPrimitives.WriteUInt32BigEndian(rollOver, (uint)(index >> 16));
        if (!_rtpIn.IsAuthentic(packet, rollOver, datagram[length..])) return false;
        _received.Add(index);
        Know(ssrc);
        packet[..start].CopyTo(_plain);
        _rtpIn.Crypt(packet[start..], _plain.AsSpan(start), ssrc, index);
        plain = _plain.AsSpan(0, length);
        return true;
    }

    /// <summary>Protects the RTCP compound at the beginning of a buffer with <see cref="RtcpOverheadBytes"/> of room behind it.</summary>
    /// <returns>The new length.</returns>
    public int ProtectRtcp(Span<byte> buffer, int length)
    {
        var body = buffer[RtcpHeaderBytes..length];
        var index = _nextRtcpIndex;
        _nextRtcpIndex = (index + 1) & RtcpIndexMask;
        _rtcpOut.Crypt(body, body, BinaryPrimitives.ReadUInt32BigEndian(buffer[4..]), index);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[length..], Encrypted | index);
        var signed = length + RtcpIndexBytes;
        _rtcpOut.Sign(buffer[..signed], [], buffer.Slice(signed, SrtpTransform.TagBytes));
        return signed + SrtpTransform.TagBytes;
    }

    /// <summary>
    /// As <see cref="TryUnprotectRtp"/>, of an RTCP compound. One that is not encrypted is refused, authentic or not: that was not agreed on.
    /// </summary>
    public bool TryUnprotectRtcp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        plain = default;
        reason = DropReason.BadRtcp;
        var signed = datagram.Length - SrtpTransform.TagBytes;
        var length = signed - RtcpIndexBytes;
        if (length < RtcpHeaderBytes || datagram.Length > _plain.Length) return false;
        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]);
        var trailer = BinaryPrimitives.ReadUInt32BigEndian(datagram[length..]);
        reason = DropReason.NotAuthentic;
        if ((trailer & Encrypted) == 0 || (_hasRemote && ssrc != _remoteSsrc)) return false;
        var index = trailer & RtcpIndexMask;
        if (!_receivedRtcp.IsNew(index))
        {
            reason = DropReason.Duplicate;
            return false;
        }
        if (!_rtcpIn.IsAuthentic(datagram[..signed], [], datagram[signed..])) return false;
        _receivedRtcp.Add(index);
        Know(ssrc);
        datagram[..RtcpHeaderBytes].CopyTo(_plain);
        _rtcpIn.Crypt(datagram[RtcpHeaderBytes..length], _plain.AsSpan(RtcpHeaderBytes), ssrc, index);
        plain = _plain.AsSpan(0, length);
        return true;
    }

    public void Dispose()
    {
        _rtpOut.Dispose();
        _rtpIn.Dispose();
        _rtcpOut.Dispose();
        _rtcpIn.Dispose();
    }

    private void Know(uint ssrc)
    {
        _hasRemote = true;
        _remoteSsrc = ssrc;
    }
}
