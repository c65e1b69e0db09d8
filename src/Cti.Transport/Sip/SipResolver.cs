using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Names;

namespace Cti.Transport.Sip;

/*
   RFC 3263 section 4

   numeric host ----------------------------------------------------------------------> that address
   name with a port -------------------------------------------------> its addresses --> flows
   name, transport asked ----------> SRV of that transport ---none---> its addresses --> flows
   name --> NAPTR --those we do----> SRV of each, in order --each--> addresses of each --> flows
              |none
              +--> SRV of UDP, then TCP (of sips: TLS); the first that has any --none--> its addresses --> flows
*/

/// <summary>Finds next hops by RFC 3263, and hosts that session descriptions name. Answers are kept for as long as they say, within bounds.</summary>
public sealed class SipResolver : ISipResolver
{
    /// <summary>As many as the answer of one look-up is said to have at most.</summary>
    private const int FlowsMax = 32;

    /// <summary>Hosts that one name leads to at most: each is a question to name servers that whoever wrote the record has chosen.</summary>
    private const int TargetsMax = 32;

    /// <summary>Name servers that let questions for NAPTR go unanswered cost a call nothing more for so long.</summary>
    private const int NoNaptrSeconds = 60;

    private readonly Func<SipTransportKind, AddressFamily, int> _findListener;
    private readonly IRandom _random;
    private readonly AnswerCache<NaptrRecord> _naptr;
    private readonly AnswerCache<SrvRecord> _srv;
    private readonly AnswerCache<IPAddress> _addresses;
    private readonly AnswerCache<IPAddress> _hosts;
    private readonly Func<string, Task<IPAddress[]>> _lookUp;
    private int _lookUps;

    /// <param name="findListener">The transport's <see cref="ISipTransport.FindListener"/>.</param>
    /// <param name="clock">For the cache.</param>
    /// <param name="random">For choosing by weight.</param>
    public SipResolver(Func<SipTransportKind, AddressFamily, int> findListener, IClock clock, IRandom random)
        : this(findListener, clock, random, DnsQuestions.OfSystem())
    {
    }

    internal SipResolver(Func<SipTransportKind, AddressFamily, int> findListener, IClock clock, IRandom random, IDnsQuestions dns,
        Func<string, Task<IPAddress[]>>? lookUp = null)
    {
        _lookUp = lookUp ?? (static name => Dns.GetHostAddressesAsync(name));
        _findListener = findListener;
        _random = random;
        _naptr = new AnswerCache<NaptrRecord>(clock, dns.NaptrAsync, NoNaptrSeconds);
        _srv = new AnswerCache<SrvRecord>(clock, dns.SrvAsync);
        _addresses = new AnswerCache<IPAddress>(clock, dns.AddressesAsync);
        _hosts = new AnswerCache<IPAddress>(clock, LookUpHostAsync);
    }

    /// <inheritdoc/>
    public ValueTask<SipFlow?> ResolveAsync(SipUri nextHop)
    {
        var found = ResolveAllAsync(nextHop);
        return found.IsCompletedSuccessfully ? ValueTask.FromResult(First(found.Result)) : FirstAsync(found);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop)
    {
        if (!NextHop.TryRead(nextHop, out var hop)) return ValueTask.FromResult<IReadOnlyList<SipFlow>>([]);
        return IPAddress.TryParse(hop.Host, out var address)
            ? ValueTask.FromResult<IReadOnlyList<SipFlow>>(Numeric(address, hop) is { } flow ? [flow] : [])
            : new ValueTask<IReadOnlyList<SipFlow>>(InTimeAsync(hop));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host) =>
        IPAddress.TryParse(host, out var address) ? [address] : await _hosts.GetAsync(host.TrimEnd('.').ToLowerInvariant()).ConfigureAwait(false);

    private static SipFlow? First(IReadOnlyList<SipFlow> found) => found.Count > 0 ? found[0] : null;

    private static async ValueTask<SipFlow?> FirstAsync(ValueTask<IReadOnlyList<SipFlow>> found) => First(await found.ConfigureAwait(false));

    /// <summary>Whoever waits for a call does not wait longer, however many questions there are.</summary>
    private async Task<IReadOnlyList<SipFlow>> InTimeAsync(NextHop hop)
    {
        try
        {
            return await ByNameAsync(hop).WaitAsync(TimeSpan.FromMilliseconds(Limits.DnsMillisMax)).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return [];
        }
    }

    private async Task<IReadOnlyList<SipFlow>> ByNameAsync(NextHop hop)
    {
        var found = new List<SipFlow>();
        // A name without a dot is one of this network's, and has no services.
        if (hop.Port == 0 && hop.Host.Contains('.', StringComparison.Ordinal))
        {
            var (isRefused, targets) = (false, 0);
            var own = hop.Asked is null ? NextServices.Of(await _naptr.GetAsync(hop.Host).ConfigureAwait(false), HasListener, hop.IsSecure) : [];
            foreach (var service in own.Count > 0 ? own : Usual(hop))
            {
                var records = await _srv.GetAsync(service.Name).ConfigureAwait(false);
                isRefused |= NextServices.IsRefused(records);
                foreach (var record in NextServices.InOrder(records, _random))
                {
                    if (targets++ == TargetsMax || found.Count == FlowsMax) return found;
                    foreach (var address in await AddressesAsync(record.Target).ConfigureAwait(false)) Add(found, address, record.Port, service.Kind);
                }
                // What the domain itself orders is tried to its end; of what is only guessed the first that is there decides (section 4.1).
                if (found.Count > 0 && own.Count == 0) break;
            }
            // A domain that says that it has no such service is not called at its address instead.
            if (found.Count > 0 || isRefused) return found;
        }
        foreach (var address in await AddressesAsync(hop.Host).ConfigureAwait(false))
        {
            if (Numeric(address, hop) is { } flow && found.Count < FlowsMax && !found.Contains(flow)) found.Add(flow);
        }
        return found;
    }

    private IEnumerable<NextService> Usual(NextHop hop)
    {
        SipTransportKind[] kinds = hop.Kind is { } only ? [only] : [SipTransportKind.Udp, SipTransportKind.Tcp];
        return kinds.Where(HasListener).Select(kind => NextServices.Of(hop.Host, kind));
    }

    private async ValueTask<IReadOnlyList<IPAddress>> AddressesAsync(string host) =>
        IPAddress.TryParse(host, out var numeric) ? [numeric] : await _addresses.GetAsync(host.ToLowerInvariant()).ConfigureAwait(false);

    // RFC 3263 section 4.1: without a word about it, UDP; here also TCP where UDP is not listened at.
    private SipFlow? Numeric(IPAddress address, NextHop hop) => hop.Kind is { } kind
        ? FlowTo(address, hop.Port, kind)
        : FlowTo(address, hop.Port, SipTransportKind.Udp) ?? FlowTo(address, hop.Port, SipTransportKind.Tcp);

    private void Add(List<SipFlow> found, IPAddress address, int port, SipTransportKind kind)
    {
        if (found.Count < FlowsMax && FlowTo(address, port, kind) is { } flow && !found.Contains(flow)) found.Add(flow);
    }

    private SipFlow? FlowTo(IPAddress address, int port, SipTransportKind kind)
    {
        var listener = _findListener(kind, address.AddressFamily);
        return listener < 0 ? null : new SipFlow(kind, listener, new IPEndPoint(address, port != 0 ? port : kind == SipTransportKind.Tls ? 5061 : 5060));
    }

    private bool HasListener(SipTransportKind kind) =>
        _findListener(kind, AddressFamily.InterNetwork) >= 0 || _findListener(kind, AddressFamily.InterNetworkV6) >= 0;

    /// <summary>
    /// A name that a caller chose: each look-up holds a thread of the pool, so they are few at once, also those that nobody waits for any more.
    /// </summary>
    private async Task<DnsAnswer<IPAddress>> LookUpHostAsync(string name)
    {
        const int KeptSeconds = 30;
        if (Interlocked.Increment(ref _lookUps) > Limits.DnsHostsAtOnceMax)
        {
            Interlocked.Decrement(ref _lookUps);
            return DnsAnswer<IPAddress>.Failure;
        }
        try
        {
            return new DnsAnswer<IPAddress>(await _lookUp(name).ConfigureAwait(false), KeptSeconds);
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            return DnsAnswer<IPAddress>.Failure;
        }
        finally
        {
            Interlocked.Decrement(ref _lookUps);
        }
    }

    /// <summary>What a URI asks for.</summary>
    /// <param name="Host">Without brackets and without a dot at its end, in lower case.</param>
    /// <param name="Port">0 for none.</param>
    /// <param name="Asked">The transport that it names; null for none.</param>
    /// <param name="IsSecure">Whether it is a <c>sips:</c> URI.</param>
    private sealed record NextHop(string Host, int Port, SipTransportKind? Asked, bool IsSecure)
    {
        /// <summary>The only transport that will do; null where there are several.</summary>
        public SipTransportKind? Kind => IsSecure ? SipTransportKind.Tls : Asked;

        public static bool TryRead(SipUri uri, out NextHop hop)
        {
            hop = null!;
            if (!uri.IsSip) return false;
            var isSecure = uri.Scheme == "sips";
            SipTransportKind? asked;
            switch (uri.Params["transport"]?.ToUpperInvariant())
            {
                case null: asked = null; break;
                case "UDP": asked = SipTransportKind.Udp; break;
                case "TCP": asked = isSecure ? SipTransportKind.Tls : SipTransportKind.Tcp; break;
                case "TLS": asked = SipTransportKind.Tls; break;
                default: return false;
            }
            var host = uri.Params["maddr"] is { Length: > 0 } maddr ? maddr : uri.Host;
            hop = new NextHop(host.Trim('[', ']').TrimEnd('.').ToLowerInvariant(), uri.Port, asked, isSecure);
            return true;
        }
    }
}
