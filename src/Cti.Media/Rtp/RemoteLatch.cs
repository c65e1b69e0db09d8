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

    private const long SilenceNanos = Limits.RtpLatchSilenceMillis * 1_000_000L;

    private readonly LatchSources _sources = new();
    private readonly LatchCandidate _candidate = new();
    private SourceRank _rank;
    private uint _ssrc;
    private long _lastNanos;
    private bool _mayMove;
    private bool _hasCandidate;
    private int _heardSinceSignal;

    /// <summary>Where packets go; none before the first <see cref="Signal"/>.</summary>
    public SocketAddressKey Remote { get; private set; }

    private bool IsLatched => _rank != SourceRank.None;

    /// <summary>
    /// Takes what signalling says. The same address as before keeps the source that was found, which may move once: this is how a far end tells of a new place
    /// that it does not know itself.
    /// </summary>
    public void Signal(SocketAddressKey remote, FarEnd farEnd)
    {
        var isSame = remote == _sources.Signalled;
        _sources.Signal(remote, farEnd);
        _candidate.Forget();
        _heardSinceSignal = 0;
        _mayMove = IsLatched;
        if (isSame && (!IsLatched || (_rank = _sources.RankOf(Remote)) != SourceRank.None)) return;
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
            if (_hasCandidate) _hasCandidate = _candidate.GiveWayTo(_rank);
            if (_mayMove && ++_heardSinceSignal >= StaysPackets) _mayMove = false;
            return true;
        }
        var rank = _sources.RankOf(source);
        if (rank == SourceRank.None) return false;
        var isSilent = IsLatched && nowNanos - _lastNanos >= SilenceNanos;
        if (rank == SourceRank.Signalled)
        {
            // A private address that speaks directly is another host's of that number, unless nobody better does.
            return (_rank <= SourceRank.Neighbour || !_sources.Signalled.IsPrivate || isSilent) && Latch(source, rank, packet.Ssrc, nowNanos);
        }
        if (rank <= _rank && !isSilent && !_mayMove) return false;
        var isKnown = rank > _rank || _mayMove || packet.Ssrc == _ssrc;
        var needed = !isKnown ? StrangerPackets : rank == SourceRank.SipSource ? ConsistentPackets : NeighbourPackets;
        _hasCandidate = true;
        return _candidate.Show(source, rank, packet, nowNanos) >= needed && Latch(source, rank, packet.Ssrc, nowNanos);
    }

    private bool Latch(SocketAddressKey source, SourceRank rank, uint ssrc, long nowNanos)
    {
        Remote = source;
        _rank = rank;
        _mayMove = false;
        _ssrc = ssrc;
        _lastNanos = nowNanos;
        _candidate.Forget();
        return true;
    }
}
