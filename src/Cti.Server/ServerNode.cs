using System.Buffers;
using System.Text.Json;
using Cti.Actors;
using Cti.Calls.Api;
using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Calls.Flows;
using Cti.Calls.Resources;
using Cti.Cluster.Journal;
using Cti.Kernel;
using Cti.Media;
using Cti.Server.Calls;
using Cti.Server.Conferences;
using Cti.Server.Flows;
using Cti.Server.Instances;
using Cti.Server.Media;
using Cti.Server.Resources;
using Cti.Server.Routing;
using Cti.Server.Sip;
using Cti.Server.Trunks;
using Cti.Sip;
using Cti.Storage;

namespace Cti.Server;

/// <summary>What a node is made of: every port, and what its configuration says.</summary>
public sealed class ServerNodeOptions
{
    /// <summary>The node's name, unique in the cluster.</summary>
    public required string NodeName { get; init; }
    /// <summary>First half of the cluster's name.</summary>
    public int Area { get; init; }
    /// <summary>Second half.</summary>
    public int Station { get; init; }
    /// <summary>How many instances the cluster has, 1 or more; fixed when the store is created.</summary>
    public int InstanceCount { get; init; } = 64;
    /// <summary>Calls at once on this node; past it new ones are refused with 503.</summary>
    public int CallsMax { get; init; } = 4000;
    /// <summary>Limits of calls.</summary>
    public CallSettings Calls { get; init; } = new();
    /// <summary>SIP timers.</summary>
    public SipTimers SipTimers { get; init; } = new();
    /// <summary>Audio.</summary>
    public MediaProfile MediaProfile { get; init; } = new(["PCMA", "PCMU"], 0);
    /// <summary>Who may call in.</summary>
    public InboundPolicy Inbound { get; init; } = new([], false, "default", false);
    /// <summary>The trunks.</summary>
    public IReadOnlyList<Trunk> Trunks { get; init; } = [];
    /// <summary>Whether applications may dial hosts that are no trunk.</summary>
    public bool DialAny { get; init; }
    /// <summary>How long events are kept, in milliseconds.</summary>
    public long EventRetentionMillis { get; init; } = 24 * 3600 * 1000L;
    /// <summary>The program's version, for <c>sys.node.list</c>.</summary>
    public string Version { get; init; } = "0";

    /// <summary>Runs actors.</summary>
    public required IScheduler Scheduler { get; init; }
    /// <summary>Time.</summary>
    public required IClock Clock { get; init; }
    /// <summary>Timers.</summary>
    public required ITimers Timers { get; init; }
    /// <summary>Randomness.</summary>
    public required IRandom Random { get; init; }
    /// <summary>Log.</summary>
    public required ILog Log { get; init; }
    /// <summary>The journal.</summary>
    public required IJournalStore Store { get; init; }
    /// <summary>RTP.</summary>
    public required IMediaPort Media { get; init; }
    /// <summary>The recordings' disk.</summary>
    public required IRecordings Recordings { get; init; }
    /// <summary>Finds next hops.</summary>
    public required ISipResolver Resolver { get; init; }
    /// <summary>Makes the SIP transport; it reports to the given receiver.</summary>
    public required Func<ISipTransportEvents, ISipTransport> SipTransport { get; init; }
    /// <summary>Given events once they are durable.</summary>
    public required Action<IReadOnlyList<StoredEvent>> Publish { get; init; }
    /// <summary>Whether applications listen.</summary>
    public required ISubscribers Subscribers { get; init; }
    /// <summary>Messages between resources that vanish: a defect that a simulation puts in to show that it is found; null everywhere else.</summary>
    internal Func<ResourceCommand, bool>? Loses { get; init; }
}

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
    private readonly SipNode sip;
    private readonly NodeServices services;
    private readonly TrunkTable trunks;
    private readonly ActorRef?[] instances;
    private readonly List<InstanceJournal> owned = [];
    private InboundCalls? inbound;
    private ITimerHandle? sweep;
    private volatile bool draining;
    private volatile bool started;
    private long startedAtMillis;

    /// <summary>Puts the node together; nothing runs before <see cref="StartAsync"/>.</summary>
    public ServerNode(ServerNodeOptions options)
    {
        this.options = options;
        system = new ActorSystem(options.Scheduler, options.Clock, options.Timers, options.Log);
        writer = new JournalWriter(options.Store, options.Scheduler, options.Timers, options.Log, options.Publish);
        sip = new SipNode(options.Resolver);
        trunks = new TrunkTable(options.Trunks);
        instances = new ActorRef?[options.InstanceCount];
        services = new NodeServices
        {
            NodeName = options.NodeName,
            Area = options.Area,
            Station = options.Station,
            InstanceCount = options.InstanceCount,
            CallsMax = options.CallsMax,
            Settings = options.Calls,
            Directory = new ResourceDirectory(),
            Media = new MediaNode(options.Media),
            MediaProfile = options.MediaProfile,
            Random = options.Random,
            Subscribers = options.Subscribers,
            Recordings = options.Recordings,
            Sip = sip,
            ReInvites = new ReInvitePacer(options.Timers),
            SipTimers = options.SipTimers,
            Trunks = trunks,
            ReleasePermit = permit => _ = ReleasePermitAsync(permit),
            Loses = options.Loses,
        };
        Router = null!;
    }

    /// <summary>Carries requests to their resources. Set by <see cref="StartAsync"/>.</summary>
    public IRequestRouter Router { get; private set; }

    /// <summary>The actors, for diagnostics and for the simulation's leak check.</summary>
    public ActorSystem Actors => system;

    /// <summary>Calls that live here, released ones whose far end is still being told included.</summary>
    public int CallCount => services.Directory.CallCount;

    /// <summary>RTP sessions open.</summary>
    public int MediaSessionCount => services.Media.OpenSessions;

    /// <summary>Conferences that are open in the media side.</summary>
    public int ConferenceCount => services.Media.OpenConferences;

    /// <summary>SIP transactions alive.</summary>
    public int TransactionCount => inbound?.Layer?.Count ?? 0;

    /// <summary>SIP messages dropped because the node had too much to do.</summary>
    public long SipDropped => sip.Dropped;

    /// <summary>The trunks.</summary>
    public TrunkTable Trunks => trunks;

    /// <summary>Whether the journal takes writes, instances are owned and the node is not draining.</summary>
    public bool IsReady => started && !draining && !writer.IsStalled;

    /// <summary>Whether new calls are refused.</summary>
    public bool IsDraining => draining;

    /// <summary>
    /// Claims every instance of the opened store, recovers what the journal shows alive, and opens the SIP side.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        startedAtMillis = options.Clock.UnixMillis;
        var all = Enumerable.Range(0, options.InstanceCount).ToArray();
        var claims = await options.Store.ClaimAsync(options.NodeName, all, cancellation).ConfigureAwait(false);
        var placer = new CallPlacer(trunks, options.Store, options.Resolver, options.Random, options.Clock, options.DialAny);
        var transport = options.SipTransport(sip);
        inbound = new InboundCalls(services, options.Inbound, owned, system, () => draining);
        var sipActor = system.Spawn("sip", () => new SipActor(transport, services.Directory, inbound, options.Random, options.SipTimers));
        sip.Attach(sipActor, transport);
        var recovered = new List<ResourceCell>();
        foreach (var claim in claims)
        {
            var journal = writer.Open(options.NodeName, claim);
            var since = options.Clock.UnixMillis - Limits.IdempotencyMillis;
            var remembered = await options.Store.ReadIdempotencyAsync(claim.Instance, since, cancellation).ConfigureAwait(false);
            recovered.AddRange(Recover(journal, placer, await options.Store.ReadJournalAsync(claim.Instance, cancellation).ConfigureAwait(false)));
            instances[claim.Instance] = system.Spawn($"instance {claim.Instance}", () => new InstanceActor(services, journal, placer, options.Store, remembered));
            owned.Add(journal);
        }
        options.Log.Write(LogEvents.InstancesClaimed, owned.Count, recovered.Count);
        Router = new RequestRouter(services, instances, () => draining, this);
        // The newest entry of all shows how long the last process lived at least.
        var lostAt = recovered.Count == 0 ? 0 : recovered.Max(static cell => cell.Latest!.LastMillis);
        foreach (var cell in recovered) cell.Actor.Tell(new Recover(lostAt));
        foreach (var trunk in trunks.All)
        {
            var watched = trunk;
            system.Spawn($"trunk {trunk.Name}", () => new TrunkActor(watched, services)).Tell(new TrunkActor.Begin());
        }
        Sweep(null);
        started = true;
    }

    /// <summary>Refuses new calls from now on; those that are up go on.</summary>
    public void Drain() => draining = true;

    /// <summary>Ends every resource: calls that are up are dropped, as <c>sys</c> with cause 503.</summary>
    public void DropAll()
    {
        // In order of creation: a table of its own order would be another in every process, and no seed could replay it.
        foreach (var cell in services.Directory.All.OrderBy(static cell => cell.Latest?.Id.ProcessId)) cell.Actor.Tell(new Decide(new NodeStops()));
    }

    /// <summary>Stops the periodic work. The ports are the caller's to close, after the calls are gone.</summary>
    public void Stop()
    {
        draining = true;
        started = false;
        sweep?.Cancel();
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
        json.WriteStringValue("gateway"u8);
        json.WriteStringValue("media"u8);
        json.WriteEndArray();
        json.WriteString("version"u8, options.Version);
        json.WriteNumber("instances"u8, owned.Count);
        json.WriteNumber("calls"u8, CallCount);
        json.WriteBoolean("draining"u8, draining);
        json.WriteNumber("started"u8, startedAtMillis / 1000);
        json.WriteStartArray("trunks"u8);
        foreach (var trunk in trunks.All)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, trunk.Name);
            json.WriteBoolean("up"u8, trunks.IsUp(trunk));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private List<ResourceCell> Recover(InstanceJournal journal, CallPlacer placer, IReadOnlyList<JournalEntry> entries)
    {
        var cells = new List<ResourceCell>();
        var states = new Dictionary<string, ResourceState>(StringComparer.Ordinal);
        foreach (var entry in entries) states[entry.ResourceId] = Fold(states.GetValueOrDefault(entry.ResourceId), entry);
        foreach (var state in states.Values)
        {
            var cell = CellOf(state, journal, placer);
            cell.Restore(state);
            services.Directory.Add(state.Id, cell);
            cells.Add(cell);
        }
        return cells;
    }

    private static ResourceState Fold(ResourceState? state, JournalEntry entry) => ResourceId.TryParse(entry.ResourceId, out var id) ? id.Module switch
    {
        Modules.Call => CallDecider.Apply((CallState?)state, CallEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.Conference => ConferenceDecider.Apply((ConferenceState?)state, ConferenceEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        Modules.NotifyCall or Modules.CaptchaCall or Modules.DuoCallback => FlowDecider.Apply((FlowState?)state, FlowEntryCodec.Decode(entry.Version, entry.Payload.Span)),
        _ => throw new NotSupportedException($"the journal has a {id.Module}, which this version does not know"),
    } : throw new InvalidOperationException($"the journal names a resource {entry.ResourceId}");

    private ResourceCell CellOf(ResourceState state, InstanceJournal journal, CallPlacer placer)
    {
        switch (state)
        {
            case ConferenceState:
                var conference = new ConferenceCell(journal);
                conference.Actor = system.Spawn($"conference {state.Id}", () => new ConferenceActor(services, conference));
                return conference;
            case FlowState:
                var flow = new FlowCell(journal);
                flow.Actor = system.Spawn($"flow {state.Id}", () => new FlowActor(services, flow, placer));
                return flow;
            default:
                var call = new CallCell(journal);
                call.Actor = system.Spawn($"call {state.Id}", () => new CallActor(services, call));
                return call;
        }
    }

    private void Sweep(object? state)
    {
        var now = options.Clock.UnixMillis;
        _ = SweepAsync(now);
        sweep = options.Timers.Schedule(SweepIntervalMillis, Sweep, null);
    }

    private async Task ReleasePermitAsync(string permit)
    {
        try
        {
            await options.Store.ReleasePermitAsync(permit).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            // The sweep frees it: it is tied to no resource.
            options.Log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
    }

    private async Task SweepAsync(long now)
    {
        try
        {
            await options.Store.SweepAsync(now - options.EventRetentionMillis, now - Limits.IdempotencyMillis, now - PermitAgeMillisMax).ConfigureAwait(false);
        }
        catch (StoreUnavailableException fault)
        {
            options.Log.Write(LogEvents.JournalUnreachable, fault.Message);
        }
    }
}
