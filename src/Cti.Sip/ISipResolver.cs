namespace Cti.Sip;

/// <summary>Finds where a request goes (RFC 3263): numeric hosts at once, names by DNS.</summary>
public interface ISipResolver
{
    /// <summary>The flow to the next hop, or null when the host does not resolve, or no listener has its transport and address family.</summary>
    ValueTask<SipFlow?> ResolveAsync(SipUri nextHop);
}
