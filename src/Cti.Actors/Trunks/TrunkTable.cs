using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Trunks;

/// <summary>How keys are sent where the trunk says so.</summary>
public enum TrunkDtmf
{
    /// <summary>RFC 4733, or in-band where it was not agreed.</summary>
    Rfc4733,
    /// <summary>SIP INFO.</summary>
    Info,
    /// <summary>Tones.</summary>
    InBand,
}

/// <summary>A VoIP gateway or carrier, as configured.</summary>
public sealed record Trunk
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>Host name or address.</summary>
    public required string Host { get; init; }
    /// <summary>1..65535; 0 where none is configured, so that a name's service records decide (RFC 3263), and 5060 where it has none.</summary>
    public int Port { get; init; } = 5060;
    /// <summary>The port that counts where no service record names another.</summary>
    public int PortOrDefault => Port == 0 ? TrunkTable.DefaultPort : Port;
    /// <summary>Where its requests go; empty for its host alone. Then host and port are what its URIs name, and nothing else.</summary>
    public ImmutableArray<TrunkTarget> Targets { get; init; } = [];
    /// <summary>Where its requests go, its own host where no other targets are configured.</summary>
    public ImmutableArray<TrunkTarget> Hops => Targets.IsEmpty ? [new TrunkTarget(Host, Port)] : Targets;
    /// <summary>By what.</summary>
    public SipTransportKind Transport { get; init; }
    /// <summary>Whether its targets have no host in common: each is then known by its own, and the first of them stands in the trunk's URIs.</summary>
    public bool IsNamedByTargets { get; init; }
    /// <summary>Over TLS: what its certificate must name where that is configured; null for its host.</summary>
    public string? OwnTlsName { get; init; }
    /// <summary>Over TLS: what its certificate must name.</summary>
    public string TlsName => OwnTlsName ?? Host.Trim('[', ']');
    /// <summary>Over TLS: whether its certificate is looked at.</summary>
    public bool VerifiesTls { get; init; } = true;
    /// <summary>
    /// Over TLS: whether one that connects and shows a certificate with <see cref="TlsName"/> is this trunk, wherever it connects from.
    /// </summary>
    public bool AcceptsCertificate { get; init; }
    /// <summary>Networks that its calls come from beside the addresses that its host resolves to; its credentials never go there.</summary>
    public ImmutableArray<IPNetwork> AcceptFrom { get; init; } = [];
    /// <summary>Calls at once, cluster-wide; 0 for no limit.</summary>
    public int MaxCalls { get; init; }
    /// <summary>New calls a second at this node, either way; 0 for no limit.</summary>
    public int CallsPerSecond { get; init; }
    /// <summary>Digest user.</summary>
    public string? User { get; init; }
    /// <summary>Digest password.</summary>
    public string? Password { get; init; }
    /// <summary>The realms that user and password are for; empty for the first one that the trunk asks with.</summary>
    public ImmutableArray<string> Realms { get; init; } = [];
    /// <summary>Whether to register there.</summary>
    public bool Register { get; init; }
    /// <summary>For how long a registration is asked for, in seconds.</summary>
    public int RegisterSeconds { get; init; } = 600;
    /// <summary>The From user where a call leaves it to the line.</summary>
    public string? FromUser { get; init; }
    /// <summary>The From domain; null for our own address.</summary>
    public string? FromDomain { get; init; }
    /// <summary>Send P-Asserted-Identity.</summary>
    public bool AssertIdentity { get; init; }
    /// <summary>How it writes callers' numbers.</summary>
    public CallerIdRules CallerId { get; init; } = CallerIdRules.None;
    /// <summary>How keys are sent.</summary>
    public TrunkDtmf Dtmf { get; init; }
    /// <summary>Between two OPTIONS in milliseconds; 0 sends none and takes it to be up.</summary>
    public int OptionsIntervalMillis { get; init; }
    /// <summary>Over a stream: after how many milliseconds of silence it is asked whether it is there; 0 for never.</summary>
    public int KeepAliveMillis { get; init; }
    /// <summary>From where else than its signalled address RTP may come; null: as everywhere.</summary>
    public LatchMode? Latch { get; init; }
    /// <summary>What is sent while there is nothing to send; null: as everywhere.</summary>
    public IdleSending? Idle { get; init; }
    /// <summary>Encoding names, the preferred first; null: as everywhere.</summary>
    public ImmutableArray<string>? Codecs { get; init; }
    /// <summary>Whether its sound is protected by keys in its description; null: as everywhere.</summary>
    public SrtpMode? Srtp { get; init; }
    /// <summary>Whether provisional responses are reliable; null: as everywhere.</summary>
    public ReliableProvisionals? Reliable { get; init; }

    /// <summary>For how many seconds a session is asked to hold without a refresh, 0 for no such question; null: as everywhere.</summary>
    public int? SessionSeconds { get; init; }

    /// <summary>What is asked of it, and granted to it.</summary>
    /// <param name="everywhere">What counts where it is not configured otherwise.</param>
    public SipProfile ProfileOver(SipProfile everywhere) => everywhere with
    {
        Reliable = Reliable ?? everywhere.Reliable,
        Timer = everywhere.Timer with { AskSeconds = SessionSeconds ?? everywhere.Timer.AskSeconds },
    };

    /// <summary>The URI by which it is reached.</summary>
    /// <param name="user">Whom there; null for itself.</param>
    public SipUri UriOf(string? user) => UriOf(user, Host, Port);

    /// <summary>The URI of one of its targets.</summary>
    public SipUri UriAt(TrunkTarget target) => UriOf(null, target.Host, target.Port);

    private SipUri UriOf(string? user, string host, int port) => SipUri.Create(user, host, port, Transport switch
    {
        SipTransportKind.Tcp => ";transport=tcp",
        SipTransportKind.Tls => ";transport=tls",
        _ => null,
    });

    /// <summary>Keeps the password out of logs.</summary>
    public override string ToString() => $"trunk {Name} {Host}:{Port}";
}

/// <summary>Which application an inbound call goes to, or which trunk an outbound one takes. First match wins.</summary>
/// <param name="To">A <see cref="NumberPattern"/> for the called user part.</param>
/// <param name="From">A <see cref="NumberPattern"/> for the caller's user part.</param>
/// <param name="Trunk">The trunk that it came over, or null.</param>
/// <param name="Application">The application.</param>
public sealed record InboundRoute(string To, string From, string? Trunk, string Application);

/// <summary>The trunks with what is known of them now. Reads and writes from any thread.</summary>
public sealed class TrunkTable
{
    private readonly ImmutableArray<Trunk> _trunks;
    private readonly ImmutableDictionary<string, TrunkKnowledge> _knowledge;
    private readonly IClock? _clock;

    /// <summary>The port of a URI that names none (RFC 3261 section 19.1.2).</summary>
    internal const int DefaultPort = 5060;

    /// <summary>Creates the table; every trunk counts as up until it is found down.</summary>
    /// <param name="configured">The trunks.</param>
    /// <param name="clock">For the calls that they may begin in a second, and since when targets are as they are; null: neither is known.</param>
    public TrunkTable(IEnumerable<Trunk> configured, IClock? clock = null)
    {
        _trunks = [.. configured];
        _clock = clock;
        _knowledge = _trunks.ToImmutableDictionary(static trunk => trunk.Name, trunk => new TrunkKnowledge(trunk, clock), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Told what happens to a trunk, on any thread; null for nobody.</summary>
    internal Action<TrunkNews>? News { get; set; }

    /// <summary>All.</summary>
    public ImmutableArray<Trunk> All => _trunks;

    /// <summary>The trunk of that name; null for none.</summary>
    public Trunk? Named(string? name) => name is null ? null : _trunks.FirstOrDefault(trunk => trunk.Name == name);

    /// <summary>The trunk that a URI's host names: by trunk name, or by its host and port, or a target's.</summary>
    public Trunk? ForHost(string host, int? port)
    {
        foreach (var trunk in _trunks)
        {
            if (trunk.Name.Equals(host, StringComparison.OrdinalIgnoreCase)) return trunk;
            if (Is(trunk.Host, trunk.PortOrDefault) || trunk.Targets.Any(target => Is(target.Host, target.PortOrDefault))) return trunk;
        }
        return null;

        bool Is(string known, int knownPort) =>
            known.Trim('[', ']').Equals(host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase) && (port ?? DefaultPort) == knownPort;
    }

    /// <summary>Whether the far end of a flow has shown a verified certificate that names it so; null: nobody shows any.</summary>
    internal Func<SipFlow, string, bool>? Shows { get; set; }

    /// <summary>
    /// The trunk that a request came from: by the certificate that was shown, where a trunk is known by that, else by source address. Where several trunks
    /// share an address (accounts at one carrier), the one whose registered Contact the request names: a registrar calls that, and it counts only from the
    /// trunk's own addresses.
    /// </summary>
    /// <param name="flow">What it came by.</param>
    /// <param name="called">The user part of the Request-URI; null where it is not asked for.</param>
    public Trunk? ForFlow(SipFlow flow, string? called)
    {
        if (flow is { Kind: SipTransportKind.Tls, Connection: not 0 } && Shows is { } shows)
        {
            foreach (var trunk in _trunks)
            {
                if (trunk.AcceptsCertificate && shows(flow, trunk.TlsName)) return trunk;
            }
        }
        var found = ForSource(flow.Remote, out var likeness);
        if (found is null || called is null || likeness < TrunkKnowledge.LikenessOfAddress || found is { Register: true } && found.User == called) return found;
        foreach (var trunk in _trunks)
        {
            if (!trunk.Register || trunk.User != called) continue;
            if (_knowledge[trunk.Name].LikenessOf(Plain(flow.Remote)) >= TrunkKnowledge.LikenessOfAddress) return trunk;
        }
        return found;
    }

    /// <summary>
    /// The trunk of a source address: its own before a network that it accepts from, and of networks the smallest; the port counts only where several trunks
    /// share an address. Of equals the first.
    /// </summary>
    public Trunk? ForSource(IPEndPoint source) => ForSource(source, out _);

    private Trunk? ForSource(IPEndPoint source, out int most)
    {
        source = Plain(source);
        Trunk? found = null;
        most = 0;
        foreach (var trunk in _trunks)
        {
            if (_knowledge[trunk.Name].LikenessOf(source) is var likeness && likeness > most) (found, most) = (trunk, likeness);
        }
        return found;
    }

    private static IPEndPoint Plain(IPEndPoint source) =>
        source.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(source.Address.MapToIPv4(), source.Port) : source;

    /// <summary>Whether a trunk answers: one of its targets does (OPTIONS, or calls that did not fail for transport).</summary>
    public bool IsUp(Trunk trunk) => _knowledge[trunk.Name].Up;

    /// <summary>How each target of a trunk stands, in the order in which they are configured.</summary>
    public IEnumerable<(TrunkTarget Target, TargetState State)> TargetsOf(Trunk trunk) =>
        _knowledge[trunk.Name].Targets.Select(static target => (target.Target, target.State));

    /// <summary>Over TLS: what the certificate at an address of a trunk's must name.</summary>
    public string TlsNameAt(Trunk trunk, IPEndPoint address) =>
        trunk is { OwnTlsName: null, IsNamedByTargets: true } && _knowledge[trunk.Name].TargetAt(address) is { } target
            ? target.Target.BareHost
            : trunk.TlsName;

    /// <summary>Whether one more call may begin on a trunk in this second; it is counted where it may.</summary>
    public bool TryBegin(Trunk trunk) => _knowledge[trunk.Name].TryBegin();

    /// <summary>Calls that were refused on a trunk because too many had begun in that second.</summary>
    public long TooFastOn(Trunk trunk) => _knowledge[trunk.Name].TooFast;

    /// <summary>Notes whether a target answers; true when that is news.</summary>
    /// <param name="trunk">Whose it is.</param>
    /// <param name="target">Its place among the trunk's targets.</param>
    /// <param name="isUp">Whether it does.</param>
    /// <param name="code">The SIP status that says so: of its answer, 408 for none, 503 where it cannot be reached.</param>
    /// <param name="reason">The same in words.</param>
    public bool SetUp(Trunk trunk, int target, bool isUp, int code, string reason)
    {
        var known = _knowledge[trunk.Name].Targets[target];
        if (!known.Set(isUp, code, reason, _clock?.UnixMillis ?? 0)) return false;
        News?.Invoke(new TrunkNews(trunk.Name, known.Target.ToString(), isUp ? "up" : "down", code, reason, known.State.SinceUnixMillis));
        return true;
    }

    /// <summary>
    /// Notes that a call could not be brought to an address of a trunk's: its target is down until OPTIONS finds it up. Without OPTIONS nothing would, so it
    /// stays as it is.
    /// </summary>
    public void NotReached(Trunk trunk, IPEndPoint address)
    {
        var known = _knowledge[trunk.Name];
        // A proxy that the registrar has named is no target, but calls to a trunk of one go by it.
        var target = known.TargetAt(address) ?? (known.Targets.Length == 1 ? known.Targets[0] : null);
        if (trunk.OptionsIntervalMillis == 0 || target is null) return;
        SetUp(trunk, known.Targets.IndexOf(target), false, 503, "a call could not be brought there");
    }

    /// <summary>
    /// Notes where the name of a trunk's target leads now: calls from there are the trunk's, and its credentials go there alone. Kept for 10 minutes, at most
    /// 32 of a target.
    /// </summary>
    /// <param name="trunk">The trunk's name.</param>
    /// <param name="target">The target's place among the trunk's.</param>
    /// <param name="found">Addresses with ports.</param>
    /// <param name="nowMillis">Of the monotonic clock.</param>
    public void Note(string trunk, int target, IEnumerable<IPEndPoint> found, long nowMillis) => _knowledge[trunk].Note(target, found, nowMillis);

    /// <summary>How the registration at a trunk stands.</summary>
    public TrunkRegistration RegistrationAt(Trunk trunk) => _knowledge[trunk.Name].Registration;

    /// <summary>How often registering there has failed, by status.</summary>
    public IReadOnlyDictionary<int, long> RegisterFailuresAt(Trunk trunk) => _knowledge[trunk.Name].RegisterFailures;

    /// <summary>How many challenges were not answered with a trunk's credentials, by why.</summary>
    public IEnumerable<(DigestRefusal Why, long Count)> RefusedChallengesOf(Trunk trunk) => _knowledge[trunk.Name].Refusals;

    internal TrunkKnowledge Of(Trunk trunk) => _knowledge[trunk.Name];
}
