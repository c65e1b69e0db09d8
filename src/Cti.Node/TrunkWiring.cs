using System.Collections.Immutable;
using System.Net;
using Cti.Actors.Instances;
using Cti.Actors.Trunks;
using Cti.Node.Configuration;
using Cti.Sip;

namespace Cti.Node;

/// <summary>Trunks and routes as the node is told of them.</summary>
internal static class TrunkWiring
{
    public static InboundRoute ToRoute(RouteSettings route) => new(route.To ?? "*", route.From ?? "*", route.Trunk, route.Application);

    public static SipTransportKind KindOf(SipProtocol protocol) => protocol switch
    {
        SipProtocol.Udp => SipTransportKind.Udp,
        SipProtocol.Tcp => SipTransportKind.Tcp,
        _ => SipTransportKind.Tls,
    };

    // A name without a port may have service records.
    private static int PortOf(HostPort address) => address.Port ?? (IPAddress.TryParse(address.Host.Trim('[', ']'), out _) ? 5060 : 0);

    /// <summary>A trunk.</summary>
    /// <param name="trunk">As it is configured.</param>
    /// <param name="able">The codecs that this node can do.</param>
    public static Trunk ToTrunk(TrunkSettings trunk, ImmutableArray<string> able) => new()
    {
        Name = trunk.Name,
        Host = trunk.Address.Host,
        Port = PortOf(trunk.Address),
        Targets = [.. trunk.Targets.Select(static target =>
            new TrunkTarget(target.Address.Host, PortOf(target.Address), target.Priority, target.Weight))],
        IsNamedByTargets = !trunk.HasAddress,
        Transport = KindOf(trunk.Transport),
        AcceptFrom = trunk.AcceptFrom,
        OwnTlsName = trunk.Tls.Name,
        AcceptsCertificate = trunk.Tls.AcceptByCertificate,
        VerifiesTls = trunk.Tls.Verify,
        MaxCalls = trunk.MaxCalls,
        CallsPerSecond = trunk.CallsPerSecond,
        User = trunk.Auth?.User,
        Password = trunk.Auth?.Password.Reveal(),
        Realms = trunk.Auth?.Realms ?? [],
        Register = trunk.Register,
        RegisterSeconds = (int)trunk.RegisterExpires.TotalSeconds,
        FromUser = trunk.FromUser,
        FromDomain = trunk.FromDomain,
        AssertIdentity = trunk.AssertIdentity,
        CallerId = trunk.CallerId,
        Dtmf = trunk.Dtmf switch
        {
            DtmfMode.Info => TrunkDtmf.Info,
            DtmfMode.Inband => TrunkDtmf.InBand,
            _ => TrunkDtmf.Rfc4733,
        },
        OptionsIntervalMillis = (int)trunk.OptionsInterval.TotalMilliseconds,
        KeepAliveMillis = (int)trunk.Signalling.KeepAlive.TotalMilliseconds,
        Latch = trunk.Media.Latch,
        Idle = trunk.Media.Idle,
        Srtp = trunk.Media.Srtp,
        Reliable = trunk.Signalling.Reliable,
        SessionSeconds = (int?)trunk.Signalling.SessionExpires?.TotalSeconds,
        Codecs = trunk.Media.Codecs is { } codecs ? CodecWiring.Offered(codecs, able) : null,
    };
}
