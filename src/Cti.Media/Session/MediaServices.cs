using Cti.Kernel;

namespace Cti.Media.Session;

/// <summary>Why a datagram was not used.</summary>
public enum DropReason
{
    /// <summary>Shorter than its own header says.</summary>
    Truncated,
    /// <summary>Not version 2 (RFC 3550 section 5.1).</summary>
    BadVersion,
    /// <summary>The padding count is zero or longer than the payload.</summary>
    BadPadding,
    /// <summary>No payload.</summary>
    Empty,
    /// <summary>A payload type that was not agreed.</summary>
    UnknownPayloadType,
    /// <summary>From an address that is not the far end's.</summary>
    ForeignSource,
    /// <summary>Before anything was negotiated, or while receiving is not.</summary>
    NotReceiving,
    /// <summary>A telephone-event shorter than 4 bytes, or an event that is not a key.</summary>
    BadEvent,
    /// <summary>Too late for the jitter buffer.</summary>
    Late,
    /// <summary>Seen before.</summary>
    Duplicate,
    /// <summary>A malformed RTCP compound (RFC 3550 appendix A.2).</summary>
    BadRtcp,
    /// <summary>Of a session with SRTP: its tag is not that of its content (RFC 3711 section 4.2), or it is of another source.</summary>
    NotAuthentic,
    /// <summary>It came while this process could not know whether the calls are still its own.</summary>
    Muted,
}

/// <summary>Counts of one media loop: written by its thread only, read by anyone.</summary>
public sealed class MediaCounters
{
    private static readonly int Reasons = Enum.GetValues<DropReason>().Length;
    private readonly long[] _dropped = new long[Reasons];
    private long _packetsReceived;
    private long _packetsSent;

    /// <summary>RTP packets used.</summary>
    public long PacketsReceived => Volatile.Read(ref _packetsReceived);

    /// <summary>RTP packets made.</summary>
    public long PacketsSent => Volatile.Read(ref _packetsSent);

    /// <summary>Datagrams not used, for that reason.</summary>
    public long Dropped(DropReason reason) => Volatile.Read(ref _dropped[(int)reason]);

    /// <summary>Counts a datagram that the loop dropped before its session saw it, as <see cref="DropReason.Muted"/>.</summary>
    public void CountMuted() => CountDrop(DropReason.Muted);

    internal void CountDrop(DropReason reason) => _dropped[(int)reason]++;

    internal void CountReceived() => _packetsReceived++;

    internal void CountSent() => _packetsSent++;
}

/// <summary>What the sessions of one media loop share.</summary>
/// <param name="Clock">For NTP times in RTCP.</param>
/// <param name="Counters">The loop's counts.</param>
public sealed record MediaServices(IClock Clock, MediaCounters Counters);

/// <summary>The random numbers a session starts from (RFC 3550 section 5.1: unpredictable).</summary>
/// <param name="Ssrc">Our synchronisation source.</param>
/// <param name="Sequence">The first sequence number.</param>
/// <param name="Timestamp">The first timestamp.</param>
/// <param name="Spread">Spreads RTCP reports over time.</param>
/// <param name="CanonicalName">CNAME of RTCP SDES: random, at most 64 characters (RFC 7022).</param>
public readonly record struct MediaSessionSeed(uint Ssrc, ushort Sequence, uint Timestamp, ulong Spread, string CanonicalName)
{
    /// <summary>Draws one.</summary>
    public static MediaSessionSeed Draw(IRandom random)
    {
        var bits = random.NextUInt64();
        return new MediaSessionSeed((uint)bits, (ushort)(bits >> 32), (uint)random.NextUInt64(), random.NextUInt64(),
            random.NextHex(12));
    }
}
