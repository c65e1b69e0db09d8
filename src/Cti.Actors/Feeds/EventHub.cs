using Cti.Actors.Calls;
using Cti.Cluster;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// Where durable events meet their readers. The journal's writer publishes what was committed, in order per instance; each application with an open feed
/// has a bounded ring of recent events, from which feeds read; what is older comes from the store.
/// <para>
/// Why nothing is lost when a feed moves from the store to the ring: it notes the ring's end, then reads the store. An event that the store did not show yet
/// becomes durable after that read, is published after that, and so stands in the ring behind the noted end. One that both show is skipped by its position.
/// </para>
/// <para>
/// What other nodes own comes by <see cref="ClusterFeeds"/>: as events, which go into the ring as well, or as word that an instance has come up to a position,
/// up to which every feed then reads the store.
/// </para>
/// All state stands under one short lock; nothing is awaited and no reader is resumed under it.
/// </summary>
public sealed class EventHub : IEventFeeds, ISubscribers
{
    private readonly Lock _gate = new();
    private readonly IScheduler _scheduler;
    private readonly Dictionary<string, ApplicationFeeds> _applications = new(StringComparer.Ordinal);
    private readonly List<ApplicationFeeds> _touched = [];
    private readonly List<IWorkItem> _due = [];
    private readonly long[] _published;
    private readonly bool[] _own;
    private ClusterFeeds? _cluster;
    private readonly long _startedAt;

    private EventHub(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers, FeedBounds bounds, long[] tails)
    {
        Store = store;
        _scheduler = scheduler;
        Clock = clock;
        Timers = timers;
        Bounds = bounds;
        _published = tails;
        _own = [.. tails.Select(_ => true)];
        Groups = new GroupRoles(this);
        _startedAt = clock.MonotonicNanos;
    }

    /// <summary>Makes a hub over an open store, before the first append: what is in the store now is the past.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be read.</exception>
    public static ValueTask<EventHub> CreateAsync(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers,
        CancellationToken cancellation = default) =>
        CreateAsync(store, scheduler, clock, timers, new FeedBounds(), cancellation);

    internal static async ValueTask<EventHub> CreateAsync(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers, FeedBounds bounds,
        CancellationToken cancellation = default)
    {
        var instances = await store.ReadOwnershipAsync(cancellation).ConfigureAwait(false);
        return new EventHub(store, scheduler, clock, timers, bounds, [.. instances.Select(instance => instance.Tail)]);
    }

    /// <summary>
    /// Told outside every lock when an application's number of open feeds changed, with that number. Two changes at once may arrive in either order:
    /// a receiver that decides something asks <see cref="HasLiveSubscriber"/>.
    /// </summary>
    public Action<string, int>? SubscribersChanged { get; set; }

    /// <summary>
    /// Told outside every lock when a connection of a group was given as many events as may be unacknowledged, so that it hears nothing more until it
    /// acknowledges: with the application, the group and that number; again only after half of them were acknowledged.
    /// </summary>
    public Action<string, string, int>? DeliveryPaused { get; set; }

    internal IJournalStore Store { get; }

    internal IClock Clock { get; }

    internal ITimers Timers { get; }

    internal FeedBounds Bounds { get; }

    internal int InstanceCount => _published.Length;

    /// <summary>The position of each instance's newest published event, or its tail when the hub was made or told of it. Under the lock.</summary>
    internal ReadOnlySpan<long> Published => _published;

    /// <summary>Whether this node publishes an instance's events itself. Under the lock.</summary>
    internal ReadOnlySpan<bool> Own => _own;

    internal GroupRoles Groups { get; }

    /// <summary>
    /// Makes the hub one of a cluster's: before the node's first claim, after which <see cref="ClusterFeeds.OnGained"/> says what it owns. Without this
    /// call every instance is its own. Registers itself for the links' channel of events.
    /// </summary>
    /// <param name="self">This node's name.</param>
    /// <param name="links">To the other nodes.</param>
    /// <param name="log">Log.</param>
    public ClusterFeeds JoinCluster(string self, INodeLinks links, ILog log)
    {
        var cluster = new ClusterFeeds(this, self, links, log);
        using (Enter())
        {
            foreach (var feeds in _applications.Values) _published.CopyTo(feeds.Known.AsSpan());
            Array.Clear(_own);
            _cluster = cluster;
            Groups.Cluster = cluster;
            foreach (var feeds in _applications.Values) cluster.Announce(feeds);
        }
        links.Receive(LinkChannel.Events, cluster);
        return cluster;
    }

    /// <summary>Up to where everything of an application in an instance is in its ring, or is being read by its feeds. Under the lock.</summary>
    internal long KnownTo(ApplicationFeeds feeds, int instance) => _own[instance] ? _published[instance] : feeds.Known[instance];

    /// <summary>
    /// Brings events to the feeds after they became durable; in order per instance, from any thread. An event at or before its instance's newest is ignored,
    /// so an append whose outcome was unknown may be published again.
    /// </summary>
    public void Publish(IReadOnlyList<StoredEvent> events)
    {
        using (Enter())
        {
            for (var i = 0; i < events.Count; i++)
            {
                var happened = events[i];
                if (happened.Position <= _published[happened.Instance]) continue;
                if (!_own[happened.Instance])
                {
                    // Owned until a moment ago, or from now on: what may lie between is in the store.
                    Learn(happened.Instance, happened.Position, null);
                    continue;
                }
                _published[happened.Instance] = happened.Position;
                _cluster?.Offer(happened);
                // Without a feed nothing is kept: whoever comes later reads the store.
                if (!_applications.TryGetValue(happened.Application, out var application) || application.Readers.Count == 0) continue;
                application.Ring.Add(happened);
                if (!_touched.Contains(application)) _touched.Add(application);
            }
            WakeTouched();
        }
    }

    private void WakeTouched()
    {
        foreach (var application in _touched)
        {
            foreach (var reader in application.Readers) reader.Wake();
        }
        _touched.Clear();
    }

    /// <summary>From here on this node publishes an instance's events itself; what is before its tail may never have been published. Under the lock.</summary>
    internal void Gain(int instance, long tail)
    {
        _own[instance] = false;
        Learn(instance, tail, null);
        _own[instance] = true;
    }

    /// <summary>From here on another node publishes an instance's events. Under the lock.</summary>
    internal void Lose(int instance)
    {
        if (!_own[instance]) return;
        foreach (var feeds in _applications.Values) feeds.Known[instance] = _published[instance];
        _own[instance] = false;
    }

    /// <summary>
    /// An instance that is another's has come up to a position: the feeds of the applications that are concerned (null: all) read what they lack from the
    /// store. Under the lock.
    /// </summary>
    internal void Learn(int instance, long position, Predicate<ApplicationFeeds>? concerned)
    {
        _published[instance] = Math.Max(_published[instance], position);
        foreach (var feeds in _applications.Values)
        {
            if (feeds.Readers.Count == 0 || feeds.Known[instance] >= position || concerned?.Invoke(feeds) == false) continue;
            feeds.Known[instance] = position;
            foreach (var reader in feeds.Readers) reader.ReadUpTo(instance, position);
        }
    }

    /// <summary>
    /// Takes what an owner pushed, for the applications that it pushes for. Where that goes on at the place known here, the events go into the ring, in
    /// order; where something is missing, the store is read up to there. Under the lock.
    /// </summary>
    internal void Follow(FeedSection section, Predicate<ApplicationFeeds> concerned)
    {
        if (_own[section.Instance]) return;
        Learn(section.Instance, section.To, feeds => feeds.Known[section.Instance] < section.From && concerned(feeds));
        foreach (var happened in section.Events)
        {
            if (!_applications.TryGetValue(happened.Application, out var feeds) || feeds.Readers.Count == 0 || !concerned(feeds)) continue;
            if (happened.Position <= feeds.Known[section.Instance]) continue;
            feeds.Known[section.Instance] = happened.Position;
            feeds.Ring.Add(happened);
            if (!_touched.Contains(feeds)) _touched.Add(feeds);
        }
        foreach (var feeds in _applications.Values)
        {
            if (feeds.Readers.Count > 0 && concerned(feeds)) feeds.Known[section.Instance] = Math.Max(feeds.Known[section.Instance], section.To);
        }
        WakeTouched();
    }

    /// <summary>The applications with feeds here. Under the lock.</summary>
    internal IEnumerable<ApplicationFeeds> OpenApplications => _applications.Values.Where(feeds => feeds.Readers.Count > 0);

    internal FeedGroup? FindGroup(string application, string group) =>
        _applications.TryGetValue(application, out var feeds) && feeds.Groups.TryGetValue(group, out var found) ? found : null;

    internal FeedGroup[] AllGroups() => [.. _applications.Values.SelectMany(feeds => feeds.Groups.Values)];

    /// <summary>Another node has feeds of an application from now on, or none any more. Under the lock.</summary>
    internal void CountRemote(string application, int change)
    {
        var feeds = FeedsOf(application);
        feeds.RemoteNodes += change;
        if (change < 0 && !feeds.IsAttended) feeds.LostAt = Clock.MonotonicNanos;
    }

    /// <summary>What an application's feeds here want to hear of may have changed. Under the lock.</summary>
    internal void Announce(ApplicationFeeds feeds) => _cluster?.Announce(feeds);

    private ApplicationFeeds FeedsOf(string application)
    {
        if (!_applications.TryGetValue(application, out var feeds))
            _applications.Add(application, feeds = new ApplicationFeeds(application, new EventRing(Bounds.LiveEventsMax), _published.Length));
        return feeds;
    }

    /// <inheritdoc/>
    public IEventFeed Open(string application)
    {
        FeedReader reader;
        int count;
        using (Enter())
        {
            var feeds = FeedsOf(application);
            reader = new FeedReader(this, feeds);
            feeds.Readers.Add(reader);
            Announce(feeds);
            reader.Begin();
            count = feeds.Readers.Count;
        }
        SubscribersChanged?.Invoke(application, count);
        return reader;
    }

    internal void Close(FeedReader reader, ApplicationFeeds feeds)
    {
        int count;
        using (Enter())
        {
            if (!feeds.Readers.Remove(reader)) return;
            count = feeds.Readers.Count;
            reader.Leave();
            if (count == 0)
            {
                if (!feeds.IsAttended) feeds.LostAt = Clock.MonotonicNanos;
                feeds.Ring.Clear();
            }
            Announce(feeds);
        }
        SubscribersChanged?.Invoke(feeds.Name, count);
    }

    /// <summary>True while at least one feed of the application is open on this node.</summary>
    public bool HasLiveSubscriber(string application)
    {
        using (Enter()) return _applications.TryGetValue(application, out var feeds) && feeds.Readers.Count > 0;
    }

    /// <summary>
    /// When the application lost its last feed in the cluster, in nanoseconds of <see cref="IClock.MonotonicNanos"/>; when this hub began, if it never had one
    /// (so that after a restart it has time to come back); null while it has one.
    /// </summary>
    public long? LastSubscriberLostAt(string application)
    {
        using (Enter())
        {
            if (!_applications.TryGetValue(application, out var feeds)) return _startedAt;
            return feeds.IsAttended ? null : feeds.LostAt;
        }
    }

    /// <summary>True when the application has had no feed on any node for <see cref="Limits.UnattendedMillis"/>: its inbound calls are refused.</summary>
    public bool IsUnattended(string application) =>
        LastSubscriberLostAt(application) is { } lostAt && Clock.MonotonicNanos - lostAt >= Limits.UnattendedMillis * 1_000_000;

    /// <summary>Marks a reader's signal or other work as due; it is posted once the lock is left.</summary>
    internal void Post(IWorkItem signal) => _due.Add(signal);

    internal Guard Enter()
    {
        _gate.Enter();
        return new Guard(this);
    }

    /// <summary>Holds the lock; on leaving it, posts the signals that became due.</summary>
    internal readonly ref struct Guard(EventHub hub)
    {
        public void Dispose()
        {
            IWorkItem[] due = hub._due.Count == 0 ? [] : [.. hub._due];
            hub._due.Clear();
            hub._gate.Exit();
            foreach (var signal in due) hub._scheduler.Post(signal);
        }
    }
}
