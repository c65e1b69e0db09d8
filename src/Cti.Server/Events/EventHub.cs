using Cti.Calls.Api;
using Cti.Kernel;
using Cti.Server.Calls;
using Cti.Server.Resources;
using Cti.Storage;

namespace Cti.Server.Events;

/// <summary>
/// Where durable events meet their readers. The journal's writer publishes what was committed, in order per instance; each application with an open feed
/// has a bounded ring of recent events, from which feeds read; what is older comes from the store.
/// <para>
/// Why nothing is lost when a feed moves from the store to the ring: it notes the ring's end, then reads the store. An event that the store did not show yet
/// becomes durable after that read, is published after that, and so stands in the ring behind the noted end. One that both show is skipped by its position.
/// </para>
/// All state stands under one short lock; nothing is awaited and no reader is resumed under it.
/// </summary>
public sealed class EventHub : IEventFeeds, ISubscribers
{
    private readonly Lock _gate = new();
    private readonly IScheduler _scheduler;
    private readonly Dictionary<string, ApplicationFeeds> _applications = new(StringComparer.Ordinal);
    private readonly List<ApplicationFeeds> _touched = [];
    private readonly List<FeedSignal> _due = [];
    private readonly long[] _published;
    private readonly long _startedAt;

    private EventHub(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers, FeedBounds bounds, long[] tails)
    {
        Store = store;
        _scheduler = scheduler;
        Clock = clock;
        Timers = timers;
        Bounds = bounds;
        _published = tails;
        _startedAt = clock.MonotonicNanos;
    }

    /// <summary>Makes a hub over an open store, before the first append: what is in the store now is the past.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be read.</exception>
    public static ValueTask<EventHub> CreateAsync(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers, CancellationToken cancellation = default) =>
        CreateAsync(store, scheduler, clock, timers, new FeedBounds(), cancellation);

    internal static async ValueTask<EventHub> CreateAsync(IJournalStore store, IScheduler scheduler, IClock clock, ITimers timers, FeedBounds bounds,
        CancellationToken cancellation = default)
    {
        var instances = await store.ReadOwnershipAsync(cancellation);
        return new EventHub(store, scheduler, clock, timers, bounds, [.. instances.Select(instance => instance.Tail)]);
    }

    /// <summary>
    /// Told outside every lock when an application's number of open feeds changed, with that number. Two changes at once may arrive in either order:
    /// a receiver that decides something asks <see cref="HasLiveSubscriber"/>.
    /// </summary>
    public Action<string, int>? SubscribersChanged { get; set; }

    internal IJournalStore Store { get; }

    internal IClock Clock { get; }

    internal ITimers Timers { get; }

    internal FeedBounds Bounds { get; }

    internal int InstanceCount => _published.Length;

    /// <summary>The position of each instance's newest published event, or its tail when the hub was made. Under the lock.</summary>
    internal ReadOnlySpan<long> Published => _published;

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
                _published[happened.Instance] = happened.Position;
                // Without a feed nothing is kept: whoever comes later reads the store.
                if (!_applications.TryGetValue(happened.Application, out var application) || application.Readers.Count == 0) continue;
                application.Ring.Add(happened);
                if (!_touched.Contains(application)) _touched.Add(application);
            }
            foreach (var application in _touched)
            {
                foreach (var reader in application.Readers) reader.Wake();
            }
            _touched.Clear();
        }
    }

    /// <inheritdoc/>
    public IEventFeed Open(string application)
    {
        FeedReader reader;
        int count;
        using (Enter())
        {
            if (!_applications.TryGetValue(application, out var feeds))
                _applications.Add(application, feeds = new ApplicationFeeds(application, new EventRing(Bounds.LiveEventsMax)));
            reader = new FeedReader(this, feeds);
            feeds.Readers.Add(reader);
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
                feeds.LostAt = Clock.MonotonicNanos;
                feeds.Ring.Clear();
            }
        }
        SubscribersChanged?.Invoke(feeds.Name, count);
    }

    /// <summary>True while at least one feed of the application is open on this node.</summary>
    public bool HasLiveSubscriber(string application)
    {
        using (Enter()) return _applications.TryGetValue(application, out var feeds) && feeds.Readers.Count > 0;
    }

    /// <summary>
    /// When the application lost its last feed, in nanoseconds of <see cref="IClock.MonotonicNanos"/>; when this hub began, if it never had one
    /// (so that after a restart it has time to come back); null while it has one.
    /// </summary>
    public long? LastSubscriberLostAt(string application)
    {
        using (Enter())
        {
            if (!_applications.TryGetValue(application, out var feeds)) return _startedAt;
            return feeds.Readers.Count > 0 ? null : feeds.LostAt;
        }
    }

    /// <summary>True when the application has had no feed for <see cref="Limits.UnattendedMillis"/>: its inbound calls are refused.</summary>
    public bool IsUnattended(string application) =>
        LastSubscriberLostAt(application) is { } lostAt && Clock.MonotonicNanos - lostAt >= Limits.UnattendedMillis * 1_000_000;

    /// <summary>Marks a reader's signal as due; it is posted once the lock is left.</summary>
    internal void Post(FeedSignal signal) => _due.Add(signal);

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
            FeedSignal[] due = hub._due.Count == 0 ? [] : [.. hub._due];
            hub._due.Clear();
            hub._gate.Exit();
            foreach (var signal in due) hub._scheduler.Post(signal);
        }
    }
}

/// <summary>One application's feeds. Under the hub's lock.</summary>
internal sealed class ApplicationFeeds(string name, EventRing ring)
{
    internal string Name => name;

    internal EventRing Ring => ring;

    internal List<FeedReader> Readers { get; } = [];

    internal Dictionary<string, FeedGroup> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>When the last reader went; meaningful while there is none.</summary>
    internal long LostAt { get; set; }
}
