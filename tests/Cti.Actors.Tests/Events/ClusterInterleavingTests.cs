using Cti.Actors.Feeds;
using Cti.Contract;
using Cti.Testing;
using static Cti.Actors.Tests.Events.FeedBench;

namespace Cti.Actors.Tests.Events;

/// <summary>What is done to the nodes of a run.</summary>
public enum ClusterFate
{
    /// <summary>Nodes join, instances move.</summary>
    Calm,
    /// <summary>Nodes die and come back as well.</summary>
    Deaths,
    /// <summary>Links break and refuse messages as well.</summary>
    Partitions,
}

/// <summary>
/// Seeded schedules over three nodes and more: appends, publishing, moves of instances, deaths, broken links, views that are known late, connections that come,
/// go, read and acknowledge. An oracle knows every event. A failure names the seed.
/// </summary>
public sealed class ClusterInterleavingTests
{
    [Theory]
    [InlineData(ClusterFate.Calm, 10_000)]
    [InlineData(ClusterFate.Deaths, 20_000)]
    [InlineData(ClusterFate.Partitions, 30_000)]
    public void No_feed_misses_or_reorders_anything_whatever_happens_to_the_nodes(ClusterFate fate, int firstSeed)
    {
        for (var seed = firstSeed; seed < firstSeed + 40; seed++)
        {
            using var run = new ClusterFeedRun(seed, fate);
            ManualRuntime.Inline(run.Play);
        }
    }

    /// <summary>Runs in which a report was on its way that an instance is let go, while a table was that it is kept after all.</summary>
    [Theory]
    [InlineData(ClusterFate.Calm, 10_290)]
    [InlineData(ClusterFate.Calm, 10_299)]
    [InlineData(ClusterFate.Calm, 11_721)]
    [InlineData(ClusterFate.Deaths, 20_758)]
    [InlineData(ClusterFate.Deaths, 20_868)]
    public void No_two_connections_are_given_what_one_was_told_to_keep(ClusterFate fate, int seed)
    {
        using var run = new ClusterFeedRun(seed, fate);
        ManualRuntime.Inline(run.Play);
    }
}

/// <summary>One seeded run.</summary>
internal sealed class ClusterFeedRun : IDisposable
{
    private const int Instances = 6;
    private static readonly FeedBounds Tiny = new() { LiveEventsMax = 8, PageRowsMax = 3, UnacknowledgedMax = 6, HandoverMillis = 1_000_000_000 };

    private readonly int _seed;
    private readonly ClusterFate _fate;
    private readonly Random _random;
    private readonly FeedCluster _cluster;
    private readonly List<Plain> _plain = [];
    private readonly List<Member> _members = [];
    private readonly HashSet<(int, long)> _delivered = [];
    private readonly List<Task<FeedPosition>> _acknowledging = [];
    private readonly List<(long Millis, int Instance, long Position)> _acknowledged = [];
    private readonly List<string> _dying = [];
    private readonly List<string> _trace = [];
    private int _started;

    internal ClusterFeedRun(int seed, ClusterFate fate)
    {
        (_seed, _fate, _random) = (seed, fate, new Random(seed));
        _cluster = new FeedCluster(Instances, Tiny, _random.Next);
    }

    private long Now => _cluster.Runtime.ElapsedMillis;

    public void Dispose()
    {
        foreach (var plain in _plain) plain.Stop.Dispose();
    }

    internal void Play()
    {
        for (var i = 0; i < 3; i++) Start();
        for (var instance = 0; instance < Instances; instance++) _cluster.Take(AnyNode(), instance);
        _cluster.TellView();
        _cluster.Runtime.Advance(500);
        for (var i = 0; i < 2; i++) _plain.Add(Connect(new Plain(Instances), "earliest"));
        Join();
        for (var step = 0; step < 250; step++)
        {
            Act();
            Collect();
        }
        Settle();
        for (var instance = 0; instance < Instances; instance++)
        {
            var last = _cluster.Durable[instance].LastOrDefault();
            foreach (var plain in _plain) Check(plain.Seen[instance] >= last, $"a feed's instance {instance} ended at {plain.Seen[instance]}, not {last}");
            foreach (var position in _cluster.Durable[instance]) Check(_delivered.Contains((instance, position)), $"the group never got {instance}:{position}");
        }
        var stored = Done(_cluster.Disk.ReadFeedPositionsAsync(App, FeedCluster.Group));
        for (var instance = 0; instance < Instances; instance++)
            Check(stored[instance] >= _cluster.Durable[instance].LastOrDefault(), $"instance {instance} is acknowledged to {stored[instance]} only");
    }

    private void Act()
    {
        var member = _members.Count > 0 ? _members[_random.Next(_members.Count)] : null;
        switch (_random.Next(20))
        {
            case < 4: _cluster.Append(_random.Next(Instances), 1 + _random.Next(3), _random.Next(4) > 0 ? App : "other"); break;
            case < 7: _cluster.Nodes[AnyNode()].Publish(1 + _random.Next(4)); break;
            case < 9: Read(_plain[_random.Next(_plain.Count)]); break;
            case < 12: if (member is not null) Read(member); break;
            case < 14: if (member is not null) Acknowledge(member, _random.Next(2) == 0); break;
            case 14 when _random.Next(3) == 0: Reconnect(_plain[_random.Next(_plain.Count)]); break;
            case 15 when _members.Count < 6: Join(); break;
            case 16 when member is not null && _random.Next(2) == 0: Leave(member); break;
            case 17 when _random.Next(4) == 0: Happen(); break;
            default: _cluster.Runtime.Advance(_random.Next(4) == 0 ? _random.Next(800) : _random.Next(20)); break;
        }
    }

    private void Happen()
    {
        switch (_random.Next(4))
        {
            case 0 when _cluster.Nodes.Count < 5:
                Start();
                _cluster.TellView();
                break;
            case 1 when _fate == ClusterFate.Deaths && _cluster.Nodes.Count > 2: Kill(AnyNode()); break;
            case 2 when _fate == ClusterFate.Partitions:
                var (a, b) = (AnyNode(), AnyNode());
                if (a == b) break;
                Trace($"link {a}-{b} turns");
                if (_cluster.Net.IsUp(a, b)) _cluster.Net.Break(a, b);
                else _cluster.Net.Connect(a, b);
                _cluster.Net.Refuse = _random.Next(2) == 0 ? () => _random.Next(10) == 0 : null;
                break;
            default:
                var instance = _random.Next(Instances);
                if (_dying.Contains(_cluster.OwnerOf(instance))) break;
                Trace($"instance {instance} moves");
                _cluster.Take(AnyNode(), instance);
                _cluster.TellView();
                break;
        }
    }

    private void Start()
    {
        var name = $"n{++_started}";
        Trace($"{name} starts");
        _cluster.Start(name);
    }

    private void Kill(string name)
    {
        Trace($"{name} dies");
        Collect();
        _cluster.Kill(name);
        _dying.Add(name);
        foreach (var member in _members.Where(member => member.Node == name).ToArray()) _members.Remove(member);
        foreach (var plain in _plain.Where(plain => plain.Node == name)) Reconnect(plain);
        _cluster.Runtime.Schedule(400 + _random.Next(1_100), _ => Replace(name), null);
    }

    private void Replace(string name)
    {
        Trace($"{name} is replaced");
        _dying.Remove(name);
        for (var instance = 0; instance < Instances; instance++)
        {
            if (_cluster.OwnerOf(instance) == name) _cluster.Take(AnyNode(), instance);
        }
        _cluster.TellView();
    }

    private string AnyNode() => _cluster.Nodes.Keys.ElementAt(_random.Next(_cluster.Nodes.Count));

    // ---- feeds without a group

    private Plain Connect(Plain plain, string? from)
    {
        plain.Node = AnyNode();
        plain.Feed = _cluster.Nodes[plain.Node].Hub.Open(App);
        var answer = Done(plain.Feed.SubscribeAsync(from, null, default));
        Check(answer.Error is null, $"refused: {answer.Error}");
        plain.Cursor = answer.Cursor!;
        plain.Seen = FeedCursor.Decode(plain.Cursor, Instances, out _)!;
        return plain;
    }

    // A connection that ended comes back somewhere with its last cursor.
    private void Reconnect(Plain plain)
    {
        plain.Stop.Cancel();
        plain.Stop.Dispose();
        plain.Stop = new CancellationTokenSource();
        plain.Read = null;
        if (_cluster.Nodes.ContainsKey(plain.Node)) Done(plain.Feed!.DisposeAsync());
        Connect(plain, plain.Cursor);
    }

    private void Read(Plain plain) => plain.Read ??= plain.Feed!.ReadAsync(1 + _random.Next(5), plain.Stop.Token).AsTask();

    private void Collect(Plain plain)
    {
        if (plain.Read is not { IsCompleted: true } read) return;
        plain.Read = null;
        if (read.Exception?.InnerException is FeedOverrunException)
        {
            Reconnect(plain);
            return;
        }
        foreach (var happened in read.GetAwaiter().GetResult())
        {
            var (instance, position) = (happened.ResourceId[1] - '0', (long)happened.Sequence);
            var expected = _cluster.Durable[instance].Find(durable => durable > plain.Seen[instance]);
            Check(position == expected, $"a feed got {instance}:{position}, expected {instance}:{expected}");
            plain.Seen[instance] = position;
            plain.Cursor = happened.Cursor;
            Check(FeedCursor.Decode(plain.Cursor, Instances, out _)!.SequenceEqual(plain.Seen), $"the cursor of {instance}:{position} is of another place");
        }
    }

    // ---- the group

    private void Join()
    {
        var node = AnyNode();
        var feed = _cluster.Nodes[node].Hub.Open(App);
        Check(Done(feed.SubscribeAsync("earliest", FeedCluster.Group, default)).Error is null, "a group member was refused");
        _members.Add(new Member(node, feed));
        Trace($"a connection of {node} joins");
    }

    // What the connection had read by then it got; from here on it is not living, and the others may get the same.
    private void Leave(Member member)
    {
        Collect();
        _members.Remove(member);
        Done(member.Feed.DisposeAsync());
        Trace($"a connection of {member.Node} leaves");
    }

    private void Read(Member member)
    {
        if (member.Read is not null) return;
        member.ReadAt = Now;
        member.Read = member.Feed.ReadAsync(4, default).AsTask();
    }

    private void Acknowledge(Member member, bool all)
    {
        if (member.Cursors.Count == 0) return;
        _acknowledging.Add(member.Feed.AcknowledgeAsync(member.Cursors[all ? ^1 : _random.Next(member.Cursors.Count)], default).AsTask());
    }

    private void Collect()
    {
        foreach (var plain in _plain) Collect(plain);
        foreach (var member in _members.ToArray())
        {
            if (member.Read is not { IsCompleted: true } read) continue;
            member.Read = null;
            if (read.Exception?.InnerException is FeedOverrunException) Leave(member);
            else foreach (var happened in read.GetAwaiter().GetResult()) Delivered(member, happened);
        }
        foreach (var answer in _acknowledging.Where(answer => answer.IsCompletedSuccessfully && answer.Result.Cursor is not null))
        {
            var positions = FeedCursor.Decode(answer.Result.Cursor!, Instances, out _)!;
            for (var instance = 0; instance < Instances; instance++) _acknowledged.Add((Now, instance, positions[instance]));
        }
        _acknowledging.RemoveAll(answer => answer.IsCompleted);
    }

    private void Delivered(Member member, FeedEvent happened)
    {
        var (instance, position) = (happened.ResourceId[1] - '0', (long)happened.Sequence);
        var before = _cluster.Durable[instance].FindLast(durable => durable < position);
        Check(before == 0 || _delivered.Contains((instance, before)), $"{instance}:{position} overtook {instance}:{before}");
        Check(member.Last[instance] < position || _fate == ClusterFate.Partitions || !member.Got.Contains((instance, position)),
            $"one connection got {instance}:{position} twice");
        if (_fate != ClusterFate.Partitions)
        {
            foreach (var other in _members.Where(other => other.Got.Contains((instance, position))))
                Check(false, $"{instance}:{position} reached {member.Node} while {other.Node} has it");
            // Who acknowledged may have gone with its node or with its connection: word of it needs a moment.
            Check(!_acknowledged.Exists(ack => ack.Millis < member.ReadAt - 3_000 && ack.Instance == instance && ack.Position >= position),
                $"{instance}:{position} came to {member.Node} long after its ack");
        }
        member.Last[instance] = position;
        _delivered.Add((instance, position));
        member.Got.Add((instance, position));
        member.Cursors.Add(happened.Cursor);
    }

    private void Settle()
    {
        Trace("settling");
        _cluster.Net.Refuse = null;
        foreach (var a in _cluster.Nodes.Keys)
        {
            foreach (var b in _cluster.Nodes.Keys.Where(b => string.CompareOrdinal(a, b) < 0)) _cluster.Net.Connect(a, b);
        }
        _cluster.Runtime.Advance(2_000);
        for (var idle = 0; idle < 30; idle++)
        {
            if (_members.Count == 0) Join();
            _cluster.PublishAll();
            var before = _delivered.Count + _plain.Sum(plain => plain.Seen.Sum());
            foreach (var plain in _plain) Read(plain);
            foreach (var member in _members.ToArray()) Read(member);
            _cluster.Runtime.Advance(200);
            Collect();
            foreach (var member in _members) Acknowledge(member, true);
            _cluster.Runtime.Advance(10);
            Collect();
            if (_delivered.Count + _plain.Sum(plain => plain.Seen.Sum()) > before) idle = 0;
        }
    }

    private void Trace(string what) => _trace.Add($"{Now} {what}");

    private void Check(bool holds, string what)
    {
        if (!holds) throw new InvalidOperationException($"seed {_seed}, {Now} ms: {what}\n{string.Join('\n', _trace.TakeLast(25))}");
    }

    private sealed class Plain(int instances)
    {
        internal string Node { get; set; } = "";

        internal IEventFeed? Feed { get; set; }

        internal Task<IReadOnlyList<FeedEvent>>? Read { get; set; }

        internal CancellationTokenSource Stop { get; set; } = new();

        internal string Cursor { get; set; } = "";

        internal long[] Seen { get; set; } = new long[instances];
    }

    private sealed class Member(string node, IEventFeed feed)
    {
        internal string Node => node;

        internal IEventFeed Feed => feed;

        internal Task<IReadOnlyList<FeedEvent>>? Read { get; set; }

        internal long ReadAt { get; set; }

        internal long[] Last { get; } = new long[Instances];

        internal HashSet<(int, long)> Got { get; } = [];

        internal List<string> Cursors { get; } = [];
    }
}
