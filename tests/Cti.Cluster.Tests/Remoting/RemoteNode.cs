using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Akka.Actor;
using Cti.Cluster.Membership;
using Cti.Cluster.Remoting;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;
using Cti.Transport.Links;
using Cti.Transport.Runtime;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>A node's membership and its part of the Akka cluster, in earnest: sockets of the loopback, threads, time. It writes down what it hears.</summary>
internal sealed class RemoteNode : ILinkReceiver, IClusterEvents, ITimers, IAsyncDisposable
{
    public const string Secret = "sixteen characters or more";
    public const int Instances = 16;
    private readonly SystemTimers _timers;
    private volatile bool _isDead;
    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, long> _owned = [];

    public RemoteNode(MemoryDisk disk, string name, string secret = Secret, int? version = null, int? port = null, bool isMedia = true, int leaseMillis = 2000,
        GivenCertificate? certificate = null, int stuckMillis = 15_000)
        : this(new MemoryJournalStore(disk), name, secret, version, port, isMedia, leaseMillis, certificate, stuckMillis)
    {
    }

    public RemoteNode(IJournalStore store, string name, string secret = Secret, int? version = null, int? port = null, bool isMedia = true,
        int leaseMillis = 2000, GivenCertificate? certificate = null, int stuckMillis = 15_000)
    {
        var clock = new SystemClock();
        _timers = new SystemTimers(clock, new PoolScheduler(NullLog.Instance));
        Name = name;
        Port = port ?? Ports.Free();
        Store = store;
        var incarnation = Guid.NewGuid().ToString("n")[..8];
        System = new ClusterSystem(new ClusterSystemOptions
        {
            Self = name, Incarnation = incarnation, Listen = Address, Address = Address, Secret = secret, Certificate = certificate,
            IsMedia = isMedia, IsGateway = true,
            Instances = Instances, LeaseMillis = leaseMillis, PeerRefused = node => Refused(node),
            Probe = new PortProbe(), Clock = clock, Timers = this, Log = Log,
            Version = version ?? ClusterSystem.CurrentVersion, IslandMillis = 1_000, StuckMillis = stuckMillis,
        });
        Member = new ClusterMember(new ClusterMemberOptions
        {
            Name = name, Incarnation = incarnation, LinkAddress = Address, IsMedia = isMedia, IsShared = true, IsAllocated = true, LeaseMillis = leaseMillis,
            Links = System,
        }, Store, new ClusterClock(clock), this, Log);
        Member.Subscribe(System);
        Member.Subscribe(this);
        System.Receive(LinkChannel.Requests, this);
    }

    public string Name { get; }
    public int Port { get; }
    public string Address => $"127.0.0.1:{Port}";
    public IJournalStore Store { get; }
    public ClusterSystem System { get; }
    public ClusterMember Member { get; }
    public WrittenLog Log { get; } = new();
    public ConcurrentQueue<string> Heard { get; } = [];

    /// <summary>What it owns, with epochs.</summary>
    public SortedDictionary<int, long> Owned
    {
        get
        {
            lock (_gate) return new SortedDictionary<int, long>(_owned);
        }
    }

    /// <summary>Members of Akka's cluster that are up, as it sees them.</summary>
    public int MembersUp => System.System is { } system
        ? Akka.Cluster.Cluster.Get(system).State.Members.Count(static member => member.Status == Akka.Cluster.MemberStatus.Up) : 0;

    public static async Task UntilAsync(Func<bool> isSo, Func<string>? what = null, int seconds = 90)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var started = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(seconds), what?.Invoke());
            await tick.WaitForNextTickAsync();
        }
    }

    public async Task StartAsync()
    {
        await Store.OpenAsync(Instances);
        System.Start(Member);
        await Member.StartAsync();
    }

    /// <summary>Its row is there and renewed, and nothing of it listens.</summary>
    public async Task StartMemberAloneAsync()
    {
        await Store.OpenAsync(Instances);
        await Member.StartAsync();
    }

    public bool Say(string node, string text) => System.Send(node, LinkChannel.Requests, Encoding.UTF8.GetBytes(text));

    public void OnMessage(string node, ReadOnlyMemory<byte> payload) => Heard.Enqueue($"{node}: {Encoding.UTF8.GetString(payload.Span)}");

    public void OnConnected(string node) => Heard.Enqueue($"{node} up");

    public void OnBroken(string node) => Heard.Enqueue($"{node} broken");

    public void OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        lock (_gate)
        {
            foreach (var claim in gained) _owned[claim.Instance] = claim.Epoch;
        }
    }

    public void OnLost(IReadOnlyList<int> instances)
    {
        lock (_gate)
        {
            foreach (var instance in instances) _owned.Remove(instance);
        }
    }

    /// <summary>The process dies: it renews nothing, its socket is closed, and it says goodbye to nobody.</summary>
    public async Task KillAsync()
    {
        _isDead = true;
        await System.AbortAsync();
    }

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state) => _timers.Schedule(delayMillis, given =>
    {
        if (!_isDead) callback(given);
    }, state);

    public async ValueTask DisposeAsync()
    {
        if (!_isDead) await Member.StopAsync();
        await System.StopAsync();
        _timers.Dispose();
    }

    private void Refused(string node)
    {
        Heard.Enqueue($"{node} refused");
        Member.PeerRefused(node);
    }
}

/// <summary>Log lines, kept.</summary>
internal sealed class WrittenLog : ILog
{
    private readonly ConcurrentQueue<(int Id, string Line)> _lines = new();

    public IReadOnlyList<string> Lines => [.. _lines.Select(static said => said.Line)];

    public IReadOnlyList<int> Ids => [.. _lines.Select(static said => said.Id)];

    public bool IsEnabled(LogSeverity severity) => true;

    public void Clear() => _lines.Clear();

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) => _lines.Enqueue((kind.Id, $"{kind.Severity} {LogText.Of(kind, arguments)}"));
}
