using Cti.Cluster.Membership;

namespace Cti.Cluster;

/// <summary>What a link's message is about: who receives it.</summary>
public enum LinkChannel : byte
{
    /// <summary>Ownership and membership.</summary>
    Control = 1,
    /// <summary>Requests of applications and their answers.</summary>
    Requests = 2,
    /// <summary>Commands from resource to resource.</summary>
    Resources = 3,
    /// <summary>Durable events for feeds, and who listens.</summary>
    Events = 4,
    /// <summary>SIP that reached a node which does not own the call.</summary>
    Sip = 5,
    /// <summary>Instances that move between living nodes.</summary>
    HandOver = 6,
    /// <summary>What happens to trunks, for those who watch them.</summary>
    Trunks = 7,
}

/// <summary>
/// Messages to the other nodes: in order per peer while a link holds, at most once. A link that breaks loses what was on its way; senders
/// that need more repeat by their own rules.
/// </summary>
public interface INodeLinks
{
    /// <summary>Queues a message.</summary>
    /// <param name="node">The peer's name.</param>
    /// <param name="channel">Who receives it there.</param>
    /// <param name="payload">At most <see cref="Cti.Kernel.Limits.LinkMessageBytes"/>; not changed by the caller afterwards.</param>
    /// <returns>False where there is no link, or its queue is full: nothing was sent.</returns>
    bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload);

    /// <summary>Whether there is a link to that node.</summary>
    bool IsConnected(string node);

    /// <summary>Sets who receives a channel; once each, before the links start.</summary>
    void Receive(LinkChannel channel, ILinkReceiver receiver);
}

/// <summary>
/// Receives one channel. Calls for one peer come in order, one at a time, on any thread; receivers only post to a mailbox or take a short lock.
/// </summary>
public interface ILinkReceiver
{
    /// <summary>A message came.</summary>
    /// <param name="node">The authenticated peer.</param>
    /// <param name="payload">Valid after the call too.</param>
    void OnMessage(string node, ReadOnlyMemory<byte> payload);

    /// <summary>A link to that peer is up, after having been down.</summary>
    void OnConnected(string node);

    /// <summary>The link to that peer broke; what was sent last may not have arrived.</summary>
    void OnBroken(string node);
}

/// <summary>
/// What carries a node's messages to the others, from its start to its stop, and may say which node takes what a dead one owned. It is told of the cluster
/// before the node's other parts are: a peer that is no longer in the view loses its link a moment later, since it may live, cut off from the database alone,
/// and what it was told last must reach it.
/// </summary>
public interface IClusterNetwork : INodeLinks, IClusterEvents
{
    /// <summary>Whether it says who takes what (<see cref="IInstanceLeases.Want"/>).</summary>
    bool Allocates { get; }

    /// <summary>Listens from now on.</summary>
    /// <param name="leases">This node's leases, and its view of the cluster.</param>
    /// <exception cref="IOException">The address cannot be used.</exception>
    void Start(IInstanceLeases leases);

    /// <summary>What the links have done so far.</summary>
    LinkStatistics Snapshot();

    /// <summary>What is under way to each peer that there is a link to.</summary>
    IReadOnlyList<LinkLoad> Loads() => [];

    /// <summary>What Akka has made of the cluster; null where nothing of Akka's carries the links.</summary>
    ClusterPicture? Picture() => null;

    /// <summary>Closes everything. Receivers still hear that their links broke.</summary>
    Task StopAsync();
}
