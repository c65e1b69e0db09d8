namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>
    /// Silence after which another source may be latched: longer than a sender's lost packets, shorter than people wait for each other. A NAT forgets nothing
    /// so soon (RFC 4787 REQ-5: two minutes, seen: 20 s), so what moves has been moved.
    /// </summary>
    public const int RtpLatchSilenceMillis = 5_000;
    /// <summary>Silence that is sent in full when there is nothing to send any more: longer than the pauses between an application's plays.</summary>
    public const int RtpIdleFullMillis = 1_000;
    /// <summary>
    /// Between two packets of silence after that: RFC 6263 section 5 asks for one in 15 s for NATs; the shortest RTP time-outs that session border
    /// controllers are set to are 10 s, so two may be lost.
    /// </summary>
    public const int RtpKeepaliveMillis = 3_000;
    /// <summary>
    /// A far end that sent, and then does not for so long while it gets keepalives, gets full silence: two keepalives of its like and a second.
    /// </summary>
    public const int RtpStoppedMillis = (2 * RtpKeepaliveMillis) + 1_000;
    /// <summary>Percent lost, by the far end's last report, from which full silence is sent: keepalives would be too few, where every fourth is lost.</summary>
    public const int RtpLossPercentMax = 25;
    /// <summary>
    /// How late a media loop may send, for 99 of 100 packets of a second, before it takes no more calls: telephones' jitter buffers
    /// begin at 40 to 60 ms and grow to 100 to 200 ms, as ours does; what is later is a gap for most of them.
    /// </summary>
    public const int MediaLatenessMillisMax = 100;
}
