using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;

namespace Cti.Transport.Sip;

/// <summary>
/// Finds next hops by RFC 3263, as far as one flow an answer goes: numeric hosts at once; a name with a port by its addresses; a name without one by
/// SRV (UDP first, then TCP), and where there is none by its addresses. NAPTR is not asked. Answers are kept for 30 s, failures for 5 s.
/// </summary>
public sealed class SipResolver : ISipResolver
{
    private const long KeptNanos = 30_000_000_000;
    private const long FailureKeptNanos = 5_000_000_000;

    /// <summary>As many as the answer of one look-up is said to have at most.</summary>
    private const int FlowsMax = 32;

    private readonly Func<SipTransportKind, AddressFamily, int> _findListener;
    private readonly IRandom _random;
    private readonly SrvClient _srv;
    private readonly Kept<IPAddress> _addresses;
    private readonly Kept<SrvRecord> _records;
    private readonly Kept<IPAddress> _hosts;
    private readonly Func<string, Task<IPAddress[]>> _lookUp;
    private int _lookUps;

    /// <param name="findListener">The transport's <see cref="ISipTransport.FindListener"/>.</param>
    /// <param name="clock">For the cache.</param>
    /// <param name="random">For query ids and for choosing by weight.</param>
    public SipResolver(Func<SipTransportKind, AddressFamily, int> findListener, IClock clock, IRandom random)
        : this(findListener, clock, random, SrvClient.SystemServers())
    {
    }

    internal SipResolver(Func<SipTransportKind, AddressFamily, int> findListener, IClock clock, IRandom random, IReadOnlyList<IPEndPoint> nameServers,
        Func<string, Task<IPAddress[]>>? lookUp = null)
    {
        _lookUp = lookUp ?? (static name => Dns.GetHostAddressesAsync(name));
        _findListener = findListener;
        _random = random;
        _srv = new SrvClient(random, nameServers);
        _addresses = new Kept<IPAddress>(clock, LookUpAddressesAsync);
        _records = new Kept<SrvRecord>(clock, _srv.QueryAsync);
        _hosts = new Kept<IPAddress>(clock, LookUpHostAsync);
    }

    /// <inheritdoc/>
    public ValueTask<SipFlow?> ResolveAsync(SipUri nextHop)
    {
        if (!TryRead(nextHop, out var host, out var asked))
            return ValueTask.FromResult<SipFlow?>(null);
        return IPAddress.TryParse(host.Trim('[', ']'), out var address)
            ? ValueTask.FromResult(Numeric(address, nextHop.Port, asked))
            : new ValueTask<SipFlow?>(ByNameAsync(host.TrimEnd('.').ToLowerInvariant(), nextHop.Port, asked));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host) =>
        IPAddress.TryParse(host, out var address) ? [address] : await _hosts.GetAsync(host.TrimEnd('.').ToLowerInvariant()).ConfigureAwait(false);

    /// <summary>
    /// A name that a caller chose: each look-up holds a thread of the pool, so they are few at once, also those that nobody waits for any more.
    /// </summary>
    private async Task<IReadOnlyList<IPAddress>> LookUpHostAsync(string name)
    {
        if (Interlocked.Increment(ref _lookUps) > Limits.DnsHostsAtOnceMax)
        {
            Interlocked.Decrement(ref _lookUps);
            return [];
        }

        try
        {
            return await _lookUp(name).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            return [];
        }
        finally
        {
            Interlocked.Decrement(ref _lookUps);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop)
    {
        if (!TryRead(nextHop, out var host, out var asked))
            return [];
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
            return Numeric(address, nextHop.Port, asked) is { } flow ? [flow] : [];
        var name = host.TrimEnd('.').ToLowerInvariant();
        var found = new List<SipFlow>();
        if (nextHop.Port == 0 && name.Contains('.', StringComparison.Ordinal))
        {
            foreach (var kind in asked is { } only ? (SipTransportKind[])[only] : [SipTransportKind.Udp, SipTransportKind.Tcp])
            {
                foreach (var record in HasListener(kind) ? InOrder(await _records.GetAsync(Service(kind) + name).ConfigureAwait(false)) : [])
                {
                    foreach (var one in await AddressesAsync(record).ConfigureAwait(false))
                    {
                        if (found.Count < FlowsMax && FlowTo([one], record.Port, kind) is { } flow)
                            found.Add(flow);
                    }
                }

                if (found.Count > 0)
                    return found;
            }
        }

        foreach (var one in await _addresses.GetAsync(name).ConfigureAwait(false))
        {
            if (found.Count < FlowsMax && Numeric(one, nextHop.Port, asked) is { } flow)
                found.Add(flow);
        }

        return found;
    }

    private static bool TryRead(SipUri nextHop, out string host, out SipTransportKind? asked)
    {
        host = nextHop.IsSip && nextHop.Params["maddr"] is { Length: > 0 } maddr ? maddr : nextHop.Host;
        asked = null;
        if (!nextHop.IsSip)
            return false;
        switch (nextHop.Params["transport"]?.ToUpperInvariant())
        {
            case null:
                asked = nextHop.Scheme == "sips" ? SipTransportKind.Tls : null;
                return true;
            case "UDP":
                asked = SipTransportKind.Udp;
                return true;
            case "TCP":
                asked = nextHop.Scheme == "sips" ? SipTransportKind.Tls : SipTransportKind.Tcp;
                return true;
            case "TLS":
                asked = SipTransportKind.Tls;
                return true;
            default:
                return false;
        }
    }

    // RFC 3263 section 4.1: without a word about it, UDP; here also TCP where UDP is not listened at.
    private SipFlow? Numeric(IPAddress address, int port, SipTransportKind? asked) =>
        asked is { } kind
            ? FlowTo([address], port, kind)
            : FlowTo([address], port, SipTransportKind.Udp) ?? FlowTo([address], port, SipTransportKind.Tcp);

    private async Task<SipFlow?> ByNameAsync(string name, int port, SipTransportKind? asked)
    {
        if (port == 0 && name.Contains('.', StringComparison.Ordinal))
        {
            foreach (var kind in asked is { } only ? (SipTransportKind[])[only] : [SipTransportKind.Udp, SipTransportKind.Tcp])
            {
                if (await ByServiceAsync(name, kind).ConfigureAwait(false) is { } flow)
                    return flow;
            }
        }

        var addresses = await _addresses.GetAsync(name).ConfigureAwait(false);
        return asked is { } wanted
            ? FlowTo(addresses, port, wanted)
            : FlowTo(addresses, port, SipTransportKind.Udp) ?? FlowTo(addresses, port, SipTransportKind.Tcp);
    }

    private async Task<SipFlow?> ByServiceAsync(string name, SipTransportKind kind)
    {
        if (!HasListener(kind))
            return null;
        foreach (var record in InOrder(await _records.GetAsync(Service(kind) + name).ConfigureAwait(false)))
        {
            if (FlowTo(await AddressesAsync(record).ConfigureAwait(false), record.Port, kind) is { } flow)
                return flow;
        }

        return null;
    }

    private static string Service(SipTransportKind kind) => kind switch
    {
        SipTransportKind.Udp => "_sip._udp.",
        SipTransportKind.Tcp => "_sip._tcp.",
        _ => "_sips._tcp.",
    };

    private async ValueTask<IReadOnlyList<IPAddress>> AddressesAsync(SrvRecord record) =>
        IPAddress.TryParse(record.Target, out var numeric) ? [numeric] : await _addresses.GetAsync(record.Target.ToLowerInvariant()).ConfigureAwait(false);

    // RFC 2782: by priority, within one by chance in proportion to the weight.
    private List<SrvRecord> InOrder(IReadOnlyList<SrvRecord> records)
    {
        var left = records.OrderBy(record => record.Priority).ThenBy(record => record.Weight).ToList();
        var order = new List<SrvRecord>(left.Count);
        while (left.Count > 0)
        {
            var same = left.TakeWhile(record => record.Priority == left[0].Priority).ToList();
            var drawn = _random.Next(same.Sum(record => record.Weight) + 1);
            var chosen = same[^1];
            foreach (var record in same)
            {
                if ((drawn -= record.Weight) > 0)
                    continue;
                chosen = record;
                break;
            }

            order.Add(chosen);
            left.Remove(chosen);
        }

        return order;
    }

    private SipFlow? FlowTo(IReadOnlyList<IPAddress> addresses, int port, SipTransportKind kind)
    {
        foreach (var address in addresses)
        {
            var listener = _findListener(kind, address.AddressFamily);
            if (listener >= 0)
                return new SipFlow(kind, listener, new IPEndPoint(address, port != 0 ? port : kind == SipTransportKind.Tls ? 5061 : 5060));
        }

        return null;
    }

    private bool HasListener(SipTransportKind kind) =>
        _findListener(kind, AddressFamily.InterNetwork) >= 0 || _findListener(kind, AddressFamily.InterNetworkV6) >= 0;

    private static async Task<IReadOnlyList<IPAddress>> LookUpAddressesAsync(string name)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(name).WaitAsync(TimeSpan.FromMilliseconds(Limits.DnsMillisMax)).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or TimeoutException or ArgumentException)
        {
            return [];
        }
    }

    /// <summary>Answers by name for a while; those who ask for the same name at once share one look-up.</summary>
    private sealed class Kept<T>(IClock clock, Func<string, Task<IReadOnlyList<T>>> lookUp)
    {
        private readonly ConcurrentDictionary<string, (Lazy<Task<IReadOnlyList<T>>> Answer, long SinceNanos)> _answers = new(StringComparer.Ordinal);

        public Task<IReadOnlyList<T>> GetAsync(string name)
        {
            var now = clock.MonotonicNanos;
            if (_answers.TryGetValue(name, out var known) && !IsStale(known, now))
                return known.Answer.Value;
            if (_answers.Count >= Limits.DnsNamesMax)
                _answers.Clear();
            var fresh = (new Lazy<Task<IReadOnlyList<T>>>(() => lookUp(name)), now);
            return _answers.AddOrUpdate(name, fresh, (_, other) => IsStale(other, now) ? fresh : other).Item1.Value;
        }

        private static bool IsStale((Lazy<Task<IReadOnlyList<T>>> Answer, long SinceNanos) entry, long now)
        {
            var age = now - entry.SinceNanos;
            if (!entry.Answer.IsValueCreated || !entry.Answer.Value.IsCompleted)
                return age > KeptNanos;
            return age > (entry.Answer.Value is { IsCompletedSuccessfully: true, Result.Count: > 0 } ? KeptNanos : FailureKeptNanos);
        }
    }
}
