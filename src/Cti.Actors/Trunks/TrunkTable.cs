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
    /// <summary>By what.</summary>
    public SipTransportKind Transport { get; init; }
    /// <summary>Over TLS: what its certificate must name.</summary>
    public string TlsName { get => field ?? Host.Trim('[', ']'); init; }
    /// <summary>Over TLS: whether its certificate is looked at.</summary>
    public bool VerifiesTls { get; init; } = true;
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
    public SipUri UriOf(string? user) => SipUri.Create(user, Host, Port, Transport switch
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

    /// <summary>The port of a URI that names none (RFC 3261 section 19.1.2).</summary>
    internal const int DefaultPort = 5060;

    /// <summary>Creates the table; every trunk counts as up until it is found down.</summary>
    /// <param name="configured">The trunks.</param>
    /// <param name="clock">For the calls that they may begin in a second; null: those are not limited.</param>
    public TrunkTable(IEnumerable<Trunk> configured, IClock? clock = null)
    {
        _trunks = [.. configured];
        _knowledge = _trunks.ToImmutableDictionary(static trunk => trunk.Name, trunk => new TrunkKnowledge(trunk, clock), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>All.</summary>
    public ImmutableArray<Trunk> All => _trunks;

    /// <summary>The trunk of that name; null for none.</summary>
    public Trunk? Named(string? name) => name is null ? null : _trunks.FirstOrDefault(trunk => trunk.Name == name);

    /// <summary>The trunk that a URI's host names: by trunk name, or by its host and port.</summary>
    public Trunk? ForHost(string host, int? port)
    {
        foreach (var trunk in _trunks)
        {
            if (trunk.Name.Equals(host, StringComparison.OrdinalIgnoreCase)) return trunk;
            if (trunk.Host.Trim('[', ']').Equals(host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase) && (port ?? DefaultPort) == trunk.PortOrDefault)
                return trunk;
        }
        return null;
    }

    /// <summary>
    /// The trunk that a request came from: by source address, its own before a network that it accepts from, and of networks the smallest; the port counts only
    /// where several trunks share an address. Of equals the first.
    /// </summary>
    public Trunk? ForSource(IPEndPoint source)
    {
        if (source.Address.IsIPv4MappedToIPv6) source = new IPEndPoint(source.Address.MapToIPv4(), source.Port);
        Trunk? found = null;
        var most = 0;
        foreach (var trunk in _trunks)
        {
            if (_knowledge[trunk.Name].LikenessOf(source) is var likeness && likeness > most) (found, most) = (trunk, likeness);
        }
        return found;
    }

    /// <summary>Whether a trunk answers (OPTIONS, or calls that did not fail for transport).</summary>
    public bool IsUp(Trunk trunk) => _knowledge[trunk.Name].Up;

    /// <summary>Whether one more call may begin on a trunk in this second; it is counted where it may.</summary>
    public bool TryBegin(Trunk trunk) => _knowledge[trunk.Name].TryBegin();

    /// <summary>Calls that were refused on a trunk because too many had begun in that second.</summary>
    public long TooFastOn(Trunk trunk) => _knowledge[trunk.Name].TooFast;

    /// <summary>Notes whether a trunk answers; true when that is news.</summary>
    public bool SetUp(string trunk, bool up)
    {
        var known = _knowledge[trunk];
        var news = known.Up != up;
        known.Up = up;
        return news;
    }

    /// <summary>Notes where a trunk's name leads now: calls from there are its, and its credentials go there alone. Kept for 10 minutes, at most 32.</summary>
    /// <param name="trunk">Its name.</param>
    /// <param name="found">Addresses with ports.</param>
    /// <param name="nowMillis">Of the monotonic clock.</param>
    public void Note(string trunk, IEnumerable<IPEndPoint> found, long nowMillis) => _knowledge[trunk].Note(found, nowMillis);

    /// <summary>How the registration at a trunk stands.</summary>
    public TrunkRegistration RegistrationAt(Trunk trunk) => _knowledge[trunk.Name].Registration;

    /// <summary>How often registering there has failed, by status.</summary>
    public IReadOnlyDictionary<int, long> RegisterFailuresAt(Trunk trunk) => _knowledge[trunk.Name].RegisterFailures;

    /// <summary>How many challenges were not answered with a trunk's credentials, by why.</summary>
    public IEnumerable<(DigestRefusal Why, long Count)> RefusedChallengesOf(Trunk trunk) => _knowledge[trunk.Name].Refusals;

    internal TrunkKnowledge Of(Trunk trunk) => _knowledge[trunk.Name];
}
