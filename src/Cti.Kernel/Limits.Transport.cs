namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>Commands that wait for one media loop: a cadence of 5 ms empties it, so this is 1.6 million a second.</summary>
    public const int MediaCommandsMax = 8_192;
    /// <summary>Media events that wait for their receivers: a second of a full node where every session reports.</summary>
    public const int MediaEventsMax = 16_384;
    /// <summary>Plays and recordings that wait for a file to be opened; past it they fail.</summary>
    public const int MediaLoadsMax = 2_048;
    /// <summary>
    /// Milliseconds that a disk may not answer before who waits for it is told: a busy NFS server is back by then, and a caller has not yet hung up for the
    /// silence.
    /// </summary>
    public const int DiskAnswerMillisMax = 5_000;
    /// <summary>Milliseconds that a look at a file in memory may take (is it still the same?) before it is played as it is: no caller notices that.</summary>
    public const int DiskLookMillisMax = 300;
    /// <summary>
    /// Milliseconds that what the disk says about a file is waited for at most: whoever asks stands still for so long, a resource that was just taken over
    /// above all.
    /// </summary>
    public const int DiskQuestionMillisMax = 3_000;
    /// <summary>Milliseconds for which folders of recordings are looked through after the start: a slow disk shows ten million files in that time.</summary>
    public const int DiskLookThroughMillisMax = 600_000;
    /// <summary>Milliseconds until a file whose disk did not answer is asked for again: each time costs a thread until it answers.</summary>
    public const int DiskRetryMillis = 30_000;
    /// <summary>Threads of a lane of loads, those that wait for disks that do not answer included.</summary>
    public const int LoadThreadsMax = 32;
    /// <summary>Sessions of one media loop: twice what one core carries (design: 2000 one-way).</summary>
    public const int MediaSessionsPerLoopMax = 4_096;
    /// <summary>Bytes of a received RTP or RTCP datagram: an Ethernet frame; a longer one is cut and then refused by its parser.</summary>
    public const int MediaDatagramBytesMax = 1_500;
    /// <summary>Packets read from one socket in one cadence of 5 ms: 16 times the rate of 20 ms audio, so a flood costs its own session only.</summary>
    public const int MediaReadsPerCadenceMax = 4;
    /// <summary>Packets dropped from one socket in one cadence while nothing may be said: two of these are more than the system keeps for a socket.</summary>
    public const int MediaMutedReadsMax = 256;
    /// <summary>Pairs of ports tried before opening a session is refused: others on the machine may hold a few.</summary>
    public const int MediaBindTriesMax = 32;
    /// <summary>SIP connections over TCP or TLS at once: each costs a descriptor and about 10 KiB.</summary>
    public const int SipConnectionsMax = 4_096;
    /// <summary>
    /// Greetings over TLS that reckon at once, of those who connect and as many of those that this node opens: each costs a millisecond of a core. One that
    /// waits for its far end does not count.
    /// </summary>
    public const int TlsHandshakesMax = 64;
    /// <summary>SIP connections from one remote address: a proxy uses one or two, a NAT may hide many phones.</summary>
    public const int SipConnectionsPerAddressMax = 256;
    /// <summary>Milliseconds in which a connection of a stranger must bring its first whole message: who connects to call says so at once.</summary>
    public const int SipStrangerMessageMillisMax = 10_000;
    /// <summary>
    /// Milliseconds of silence after which a stranger's connection that carries no call is given to somebody else when there is no room: a few round trips.
    /// </summary>
    public const int SipStrangerIdleMillis = 1_000;
    /// <summary>Messages one behind the other that are none, after which a stranger's connection is closed.</summary>
    public const int SipGarbageMessagesMax = 8;
    /// <summary>Bytes that wait to be sent on one SIP connection: past it the peer does not read, and the connection is closed.</summary>
    public const int SipConnectionOutputBytesMax = 1024 * 1024;
    /// <summary>Milliseconds in which a message begun on a stream must be complete (slow senders hold a connection for no longer).</summary>
    public const int SipStreamMessageMillisMax = 30_000;
    /// <summary>Milliseconds without a byte after which a SIP connection is closed: above RFC 5626's keep-alive interval of 2 minutes.</summary>
    public const int SipConnectionIdleMillis = 10 * 60 * 1000;
    /// <summary>Milliseconds in which an outgoing SIP connection must be up: below timer F, so that the next address can be tried.</summary>
    public const int SipConnectMillisMax = 4_000;
    /// <summary>Bytes of a UDP SIP datagram: UDP's own bound.</summary>
    public const int SipDatagramBytesMax = 65_535;
    /// <summary>Names kept by the DNS cache.</summary>
    public const int DnsNamesMax = 1_024;
    /// <summary>
    /// Host names of session descriptions that are looked up at once: each holds a thread, and one that is not answered does so for half a minute.
    /// </summary>
    public const int DnsHostsAtOnceMax = 16;
    /// <summary>Milliseconds that one DNS answer is waited for, in all.</summary>
    public const int DnsMillisMax = 5_000;
}
