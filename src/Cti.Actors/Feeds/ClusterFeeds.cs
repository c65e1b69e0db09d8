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
/// misses something knows, and reads the store. Messages may be lost with a link or refused by a full queue: nothing is repeated, the next section or base
/// shows the gap. What nobody pushes (a link is down, an owner is being replaced) is found by asking the store for all tails, once a second and when something
/// changes.
/// </para>
/// A cluster of one sends nothing and asks nothing. All state stands under the hub's lock: <see cref="ClusterSight"/> is the view, <see cref="FeedPeers"/> are
/// the others, <see cref="TailPoll"/> knows who pushes what, and messages leave by <see cref="FeedOutbox"/>.
/// </summary>
public sealed class ClusterFeeds : ILinkReceiver, IClusterEvents
{
    private const long TickMillis = 1_000;

    private readonly EventHub _hub;
    private readonly ILog _log;
    private readonly ClusterSight _sight;
    private readonly FeedPeers _peers;
    private readonly FeedOutbox _outbox;
    private readonly TailPoll _tails;
    private readonly long[] _epochs;
    private bool _isTicking;

    internal ClusterFeeds(EventHub hub, string self, INodeLinks links, ILog log)
    {
        _hub = hub;
        _log = log;
        Self = self;
        _sight = new ClusterSight(self, hub.InstanceCount);
        _peers = new FeedPeers(hub);
        _outbox = new FeedOutbox(hub, links, _peers);
        _tails = new TailPoll(hub, _sight);
        _epochs = new long[hub.InstanceCount];
    }

    internal string Self { get; }

    /// <summary>Whether this node ever knew of another.</summary>
    internal bool HasPeers => _peers.Count > 0;

    /// <summary>The name of the node that owns an instance; of one whose owner is dead or drains, of that which will.</summary>
    internal string? HomeOf(int instance) => _sight.HomeOf(instance);

    /// <summary>Whether this node has seen the cluster yet.</summary>
    internal bool HasView => _sight.IsThere;

    internal bool IsConnected(string node) => _peers.Find(node) is { IsConnected: true };

    /// <summary>The nodes with connections of applications, as the view has them.</summary>
    internal IReadOnlyCollection<string> LivingGateways => _sight.LivingGateways;

    /// <summary>Those of them that are connected, or were a moment ago.</summary>
    internal IReadOnlyCollection<string> ReachableGateways => [.. LivingGateways.Where(node => node == Self || _peers.IsInReach(node))];

    /// <summary>The cluster changed. Called in order, by one thread at a time.</summary>
    /// <param name="before">The view before.</param>
    /// <param name="now">The view from now on.</param>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        using (_hub.Enter())
        {
            _sight.See(now);
            for (var instance = 0; instance < _epochs.Length; instance++)
            {
                if (now.Owners[instance].Node != Self && now.Owners[instance].Epoch > _epochs[instance]) _hub.Lose(instance);
            }
            foreach (var node in now.Nodes)
            {
                if (node.Name == Self) continue;
                var peer = _peers.Of(node.Name);
                if (peer.IsLiving) continue;
                peer.IsLiving = true;
                // What it said before it was thought dead was dropped.
                peer.NeedsInterest = peer.IsAsked = true;
                _peers.Wait(peer);
            }
            foreach (var peer in _peers.All)
            {
                if (!peer.IsLiving || now.Find(peer.Name) is not null) continue;
                peer.IsLiving = false;
                Drop(peer);
            }
            _hub.Groups.Reconsider();
            _tails.Ask();
            ArmTick();
            _outbox.Wake();
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
                _tails.Forget(one.Instance);
                _hub.Gain(one.Instance, one.Tail);
                foreach (var peer in _peers.All) peer.Restart(one.Instance, _hub.Published[one.Instance]);
            }
            _outbox.Wake();
        }
    }

    /// <summary>Others own these instances from now on.</summary>
    public void OnLost(IReadOnlyList<int> instances)
    {
        using (_hub.Enter())
        {
            foreach (var instance in instances) _hub.Lose(instance);
            _tails.Ask();
            ArmTick();
        }
    }

    /// <inheritdoc/>
    public void OnConnected(string node)
    {
        using (_hub.Enter())
        {
            var peer = _peers.Of(node);
            Drop(peer);
            peer.Connect();
            peer.NeedsInterest = true;
            _hub.Groups.Repeat(node);
            _hub.Groups.Reconsider();
            _outbox.Wake();
        }
    }

    /// <inheritdoc/>
    public void OnBroken(string node)
    {
        using (_hub.Enter())
        {
            var peer = _peers.Of(node);
            Drop(peer);
            peer.Break(_hub.Clock.MonotonicNanos);
            _peers.Wait(peer);
            _tails.Ask();
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
            var peer = _peers.Of(node);
            var before = peer.Applications.ToArray();
            peer.Listen(interest);
            foreach (var application in before.Except(peer.Applications)) _hub.CountRemote(application, -1);
            foreach (var application in peer.Applications.Except(before)) _hub.CountRemote(application, 1);
            if (interest.IsAsking)
            {
                peer.NeedsInterest = true;
                _hub.Groups.Repeat(node);
            }
            _outbox.Wake();
        }
    }

    private void OnBase(string node, FeedBase from)
    {
        using (_hub.Enter())
        {
            var peer = _peers.Of(node);
            peer.Covered = from.Version;
            _tails.Forget(peer);
            foreach (var (instance, position) in from.Positions)
            {
                if (!_tails.Has(instance) || _hub.Own[instance]) continue;
                _tails.Push(peer, instance);
                _hub.Learn(instance, position, feeds => feeds.AnnouncedIn(instance) <= peer.Covered);
            }
        }
    }

    private void OnPush(string node, IReadOnlyList<FeedSection> sections)
    {
        using (_hub.Enter())
        {
            var peer = _peers.Of(node);
            foreach (var section in sections)
            {
                if (_tails.Has(section.Instance)) _hub.Follow(section, feeds => feeds.AnnouncedIn(section.Instance) <= peer.Covered);
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

    /// <inheritdoc cref="FeedOutbox.Announce"/>
    internal void Announce(ApplicationFeeds feeds) => _outbox.Announce(feeds);

    /// <inheritdoc cref="FeedOutbox.Offer"/>
    internal void Offer(StoredEvent happened) => _outbox.Offer(happened);

    /// <inheritdoc cref="FeedOutbox.Send"/>
    internal void Send(string node, byte[] payload) => _outbox.Send(node, payload);

    private void ArmTick()
    {
        if (_isTicking || !IsTickNeeded()) return;
        _isTicking = true;
        _hub.Timers.Schedule(TickMillis, static state => ((ClusterFeeds)state!).OnTick(), this);
    }

    private bool IsTickNeeded() => _sight.HasOthers || _hub.Own.Contains(false);

    private void OnTick()
    {
        using (_hub.Enter())
        {
            _isTicking = false;
            _outbox.RepeatInterest();
            _hub.Groups.Tick();
            _tails.Ask();
            _outbox.Wake();
            ArmTick();
        }
    }

    // What a peer said in a session of its link, or before it died, counts no longer.
    private void Drop(FeedPeer peer)
    {
        foreach (var application in peer.Applications) _hub.CountRemote(application, -1);
        peer.Forget();
        _tails.Forget(peer);
    }
}
