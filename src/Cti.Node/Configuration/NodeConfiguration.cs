using System.Collections.Immutable;
using System.Net;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip.Dialog;
using Cti.Sip.Sdp;
using Cti.Transport.Tls;

namespace Cti.Node.Configuration;

/// <summary>Everything that an operator can set, checked. <c>config/reference.conf</c> explains each key.</summary>
/// <param name="Node">cti.node: this process.</param>
/// <param name="Area">cti.area: first part of every resource id, 0..999999.</param>
/// <param name="Station">cti.station: second part of every resource id, 0..999999.</param>
/// <param name="Instances">cti.instances: shards of the cluster, 1..65536; fixed when the cluster is created.</param>
/// <param name="Data">cti.data: the folder of everything that must survive, as a full path.</param>
/// <param name="Demo">cti.demo: whether <c>sip:demo@…</c> answers.</param>
/// <param name="Sip">cti.sip.</param>
/// <param name="Media">cti.media.</param>
/// <param name="Speech">cti.tts: text to speech.</param>
/// <param name="Gateway">cti.gateway.</param>
/// <param name="Journal">cti.journal.</param>
/// <param name="Trunks">cti.trunks: carriers and PBXes, the only ones that may call in.</param>
/// <param name="Routes">cti.routes: which application an inbound call goes to; the first that fits.</param>
/// <param name="Cluster">cti.cluster.</param>
/// <param name="Call">cti.call: limits that no method sets.</param>
/// <param name="Events">cti.events.</param>
/// <param name="Cdr">cti.cdr.</param>
/// <param name="Log">cti.log.</param>
/// <param name="Warnings">What was ignored and deserves a line at the start.</param>
public sealed record NodeConfiguration(
    NodeSettings Node,
    int Area,
    int Station,
    int Instances,
    string Data,
    bool Demo,
    SipSettings Sip,
    MediaSettings Media,
    SpeechSettings Speech,
    GatewaySettings Gateway,
    JournalSettings Journal,
    ImmutableArray<TrunkSettings> Trunks,
    ImmutableArray<RouteSettings> Routes,
    ClusterSettings Cluster,
    CallSettings Call,
    EventSettings Events,
    CdrSettings Cdr,
    LogSettings Log,
    ImmutableArray<string> Warnings)
{
    /// <summary>The block <c>akka</c> as HOCON, for Akka.NET to read; "" where there is none.</summary>
    public string Akka { get; init; } = "";

    /// <summary>The keys that say where to listen.</summary>
    internal const string SipListenKey = "cti.sip.listen", GatewayListenKey = "cti.gateway.listen", LinkListenKey = "cti.cluster.listen";

    /// <summary>The keys whose values the system's limit of open files may lower.</summary>
    internal const string MediaPortsKey = "cti.media.ports";
    internal const string SipConnectionsKey = "cti.sip.tcp.max-connections";
    internal const string GatewayConnectionsKey = "cti.gateway.max-connections";

    /// <summary>Where the keys stand that only the start can find wrong, by key: <c>FILE:LINE:COLUMN</c>.</summary>
    internal ImmutableDictionary<string, string> Places { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Those of the keys that the system may lower which the operator has set.</summary>
    internal ImmutableHashSet<string> SetKeys { get; init; } = [];

    /// <summary>Whether the operator has set a key that the system may lower; else its value is the default.</summary>
    internal bool IsSet(string key) => SetKeys.Contains(key);

    /// <summary>An address that cannot be listened at, told as a wrong key is: place, key, what is wrong and what would be right.</summary>
    internal string Describe(ListenException unusable)
    {
        var key = unusable.Address == Cluster.Listen?.ToString() ? LinkListenKey
            : unusable.Address.StartsWith("http", StringComparison.OrdinalIgnoreCase) ? GatewayListenKey
            : SipListenKey;
        return (Places.TryGetValue(key, out var place) ? $"{place}: " : "") + $"{key}: {unusable.Message}";
    }
}

/// <summary>What a node does in a cluster.</summary>
[Flags]
public enum NodeRoles
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>Serves applications.</summary>
    Gateway = 1,
    /// <summary>Owns instances: calls, SIP and RTP.</summary>
    Media = 2,
}

/// <summary>cti.node.</summary>
/// <param name="Name">Unique in the cluster; the host's name where it was not set.</param>
/// <param name="Roles">At least one.</param>
/// <param name="DrainTimeout">How long a stop waits for calls to end before it drops them, 0..24 h.</param>
/// <param name="CallsMax">Calls at once, of both directions; past it new ones are refused.</param>
public sealed record NodeSettings(string Name, NodeRoles Roles, TimeSpan DrainTimeout, int CallsMax);

/// <summary>A SIP transport.</summary>
public enum SipProtocol
{
    /// <summary>UDP.</summary>
    Udp,
    /// <summary>TCP.</summary>
    Tcp,
    /// <summary>TLS.</summary>
    Tls,
}

/// <summary>Where SIP is listened for: <c>udp:0.0.0.0:5060</c>, <c>tcp:[::]:5060</c>.</summary>
/// <param name="Protocol">The transport.</param>
/// <param name="Address">The local address; port 0 takes any free one.</param>
public sealed record SipListener(SipProtocol Protocol, IPEndPoint Address)
{
    /// <summary>As it is configured.</summary>
    public override string ToString() => $"{Protocol.ToString().ToLowerInvariant()}:{Address}";
}

/// <summary>A host and, where given, a port.</summary>
/// <param name="Host">A name or an address; IPv6 without brackets.</param>
/// <param name="Port">1..65535, or null: the protocol's own.</param>
public sealed record HostPort(string Host, int? Port)
{
    /// <summary>As it is configured.</summary>
    public override string ToString() =>
        (Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host) + (Port is { } port ? FormattableString.Invariant($":{port}") : "");
}

/// <summary>cti.sip.</summary>
/// <param name="Listen">At least one for a media node.</param>
/// <param name="Advertise">Host and port for Via and Contact; null: the local address towards the peer.</param>
/// <param name="AcceptAny">Whether anyone may call in, to the default application.</param>
/// <param name="DialAny">Whether applications may call hosts that are no trunk.</param>
/// <param name="Timers">RFC 3261's T1, T2, T4.</param>
/// <param name="ReceiveBuffer">Bytes of the UDP sockets' receive buffer, as far as the system allows.</param>
/// <param name="Tcp">Limits of connections.</param>
/// <param name="Tls">How connections over TLS are secured; null: there are none.</param>
/// <param name="DialPolicy">Where far ends may send this node.</param>
/// <param name="Profile">What is asked of far ends, and granted to them.</param>
public sealed record SipSettings(ImmutableArray<SipListener> Listen, HostPort? Advertise, bool AcceptAny, bool DialAny, SipTimerSettings Timers,
    int ReceiveBuffer, SipTcpSettings Tcp, SipTlsSettings? Tls, DialPolicy DialPolicy, SipProfile Profile);

/// <summary>A certificate with its key.</summary>
/// <param name="Certificate">PEM file, a full path.</param>
/// <param name="Key">PEM file, a full path.</param>
public sealed record CertificateSettings(string Certificate, string Key);

/// <summary>cti.sip.tls.</summary>
/// <param name="Own">This node's certificate.</param>
/// <param name="Trusted">PEM file of those who may say who far ends are, a full path, or null: whom the system trusts.</param>
/// <param name="Clients">Whether those who connect show a certificate.</param>
public sealed record SipTlsSettings(CertificateSettings Own, string? Trusted, ClientCertificates Clients);

/// <summary>cti.sip.timers: RFC 3261 section 17.</summary>
/// <param name="T1">Estimate of the round trip, 10 ms..10 s.</param>
/// <param name="T2">Longest interval of retransmissions, T1..60 s.</param>
/// <param name="T4">How long a message can stay in the network, T1..60 s.</param>
public sealed record SipTimerSettings(TimeSpan T1, TimeSpan T2, TimeSpan T4);

/// <summary>cti.sip.tcp.</summary>
/// <param name="MaxConnections">Open at once, 1..100000.</param>
/// <param name="IdleTimeout">An unused connection is closed after it.</param>
/// <param name="ConnectTimeout">A connection that is not up by then counts as refused.</param>
public sealed record SipTcpSettings(int MaxConnections, TimeSpan IdleTimeout, TimeSpan ConnectTimeout);

/// <summary>cti.media.</summary>
/// <param name="Address">Local address of RTP; null: that towards the peer.</param>
/// <param name="Advertise">Address in SDP; null: the local one.</param>
/// <param name="PortFirst">First RTP port, even, 1024..65534.</param>
/// <param name="PortLast">Last port, above the first.</param>
/// <param name="Root">Folder of prompts, a full path.</param>
/// <param name="RecordRoot">Folder of the applications' folders of recordings, a full path.</param>
/// <param name="RecordFileMode">Who may read and write a recording.</param>
/// <param name="RecordDirectoryMode">Who may enter a folder that is made for recordings.</param>
/// <param name="Codecs">Encoding names, offered in this order.</param>
/// <param name="Inactivity">A call that receives no RTP for so long is released; zero: never.</param>
/// <param name="Loops">Media threads; 0: half the processors, at least one.</param>
/// <param name="Language">Tag of the language that is spoken where nothing else is asked for: zh-CN or en-US.</param>
/// <param name="SoundLibrary">libsndfile's file name, or its full path.</param>
/// <param name="RingBackCountry">Whose ring-back tone is generated: ISO 3166, two letters.</param>
/// <param name="Latch">From where else than its signalled address a far end's RTP may come.</param>
/// <param name="Idle">What is sent while there is nothing to send.</param>
/// <param name="Srtp">Whether sound is protected by keys in its description.</param>
/// <param name="SrtpSuites">By which suites, in the order of our offers.</param>
public sealed record MediaSettings(IPAddress? Address, IPAddress? Advertise, int PortFirst, int PortLast, string Root, string RecordRoot,
    UnixFileMode RecordFileMode, UnixFileMode RecordDirectoryMode,
    ImmutableArray<string> Codecs, TimeSpan Inactivity, int Loops, string Language, string SoundLibrary, string RingBackCountry,
    LatchMode Latch, IdleSending Idle, SrtpMode Srtp, ImmutableArray<string> SrtpSuites);

/// <summary>cti.gateway.</summary>
/// <param name="Listen">The URLs to listen on: http://, an IP address, localhost or *, a port (0: any free one).</param>
/// <param name="AllowsPlainHttp">Whether http:// may be listened at beyond loopback.</param>
/// <param name="KeysFile">Where the default application's key is kept, a full path.</param>
/// <param name="DefaultApplication">Name of the application that gets what no route names.</param>
/// <param name="Applications">By name; empty: only the default one, with the key in <paramref name="KeysFile"/>.</param>
/// <param name="RequestBytes">Largest request, 1 KiB..16 MiB.</param>
/// <param name="MaxConnections">Open at once, 16..1000000.</param>
/// <param name="Tls">The certificate of https:// URLs; null: there are none.</param>
public sealed record GatewaySettings(ImmutableArray<string> Listen, bool AllowsPlainHttp, string KeysFile, string DefaultApplication,
    ImmutableSortedDictionary<string, ApplicationSettings> Applications, int RequestBytes, int MaxConnections, CertificateSettings? Tls);

/// <summary>cti.gateway.applications.NAME.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Keys">SHA-256 of each key that is valid, 64 lower-case hexadecimal digits without a prefix.</param>
/// <param name="Admin">Whether it may inspect nodes.</param>
/// <param name="Rate">Requests a second, 1..1000000.</param>
/// <param name="Burst">Requests at once above the rate, at least 1.</param>
/// <param name="MaxConnections">WebSockets and event streams at once.</param>
/// <param name="MediaRoot">Folder of its own prompts, a full path, or null: only the shared ones.</param>
/// <param name="RecordRoot">Folder of its recordings, a full path, or null: that of its name below cti.media.record-root.</param>
/// <param name="Headers">Of which SIP header fields it wants to hear: names, and beginnings of names with * behind them.</param>
public sealed record ApplicationSettings(string Name, ImmutableArray<string> Keys, bool Admin, int Rate, int Burst, int MaxConnections, string? MediaRoot,
    string? RecordRoot, ImmutableArray<string> Headers);

/// <summary>Where the journal is.</summary>
public enum JournalProvider
{
    /// <summary>A file, for one node.</summary>
    Sqlite,
    /// <summary>A database, for a cluster.</summary>
    PostgreSql,
    /// <summary>Nothing survives; for tests and benchmarks.</summary>
    Memory,
}

/// <summary>cti.journal.</summary>
/// <param name="Provider">Which.</param>
/// <param name="File">SQLite's file, a full path.</param>
/// <param name="ConnectionString">PostgreSQL's.</param>
/// <param name="ConnectTimeout">How long a connection to PostgreSQL may take, 1..60 s.</param>
/// <param name="CommandTimeout">How long PostgreSQL may work on a statement, 1..60 s.</param>
public sealed record JournalSettings(JournalProvider Provider, string File, Secret? ConnectionString, TimeSpan ConnectTimeout, TimeSpan CommandTimeout);

/// <summary>How keys are sent.</summary>
public enum DtmfMode
{
    /// <summary>RFC 4733 where agreed, else as tones.</summary>
    Rfc4733,
    /// <summary>SIP INFO.</summary>
    Info,
    /// <summary>As tones in the audio.</summary>
    Inband,
}

/// <summary>One of cti.trunks.</summary>
/// <param name="Name">Unique.</param>
/// <param name="Address">Where its requests go to and its calls come from; with targets what its URIs name, else the first target's.</param>
/// <param name="Transport">Over which transport.</param>
/// <param name="AcceptFrom">Where its calls come from, too.</param>
/// <param name="MaxCalls">Calls at once in the cluster; 0: no limit.</param>
/// <param name="CallsPerSecond">New calls a second at each node; 0: no limit.</param>
/// <param name="Auth">For digest authentication, or null.</param>
/// <param name="Register">Whether to register there.</param>
/// <param name="RegisterExpires">For how long a registration is asked for.</param>
/// <param name="FromUser">User of From where the caller did not give one, or null.</param>
/// <param name="FromDomain">Host of From, or null: our own.</param>
/// <param name="AssertIdentity">Whether P-Asserted-Identity is sent (RFC 3325).</param>
/// <param name="Dtmf">How keys are sent.</param>
/// <param name="OptionsInterval">How often OPTIONS asks whether it is up; zero: never, it counts as up.</param>
/// <param name="Media">How its RTP is handled.</param>
/// <param name="Tls">Over TLS: what its certificate must name.</param>
/// <param name="Signalling">What is asked of it, and granted to it.</param>
public sealed record TrunkSettings(string Name, HostPort Address, SipProtocol Transport, ImmutableArray<IPNetwork> AcceptFrom, int MaxCalls,
    int CallsPerSecond, TrunkAuth? Auth, bool Register, TimeSpan RegisterExpires, string? FromUser, string? FromDomain, bool AssertIdentity, DtmfMode Dtmf,
    TimeSpan OptionsInterval, TrunkMedia Media, TrunkTls Tls, TrunkSignalling Signalling)
{
    /// <summary>Where its requests go to, where that is not its address alone.</summary>
    public ImmutableArray<TrunkTargetSettings> Targets { get; init; } = [];

    /// <summary>How it writes callers' numbers.</summary>
    public CallerIdRules CallerId { get; init; } = CallerIdRules.None;

    /// <summary>Whether it has an address of its own beside its targets.</summary>
    public bool HasAddress { get; init; } = true;
}

/// <summary>One of cti.trunks[].targets.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Priority">0..65535: those of the least are tried first.</param>
/// <param name="Weight">0..65535: of one priority each is tried first in proportion to it.</param>
public sealed record TrunkTargetSettings(HostPort Address, int Priority, int Weight);

/// <summary>What cti.trunks[] has of cti.sip, and of its connections.</summary>
/// <param name="Reliable">Whether provisional responses are reliable; null: as cti.sip says.</param>
/// <param name="SessionExpires">For how long a session is asked to hold without a refresh; zero: no such question; null: as cti.sip says.</param>
/// <param name="KeepAlive">After how long a silence a connection to it is asked whether it is alive; zero: never.</param>
public sealed record TrunkSignalling(ReliableProvisionals? Reliable, TimeSpan? SessionExpires, TimeSpan KeepAlive);

/// <summary>cti.trunks[].tls.</summary>
/// <param name="Name">What its certificate must name; null: its host.</param>
/// <param name="Verify">Whether its certificate is looked at.</param>
/// <param name="AcceptByCertificate">Whether one that connects and shows a certificate with that name is the trunk, wherever it connects from.</param>
public sealed record TrunkTls(string? Name, bool Verify, bool AcceptByCertificate);

/// <summary>cti.trunks[].media.</summary>
/// <param name="Latch">From where else than its signalled address RTP may come; null: as cti.media says.</param>
/// <param name="Idle">What is sent while there is nothing to send; null: as cti.media says.</param>
/// <param name="Srtp">Whether its sound is protected by keys in its description; null: as cti.media says.</param>
/// <param name="Codecs">Encoding names, offered in this order; null: as cti.media says.</param>
public sealed record TrunkMedia(LatchMode? Latch, IdleSending? Idle, SrtpMode? Srtp, ImmutableArray<string>? Codecs);

/// <summary>cti.trunks[].auth.</summary>
/// <param name="User">The user.</param>
/// <param name="Password">The password.</param>
/// <param name="Realms">The realms that both are for; empty: the first one that the trunk asks with.</param>
public sealed record TrunkAuth(string User, Secret Password, ImmutableArray<string> Realms);

/// <summary>One of cti.routes: an inbound call that fits all of its patterns goes to its application.</summary>
/// <param name="To">Pattern of the dialled user part, * for any characters, or null: any.</param>
/// <param name="From">Pattern of the caller's user part, or null: any.</param>
/// <param name="Trunk">Name of the trunk, or null: any.</param>
/// <param name="Application">Name of the application.</param>
public sealed record RouteSettings(string? To, string? From, string? Trunk, string Application);

/// <summary>cti.cluster.</summary>
/// <param name="Listen">For links between nodes; null: a single node.</param>
/// <param name="Advertise">Where the other nodes reach this one; null: <paramref name="Listen"/>.</param>
/// <param name="Secret">Shared by all nodes.</param>
/// <param name="Lease">A node that has not renewed for so long is dead, 500 ms..60 s.</param>
/// <param name="MediaAddress">Of RTP between nodes; null: the media address.</param>
/// <param name="Identity">What nodes prove to be of the cluster by; null: the secret.</param>
public sealed record ClusterSettings(IPEndPoint? Listen, HostPort? Advertise, Secret? Secret, TimeSpan Lease, IPAddress? MediaAddress,
    ClusterIdentitySettings? Identity);

/// <summary>Certificates of nodes.</summary>
/// <param name="Own">This node's.</param>
/// <param name="Authority">PEM: who signs them.</param>
public sealed record ClusterIdentitySettings(CertificateSettings Own, string Authority);

/// <summary>cti.call.</summary>
/// <param name="SetupTimeout">Of an outbound call without ringing or answer.</param>
/// <param name="OfferTimeout">Of an inbound call that nobody answers, rejects or redirects.</param>
/// <param name="IdleRelease">Of a call in Idle without a command; zero: never.</param>
public sealed record CallSettings(TimeSpan SetupTimeout, TimeSpan OfferTimeout, TimeSpan IdleRelease);

/// <summary>cti.events.</summary>
/// <param name="Retention">How long events can be read again.</param>
public sealed record EventSettings(TimeSpan Retention);

/// <summary>What becomes of texts in call record files that a spreadsheet would calculate.</summary>
public enum CsvFormulas
{
    /// <summary>They begin with an apostrophe.</summary>
    Quote,
    /// <summary>They are written as they are.</summary>
    Keep,
}

/// <summary>cti.cdr.</summary>
/// <param name="TimeZone">Of the times in records.</param>
/// <param name="Csv">Whether records are also written to files.</param>
/// <param name="Directory">Where.</param>
/// <param name="Retention">How long the table keeps records, zero: for ever.</param>
/// <param name="CsvFormulas">Of texts that a spreadsheet would calculate.</param>
public sealed record CdrSettings(TimeZoneInfo TimeZone, bool Csv, string Directory, TimeSpan Retention, CsvFormulas CsvFormulas);

/// <summary>cti.log.</summary>
/// <param name="Level">The least that is written.</param>
public sealed record LogSettings(LogSeverity Level);
