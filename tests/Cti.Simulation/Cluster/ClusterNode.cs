using System.Net;
using Cti.Actors;
using Cti.Actors.Feeds;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Cluster.Membership;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;
using Cti.Testing.Links;

namespace Cti.Simulation.Cluster;

/// <summary>One life of a node of a cluster.</summary>
internal sealed class ClusterNode : NodeLife, IClusterEvents
{
    public const int LeaseMillis = 2_000;
    private readonly ClusterWorld _world;

    private ClusterNode(ClusterWorld world, NodeProcess process) : base(process)
    {
        _world = world;
        Name = NameOf(process.Node);
        Address = AddressOf(process.Node);
        Media = world.MediaOf(Address.Address);
    }

    public string Name { get; }
    public IPEndPoint Address { get; }
    public VirtualMediaPort Media { get; }

    /// <summary>Lets it go on, while it stands still.</summary>
    public Action? Woken { get; set; }

    /// <summary>Whether it drains and is about to leave.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>Since when it knows of each instance that it does not own it any more.</summary>
    public Dictionary<int, long> Lost { get; } = [];

    public static string NameOf(int node) => $"n{node + 1}";

    public static IPEndPoint AddressOf(int node) => new(new IPAddress([10, 0, 0, (byte)(101 + node)]), 5060);

    /// <summary>Begins a start; it is serving when it has joined, unless it dies or fails before.</summary>
    public static ClusterNode Begin(ClusterWorld world, int index, int life)
    {
        var process = new NodeProcess(world.Runtime, life, world.Cluster.Clocks[index].DriftPpm)
        {
            Node = index, Alarm = line => world.Fail($"{NameOf(index)} logs an error: {line}"),
        };
        var node = new ClusterNode(world, process);
        _ = node.RunAsync();
        return node;
    }

    public override void Kill()
    {
        base.Kill();
        _world.Links.Kill(Name);
        Media.Crash();
    }

    void IClusterEvents.OnGained(IReadOnlyList<InstanceOwnership> gained, long lostAtMillis, bool isHandedOver)
    {
        foreach (var claim in gained) Lost.Remove(claim.Instance);
    }

    void IClusterEvents.OnLost(IReadOnlyList<int> instances)
    {
        foreach (var instance in instances) Lost[instance] = _world.Runtime.ElapsedMillis;
    }

    private async Task RunAsync()
    {
        try
        {
            await StartAsync();
        }
        catch (StoreUnavailableException)
        {
            // The program ends, and whoever supervises it starts it again.
            _world.NodeDied(this, 1000);
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            _world.Fail($"{Name} does not start: {fault}");
        }
    }

    private async Task StartAsync()
    {
        var plan = _world.Cluster;
        var faults = new ClusterStoreFaults(_world, Process, _world.Random.Fork());
        var disk = new BookkeepingStore(_world.Bugs.Disk(new MemoryJournalStore(_world.Disk)), _world.Ledger);
        var store = new FaultyJournalStore(_world.Bugs.Store(new RenewalsStore(disk, _world), Process), faults);
        await store.OpenAsync(plan.Instances);
        var clock = new NodeClock(_world.Runtime, plan.Clocks[Process.Node], [.. plan.ClockJumps.Where(jump => jump.Node == Process.Node)]);
        Hub = await EventHub.CreateAsync(store, Process, clock, Process, plan.HasSmallFeeds ? SmallFeeds : new FeedBounds());
        var hub = Hub;
        var publish = _world.Bugs.Publish(hub.Publish);
        var guard = new PauseGuard(LeaseMillis / 2 * 1_000_000L);
        var links = new ProcessLinks(_world.Links.For(Name), Process);
        Server = new ServerNode(new ServerNodeOptions
        {
            NodeName = Name,
            InstanceCount = plan.Instances,
            CallsMax = plan.CallsMax,
            Calls = plan.Calls,
            Inbound = new InboundPolicy([], true, RandomApplication.Name, false),
            Trunks = [_world.Trunk, VirtualWorld.Callers],
            DialAny = true,
            MediaProfile = VirtualWorld.ProfileFor(plan.Phones),
            IsShared = true,
            LeaseMillis = LeaseMillis,
            PauseGuard = guard,
            LinkAddress = $"{Name}:7000",
            Network = ports => new VirtualLinks(new VirtualLinksOptions
            {
                Self = Name,
                Incarnation = ports.Incarnation,
                Listen = $"{Name}:7000",
                PeerRefused = ports.PeerRefused,
                Transport = links,
                Clock = clock,
                Timers = Process,
                Log = Process,
                Sharding = plan.IsSharded ? _world.Random.Fork() : null,
            }),
            JoinFeeds = nodes => hub.JoinCluster(Name, nodes, Process),
            Scheduler = Process,
            Clock = clock,
            Timers = Process,
            Random = _world.Random.Fork(),
            Log = Process,
            Store = store,
            Media = _world.Bugs.Media(new GatedMedia(_world, Process, Media)),
            Recordings = new VirtualFiles(_world.Repaired),
            ToldByes = _world.SpoolOf(Process),
            Resolver = new SlowResolver(Process),
            SipTransport = events =>
                new GatedTransport(_world, Process, Sip = new VirtualSipTransport(_world.Network, _world.Runtime, new SocketsOpenLast(this, events), Address)
                {
                    PauseGuard = _world.Bugs.IsUnguarded ? null : guard, Clock = clock, Hearing = Process.Hear,
                }),
            Publish = events =>
            {
                if (Process.IsAlive) publish(events);
            },
            Subscribers = hub,
            Loses = _world.Bugs.Loses,
        });
        Server.Actors.CrashObserver = (name, fault) => _world.Fail($"{Name}: actor {name} crashed: {fault}");
        Server.Cluster.Subscribe(this);
        await Server.StartAsync();
        Router = _world.Bugs.Router(Server.Router);
        IsServing = true;
        _world.NodeServes(this);
    }

    /// <summary>Shows the world when which node has renewed its lease.</summary>
    private sealed class RenewalsStore(IJournalStore inner, ClusterWorld world) : ForwardingJournalStore(inner)
    {
        public override async ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default)
        {
            world.Renewed(self.Name);
            return await base.JoinAsync(self, cancellation);
        }

        public override async ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default)
        {
            world.Renewed(self.Name);
            return await base.RenewAsync(self, knownOwnership, cancellation);
        }
    }
}
