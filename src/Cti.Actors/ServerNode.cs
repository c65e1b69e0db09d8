using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors.Calls;
using Cti.Actors.Hosting;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Actors.Requests;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Resources;
using Cti.Cluster;
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

    private readonly ServerNodeOptions _options;
    private readonly ActorHost _system;
    private readonly JournalWriter _writer;
    private readonly SipNodeRef _sip;
    private readonly CallServices _services;
    private readonly CallLimit _limit;
    private readonly SipBacklog _backlog = new();
    private readonly TrunkTable _trunks;
    private readonly TrunkListing _trunkListing;
    private readonly TrunkNotices _notices;
    private readonly ClusterClock _clock;
    private readonly ClusterMember _member;
    private readonly OwnedInstances _owned;
    private readonly CallPlacer _placer;
    private readonly InstanceKeeper _keeper;
    private readonly HandOvers _handOvers;
    private readonly IClusterNetwork? _links;
    private InboundCalls? _inbound;
    private ITimerHandle? _sweep;
    private volatile bool _draining;
    private volatile bool _started;
    private long _startedAtMillis;
    private ImmutableArray<ActorHandle> _trunkActors = [];

    /// <summary>Puts the node together; nothing runs before <see cref="StartAsync"/>.</summary>
    public ServerNode(ServerNodeOptions options)
    {
        _options = options;
        _clock = new ClusterClock(options.Clock);
        _system = new ActorHost(options.Scheduler, _clock, options.Timers, options.Log);
        _writer = new JournalWriter(options.Store, options.Scheduler, options.Timers, options.Log, options.Publish)
        {
            Clock = _clock,
            IsCutOff = () => _member!.IsCutOff,
            Deposed = journal => _member!.Fenced(journal.Instance, journal.Epoch),
        };
        _sip = new SipNodeRef(options.Resolver);
        _trunks = new TrunkTable(options.Trunks, _clock);
        _owned = new OwnedInstances(options.InstanceCount);
        // Two runs under one name differ in time.
        var incarnation = $"{options.Clock.UnixMillis:x}-{options.Clock.MonotonicNanos:x}";
        _links = options.Network?.Invoke(new NetworkPorts(incarnation, node => _member!.PeerRefused(node)));
        var directory = new ResourceDirectory();
        _trunkListing = new TrunkListing(options.NodeName, _trunks, directory, _clock);
        _notices = new TrunkNotices(options.NodeName, () => _member!.View, _links, options.Log);
        _trunks.News = _notices.Tell;
        var departures = new Departures();
        ByeSpool? toldByes = null;
        var post = new ResourcePost(options.NodeName, directory, IsServed, () => _member!.View, _links, options.Timers, options.Log)
        {
            Unclaimed = resource => toldByes!.Forget(resource),
        };
        toldByes = new ByeSpool(options.ToldByes, post, () => _member!.IsCutOff, _clock, options.Timers, options.Scheduler, options.Log);
        var silent = new SilentTargets(_clock);
        _placer = new CallPlacer(_trunks, options.Store, options.Resolver, silent, options.Random, _clock, options.DialAny, options.Log);
        _services = new CallServices
        {
            NodeName = options.NodeName,
            Area = options.Area,
            Station = options.Station,
            InstanceCount = options.InstanceCount,
            Limit = _limit = new CallLimit(options.CallsMax, directory, options.Log),
            Settings = options.Calls,
            Directory = directory,
            Departures = departures,
            Post = post,
            Random = options.Random,
            Recordings = options.Recordings,
            Counters = new ClusterCounters(),
            Loses = options.Loses,
            Clock = _clock,
            Media = new NodeMedia(options.Media, departures, post, _system),
            MediaProfile = options.MediaProfile,
            Sip = _sip,
            SipTimers = options.SipTimers,
            SipProfile = options.SipProfile,
            ReInvites = new ReInvitePacer(options.Timers),
            DialPolicy = options.DialPolicy,
            Trunks = _trunks,
            Silent = silent,
            ReleasePermit = _placer.Release,
            Subscribers = options.Subscribers,
            HeardHeaders = application => options.HeardHeaders.GetValueOrDefault(application, []),
            ToldByes = toldByes,
            HangsUpUnwritten = () => _member is { IsCutOff: true, MayBye: true },
            Arrived = resource => _handOvers!.Arrived(resource),
        };
        _keeper = new InstanceKeeper(_services, _owned, _writer, options.Store, _placer, _system, options.IsShared)
        {
            Served = instances => _handOvers!.Served(instances),
        };
        _member = new ClusterMember(new ClusterMemberOptions
        {
            Name = options.NodeName,
            Incarnation = incarnation,
            LinkAddress = options.LinkAddress,
            IsGateway = options.IsGateway,
            IsMedia = options.IsMedia,
            IsShared = options.IsShared,
            NeedsLinks = options.IsShared,
            IsAllocated = _links?.Allocates == true,
            LeaseMillis = options.LeaseMillis,
            Guard = options.PauseGuard,
            Version = options.Version,
            Links = _links,
            IsIdle = () => directory.Count == 0 && departures.Count == 0 && toldByes.Count == 0 && _writer.IsIdle,
            IsStandingDown = () => _keeper.IsStandingDown,
        }, options.Store, _clock, options.Timers, options.Log);
        if (_links is not null) _member.Subscribe(_links);
        if (_links is not null && options.JoinFeeds is { } join) _member.Subscribe(join(_links));
        _member.Subscribe(_keeper);
        _member.Subscribe(post);
        _handOvers = new HandOvers(_services, _services.Media, _owned, _member, _system, () => _draining, Drain);
        UseLinks();
        RemoteRequests? remote = null;
        var owner = new OwnerRequests(_services, _owned.ActorOf, () => _draining, () => _member.IsCutOff, _links is null, this)
        {
            Partners = new PartnerNews(_services.Directory, index => _owned.ActorOf(index) is not null, (request, index, replyTo) =>
                remote!.Ask(request, index, null, replyTo), options.Timers),
        };
        remote = new RemoteRequests(_services, owner, _links, () => _member.View, _clock, options.Timers, options.Log);
        Router = new RequestRouter(_services, owner, remote);
    }

    /// <summary>Carries requests to their resources.</summary>
    public IRequestRouter Router { get; }

    /// <summary>This node's place in the cluster.</summary>
    public ClusterMember Cluster => _member;

    /// <summary>To the other nodes; null for a node that is alone.</summary>
    public INodeLinks? Links => _links;

    /// <summary>What the links have done; null for a node that is alone.</summary>
    public LinkStatistics? LinkStatistics => _links?.Snapshot();

    /// <summary>What is under way to each node that there is a link to.</summary>
    public IReadOnlyList<LinkLoad> LinkLoads => _links?.Loads() ?? [];

    /// <summary>What Akka has made of the cluster; null for a node that is alone.</summary>
    public ClusterPicture? ClusterPicture => _links?.Picture();

    /// <summary>What was done with calls and messages of the cluster.</summary>
    public ClusterCounters ClusterCounters => _services.Counters;

    /// <summary>Writes the journal.</summary>
    public JournalWriter Journal => _writer;

    /// <summary>The cluster's time, which this node decides by.</summary>
    public IClock Clock => _clock;

    /// <summary>Instances that this node serves.</summary>
    public int InstanceCount => _owned.Count;

    /// <summary>The actors, for diagnostics and for the simulation's leak check.</summary>
    public ActorHost Actors => _system;

    /// <summary>The resources that live here.</summary>
    internal ResourceDirectory Resources => _services.Directory;

    /// <summary>Calls that live here, released ones whose far end is still being told included.</summary>
    public int CallCount => _services.Directory.CallCount;

    /// <summary>New calls that were refused because the node had as many as it may have.</summary>
    public long CallsRefusedForMax => _limit.Refused;

    /// <summary>BYEs that were answered and whose calls are not known to be released in the journal.</summary>
    public int ToldByeCount => _services.ToldByes.Count;

    /// <summary>RTP sessions open.</summary>
    public int MediaSessionCount => _services.Media.OpenSessions;

    /// <summary>Conferences that are open in the media side.</summary>
    public int ConferenceCount => _services.Media.OpenConferences;

    /// <summary>New calls that were refused because SIP messages had to wait too long.</summary>
    public long CallsRefusedForBacklog => _backlog.Refused;

    /// <summary>New calls that were refused because the journal could not be reached.</summary>
    public long CallsRefusedForJournal => _inbound?.RefusedForJournal ?? 0;

    /// <summary>SIP transactions alive.</summary>
    public int TransactionCount => _inbound?.Layer?.Count ?? 0;

    /// <summary>SIP transactions that no timer ends.</summary>
    public int EndlessTransactionCount => _inbound?.Layer?.EndlessCount ?? 0;

    /// <summary>SIP messages dropped because the node had too much to do.</summary>
    public long SipDropped => _sip.Dropped;

    /// <summary>The trunks.</summary>
    public TrunkTable Trunks => _trunks;

    /// <summary>Tells what happens to trunks, of all nodes, while it does.</summary>
    public INotices Notices => _notices;

    /// <summary>How many calls of this node are over each trunk, by its name; trunks without any are left out.</summary>
    public IReadOnlyDictionary<string, int> CallsByTrunk() => _trunkListing.CallsByTrunk();

    /// <summary>Whether this node is registered at a trunk now.</summary>
    public bool IsRegisteredAt(Trunk trunk) => _trunks.RegistrationAt(trunk).UntilMillis > _clock.MonotonicNanos / 1_000_000;

    /// <summary>Whether the journal takes writes, the node is in the cluster and it is not draining.</summary>
    public bool IsReady => _started && !_draining && !_writer.IsStalled;

    /// <summary>Whether new calls are refused.</summary>
    public bool IsDraining => _draining;

    /// <summary>
    /// Joins the cluster of the opened store, serves the instances that are this node's with what their journals show alive, and opens the SIP side.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        _startedAtMillis = _clock.UnixMillis;
        await _services.ToldByes.ReadAsync().ConfigureAwait(false);
        if (_options.IsMedia)
        {
            var transport = _options.SipTransport(_sip);
            _trunks.Shows = transport.IsShown;
            var around = new SipCluster(_options.NodeName, index => _owned.ActorOf(index) is not null, () => _member.View, _links)
            {
                Counters = _services.Counters,
                IsCutOff = () => _member.IsCutOff,
            };
            _inbound = new InboundCalls(_services, _options.Inbound, _owned, _system, () => _draining);
            var witness = new InviteWitness(around, _clock);
            var sipActor = _system.Spawn("sip", () => new SipNodeActor(transport, _services.Directory, _inbound, _options.Random, _options.SipTimers, around,
                witness, _backlog));
            _sip.Attach(sipActor, transport, witness);
            // Calls are taken over before the trunks' actors look for themselves, and a far end may ask for the password again.
            foreach (var trunk in _trunks.All)
            {
                for (var target = 0; target < trunk.Hops.Length; target++) _ = FindAsync(trunk, target);
            }
        }
        _links?.Start(_member);
        await _member.StartAsync(cancellation).ConfigureAwait(false);
        await _keeper.StartAsync().ConfigureAwait(false);
        foreach (var trunk in _options.IsMedia ? _trunks.All : [])
        {
            var watched = trunk;
            var actor = _system.Spawn($"trunk {trunk.Name}", () => new TrunkActor(watched, _trunks, _sip, _options.Random));
            _trunkActors = _trunkActors.Add(actor);
            actor.Tell(new TrunkActor.Begin());
        }
        if (_draining) LeaveTrunks();
        Sweep(null);
        _services.ToldByes.Start();
        if (_options.IsShared && _links is not null) _handOvers.Start();
        _started = true;
    }

    /// <summary>Refuses new calls from now on; those that are up go on.</summary>
    public void Drain()
    {
        _draining = true;
        LeaveTrunks();
        _member.Drain();
    }

    private async Task FindAsync(Trunk trunk, int target)
    {
        try
        {
            var found = await _options.Resolver.ResolveAllAsync(trunk.UriAt(trunk.Hops[target])).ConfigureAwait(false);
            _trunks.Note(trunk.Name, target, found.Select(static way => way.Remote), _clock.MonotonicNanos / 1_000_000);
        }
        catch (OperationCanceledException)
        {
            // The trunk's actor asks again.
        }
    }

    /// <summary>Who takes no new calls is not registered: a registrar would go on sending some here.</summary>
    private void LeaveTrunks()
    {
        foreach (var actor in _trunkActors) actor.Tell(new TrunkActor.Leave());
    }

    /// <summary>Lets a node of the cluster drain: this one, or one that there is a link to; false where there is none.</summary>
    public bool Drain(string node) => _handOvers.Drain(node);

    /// <summary>
    /// Ends, as <c>sys</c> with cause 503, calls that are being set up and keep the others of their instance from moving to another node. False where there is
    /// no other node.
    /// </summary>
    public bool DropWhatCannotMove() => _handOvers.EndWhatIsSettingUp();

    /// <summary>Calls that another node has and that are still heard from here, because their far ends do not know yet.</summary>
    public int HandedOverCount => _services.Departures.CallCount;

    /// <summary>The names of the living nodes, in order.</summary>
    public IEnumerable<string> NodeNames => _member.View.Nodes.Select(static node => node.Name);

    /// <summary>Ends every resource: calls that are up are dropped, as <c>sys</c> with cause 503.</summary>
    public void DropAll()
    {
        foreach (var resource in _services.Directory.InOrder(static _ => true)) resource.Actor.Tell(new Decide(new NodeStops()));
    }

    /// <summary>Stops the periodic work and leaves the cluster. The ports are the caller's to close, after the calls are gone.</summary>
    public async Task StopAsync()
    {
        _draining = true;
        LeaveTrunks();
        _started = false;
        _sweep?.Cancel();
        _handOvers.Stop();
        _services.ToldByes.Stop();
        _keeper.Stop();
        await _member.StopAsync().ConfigureAwait(false);
        if (_links is not null) await _links.StopAsync().ConfigureAwait(false);
    }

    private bool IsServed(int instance) => instance < _owned.ClusterCount && _owned.ActorOf(instance) is not null;

    private void UseLinks()
    {
        if (_links is null) return;
        _member.Subscribe(new Neighbours(_handOvers, _options.IsMedia ? _sip : null));
        _handOvers.Use(_links);
        _links.Receive(LinkChannel.Resources, _services.Post);
        _links.Receive(LinkChannel.Trunks, _notices);
        if (_options.IsMedia) _links.Receive(LinkChannel.Sip, _sip);
    }

    /// <summary>Tells the SIP side who is there, and what was handed over who has it.</summary>
    private sealed class Neighbours(HandOvers handOvers, SipNodeRef? sip) : IClusterEvents
    {
        public void OnViewChanged(ClusterView before, ClusterView now)
        {
            handOvers.OnViewChanged(now);
            sip?.OnClusterChanged();
        }
    }

    /// <summary>Whether everything decided is durable and reported.</summary>
    public bool IsJournalIdle => _writer.IsIdle;

    ReadOnlyMemory<byte> INodeInfo.Describe()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        json.WriteStartObject();
        json.WriteString("name"u8, _options.NodeName);
        json.WriteStartArray("roles"u8);
        if (_options.IsGateway) json.WriteStringValue("gateway"u8);
        if (_options.IsMedia) json.WriteStringValue("media"u8);
        json.WriteEndArray();
        json.WriteString("version"u8, _options.Version);
        json.WriteNumber("instances"u8, _owned.Count);
        json.WriteNumber("epoch"u8, _member.View.Owners.Where(owner => owner.Node == _options.NodeName).Select(static owner =>
            owner.Epoch).DefaultIfEmpty().Max());
        json.WriteNumber("calls"u8, CallCount);
        json.WriteNumber("lag_ms"u8, _writer.LagMillis);
        json.WriteBoolean("draining"u8, _draining);
        if (!_member.View.Nodes.Any(node => node.Name != _options.NodeName && node is { IsMedia: true, IsDraining: false })) json.WriteBoolean("alone"u8, true);
        json.WriteNumber("started"u8, _startedAtMillis / 1000);
        json.WriteStartArray("trunks"u8);
        foreach (var trunk in _trunks.All)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, trunk.Name);
            json.WriteBoolean("up"u8, _trunks.IsUp(trunk));
            _trunkListing.WriteRegistration(trunk, json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (ClusterPicture is { } picture) ClusterDescription.Write(json, picture, _member.View, _options.NodeName);
        json.WriteEndObject();
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    ReadOnlyMemory<byte> INodeInfo.DescribeTrunks() => _trunkListing.Describe(_options.IsMedia);

    private void Sweep(object? state)
    {
        var now = _clock.UnixMillis;
        _ = SweepAsync(now);
        _sweep = _options.Timers.Schedule(SweepIntervalMillis, Sweep, null);
    }

    private async Task SweepAsync(long now)
    {
        try
        {
            await _options.Store.SweepAsync(now - _options.EventRetentionMillis, now - Limits.IdempotencyMillis,
                now - PermitAgeMillisMax).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            if (!fault.IsBroken) _options.Log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
    }
}
