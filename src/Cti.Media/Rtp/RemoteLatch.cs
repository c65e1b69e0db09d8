using System.Net;
using Cti.Kernel;

namespace Cti.Media.Rtp;

/// <summary>
/// Decides whose packets count and where ours go (symmetric RTP, RFC 4961). The signalled address and port count at once, and as a rule nothing else does.
/// Where the signalled address cannot be right (NAT, see <see cref="LatchMode"/>) the first source counts that shows a consistent stream of one SSRC and
/// is where SIP comes from, or later, near it:
/// <code>
///   where it is                     counts after            gives way to
///   signalled address and port      the first packet        nobody who speaks before it is silent
///   where SIP comes from            5 in a row              the signalled address, where that is public
///   the network around that         10 in a row             both
/// </code>
/// A source that works is left for a better one only, or for its like after a re-INVITE or a long silence.
/// </summary>
internal sealed class RemoteLatch
{
    /// <summary>Packets in a row that make a source believed: 100 ms.</summary>
    public const int ConsistentPackets = 5;

    /// <summary>The same for one that is only near where SIP comes from: the address itself gets its turn first.</summary>
    public const int NeighbourPackets = 10;

    /// <summary>The same for another SSRC after a long silence: half a second.</summary>
    public const int StrangerPackets = 25;

    /// <summary>A source that goes on for so long after a re-INVITE, half a second, has not moved.</summary>
    private const int StaysPackets = 25;

    /// <summary>Packets of one source in a row are not further apart.</summary>
    private const long PatienceNanos = 200_000_000;

    private const long SilenceNanos = Limits.RtpLatchSilenceMillis * 1_000_000L;

    private SocketAddressKey _signalled;
    private LatchMode _mode;
    private SocketAddressKey[] _sources = [];
    private bool _isBehindNat;
    private SourceRank _rank;
    private uint _ssrc;
    private long _lastNanos;
    private bool _mayMove;
    private int _heardSinceSignal;
    private SocketAddressKey _candidate;
    private SourceRank _candidateRank;
    private uint _candidateSsrc;
    private ushort _candidateSequence;
    private long _candidateNanos;
    private int _candidateCount;

    /// <summary>How much speaks for a source.</summary>
    private enum SourceRank
    {
        /// <summary>Nothing: it is never heard.</summary>
        None,
        /// <summary>It is in the network of an address that SIP comes from.</summary>
        Neighbour,
        /// <summary>SIP comes from its address.</summary>
        SipSource,
        /// <summary>It is what was signalled.</summary>
        Signalled,
    }

    /// <summary>Where packets go; none before the first <see cref="Signal"/>.</summary>
    public SocketAddressKey Remote { get; private set; }

    private bool IsLatched => _rank != SourceRank.None;

    /// <summary>
    /// Takes what signalling says. The same address as before keeps the source that was found, which may move once: this is how a far end tells of a new place
    /// that it does not know itself.
    /// </summary>
    public void Signal(SocketAddressKey remote, FarEnd farEnd)
    {
        var isSame = remote == _signalled;
        _signalled = remote;
        _mode = farEnd.Latch;
        _sources = [.. farEnd.Sources.Select(static address => SocketAddressKey.From(new IPEndPoint(address, 0)))];
        _isBehindNat = _mode switch
        {
            LatchMode.Strict => (remote.IsPrivate || remote.IsUnspecified) && !Array.Exists(_sources, remote.HasSameAddress),
            LatchMode.Nat or LatchMode.Authenticated => true,
            _ => false,
        };
        _candidateCount = 0;
        _heardSinceSignal = 0;
        _mayMove = IsLatched;
        if (isSame && (!IsLatched || (_rank = RankOf(Remote)) != SourceRank.None)) return;
        Remote = remote;
        _rank = SourceRank.None;
    }

    /// <summary>Decides about a packet from <paramref name="source"/>.</summary>
    /// <returns>True when it is the far end's.</returns>
    public bool Accept(SocketAddressKey source, in RtpPacket packet, long nowNanos)
    {
        if (IsLatched && source == Remote)
        {
            _ssrc = packet.Ssrc;
            _lastNanos = nowNanos;
            if (_candidateRank <= _rank) _candidateCount = 0;
            if (_mayMove && ++_heardSinceSignal >= StaysPackets) _mayMove = false;
            return true;
        }
        var rank = RankOf(source);
        if (rank == SourceRank.None) return false;
        var isSilent = IsLatched && nowNanos - _lastNanos >= SilenceNanos;
        if (rank == SourceRank.Signalled)
        {
            // A private address that speaks directly is another host's of that number, unless nobody better does.
            return (_rank <= SourceRank.Neighbour || !_signalled.IsPrivate || isSilent) && Latch(source, rank, packet.Ssrc, nowNanos);
        }
        if (rank <= _rank && !isSilent && !_mayMove) return false;
        var isKnown = rank > _rank || _mayMove || packet.Ssrc == _ssrc;
        var needed = !isKnown ? StrangerPackets : rank == SourceRank.SipSource ? ConsistentPackets : NeighbourPackets;
        return IsConsistent(source, rank, packet, needed, nowNanos) && Latch(source, rank, packet.Ssrc, nowNanos);
    }

    private SourceRank RankOf(SocketAddressKey source)
    {
        if (source == _signalled) return SourceRank.Signalled;
        if (!_isBehindNat) return SourceRank.None;
        if (_mode == LatchMode.Authenticated || (_mode == LatchMode.Nat && source.HasSameAddress(_signalled))) return SourceRank.SipSource;
        var rank = SourceRank.None;
        foreach (var address in _sources)
        {
            if (source.HasSameAddress(address)) return SourceRank.SipSource;
            if (source.IsNear(address)) rank = SourceRank.Neighbour;
        }
        return rank;
    }

    private bool IsConsistent(SocketAddressKey source, SourceRank rank, in RtpPacket packet, int needed, long nowNanos)
    {
        if (source != _candidate || packet.Ssrc != _candidateSsrc || _candidateCount == 0 || (ushort)(packet.Sequence - _candidateSequence) is 0 or > 10)
        {
            // Who has less to show for itself does not interrupt.
            if (_candidateCount > 0 && rank < _candidateRank && nowNanos - _candidateNanos < PatienceNanos) return false;
            _candidate = source;
            _candidateRank = rank;
            _candidateSsrc = packet.Ssrc;
            _candidateCount = 0;
        }
        _candidateSequence = packet.Sequence;
        _candidateNanos = nowNanos;
        return ++_candidateCount >= needed;
    }

    private bool Latch(SocketAddressKey source, SourceRank rank, uint ssrc, long nowNanos)
    {
        Remote = source;
        _rank = rank;
        _mayMove = false;
        _ssrc = ssrc;
        _lastNanos = nowNanos;
        _candidateCount = 0;
        return true;
    }
}
