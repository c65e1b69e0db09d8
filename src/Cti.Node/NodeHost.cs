using System.Globalization;
using System.Net;
using System.Reflection;
using System.Runtime;
using Cti.Actors;
using Cti.Actors.Feeds;
using Cti.Actors.Instances;
using Cti.Actors.MediaNode;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls;
using Cti.Calls.Speech;
using Cti.Gateway;
using Cti.Gateway.Access;
using Cti.Kernel;
using Cti.Media.Files;
using Cti.Node.Configuration;
using Cti.Node.Demo;
using Cti.Node.Logging;
using Cti.Node.Records;
using Cti.Persistence;
using Cti.Persistence.Files;
using Cti.Persistence.Memory;
using Cti.Persistence.PostgreSql;
using Cti.Persistence.Sqlite;
using Cti.Sip;
using Cti.Sip.Transaction;
using Cti.Transport.Links;
using Cti.Transport.Media;
using Cti.Transport.Runtime;
using Cti.Transport.Sip;
using Cti.Transport.Speech;

namespace Cti.Node;

/// <summary>One running node: makes every port for real, starts the parts in order, and stops them in reverse.</summary>
public sealed class NodeHost : IAsyncDisposable, IGatewayStatus
{
    private const long PromptCacheBytes = 256L * 1024 * 1024;

    private readonly NodeConfiguration configuration;
    private readonly ConsoleLog console;
    private readonly SummingLog log;
    private readonly SystemClock clock = new();
    private readonly PoolScheduler scheduler;
    private readonly SystemTimers timers;
    private readonly PauseGuard guard;
    private readonly CompilerRank compilerRank = new();
    private readonly CancellationTokenSource demoStop = new();
    private IJournalStore? store;
    private MediaEngine? media;
    private HttpSpeechEngine? speechService;
    private SipTransport? sip;
    private ServerNode? server;
    private GatewayServer? gateway;
    private NodeMetrics? metrics;
    private ClusterMetrics? clusterMetrics;
    private CallRecordKeeper? records;
    private DescriptorBudget descriptors = null!;
    private Task demo = Task.CompletedTask;

    private NodeHost(NodeConfiguration configuration)
    {
        this.configuration = configuration;
        console = new ConsoleLog(configuration.Log.Level, Console.Error);
        scheduler = new PoolScheduler(console);
        timers = new SystemTimers(clock, scheduler);
        log = new SummingLog(console, clock, timers);
        guard = new PauseGuard(IsShared ? (long)configuration.Cluster.Lease.TotalNanoseconds / 2 : 0);
    }

    /// <summary>Whether other nodes may have the same journal.</summary>
    private bool IsShared => configuration.Journal.Provider == JournalProvider.PostgreSql;

    private bool IsMedia => configuration.Node.Roles.HasFlag(NodeRoles.Media);

    private bool IsGateway => configuration.Node.Roles.HasFlag(NodeRoles.Gateway);

    /// <summary>Where the other nodes reach this one.</summary>
    private string LinkAddress => configuration.Cluster switch
    {
        { Listen: null } => "",
        { Advertise: { } advertise, Listen: { } listen } => (advertise with { Port = advertise.Port ?? listen.Port }).ToString(),
        { Listen: { } listen } => listen.ToString(),
    };

    /// <summary>The program's version.</summary>
    public static string Version { get; } = typeof(NodeHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    string? IGatewayStatus.WhyNotReady => server switch
    {
        null => "the node is starting",
        { IsReady: true } => null,
        { IsDraining: true } => "the node is draining",
        { Journal.WhyBroken: not null } => "the journal is damaged or gone; the node's log says what to do",
        _ => "the journal cannot be reached",
    };

    DrainRefusal? IGatewayStatus.Drain(string node)
    {
        if (server is not { } running) return new DrainRefusal(false, "the node is starting");
        if (running.Drain(node)) return null;
        var known = running.NodeNames.ToList();
        return known.Contains(node)
            ? new DrainRefusal(false, $"{configuration.Node.Name} has no link to {node} at the moment, so {node} was not told; ask its own gateway, or try again in a moment")
            : new DrainRefusal(true, $"there is no node {node} in the cluster; there {(known.Count == 1 ? "is" : "are")} {string.Join(", ", known)}");
    }

    /// <summary>Runs a node until it is told to stop; calls that are up get the configured time to end.</summary>
    /// <returns>The process's exit code: 0, or 1 when it could not start.</returns>
    public static async Task<int> RunAsync(NodeConfiguration configuration, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
        var host = new NodeHost(configuration);
        await using (host.ConfigureAwait(false))
        {
            try
            {
                await host.StartAsync(cancellation).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is StoreMismatchException or StoreUnavailableException or IOException or UnauthorizedAccessException
                or System.Net.Sockets.SocketException or ArgumentException or InvalidDataException or NotSupportedException)
            {
                await Console.Error.WriteLineAsync(StartFailure.Explain(fault is ListenException unusable ? new IOException(configuration.Describe(unusable), unusable) : fault)).ConfigureAwait(false);
                return 1;
            }
            await WaitAsync(cancellation).ConfigureAwait(false);
            await host.DrainAsync().ConfigureAwait(false);
            return 0;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await demoStop.CancelAsync().ConfigureAwait(false);
        await demo.ConfigureAwait(false);
        if (gateway is not null) await gateway.DisposeAsync().ConfigureAwait(false);
        metrics?.Dispose();
        clusterMetrics?.Dispose();
        if (server is not null) await server.StopAsync().ConfigureAwait(false);
        sip?.Dispose();
        media?.Dispose();
        speechService?.Dispose();
        if (records is not null) await records.DisposeAsync().ConfigureAwait(false);
        if (store is not null) await store.DisposeAsync().ConfigureAwait(false);
        log.Dispose();
        timers.Dispose();
        compilerRank.Dispose();
        demoStop.Dispose();
        log.Write(LogEvents.NodeStopped);
        await console.DisposeAsync().ConfigureAwait(false);
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        foreach (var warning in configuration.Warnings) log.Write(LogEvents.ConfigurationWarning, warning);
        var wishes = Wishes();
        descriptors = DescriptorBudget.Divide(DescriptorLimit.Raise(), DescriptorLimit.InUse(), wishes);
        descriptors.Tell(wishes, log);
        var recordRoot = Path.GetFullPath(configuration.Media.RecordRoot);
        var mediaRoot = Path.GetFullPath(configuration.Media.Root);
        var prompts = Path.Combine(AppContext.BaseDirectory, "prompts");
        var recordingModes = new RecordingModes(configuration.Media.RecordFileMode, configuration.Media.RecordDirectoryMode);
        // What lies above is no recordings' folder.
        if (Path.GetDirectoryName(recordRoot) is { Length: > 0 } above) Directory.CreateDirectory(above);
        recordingModes.MakeFolder(recordRoot);
        var folders = new MediaFolders(mediaRoot, prompts, recordRoot, Folders());

        store = OpenStore();
        await store.OpenAsync(configuration.Instances, cancellation).ConfigureAwait(false);
        var hub = await EventHub.CreateAsync(store, scheduler, clock, timers, cancellation).ConfigureAwait(false);
        hub.DeliveryPaused = (application, group, events) => log.Write(LogEvents.FeedGroupPaused, application, group, events);
        var soundLibrary = new SoundLibrary(configuration.Media.SoundLibrary);
        if (IsMedia) media = new MediaEngine(MediaOptions() with { SoundLibrary = soundLibrary, RecordingModes = recordingModes }, Prompts(folders, soundLibrary), clock, SystemRandom.Instance, log);
        var resolver = new SipResolver((kind, family) => sip!.FindListener(kind, family), clock, SystemRandom.Instance);
        server = new ServerNode(new ServerNodeOptions
        {
            NodeName = configuration.Node.Name,
            IsGateway = IsGateway,
            IsMedia = IsMedia,
            IsShared = IsShared,
            LeaseMillis = (int)configuration.Cluster.Lease.TotalMilliseconds,
            PauseGuard = guard,
            LinkAddress = LinkAddress,
            LinkListen = configuration.Cluster.Listen?.ToString() ?? "",
            ClusterSecret = configuration.Cluster.Secret?.Reveal() ?? "",
            LinkTransport = configuration.Cluster.Listen is null ? null : new TcpLinkTransport(log),
            Area = configuration.Area,
            Station = configuration.Station,
            InstanceCount = configuration.Instances,
            CallsMax = configuration.Node.CallsMax,
            Calls = new Cti.Calls.Resources.CallSettings
            {
                SetupTimeoutMillis = (long)configuration.Call.SetupTimeout.TotalMilliseconds,
                OfferTimeoutMillis = (long)configuration.Call.OfferTimeout.TotalMilliseconds,
                IdleReleaseMillis = (long)configuration.Call.IdleRelease.TotalMilliseconds,
                TimeZone = configuration.Cdr.TimeZone,
            },
            SipTimers = new SipTimers((int)configuration.Sip.Timers.T1.TotalMilliseconds, (int)configuration.Sip.Timers.T2.TotalMilliseconds, (int)configuration.Sip.Timers.T4.TotalMilliseconds),
            MediaProfile = new MediaProfile(configuration.Media.Codecs, (int)configuration.Media.Inactivity.TotalMilliseconds, configuration.Media.RingBackCountry)
            {
                Latch = configuration.Media.Latch,
                Idle = configuration.Media.Idle,
            },
            Inbound = new InboundPolicy([.. configuration.Routes.Select(ToRoute)], configuration.Sip.AcceptAny, configuration.Gateway.DefaultApplication, configuration.Demo),
            Trunks = [.. configuration.Trunks.Select(ToTrunk)],
            DialPolicy = configuration.Sip.DialPolicy,
            DialAny = configuration.Sip.DialAny,
            EventRetentionMillis = (long)configuration.Events.Retention.TotalMilliseconds,
            Version = Version,
            Scheduler = scheduler,
            Clock = clock,
            Timers = timers,
            Random = SystemRandom.Instance,
            Log = log,
            Store = store,
            Media = media,
            JoinFeeds = links => hub.JoinCluster(configuration.Node.Name, links, log),
            Recordings = new MediaFiles(folders, soundLibrary, media),
            ToldByes = new SpoolFile(Path.Combine(Path.GetFullPath(configuration.Data), $"answered-byes-{Uri.EscapeDataString(configuration.Node.Name)}")),
            Resolver = resolver,
            SipTransport = events => sip = new SipTransport(SipOptions(), events, clock, timers, log),
            Publish = hub.Publish,
            Subscribers = hub,
        });
        await server.StartAsync(cancellation).ConfigureAwait(false);
        sip?.Start();
        records = KeepRecords(store);
        records.Start();
        metrics = new NodeMetrics(server, media, sip, descriptors, wishes);
        clusterMetrics = new ClusterMetrics(server);
        if (IsGateway) gateway = await GatewayServer.StartAsync(GatewayOptions(mediaRoot, folders), server.Router, hub, this, clock, log, cancellation).ConfigureAwait(false);
        if (configuration.Demo) demo = new DemoApplication(server.Router, hub, "demo/", () => TimeZoneInfo.ConvertTime(DateTimeOffset.UtcNow, configuration.Cdr.TimeZone), log).RunAsync(demoStop.Token);
        log.Write(LogEvents.NodeStarted, configuration.Node.Name, IsMedia ? string.Join(", ", configuration.Sip.Listen.Select(static listener => listener.ToString())) : "nothing",
            gateway is null ? "nothing" : string.Join(", ", gateway.Urls), Path.GetFullPath(configuration.Data));
    }

    private async Task DrainAsync()
    {
        var limit = configuration.Node.DrainTimeout;
        server!.Drain();
        log.Write(LogEvents.NodeStopping, server.CallCount, limit.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        if (await CallsEndAsync(limit).ConfigureAwait(false)) return;
        if (server.DropWhatCannotMove() && await CallsEndAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false)) return;
        log.Write(LogEvents.NodeDropping, server.CallCount);
        server.DropAll();
        await CallsEndAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
    }

    private async Task<bool> CallsEndAsync(TimeSpan limit)
    {
        using var over = new CancellationTokenSource(limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        try
        {
            while (server!.CallCount > 0 || server.HandedOverCount > 0 || !server.IsJournalIdle) await tick.WaitForNextTickAsync(over.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task WaitAsync(CancellationToken cancellation)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellation.Register(() => stopped.TrySetResult()).ConfigureAwait(false)) await stopped.Task.ConfigureAwait(false);
    }

    private CallRecordKeeper KeepRecords(IJournalStore from)
    {
        var cdr = configuration.Cdr;
        var options = new CallRecordKeeperOptions { Node = configuration.Node.Name, RetentionMillis = (long)cdr.Retention.TotalMilliseconds };
        return new CallRecordKeeper(options, from, cdr.Csv ? new CallRecordFiles(cdr.Directory, cdr.TimeZone, cdr.CsvFormulas == CsvFormulas.Keep) : null, clock, timers, log);
    }

    private IJournalStore OpenStore() => configuration.Journal.Provider switch
    {
        JournalProvider.Sqlite => new SqliteJournalStore(new SqliteOptions { Path = Path.GetFullPath(configuration.Journal.File), Broke = why => log.Write(LogEvents.JournalBroken, why) }),
        JournalProvider.PostgreSql => new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = configuration.Journal.ConnectionString!.Reveal(),
            ConnectTimeout = configuration.Journal.ConnectTimeout,
            CommandTimeout = configuration.Journal.CommandTimeout,
            ApplicationName = "cti " + configuration.Node.Name,
        }),
        _ => new MemoryJournalStore(new MemoryDisk()),
    };

    private PromptLibrary Prompts(MediaFolders folders, SoundLibrary soundLibrary)
    {
        var spoken = SpokenLanguages.FromTag(configuration.Media.Language)!.Value;
        return new PromptLibrary(new PromptCache(folders, PromptCacheBytes, soundLibrary), configuration.Media.Language, name => SpokenNames.Expand(name, spoken), TextToSpeech());
    }

    /// <summary>The folders of every application that is configured; without any there is the default one.</summary>
    private Dictionary<string, ApplicationFolders> Folders()
    {
        var folders = configuration.Gateway.Applications.Values.ToDictionary(static application => application.Name, static application => new ApplicationFolders(application.MediaRoot, application.RecordRoot));
        if (folders.Count == 0) folders.Add(configuration.Gateway.DefaultApplication, new ApplicationFolders(null, null));
        return folders;
    }

    private SpeechCache? TextToSpeech()
    {
        var tts = configuration.Speech;
        switch (tts.Engine)
        {
            case SpeechEngineKind.Espeak:
                return new SpeechCache(new EspeakEngine(tts.Program, tts.Timeout), tts.Cache);
            case SpeechEngineKind.Http:
                var options = new HttpSpeechOptions(tts.Url!.Reveal(), [.. tts.Headers.Select(static header => (header.Name, header.Value.Reveal()))], tts.Timeout);
                speechService = new HttpSpeechEngine(options);
                return new SpeechCache(speechService, tts.Cache);
            default:
                return null;
        }
    }

    private DescriptorWishes Wishes()
    {
        var fixedOnes = configuration.Sip.Listen.Length + configuration.Gateway.Listen.Length
            + (configuration.Journal.ConnectionString is { } database ? PostgreSqlOptions.ConnectionsMax(database.Reveal()) : 0)
            + (configuration.Cluster.Listen is null ? 0 : Limits.LinkPeersMax + Limits.LinkPendingMax)
            + (configuration.Speech.Engine == SpeechEngineKind.None ? 0 : configuration.Speech.Concurrency * Limits.DescriptorsPerSpeech);
        var hasTcp = configuration.Sip.Listen.Any(static listener => listener.Protocol == SipProtocol.Tcp);
        return new DescriptorWishes(
            IsMedia ? (configuration.Media.PortLast - configuration.Media.PortFirst + 1) / 2 : 0,
            IsMedia && hasTcp ? configuration.Sip.Tcp.MaxConnections : 0,
            IsGateway ? configuration.Gateway.MaxConnections : 0,
            fixedOnes);
    }

    private MediaEngineOptions MediaOptions()
    {
        var address = configuration.Media.Address;
        var advertised = configuration.Media.Advertise;
        var isIPv6 = address?.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        return new MediaEngineOptions
        {
            IPv4 = address is null || !isIPv6 ? address ?? IPAddress.Any : null,
            IPv6 = address is null ? IPAddress.IPv6Any : isIPv6 ? address : null,
            AdvertisedIPv4 = advertised is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetwork } ? advertised : null,
            AdvertisedIPv6 = advertised is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6 } ? advertised : null,
            LinkAddress = configuration.Cluster.MediaAddress,
            PauseGuard = guard,
            PortFirst = configuration.Media.PortFirst,
            PortLast = configuration.Media.PortLast,
            Loops = configuration.Media.Loops,
            SpeechThreads = configuration.Speech.Concurrency,
            SessionsMax = descriptors.Sessions,
        };
    }

    private SipTransportOptions SipOptions()
    {
        var advertise = configuration.Sip.Advertise;
        return new SipTransportOptions
        {
            Listeners = [.. configuration.Sip.Listen.Select(listener => new SipListenerOptions(
                listener.Protocol == SipProtocol.Udp ? SipTransportKind.Udp : SipTransportKind.Tcp,
                listener.Address,
                advertise is null ? null : new SipHostPort(advertise.Host, advertise.Port ?? listener.Address.Port)))],
            IsTrunk = address => server!.Trunks.ForSource(new IPEndPoint(address, 0)) is not null,
            ConnectionsMax = Math.Max(1, descriptors.SipConnections),
            IdleMillis = (int)configuration.Sip.Tcp.IdleTimeout.TotalMilliseconds,
            ConnectMillisMax = (int)configuration.Sip.Tcp.ConnectTimeout.TotalMilliseconds,
            ReceiveBufferBytes = configuration.Sip.ReceiveBuffer,
            PauseGuard = guard,
        };
    }

    private GatewayOptions GatewayOptions(string mediaRoot, MediaFolders folders)
    {
        var applications = configuration.Gateway.Applications.Values.Select(application => new ApplicationOptions(application.Name, [.. application.Keys])
        {
            Admin = application.Admin,
            RequestsPerSecond = application.Rate,
            Burst = application.Burst,
            ConnectionsMax = application.MaxConnections,
            MediaRoots = RootsOf(application.Name),
        }).ToList();
        var onlyDefault = applications.Count == 0;
        if (onlyDefault)
        {
            var file = Path.GetFullPath(configuration.Gateway.KeysFile);
            var (key, isNew) = DefaultKey.LoadOrCreate(file);
            applications.Add(new ApplicationOptions(configuration.Gateway.DefaultApplication, [DefaultKey.Hash(key)]) { Admin = true, MediaRoots = RootsOf(configuration.Gateway.DefaultApplication) });
            // Printed once, to the terminal of whoever starts it first; never logged.
            if (isNew) Console.WriteLine($"A key for application {configuration.Gateway.DefaultApplication} was made: {key}\nIt is kept in {file}, readable by you only.");
        }

        // A full path in any of these is a media file's; which of them the application may hear is told where it is played.
        Cti.Contract.MediaRoots RootsOf(string application) => new(mediaRoot, folders.RecordRootOf(application)) { MorePlay = [.. folders.PrivateRoots] };

        return new GatewayOptions
        {
            States = StateTable.Instance,
            Spoken = SpokenRules.Instance,
            Listen = [.. configuration.Gateway.Listen.Select(static url => url.ToString())],
            Applications = [.. applications],
            OnlyDefaultKey = onlyDefault,
            Version = Version,
            RequestBytesMax = configuration.Gateway.RequestBytes,
            ConnectionsMax = descriptors.GatewayConnections,
        };
    }

    private static InboundRoute ToRoute(RouteSettings route) => new(route.To ?? "*", route.From ?? "*", route.Trunk, route.Application);

    private static Trunk ToTrunk(TrunkSettings trunk) => new()
    {
        Name = trunk.Name,
        Host = trunk.Address.Host,
        // A name without a port may have service records.
        Port = trunk.Address.Port ?? (IPAddress.TryParse(trunk.Address.Host.Trim('[', ']'), out _) ? 5060 : 0),
        Transport = trunk.Transport == SipProtocol.Udp ? SipTransportKind.Udp : SipTransportKind.Tcp,
        MaxCalls = trunk.MaxCalls,
        User = trunk.Auth?.User,
        Password = trunk.Auth?.Password.Reveal(),
        Realms = trunk.Auth?.Realms ?? [],
        Register = trunk.Register,
        RegisterSeconds = (int)trunk.RegisterExpires.TotalSeconds,
        FromUser = trunk.FromUser,
        FromDomain = trunk.FromDomain,
        AssertIdentity = trunk.AssertIdentity,
        Dtmf = trunk.Dtmf switch
        {
            DtmfMode.Info => TrunkDtmf.Info,
            DtmfMode.Inband => TrunkDtmf.InBand,
            _ => TrunkDtmf.Rfc4733,
        },
        OptionsIntervalMillis = (int)trunk.OptionsInterval.TotalMilliseconds,
        Latch = trunk.Media.Latch,
        Idle = trunk.Media.Idle,
    };
}
