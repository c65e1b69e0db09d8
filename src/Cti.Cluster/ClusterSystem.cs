using System.Collections.Immutable;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Cluster.Sharding;
using Akka.Event;
using Akka.Remote.Transport.DotNetty;
using Cti.Cluster.Downing;
using Cti.Cluster.Membership;
using Cti.Cluster.Remoting;
using Cti.Cluster.Sharding;
using Cti.Kernel;

namespace Cti.Cluster;

/// <summary>
/// This node's part of the Akka cluster: remoting that carries messages to the other nodes, membership, and the sharding that says who takes what a dead node
/// owned. The calls live on an actor system of their own, so that this one can be made anew when the others have removed it:
/// <code>
///   rows of the store ──► ClusterMember ──verdicts──► Downing ──► Akka.Cluster ──► sharding: InstanceAllocation, a shard an instance
///                              ▲   └──view──► ClusterJoiner, RemoteLinks ◄──► LinkActor ◄──remoting, TLS──► other nodes
///                              └────────────wants────────────── InstanceLease ◄── shard
/// </code>
/// </summary>
public sealed class ClusterSystem : IClusterNetwork
{
    /// <summary>The version of everything of ours that nodes say to each other. Version 1 was spoken over connections of our own.</summary>
    public const int CurrentVersion = 2;

    private const string SystemName = "cti";
    private const int AgainMillis = 100, EndMillisMax = 3_000;

    private readonly ClusterSystemOptions _options;
    private readonly IClusterProof _proof;
    private readonly RemoteLinks _links;
    private readonly Verdicts _verdicts;
    private readonly string _run;
    private readonly bool _isTalkative;
    private readonly Lock _gate = new();
    private InstanceShards? _shards;
    private ActorSystem? _system;
    private ImmutableArray<string> _towards = [];
    private MemberSight _sight = MemberSight.Nobody;
    private long _deadLetters, _renewed;
    private bool _isStopped;

    /// <summary>Puts it together; nothing happens before <see cref="Start"/>.</summary>
    /// <exception cref="ArgumentException">The secret is too short.</exception>
    /// <exception cref="IOException">
    /// An address is none, what is wanted of Akka cannot be read, or the certificate that was given is not one of the cluster's authority.
    /// </exception>
    public ClusterSystem(ClusterSystemOptions options)
    {
        if (options.Certificate is null && options.Secret.Length < Limits.LinkSecretCharsMin)
            throw new ArgumentException($"the cluster's secret must have at least {Limits.LinkSecretCharsMin} characters", nameof(options));
        _options = options;
        _isTalkative = Akka.Configuration.ConfigurationFactory.ParseString(options.Akka).HasPath("akka.loglevel");
        _run = $"{options.Self}/{options.Incarnation}";
        foreach (var key in ClusterConfiguration.Ignored(options)) options.Log.Write(LogEvents.AkkaKeyIgnored, key);
        _proof = options.Certificate is { } given ? new GivenProof(given) : new SecretProof(options.Secret);
        // Who would refuse itself is refused by all others.
        if (_proof.WhyNot(_proof.Own, null) is { } why) throw new IOException($"this node {why}");
        _links = new RemoteLinks(options.Self, options.Incarnation, options.Version, options.Clock, options.Log, options.Probe, options.PeerRefused);
        _verdicts = Verdicts.Of(_run);
    }

    /// <summary>The actor system that runs now; null before the start and between two.</summary>
    internal ActorSystem? System => Volatile.Read(ref _system);

    /// <inheritdoc/>
    public bool Allocates => true;

    /// <inheritdoc/>
    public void Start(IInstanceLeases leases)
    {
        _shards = new InstanceShards(_options.Instances, leases);
        try
        {
            Begin();
        }
        catch (Exception fault) when (SocketErrorOf(fault) is { } error)
        {
            throw new ListenException(_options.Listen, error, fault);
        }
    }

    /// <inheritdoc/>
    public bool Send(string node, LinkChannel channel, ReadOnlyMemory<byte> payload) => _links.Send(node, channel, payload);

    /// <inheritdoc/>
    public bool IsConnected(string node) => _links.IsConnected(node);

    /// <inheritdoc/>
    public void Receive(LinkChannel channel, ILinkReceiver receiver) => _links.Receive(channel, receiver);

    /// <inheritdoc/>
    public LinkStatistics Snapshot() => _links.Snapshot();

    /// <inheritdoc/>
    public IReadOnlyList<LinkLoad> Loads() => _links.Loads();

    /// <inheritdoc/>
    public ClusterPicture Picture()
    {
        var sight = Volatile.Read(ref _sight);
        var (owned, wanted) = _shards?.CountShards() ?? default;
        var nodes = _shards?.View.Nodes ?? [];
        return new ClusterPicture
        {
            IsRunning = System is { WhenTerminated.IsCompleted: false },
            Address = _options.Address,
            Members = [.. sight.Members.Select(member => member with { Name = nodes.FirstOrDefault(node => node.LinkAddress == member.Address)?.Name ?? "" })],
            Coordinator = sight.Coordinator,
            Shards = owned,
            ShardsWanted = wanted,
            Renewed = Interlocked.Read(ref _renewed),
            DeadLetters = Interlocked.Read(ref _deadLetters),
        };
    }

    /// <inheritdoc/>
    public void OnViewChanged(ClusterView before, ClusterView now)
    {
        _verdicts.OnViewChanged(before, now);
        _shards?.OnViewChanged(before, now);
        _links.SetPeers(now.Nodes);
    }

    /// <inheritdoc/>
    public void OnGained(IReadOnlyList<Persistence.InstanceOwnership> gained, long lostAtMillis, bool isHandedOver) =>
        _shards?.OnGained(gained, lostAtMillis, isHandedOver);

    /// <inheritdoc/>
    public void OnLost(IReadOnlyList<int> instances) => _shards?.OnLost(instances);

    /// <inheritdoc/>
    public async Task StopAsync()
    {
        ActorSystem? system;
        lock (_gate)
        {
            _isStopped = true;
            system = _system;
        }
        if (system is null) return;
        // The others remove who has no row any more.
        await Within(system.Terminate(), EndMillisMax).ConfigureAwait(false);
        Verdicts.Forget(_run);
        _proof.Dispose();
    }

    /// <summary>Ends without a word to the others, as a process does that is killed; tests alone.</summary>
    internal async Task AbortAsync()
    {
        lock (_gate) _isStopped = true;
        if (System is { } system) await system.Terminate().ConfigureAwait(false);
    }

    private void Begin()
    {
        ImmutableArray<string> towards;
        var shards = _shards!;
        lock (_gate)
        {
            if (_isStopped) return;
            (towards, _towards) = (_towards, []);
        }
        var setup = BootstrapSetup.Create().WithConfig(ClusterConfiguration.Of(_options, _run))
            .And(new DotNettySslSetup(_proof.Own, suppressValidation: false, requireMutualAuthentication: true, customValidator: IsOfThisCluster))
            .And(new ClusterSetup(shards, _verdicts));
        var system = ActorSystem.Create(SystemName, setup);
        // Akka's coordinated shutdown runs once, and this is that: remoting would run it whenever a handshake of TLS fails, and no stranger shall end a node's
        // part of the cluster. The drain, the end and a life after having been removed are this node's own.
        _ = CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.UnknownReason.Instance, CoordinatedShutdown.PhaseActorSystemTerminate);
        AkkaLog.Attach(system, _options.Log, () => Interlocked.Increment(ref _deadLetters), IsToldByUs);
        _links.Use(system.ActorOf(Props.CreateBy(new Producer<LinkActor>(() => new LinkActor(_links))), LinkActor.Name));
        system.ActorOf(Props.CreateBy(new Producer<MemberWatch>(() => new MemberWatch(sight => Volatile.Write(ref _sight, sight)))), "watch");
        var sharding = ClusterSharding.Get(system);
        var extractor = new InstanceExtractor();
        if (_options.IsMedia)
        {
            var region = sharding.Start(InstanceShard.TypeName, static _ => Props.CreateBy(new Producer<InstanceShard>(static () => new InstanceShard())),
                ClusterShardingSettings.Create(system), extractor, new InstanceAllocation(shards, _options.Timers), PoisonPill.Instance);
            system.ActorOf(Props.CreateBy(new Producer<ShardWaker>(() => new ShardWaker(shards, region))), "waker");
        }
        system.ActorOf(Props.CreateBy(new Producer<ClusterJoiner>(() =>
            new ClusterJoiner(_options, shards, _links, towards, strangers => Anew(system, strangers)))), "joiner");
        bool isTooLate;
        lock (_gate)
        {
            _system = system;
            isTooLate = _isStopped;
        }
        if (isTooLate) _ = system.Terminate();
        _ = GoOnAsync(system);
    }

    /// <summary>Ends an actor system; the next begins when it is gone.</summary>
    private void Anew(ActorSystem system, ImmutableArray<string> towards)
    {
        lock (_gate) _towards = towards;
        _ = system.Terminate();
    }

    /// <summary>The others have removed this node, which was cut off or stood still, or it was on an island: it comes back as a new member.</summary>
    private async Task GoOnAsync(ActorSystem system)
    {
        await system.WhenTerminated.ConfigureAwait(false);
        lock (_gate)
        {
            _system = null;
            if (_isStopped) return;
        }
        Interlocked.Increment(ref _renewed);
        _options.Log.Write(LogEvents.ClusterSystemAnew);
        _options.Timers.Schedule(AgainMillis, static self => ((ClusterSystem)self!).BeginAgain(), this);
    }

    private void BeginAgain()
    {
        try
        {
            Begin();
        }
#pragma warning disable CA1031 // Its port may still be held for a moment; the calls go on meanwhile.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            _options.Log.Write(LogEvents.ClusterSystemNotBegun, fault);
            _options.Timers.Schedule(AgainMillis * 10, static self => ((ClusterSystem)self!).BeginAgain(), this);
        }
    }

    private bool IsOfThisCluster(X509Certificate2? shown, X509Chain? chain, string peer, SslPolicyErrors errors, ILoggingAdapter log)
    {
        if (_proof.WhyNot(shown, chain) is not { } why) return true;
        _links.Complain("", $"{peer} {why}");
        return false;
    }

    /// <summary>
    /// What the node's own log says in its own words (links, verdicts, instances), or what passes by itself while a cluster forms; whoever sets
    /// <c>akka.loglevel</c> wants to hear it all.
    /// </summary>
    private bool IsToldByUs(Akka.Event.LogEvent said) => !_isTalkative && (said.LogSource.StartsWith("remoting", StringComparison.Ordinal)
        || said.LogSource.Contains("/endpointManager", StringComparison.Ordinal)
        || said.LogClass is { Namespace: { } source } && (source.StartsWith("Akka.Remote", StringComparison.Ordinal)
        || source.StartsWith("Akka.Cluster", StringComparison.Ordinal) && (said is Warning || said.LogClass.Name == "Shard")));

    private async Task Within(Task task, int millis)
    {
        var late = new TaskCompletionSource();
        var timer = _options.Timers.Schedule(millis, static state => ((TaskCompletionSource)state!).TrySetResult(), late);
        await Task.WhenAny(task, late.Task).ConfigureAwait(false);
        timer.Cancel();
    }

    private static SocketError? SocketErrorOf(Exception? fault)
    {
        for (; fault is not null; fault = fault is AggregateException { InnerExceptions.Count: > 0 } all ? all.InnerExceptions[0] : fault.InnerException)
        {
            if (fault is SocketException socket) return socket.SocketErrorCode;
        }
        return null;
    }

    private sealed class Producer<T>(Func<T> make) : IIndirectActorProducer where T : ActorBase
    {
        public Type ActorType => typeof(T);

        public ActorBase Produce() => make();

        public void Release(ActorBase actor)
        {
        }
    }
}
