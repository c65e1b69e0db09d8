using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors.Calls;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Actors.Requests;
using Cti.Actors.Resources;
using Cti.Actors.Runtime;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Cluster;
using Cti.Cluster.Links;
using Cti.Cluster.Membership;
using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;
using Cti.Persistence.Journal;

namespace Cti.Actors;

/// <summary>
/// A node: owns instances and their calls, speaks SIP through its transport and answers requests through <see cref="Router"/>.
/// Everything outside comes through ports, so that a simulation runs the very same code.
/// </summary>
public sealed class ServerNode : INodeInfo
{
    private const int SweepIntervalMillis = 60_000;
    private const int PermitAgeMillisMax = 60_000;

    private readonly ServerNodeOptions options;
    private readonly ActorSystem system;
    private readonly JournalWriter writer;
    private readonly SipNodeRef sip;
    private readonly CallServices services;
    private readonly CallLimit limit;
    private readonly SipBacklog backlog = new();
    private readonly TrunkTable trunks;
    private readonly ClusterClock clock;
    private readonly ClusterMember member;
    private readonly OwnedInstances owned;
    private readonly CallPlacer placer;
    private readonly InstanceKeeper keeper;
    private readonly HandOvers handOvers;
    private readonly NodeLinks? links;
    private InboundCalls? inbound;
    private ITimerHandle? sweep;
    private volatile bool draining;
    private volatile bool started;
    private long startedAtMillis;
    private ImmutableArray<ActorRef> trunkActors = [];

    /// <summary>Puts the node together; nothing runs before <see cref="StartAsync"/>.</summary>
    public ServerNode(ServerNodeOptions options)
    {
        this.options = options;
        clock = new ClusterClock(options.Clock);
        system = new ActorSystem(options.Scheduler, clock, options.Timers, options.Log);
        writer = new JournalWriter(options.Store, options.Scheduler, options.Timers, options.Log, options.Publish);
        sip = new SipNodeRef(options.Resolver);
        trunks = new TrunkTable(options.Trunks);
        owned = new OwnedInstances(options.InstanceCount);
        // Two runs under one name differ in time.
        var incarnation = $"{options.Clock.UnixMillis:x}-{options.Clock.MonotonicNanos:x}";
        links = MakeLinks(incarnation);
        var directory = new ResourceDirectory();
        var post = new ResourcePost(options.NodeName, directory, IsServed, () => member!.View, links, options.Timers, options.Log);
        var toldByes = new ByeSpool(options.ToldByes, post, () => member!.IsCutOff, clock, options.Timers, options.Scheduler, options.Log);
        post.Unclaimed = toldByes.Forget;
        placer = new CallPlacer(trunks, options.Store, options.Resolver, options.Random, clock, options.DialAny, options.Log);
        services = new CallServices
        {
            NodeName = options.NodeName,
            Area = options.Area,
            Station = options.Station,
            InstanceCount = options.InstanceCount,
            Limit = limit = new CallLimit(options.CallsMax, directory, options.Log),
            Settings = options.Calls,
            Directory = directory,
            HandedOver = new ResourceDirectory(),
            Post = post,
            Random = options.Random,
            Recordings = options.Recordings,
            Counters = new ClusterCounters(),
            Loses = options.Loses,
            Media = new MediaSessions(options.Media),
            MediaProfile = options.MediaProfile,
            Sip = sip,
            SipTimers = options.SipTimers,
            ReInvites = new ReInvitePacer(options.Timers),
            DialPolicy = options.DialPolicy,
            Trunks = trunks,
            ReleasePermit = placer.Release,
            Subscribers = options.Subscribers,
            ToldByes = toldByes,
            HangsUpUnwritten = () => member is { IsCutOff: true, MayBye: true },
            Arrived = resource => handOvers!.Arrived(resource),
        };
        keeper = new InstanceKeeper(services, owned, writer, options.Store, placer, system, options.IsShared) { Served = instances => handOvers!.Served(instances) };
        member = new ClusterMember(new ClusterMemberOptions
        {
            Name = options.NodeName,
            Incarnation = incarnation,
            LinkAddress = options.LinkAddress,
            IsGateway = options.IsGateway,
            IsMedia = options.IsMedia,
            IsShared = options.IsShared,
            NeedsLinks = options.IsShared,
            LeaseMillis = options.LeaseMillis,
            Guard = options.PauseGuard,
            Version = options.Version,
            Links = links,
            IsIdle = () => directory.Count == 0 && services.HandedOver.Count == 0 && toldByes.Count == 0 && writer.IsIdle,
            IsStandingDown = () => keeper.IsStandingDown,
        }, options.Store, clock, options.Timers, options.Log);
        if (links is not null && options.JoinFeeds is { } join) member.Subscribe(join(links));
        member.Subscribe(keeper);
        member.Subscribe(post);
        writer.Clock = clock;
        writer.IsCutOff = () => member.IsCutOff;
        writer.Deposed = journal => member.Fenced(journal.Instance, journal.Epoch);
        handOvers = new HandOvers(services, owned, member, system, () => draining, Drain);
        UseLinks();
        RemoteRequests? remote = null;
        var owner = new OwnerRequests(services, owned.ActorOf, () => draining, () => member.IsCutOff, links is null, this)
        {
            Partners = new PartnerNews(services.Directory, index => owned.ActorOf(index) is not null, (request, index, replyTo) => remote!.Ask(request, index, null, replyTo), options.Timers),
        };
        remote = new RemoteRequests(services, owner, links, () => member.View, clock, options.Timers, options.Log);
        Router = new RequestRouter(services, owner, remote);
    }

    /// <summary>Carries requests to their resources.</summary>
    public IRequestRouter Router { get; }

    /// <summary>This node's place in the cluster.</summary>
    public ClusterMember Cluster => member;

    /// <summary>To the other nodes; null for a node that is alone.</summary>
    public INodeLinks? Links => links;

    /// <summary>What the links have done; null for a node that is alone.</summary>
    public LinkStatistics? LinkStatistics => links?.Snapshot();

    /// <summary>What was done with calls and messages of the cluster.</summary>
    public ClusterCounters ClusterCounters => services.Counters;

    /// <summary>Writes the journal.</summary>
    public JournalWriter Journal => writer;

    /// <summary>The cluster's time, which this node decides by.</summary>
    public IClock Clock => clock;

    /// <summary>Instances that this node serves.</summary>
    public int InstanceCount => owned.Count;

    /// <summary>The actors, for diagnostics and for the simulation's leak check.</summary>
    public ActorSystem Actors => system;

    /// <summary>Calls that live here, released ones whose far end is still being told included.</summary>
    public int CallCount => services.Directory.CallCount;

    /// <summary>New calls that were refused because the node had as many as it may have.</summary>
    public long CallsRefusedForMax => limit.Refused;

    /// <summary>BYEs that were answered and whose calls are not known to be released in the journal.</summary>
    public int ToldByeCount => services.ToldByes.Count;

    /// <summary>RTP sessions open.</summary>
    public int MediaSessionCount => services.Media.OpenSessions;

    /// <summary>Conferences that are open in the media side.</summary>
    public int ConferenceCount => services.Media.OpenConferences;

    /// <summary>New calls that were refused because SIP messages had to wait too long.</summary>
    public long CallsRefusedForBacklog => backlog.Refused;

    /// <summary>SIP transactions alive.</summary>
    public int TransactionCount => inbound?.Layer?.Count ?? 0;

    /// <summary>SIP transactions that no timer ends.</summary>
    public int EndlessTransactionCount => inbound?.Layer?.EndlessCount ?? 0;

    /// <summary>SIP messages dropped because the node had too much to do.</summary>
    public long SipDropped => sip.Dropped;

    /// <summary>The trunks.</summary>
    public TrunkTable Trunks => trunks;

    /// <summary>Whether this node is registered at a trunk now.</summary>
    public bool IsRegisteredAt(Trunk trunk) => trunks.RegistrationAt(trunk).UntilMillis > clock.MonotonicNanos / 1_000_000;

    /// <summary>Whether the journal takes writes, the node is in the cluster and it is not draining.</summary>
    public bool IsReady => started && !draining && !writer.IsStalled;

    /// <summary>Whether new calls are refused.</summary>
    public bool IsDraining => draining;

    /// <summary>
    /// Joins the cluster of the opened store, serves the instances that are this node's with what their journals show alive, and opens the SIP side.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        startedAtMillis = clock.UnixMillis;
        await services.ToldByes.ReadAsync().ConfigureAwait(false);
        if (options.IsMedia)
        {
            var transport = options.SipTransport(sip);
            var around = new SipCluster(options.NodeName, index => owned.ActorOf(index) is not null, () => member.View, links)
            {
                Counters = services.Counters,
                IsCutOff = () => member.IsCutOff,
            };
            inbound = new InboundCalls(services, options.Inbound, owned, system, () => draining);
            var witness = new InviteWitness(around, clock);
            var sipActor = system.Spawn("sip", () => new SipNodeActor(transport, services.Directory, inbound, options.Random, options.SipTimers, around, witness, backlog));
            sip.Attach(sipActor, transport, witness);
            // Calls are taken over before the trunks' actors look for themselves, and a far end may ask for the password again.
            foreach (var trunk in trunks.All) _ = FindAsync(trunk);
        }
        links?.Start();
        await member.StartAsync(cancellation).ConfigureAwait(false);
        links?.SetPeers(member.View.Nodes);
        await keeper.StartAsync().ConfigureAwait(false);
        foreach (var trunk in options.IsMedia ? trunks.All : [])
        {
            var watched = trunk;
            var actor = system.Spawn($"trunk {trunk.Name}", () => new TrunkActor(watched, trunks, sip, options.Random));
            trunkActors = trunkActors.Add(actor);
            actor.Tell(new TrunkActor.Begin());
        }
        if (draining) LeaveTrunks();
        Sweep(null);
        services.ToldByes.Start();
        if (options.IsShared && links is not null) handOvers.Start();
        started = true;
    }

    /// <summary>Refuses new calls from now on; those that are up go on.</summary>
    public void Drain()
    {
        draining = true;
        LeaveTrunks();
        member.Drain();
    }

    private async Task FindAsync(Trunk trunk)
    {
        try
        {
            var found = await options.Resolver.ResolveAllAsync(trunk.UriOf(null)).ConfigureAwait(false);
            trunks.Note(trunk.Name, found.Select(static way => way.Remote), clock.MonotonicNanos / 1_000_000);
        }
        catch (OperationCanceledException)
        {
            // The trunk's actor asks again.
        }
    }

    /// <summary>Who takes no new calls is not registered: a registrar would go on sending some here.</summary>
    private void LeaveTrunks()
    {
        foreach (var actor in trunkActors) actor.Tell(new TrunkActor.Leave());
    }

    /// <summary>Lets a node of the cluster drain: this one, or one that there is a link to; false where there is none.</summary>
    public bool Drain(string node) => handOvers.Drain(node);

    /// <summary>
    /// Ends, as <c>sys</c> with cause 503, calls that are being set up and keep the others of their instance from moving to another node. False where there is
    /// no other node.
    /// </summary>
    public bool DropWhatCannotMove() => handOvers.EndWhatIsSettingUp();

    /// <summary>Calls that another node has and that are still heard from here, because their far ends do not know yet.</summary>
    public int HandedOverCount => services.HandedOver.CallCount;

    /// <summary>The names of the living nodes, in order.</summary>
    public IEnumerable<string> NodeNames => member.View.Nodes.Select(static node => node.Name);

    /// <summary>Ends every resource: calls that are up are dropped, as <c>sys</c> with cause 503.</summary>
    public void DropAll()
    {
        // In order of creation: a table of its own order would be another in every process, and no seed could replay it.
        foreach (var cell in services.Directory.All.OrderBy(static cell => cell.Latest?.Id.ProcessId)) cell.Actor.Tell(new Decide(new NodeStops()));
    }

    /// <summary>Stops the periodic work and leaves the cluster. The ports are the caller's to close, after the calls are gone.</summary>
    public async Task StopAsync()
    {
        draining = true;
        LeaveTrunks();
        started = false;
        sweep?.Cancel();
        handOvers.Stop();
        services.ToldByes.Stop();
        keeper.Stop();
        await member.StopAsync().ConfigureAwait(false);
        links?.Stop();
    }

    private bool IsServed(int instance) => instance < owned.ClusterCount && owned.ActorOf(instance) is not null;

    private NodeLinks? MakeLinks(string incarnation) => options.LinkListen.Length == 0 ? null : new NodeLinks(new NodeLinksOptions
    {
        Self = options.NodeName,
        Incarnation = incarnation,
        Listen = options.LinkListen,
        Secret = options.ClusterSecret,
        Transport = options.LinkTransport ?? throw new InvalidOperationException("a node with links needs their transport"),
        Clock = options.Clock,
        Timers = options.Timers,
        Random = options.Random,
        Log = options.Log,
    });

    private void UseLinks()
    {
        if (links is null) return;
        member.Subscribe(new LinkedPeers(links, handOvers, options.IsMedia ? sip : null));
        handOvers.Use(links);
        links.PeerRefused = member.PeerRefused;
        links.Receive(LinkChannel.Resources, services.Post);
        if (options.IsMedia) links.Receive(LinkChannel.Sip, sip);
    }

    /// <summary>Tells the links and the SIP side who is there, and what was handed over who has it.</summary>
    private sealed class LinkedPeers(NodeLinks links, HandOvers handOvers, SipNodeRef? sip) : IClusterEvents
    {
        public void OnViewChanged(ClusterView before, ClusterView now)
        {
            links.SetPeers(now.Nodes);
            handOvers.OnViewChanged(now);
            sip?.OnClusterChanged();
        }
    }

    /// <summary>Whether everything decided is durable and reported.</summary>
    public bool IsJournalIdle => writer.IsIdle;

    ReadOnlyMemory<byte> INodeInfo.Describe()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name"u8, options.NodeName);
        json.WriteStartArray("roles"u8);
        if (options.IsGateway) json.WriteStringValue("gateway"u8);
        if (options.IsMedia) json.WriteStringValue("media"u8);
        json.WriteEndArray();
        json.WriteString("version"u8, options.Version);
        json.WriteNumber("instances"u8, owned.Count);
        json.WriteNumber("epoch"u8, member.View.Owners.Where(owner => owner.Node == options.NodeName).Select(static owner => owner.Epoch).DefaultIfEmpty().Max());
        json.WriteNumber("calls"u8, CallCount);
        json.WriteNumber("lag_ms"u8, writer.LagMillis);
        json.WriteBoolean("draining"u8, draining);
        if (!member.View.Nodes.Any(node => node.Name != options.NodeName && node is { IsMedia: true, IsDraining: false })) json.WriteBoolean("alone"u8, true);
        json.WriteNumber("started"u8, startedAtMillis / 1000);
        json.WriteStartArray("trunks"u8);
        foreach (var trunk in trunks.All)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, trunk.Name);
            json.WriteBoolean("up"u8, trunks.IsUp(trunk));
            if (trunk.Register) Describe(trunks.RegistrationAt(trunk), json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private void Describe(TrunkRegistration registration, Utf8JsonWriter json)
    {
        var leftMillis = registration.UntilMillis - (clock.MonotonicNanos / 1_000_000);
        json.WriteBoolean("registered"u8, leftMillis > 0);
        if (leftMillis > 0) json.WriteNumber("registered_until"u8, (clock.UnixMillis + leftMillis) / 1000);
        if (registration.Status != 0)
        {
            json.WriteNumber("register_status"u8, registration.Status);
            json.WriteString("register_reason"u8, registration.Reason);
        }
        if (registration.SinceUnixMillis != 0) json.WriteNumber("register_since"u8, registration.SinceUnixMillis / 1000);
    }

    private void Sweep(object? state)
    {
        var now = clock.UnixMillis;
        _ = SweepAsync(now);
        sweep = options.Timers.Schedule(SweepIntervalMillis, Sweep, null);
    }

    private async Task SweepAsync(long now)
    {
        try
        {
            await options.Store.SweepAsync(now - options.EventRetentionMillis, now - Limits.IdempotencyMillis, now - PermitAgeMillisMax).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            if (!fault.IsBroken) options.Log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
    }
}
