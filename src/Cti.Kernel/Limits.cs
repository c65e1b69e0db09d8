namespace Cti.Kernel;

/// <summary>Every bound that is not configuration, in one place; each says where it comes from.</summary>
public static partial class Limits
{
    /// <summary>Bytes of a JSON-RPC request: the contract's bound.</summary>
    public const int RequestBytesMax = 32 * 1024;
    /// <summary>Seconds of any duration parameter: one week, the contract's bound.</summary>
    public const int DurationSecondsMax = 604_800;
    /// <summary>Seconds of any time-out parameter: the contract's bound.</summary>
    public const int TimeoutSecondsMax = 3_600;
    /// <summary>Repeats of a prompt: the contract's bound.</summary>
    public const int RepeatMax = 1_000;
    /// <summary>Keys collected at once: the contract's bound.</summary>
    public const int KeysMax = 255;
    /// <summary>Elements of a play list: the contract's bound.</summary>
    public const int PlayElementsMax = 30;
    /// <summary>Header fields that an application adds to a message, or hears of one.</summary>
    public const int HeaderFieldsMax = 16;
    /// <summary>Characters of all of them together.</summary>
    public const int HeaderCharsMax = 4_096;
    /// <summary>Characters of the name of one.</summary>
    public const int HeaderNameCharsMax = 64;
    /// <summary>Characters of the value of one that is added.</summary>
    public const int HeaderValueCharsMax = 1_024;
    /// <summary>Bytes of one session description: WebRTC gateways with every codec and candidate stay under 8 KiB; twice that.</summary>
    public const int SdpBytesMax = 16 * 1024;
    /// <summary>Lines of one session description: what fits twice into the largest seen from a video conference unit.</summary>
    public const int SdpLinesMax = 512;
    /// <summary>Media descriptions of one session description: video conference units offer up to eight.</summary>
    public const int SdpMediaMax = 16;
    /// <summary>Formats of one media description: RTP has 128 payload types.</summary>
    public const int SdpFormatsMax = 128;
    /// <summary>Parts of a message body, those within parts included: PSTN gateways send two or three, an emergency call a few more.</summary>
    public const int SipBodyPartsMax = 16;
    /// <summary>Multiparts within one another in a message body: alternatives within related within mixed, and one more.</summary>
    public const int SipBodyDepthMax = 4;
    /// <summary>
    /// How long the host name of a session description is looked up, in milliseconds: the caller hears nothing meanwhile, and a resolver's own retry comes
    /// after 5 s.
    /// </summary>
    public const int SdpHostMillisMax = 2_000;
    /// <summary>
    /// Host names of session descriptions that one call has had looked up, and messages of it that wait for one: a far end names the same few again.
    /// </summary>
    public const int SdpHostsMax = 8;
    /// <summary>Characters of such a name: what DNS can carry (RFC 1035 section 2.3.4).</summary>
    public const int SdpHostCharsMax = 253;
    /// <summary>Bytes of one SIP message over a stream, header and body: four times the largest UDP datagram seen from real proxies.</summary>
    public const int SipMessageBytesMax = 64 * 1024;
    /// <summary>Header fields of one SIP message: RFC 4475's largest has under 30; proxies add a Via and a Record-Route each.</summary>
    public const int SipHeadersMax = 200;
    /// <summary>
    /// Transactions of one SIP stack: 6000 calls/s with two each that linger 32 s (64 T1). Past it new calls get 503; requests within a call have a quarter
    /// more, what ends one is taken as long as there are calls.
    /// </summary>
    public const int SipTransactionsMax = 400_000;
    /// <summary>How long a message may wait for the SIP actor, in milliseconds: a tenth of the time after which its sender repeats it (T1).</summary>
    public const int SipBehindMillis = 50;
    /// <summary>
    /// How long the SIP actor may be behind without a pause before new calls are refused, in milliseconds: what a pause of the machine has left behind is
    /// worked off sooner.
    /// </summary>
    public const int SipBehindForMillis = 500;
    /// <summary>
    /// How long an INVITE may have waited that is accepted while new calls are refused, in milliseconds; and after that long without one that has, the refusing
    /// ends.
    /// </summary>
    public const int SipShedMillis = 20, SipShedUntilMillis = 5_000;
    /// <summary>Bytes of a SIP request above which UDP is avoided: RFC 3261 section 18.1.1, path MTU unknown.</summary>
    public const int SipDatagramRequestBytesMax = 1300;
    /// <summary>
    /// CSeq numbers that a process may use in a dialog without journaling them: more keys by INFO than a call of a day takes, and 2^31 has room for a thousand
    /// recoveries.
    /// </summary>
    public const uint SipCSeqReserve = 1 << 20;
    /// <summary>
    /// The number after which a BYE goes that no journal knows of: beyond what any number of later owners has used, with half of what RFC 3261 section 8.1.1.5
    /// allows (under 2^31) to spare.
    /// </summary>
    public const uint SipCSeqOfLastWord = 1 << 30;
    /// <summary>Re-INVITEs that one far end gets at once after a takeover: what a telephone system takes without a retransmission.</summary>
    public const int ReInviteBurst = 50;
    /// <summary>
    /// How many more it gets every <see cref="ReInviteStepMillis"/>: 1000 a second, so that 500 calls of one carrier are told within half a second.
    /// </summary>
    public const int ReInvitesPerStep = 20;
    /// <summary>In milliseconds: a packet's length of sound.</summary>
    public const int ReInviteStepMillis = 20;
    /// <summary>
    /// Messages that wait in one actor's mailbox: past it the sender is refused (a request) or the message is dropped and counted (a datagram).
    /// </summary>
    public const int MailboxMax = 10_000;
    /// <summary>Messages that one actor handles in a row before others have their turn.</summary>
    public const int MailboxBatch = 64;
    /// <summary>How often an actor that crashes is restarted before it is stopped.</summary>
    public const int ActorRestartsMax = 5;
    /// <summary>How long the result of a request that changes something is remembered, in milliseconds: the contract's 10 minutes.</summary>
    public const long IdempotencyMillis = 10 * 60 * 1000;
    /// <summary>Events kept in memory for the live feeds of one application: about ten seconds of one busy node.</summary>
    public const int LiveEventsMax = 8_192;
    /// <summary>Delivered and unacknowledged events of one connection of a group, then delivery pauses: as many as are kept live.</summary>
    public const int UnacknowledgedEventsMax = 8_192;
    /// <summary>
    /// How long a group's instance that shall move to another connection waits for acknowledgements, in milliseconds: longer than a consumer works on a batch,
    /// shorter than an operator waits.
    /// </summary>
    public const long FeedHandoverMillis = 10_000;
    /// <summary>After how long without a live subscriber an application's inbound calls are refused, in milliseconds: the contract's 5 s.</summary>
    public const long UnattendedMillis = 5_000;
    /// <summary>Bytes of a prompt file: an hour of 16-bit 8 kHz fits.</summary>
    public const int PromptFileBytesMax = 64 * 1024 * 1024;
    /// <summary>Names of prompts whose place on the disk is remembered: some 200 bytes each.</summary>
    public const int PromptNamesMax = 16 * 1024;
    /// <summary>
    /// Samples of a prompt before it is brought to 8 kHz, since a small compressed file may hold days: 2 h 19 min at 8 kHz, 25 min at 44.1 kHz.
    /// </summary>
    public const int PromptSamplesMax = 64 * 1024 * 1024;
    /// <summary>
    /// Samples between a media loop and the disk, per recording: 8 s (4 s with two channels), longer than a disk may stall before calls notice. One byte
    /// each for PCM and the laws, two for what the writer's thread encodes.
    /// </summary>
    public const int RecordingRingSamples = 64 * 1024;
    /// <summary>Milliseconds that a child waits for the file that its parent hears first: the longest file there can be, an hour.</summary>
    public const long AnnouncementMillisMax = 3_600_000;
    /// <summary>
    /// Keys of a call that are known again when more of them is heard or told: as many as people press in a second, while what is late is so by a fraction of
    /// one.
    /// </summary>
    public const int KnownKeysMax = 8;
    /// <summary>
    /// Characters of a URI in a request: several times the longest that carriers send, and well inside a UDP datagram with the rest of an INVITE.
    /// </summary>
    public const int UriCharsMax = 512;
    /// <summary>Characters of a file name in a request: Linux's PATH_MAX is 4096 bytes, a character has up to four.</summary>
    public const int FileNameCharsMax = 1024;
    /// <summary>
    /// Bytes beyond its bound that are passed over of one request, so that the connection goes on: thirty-two times the contract's bound, more than a client
    /// sends by mistake; past it the connection is closed.
    /// </summary>
    public const int OversizedBytesMax = 1024 * 1024;
    /// <summary>Bytes of the id of a request over its bound: many times a UUID.</summary>
    public const int OversizedIdBytesMax = 1024;
    /// <summary>Nesting of a JSON-RPC text: a batch of requests with a list of lists as play content has 5 levels.</summary>
    public const int JsonDepthMax = 16;
    /// <summary>Requests of one WebSocket that wait for their owners: past it the gateway stops reading from that socket.</summary>
    public const int RequestsInFlightMax = 256;
    /// <summary>
    /// Bytes of answers that wait to be sent to one WebSocket: past it the reader is too slow and is closed with 4008. A full window of list answers fits.
    /// </summary>
    public const int OutgoingBytesMax = 16 * 1024 * 1024;
    /// <summary>Bytes that wait to be sent to one WebSocket, above which no event is added and no request is read: a few TCP windows.</summary>
    public const int OutgoingBytesHigh = 1024 * 1024;
    /// <summary>Milliseconds that a WebSocket or SSE reader may take none of what waits for it: past it the reader is too slow.</summary>
    public const int SlowReaderMillis = 30_000;
    /// <summary>Events taken from a feed at once: a few TCP windows' worth.</summary>
    public const int FeedBatchMax = 256;
    /// <summary>Milliseconds until a request that its owner did not answer gets 504: five times the worst fail-over.</summary>
    public const int OwnerAnswerMillis = 10_000;
    /// <summary>Series of one metric: bounds what tags can do to the memory of the exporter.</summary>
    public const int MetricSeriesMax = 1_000;
    /// <summary>Characters of an event group's name: it is a key of a table.</summary>
    public const int GroupNameCharsMax = 128;
}
