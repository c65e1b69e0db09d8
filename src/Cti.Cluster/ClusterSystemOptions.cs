using Cti.Cluster.Membership;
using Cti.Kernel;

namespace Cti.Cluster;

/// <summary>What a node's part of the cluster is made of.</summary>
public sealed class ClusterSystemOptions
{
    /// <summary>This node's name.</summary>
    public required string Self { get; init; }
    /// <summary>Names this run of the program: <see cref="ClusterNode.Incarnation"/>.</summary>
    public required string Incarnation { get; init; }
    /// <summary>Where this node listens, host:port.</summary>
    public required string Listen { get; init; }
    /// <summary>Where its peers connect to, host:port.</summary>
    public required string Address { get; init; }
    /// <summary>The cluster's secret, at least <see cref="Limits.LinkSecretCharsMin"/> characters; not looked at with <see cref="Certificate"/>.</summary>
    public required string Secret { get; init; }
    /// <summary>What nodes prove to be of the cluster by, instead of the secret; null for the secret.</summary>
    public GivenCertificate? Certificate { get; init; }
    /// <summary>Whether this node may own instances.</summary>
    public required bool IsMedia { get; init; }
    /// <summary>Whether applications connect to it.</summary>
    public required bool IsGateway { get; init; }
    /// <summary>How many instances the cluster has.</summary>
    public required int Instances { get; init; }
    /// <summary>A node that has not renewed for so long is dead, in milliseconds.</summary>
    public required int LeaseMillis { get; init; }
    /// <summary>Told the name of a peer to which there is no link and whose address refuses connections: its program does not run.</summary>
    public required Action<string> PeerRefused { get; init; }
    /// <summary>Asks hosts whether anybody listens.</summary>
    public required IPortProbe Probe { get; init; }
    /// <summary>Time.</summary>
    public required IClock Clock { get; init; }
    /// <summary>Timers.</summary>
    public required ITimers Timers { get; init; }
    /// <summary>Log.</summary>
    public required ILog Log { get; init; }
    /// <summary>What the operator wants of Akka, as HOCON: it goes before what this node sets, but for what calls rest on.</summary>
    public string Akka { get; init; } = "";
    /// <summary>How long older nodes may be no members of this node's cluster before it joins theirs, in milliseconds: another only in tests.</summary>
    internal int IslandMillis { get; init; } = 10_000;
    /// <summary>How long remoting may bring nothing to anybody before it is made anew, in milliseconds: another only in tests.</summary>
    internal int StuckMillis { get; init; } = 15_000;
    /// <summary>The version of what nodes say to each other: another only in tests.</summary>
    internal int Version { get; init; } = ClusterSystem.CurrentVersion;
}
