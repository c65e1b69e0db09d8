namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>
    /// Descriptors that no call and no connection may take: the journal's files (SQLite has three and a few more while it checkpoints), prompts being read, the
    /// log, threads, look-ups of names, connections that are just being refused.
    /// </summary>
    public const int DescriptorsReserved = 100;
    /// <summary>
    /// What is open in a node that has done everything once: the runtime keeps the files of some eighty assemblies open, most of them twice. Measured: 200.
    /// </summary>
    public const int DescriptorsRuntime = 240;
    /// <summary>Descriptors of a media session: RTP, RTCP, and the file that it may be recorded into.</summary>
    public const int DescriptorsPerSession = 3;
    /// <summary>Descriptors of a text that is being made into sound: three pipes with two ends, and one to wait by, while the engine starts.</summary>
    public const int DescriptorsPerSpeech = 7;
    /// <summary>Where the system has no such limit, or does not tell: as many as a service of systemd gets.</summary>
    public const int DescriptorsAssumed = 524_288;
    /// <summary>Connections of a gateway at once: twice the applications' default shares of fifty applications.</summary>
    public const int GatewayConnectionsMax = 10_000;
    /// <summary>
    /// Milliseconds in which a connection to the gateway must have begun its first request: who connects asks at once, a distant and lossy network included.
    /// </summary>
    public const int GatewayFirstRequestMillis = 10_000;
    /// <summary>Milliseconds for which one that has just come is not the first to make room: it may be about to ask.</summary>
    public const int GatewayGraceMillis = 1_000;
}
