using System.Net;
using Cti.Actors;
using Cti.Actors.Feeds;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Persistence;
using Cti.Persistence.Memory;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>One life of the node: from its start on the disk that the last one left until it is killed.</summary>
internal sealed class SimulatedNode : NodeLife
{
    public static readonly IPEndPoint Address = new(IPAddress.Parse("10.0.0.100"), 5060);

    private SimulatedNode(NodeProcess process) : base(process)
    {
    }

    /// <summary>Timers and actors that a node without calls has.</summary>
    public int IdleTimers { get; private set; }
    public int IdleActors { get; private set; }

    /// <summary>Begins a start; it is serving when its journal has been read, unless it dies or fails before.</summary>
    public static SimulatedNode Begin(SimulatedWorld world, int number)
    {
        var process = new NodeProcess(world.Runtime, number) { Alarm = line => world.Fail($"the node logs an error: {line}") };
        var node = new SimulatedNode(process);
        _ = node.RunAsync(world);
        return node;
    }

    private async Task RunAsync(SimulatedWorld world)
    {
        try
        {
            await StartAsync(world);
        }
        catch (StoreUnavailableException)
        {
            // The program ends, and whoever supervises it starts it again.
            world.NodeDied(this, 1000);
        }
#pragma warning disable CA1031 // Nothing observes this task but the failure list.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            world.Fail($"the node does not start: {fault}");
        }
    }

    private async Task StartAsync(SimulatedWorld world)
    {
        var faults = new PlannedStoreFaults(world, Process, world.Random.Fork());
        var store = new FaultyJournalStore(world.Bugs.Store(new BookkeepingStore(world.Bugs.Disk(new MemoryJournalStore(world.Disk)), world.Ledger), Process),
            faults);
        await store.OpenAsync(world.Plan.Instances);
        Hub = await EventHub.CreateAsync(store, Process, world.Runtime, Process, world.Plan.HasSmallFeeds ? SmallFeeds : new FeedBounds());
        var publish = world.Bugs.Publish(Hub.Publish);
        Server = new ServerNode(new ServerNodeOptions
        {
            NodeName = "n1",
            InstanceCount = world.Plan.Instances,
            CallsMax = world.Plan.CallsMax,
            Calls = world.Plan.Calls,
            Inbound = new InboundPolicy([], true, RandomApplication.Name, false),
            Trunks = [world.Trunk, VirtualWorld.Callers],
            DialAny = true,
            MediaProfile = VirtualWorld.ProfileFor(world.Plan.Phones),
            Scheduler = Process,
            Clock = world.Runtime,
            Timers = Process,
            Random = world.Random.Fork(),
            Log = Process,
            Store = store,
            Media = world.Bugs.Media(new GatedMedia(world, Process, world.Media)),
            Recordings = new VirtualFiles(),
            ToldByes = world.SpoolOf(Process),
            Resolver = new SlowResolver(Process),
            SipTransport = events =>
                new GatedTransport(world, Process, Sip = new VirtualSipTransport(world.Network, world.Runtime, new SocketsOpenLast(this, events), Address)),
            Publish = events =>
            {
                if (Process.IsAlive) publish(events);
            },
            Subscribers = Hub,
            Loses = world.Bugs.Loses,
        });
        Server.Actors.CrashObserver = (name, fault) => world.Fail($"actor {name} crashed: {fault}");
        await Server.StartAsync();
        Router = world.Bugs.Router(Server.Router);
        // The sweep and the heartbeat of the lease.
        IdleTimers = 2 + (world.Plan.OptionsIntervalMillis > 0 ? 2 : 0);
        IdleActors = 4 + world.Plan.Instances;
        IsServing = true;
        world.NodeServes(this);
    }
}

/// <summary>Defects put into the world on purpose, to show that they are found. The base class has none.</summary>
internal class PlantedBugs
{
    public static readonly PlantedBugs None = new();

    /// <summary>Below the books: what the disk does.</summary>
    public virtual IJournalStore Disk(IJournalStore disk) => disk;

    /// <summary>Above the books: what the driver tells the node.</summary>
    public virtual IJournalStore Store(IJournalStore store, NodeProcess process) => store;

    public virtual Action<IReadOnlyList<StoredEvent>> Publish(Action<IReadOnlyList<StoredEvent>> publish) => publish;

    public virtual Cti.Media.IMediaPort Media(Cti.Media.IMediaPort media) => media;

    public virtual IRequestRouter Router(IRequestRouter router) => router;

    /// <summary>Whether the transport does not ask if it may speak after a pause.</summary>
    public virtual bool IsUnguarded => false;

    /// <summary>Messages between resources that vanish.</summary>
    public virtual bool Loses(ResourceCommand command) => false;

    /// <summary>Datagrams that vanish even when the network is healed.</summary>
    public virtual bool Drops(IPEndPoint from, IPEndPoint to, ReadOnlyMemory<byte> datagram) => false;
}
