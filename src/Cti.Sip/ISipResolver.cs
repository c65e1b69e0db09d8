using System.Net;
using Cti.Sip.Message;

namespace Cti.Sip;

/// <summary>Finds where a request goes (RFC 3263), and where media of a named host goes: numeric hosts at once, names by DNS.</summary>
public interface ISipResolver
{
    /// <summary>The flow to the next hop, or null when the host does not resolve, or no listener has its transport and address family.</summary>
    ValueTask<SipFlow?> ResolveAsync(SipUri nextHop);

    /// <summary>The addresses of a host, in the order of preference; none where it does not resolve, or too many look-ups are under way.</summary>
    ValueTask<IReadOnlyList<IPAddress>> ResolveHostAsync(string host);

    /// <summary>All that the host leads to, the best first, at most 32; empty where <see cref="ResolveAsync"/> finds nothing.</summary>
    async ValueTask<IReadOnlyList<SipFlow>> ResolveAllAsync(SipUri nextHop) => await ResolveAsync(nextHop).ConfigureAwait(false) is { } flow ? [flow] : [];
}
