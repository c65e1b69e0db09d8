using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Message;

namespace Cti.Actors.Trunks;

/// <summary>How a registration stands.</summary>
/// <param name="UntilMillis">When what was granted runs out, in milliseconds of the monotonic clock; 0 while nothing was.</param>
/// <param name="Status">What the last attempt failed with; 0 where it did not.</param>
/// <param name="Reason">The same in words.</param>
/// <param name="SinceUnixMillis">Since when it fails, or holds.</param>
public sealed record TrunkRegistration(long UntilMillis, int Status, string Reason, long SinceUnixMillis)
{
    /// <summary>Nothing was asked yet.</summary>
    public static readonly TrunkRegistration None = new(0, 0, "", 0);
}

/// <summary>What this node knows of one trunk now. Reads and writes from any thread.</summary>
internal sealed class TrunkKnowledge
{
    /// <summary><see cref="LikenessOf"/> of an address of its own, and above.</summary>
    public const int LikenessOfAddress = 1_000;

    /// <summary>How often the log says of a trunk that one kind of challenge is not answered.</summary>
    private const long RefusalLogMillis = 600_000;

    private readonly Lock _gate = new();
    private readonly Trunk _trunk;
    private readonly long[] _refusals = new long[Enum.GetValues<DigestRefusal>().Length];
    private readonly long[] _toldAt = new long[Enum.GetValues<DigestRefusal>().Length];
    private readonly TokenBucket? _calls;
    private long _tooFast;
    private DigestTrust? _trust;
    private IPEndPoint[] _endPoints = [];
    private TrunkRegistration _registration = TrunkRegistration.None;
    private ImmutableArray<string> _serviceRoutes = [];
    private ImmutableSortedDictionary<int, long> _registerFailures = ImmutableSortedDictionary<int, long>.Empty;

    public TrunkKnowledge(Trunk trunk, IClock? clock)
    {
        _trunk = trunk;
        if (trunk.CallsPerSecond > 0 && clock is not null) _calls = new TokenBucket(clock, trunk.CallsPerSecond, trunk.CallsPerSecond);
        Targets = [.. trunk.Hops.Select(static target => new TargetKnowledge(target))];
        _endPoints = AllEndPoints();
        if (trunk is not { User: { } user, Password: { } password }) return;
        _trust = new DigestTrust
        {
            Credentials = new DigestCredentials(user, password), Host = trunk.Host.Trim('[', ']'), Port = trunk.PortOrDefault,
            Realms = trunk.Realms, EndPoints = [.. _endPoints], Others = [.. trunk.Targets.Select(static target => (target.BareHost, target.PortOrDefault))]
        };
    }

    /// <summary>Its targets, in the order in which they are configured.</summary>
    public ImmutableArray<TargetKnowledge> Targets { get; }

    /// <summary>Whether calls can go there: one target at least answers.</summary>
    public bool Up => Targets.Any(static target => target.State.IsUp);

    /// <summary>The target that an address is of; null where it is none's.</summary>
    public TargetKnowledge? TargetAt(IPEndPoint address) =>
        Targets.FirstOrDefault(target => target.EndPoints.Contains(address))
        ?? Targets.FirstOrDefault(target => target.EndPoints.Any(known => known.Address.Equals(address.Address)));

    public long TooFast => Interlocked.Read(ref _tooFast);

    public bool TryBegin()
    {
        if (_calls is null || _calls.Take() == 0) return true;
        Interlocked.Increment(ref _tooFast);
        return false;
    }

    /// <summary>Whether it has an address; without one nothing can be told of it yet.</summary>
    public bool IsFound => Volatile.Read(ref _endPoints).Length > 0;

    public TrunkRegistration Registration => Volatile.Read(ref _registration);

    public ImmutableSortedDictionary<int, long> RegisterFailures => Volatile.Read(ref _registerFailures);

    /// <summary>Challenges that were not answered, by why; those that were are the first.</summary>
    public IEnumerable<(DigestRefusal Why, long Count)> Refusals => _refusals.Select(static (_, why) => (DigestRefusal)why)
        .Where(static why => why != DigestRefusal.None).Select(why => (why, Interlocked.Read(ref _refusals[(int)why])));

    /// <summary>How surely something that came from there is this trunk's; 0: it is not.</summary>
    /// <returns>Beyond any network: its address, and its very port most of all. Of networks the longer prefix counts more.</returns>
    public int LikenessOf(IPEndPoint source)
    {
        const int OfPort = 2_000;
        var likeness = 0;
        foreach (var network in _trunk.AcceptFrom)
        {
            if (network.Contains(source.Address)) likeness = Math.Max(likeness, 1 + network.PrefixLength);
        }
        foreach (var known in Volatile.Read(ref _endPoints))
        {
            if (!known.Address.Equals(source.Address)) continue;
            likeness = Math.Max(likeness, known.Port == source.Port || _trunk.PortOrDefault == source.Port ? OfPort : LikenessOfAddress);
        }
        return likeness;
    }

    /// <summary>Whether a way leads to it; see <see cref="DigestTrust.Owns"/>.</summary>
    public bool Owns(SipFlow flow) => Volatile.Read(ref _trust) is { } known && DigestTrust.Owns(known.EndPoints, flow);

    /// <summary>Notes where a target's name leads now.</summary>
    public void Note(int target, IEnumerable<IPEndPoint> found, long nowMillis)
    {
        if (!Targets[target].Note(found, nowMillis)) return;
        lock (_gate)
        {
            _endPoints = AllEndPoints();
            if (_trust is not null) _trust = _trust with { EndPoints = [.. _endPoints] };
        }
    }

    private IPEndPoint[] AllEndPoints() => [.. Targets.SelectMany(static target => target.EndPoints).Distinct()];

    /// <summary>
    /// Judges a 401 or 407, and keeps what is agreed on by answering it: of two calls that are challenged first in the same moment one decides on the realm.
    /// </summary>
    /// <param name="session">What was answered so far there.</param>
    /// <param name="request">Ours.</param>
    /// <param name="response">The response.</param>
    /// <param name="sent">By what the request went.</param>
    /// <param name="came">By what the response came.</param>
    /// <param name="nowMillis">Of the monotonic clock.</param>
    /// <param name="isNews">Whether the refusal should be told in the log.</param>
    public DigestVerdict Judge(DigestSession session, SipRequest request, SipResponse response, SipFlow sent, SipFlow came, long nowMillis, out bool isNews)
    {
        isNews = false;
        lock (_gate)
        {
            if (_trust is null) return new DigestVerdict(DigestRefusal.None, null, null);
            var verdict = _trust.Judge(session, request, response, sent, came);
            var why = (int)verdict.Refusal;
            _refusals[why]++;
            if (verdict.Refusal == DigestRefusal.None)
            {
                if (verdict.Agreement != _trust.Agreement) _trust = _trust with { Agreement = verdict.Agreement };
                return verdict;
            }
            isNews = _toldAt[why] == 0 || nowMillis - _toldAt[why] >= RefusalLogMillis;
            if (isNews) _toldAt[why] = Math.Max(1, nowMillis);
            return verdict;
        }
    }

    /// <summary>What holds between it and us; null before its first challenge.</summary>
    public DigestAgreement? Agreement => Volatile.Read(ref _trust)?.Agreement;

    /// <summary>A call that was taken over knows what was agreed on: it counts where this node knows nothing yet, and SHA-256 always does.</summary>
    public void Remember(DigestAgreement known)
    {
        lock (_gate)
        {
            if (_trust is null) return;
            _trust = _trust with { Agreement = _trust.Agreement is { } ours ? ours with { Strong = ours.Strong || known.Strong } : known };
        }
    }

    /// <summary>By which proxies calls to it go while its registration holds (RFC 3608); empty for none.</summary>
    public ImmutableArray<string> ServiceRoutes
    {
        get
        {
            lock (_gate) return _serviceRoutes;
        }
        set
        {
            lock (_gate) _serviceRoutes = value;
        }
    }

    public void SetRegistration(TrunkRegistration now) => Volatile.Write(ref _registration, now);

    public void CountRegisterFailure(int status)
    {
        lock (_gate) _registerFailures = _registerFailures.SetItem(status, _registerFailures.GetValueOrDefault(status) + 1);
    }
}
