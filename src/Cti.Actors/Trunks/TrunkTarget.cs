using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Cti.Kernel;

namespace Cti.Actors.Trunks;

/// <summary>One of the places that a trunk's requests go to.</summary>
/// <param name="Host">Host name or address.</param>
/// <param name="Port">1..65535; 0 where none is configured, as <see cref="Trunk.Port"/>.</param>
/// <param name="Priority">0..65535: those of the least are tried first (RFC 2782).</param>
/// <param name="Weight">0..65535: of one priority each is tried first in proportion to it (RFC 2782).</param>
public sealed record TrunkTarget(string Host, int Port = 5060, int Priority = 1, int Weight = 1)
{
    /// <summary>The port that counts where no service record names another.</summary>
    public int PortOrDefault => Port == 0 ? TrunkTable.DefaultPort : Port;

    /// <summary>Its address where it is one; null for a name.</summary>
    public IPAddress? Address => IPAddress.TryParse(BareHost, out var address) ? address : null;

    /// <summary>Its host without brackets.</summary>
    internal string BareHost => Host.Trim('[', ']');

    /// <summary><c>host</c> or <c>host:port</c>, as it is configured.</summary>
    public override string ToString()
    {
        var host = BareHost.Contains(':', StringComparison.Ordinal) ? $"[{BareHost}]" : BareHost;
        return Port == 0 ? host : string.Create(CultureInfo.InvariantCulture, $"{host}:{Port}");
    }

    /// <summary>
    /// The order in which the targets of a trunk are tried: by priority, within one by chance in proportion to the weight (RFC 2782). Those that are down are
    /// left out, unless all are.
    /// </summary>
    /// <param name="targets">All of a trunk.</param>
    /// <param name="isUp">Whether the target at that place is up.</param>
    /// <param name="random">For choosing by weight.</param>
    /// <returns>Places in <paramref name="targets"/>.</returns>
    internal static IReadOnlyList<int> InOrder(ImmutableArray<TrunkTarget> targets, Func<int, bool> isUp, IRandom random)
    {
        // A trunk of one target draws no lots: what chance decides elsewhere stays as it was.
        if (targets.Length == 1) return [0];
        var left = Enumerable.Range(0, targets.Length).Where(isUp).ToList();
        if (left.Count == 0) left = [.. Enumerable.Range(0, targets.Length)];
        // Those without weight come first of their priority, so that they too are chosen now and then.
        left = [.. left.OrderBy(place => targets[place].Priority).ThenBy(place => targets[place].Weight > 0)];
        var order = new List<int>(left.Count);
        while (left.Count > 0)
        {
            var same = left.TakeWhile(place => targets[place].Priority == targets[left[0]].Priority).ToList();
            var drawn = same.Count == 1 ? 0 : random.Next(same.Sum(place => targets[place].Weight) + 1);
            var chosen = same.FirstOrDefault(place => (drawn -= targets[place].Weight) <= 0, same[^1]);
            order.Add(chosen);
            left.Remove(chosen);
        }
        return order;
    }
}

/// <summary>Whether a target of a trunk answers, and since when.</summary>
/// <param name="IsUp">Whether it does.</param>
/// <param name="Code">The SIP status that says so: of its answer, 408 for none, 503 where it cannot be reached; 0 before the first.</param>
/// <param name="Reason">The same in words.</param>
/// <param name="SinceUnixMillis">Since when it is as it is; 0 before anything was heard of it.</param>
public sealed record TargetState(bool IsUp, int Code, string Reason, long SinceUnixMillis)
{
    /// <summary>Nothing was heard of it yet: it counts as up.</summary>
    public static readonly TargetState Unheard = new(true, 0, "", 0);
}

/// <summary>What this node knows of one target of a trunk now. Reads and writes from any thread.</summary>
internal sealed class TargetKnowledge
{
    /// <summary>Addresses kept of a target: more than any carrier's SRV records name.</summary>
    private const int EndPointsMax = 32;

    /// <summary>For how long an address counts that the name does not lead to any more: calls that were set up there go on.</summary>
    private const long EndPointKeptMillis = 600_000;

    private readonly Lock _gate = new();
    private ImmutableDictionary<IPEndPoint, long> _seen = ImmutableDictionary<IPEndPoint, long>.Empty;
    private IPEndPoint[] _endPoints = [];
    private TargetState _state = TargetState.Unheard;

    public TargetKnowledge(TrunkTarget target)
    {
        Target = target;
        if (target.Address is { } address) _endPoints = [new IPEndPoint(address, target.PortOrDefault)];
    }

    public TrunkTarget Target { get; }

    public TargetState State => Volatile.Read(ref _state);

    public IPEndPoint[] EndPoints => Volatile.Read(ref _endPoints);

    /// <summary>Notes whether it answers; true where that is news.</summary>
    /// <param name="isUp">Whether it does.</param>
    /// <param name="code">The SIP status that says so.</param>
    /// <param name="reason">The same in words.</param>
    /// <param name="nowUnixMillis">Now.</param>
    public bool Set(bool isUp, int code, string reason, long nowUnixMillis)
    {
        lock (_gate)
        {
            var isNews = _state.IsUp != isUp;
            // Of one that stays down the newest reason counts, and the time of the first.
            if (isNews || _state.SinceUnixMillis == 0) _state = new TargetState(isUp, code, reason, nowUnixMillis);
            else if (!isUp && _state.Code != code) _state = _state with { Code = code, Reason = reason };
            return isNews;
        }
    }

    /// <summary>Notes where its name leads now; false where nothing is to be noted: an address in the configuration is the only one.</summary>
    public bool Note(IEnumerable<IPEndPoint> found, long nowMillis)
    {
        if (Target.Address is not null) return false;
        lock (_gate)
        {
            foreach (var endPoint in found) _seen = _seen.SetItem(Plain(endPoint), nowMillis);
            if (_seen.Count == 0) return false;
            _seen = _seen.RemoveRange(_seen.Where(known => nowMillis - known.Value > EndPointKeptMillis).Select(static known => known.Key));
            if (_seen.Count > EndPointsMax)
                _seen = _seen.RemoveRange(_seen.OrderByDescending(static known => known.Value).Skip(EndPointsMax).Select(static known => known.Key).ToList());
            _endPoints = [.. _seen.Keys];
            return true;
        }
    }

    private static IPEndPoint Plain(IPEndPoint endPoint) =>
        endPoint.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(endPoint.Address.MapToIPv4(), endPoint.Port) : endPoint;
}
