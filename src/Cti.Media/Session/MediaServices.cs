using Cti.Kernel;
using Cti.Media.Rtp;

namespace Cti.Media.Session;

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
