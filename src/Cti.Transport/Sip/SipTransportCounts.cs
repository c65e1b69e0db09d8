using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Transport.Sip;

/// <summary>What the SIP sockets have done since they were opened.</summary>
/// <param name="DatagramsReceived">UDP datagrams, of any content.</param>
/// <param name="DatagramsSent">UDP datagrams given to the network.</param>
/// <param name="StreamMessagesReceived">Messages over connections.</param>
/// <param name="StreamMessagesSent">Messages given to connections.</param>
/// <param name="KeepAlives">Keep-alives answered or ignored.</param>
/// <param name="Connections">Connections open now.</param>
/// <param name="ConnectionsRefused">Connections over a limit, closed at once.</param>
/// <param name="ConnectionsTimedOut">Connections closed because a message was not completed in time or nothing came.</param>
/// <param name="Rejected">What the parser rejected, by reason.</param>
/// <param name="SendFailures">Sends that failed, by reason.</param>
public sealed record SipTransportStatistics(long DatagramsReceived, long DatagramsSent, long StreamMessagesReceived, long StreamMessagesSent,
    long KeepAlives, int Connections, long ConnectionsRefused, long ConnectionsTimedOut, IReadOnlyDictionary<SipRejection, long> Rejected,
    IReadOnlyDictionary<SipSendFailure, long> SendFailures)
{
    /// <summary>Connections of strangers that were closed because somebody else needed their place.</summary>
    public long ConnectionsEvicted { get; init; }

    /// <summary>Connections over TLS whose greeting failed: no TLS, or not who they ought to be.</summary>
    public long GreetingsFailed { get; init; }

    /// <summary>Messages that were not sent because this process could not know whether its calls are still its own.</summary>
    public long MutedSends { get; init; }

    /// <summary>Datagrams that came at such a time and were dropped; what comes by a stream waits instead.</summary>
    public long MutedDatagrams { get; init; }
}

/// <summary>The counts themselves, written from every thread.</summary>
internal sealed class SipTransportCounts
{
    private readonly long[] _rejected = new long[Enum.GetValues<SipRejection>().Length];
    private readonly long[] _failures = new long[Enum.GetValues<SipSendFailure>().Length];

    public long DatagramsReceived;
    public long DatagramsSent;
    public long StreamMessagesReceived;
    public long StreamMessagesSent;
    public long KeepAlives;
    public long ConnectionsRefused;
    public long ConnectionsTimedOut;
    public long ConnectionsEvicted;
    public long GreetingsFailed;
    public long MutedSends;
    public long MutedDatagrams;

    public void Count(SipRejection rejection) => Interlocked.Increment(ref _rejected[(int)rejection]);

    public void Count(SipSendFailure failure) => Interlocked.Increment(ref _failures[(int)failure]);

    public SipTransportStatistics Snapshot(int connections) => new(Volatile.Read(ref DatagramsReceived), Volatile.Read(ref DatagramsSent),
        Volatile.Read(ref StreamMessagesReceived), Volatile.Read(ref StreamMessagesSent), Volatile.Read(ref KeepAlives), connections,
        Volatile.Read(ref ConnectionsRefused), Volatile.Read(ref ConnectionsTimedOut),
        Enum.GetValues<SipRejection>().ToDictionary(reason => reason, reason => Volatile.Read(ref _rejected[(int)reason])),
        Enum.GetValues<SipSendFailure>().ToDictionary(reason => reason, reason => Volatile.Read(ref _failures[(int)reason])))
    {
        ConnectionsEvicted = Volatile.Read(ref ConnectionsEvicted),
        GreetingsFailed = Volatile.Read(ref GreetingsFailed),
        MutedSends = Volatile.Read(ref MutedSends),
        MutedDatagrams = Volatile.Read(ref MutedDatagrams),
    };
}

/// <summary>What listeners and connections share.</summary>
internal sealed record SipTransportContext(SipTransportOptions Options, ISipTransportEvents Events, SipTransportCounts Counts, Cti.Kernel.IClock Clock,
    Cti.Kernel.ILog Log)
{
    /// <summary>The monotonic clock in milliseconds.</summary>
    public long NowMillis => Clock.MonotonicNanos / 1_000_000;

    /// <summary>Whether an address is a trunk's.</summary>
    public bool IsTrunk(System.Net.IPAddress address) => Options.IsTrunk?.Invoke(address) == true;

    /// <summary>Whether nothing may be said now, because the calls may be another node's already.</summary>
    public bool IsMuted => Options.PauseGuard is { } guard && !guard.IsOpen(Clock.MonotonicNanos);

    /// <summary>
    /// Asked for each message before it is sent: true, and counted, where it must not be. It is lost as any datagram may be, and nobody is told.
    /// </summary>
    public bool IsMutedSend()
    {
        if (!IsMuted)
            return false;
        Interlocked.Increment(ref Counts.MutedSends);
        return true;
    }

    /// <summary>Counts and reports a failed send; number 0 is a send that nobody waits for.</summary>
    public void Fail(SipFlow flow, long sendId, SipSendFailure failure)
    {
        Counts.Count(failure);
        if (sendId == 0)
            return;
        Events.OnSendFailed(flow, sendId, failure);
    }

    /// <summary>A greeting over TLS failed: counted, and told in sum.</summary>
    public void GreetingFailed(SipFlow flow, string why)
    {
        Interlocked.Increment(ref Counts.GreetingsFailed);
        if (Log.IsWanted(LogEvents.TlsGreetingFailed))
            Log.Write(LogEvents.TlsGreetingFailed, flow.Remote, why);
    }

    /// <summary>Counts and hands on what the parser rejected; line ends alone are a keep-alive and go no further.</summary>
    public void Reject(in SipParseResult rejected, SipFlow flow)
    {
        if (rejected.Rejection == SipRejection.Empty)
        {
            Interlocked.Increment(ref Counts.KeepAlives);
            return;
        }

        Counts.Count(rejected.Rejection);
        Events.OnRejected(rejected, flow);
    }
}
