using Cti.Media.Rtp;

namespace Cti.Transport.Media;

/// <summary>What one media loop has done since it started, and how it is now.</summary>
/// <param name="Sessions">Sessions open.</param>
/// <param name="WorkShare">Share of its time that it works, by its thread's own clock, 0..1, averaged over about a second.</param>
/// <param name="LatenessP99Micros">How late 99 of 100 cadences of the last second began at most, in microseconds.</param>
/// <param name="RtpReceived">RTP datagrams read.</param>
/// <param name="RtpSent">RTP packets sent.</param>
/// <param name="RtcpReceived">RTCP datagrams read.</param>
/// <param name="RtcpSent">RTCP datagrams sent.</param>
/// <param name="SendFailures">Packets that the network refused.</param>
/// <param name="LateCadences">Cadences that began more than 5 ms after their time.</param>
/// <param name="SkippedCadences">Cadences left out because the loop was held up for over 200 ms.</param>
/// <param name="LatenessMaxMicros">The latest start of a cadence, in microseconds.</param>
/// <param name="Lateness">Cadences by how late they began; bounds in <see cref="LatenessBoundsMicros"/>, the last count is of all above.</param>
/// <param name="Dropped">Datagrams not used, by reason.</param>
public sealed record MediaLoopStatistics(int Sessions, double WorkShare, long LatenessP99Micros, long RtpReceived, long RtpSent,
    long RtcpReceived, long RtcpSent, long SendFailures, long LateCadences, long SkippedCadences, long LatenessMaxMicros, IReadOnlyList<long> Lateness,
    IReadOnlyDictionary<DropReason, long> Dropped)
{
    /// <summary>Upper bounds of the lateness counts, in microseconds.</summary>
    public static IReadOnlyList<int> LatenessBoundsMicros { get; } = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];
}

/// <summary>Counts of one loop: written by its thread only, read by anyone.</summary>
internal sealed class MediaLoopCounts
{
    public readonly long[] Lateness = new long[MediaLoopStatistics.LatenessBoundsMicros.Count + 1];
    private static readonly int[] Bounds = [.. MediaLoopStatistics.LatenessBoundsMicros];

    public long RtpReceived;
    public long RtpSent;
    public long RtcpReceived;
    public long RtcpSent;
    public long SendFailures;
    public long LateCadences;
    public long SkippedCadences;
    public long LatenessMaxNanos;

    public void CountLateness(long nanos)
    {
        if (nanos > LatenessMaxNanos)
            LatenessMaxNanos = nanos;
        if (nanos > MediaLoop.CadenceNanos)
            LateCadences++;
        var bucket = 0;
        while (bucket < Bounds.Length && nanos > Bounds[bucket] * 1_000L)
            bucket++;
        Lateness[bucket]++;
    }
}
