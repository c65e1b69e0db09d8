using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Cti.Actors.SipNode;

/// <summary>
/// Where a far end may send this node by its Contact, its Record-Route or a redirection: a stranger chooses those, and behind this node there may be what the
/// stranger cannot reach. An address is reached from one that is as near: loopback is named by loopback, a link's by that link's, private ones by private ones,
/// public ones by anybody.
/// </summary>
public sealed record DialPolicy
{
    /// <summary>Networks that any far end may name.</summary>
    public ImmutableArray<IPNetwork> Allow { get; init; } = [];

    /// <summary>Networks that no far end may name; goes before <see cref="Allow"/>.</summary>
    public ImmutableArray<IPNetwork> Deny { get; init; } = [];

    /// <summary>Ports that may be named, each range with both ends.</summary>
    public ImmutableArray<(int First, int Last)> Ports { get; init; } = [(1024, 65535)];

    private enum Scope
    {
        Nowhere,
        Loopback,
        Link,
        Private,
        Shared,
        Public,
    }

    /// <summary>
    /// Whether a request may go to <paramref name="target"/> because the far end at <paramref name="source"/> says so. To itself it always may.
    /// </summary>
    public bool Allows(IPEndPoint target, IPEndPoint source)
    {
        var (to, from) = (Plain(target.Address), Plain(source.Address));
        if (target.Port == source.Port && to.Equals(from)) return true;
        if (!Ports.Any(range => target.Port >= range.First && target.Port <= range.Last)) return false;
        if (Deny.Any(network => network.Contains(to))) return false;
        if (to.Equals(from) || Allow.Any(network => network.Contains(to))) return true;
        var near = ScopeOf(from);
        return ScopeOf(to) switch
        {
            Scope.Nowhere => false,
            Scope.Loopback => near == Scope.Loopback,
            Scope.Link => near == Scope.Link,
            Scope.Private => near is Scope.Loopback or Scope.Link or Scope.Private,
            Scope.Shared => near is not Scope.Public,
            _ => true,
        };
    }

    /// <summary>Loopback and the private ranges (RFC 1918, RFC 4193, link-local).</summary>
    internal static bool IsNear(IPAddress address) => ScopeOf(Plain(address)) is Scope.Loopback or Scope.Link or Scope.Private;

    /// <summary>
    /// Whether a far end at <paramref name="source"/> may have its sound at <paramref name="target"/>: this host or its link is no place of one from elsewhere,
    /// a group no place of anyone. Private addresses are: a media server often stands beside the SIP server that is seen.
    /// </summary>
    internal static bool MayBeHeardAt(IPAddress target, IPAddress source) => ScopeOf(Plain(target)) switch
    {
        Scope.Nowhere => false,
        Scope.Loopback or Scope.Link => IsNear(source),
        _ => true,
    };

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static Scope ScopeOf(IPAddress address)
    {
        if (IPAddress.IsLoopback(address)) return Scope.Loopback;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            if (address.IsIPv6Multicast || address.Equals(IPAddress.IPv6Any)) return Scope.Nowhere;
            if (address.IsIPv6LinkLocal) return Scope.Link;
            return address.IsIPv6UniqueLocal || address.IsIPv6SiteLocal ? Scope.Private : Scope.Public;
        }
        Span<byte> bytes = stackalloc byte[4];
        address.TryWriteBytes(bytes, out _);
        return (bytes[0], bytes[1]) switch
        {
            // This network, multicast, and what is reserved with the broadcast address.
            (0, _) or ( >= 224, _) => Scope.Nowhere,
            (10, _) or (172, >= 16 and < 32) or (192, 168) => Scope.Private,
            (169, 254) => Scope.Link,
            // Between a carrier's customers (RFC 6598).
            (100, >= 64 and < 128) => Scope.Shared,
            _ => Scope.Public,
        };
    }
}
