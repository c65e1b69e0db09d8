using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Rtp;

namespace Cti.Media.Srtp;

/// <summary>
/// SRTP and SRTCP of one session, both directions (RFC 3711, RFC 7714). Nothing is allocated per packet. A key that is given up and comes back goes on where
/// it was, so that no index is used twice under it.
/// </summary>
internal sealed class SrtpSession : IDisposable
{
    /// <summary>What protecting adds to an RTP packet at most.</summary>
    public const int RtpOverheadBytes = SrtpSuites.RtpOverheadBytesMax;

    /// <summary>What protecting adds to an RTCP compound at most.</summary>
    public const int RtcpOverheadBytes = 4 + SrtpSuites.RtpOverheadBytesMax;

    private readonly List<SrtpSender> _senders = [];
    private SrtpSender _sender;
    private SrtpReceiver? _receiver;
    private SrtpKeys _keys;

    /// <param name="keys">Of both sides.</param>
    /// <param name="isOld">Whether the far end may have sent under its key before: how often its sequence numbers have begun anew is then found out.</param>
    public SrtpSession(SrtpKeys keys, bool isOld = false)
    {
        _keys = keys;
        _sender = SenderOf(keys.Local);
        _receiver = ReceiverOf(keys, isOld);
    }

    /// <summary>Other keys were agreed on, or the same once more, which changes nothing.</summary>
    public void Configure(SrtpKeys keys)
    {
        if (keys == _keys) return;
        _sender = SenderOf(keys.Local);
        if (keys.Remote != _keys.Remote || keys.IdentifierBytes != _keys.IdentifierBytes)
        {
            _receiver?.Dispose();
            // Some go on counting under a new key.
            _receiver = ReceiverOf(keys, isOld: true);
        }
        _keys = keys;
    }

    /// <summary>Protects the RTP packet at the beginning of a buffer with <see cref="RtpOverheadBytes"/> of room behind it.</summary>
    /// <returns>The new length; 0 where a packet of that index was sent before: one index, one packet, or two would share a key stream.</returns>
    public int ProtectRtp(Span<byte> buffer, int length) => _sender.ProtectRtp(buffer, length);

    /// <summary>Protects the RTCP compound at the beginning of a buffer with <see cref="RtcpOverheadBytes"/> of room behind it.</summary>
    /// <returns>The new length.</returns>
    public int ProtectRtcp(Span<byte> buffer, int length) => _sender.ProtectRtcp(buffer, length);

    /// <summary>Checks and decrypts a datagram. The order is RFC 3711 section 3.3's: a replay costs nothing, what is not authentic changes nothing.</summary>
    /// <param name="datagram">What came.</param>
    /// <param name="plain">The RTP packet, until the next call of any session on this thread.</param>
    /// <param name="reason">Why there is none.</param>
    public bool TryUnprotectRtp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        if (_receiver is { } receiver) return receiver.TryUnprotectRtp(datagram, out plain, out reason);
        plain = default;
        reason = DropReason.NotAuthentic;
        return false;
    }

    /// <summary>
    /// As <see cref="TryUnprotectRtp"/>, of an RTCP compound. One that is not encrypted is refused, authentic or not: that was not agreed on.
    /// </summary>
    public bool TryUnprotectRtcp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        if (_receiver is { } receiver) return receiver.TryUnprotectRtcp(datagram, out plain, out reason);
        plain = default;
        reason = DropReason.NotAuthentic;
        return false;
    }

    public void Dispose()
    {
        foreach (var sender in _senders) sender.Dispose();
        _receiver?.Dispose();
    }

    private SrtpSender SenderOf(SrtpKey key)
    {
        foreach (var known in _senders)
        {
            if (known.Key.Equals(key)) return known;
        }
        var sender = new SrtpSender(key);
        _senders.Add(sender);
        return sender;
    }

    private static SrtpReceiver? ReceiverOf(SrtpKeys keys, bool isOld) =>
        keys.Remote is { } remote ? new SrtpReceiver(remote, keys.IdentifierBytes, isOld) : null;
}

/// <summary>What a session sends under one key of ours.</summary>
internal sealed class SrtpSender(SrtpKey key) : IDisposable
{
    private const uint RtcpIndexMask = 0x7FFF_FFFF;

    private readonly SrtpTransform _rtp = SrtpTransform.Of(key, SrtpUse.Rtp);
    private readonly SrtpTransform _rtcp = SrtpTransform.Of(key, SrtpUse.Rtcp);
    private PacketIndexes _sent;
    private uint _nextRtcpIndex;

    public SrtpKey Key => key;

    public int ProtectRtp(Span<byte> buffer, int length)
    {
        var packet = buffer[..length];
        var index = _sent.Estimate(BinaryPrimitives.ReadUInt16BigEndian(packet[2..]));
        if (!_sent.IsNew(index)) return 0;
        _sent.Add(index);
        return _rtp.ProtectRtp(buffer, RtpPacket.PayloadStart(packet), length, BinaryPrimitives.ReadUInt32BigEndian(packet[8..]), index);
    }

    public int ProtectRtcp(Span<byte> buffer, int length)
    {
        var index = _nextRtcpIndex;
        _nextRtcpIndex = (index + 1) & RtcpIndexMask;
        return _rtcp.ProtectRtcp(buffer, length, BinaryPrimitives.ReadUInt32BigEndian(buffer[4..]), index);
    }

    public void Dispose()
    {
        _rtp.Dispose();
        _rtcp.Dispose();
    }
}

/// <summary>
/// What comes under one key of the other side, from a few sources: a far end that is moved on behind its server begins a new one under the same key. Of more
/// the one that was heard first is forgotten.
/// </summary>
internal sealed class SrtpReceiver(SrtpKey key, int identifierBytes, bool isOld) : IDisposable
{
    private const int RtcpHeaderBytes = 8;
    private const uint RtcpIndexMask = 0x7FFF_FFFF;
    private const int SourcesMax = 4;
    private const int RollOversTried = 4;

    /// <summary>Nearly two days of packets of 20 ms.</summary>
    private const int RollOversMax = 128;

    private readonly SrtpTransform _rtp = SrtpTransform.Of(key, SrtpUse.Rtp);
    private readonly SrtpTransform _rtcp = SrtpTransform.Of(key, SrtpUse.Rtcp);
    private readonly Source[] _sources = new Source[SourcesMax];
    // A thread's own and not a session's: what the last session of a loop used is still near the processor.
    [ThreadStatic]
    private static byte[]? _scratch;
    private int _sourceCount;
    private int _next;
    private int _rollOver;

    private static byte[] Plain => _scratch ??= new byte[Limits.MediaDatagramBytesMax];

    public bool TryUnprotectRtp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        plain = default;
        reason = DropReason.Truncated;
        if (datagram.Length < RtpPacket.HeaderBytes + identifierBytes || datagram.Length > Limits.MediaDatagramBytesMax) return false;
        var start = RtpPacket.PayloadStart(datagram);
        if (start < 0) return false;
        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(datagram[8..]);
        var source = Find(ssrc);
        var index = source.Rtp.Estimate(BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]));
        if (!source.Rtp.IsNew(index))
        {
            reason = DropReason.Duplicate;
            return false;
        }
        reason = DropReason.NotAuthentic;
        var length = _rtp.OpenRtp(datagram, start, identifierBytes, ssrc, index, Plain);
        if (length == 0 && isOld && _sourceCount == 0) length = OpenLater(datagram, start, ssrc, ref index);
        if (length == 0) return false;
        Known(ssrc).Rtp.Add(index);
        plain = Plain.AsSpan(0, length);
        return true;
    }

    public bool TryUnprotectRtcp(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> plain, out DropReason reason)
    {
        plain = default;
        reason = DropReason.BadRtcp;
        if (datagram.Length < RtcpHeaderBytes || datagram.Length > Limits.MediaDatagramBytesMax) return false;
        var word = _rtcp.RtcpWord(datagram, identifierBytes);
        if (word < 0) return false;
        reason = DropReason.NotAuthentic;
        if ((word & SrtpTransform.Encrypted) == 0) return false;
        var ssrc = BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]);
        var index = (uint)word & RtcpIndexMask;
        if (!Find(ssrc).Rtcp.IsNew(index))
        {
            reason = DropReason.Duplicate;
            return false;
        }
        var length = _rtcp.OpenRtcp(datagram, identifierBytes, ssrc, index, Plain);
        if (length == 0) return false;
        Known(ssrc).Rtcp.Add(index);
        plain = Plain.AsSpan(0, length);
        return true;
    }

    public void Dispose()
    {
        _rtp.Dispose();
        _rtcp.Dispose();
    }

    /// <summary>
    /// The first packet may be one of a stream that is old: after a takeover the far end goes on under its key, and nobody tells how often its sequence numbers
    /// have begun anew (RFC 3711 section 3.3.1). That is tried out, a few possibilities a packet, and only where it may be so: what is forged costs little.
    /// </summary>
    private int OpenLater(ReadOnlySpan<byte> datagram, int start, uint ssrc, ref long index)
    {
        for (var i = 0; i < RollOversTried; i++)
        {
            _rollOver = (_rollOver % RollOversMax) + 1;
            var later = ((long)_rollOver << 16) | (ushort)index;
            var length = _rtp.OpenRtp(datagram, start, identifierBytes, ssrc, later, Plain);
            if (length == 0) continue;
            index = later;
            return length;
        }
        return 0;
    }

    /// <summary>What is known of a source; nothing of one that is new.</summary>
    private Source Find(uint ssrc)
    {
        foreach (ref readonly var source in _sources.AsSpan(0, _sourceCount))
        {
            if (source.Ssrc == ssrc) return source;
        }
        return default;
    }

    /// <summary>The source of a packet that was authentic.</summary>
    private ref Source Known(uint ssrc)
    {
        for (var i = 0; i < _sourceCount; i++)
        {
            if (_sources[i].Ssrc == ssrc) return ref _sources[i];
        }
        if (_sourceCount < SourcesMax) _next = _sourceCount++;
        else _next = (_next + 1) % SourcesMax;
        _sources[_next] = new Source { Ssrc = ssrc };
        return ref _sources[_next];
    }

    private struct Source
    {
        public uint Ssrc;
        public PacketIndexes Rtp;
        public PacketIndexes Rtcp;
    }
}
