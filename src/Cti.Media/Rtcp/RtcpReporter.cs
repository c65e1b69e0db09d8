using Cti.Kernel;
using Cti.Media.Rtp;

namespace Cti.Media.Rtcp;

/// <summary>
/// A session's RTCP: when a report is due (RFC 3550 section 6.2 for two parties: 5 s, randomised by a half, the first after half of that), what
/// is in it, and the round trip from what comes back (section 6.4.1).
/// </summary>
internal sealed class RtcpReporter
{
    private const long IntervalNanos = 5_000_000_000;

    /// <summary>e - 3/2: makes up for the reconsideration that makes intervals converge below the intended one (RFC 3550 section 6.3.1).</summary>
    private const double Compensation = 1.21828;

    /// <summary>Seconds from NTP's epoch, 1900, to Unix's.</summary>
    private const ulong NtpEpochSeconds = 2_208_988_800;

    private readonly byte[] _canonicalName;
    private readonly long _unixNanosAtZero;
    private ulong _random;
    private long _dueNanos = -1;
    private long _packetsReported;
    private uint _lastSenderReport;
    private long _lastSenderReportNanos;

    public RtcpReporter(MediaSessionSeed seed, IClock clock)
    {
        _canonicalName = RtcpCompound.CanonicalName(seed.CanonicalName);
        _random = seed.Spread | 1;
        // NTP times come from the monotonic clock, so a round trip is not at the mercy of millisecond steps and corrections.
        _unixNanosAtZero = (clock.UnixMillis * 1_000_000) - clock.MonotonicNanos;
    }

    /// <summary>In milliseconds; -1 when unknown.</summary>
    public double RoundTripMillis { get; private set; } = -1;

    /// <summary>What the far end reported lost since its report before, 0..1; -1 when unknown.</summary>
    public double RemoteLossFraction { get; private set; } = -1;

    /// <summary>What the far end reported lost in all, not below 0; -1 when unknown.</summary>
    public long RemoteLost { get; private set; } = -1;

    /// <summary>The jitter that the far end reported, in ticks of our clock; -1 when unknown.</summary>
    public long RemoteJitterTicks { get; private set; } = -1;

    /// <summary>True once the far end said goodbye.</summary>
    public bool RemoteLeft { get; private set; }

    /// <summary>Takes a compound.</summary>
    /// <returns>False for a malformed one.</returns>
    public bool Accept(ReadOnlySpan<byte> datagram, uint ourSsrc, long nowNanos)
    {
        if (!RtcpCompound.TryParse(datagram, ourSsrc, out var summary)) return false;
        if (summary.HasSenderInfo)
        {
            _lastSenderReport = (uint)(summary.Sender.NtpTime >> 16);
            _lastSenderReportNanos = nowNanos;
        }
        RemoteLeft |= summary.HasBye;
        if (!summary.HasReport) return true;
        RemoteLossFraction = summary.Report.FractionLost / 256.0;
        RemoteLost = Math.Max(0, summary.Report.CumulativeLost);
        RemoteJitterTicks = summary.Report.Jitter;
        if (summary.Report.LastSenderReport == 0) return true;
        // All three in 1/65536 s, modulo 2^32; a negative result is a far end's mistake.
        var roundTrip = (int)((uint)(NtpTime(nowNanos) >> 16) - summary.Report.LastSenderReport - summary.Report.DelaySinceLastSenderReport);
        if (roundTrip >= 0) RoundTripMillis = roundTrip * 1000.0 / 65536;
        return true;
    }

    /// <summary>When the next report is due; long ago before the first call of <see cref="IsDue"/>.</summary>
    public long DueNanos => _dueNanos;

    /// <summary>Whether a report is due; the clock starts at the first call.</summary>
    public bool IsDue(long nowNanos)
    {
        if (_dueNanos < 0) _dueNanos = nowNanos + (Interval() / 2);
        if (nowNanos < _dueNanos) return false;
        _dueNanos = nowNanos + Interval();
        return true;
    }

    /// <summary>Writes SR (RR where nothing was sent since the last report), SDES, and BYE where asked for.</summary>
    public int Write(Span<byte> destination, RtpSender sender, ReceiveStream stream, long nowNanos, bool bye)
    {
        SenderInfo? info = sender.Packets == _packetsReported ? null
            : new SenderInfo(NtpTime(nowNanos), sender.Timestamp, (uint)sender.Packets, (uint)sender.Octets);
        _packetsReported = sender.Packets;
        ReportBlock? report = stream.IsStarted ? Report(stream, nowNanos) : null;
        return RtcpCompound.Write(destination, sender.Ssrc, info, report, _canonicalName, bye);
    }

    private ReportBlock Report(ReceiveStream stream, long nowNanos)
    {
        var delay = _lastSenderReport == 0 ? 0 : (uint)((nowNanos - _lastSenderReportNanos) / 1_000_000 * 65536 / 1000);
        return new ReportBlock(stream.Ssrc, stream.TakeFractionLost(), (int)Math.Min(stream.Expected - stream.Received, int.MaxValue),
            stream.ExtendedSequence, (uint)stream.JitterTicks, _lastSenderReport, delay);
    }

    private ulong NtpTime(long nowNanos)
    {
        var unixNanos = (ulong)(_unixNanosAtZero + nowNanos);
        var seconds = (unixNanos / 1_000_000_000) + NtpEpochSeconds;
        var fraction = ((unixNanos % 1_000_000_000) << 32) / 1_000_000_000;
        return (seconds << 32) | fraction;
    }

    private long Interval()
    {
        // Marsaglia's xorshift: only spreads reports over time, nobody has to be unable to guess it.
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        var spread = 0.5 + ((_random >> 11) / (double)(1UL << 53));
        return (long)(IntervalNanos * spread / Compensation);
    }
}
