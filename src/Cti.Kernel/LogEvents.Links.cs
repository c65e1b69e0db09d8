namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A link to a node is up.</summary>
    public static readonly LogEvent LinkUp = new(7050, LogSeverity.Information, "link to {0} is up");
    /// <summary>A link to a node broke.</summary>
    public static readonly LogEvent LinkBroken = new(7051, LogSeverity.Warning, "link to {0} broke: {1}");
    /// <summary>A peer did not prove that it knows the cluster's secret, or is not who it should be.</summary>
    public static readonly LogEvent LinkRefused = new(7052, LogSeverity.Warning, "no link with {0}: {1}") { SummedAs = "refused links" };
    /// <summary>A bug in a receiver of a link's messages.</summary>
    public static readonly LogEvent LinkReceiverFault = new(7054, LogSeverity.Error,
        "a receiver of a link failed: {0}")
    { SummedAs = "failed receivers of links" };
    /// <summary>Nodes have different ideas of how their messages look.</summary>
    public static readonly LogEvent LinkMessageUnknown = new(7055, LogSeverity.Warning,
        "a message from {0} on channel {1} is not understood and was dropped: {2}")
    { SummedAs = "messages of links that are not understood" };
    /// <summary>This node was removed from Akka's cluster, or was on an island, and joins it again.</summary>
    public static readonly LogEvent ClusterSystemAnew = new(7056, LogSeverity.Warning, "this node's part of the cluster is made anew; its calls go on");
    /// <summary>It could not be made anew; it is tried again.</summary>
    public static readonly LogEvent ClusterSystemNotBegun = new(7057, LogSeverity.Error,
        "this node's part of the cluster cannot be made anew for now: {0}")
    { SummedAs = "failed beginnings of this node's part of the cluster" };
    /// <summary>Nodes that began at the same moment began two clusters.</summary>
    public static readonly LogEvent ClusterIsland = new(7058, LogSeverity.Warning, "{0} began a cluster of their own, which is older: this node joins them");
    /// <summary>Nothing is brought to other nodes, or back, though they live.</summary>
    public static readonly LogEvent ClusterStuck = new(7060, LogSeverity.Warning, "the other nodes live, and nothing is heard of them over this node's links");
    /// <summary>A node lives, and its link is silent or does not come about.</summary>
    public static readonly LogEvent LinkAnew = new(7061, LogSeverity.Warning, "the connection to {0} is made anew: {1}")
    { SummedAs = "connections to nodes that were made anew" };
    /// <summary>The operator set a key of Akka's that calls rest on.</summary>
    public static readonly LogEvent AkkaKeyIgnored = new(7059, LogSeverity.Warning, "{0} is this node's to set, what the configuration says of it is ignored");
}
