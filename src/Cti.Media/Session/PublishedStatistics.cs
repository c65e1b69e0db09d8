using Cti.Media.Rtcp;

namespace Cti.Media.Session;

/// <summary>
/// A session's counters, published by its loop and read by any thread. The loop only stores (every 20 ms, no lock, no allocation); the reader composes.
/// No value is ever seen half written; two values may be of two neighbouring ticks, so a packet's difference between them means nothing.
/// </summary>
internal sealed class PublishedStatistics
{
    /// <summary>Packetisation and a playing delay of two packets stand in for what the listener's telephone adds.</summary>
    private const double TelephoneMillis = 60;

    private const int NothingNegotiated = -1;

    private int _codec = NothingNegotiated;
    private long _sent;
    private long _received;
    private long _expected;
    private double _jitterMillis;
    private double _roundTripMillis = -1;
    private double _remoteLossFraction = -1;
    private long _remoteLost = -1;
    private double _remoteJitterMillis = -1;
    private long _sentWhenReported;

    /// <summary>From the loop.</summary>
    public void Negotiated(AudioCodec codec) => Volatile.Write(ref _codec, (int)codec);

    /// <summary>From the loop.</summary>
    public void Sent(long packets) => Volatile.Write(ref _sent, packets);

    /// <summary>From the loop.</summary>
    public void Received(long packets, long expected, double jitterMillis)
    {
        Volatile.Write(ref _received, packets);
        Volatile.Write(ref _expected, expected);
        Volatile.Write(ref _jitterMillis, jitterMillis);
    }

    /// <summary>From the loop, with each RTCP that came.</summary>
    /// <param name="rtcp">What is known of it.</param>
    /// <param name="sent">Packets sent until now.</param>
    /// <param name="perMilli">Ticks of our clock in a millisecond.</param>
    public void Reported(RtcpReporter rtcp, long sent, int perMilli)
    {
        Volatile.Write(ref _roundTripMillis, rtcp.RoundTripMillis);
        Volatile.Write(ref _remoteLossFraction, rtcp.RemoteLossFraction);
        Volatile.Write(ref _remoteJitterMillis, rtcp.RemoteJitterTicks < 0 ? -1 : rtcp.RemoteJitterTicks / (double)perMilli);
        Volatile.Write(ref _sentWhenReported, sent);
        Volatile.Write(ref _remoteLost, rtcp.RemoteLost);
    }

    /// <summary>What was published last; null while nothing was negotiated. Any thread.</summary>
    public StreamStatistics? Read()
    {
        var codec = Volatile.Read(ref _codec);
        if (codec == NothingNegotiated) return null;
        var received = Volatile.Read(ref _received);
        var expected = Volatile.Read(ref _expected);
        var lost = Math.Max(0, expected - received);
        var roundTrip = Volatile.Read(ref _roundTripMillis);
        var remoteLost = Volatile.Read(ref _remoteLost);
        var reported = Volatile.Read(ref _sentWhenReported);
        return new StreamStatistics((AudioCodec)codec, Volatile.Read(ref _sent), received, lost, Volatile.Read(ref _jitterMillis), roundTrip,
            Volatile.Read(ref _remoteLossFraction), expected == 0 ? -1 : Mos(lost, expected, roundTrip))
        {
            RemoteLost = remoteLost,
            RemoteJitterMillis = Volatile.Read(ref _remoteJitterMillis),
            RemoteMos = remoteLost < 0 || reported == 0 ? -1 : Mos(remoteLost, reported, roundTrip),
        };
    }

    private static double Mos(long lost, long expected, double roundTripMillis) =>
        MosEstimate.From(lost / (double)expected, TelephoneMillis + Math.Max(0, roundTripMillis / 2));
}
