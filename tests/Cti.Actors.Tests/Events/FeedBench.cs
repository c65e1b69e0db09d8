using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Actors.Tests.Events;

/// <summary>
/// A hub over a store in memory, on one thread and virtual time. An event names its instance in its resource ("i3") and its position in its sequence.
/// </summary>
internal sealed class FeedBench
{
    internal const int InstanceCount = 4;
    internal const string App = "app";

    private FeedBench(ManualRuntime runtime, IJournalStore store, IStoreFaults? faults)
    {
        Runtime = runtime;
        Store = faults is null ? store : new FaultyJournalStore(store, faults);
        Disk = store;
    }

    internal ManualRuntime Runtime { get; }

    internal IJournalStore Store { get; }

    /// <summary>The store past the faults.</summary>
    internal IJournalStore Disk { get; }

    internal EventHub Hub { get; private set; } = null!;

    internal long[] Tails { get; } = new long[InstanceCount];

    internal static FeedBench Create(FeedBounds? bounds = null, IStoreFaults? faults = null, ManualRuntime? runtime = null)
    {
        var bench = new FeedBench(runtime ?? new ManualRuntime(), new MemoryJournalStore(), faults);
        Done(bench.Disk.OpenAsync(InstanceCount));
        Done(bench.Disk.ClaimAsync("a", [.. Enumerable.Range(0, InstanceCount)]));
        bench.Restart(bounds);
        return bench;
    }

    /// <summary>A new hub over the same data, as after a restart of the node.</summary>
    internal void Restart(FeedBounds? bounds = null) => Hub = Done(EventHub.CreateAsync(Store, Runtime, Runtime, Runtime, bounds ?? new FeedBounds()));

    /// <summary>Makes events durable without publishing them.</summary>
    internal StoredEvent[] Append(int instance, int count = 1, string application = App, long time = 1_000)
    {
        var tail = Tails[instance];
        StoredEvent[] events = [.. Enumerable.Range(1, count).Select(i =>
            new StoredEvent(application, instance, tail + i, $"i{instance}", (int)(tail + i), time, "sys.call.on_test", "{}"u8.ToArray(), default))];
        Done(Disk.AppendAsync(
            [new InstanceAppend { Instance = instance, Owner = "a", Epoch = 1, ExpectedTail = tail, NewTail = tail + count, Events = events }]))
            .ShouldBe([AppendOutcome.Accepted]);
        Tails[instance] += count;
        return events;
    }

    internal void Publish(int instance, int count = 1, string application = App) => Hub.Publish(Append(instance, count, application));

    /// <summary>Starts a read and lets everything run that is ready.</summary>
    internal Task<IReadOnlyList<FeedEvent>> StartRead(IEventFeed feed, int limit = 1_000, CancellationToken cancellation = default)
    {
        Task<IReadOnlyList<FeedEvent>> read = null!;
        // In the test's context the read would go on there, beside the virtual time: a retry timer begun late would never fire.
        ManualRuntime.Inline(() => read = feed.ReadAsync(limit, cancellation).AsTask());
        Runtime.RunAll();
        return read;
    }

    /// <summary>Reads until the feed has nothing more; answers e.g. "0:1 0:2 3:1".</summary>
    internal string Drain(IEventFeed feed, int limit = 1_000) => Text(DrainEvents(feed, limit));

    internal List<FeedEvent> DrainEvents(IEventFeed feed, int limit = 1_000)
    {
        var all = new List<FeedEvent>();
        while (true)
        {
            using var stop = new CancellationTokenSource();
            var read = StartRead(feed, limit, stop.Token);
            if (!read.IsCompleted)
            {
                ManualRuntime.Inline(stop.Cancel);
                read.IsCanceled.ShouldBeTrue();
                return all;
            }
            var events = Done(new ValueTask<IReadOnlyList<FeedEvent>>(read));
            events.Count.ShouldBeInRange(1, limit);
            all.AddRange(events);
        }
    }

    internal FeedPosition Subscribe(IEventFeed feed, string? from = null, string? group = null) => Done(feed.SubscribeAsync(from, group, default));

    internal FeedPosition Acknowledge(IEventFeed feed, string cursor) => Done(feed.AcknowledgeAsync(cursor, default));

    internal static string Text(IEnumerable<FeedEvent> events) =>
        string.Join(' ', events.Select(happened => $"{happened.ResourceId[1..]}:{happened.Sequence}"));

    /// <summary>The result of what must be complete by now.</summary>
    internal static T Done<T>(ValueTask<T> operation)
    {
        operation.IsCompleted.ShouldBeTrue();
        return operation.AsTask().GetAwaiter().GetResult();
    }

    internal static void Done(ValueTask operation)
    {
        operation.IsCompleted.ShouldBeTrue();
        operation.AsTask().GetAwaiter().GetResult();
    }
}
