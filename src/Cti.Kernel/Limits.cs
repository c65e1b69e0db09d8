namespace Cti.Kernel;

/// <summary>Every bound that is not configuration, in one place; each says where it comes from.</summary>
public static class Limits
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
    /// <summary>Bytes of one session description: WebRTC gateways with every codec and candidate stay under 8 KiB; twice that.</summary>
    public const int SdpBytesMax = 16 * 1024;
    /// <summary>Lines of one session description: what fits twice into the largest seen from a video conference unit.</summary>
    public const int SdpLinesMax = 512;
    /// <summary>Media descriptions of one session description: video conference units offer up to eight.</summary>
    public const int SdpMediaMax = 16;
    /// <summary>Formats of one media description: RTP has 128 payload types.</summary>
    public const int SdpFormatsMax = 128;
    /// <summary>Bytes of one SIP message over a stream, header and body: four times the largest UDP datagram seen from real proxies.</summary>
    public const int SipMessageBytesMax = 64 * 1024;
    /// <summary>Header fields of one SIP message: RFC 4475's largest has under 30; proxies add a Via and a Record-Route each.</summary>
    public const int SipHeadersMax = 200;
    /// <summary>Messages that wait in one actor's mailbox: past it the sender is refused (a request) or the message is dropped and counted (a datagram).</summary>
    public const int MailboxMax = 10_000;
    /// <summary>How long the result of a request that changes something is remembered, in milliseconds: the contract's 10 minutes.</summary>
    public const long IdempotencyMillis = 10 * 60 * 1000;
    /// <summary>Events kept in memory for the live feeds of one application: about ten seconds of one busy node.</summary>
    public const int LiveEventsMax = 8_192;
}
