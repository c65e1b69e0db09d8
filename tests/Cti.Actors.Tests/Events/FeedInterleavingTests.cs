using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Persistence;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

/// <summary>
/// Seeded interleavings of append, publish, subscribe, read, ack, disconnect and slow store reads, with an oracle that knows every event.
/// A failure names the seed.
/// </summary>
public sealed class FeedInterleavingTests
{
    private static readonly FeedBounds Tiny = new() { LiveEventsMax = 8, PageRowsMax = 3, UnacknowledgedMax = 6, HandoverMillis = 1_000 };

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(200)]
    public void A_plain_feed_loses_repeats_and_reorders_nothing(int firstSeed)
    {
        for (var seed = firstSeed; seed < firstSeed + 100; seed++)
        {
            using var run = new PlainRun(seed);
            ManualRuntime.Inline(run.Play);
        }
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(1_100)]
    [InlineData(1_200)]
    public void A_group_loses_nothing_and_repeats_only_what_a_lost_connection_left(int firstSeed)
    {
        for (var seed = firstSeed; seed < firstSeed + 100; seed++) ManualRuntime.Inline(new GroupRun(seed).Play);
    }

    /// <summary>What both runs share: a world in which everything that may wait is resumed in a drawn order.</summary>
    private abstract class Run
    {
        private readonly Queue<StoredEvent>[] _unpublished = [.. Enumerable.Range(0, InstanceCount).Select(_ => new Queue<StoredEvent>())];

        protected Run(int seed)
        {
            Seed = seed;
            Random = new Random(seed);
            var runtime = new ManualRuntime(choose: Random.Next);
            Bench = Create(Tiny, new YieldingFaults(runtime, Random), runtime);
            runtime.RunAll();
        }

        protected int Seed { get; }

        protected Random Random { get; }

        protected FeedBench Bench { get; }

        /// <summary>The application's durable events, by instance.</summary>
        protected List<long>[] Durable { get; } = [.. Enumerable.Range(0, InstanceCount).Select(_ => new List<long>())];

        protected void Append()
        {
            var instance = Random.Next(InstanceCount);
            var ours = Random.Next(4) > 0;
            foreach (var happened in Bench.Append(instance, 1 + Random.Next(4), ours ? App : "other"))
            {
                _unpublished[instance].Enqueue(happened);
                if (ours) Durable[instance].Add(happened.Position);
            }
        }

        protected void Publish(bool all = false)
        {
            foreach (var queue in _unpublished)
            {
                var batch = new List<StoredEvent>();
                for (var count = all ? int.MaxValue : Random.Next(4); count > 0 && queue.TryDequeue(out var happened); count--) batch.Add(happened);
                Bench.Hub.Publish(batch);
            }
        }

        protected void Check(bool holds, string what)
        {
            if (!holds) throw new InvalidOperationException($"seed {Seed}: {what}");
        }

        protected static (int Instance, long Position) Place(FeedEvent happened) => (happened.ResourceId[1] - '0', happened.Sequence);
    }

    private sealed class PlainRun(int seed) : Run(seed), IDisposable
    {
        private IEventFeed? _feed;
        private Task<IReadOnlyList<FeedEvent>>? _read;
        private CancellationTokenSource _stop = new();
        private string? _cursor;
        private long[] _seen = new long[InstanceCount];

        public void Dispose() => _stop.Dispose();

        internal void Play()
        {
            for (var step = 0; step < 150; step++) Act();
            Publish(all: true);
            Settle();
            for (var instance = 0; instance < InstanceCount; instance++)
                Check(_seen[instance] >= Durable[instance].LastOrDefault(),
                    $"instance {instance} ended at {_seen[instance]}, not {Durable[instance].LastOrDefault()}");
        }

        private void Act()
        {
            switch (Random.Next(10))
            {
                case < 3: Append(); break;
                case < 5: Publish(); break;
                case < 8: Read(); break;
                case 8 when Random.Next(3) == 0: Disconnect(); break;
                case 8: Subscribe(Random.Next(3) == 0 ? null : _cursor); break;
                default: Bench.Runtime.RunAll(); break;
            }
            Collect();
        }

        // A client that lost its connection comes back with its last cursor.
        private void Connect()
        {
            if (_feed is not null) return;
            _feed = Bench.Hub.Open(App);
            Subscribe(_cursor ?? "earliest");
        }

        private void Subscribe(string? from)
        {
            // As the gateway does: the read under way ends first, with or without events, so that none of the new place overtakes the answer.
            _stop.Cancel();
            Bench.Runtime.RunAll();
            Collect();
            Check(_read is null, "a cancelled read goes on");
            _stop.Dispose();
            _stop = new CancellationTokenSource();
            if (_feed is null) return;
            var subscribing = _feed.SubscribeAsync(from, null, default).AsTask();
            for (var others = Random.Next(3); others > 0 && !subscribing.IsCompleted; others--)
            {
                Append();
                Publish();
            }
            Bench.Runtime.RunAll();
            var answer = subscribing.GetAwaiter().GetResult();
            Check(answer.Error is null, $"refused: {answer.Error}");
            _cursor = answer.Cursor;
            _seen = FeedCursor.Decode(_cursor!, InstanceCount, out _)!;
        }

        private void Read()
        {
            Connect();
            _read ??= _feed!.ReadAsync(1 + Random.Next(5), _stop.Token).AsTask();
        }

        private void Disconnect()
        {
            if (_feed is null) return;
            Done(_feed.DisposeAsync());
            Bench.Runtime.RunAll();
            Collect();
            _feed = null;
            _read = null;
        }

        private void Collect()
        {
            if (_read is not { IsCompleted: true }) return;
            var read = _read;
            _read = null;
            if (read.Exception?.InnerException is FeedOverrunException)
            {
                Disconnect();
                return;
            }
            if (read.IsCanceled || read.Exception?.InnerException is ObjectDisposedException) return;
            foreach (var happened in read.GetAwaiter().GetResult())
            {
                var (instance, position) = Place(happened);
                var expected = Durable[instance].Find(durable => durable > _seen[instance]);
                Check(position == expected, $"got {instance}:{position}, expected {instance}:{expected}");
                _seen[instance] = position;
                _cursor = happened.Cursor;
                Check(FeedCursor.Decode(_cursor, InstanceCount, out _)!.SequenceEqual(_seen), $"the cursor of {instance}:{position} is of another place");
            }
        }

        private void Settle()
        {
            for (var idle = 0; idle < 20; idle++)
            {
                // Reconnecting appends more, and what is durable is published sooner or later.
                Publish(all: true);
                Read();
                var before = _seen.Sum();
                Bench.Runtime.RunAll();
                Collect();
                if (_seen.Sum() > before) idle = 0;
            }
        }
    }

    private sealed class GroupRun(int seed) : Run(seed)
    {
        private readonly List<Member> _members = [];
        private readonly HashSet<(int, long)> _delivered = [];
        private readonly List<Task<FeedPosition>> _acknowledging = [];
        private readonly long[] _acknowledged = new long[InstanceCount];
        private readonly long[] _begin = new long[InstanceCount];

        internal void Play()
        {
            Join();
            for (var step = 0; step < 200; step++) Act();
            Publish(all: true);
            Settle();
            for (var instance = 0; instance < InstanceCount; instance++)
            {
                foreach (var position in Durable[instance].Where(position => position > _begin[instance]))
                    Check(_delivered.Contains((instance, position)), $"{instance}:{position} was never delivered");
            }
            var stored = Done(Bench.Disk.ReadFeedPositionsAsync(App, "g"));
            for (var instance = 0; instance < InstanceCount; instance++)
                Check(stored[instance] >= Durable[instance].LastOrDefault(), $"instance {instance} is acknowledged to {stored[instance]} only");
        }

        private void Act()
        {
            var member = _members.Count > 0 ? _members[Random.Next(_members.Count)] : null;
            switch (Random.Next(12))
            {
                case < 3: Append(); break;
                case < 5: Publish(); break;
                case < 8: member?.Read(_acknowledged); break;
                case 8: Acknowledge(member, Random); break;
                case 9 when Random.Next(3) == 0 && _members.Count < 6: Join(); break;
                case 9 when Random.Next(3) == 0 && member is not null: Leave(member); break;
                default: Bench.Runtime.RunAll(); break;
            }
            Collect();
        }

        private void Join()
        {
            var feed = Bench.Hub.Open(App);
            var subscribing = feed.SubscribeAsync(null, "g", default).AsTask();
            Bench.Runtime.RunAll();
            Check(subscribing is { IsCompletedSuccessfully: true, Result.Error: null }, "a group member was refused");
            _members.Add(new Member(feed));
        }

        // What the connection had read by then it got; from here on it is not living, and the others may get the same.
        private void Leave(Member member)
        {
            Collect();
            _members.Remove(member);
            Done(member.Feed.DisposeAsync());
            Bench.Runtime.RunAll();
            Collect();
        }

        private void Collect()
        {
            foreach (var member in _members.ToArray())
            {
                if (member.Take() is not { } read) continue;
                if (read.Exception?.InnerException is FeedOverrunException)
                {
                    Leave(member);
                    continue;
                }
                if (read.Exception?.InnerException is ObjectDisposedException) continue;
                foreach (var happened in read.GetAwaiter().GetResult()) Delivered(member, happened);
            }
            foreach (var answer in _acknowledging.Where(answer => answer.IsCompletedSuccessfully && answer.Result.Cursor is not null))
            {
                var positions = FeedCursor.Decode(answer.Result.Cursor!, InstanceCount, out _)!;
                for (var instance = 0; instance < InstanceCount; instance++) _acknowledged[instance] = Math.Max(_acknowledged[instance], positions[instance]);
            }
            _acknowledging.RemoveAll(answer => answer.IsCompleted);
        }

        private void Acknowledge(Member? member, Random? random)
        {
            if (member?.Acknowledge(random) is { } acknowledging) _acknowledging.Add(acknowledging);
        }

        private void Delivered(Member member, FeedEvent happened)
        {
            var (instance, position) = Place(happened);
            var before = Durable[instance].FindLast(durable => durable < position);
            Check(before <= _begin[instance] || _delivered.Contains((instance, before)), $"{instance}:{position} overtook {instance}:{before}");
            // Virtual time stands still here, so no handover was forced: a living connection keeps what it got.
            foreach (var other in _members)
                Check(!other.Got.Contains((instance, position)), $"{instance}:{position} reached two living connections or one twice");
            Check(position > member.Acknowledged[instance], $"{instance}:{position} was acknowledged before it was asked for");
            _delivered.Add((instance, position));
            member.Got.Add((instance, position));
            member.Cursors.Add(happened.Cursor);
        }

        private void Settle()
        {
            for (var idle = 0; idle < 20; idle++)
            {
                if (_members.Count == 0) Join();
                var before = _delivered.Count;
                foreach (var member in _members.ToArray()) member.Read(_acknowledged);
                Bench.Runtime.RunAll();
                Collect();
                foreach (var member in _members) Acknowledge(member, null);
                Bench.Runtime.RunAll();
                Collect();
                if (_delivered.Count > before) idle = 0;
            }
        }

        private sealed class Member(IEventFeed feed)
        {
            private Task<IReadOnlyList<FeedEvent>>? _read;

            internal IEventFeed Feed => feed;

            internal HashSet<(int, long)> Got { get; } = [];

            internal List<string> Cursors { get; } = [];

            /// <summary>What the group had acknowledged when the last read began, whoever it was.</summary>
            internal long[] Acknowledged { get; private set; } = new long[InstanceCount];

            internal void Read(long[] acknowledged)
            {
                if (_read is not null) return;
                Acknowledged = [.. acknowledged];
                _read = feed.ReadAsync(4, default).AsTask();
            }

            internal Task<IReadOnlyList<FeedEvent>>? Take()
            {
                if (_read is not { IsCompleted: true } read) return null;
                _read = null;
                return read;
            }

            internal Task<FeedPosition>? Acknowledge(Random? random) =>
                Cursors.Count == 0 ? null : feed.AcknowledgeAsync(Cursors[random is null ? ^1 : random.Next(Cursors.Count)], default).AsTask();
        }
    }

    /// <summary>Lets a drawn half of the store's operations wait for their turn among all that is ready, before or after they are applied.</summary>
    private sealed class YieldingFaults(ManualRuntime runtime, Random random) : IStoreFaults
    {
        public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation) => MaybeYield(operation);

        public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => MaybeYield(operation);

        private ValueTask MaybeYield(StoreOperation operation)
        {
            if (operation == StoreOperation.ReadOwnership || random.Next(2) == 0) return ValueTask.CompletedTask;
            var turn = new Turn();
            runtime.Post(turn);
            return new ValueTask(turn.Task);
        }

        private sealed class Turn : Cti.Kernel.IWorkItem
        {
            private readonly TaskCompletionSource _come = new();

            internal Task Task => _come.Task;

            public void Run() => _come.SetResult();
        }
    }
}
