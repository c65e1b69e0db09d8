using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors.Calls;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Media;
using Cti.Persistence;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Transaction;

namespace Cti.Actors;

/// <summary>What a node is made of: every port, and what its configuration says.</summary>
public sealed class ServerNodeOptions
{
    /// <summary>The node's name, unique in the cluster.</summary>
    public required string NodeName { get; init; }
    /// <summary>First half of the cluster's name.</summary>
    public int Area { get; init; }
    /// <summary>Second half.</summary>
    public int Station { get; init; }
    /// <summary>How many instances the cluster has, 1 or more; fixed when the store is created.</summary>
    public int InstanceCount { get; init; } = 64;
    /// <summary>Calls at once on this node; past it new ones are refused with 503.</summary>
    public int CallsMax { get; init; } = 4000;
    /// <summary>Limits of calls.</summary>
    public CallSettings Calls { get; init; } = new();
    /// <summary>SIP timers.</summary>
    public SipTimers SipTimers { get; init; } = new();
    /// <summary>What is asked of far ends, and granted to them, beyond RFC 3261; a trunk may have it otherwise.</summary>
    public SipProfile SipProfile { get; init; } = new();
    /// <summary>Audio.</summary>
    public MediaProfile MediaProfile { get; init; } = new(["PCMA", "PCMU"], 0);
    /// <summary>Who may call in.</summary>
    public InboundPolicy Inbound { get; init; } = new([], false, "default", false);
    /// <summary>Of which header fields applications want to hear, by application: names, and beginnings of names with <c>*</c> behind them.</summary>
    public ImmutableDictionary<string, ImmutableArray<string>> HeardHeaders { get; init; } = ImmutableDictionary<string, ImmutableArray<string>>.Empty;
    /// <summary>Where far ends may send this node.</summary>
    public DialPolicy DialPolicy { get; init; } = new();
    /// <summary>The trunks.</summary>
    public IReadOnlyList<Trunk> Trunks { get; init; } = [];
    /// <summary>Whether applications may dial hosts that are no trunk.</summary>
    public bool DialAny { get; init; }
    /// <summary>How long events are kept, in milliseconds.</summary>
    public long EventRetentionMillis { get; init; } = 24 * 3600 * 1000L;
    /// <summary>The program's version, for <c>sys.node.list</c>.</summary>
    public string Version { get; init; } = "0";

    /// <summary>Whether applications connect to this node.</summary>
    public bool IsGateway { get; init; } = true;
    /// <summary>Whether it may own instances; without, it has no SIP and no RTP.</summary>
    public bool IsMedia { get; init; } = true;
    /// <summary>Whether other nodes may have the same store.</summary>
    public bool IsShared { get; init; }
    /// <summary>A node that has not renewed for so long is dead, 500..60000 ms.</summary>
    public int LeaseMillis { get; init; } = 2000;
    /// <summary>Closes SIP and RTP after a pause until the lease is renewed, where <see cref="IsShared"/>; null for one that nothing else asks.</summary>
    public PauseGuard? PauseGuard { get; init; }
    /// <summary>Where other nodes connect to, host:port; "" without links.</summary>
    public string LinkAddress { get; init; } = "";
    /// <summary>Makes the feeds those of a cluster, once there are links; what it answers is told of the cluster before the calls are.</summary>
    public Func<INodeLinks, IClusterEvents>? JoinFeeds { get; init; }
    /// <summary>Makes what carries this node's messages to the others, of its run and its place in the cluster; null for a node that is alone.</summary>
    public Func<NetworkPorts, IClusterNetwork>? Network { get; init; }

    /// <summary>Runs actors.</summary>
    public required IScheduler Scheduler { get; init; }
    /// <summary>Time.</summary>
    public required IClock Clock { get; init; }
    /// <summary>Timers.</summary>
    public required ITimers Timers { get; init; }
    /// <summary>Randomness.</summary>
    public required IRandom Random { get; init; }
    /// <summary>Log.</summary>
    public required ILog Log { get; init; }
    /// <summary>The journal.</summary>
    public required IJournalStore Store { get; init; }
    /// <summary>RTP; null without <see cref="IsMedia"/>.</summary>
    public required IMediaPort? Media { get; init; }
    /// <summary>The recordings' disk.</summary>
    public required IRecordings Recordings { get; init; }
    /// <summary>Keeps the BYEs that were answered while nothing could be written; null: they are lost with the process.</summary>
    public ISpoolFile? ToldByes { get; init; }
    /// <summary>Finds next hops.</summary>
    public required ISipResolver Resolver { get; init; }
    /// <summary>Makes the SIP transport, where <see cref="IsMedia"/>; it reports to the given receiver.</summary>
    public required Func<ISipTransportEvents, ISipTransport> SipTransport { get; init; }
    /// <summary>Given events once they are durable.</summary>
    public required Action<IReadOnlyList<StoredEvent>> Publish { get; init; }
    /// <summary>Whether applications listen.</summary>
    public required ISubscribers Subscribers { get; init; }
    /// <summary>Messages between resources that vanish: a defect that a simulation puts in to show that it is found; null everywhere else.</summary>
    internal Func<ResourceCommand, bool>? Loses { get; init; }
}

/// <summary>What the cluster's network is given of its node.</summary>
/// <param name="Incarnation">Names this run of the program.</param>
/// <param name="PeerRefused">Told the name of a peer to which there is no link and whose address refuses connections: its program does not run.</param>
public sealed record NetworkPorts(string Incarnation, Action<string> PeerRefused);
