using Cti.Cluster;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// Brings the events of instances that other nodes own to this node's feeds, and this node's to theirs.
/// <para>
/// Each node announces which applications have feeds on it and of which instances these want to hear: of all, or, where all of them are members of groups, of
/// those that the groups gave them. So an event of a group crosses to one node, however many there are. An owner answers with the positions from which on it
/// pushes all of that (<see cref="FeedBase"/>), and then pushes it in order per instance; each section says where the last one ended, so a receiver that
/// misses something knows, and reads the store. Messages may be lost with a link or refused by a full queue: nothing is repeated, the next section or base shows the gap.
/// What nobody pushes (a link is down, an owner is being replaced) is found by asking the store for all tails, once a second and when something changes.
/// </para>
/// A cluster of one sends nothing and asks nothing. All state stands under the hub's lock; messages leave outside of it, one after the other.
/// </summary>
public sealed class ClusterFeeds : ILinkReceiver, IClusterEvents, IWorkItem
{
    private const long TickMillis = 1_000;
    /// <summary>How often a peer hears that instances went on without an event for it: bounds what a feed that opens there repeats.</summary>
    private const long QuietMillis = 250;
    /// <summary>In so many turns all peers have heard it: what a node says does not grow with the cluster.</summary>
    private const int QuietTurns = 8;
    /// <summary>After how long without a link a node's connections lose their instances.</summary>
    private const long GraceMillis = 2_000;

    private readonly EventHub _hub;
    private readonly INodeLinks _links;
    private readonly ILog _log;
    private readonly SortedDictionary<string, FeedPeer> _peers = new(StringComparer.Ordinal);
    private readonly FeedPeer?[] _pushedBy;
    private readonly long[] _epochs;
    private readonly string?[] _homes;
    private List<Outgoing> _outgoing = [];
    private ClusterView? _view;
    private long _version;
    private bool _isSending;
    private bool _isQuietArmed;
    private int _quietTurn = -1;
    private bool _isQuietDue;
    private bool _isTicking;
    private bool _isPolling;
    private bool _pollsAgain;

    internal ClusterFeeds(EventHub hub, string self, INodeLinks links, ILog log)
    {
        _hub = hub;
        _links = links;
        _log = log;
        Self = self;
        _pushedBy = new FeedPeer?[hub.InstanceCount];
        _epochs = new long[hub.InstanceCount];
        _homes = new string?[hub.InstanceCount];
    }

    internal string Self { get; }

    /// <summary>Whether this node ever knew of another.</summary>
    internal bool HasPeers => _peers.Count > 0;

    /// <summary>The name of the node that owns an instance; of one whose owner is dead or drains, of that which will.</summary>
    internal string? HomeOf(int instance) => _homes[instance];

    /// <summary>Whether this node has seen the cluster yet.</summary>
    internal bool HasView => _view is not null;

    internal bool IsConnected(string node) => _peers.TryGetValue(node, out var peer) && peer.IsConnected;

    /// <summary>The nodes with connections of applications, as the view has them.</summary>
    internal IReadOnlyCollection<string> LivingGateways =>
        _view is null ? [Self] : [.. _view.Nodes.Where(node => node.IsGateway || node.Name == Self).Select(node => node.Name)];

    /// <summary>Those of them that are connected, or were a moment ago.</summary>
    internal IReadOnlyCollection<string> ReachableGateways => [.. LivingGateways.Where(node => node == Self || (_peers.TryGetValue(node, out var peer) && IsInReach(peer)))];

    /// <summary>The cluster changed. Called in order, by one thread at a time.</summary>
    /// <param name="before">The view before.</param>
    /// <param name="now">The view from now on.</param>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        using (_hub.Enter())
        {
            _view = now;
            FindHomes(now);
            for (var instance = 0; instance < _epochs.Length; instance++)
            {
                if (now.Owners[instance].Node != Self && now.Owners[instance].Epoch > _epochs[instance]) _hub.Lose(instance);
            }
            foreach (var node in now.Nodes)
            {
                if (node.Name == Self) continue;
                var peer = PeerOf(node.Name);
                if (peer.IsLiving) continue;
                peer.IsLiving = true;
                // What it said before it was thought dead was dropped.
                peer.NeedsInterest = peer.IsAsked = true;
                Wait(peer);
            }
            foreach (var peer in _peers.Values)
            {
                if (!peer.IsLiving || now.Find(peer.Name) is not null) continue;
                peer.IsLiving = false;
                Drop(peer);
            }
            _hub.Groups.Reconsider();
            Poll();
            ArmTick();
            Wake();
        }
    }

    private void FindHomes(ClusterView view)
    {
        string[] hosts = [.. view.Nodes.Where(static node => node is { IsMedia: true, IsDraining: false }).Select(static node => node.Name)];
        for (var instance = 0; instance < _homes.Length; instance++)
        {
            var owner = view.Owners[instance].Node;
            _homes[instance] = hosts.Contains(owner) ? owner : Rendezvous.Winner(instance, hosts);
        }
    }

    /// <summary>This node owns instances from now on; told before anything is appended to them, or soon after.</summary>
    /// <param name="gained">The instances, with their epochs and the tails that were found.</param>
    /// <param name="lostAtMillis">When their owner before was last alive, Unix milliseconds; of no matter here.</param>
    /// <param name="isHandedOver">Whether it still lives; of no matter here.</param>
    public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        using (_hub.Enter())
        {
            foreach (var one in gained)
            {
                _epochs[one.Instance] = Math.Max(_epochs[one.Instance], one.Epoch);
                _pushedBy[one.Instance] = null;
                _hub.Gain(one.Instance, one.Tail);
                foreach (var peer in _peers.Values) peer.Restart(one.Instance, _hub.Published[one.Instance]);
            }
            Wake();
        }
    }

    /// <summary>Others own these instances from now on.</summary>
    public void OnLost(IReadOnlyList<int> instances)
    {
        using (_hub.Enter())
        {
            foreach (var instance in instances) _hub.Lose(instance);
            Poll();
            ArmTick();
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
        using (_hub.Enter())
        {
            var peer = PeerOf(node);
            Drop(peer);
            peer.Connect();
            peer.NeedsInterest = true;
            _hub.Groups.Repeat(node);
            _hub.Groups.Reconsider();
            Wake();
        }
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        using (_hub.Enter())
        {
            var peer = PeerOf(node);
            Drop(peer);
            peer.Break(_hub.Clock.MonotonicNanos);
            Wait(peer);
            Poll();
            ArmTick();
        }
    }

    /// <inheritdoc/>
    public void OnMessage(string node, ReadOnlyMemory<byte> payload)
    {
        try
        {
            var wire = new FeedWireReader(payload);
            switch (wire.TakeKind())
            {
                case FeedMessageKind.Interest: OnInterest(node, FeedInterest.Decode(ref wire)); break;
                case FeedMessageKind.Base: OnBase(node, FeedBase.Decode(ref wire)); break;
                case FeedMessageKind.Push: OnPush(node, FeedSection.DecodeAll(ref wire)); break;
                case FeedMessageKind.Report: OnReport(node, GroupReport.Decode(ref wire)); break;
                case FeedMessageKind.Table: OnTable(node, GroupTable.Decode(ref wire)); break;
                default: break; // Of a newer version, which copes without an answer.
            }
        }
        catch (InvalidDataException fault)
        {
            _log.Write(LogEvents.FeedMessageMalformed, node, fault.Message);
        }
    }

    private void OnInterest(string node, FeedInterest interest)
    {
        using (_hub.Enter())
        {
            var peer = PeerOf(node);
            var before = peer.Applications.ToArray();
            peer.Listen(interest);
            foreach (var application in before.Except(peer.Applications)) _hub.CountRemote(application, -1);
            foreach (var application in peer.Applications.Except(before)) _hub.CountRemote(application, 1);
            if (interest.IsAsking)
            {
                peer.NeedsInterest = true;
                _hub.Groups.Repeat(node);
            }
            Wake();
        }
    }

    private void OnBase(string node, FeedBase from)
    {
        using (_hub.Enter())
        {
            var peer = PeerOf(node);
            peer.Covered = from.Version;
            for (var instance = 0; instance < _pushedBy.Length; instance++)
            {
                if (_pushedBy[instance] == peer) _pushedBy[instance] = null;
            }
            foreach (var (instance, position) in from.Positions)
            {
                if ((uint)instance >= (uint)_pushedBy.Length || _hub.Own[instance]) continue;
                _pushedBy[instance] = peer;
                _hub.Learn(instance, position, feeds => feeds.AnnouncedIn(instance) <= peer.Covered);
            }
        }
    }

    private void OnPush(string node, IReadOnlyList<FeedSection> sections)
    {
        using (_hub.Enter())
        {
            var peer = PeerOf(node);
            foreach (var section in sections)
            {
                if ((uint)section.Instance < (uint)_pushedBy.Length) _hub.Follow(section, feeds => feeds.AnnouncedIn(section.Instance) <= peer.Covered);
            }
        }
    }

    private void OnReport(string node, GroupReport report)
    {
        using (_hub.Enter()) _hub.Groups.Pump(() => _hub.Groups.OnReport(node, report));
    }

    private void OnTable(string node, GroupTable table)
    {
        using (_hub.Enter()) _hub.Groups.Pump(() => _hub.Groups.OnTable(node, table));
    }

    /// <summary>An application's feeds here, or what they want to hear of, may have changed. Under the lock.</summary>
    internal void Announce(ApplicationFeeds feeds)
    {
        if (!feeds.Announce(_version + 1, _hub.Published)) return;
        _version++;
        foreach (var peer in _peers.Values) peer.NeedsInterest = true;
        if (_peers.Count > 0) Wake();
    }

    /// <summary>An event of an own instance was published. Under the lock.</summary>
    internal void Offer(StoredEvent happened)
    {
        var isWanted = false;
        foreach (var peer in _peers.Values) isWanted |= peer.Offer(happened);
        if (isWanted) Wake();
        else if (_peers.Count > 0) ArmQuiet();
    }

    /// <summary>Queues a message. Under the lock.</summary>
    internal void Send(string node, byte[] payload)
    {
        _outgoing.Add(new Outgoing(node, payload));
        Wake();
    }

    /// <summary>Sends what is due; posted, and never twice at once, so that messages keep their order.</summary>
    public void Run()
    {
        while (true)
        {
            List<Outgoing> batch;
            using (_hub.Enter())
            {
                Gather();
                batch = _outgoing;
                if (batch.Count == 0)
                {
                    _isSending = false;
                    return;
                }
                _outgoing = [];
            }
            foreach (var message in batch)
            {
                if (_links.Send(message.Node, LinkChannel.Events, message.Payload)) continue;
                using (_hub.Enter()) Refused(message);
            }
        }
    }

    private void Gather()
    {
        var isQuietDue = _isQuietDue;
        _isQuietDue = false;
        var (turns, place) = (Math.Min(_peers.Count, QuietTurns), 0);
        foreach (var peer in _peers.Values)
        {
            var isItsTurn = isQuietDue && place++ % turns == _quietTurn % turns;
            if (!peer.IsConnected || peer.IsBlocked) continue;
            if (peer.NeedsInterest)
            {
                _outgoing.Add(new Outgoing(peer.Name, new FeedInterest(_version, peer.IsAsked, [.. _hub.OpenApplications.Select(feeds => new KeyValuePair<string, IReadOnlyList<long>>(feeds.Name, feeds.Wanted))]).Encode()));
                peer.NeedsInterest = peer.IsAsked = false;
            }
            peer.Write(_hub.Own, _hub.Published, isItsTurn, payload => _outgoing.Add(new Outgoing(peer.Name, payload)));
            for (var instance = 0; instance < _epochs.Length && !_isQuietArmed; instance++)
            {
                if (_hub.Own[instance] && peer.IsBehind(instance, _hub.Published[instance])) ArmQuiet();
            }
        }
    }

    // The queue is full, or the link broke. In the second case all is said anew once it is back.
    private void Refused(Outgoing message)
    {
        if (!_peers.TryGetValue(message.Node, out var peer) || !peer.IsConnected) return;
        peer.IsBlocked = true;
        switch ((FeedMessageKind)message.Payload[0])
        {
            case FeedMessageKind.Interest: peer.NeedsInterest = peer.IsAsked = true; break;
            case FeedMessageKind.Base or FeedMessageKind.Push: peer.Lose(); break;
            case FeedMessageKind.Report:
                // It may have been the end of a group, of which nothing is left here to repeat it: the coordinator is asked to ask.
                peer.NeedsGroups = peer.NeedsInterest = peer.IsAsked = true;
                break;
            default: peer.NeedsGroups = true; break;
        }
        ArmQuiet();
    }

    private void Wake()
    {
        if (_isSending) return;
        _isSending = true;
        _hub.Post(this);
    }

    private void ArmQuiet()
    {
        if (_isQuietArmed) return;
        _isQuietArmed = true;
        _hub.Timers.Schedule(QuietMillis, static state => ((ClusterFeeds)state!).OnQuiet(), this);
    }

    private void OnQuiet()
    {
        using (_hub.Enter())
        {
            _isQuietArmed = false;
            _isQuietDue = true;
            _quietTurn = (_quietTurn + 1) & int.MaxValue;
            foreach (var peer in _peers.Values)
            {
                peer.IsBlocked = false;
                if (!peer.NeedsGroups) continue;
                peer.NeedsGroups = false;
                _hub.Groups.Repeat(peer.Name);
            }
            Wake();
        }
    }

    private void ArmTick()
    {
        if (_isTicking || !IsTickNeeded()) return;
        _isTicking = true;
        _hub.Timers.Schedule(TickMillis, static state => ((ClusterFeeds)state!).OnTick(), this);
    }

    private bool IsTickNeeded() => _view?.Nodes.Length > 1 || _hub.Own.Contains(false);

    private void OnTick()
    {
        using (_hub.Enter())
        {
            _isTicking = false;
            foreach (var peer in _peers.Values)
            {
                if (peer.IsConnected && peer.Covered < _version) peer.NeedsInterest = true;
            }
            _hub.Groups.Tick();
            Poll();
            Wake();
            ArmTick();
        }
    }

    /// <summary>Asks the store for the tails, if anything is not pushed.</summary>
    private void Poll()
    {
        if (!IsPollNeeded()) return;
        _pollsAgain = _isPolling;
        if (_isPolling) return;
        _isPolling = true;
        _hub.Post(new Poller(this));
    }

    private bool IsPollNeeded()
    {
        var newest = NewestAnnounced();
        for (var instance = 0; instance < _pushedBy.Length; instance++)
        {
            if (!_hub.Own[instance] && !IsPushed(instance, newest)) return true;
        }
        return false;
    }

    private long NewestAnnounced()
    {
        var newest = 0L;
        foreach (var feeds in _hub.OpenApplications) newest = Math.Max(newest, feeds.NewestAnnouncement);
        return newest;
    }

    // By whom the view knows as the owner: one that was deposed does not know yet that it pushes no more.
    private bool IsPushed(int instance, long announced) =>
        _pushedBy[instance] is { IsConnected: true } peer && peer.Covered >= announced && _view?.Owners[instance].Node == peer.Name;

    private async Task PollAsync()
    {
        IReadOnlyList<InstanceOwnership> rows;
        try
        {
            rows = await _hub.Store.ReadOwnershipAsync().ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            rows = [];
        }
        using (_hub.Enter())
        {
            _isPolling = false;
            var newest = NewestAnnounced();
            foreach (var row in rows)
            {
                if (!_hub.Own[row.Instance] && !IsPushed(row.Instance, newest)) _hub.Learn(row.Instance, row.Tail, feeds => !IsPushed(row.Instance, feeds.AnnouncedIn(row.Instance)));
            }
            if (!_pollsAgain) return;
            _pollsAgain = false;
            Poll();
        }
    }

    private FeedPeer PeerOf(string node)
    {
        if (_peers.TryGetValue(node, out var peer)) return peer;
        peer = new FeedPeer(node, _hub.InstanceCount, _hub.Clock.MonotonicNanos) { NeedsInterest = true };
        _peers.Add(node, peer);
        return peer;
    }

    private bool IsInReach(FeedPeer peer) => peer.IsConnected || _hub.Clock.MonotonicNanos - peer.LostAt < GraceMillis * 1_000_000;

    // A node whose link is down keeps its connections' instances until the grace is over.
    private void Wait(FeedPeer peer)
    {
        if (peer.IsConnected) return;
        _hub.Timers.Schedule(GraceMillis, static state => ((ClusterFeeds)state!).OnGrace(), this);
    }

    private void OnGrace()
    {
        using (_hub.Enter()) _hub.Groups.Reconsider();
    }

    // What a peer said in a session of its link, or before it died, counts no longer.
    private void Drop(FeedPeer peer)
    {
        foreach (var application in peer.Applications) _hub.CountRemote(application, -1);
        peer.Forget();
        for (var instance = 0; instance < _pushedBy.Length; instance++)
        {
            if (_pushedBy[instance] == peer) _pushedBy[instance] = null;
        }
    }

    private readonly record struct Outgoing(string Node, byte[] Payload);

    private sealed class Poller(ClusterFeeds feeds) : IWorkItem
    {
        public void Run() => _ = feeds.PollAsync();
    }
}
