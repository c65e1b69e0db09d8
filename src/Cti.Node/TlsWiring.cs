using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Node.Configuration;
using Cti.Transport.Tls;

namespace Cti.Node;

/// <summary>TLS of the SIP side as the node is told of it.</summary>
internal static class TlsWiring
{
    /// <summary>Whom a trunk's address belongs to its certificate must name, and by which names those who connect are trunks; null without TLS.</summary>
    public static SipTls? Open(NodeConfiguration configuration, Func<TrunkTable> trunks, IClock clock, ILog log) => configuration.Sip.Tls is not { } tls
        ? null
        : new SipTls
        {
            Certificate = CertificateFiles.Own(tls.Own.Certificate, tls.Own.Key, clock, log),
            Trusted = tls.Trusted is null ? null : CertificateFiles.Trusted(tls.Trusted, clock, log),
            Clients = tls.Clients,
            CallerNames = [.. configuration.Trunks.Where(static trunk => trunk.Tls.AcceptByCertificate)
                .Select(static trunk => TrunkWiring.ToTrunk(trunk, []).TlsName).Distinct(StringComparer.OrdinalIgnoreCase)],
            PeerAt = address => trunks() is var table && table.ForSource(address) is { } trunk
                ? new TlsPeer(table.TlsNameAt(trunk, address), trunk.VerifiesTls)
                : null,
        };
}
