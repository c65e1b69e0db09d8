namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A link to a node is up.</summary>
    public static readonly LogEvent LinkUp = new(7050, LogSeverity.Information, "link to {0} is up");
    /// <summary>A link to a node broke.</summary>
    public static readonly LogEvent LinkBroken = new(7051, LogSeverity.Warning, "link to {0} broke: {1}");
    /// <summary>A peer did not prove that it knows the cluster's secret, or is not who it should be.</summary>
    public static readonly LogEvent LinkRefused = new(7052, LogSeverity.Warning, "no link with {0}: {1}") { SummedAs = "refused links" };
    /// <summary>Accepting links failed; it is tried again.</summary>
    public static readonly LogEvent LinkAcceptFailed = new(7053, LogSeverity.Error,
        "links are not accepted at {0} for now: {1}") { SummedAs = "links that could not be accepted" };
    /// <summary>A bug in a receiver of a link's messages.</summary>
    public static readonly LogEvent LinkReceiverFault = new(7054, LogSeverity.Error,
        "a receiver of a link failed, the link is closed: {0}") { SummedAs = "failed receivers of links" };
    /// <summary>Nodes have different ideas of how their messages look.</summary>
    public static readonly LogEvent LinkMessageUnknown = new(7055, LogSeverity.Warning,
        "a message from {0} on channel {1} is not understood and was dropped: {2}") { SummedAs = "messages of links that are not understood" };
}
