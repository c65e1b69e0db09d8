using System.Collections.Immutable;
using System.Net;

namespace Cti.Media;

/// <summary>From where else than its signalled address and port a far end's RTP may come.</summary>
public enum LatchMode
{
    /// <summary>From nowhere else; but where NAT is seen (the signalled address is private, and its SIP comes from another) from where its SIP comes.</summary>
    Strict,
    /// <summary>From where its SIP comes, and from other ports of the signalled address: NAT, or RTP that is not symmetric, is taken for granted.</summary>
    Nat,
    /// <summary>From nowhere else, ever.</summary>
    Off,
    /// <summary>From anywhere, because every packet proves whose it is (SRTP).</summary>
    Authenticated,
}

/// <summary>What signalling knows of a far end beside its SDP.</summary>
public sealed record FarEnd
{
    /// <summary>One of which nothing is known but its SDP, which is believed.</summary>
    public static FarEnd Believed { get; } = new() { IsTrusted = true };

    /// <summary>The other side of a link between nodes.</summary>
    public static FarEnd Link { get; } = new() { IsTrusted = true, Latch = LatchMode.Authenticated };

    /// <summary>From where else its RTP may come.</summary>
    public LatchMode Latch { get; init; }

    /// <summary>Where its SIP comes from; the networks around these addresses (IPv4: /24, IPv6: /64) count too, later.</summary>
    public ImmutableArray<IPAddress> Sources { get; init; } = [];

    /// <summary>Whether it is sent to wherever it says: a trunk's, and whomever an application has called.</summary>
    public bool IsTrusted { get; init; }

    /// <summary>
    /// Whether it sent to another node before: its stream may be old, and nobody tells how often its sequence numbers have begun anew (RFC 3711 section 3.3.1).
    /// </summary>
    public bool WasHeardElsewhere { get; init; }

    /// <summary>
    /// The address that has shown itself: it got our response and went on from there. A far end that is not trusted is sent to at this address; at any
    /// other, and while it is null, only in return for what comes from there, <see cref="ReturnFactor"/> bytes for one.
    /// </summary>
    public IPAddress? Shown { get; init; }

    /// <summary>What nobody is amplified by: servers of other protocols were set the same bound (RFC 9000 section 8.1).</summary>
    public const int ReturnFactor = 3;
}
