namespace Cti.Media.Rtp;

/// <summary>
/// Decides whose packets count and where ours go (symmetric RTP, RFC 4961). The signalled address counts at once. Another one only when the
/// signalled one cannot be right (private, so behind a NAT) or has stayed silent, and only after it has shown a consistent stream of one SSRC;
/// fewer packets do where at least the address is the signalled one. A source that works is never left for another, with one exception:
/// a public signalled address that begins to send proves the signalling right, so nobody can steal a stream by being first.
/// </summary>
internal sealed class RemoteLatch
{
    /// <summary>Packets in a row that make a source believed where NAT is likely: 100 ms.</summary>
    public const int ConsistentPackets = 5;

    /// <summary>Packets in a row from a stranger, while a public signalled address stays silent: half a second.</summary>
    public const int StrangerPackets = 25;

    /// <summary>A latched source that is silent for so long may have been moved by its NAT; only its own SSRC may follow.</summary>
    public const long SilenceNanos = 2_000_000_000;

    private SocketAddressKey _signalled;
    private bool _latched;
    private uint _ssrc;
    private long _lastNanos;
    private SocketAddressKey _candidate;
    private uint _candidateSsrc;
    private ushort _candidateSequence;
    private int _candidateCount;

    /// <summary>Where packets go; none before the first <see cref="Signal"/>.</summary>
    public SocketAddressKey Remote { get; private set; }

    /// <summary>Takes what signalling says. The same as before changes nothing, so a refreshed session keeps its latch.</summary>
    public void Signal(SocketAddressKey remote)
    {
        if (remote == _signalled) return;
        _signalled = remote;
        Remote = remote;
        _latched = false;
        _candidateCount = 0;
    }

    /// <summary>Decides about a packet from <paramref name="source"/>.</summary>
    /// <returns>True when it is the far end's.</returns>
    public bool Accept(SocketAddressKey source, in RtpPacket packet, long nowNanos)
    {
        if (_latched && source == Remote)
        {
            _ssrc = packet.Ssrc;
            _lastNanos = nowNanos;
            return true;
        }
        // Once the other source has gone silent even a private signalled address is right again: late packets of an old address had been latched.
        if (source == _signalled && (!_latched || !_signalled.IsPrivate || nowNanos - _lastNanos >= SilenceNanos)) return Latch(source, packet.Ssrc, nowNanos);
        if (_latched && (nowNanos - _lastNanos < SilenceNanos || packet.Ssrc != _ssrc)) return false;
        return IsConsistent(source, packet) && Latch(source, packet.Ssrc, nowNanos);
    }

    private bool IsConsistent(SocketAddressKey source, in RtpPacket packet)
    {
        if (source != _candidate || packet.Ssrc != _candidateSsrc || (ushort)(packet.Sequence - _candidateSequence) is 0 or > 10)
        {
            _candidate = source;
            _candidateSsrc = packet.Ssrc;
            _candidateCount = 0;
        }
        _candidateSequence = packet.Sequence;
        var behindNat = _signalled.IsPrivate || _signalled.IsUnspecified || source.HasSameAddress(_signalled);
        return ++_candidateCount >= (behindNat ? ConsistentPackets : StrangerPackets);
    }

    private bool Latch(SocketAddressKey source, uint ssrc, long nowNanos)
    {
        Remote = source;
        _latched = true;
        _ssrc = ssrc;
        _lastNanos = nowNanos;
        _candidateCount = 0;
        return true;
    }
}
