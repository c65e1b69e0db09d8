using System.Collections.Immutable;
using Cti.Actors.Feeds;
using Cti.Cluster.Membership;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

/// <summary>
/// Several hubs over one store, with links between them, on one thread and virtual time. The test is the membership: it kills nodes, moves instances
/// and says who knows of it when.
/// </summary>
internal sealed class FeedCluster
{
    internal const string App = FeedBench.App;
    internal const string Group = "g";

    private readonly FeedBounds _bounds;
    private readonly Func<int, int>? _draw;
    private readonly long[] _epochs;
    private readonly string[] _owners;
    private readonly long[] _tails;
    private long _view;

    internal FeedCluster(int instanceCount, FeedBounds bounds, Func<int, int>? draw = null)
    {
        _bounds = bounds;
        _draw = draw;
        InstanceCount = instanceCount;
        Runtime = new ManualRuntime(choose: draw);
        Net = new VirtualLinkNet(Runtime, draw);
        Disk = new MemoryJournalStore();
        Done(Disk.OpenAsync(instanceCount));
        (_epochs, _owners, _tails) = (new long[instanceCount], [.. Enumerable.Repeat("", instanceCount)], new long[instanceCount]);
        Durable = [.. Enumerable.Range(0, instanceCount).Select(_ => new List<long>())];
    }

    internal int InstanceCount { get; }

    internal ManualRuntime Runtime { get; }

    internal VirtualLinkNet Net { get; }

    internal MemoryJournalStore Disk { get; }

    /// <summary>The living nodes.</summary>
    internal SortedDictionary<string, Node> Nodes { get; } = new(StringComparer.Ordinal);

    /// <summary>The application's durable events, by instance.</summary>
    internal List<long>[] Durable { get; }

    internal string OwnerOf(int instance) => _owners[instance];

    /// <summary>Starts nodes, links them, divides the instances and tells everybody.</summary>
    internal static FeedCluster Create(FeedBounds? bounds = null, params string[] names)
    {
        var cluster = new FeedCluster(FeedBench.InstanceCount, bounds ?? new FeedBounds());
        foreach (var name in names) cluster.Start(name);
        for (var instance = 0; instance < cluster.InstanceCount; instance++) cluster.Take(names[instance % names.Length], instance);
        cluster.TellView();
        cluster.Runtime.Advance(100);
        return cluster;
    }

    internal Node Start(string name)
    {
        var faults = new CountingFaults();
        var hub = Done(EventHub.CreateAsync(new FaultyJournalStore(Disk, faults), Runtime, Runtime, Runtime, _bounds));
        var node = new Node(name, hub, hub.JoinCluster(name, Net.Add(name), NullLog.Instance), faults);
        foreach (var other in Nodes.Keys) Net.Connect(name, other);
        Nodes.Add(name, node);
        return node;
    }

    internal void Kill(string name)
    {
        Net.Kill(name);
        Nodes.Remove(name);
    }

    /// <summary>A node takes an instance, as after its owner's death or by agreement.</summary>
    internal void Take(string name, int instance)
    {
        if (Nodes.TryGetValue(_owners[instance], out var former)) former.Feeds.OnLost([instance]);
        var claim = Done(Disk.ClaimAsync(name, [instance]))[0];
        (_owners[instance], _epochs[instance], _tails[instance]) = (name, claim.Epoch, claim.Tail);
        Nodes[name].Feeds.OnGained([claim], 0, isHandedOver: false);
    }

    /// <summary>Whether a node with a connection may be the home of instances; else shares are even, as between gateways.</summary>
    internal bool AreMedia { get; set; } = true;

    /// <summary>Tells each living node the present view, after a delay of its own when delays are drawn.</summary>
    internal void TellView()
    {
        var nodes = Nodes.Keys.Select(name => new ClusterNode { Name = name, Incarnation = "1", LinkAddress = name, IsMedia = AreMedia }).ToImmutableArray();
        var now = new ClusterView(++_view, nodes, [.. _owners.Select((owner, i) => new InstanceOwner(owner, _epochs[i]))]);
        foreach (var node in Nodes.Values.ToArray())
        {
            if (_draw is null) Tell(node, now);
            else Runtime.Schedule(_draw(300), _ => Tell(node, now), null);
        }
    }

    private static void Tell(Node node, ClusterView now)
    {
        if (node.View?.Number >= now.Number) return;
        var before = node.View ?? now;
        node.View = now;
        node.Feeds.OnViewChanged(before, now);
    }

    /// <summary>Makes events durable; they are published by the owner when <see cref="PublishAll"/> or a random moment says so.</summary>
    internal void Append(int instance, int count = 1, string application = App)
    {
        if (!Nodes.TryGetValue(_owners[instance], out var owner)) return;
        var tail = _tails[instance];
        StoredEvent[] events = [.. Enumerable.Range(1, count).Select(i =>
            new StoredEvent(application, instance, tail + i, $"i{instance}", (int)(tail + i), Runtime.UnixMillis, "sys.call.on_test", "{}"u8.ToArray(),
                default))];
        Done(Disk.AppendAsync([new InstanceAppend { Instance = instance, Owner = owner.Name, Epoch = _epochs[instance], ExpectedTail = tail,
            NewTail = tail + count, Events = events }]))
            .ShouldBe([AppendOutcome.Accepted]);
        _tails[instance] += count;
        foreach (var happened in events)
        {
            owner.Unpublished.Enqueue(happened);
            if (application == App) Durable[instance].Add(happened.Position);
        }
    }

    internal void Publish(int instance, int count = 1, string application = App)
    {
        Append(instance, count, application);
        PublishAll();
    }

    internal void PublishAll()
    {
        foreach (var node in Nodes.Values) node.Publish(int.MaxValue);
    }

    /// <summary>Reads until the feed has nothing more.</summary>
    internal List<FeedEvent> Drain(IEventFeed feed)
    {
        var all = new List<FeedEvent>();
        while (true)
        {
            using var stop = new CancellationTokenSource();
            Task<IReadOnlyList<FeedEvent>> read = null!;
            ManualRuntime.Inline(() => read = feed.ReadAsync(1_000, stop.Token).AsTask());
            Runtime.RunAll();
            if (!read.IsCompleted)
            {
                ManualRuntime.Inline(stop.Cancel);
                return all;
            }
            all.AddRange(Done(new ValueTask<IReadOnlyList<FeedEvent>>(read)));
        }
    }

    internal string DrainText(IEventFeed feed) => Text(Drain(feed));

    internal IEventFeed Join(string node, string? group = Group)
    {
        var feed = Nodes[node].Hub.Open(App);
        Done(feed.SubscribeAsync(null, group, default)).Error.ShouldBeNull();
        return feed;
    }

    internal sealed class Node(string name, EventHub hub, ClusterFeeds feeds, CountingFaults reads)
    {
        internal string Name => name;

        internal EventHub Hub => hub;

        internal ClusterFeeds Feeds => feeds;

        internal CountingFaults Reads => reads;

        internal ClusterView? View { get; set; }

        internal Queue<StoredEvent> Unpublished { get; } = new();

        internal void Publish(int max)
        {
            var batch = new List<StoredEvent>();
            while (max-- > 0 && Unpublished.TryDequeue(out var happened)) batch.Add(happened);
            hub.Publish(batch);
        }
    }

    /// <summary>Counts a node's reads of the store.</summary>
    internal sealed class CountingFaults : IStoreFaults
    {
        private readonly Dictionary<StoreOperation, int> _counts = [];

        internal int this[StoreOperation operation] => _counts.GetValueOrDefault(operation);

        public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation)
        {
            _counts[operation] = this[operation] + 1;
            return ValueTask.CompletedTask;
        }

        public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => ValueTask.CompletedTask;
    }
}
