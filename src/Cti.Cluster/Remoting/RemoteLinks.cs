using System.Collections.Concurrent;
using Akka.Actor;
using Cti.Cluster.Membership;
using Cti.Kernel;

namespace Cti.Cluster.Remoting;

/// <summary>
/// This node's links as its parts use them: who the peers are, which of them there is a link to, and who receives what comes. Links come up and break in the
/// <see cref="LinkActor"/> of the actor system of the moment; this outlives it.
/// </summary>
internal sealed class RemoteLinks(string self, string incarnation, int version, IClock clock, ILog log, IPortProbe probe, Action<string> refused)
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, RemotePeer> _peers = new(StringComparer.Ordinal);
    private readonly ILinkReceiver?[] _receivers = new ILinkReceiver?[byte.MaxValue + 1];
    private IActorRef _actor = ActorRefs.Nobody;
    private long _complainedMillis = long.MinValue;

    public string Self => self;
    public string Incarnation => incarnation;
    public int Version => version;
    public ILog Log => log;
    public LinkCounters Counters { get; } = new();
    public long NowMillis => clock.MonotonicNanos / 1_000_000;

    /// <summary>All peers, in order of name.</summary>
    public IEnumerable<RemotePeer> Peers => _peers.Values.OrderBy(static peer => peer.Name, StringComparer.Ordinal);

    /// <summary>All peers, as they come.</summary>
    public IEnumerable<RemotePeer> Unordered => _peers.Select(static pair => pair.Value);

    /// <summary>The link actor of the actor system that runs now.</summary>
    public void Use(IActorRef actor) => Volatile.Write(ref _actor, actor);

    public LinkStatistics Snapshot()
    {
        var (wanted, up) = (0, 0);
        foreach (var peer in _peers.Values)
        {
            if (peer.Node is not null) wanted++;
            if (peer.Current is not null) up++;
        }
        return Counters.Read(wanted, up);
    }

    public IReadOnlyList<LinkLoad> Loads() =>
        [.. Peers.Select(static peer => (peer.Name, Link: peer.Current)).Where(static peer => peer.Link is not null)
            .Select(static peer => new LinkLoad(peer.Name, peer.Link!.UnderWay))];

    public bool IsConnected(string node) => _peers.TryGetValue(node, out var peer) && peer.Current is not null;

    public void Receive(LinkChannel channel, ILinkReceiver receiver) => _receivers[(byte)channel] = receiver;

    public bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, Limits.LinkMessageBytes, nameof(payload));
        if (!_peers.TryGetValue(node, out var peer) || peer.Current is not { } link)
        {
            Counters.WithoutLink();
            return false;
        }
        if (!link.Send(channel, payload))
        {
            Counters.QueueFull();
            return false;
        }
        Counters.Sent(payload.Length);
        return true;
    }

    /// <summary>Who the other living nodes are; this one among them is ignored.</summary>
    public void SetPeers(IReadOnlyList<ClusterNode> nodes)
    {
        lock (_gate)
        {
            foreach (var node in nodes)
            {
                if (node.Name == self || node.LinkAddress.Length == 0 || Known(node.Name) is not { } peer) continue;
                if (peer.Node?.Incarnation != node.Incarnation) peer.Again(NowMillis);
                peer.Node = node;
                peer.EndsMillis = long.MaxValue;
            }
            foreach (var peer in _peers.Values)
            {
                if (peer.Node is null || nodes.Any(node => node.Name == peer.Name)) continue;
                peer.Node = null;
                peer.EndsMillis = NowMillis + Limits.LinkPartingMillis;
            }
        }
        Volatile.Read(ref _actor).Tell(LookAtLinks.Instance);
    }

    /// <summary>
    /// The peer of that name; one that is not known has joined a moment ago, and our view of the cluster will have it soon. Null where there are too many.
    /// </summary>
    public RemotePeer? Known(string name) => _peers.TryGetValue(name, out var known) ? known
        : _peers.Count >= Limits.LinkPeersMax ? null : _peers.GetOrAdd(name, static name => new RemotePeer(name));

    /// <summary>The peer whose address this is.</summary>
    public RemotePeer? At(Address? address)
    {
        if (address is null) return null;
        foreach (var peer in _peers.Values)
        {
            if (peer.Node is { } node && node.LinkAddress == $"{address.Host}:{address.Port}") return peer;
            if (peer.Current is { } link && link.Remote.Path.Address == address) return peer;
        }
        return null;
    }

    /// <summary>A link is up. The link actor's alone, as all that follows.</summary>
    public void Up(RemotePeer peer, RemoteLink link)
    {
        if (peer.Current is not null) Break(peer, "there is a newer link");
        link.HeardMillis = NowMillis;
        peer.Current = link;
        peer.Failures = 0;
        peer.Complaint = "";
        foreach (var receiver in _receivers) receiver?.OnConnected(peer.Name);
        log.Write(LogEvents.LinkUp, peer.Name);
    }

    /// <summary>A link is over.</summary>
    public void Break(RemotePeer peer, string why)
    {
        if (peer.Current is null) return;
        peer.Current = null;
        Counters.Broke();
        peer.Again(NowMillis);
        foreach (var receiver in _receivers) receiver?.OnBroken(peer.Name);
        log.Write(LogEvents.LinkBroken, peer.Name, why);
    }

    /// <summary>Hands a message to its receiver.</summary>
    public void Deliver(RemotePeer peer, LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        Counters.Received(payload.Length);
        try
        {
            _receivers[(byte)channel]?.OnMessage(peer.Name, payload);
        }
#pragma warning disable CA1031 // One receiver's bug must not break the link of all others.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            log.Write(LogEvents.LinkReceiverFault, fault);
        }
    }

    /// <summary>Asks the peer's host whether anybody listens there; the actor hears it.</summary>
    public void Probe(RemotePeer peer, IActorRef actor)
    {
        if (peer.Node is not { } node) return;
        probe.Probe(node.LinkAddress, isRefused => actor.Tell(new Probed(peer.Name, isRefused)));
    }

    /// <summary>A peer's host has said that nobody listens there.</summary>
    public void Refused(RemotePeer peer)
    {
        if (peer is { Current: null, Node: not null }) refused(peer.Name);
    }

    /// <summary>Whether a peer was refused, or has refused this node, after a moment.</summary>
    public bool HasComplainedSince(long millis) => Volatile.Read(ref _complainedMillis) >= millis;

    /// <summary>Logs why a peer is refused, once until that changes.</summary>
    public void Complain(string name, string why)
    {
        Counters.Refused();
        Volatile.Write(ref _complainedMillis, NowMillis);
        if (_peers.TryGetValue(name, out var known))
        {
            if (known.Complaint == why) return;
            known.Complaint = why;
        }
        log.Write(LogEvents.LinkRefused, name.Length > 0 ? name : "a stranger", why);
    }
}
