using System.Collections.Concurrent;
using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Testing.Links;

/// <summary>What the links of a node are made of.</summary>
public sealed class VirtualLinksOptions
{
    /// <summary>This node's name.</summary>
    public required string Self { get; init; }
    /// <summary>Names this run of the program: <see cref="ClusterNode.Incarnation"/>.</summary>
    public required string Incarnation { get; init; }
    /// <summary>Where peers connect to, host:port.</summary>
    public required string Listen { get; init; }
    /// <summary>Told the name of a peer to which there is no link and whose address refuses connections: its program does not run.</summary>
    public required Action<string> PeerRefused { get; init; }
    /// <summary>Streams.</summary>
    public required ILinkTransport Transport { get; init; }
    /// <summary>Time.</summary>
    public required IClock Clock { get; init; }
    /// <summary>Timers.</summary>
    public required ITimers Timers { get; init; }
    /// <summary>Log.</summary>
    public required ILog Log { get; init; }
    /// <summary>Draws what a sharding would say; null for none, where each node takes by rendezvous.</summary>
    public SeededRandom? Sharding { get; init; }
}

/// <summary>
/// What remoting promises of the links between nodes, over virtual streams: in order while a link holds, at most once, broken links are heard of, and a host
/// that refuses is told. Who takes what is not its business, so that each node decides by rendezvous, and two may at once. One connection a pair; of two nodes
/// the one with the smaller name connects, after a break both try.
/// </summary>
public sealed class VirtualLinks : IClusterNetwork, ILinkAcceptor
{
    /// <summary>Milliseconds that the larger name leaves to the smaller to connect first.</summary>
    private const int CourtesyMillis = 300;

    /// <summary>How late a sharding's word is, at most: longer than a fail-over.</summary>
    private const int ShardingMillisMax = 1_500;

    private readonly VirtualLinksOptions _options;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, VirtualLinkPeer> _peers = new(StringComparer.Ordinal);
    private readonly List<VirtualLinkSession> _sessions = [];
    private readonly ILinkReceiver?[] _receivers = new ILinkReceiver?[byte.MaxValue + 1];
    private ILinkListener? _listener;
    private ITimerHandle? _tick;
    private bool _running;
    private IInstanceLeases? _leases;

    /// <summary>Puts the links together; nothing happens before <see cref="Start"/>.</summary>
    public VirtualLinks(VirtualLinksOptions options) => _options = options;

    /// <inheritdoc/>
    public bool Allocates => _options.Sharding is not null;

    /// <summary>Where peers connect to, with the real port; "" before <see cref="Start"/>.</summary>
    public string Address => _listener?.Address ?? "";

    internal LinkCounters Counters { get; } = new();

    internal const string NoLongerThere = "it is no longer in the cluster";
    internal string Self => _options.Self;
    internal string Run => _options.Incarnation;
    internal long NowMillis => _options.Clock.MonotonicNanos / 1_000_000;

    /// <summary>Accepts links from now on, and connects to the peers that are known.</summary>
    /// <exception cref="IOException">The address cannot be used.</exception>
    public void Start(IInstanceLeases leases)
    {
        lock (_gate) (_running, _leases) = (true, leases);
        try
        {
            _listener = _options.Transport.Listen(_options.Listen, this);
        }
        catch
        {
            lock (_gate) _running = false;
            throw;
        }
        lock (_gate) Arm();
        ConnectDue();
    }

    /// <summary>What the links have done so far.</summary>
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

    /// <summary>Closes everything. Receivers still hear that their links broke.</summary>
    public Task StopAsync()
    {
        VirtualLinkSession[] open;
        lock (_gate)
        {
            _running = false;
            _tick?.Cancel();
            _tick = null;
            open = [.. _sessions];
        }
        _listener?.Dispose();
        foreach (var session in open) session.Close("this node stops");
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        SetPeers(now.Nodes);
        if (_options.Sharding is not { } draws || _leases is not { } leases) return;
        // The worst that a sharding does: its word comes late, or never; two nodes get it for one instance; one gets it for what another owns by then.
        for (var instance = 0; instance < now.Owners.Length; instance++)
        {
            if (now.OwnerOf(instance) is not null || draws.Between(0, 2) == 0) continue;
            var wanted = instance;
            _options.Timers.Schedule(draws.Between(0, ShardingMillisMax), _ => leases.Want(wanted), null);
            if (draws.Between(0, 3) == 0) _options.Timers.Schedule(draws.Between(0, ShardingMillisMax), _ => leases.WantNoMore(wanted), null);
        }
    }

    /// <summary>
    /// Who the other living nodes are; called with every new view of the cluster. A node that is no longer among them loses its link a moment later: it may
    /// live, cut off from the database alone, and what it was told last must reach it.
    /// </summary>
    /// <param name="nodes">All living nodes; this one among them is ignored.</param>
    public void SetPeers(IReadOnlyList<ClusterNode> nodes)
    {
        var attempts = new List<VirtualLinkSession>();
        lock (_gate)
        {
            foreach (var node in nodes)
            {
                if (node.Name == Self || (!_peers.ContainsKey(node.Name) && _peers.Count >= Limits.LinkPeersMax)) continue;
                var peer = _peers.GetOrAdd(node.Name, static name => new VirtualLinkPeer(name));
                if (peer.Node is null) peer.DueMillis = NowMillis + (IsFirst(Self, node.Name) ? 0 : CourtesyMillis);
                peer.Node = node;
                if (peer.Current is { } kept) kept.EndsMillis = long.MaxValue;
            }
            foreach (var peer in _peers.Values.OrderBy(static peer => peer.Name, StringComparer.Ordinal))
            {
                if (peer.Node is null || nodes.Any(node => node.Name == peer.Name)) continue;
                peer.Node = null;
                if (peer.Current is { } current) current.EndsMillis = NowMillis + Limits.LinkPartingMillis;
                if (peer.Attempt is { } attempt) attempts.Add(attempt);
            }
            Arm();
        }
        foreach (var attempt in attempts) attempt.Close(NoLongerThere);
        ConnectDue();
    }

    /// <inheritdoc/>
    public bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, Limits.LinkMessageBytes, nameof(payload));
        if (!_peers.TryGetValue(node, out var peer) || peer.Current is not { } session)
        {
            Counters.WithoutLink();
            return false;
        }
        if (session.Send(channel, payload.Span)) return true;
        Counters.QueueFull();
        return false;
    }

    /// <inheritdoc/>
    public bool IsConnected(string node) => _peers.TryGetValue(node, out var peer) && peer.Current is not null;

    /// <inheritdoc/>
    public void Receive(LinkChannel channel, ILinkReceiver receiver) => _receivers[(byte)channel] = receiver;

    /// <inheritdoc/>
    public ILinkStreamEvents? Accept(ILinkStream stream)
    {
        lock (_gate)
        {
            if (!_running || _sessions.Count(static session => !session.IsUp && !session.IsOurs) >= Limits.LinkPendingMax) return null;
            var session = new VirtualLinkSession(this, null) { Stream = stream };
            _sessions.Add(session);
            Arm();
            return session;
        }
    }

    /// <summary>An attempt of ours is open: whether it goes on, because no other link came up meanwhile.</summary>
    internal bool MayProve(VirtualLinkSession session)
    {
        // The lock also waits until the attempt's stream is known.
        lock (_gate)
        {
            if (_running && _peers.TryGetValue(session.Peer, out var peer) && peer.Attempt == session && peer.Current is null) return true;
        }
        session.Close("there is a link already");
        return false;
    }

    /// <summary>A connection whose both sides have proved who they are becomes the link of its pair; false where another stays.</summary>
    internal bool Adopt(VirtualLinkSession session)
    {
        if (!_peers.TryGetValue(session.Peer, out var peer))
        {
            lock (_gate)
            {
                if (_peers.Count >= Limits.LinkPeersMax) return false;
                // It has joined a moment ago: our view of the cluster will have it soon.
                peer = _peers.GetOrAdd(session.Peer, static name => new VirtualLinkPeer(name));
            }
        }
        VirtualLinkSession? old;
        VirtualLinkSession? attempt;
        lock (peer.Delivering)
        {
            lock (_gate)
            {
                if (!_running || !IsBetter(session, peer)) return false;
                old = peer.Current;
                attempt = peer.Attempt == session ? null : peer.Attempt;
                peer.Attempt = null;
                peer.Failures = 0;
                if (!session.IsOurs) session.SendAccepted();
                peer.Current = session;
            }
            if (old is not null) Tell(peer, isUp: false);
            Tell(peer, isUp: true);
        }
        _options.Log.Write(LogEvents.LinkUp, peer.Name);
        old?.Close("there is a newer link");
        attempt?.Close("there is a link already");
        return true;
    }

    /// <summary>A connection is over.</summary>
    internal void Closed(VirtualLinkSession session, LinkStreamEnd end)
    {
        var wasLink = false;
        var refused = false;
        lock (_gate) _sessions.Remove(session);
        if (_peers.TryGetValue(session.Peer, out var peer))
        {
            lock (peer.Delivering)
            {
                lock (_gate)
                {
                    wasLink = peer.Current == session;
                    if (wasLink)
                    {
                        peer.Current = null;
                        peer.DueMillis = NowMillis;
                    }
                    else if (peer.Attempt == session)
                    {
                        peer.Attempt = null;
                        peer.DueMillis = NowMillis + Math.Min(Limits.LinkRetryMillisMax, Limits.LinkTickMillis << Math.Min(peer.Failures++, 8));
                        refused = end == LinkStreamEnd.Refused && peer.Current is null && peer.Node is not null;
                    }
                }
                if (wasLink) Tell(peer, isUp: false);
            }
            if (wasLink) Counters.Broke();
            if (wasLink) _options.Log.Write(LogEvents.LinkBroken, peer.Name, session.Complaint.Length > 0 ? session.Complaint : "the connection was closed");
        }
        if (refused) _options.PeerRefused(session.Peer);
        if (wasLink) ConnectDue();
    }

    /// <summary>Hands a message to its receiver, unless another connection has become the link.</summary>
    internal void Deliver(VirtualLinkSession session, LinkChannel channel, byte[] payload)
    {
        if (!_peers.TryGetValue(session.Peer, out var peer)) return;
        lock (peer.Delivering)
        {
            if (peer.Current == session) _receivers[(byte)channel]?.OnMessage(peer.Name, payload);
        }
    }

    private static bool IsFirst(string one, string other) => string.CompareOrdinal(one, other) < 0;

    /// <summary>Both sides judge alike: another run of the peer, or the link that the smaller name began, is better than what is there.</summary>
    private bool IsBetter(VirtualLinkSession session, VirtualLinkPeer peer)
    {
        var bySmaller = session.IsOurs == IsFirst(Self, peer.Name);
        if (peer.Current is { } current) return current.Run != session.Run || bySmaller;
        // Our own attempt is about to succeed: the peer will take that one, and would lose this.
        return session.IsOurs || bySmaller || peer.Attempt is not { IsProving: true };
    }

    private void Tell(VirtualLinkPeer peer, bool isUp)
    {
        foreach (var receiver in _receivers)
        {
            if (receiver is null) continue;
            if (isUp) receiver.OnConnected(peer.Name);
            else receiver.OnBroken(peer.Name);
        }
    }

    private void ConnectDue()
    {
        lock (_gate)
        {
            if (!_running) return;
            var now = NowMillis;
            List<VirtualLinkPeer>? due = null;
            foreach (var (_, peer) in _peers)
            {
                if (peer.Node is { LinkAddress.Length: > 0 } && peer.Current is null && peer.Attempt is null && peer.DueMillis <= now) (due ??= []).Add(peer);
            }
            if (due is null) return;
            foreach (var peer in due.OrderBy(static peer => peer.Name, StringComparer.Ordinal))
            {
                // A transport that fails at once has looked at the others meanwhile.
                if (peer.Node is not { LinkAddress.Length: > 0 } node || peer.Current is not null || peer.Attempt is not null || peer.DueMillis > now) continue;
                var session = new VirtualLinkSession(this, peer.Name);
                peer.Attempt = session;
                _sessions.Add(session);
                session.Stream = _options.Transport.Connect(node.LinkAddress, session);
            }
        }
    }

    /// <summary>The tick runs while there is anybody to look after.</summary>
    private void Arm()
    {
        if (_running && _tick is null && (!_peers.IsEmpty || _sessions.Count > 0))
            _tick = _options.Timers.Schedule(Limits.LinkTickMillis, static links => ((VirtualLinks)links!).Tick(), this);
    }

    private void Tick()
    {
        VirtualLinkSession[] open;
        lock (_gate)
        {
            if (!_running) return;
            _tick = null;
            Arm();
            open = [.. _sessions];
        }
        foreach (var session in open) session.Tick(NowMillis);
        ConnectDue();
    }
}

/// <summary>What is known of one peer.</summary>
internal sealed class VirtualLinkPeer(string name)
{
    private VirtualLinkSession? _current;

    public string Name => name;

    /// <summary>Held while its receivers are called, so that they hear one thing at a time. Taken before the links' own lock.</summary>
    public Lock Delivering { get; } = new();

    /// <summary>As the cluster's view has it; null where it has not.</summary>
    public ClusterNode? Node { get; set; }

    /// <summary>The link.</summary>
    public VirtualLinkSession? Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }

    /// <summary>A connection of ours that is not the link yet.</summary>
    public VirtualLinkSession? Attempt { get; set; }

    /// <summary>Attempts that failed since the last link.</summary>
    public int Failures { get; set; }

    /// <summary>When the next attempt may begin.</summary>
    public long DueMillis { get; set; }
}
