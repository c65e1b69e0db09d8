using System.Collections.Immutable;
using Cti.Actors.SipNode;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Tones;
using Cti.Node.Hocon;
using Cti.Persistence.PostgreSql;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;
using Cti.Transport.Tls;

namespace Cti.Node.Configuration;

/// <summary>
/// Turns values into <see cref="NodeConfiguration"/>. What it asks for is what there is: the reference and the documentation are tested against it.
/// </summary>
internal sealed partial class NodeConfigurationBinder(SettingsJournal journal)
{
    private static readonly (string, SipProtocol)[] Protocols = [("udp", SipProtocol.Udp), ("tcp", SipProtocol.Tcp), ("tls", SipProtocol.Tls)];

    private static readonly (string, JournalProvider)[] Providers =
        [("sqlite", JournalProvider.Sqlite), ("postgresql", JournalProvider.PostgreSql), ("memory", JournalProvider.Memory)];

    private static readonly (string, SpeechEngineKind)[] SpeechEngines =
        [("espeak", SpeechEngineKind.Espeak), ("http", SpeechEngineKind.Http), ("none", SpeechEngineKind.None)];

    private static readonly (string, LatchMode)[] LatchModes = [("strict", LatchMode.Strict), ("nat", LatchMode.Nat), ("off", LatchMode.Off)];

    private static readonly (string, IdleSending)[] IdleModes = [("keepalive", IdleSending.Keepalive), ("silence", IdleSending.Silence),
        ("none", IdleSending.Nothing)];

    private static readonly (string, SrtpMode)[] SrtpModes = [("off", SrtpMode.Off), ("optional", SrtpMode.Optional), ("required", SrtpMode.Required)];

    private static readonly (string, ReliableProvisionals)[] ReliableModes =
        [("off", ReliableProvisionals.Off), ("supported", ReliableProvisionals.Supported), ("required", ReliableProvisionals.Required)];

    private static readonly (string, ClientCertificates)[] ClientCertificateModes =
        [("none", ClientCertificates.None), ("optional", ClientCertificates.Optional), ("required", ClientCertificates.Required)];

    private static readonly (string, LogSeverity)[] Levels =
        [("debug", LogSeverity.Debug), ("information", LogSeverity.Information), ("warning", LogSeverity.Warning), ("error", LogSeverity.Error)];

    private static readonly (string, CsvFormulas)[] Formulas = [("quote", CsvFormulas.Quote), ("keep", CsvFormulas.Keep)];

    public NodeConfiguration Bind(HoconObject values, bool fromFile)
    {
        var top = new SettingsReader(values, "", "", journal, values.Origin);
        var cti = top.Section("cti");
        var node = Node(cti);
        var trunks = cti.Objects("trunks", Trunk);
        var gateway = Gateway(cti);
        var configuration = new NodeConfiguration(
            node,
            cti.Integer("area", 0, 999_999),
            cti.Integer("station", 0, 999_999),
            cti.Integer("instances", 1, 65_536),
            cti.FilePath("data"),
            cti.FlagOrNull("demo") ?? !fromFile,
            Sip(cti, node.Roles, fromFile),
            Media(cti),
            Speech(cti),
            gateway,
            Journal(cti),
            trunks,
            cti.Objects("routes", Route),
            Cluster(cti),
            Call(cti),
            Events(cti),
            Cdr(cti),
            Log(cti),
            [])
        {
            Akka = top.Passed("akka") is { } akka ? $"akka {HoconText.Of(akka)}" : "",
        };
        CheckNames(cti, configuration);
        CheckCluster(cti, configuration);
        cti.Close();
        top.Close();
        return configuration;
    }

    private static NodeSettings Node(SettingsReader cti)
    {
        var node = cti.Section("node");
        var names = node.List("roles", "gateway or media", text => text is "gateway" or "media" ? text : null, min: 1);
        var roles = NodeRoles.None;
        foreach (var name in names) roles |= name == "gateway" ? NodeRoles.Gateway : NodeRoles.Media;
        var settings = new NodeSettings(
            node.Parsed("name", "a name of letters, digits, - _ and .", ConfigurationTexts.Name) ?? ConfigurationTexts.Name(Environment.MachineName) ?? "node",
            roles,
            node.Duration("drain-timeout", "0s", "24h"),
            node.Integer("calls-max", 1, 100_000));
        node.Close();
        return settings;
    }

    private static SipSettings Sip(SettingsReader cti, NodeRoles roles, bool fromFile)
    {
        var sip = cti.Section("sip");
        var timers = sip.Section("timers");
        var tcp = sip.Section("tcp");
        var settings = new SipSettings(
            sip.List("listen", ConfigurationTexts.ListenerForm, ConfigurationTexts.Listener, min: roles.HasFlag(NodeRoles.Media) ? 1 : 0, max: 32),
            sip.Parsed("advertise", ConfigurationTexts.HostPortForm, ConfigurationTexts.HostAndPort),
            sip.Flag("accept-any"),
            sip.FlagOrNull("dial-any") ?? !fromFile,
            new SipTimerSettings(timers.Duration("t1", "10ms", "10s"), timers.Duration("t2", "10ms", "60s"), timers.Duration("t4", "10ms", "60s")),
            sip.Size("receive-buffer", "64KiB", "256MiB"),
            new SipTcpSettings(tcp.Integer("max-connections", 1, 100_000), tcp.Duration("idle-timeout", "1s", "24h"),
                tcp.Duration("connect-timeout", "100ms", "60s")),
            SipTls(sip.Section("tls")),
            DialPolicy(sip.Section("dial-policy")),
            new SipProfile
            {
                Reliable = sip.Choice("reliable-provisional", ReliableModes),
                Timer = new SessionTimerRules((int)sip.Duration("session-expires", "90s", "1d", orZero: true).TotalSeconds,
                    (int)sip.Duration("min-session-expires", "90s", "1d").TotalSeconds),
            });
        if (settings.Tls is null && settings.Listen.FirstOrDefault(static listener => listener.Protocol == SipProtocol.Tls) is { } unsecured)
            sip.Problem("listen", $"{unsecured} needs cti.sip.tls.certificate and cti.sip.tls.key");
        if (settings.Timers.T2 < settings.Timers.T1) timers.Problem("t2", "shorter than t1; right is t1 or longer");
        if (settings.Timers.T4 < settings.Timers.T1) timers.Problem("t4", "shorter than t1; right is t1 or longer");
        timers.Close();
        tcp.Close();
        sip.Close();
        return settings;
    }

    private static SipTlsSettings? SipTls(SettingsReader tls)
    {
        var own = Certificate(tls);
        var trusted = tls.FilePathOrNull("trusted");
        var clients = tls.Choice("client-certificates", ClientCertificateModes);
        tls.Close();
        return own is null ? null : new SipTlsSettings(own, trusted, clients);
    }

    private static CertificateSettings? Certificate(SettingsReader tls)
    {
        var (certificate, key) = (tls.FilePathOrNull("certificate"), tls.FilePathOrNull("key"));
        if (certificate is null && key is not null) tls.Problem("certificate", "not set; key needs the certificate that it belongs to");
        if (key is null && certificate is not null) tls.Problem("key", "not set; certificate needs its private key (it may be in the same file)");
        return certificate is null || key is null ? null : new CertificateSettings(certificate, key);
    }

    private static DialPolicy DialPolicy(SettingsReader policy)
    {
        var settings = new DialPolicy
        {
            Allow = [.. policy.List("allow", Networks, ConfigurationTexts.Network).Select(static network => network.Value)],
            Deny = [.. policy.List("deny", Networks, ConfigurationTexts.Network).Select(static network => network.Value)],
            Ports = [.. policy.List("ports", "a port or FIRST-LAST, 1..65535", Ports, min: 1).Select(static range => (range.First, range.Last))],
        };
        policy.Close();
        return settings;
    }

    private static PortRange? Ports(string text) => ConfigurationTexts.Ports(text) is { } range ? new PortRange(range.First, range.Last) : null;

    private static MediaSettings Media(SettingsReader cti)
    {
        var media = cti.Section("media");
        var ports = media.Required("ports", "FIRST-LAST, FIRST even, both 1024..65535",
            text => ConfigurationTexts.PortRange(text) is { } range ? new PortRange(range.First, range.Last) : null,
            new PortRange(20000, 29999));
        var settings = new MediaSettings(
            media.Parsed("address", "an IP address of this host", ConfigurationTexts.Address),
            media.Parsed("advertise", "an IP address", ConfigurationTexts.Address),
            ports.First,
            ports.Last,
            media.FilePath("root"),
            media.FilePath("record-root"),
            Mode(media, "record-file-mode", ConfigurationTexts.OwnerFileMode),
            Mode(media, "record-directory-mode", ConfigurationTexts.OwnerFolderMode),
            Codecs(media),
            media.Duration("inactivity", "1s", "24h", orZero: true),
            media.Integer("loops", 0, 256),
            media.Required("language", "zh-CN or en-US", text => SpokenLanguages.FromTag(text)?.Tag(), "zh-CN"),
            media.NonEmpty("sound-library"),
            media.Required("ring-back-country", $"one of {string.Join(", ", RingBack.Countries.Order())}", Country, "CN"),
            media.Choice("latch", LatchModes),
            media.Choice("idle", IdleModes),
            media.Choice("srtp", SrtpModes),
            Suites(media));
        media.Close();
        return settings;
    }

    private static SpeechSettings Speech(SettingsReader cti)
    {
        var tts = cti.Section("tts");
        var espeak = tts.Section("espeak");
        var http = tts.Section("http");
        var settings = new SpeechSettings(
            tts.Choice("engine", SpeechEngines),
            tts.Duration("timeout", "100ms", "60s"),
            tts.Integer("concurrency", 1, 64),
            tts.Size("cache", "0", "1GiB"),
            espeak.NonEmpty("program"),
            http.SecretOrNull("url"),
            http.Objects("headers", SpeechHeader));
        if (settings.Url is { } url && !ConfigurationTexts.IsSpeechUrl(url.Reveal()))
            http.Problem("url", "wrong; right is " + ConfigurationTexts.SpeechUrlForm);
        if (settings is { Engine: SpeechEngineKind.Http, Url: null })
            http.Problem("url", $"not set; cti.tts.engine = http needs {ConfigurationTexts.SpeechUrlForm}");
        espeak.Close();
        http.Close();
        tts.Close();
        return settings;
    }

    private static SpeechHeader SpeechHeader(SettingsReader header)
    {
        var settings = new SpeechHeader(
            header.Required("name", "a header field's name", ConfigurationTexts.HeaderName, "?"),
            header.SecretOrNull("value") ?? new Secret(""));
        if (!ConfigurationTexts.IsHeaderValue(settings.Value.Reveal()))
            header.Problem("value", "not set or wrong; right is a text without line breaks and other control characters");
        return settings;
    }

    private static UnixFileMode Mode(SettingsReader reader, string key, UnixFileMode least) =>
        reader.Required(key, ConfigurationTexts.ModeForm(least), text => ConfigurationTexts.Mode(text, least) is { } mode ? new FileMode(mode) : null,
            new FileMode(least)).Value;

    private sealed record FileMode(UnixFileMode Value);

    private static string? Country(string text) => RingBack.Countries.FirstOrDefault(country => country.Equals(text, StringComparison.OrdinalIgnoreCase));

    private sealed record PortRange(int First, int Last);

    private static ImmutableArray<string> Codecs(SettingsReader reader)
    {
        var codecs = reader.List("codecs", $"one of {string.Join(", ", AudioNames.Codecs)}",
            static text => AudioNames.Codecs.FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)), min: 1, max: 16);
        if (codecs.Distinct().Count() != codecs.Length) reader.Problem("codecs", "the same codec twice; right is each once");
        return codecs;
    }

    private static ImmutableArray<string> Suites(SettingsReader reader)
    {
        var suites = reader.List("srtp-suites", $"one of {string.Join(", ", CryptoSuites.All)}", CryptoSuites.Find, min: 1, max: 16);
        if (suites.Distinct().Count() != suites.Length) reader.Problem("srtp-suites", "the same suite twice; right is each once");
        return suites;
    }

    private static GatewaySettings Gateway(SettingsReader cti)
    {
        var gateway = cti.Section("gateway");
        var settings = new GatewaySettings(
            gateway.List("listen", ConfigurationTexts.GatewayUrlForm, ConfigurationTexts.GatewayUrl, min: 1, max: 16),
            gateway.Flag("plain-http"),
            gateway.FilePath("keys-file"),
            gateway.Required("default-application", "a name of letters, digits, - _ and .", ConfigurationTexts.Name, "default"),
            gateway.Named("applications", (name, reader) => Application(gateway, name, reader)),
            gateway.Size("request-bytes", "1KiB", "16MiB"),
            gateway.Integer("max-connections", 16, 1_000_000),
            GatewayTls(gateway.Section("tls")));
        if (settings.Tls is null && settings.Listen.FirstOrDefault(ConfigurationTexts.IsHttps) is { } unsecured)
            gateway.Problem("listen", $"{unsecured} needs cti.gateway.tls.certificate and cti.gateway.tls.key");
        if (settings.Applications.IsEmpty && settings.Listen.FirstOrDefault(url => !ConfigurationTexts.IsLoopback(url)) is { } open)
            gateway.Problem("listen", $"{open} is not loopback, and the only key is the one made at the first start; right is 127.0.0.1, or a key of your own "
                + "under cti.gateway.applications");
        var plain = settings.Listen.FirstOrDefault(static url => !ConfigurationTexts.IsHttps(url) && !ConfigurationTexts.IsLoopback(url));
        if (plain is not null && !settings.AllowsPlainHttp && !settings.Applications.IsEmpty)
            gateway.Problem("listen", $"{plain} is HTTP in clear beyond loopback, and applications send their keys over it; right is https:// with "
                + "cti.gateway.tls, 127.0.0.1 behind a server that has HTTPS, or cti.gateway.plain-http = true where nobody else is in that network");
        gateway.Close();
        return settings;
    }

    private static CertificateSettings? GatewayTls(SettingsReader tls)
    {
        var own = Certificate(tls);
        tls.Close();
        return own;
    }

    private static ApplicationSettings Application(SettingsReader gateway, string name, SettingsReader application)
    {
        if (ConfigurationTexts.Name(name) is null) gateway.Problem("applications", $"\"{name}\" is no name; right are up to 64 letters, digits, - _ and .");
        return new ApplicationSettings(
            name,
            application.List("keys", "sha256: and 64 hexadecimal digits, as `cti key new` prints them", ConfigurationTexts.KeyHash, min: 1),
            application.FlagOrNull("admin") ?? false,
            application.Has("rate") ? application.Integer("rate", 1, 1_000_000) : Ask(application, "rate", 1_000),
            application.Has("burst") ? application.Integer("burst", 1, 1_000_000) : Ask(application, "burst", 1_000),
            application.Has("max-connections") ? application.Integer("max-connections", 1, 1_000_000) : Ask(application, "max-connections", 100),
            application.FilePathOrNull("media-root"),
            application.FilePathOrNull("record-root"),
            [.. application.List("headers", "names of SIP header fields, or X-*", HeaderPattern, max: 64)]);
    }

    private static string? HeaderPattern(string text) => HeaderRules.CheckPattern(text) is null ? text : null;

    /// <summary>A key of a list's or map's element that is not set: it counts as known, and its default stands here and in the reference's example.</summary>
    private static T Ask<T>(SettingsReader reader, string key, T otherwise)
    {
        reader.TextOrNull(key);
        return otherwise;
    }

    private static JournalSettings Journal(SettingsReader cti)
    {
        var journal = cti.Section("journal");
        var settings = new JournalSettings(
            journal.Choice("provider", Providers),
            journal.FilePath("file"),
            journal.SecretOrNull("connection-string"),
            journal.Duration("connect-timeout", "1s", "60s"),
            journal.Duration("command-timeout", "1s", "60s"));
        if (settings is { Provider: JournalProvider.PostgreSql, ConnectionString: null })
            journal.Problem("connection-string", "not set; postgresql needs one, e.g. \"Host=db;Username=cti;Password=...;Database=cti\"");
        if (settings.ConnectionString is { } text && PostgreSqlOptions.WhatIsWrong(text.Reveal()) is { } wrong)
            journal.Problem("connection-string", $"{wrong}; right is {PostgreSqlOptions.ConnectionStringForm}");
        journal.Close();
        return settings;
    }

    private static ClusterSettings Cluster(SettingsReader cti)
    {
        var cluster = cti.Section("cluster");
        var settings = new ClusterSettings(
            cluster.Parsed("listen", "ADDRESS:PORT (IPv6 in brackets)", ConfigurationTexts.EndPoint),
            cluster.Parsed("advertise", ConfigurationTexts.HostPortForm, ConfigurationTexts.HostAndPort),
            cluster.SecretOrNull("secret"),
            cluster.Duration("lease", "500ms", "60s"),
            cluster.Parsed("media-address", "an IP address", ConfigurationTexts.Address),
            ClusterIdentity(cluster, out var isGiven));
        if (settings.Listen is not null && !isGiven && (settings.Secret?.Reveal().Length ?? 0) < 16)
            cluster.Problem("secret", "not set or too short; a cluster needs one of at least 16 characters, the same on every node");
        cluster.Close();
        return settings;
    }

    private static ClusterIdentitySettings? ClusterIdentity(SettingsReader cluster, out bool isGiven)
    {
        var own = Certificate(cluster);
        var authority = cluster.FilePathOrNull("authority");
        var isNamed = (cluster.FilePathOrNull("certificate") ?? cluster.FilePathOrNull("key")) is not null;
        isGiven = isNamed || authority is not null;
        if (own is not null && authority is null) cluster.Problem("authority", "not set; certificate needs who signs the nodes' certificates");
        if (!isNamed && authority is not null) cluster.Problem("certificate", "not set; authority needs this node's certificate, signed by it");
        return own is null || authority is null ? null : new ClusterIdentitySettings(own, authority);
    }

    private static CallSettings Call(SettingsReader cti)
    {
        var call = cti.Section("call");
        var settings = new CallSettings(
            call.Duration("setup-timeout", "1s", "1h"),
            call.Duration("offer-timeout", "1s", "1h"),
            call.Duration("idle-release", "1s", "7d", orZero: true));
        call.Close();
        return settings;
    }

    private static EventSettings Events(SettingsReader cti)
    {
        var events = cti.Section("events");
        var settings = new EventSettings(events.Duration("retention", "1m", "90d"));
        events.Close();
        return settings;
    }

    private static CdrSettings Cdr(SettingsReader cti)
    {
        var cdr = cti.Section("cdr");
        var settings = new CdrSettings(
            cdr.Required("time-zone", "a time zone of this system, e.g. UTC or Europe/Berlin",
                text => TimeZoneInfo.TryFindSystemTimeZoneById(text, out var zone) ? zone : null, TimeZoneInfo.Utc),
            cdr.Flag("csv"),
            cdr.FilePath("directory"),
            cdr.Duration("retention", "1d", "3650d", orZero: true),
            cdr.Choice("csv-formulas", Formulas));
        cdr.Close();
        return settings;
    }

    private static LogSettings Log(SettingsReader cti)
    {
        var log = cti.Section("log");
        var settings = new LogSettings(log.Choice("level", Levels));
        log.Close();
        return settings;
    }

    /// <summary>Nodes that are linked share a journal, and a node that owns no calls needs others that do.</summary>
    private static void CheckCluster(SettingsReader cti, NodeConfiguration configuration)
    {
        if (configuration is { Cluster: { Listen: not null } cluster, Journal.Provider: not JournalProvider.PostgreSql }
            && (cluster.Identity is not null || cluster.Secret?.Reveal().Length >= 16))
            cti.Problem("cluster.listen", "set, but the journal is not shared; right is cti.journal.provider = postgresql, or no cti.cluster.listen");
        if (configuration.Cluster.Listen is null && !configuration.Node.Roles.HasFlag(NodeRoles.Media))
            cti.Problem("node.roles", "without media, and without other nodes that have it; right is [gateway, media], or cti.cluster.listen");
    }

    /// <summary>Names that one part uses have to exist in another.</summary>
    private static void CheckNames(SettingsReader cti, NodeConfiguration configuration)
    {
        var trunks = configuration.Trunks.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        if (configuration.Sip.Tls?.Clients is null or ClientCertificates.None
            && configuration.Trunks.FirstOrDefault(static t => t.Tls.AcceptByCertificate) is { } shown)
            cti.Problem("trunks", $"\"{shown.Name}\" is known by its certificate, and nobody is asked for one; right is cti.sip.tls with client-certificates = "
                + "optional or required");
        if (trunks.Count != configuration.Trunks.Length) cti.Problem("trunks", "two trunks of the same name; right are different ones");
        var applications = configuration.Gateway.Applications.Keys.Append(configuration.Gateway.DefaultApplication).ToHashSet(StringComparer.Ordinal);
        foreach (var route in configuration.Routes)
        {
            if (route.Trunk is { } trunk && !trunks.Contains(trunk))
                cti.Problem("routes", $"no trunk is called \"{trunk}\"; right are: "
                    + $"{(trunks.Count == 0 ? "none, cti.trunks is empty" : string.Join(", ", trunks.Order(StringComparer.Ordinal)))}");
            if (!applications.Contains(route.Application))
                cti.Problem("routes",
                    $"no application is called \"{route.Application}\"; right are: {string.Join(", ", applications.Order(StringComparer.Ordinal))}");
        }
    }
}
