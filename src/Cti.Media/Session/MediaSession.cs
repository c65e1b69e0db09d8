using Cti.Kernel;

namespace Cti.Media;

/// <summary>
/// One RTP session's engine. Single-threaded: only the media loop that owns it calls it. Allocates nothing per packet.
/// The loop calls <see cref="Tick"/> once every 20 ms at the session's phase and <see cref="RtcpTick"/> after it, hands in what its sockets
/// received, and applies commands in their order. After <see cref="MediaCommandKind.Close"/> it goes on ticking until <see cref="IsFinished"/>
/// (recordings are completed elsewhere), frees the ports and calls <see cref="ReportClosed"/>.
/// </summary>
public sealed partial class MediaSession
{
    /// <summary>Bytes that <see cref="Tick"/> needs at most.</summary>
    public const int RtpBytesMax = 256;

    /// <summary>Bytes that <see cref="RtcpTick"/> needs at most.</summary>
    public const int RtcpBytesMax = 256;

    /// <summary>The cadence of <see cref="Tick"/>.</summary>
    public const long TickNanos = 20_000_000;

    /// <summary>A session that has nothing negotiated yet.</summary>
    public MediaSession(MediaSessionId id, MediaSessionOptions options, IMediaEvents events, MediaSessionSeed seed, MediaServices services) =>
        throw new NotImplementedException();

    /// <summary>Which session.</summary>
    public MediaSessionId Id { get; }

    /// <summary>Where RTP is to be sent now; none while nothing is negotiated. Read it after each <see cref="Tick"/> that wrote a packet.</summary>
    public SocketAddressKey Remote => throw new NotImplementedException();

    /// <summary>Where RTCP is to be sent now.</summary>
    public SocketAddressKey RemoteRtcp => throw new NotImplementedException();

    /// <summary>After Close: every action has ended, BYE is written; the ports may be freed.</summary>
    public bool IsFinished => throw new NotImplementedException();

    /// <summary>Applies a command.</summary>
    public void Apply(in MediaCommand command) => throw new NotImplementedException();

    /// <summary>Takes a datagram that came to the RTP port. Never throws, whatever is in it.</summary>
    public void OnRtp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos) => throw new NotImplementedException();

    /// <summary>Takes a datagram that came to the RTCP port. Never throws, whatever is in it.</summary>
    public void OnRtcp(ReadOnlySpan<byte> packet, SocketAddressKey source, long nowNanos) => throw new NotImplementedException();

    /// <summary>
    /// 20 ms have passed: records, clocks what plays, and writes at most one RTP packet for <see cref="Remote"/>.
    /// A loop that is late calls it several times in a row, up to 10; what is missing beyond 200 ms the session skips by itself.
    /// </summary>
    /// <returns>Bytes written, 0 for no packet.</returns>
    public int Tick(long nowNanos, Span<byte> rtpOut) => throw new NotImplementedException();

    /// <summary>Writes an RTCP compound for <see cref="RemoteRtcp"/> when one is due: a report about every 5 s, BYE after Close.</summary>
    /// <returns>Bytes written, 0 for none.</returns>
    public int RtcpTick(long nowNanos, Span<byte> rtcpOut) => throw new NotImplementedException();

    /// <summary>Reports <see cref="SessionClosed"/>: the last report. Once, after the ports were freed.</summary>
    public void ReportClosed() => throw new NotImplementedException();

    /// <summary>The streams' quality until now.</summary>
    public StreamStatistics Statistics => throw new NotImplementedException();
}
