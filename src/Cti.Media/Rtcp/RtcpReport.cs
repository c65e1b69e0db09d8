namespace Cti.Media.Rtcp;

/// <summary>A report block of RTCP SR and RR (RFC 3550 section 6.4.1): how a source is received.</summary>
internal readonly record struct ReportBlock(uint Ssrc, byte FractionLost, int CumulativeLost, uint ExtendedSequence, uint Jitter,
    uint LastSenderReport, uint DelaySinceLastSenderReport)
{
    public const int Bytes = 24;
}

/// <summary>The sender's part of an SR.</summary>
internal readonly record struct SenderInfo(ulong NtpTime, uint RtpTimestamp, uint Packets, uint Octets);

/// <summary>What a compound that was received says to us.</summary>
internal struct RtcpSummary
{
    /// <summary>The SSRC that sent it.</summary>
    public uint SenderSsrc;

    /// <summary>True when it begins with an SR.</summary>
    public bool HasSenderInfo;

    /// <summary>Of the SR.</summary>
    public SenderInfo Sender;

    /// <summary>True when it reports on our stream.</summary>
    public bool HasReport;

    /// <summary>About our stream.</summary>
    public ReportBlock Report;

    /// <summary>True when the far end says that it leaves.</summary>
    public bool HasBye;
}
