using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Security;
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
using Cti.Cluster;
using Cti.Gateway;
using Cti.Gateway.Access;
using Cti.Kernel;
using Cti.Media.Codecs;
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
using Cti.Transport.Media;
using Cti.Transport.Runtime;
using Cti.Transport.Sip;
using Cti.Transport.Speech;
using Cti.Transport.Tls;

namespace Cti.Node;

/// <summary>One running node: makes every port for real, starts the parts in order, and stops them in reverse.</summary>
public sealed class NodeHost : IAsyncDisposable, IGatewayStatus
{
    private const long PromptCacheBytes = 256L * 1024 * 1024;

    private readonly NodeConfiguration _configuration;
    private readonly ConsoleLog _console;
    private readonly SummingLog _log;
    private readonly SystemClock _clock = new();
    private readonly PoolScheduler _scheduler;
    private readonly SystemTimers _timers;
    private readonly PauseGuard _guard;
    private readonly CompilerRank _compilerRank = new();
    private readonly CancellationTokenSource _demoStop = new();
    private IJournalStore? _store;
    private MediaEngine? _media;
    private HttpSpeechEngine? _speechService;
    private SipTransport? _sip;
    private SipTls? _sipTls;
    private ServerNode? _server;
    private GatewayServer? _gateway;
    private NodeMetrics? _metrics;
    private ClusterMetrics? _clusterMetrics;
    private CallRecordKeeper? _records;
    private DescriptorBudget _descriptors = null!;
    private Task _demo = Task.CompletedTask;

    private NodeHost(NodeConfiguration configuration)
    {
        _configuration = configuration;
        _console = new ConsoleLog(configuration.Log.Level, Console.Error);
        _scheduler = new PoolScheduler(_console);
        _timers = new SystemTimers(_clock, _scheduler);
        _log = new SummingLog(_console, _clock, _timers);
        _guard = new PauseGuard(IsShared ? (long)configuration.Cluster.Lease.TotalNanoseconds / 2 : 0);
    }

    /// <summary>Whether other nodes may have the same journal.</summary>
    private bool IsShared => _configuration.Journal.Provider == JournalProvider.PostgreSql;

    private bool IsMedia => _configuration.Node.Roles.HasFlag(NodeRoles.Media);

    private bool IsGateway => _configuration.Node.Roles.HasFlag(NodeRoles.Gateway);

    /// <summary>Where the other nodes reach this one.</summary>
    private string LinkAddress => _configuration.Cluster switch
    {
        { Listen: null } => "",
        { Advertise: { } advertise, Listen: { } listen } => (advertise with { Port = advertise.Port ?? listen.Port }).ToString(),
        { Listen: { } listen } => listen.ToString(),
    };

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(NodeHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    string? IGatewayStatus.WhyNotReady => _server switch
    {
        null => "the node is starting",
        { IsReady: true } => null,
        { IsDraining: true } => "the node is draining",
        { Journal.WhyBroken: not null } => "the journal is damaged or gone; the node's log says what to do",
        _ => "the journal cannot be reached",
    };

    DrainRefusal? IGatewayStatus.Drain(string node)
    {
        if (_server is not { } running) return new DrainRefusal(false, "the node is starting");
        if (running.Drain(node)) return null;
        var known = running.NodeNames.ToList();
        return known.Contains(node)
            ? new DrainRefusal(false,
            $"{_configuration.Node.Name} has no link to {node} at the moment, so {node} was not told; ask its own gateway, or try again in a moment")
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
                await Console.Error.WriteLineAsync(StartFailure.Explain(fault is ListenException unusable
                    ? new IOException(configuration.Describe(unusable), unusable)
                    : fault)).ConfigureAwait(false);
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
        await _demoStop.CancelAsync().ConfigureAwait(false);
        await _demo.ConfigureAwait(false);
        if (_gateway is not null) await _gateway.DisposeAsync().ConfigureAwait(false);
        _metrics?.Dispose();
        _clusterMetrics?.Dispose();
        if (_server is not null) await _server.StopAsync().ConfigureAwait(false);
        _sip?.Dispose();
        _sipTls?.Dispose();
        _media?.Dispose();
        _speechService?.Dispose();
        if (_records is not null) await _records.DisposeAsync().ConfigureAwait(false);
        if (_store is not null) await _store.DisposeAsync().ConfigureAwait(false);
        _log.Dispose();
        _timers.Dispose();
        _compilerRank.Dispose();
        _demoStop.Dispose();
        _log.Write(LogEvents.NodeStopped);
        await _console.DisposeAsync().ConfigureAwait(false);
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        foreach (var warning in _configuration.Warnings) _log.Write(LogEvents.ConfigurationWarning, warning);
        var wishes = Wishes();
        _descriptors = DescriptorBudget.Divide(DescriptorLimit.Raise(), DescriptorLimit.InUse(), wishes);
        _descriptors.Tell(wishes, _configuration.IsSet, _log);
        // What cannot be used is told before anybody counts on this node.
        _sipTls = TlsWiring.Open(_configuration, () => _server!.Trunks, _clock, _log);
        var certificate = _configuration.Gateway.Tls is { } tls ? CertificateFiles.Own(tls.Certificate, tls.Key, _clock, _log) : null;
        var recordRoot = Path.GetFullPath(_configuration.Media.RecordRoot);
        var mediaRoot = Path.GetFullPath(_configuration.Media.Root);
        var prompts = Path.Combine(AppContext.BaseDirectory, "prompts");
        var recordingModes = new RecordingModes(_configuration.Media.RecordFileMode, _configuration.Media.RecordDirectoryMode);
        MakeRecordRoot(recordRoot, recordingModes);
        var folders = new MediaFolders(mediaRoot, prompts, recordRoot, Folders());

        _store = OpenStore();
        await _store.OpenAsync(_configuration.Instances, cancellation).ConfigureAwait(false);
        var hub = await EventHub.CreateAsync(_store, _scheduler, _clock, _timers, cancellation).ConfigureAwait(false);
        hub.DeliveryPaused = (application, group, events) => _log.Write(LogEvents.FeedGroupPaused, application, group, events);
        var soundLibrary = new SoundLibrary(_configuration.Media.SoundLibrary);
        var able = CodecWiring.Able();
        if (IsMedia && CodecWiring.WantsOpus(_configuration) && !OpusLibrary.IsPresent) _log.Write(LogEvents.OpusMissing, OpusLibrary.Missing);
        if (IsMedia)
            _media = new MediaEngine(MediaOptions() with { SoundLibrary = soundLibrary, RecordingModes = recordingModes }, Prompts(folders, soundLibrary),
                _clock, SystemRandom.Instance, _log);
        var resolver = new SipResolver((kind, family) => _sip!.FindListener(kind, family), _clock, SystemRandom.Instance);
        _server = new ServerNode(new ServerNodeOptions
        {
            NodeName = _configuration.Node.Name,
            IsGateway = IsGateway,
            IsMedia = IsMedia,
            IsShared = IsShared,
            LeaseMillis = (int)_configuration.Cluster.Lease.TotalMilliseconds,
            PauseGuard = _guard,
            LinkAddress = LinkAddress,
            Network = _configuration.Cluster.Listen is null ? null : ports => ClusterWiring.Open(_configuration, ports, LinkAddress, _clock, _timers, _log),
            Area = _configuration.Area,
            Station = _configuration.Station,
            InstanceCount = _configuration.Instances,
            CallsMax = _configuration.Node.CallsMax,
            Calls = new Cti.Calls.Resources.CallSettings
            {
                SetupTimeoutMillis = (long)_configuration.Call.SetupTimeout.TotalMilliseconds,
                OfferTimeoutMillis = (long)_configuration.Call.OfferTimeout.TotalMilliseconds,
                IdleReleaseMillis = (long)_configuration.Call.IdleRelease.TotalMilliseconds,
                TimeZone = _configuration.Cdr.TimeZone,
            },
            SipTimers = new SipTimers((int)_configuration.Sip.Timers.T1.TotalMilliseconds, (int)_configuration.Sip.Timers.T2.TotalMilliseconds,
                (int)_configuration.Sip.Timers.T4.TotalMilliseconds),
            SipProfile = _configuration.Sip.Profile,
            MediaProfile = new MediaProfile(CodecWiring.Offered(_configuration.Media.Codecs, able), (int)_configuration.Media.Inactivity.TotalMilliseconds,
                _configuration.Media.RingBackCountry)
            {
                Able = able,
                Latch = _configuration.Media.Latch,
                Idle = _configuration.Media.Idle,
                Srtp = _configuration.Media.Srtp,
                SrtpSuites = _configuration.Media.SrtpSuites,
            },
            Inbound = new InboundPolicy([.. _configuration.Routes.Select(TrunkWiring.ToRoute)], _configuration.Sip.AcceptAny,
                _configuration.Gateway.DefaultApplication,
                _configuration.Demo),
            HeardHeaders = _configuration.Gateway.Applications.ToImmutableDictionary(static pair => pair.Key, static pair => pair.Value.Headers),
            Trunks = [.. _configuration.Trunks.Select(trunk => TrunkWiring.ToTrunk(trunk, able))],
            DialPolicy = _configuration.Sip.DialPolicy,
            DialAny = _configuration.Sip.DialAny,
            EventRetentionMillis = (long)_configuration.Events.Retention.TotalMilliseconds,
            Version = Version,
            Scheduler = _scheduler,
            Clock = _clock,
            Timers = _timers,
            Random = SystemRandom.Instance,
            Log = _log,
            Store = _store,
            Media = _media,
            JoinFeeds = links => hub.JoinCluster(_configuration.Node.Name, links, _log),
            Recordings = new MediaFiles(folders, soundLibrary, _media),
            ToldByes = new SpoolFile(Path.Combine(Path.GetFullPath(_configuration.Data), $"answered-byes-{Uri.EscapeDataString(_configuration.Node.Name)}")),
            Resolver = resolver,
            SipTransport = events => _sip = new SipTransport(SipOptions(), events, _clock, _timers, _log),
            Publish = hub.Publish,
            Subscribers = hub,
        });
        await _server.StartAsync(cancellation).ConfigureAwait(false);
        _sip?.Start();
        _records = KeepRecords(_store);
        _records.Start();
        _metrics = new NodeMetrics(_server, _media, _sip, _descriptors, wishes);
        _clusterMetrics = new ClusterMetrics(_server);
        if (IsGateway)
            _gateway = await GatewayServer.StartAsync(GatewayOptions(mediaRoot, folders, certificate), _server.Router, hub, this, _clock, _log, cancellation)
                .ConfigureAwait(false);
        if (_configuration.Demo)
            _demo = new DemoApplication(_server.Router, hub, "demo/", () => TimeZoneInfo.ConvertTime(DateTimeOffset.UtcNow, _configuration.Cdr.TimeZone), _log)
                .RunAsync(_demoStop.Token);
        _log.Write(LogEvents.NodeStarted, _configuration.Node.Name,
            IsMedia ? string.Join(", ", _configuration.Sip.Listen.Select(static listener => listener.ToString())) : "nothing",
            _gateway is null ? "nothing" : string.Join(", ", _gateway.Urls), Path.GetFullPath(_configuration.Data));
    }

    /// <summary>Calls need no recordings' disk: one that does not answer keeps no node from starting.</summary>
    private void MakeRecordRoot(string root, RecordingModes modes)
    {
        var isMade = StartLimit.Within("record root", Limits.DiskQuestionMillisMax, () =>
        {
            // What lies above is no recordings' folder.
            if (Path.GetDirectoryName(root) is { Length: > 0 } above) Directory.CreateDirectory(above);
            modes.MakeFolder(root);
        });
        if (!isMade) _log.Write(LogEvents.RecordRootSilent, root);
    }

    private async Task DrainAsync()
    {
        var limit = _configuration.Node.DrainTimeout;
        _server!.Drain();
        _log.Write(LogEvents.NodeStopping, _server.CallCount, limit.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        if (await CallsEndAsync(limit).ConfigureAwait(false)) return;
        if (_server.DropWhatCannotMove() && await CallsEndAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false)) return;
        _log.Write(LogEvents.NodeDropping, _server.CallCount);
        _server.DropAll();
        await CallsEndAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
    }

    private async Task<bool> CallsEndAsync(TimeSpan limit)
    {
        using var over = new CancellationTokenSource(limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        try
        {
            while (_server!.CallCount > 0 || _server.HandedOverCount > 0 || !_server.IsJournalIdle)
                await tick.WaitForNextTickAsync(over.Token).ConfigureAwait(false);
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
        var cdr = _configuration.Cdr;
        var options = new CallRecordKeeperOptions { Node = _configuration.Node.Name, RetentionMillis = (long)cdr.Retention.TotalMilliseconds };
        return new CallRecordKeeper(options, from, cdr.Csv ? new CallRecordFiles(cdr.Directory, cdr.TimeZone, cdr.CsvFormulas == CsvFormulas.Keep) : null,
            _clock, _timers, _log);
    }

    private IJournalStore OpenStore() => _configuration.Journal.Provider switch
    {
        JournalProvider.Sqlite => new SqliteJournalStore(
            new SqliteOptions { Path = Path.GetFullPath(_configuration.Journal.File), Broke = why => _log.Write(LogEvents.JournalBroken, why) }),
        JournalProvider.PostgreSql => new PostgreSqlJournalStore(new PostgreSqlOptions
        {
            ConnectionString = _configuration.Journal.ConnectionString!.Reveal(),
            ConnectTimeout = _configuration.Journal.ConnectTimeout,
            CommandTimeout = _configuration.Journal.CommandTimeout,
            ApplicationName = "cti " + _configuration.Node.Name,
        }),
        _ => new MemoryJournalStore(new MemoryDisk()),
    };

    private PromptLibrary Prompts(MediaFolders folders, SoundLibrary soundLibrary)
    {
        var spoken = SpokenLanguages.FromTag(_configuration.Media.Language)!.Value;
        return new PromptLibrary(new PromptCache(folders, PromptCacheBytes, soundLibrary), _configuration.Media.Language,
            name => SpokenNames.Expand(name, spoken), TextToSpeech());
    }

    /// <summary>The folders of every application that is configured; without any there is the default one.</summary>
    private Dictionary<string, ApplicationFolders> Folders()
    {
        var folders = _configuration.Gateway.Applications.Values.ToDictionary(static application => application.Name,
            static application => new ApplicationFolders(application.MediaRoot, application.RecordRoot));
        if (folders.Count == 0) folders.Add(_configuration.Gateway.DefaultApplication, new ApplicationFolders(null, null));
        return folders;
    }

    private SpeechCache? TextToSpeech()
    {
        var tts = _configuration.Speech;
        switch (tts.Engine)
        {
            case SpeechEngineKind.Espeak:
                return new SpeechCache(new EspeakEngine(tts.Program, tts.Timeout), tts.Cache);
            case SpeechEngineKind.Http:
                var options = new HttpSpeechOptions(tts.Url!.Reveal(), [.. tts.Headers.Select(static header => (header.Name, header.Value.Reveal()))],
                    tts.Timeout);
                _speechService = new HttpSpeechEngine(options);
                return new SpeechCache(_speechService, tts.Cache);
            default:
                return null;
        }
    }

    private DescriptorWishes Wishes()
    {
        var fixedOnes = _configuration.Sip.Listen.Length + _configuration.Gateway.Listen.Length
            + (_configuration.Journal.ConnectionString is { } database ? PostgreSqlOptions.ConnectionsMax(database.Reveal()) : 0)
            + (_configuration.Cluster.Listen is null ? 0 : Limits.LinkPeersMax + Limits.LinkPendingMax)
            + (_configuration.Speech.Engine == SpeechEngineKind.None ? 0 : _configuration.Speech.Concurrency * Limits.DescriptorsPerSpeech);
        var hasTcp = _configuration.Sip.Listen.Any(static listener => listener.Protocol != SipProtocol.Udp);
        return new DescriptorWishes(
            IsMedia ? (_configuration.Media.PortLast - _configuration.Media.PortFirst + 1) / 2 : 0,
            IsMedia && hasTcp ? _configuration.Sip.Tcp.MaxConnections : 0,
            IsGateway ? _configuration.Gateway.MaxConnections : 0,
            fixedOnes);
    }

    private MediaEngineOptions MediaOptions()
    {
        var address = _configuration.Media.Address;
        var advertised = _configuration.Media.Advertise;
        var isIPv6 = address?.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        return new MediaEngineOptions
        {
            IPv4 = address is null || !isIPv6 ? address ?? IPAddress.Any : null,
            IPv6 = address is null ? IPAddress.IPv6Any : isIPv6 ? address : null,
            AdvertisedIPv4 = advertised is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetwork } ? advertised : null,
            AdvertisedIPv6 = advertised is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6 } ? advertised : null,
            LinkAddress = _configuration.Cluster.MediaAddress,
            PauseGuard = _guard,
            PortFirst = _configuration.Media.PortFirst,
            PortLast = _configuration.Media.PortLast,
            Loops = _configuration.Media.Loops,
            SpeechThreads = _configuration.Speech.Concurrency,
            SessionsMax = _descriptors.Sessions,
        };
    }

    private SipTransportOptions SipOptions()
    {
        var advertise = _configuration.Sip.Advertise;
        return new SipTransportOptions
        {
            Listeners = [.. _configuration.Sip.Listen.Select(listener => new SipListenerOptions(
                TrunkWiring.KindOf(listener.Protocol),
                listener.Address,
                advertise is null ? null : new SipHostPort(advertise.Host, advertise.Port ?? listener.Address.Port)))],
            Tls = _sipTls,
            IsTrunk = address => _server!.Trunks.ForSource(new IPEndPoint(address, 0)) is not null,
            KeepAliveMillis = address => _server!.Trunks.ForSource(address)?.KeepAliveMillis ?? 0,
            ConnectionsMax = Math.Max(1, _descriptors.SipConnections),
            IdleMillis = (int)_configuration.Sip.Tcp.IdleTimeout.TotalMilliseconds,
            ConnectMillisMax = (int)_configuration.Sip.Tcp.ConnectTimeout.TotalMilliseconds,
            ReceiveBufferBytes = _configuration.Sip.ReceiveBuffer,
            PauseGuard = _guard,
        };
    }

    private GatewayOptions GatewayOptions(string mediaRoot, MediaFolders folders, CertificateFiles<SslStreamCertificateContext>? certificate)
    {
        var applications = _configuration.Gateway.Applications.Values.Select(application => new ApplicationOptions(application.Name, [.. application.Keys])
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
            var file = Path.GetFullPath(_configuration.Gateway.KeysFile);
            var (key, isNew) = DefaultKey.LoadOrCreate(file);
            applications.Add(new ApplicationOptions(_configuration.Gateway.DefaultApplication, [DefaultKey.Hash(key)])
            {
                Admin = true, MediaRoots = RootsOf(_configuration.Gateway.DefaultApplication),
            });
            // Printed once, to the terminal of whoever starts it first; never logged.
            if (isNew) Console.WriteLine($"A key for application {_configuration.Gateway.DefaultApplication} was made: {key}\nIt is kept in {file}, readable "
                + "by you only.");
        }

        static Func<TimeSpan> UptimeFromNow(SystemClock clock)
        {
            var began = clock.MonotonicNanos;
            return () => TimeSpan.FromMicroseconds((clock.MonotonicNanos - began) / 1_000.0);
        }

        // A full path in any of these is a media file's; which of them the application may hear is told where it is played.
        Cti.Contract.MediaRoots RootsOf(string application) => new(mediaRoot, folders.RecordRootOf(application)) { MorePlay = [.. folders.PrivateRoots] };

        return new GatewayOptions
        {
            Notices = _server!.Notices,
            States = StateTable.Instance,
            Spoken = SpokenRules.Instance,
            Listen = [.. _configuration.Gateway.Listen.Select(static url => url.ToString())],
            Applications = [.. applications],
            OnlyDefaultKey = onlyDefault,
            Version = Version,
            RequestBytesMax = _configuration.Gateway.RequestBytes,
            ConnectionsMax = _descriptors.GatewayConnections,
            Certificate = certificate is null ? null : () => certificate.Current,
            Checks = NodeChecks.Of(_server!, UptimeFromNow(_clock)),
        };
    }
}
