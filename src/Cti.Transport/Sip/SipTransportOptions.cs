using System.Collections.Immutable;
using System.Net;
using Cti.Kernel;
using Cti.Sip;
using Cti.Transport.Tls;

namespace Cti.Transport.Sip;

/// <summary>One address to listen at.</summary>
/// <param name="Kind">UDP, TCP or TLS.</param>
/// <param name="Local">Where; port 0 lets the system choose. An unspecified IPv6 address listens to IPv6 only.</param>
/// <param name="Advertised">What far ends are told in Via and Contact; null: the bound address, or the default route's where that is unspecified.</param>
public sealed record SipListenerOptions(SipTransportKind Kind, IPEndPoint Local, SipHostPort? Advertised = null)
{
    /// <summary>Reads <c>udp:0.0.0.0:5060</c>, <c>tcp:[::]:5060</c> or <c>tls:…</c>; null when it is not one.</summary>
    public static SipListenerOptions? Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || !IPEndPoint.TryParse(text.AsSpan(colon + 1), out var local) || !text.EndsWith($":{local.Port}", StringComparison.Ordinal))
            return null;
        return text[..colon].ToLowerInvariant() switch
        {
            "udp" => new SipListenerOptions(SipTransportKind.Udp, local),
            "tcp" => new SipListenerOptions(SipTransportKind.Tcp, local),
            "tls" => new SipListenerOptions(SipTransportKind.Tls, local),
            _ => null,
        };
    }
}

/// <summary>How the SIP sockets are set up.</summary>
public sealed record SipTransportOptions
{
    /// <summary>Where to listen; a flow names a listener by its index here.</summary>
    public required ImmutableArray<SipListenerOptions> Listeners { get; init; }

    /// <summary>How connections over TLS are secured; null: there are none.</summary>
    public SipTls? Tls { get; init; }

    /// <summary>Connections at once, accepted and opened.</summary>
    public int ConnectionsMax { get; init; } = Limits.SipConnectionsMax;

    /// <summary>How many of them are kept for trunks and for what this node opens; strangers share the rest.</summary>
    public int ConnectionsForTrunks { get => field < 0 ? ConnectionsMax / 4 : field; init; } = -1;

    /// <summary>Connections from one address at once that is no trunk's: a quarter of the strangers' part, so that no one of them has it alone.</summary>
    public int ConnectionsPerAddressMax
    {
        get => field > 0 ? field : Math.Clamp((ConnectionsMax - ConnectionsForTrunks) / 4, 1, Limits.SipConnectionsPerAddressMax);
        init;
    }

    /// <summary>Whether an address is a trunk's; null: none is.</summary>
    public Func<IPAddress, bool>? IsTrunk { get; init; }

    /// <summary>
    /// After how many milliseconds of silence a connection that this node has opened to an address is asked whether it is alive (RFC 5626 section 4.4.1);
    /// 0: never. Null: none is.
    /// </summary>
    public Func<IPEndPoint, int>? KeepAliveMillis { get; init; }

    /// <summary>Milliseconds in which a stranger's connection must bring its first whole message.</summary>
    public int StrangerMillisMax { get; init; } = Limits.SipStrangerMessageMillisMax;

    /// <summary>Bytes that may wait on one connection.</summary>
    public int OutputBytesMax { get; init; } = Limits.SipConnectionOutputBytesMax;

    /// <summary>Milliseconds in which a message begun must be complete, and a new connection must bring its first.</summary>
    public int MessageMillisMax { get; init; } = Limits.SipStreamMessageMillisMax;

    /// <summary>Milliseconds without a byte in either direction after which a connection is closed.</summary>
    public int IdleMillis { get; init; } = Limits.SipConnectionIdleMillis;

    /// <summary>Milliseconds in which an outgoing connection must be up.</summary>
    public int ConnectMillisMax { get; init; } = Limits.SipConnectMillisMax;

    /// <summary>Receive buffer of UDP listeners in bytes: a burst of some 4000 requests.</summary>
    public int ReceiveBufferBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Whether this process may still speak for its calls, by the clock that the transport is given; null: always.</summary>
    public PauseGuard? PauseGuard { get; init; }

    /// <summary>Uses the framework's UDP sockets where Linux's own calls would be used.</summary>
    internal bool ManagedSockets { get; init; }
}
