using Cti.Actors;
using Cti.Cluster;
using Cti.Kernel;
using Cti.Node.Configuration;
using Cti.Transport.Links;
using Cti.Transport.Tls;

namespace Cti.Node;

/// <summary>This node's part of the cluster as its configuration wants it.</summary>
internal static class ClusterWiring
{
    /// <summary>Puts it together; nothing listens yet.</summary>
    /// <param name="configuration">The node's.</param>
    /// <param name="ports">Of its run.</param>
    /// <param name="address">Where the other nodes reach it.</param>
    /// <param name="clock">Time.</param>
    /// <param name="timers">Timers.</param>
    /// <param name="log">Log.</param>
    /// <exception cref="IOException">Its certificate cannot be used.</exception>
    public static ClusterSystem Open(NodeConfiguration configuration, NetworkPorts ports, string address, IClock clock, ITimers timers, ILog log) =>
        new(new ClusterSystemOptions
        {
            Self = configuration.Node.Name,
            Incarnation = ports.Incarnation,
            Listen = configuration.Cluster.Listen!.ToString(),
            Address = address,
            Secret = configuration.Cluster.Secret?.Reveal() ?? "",
            Certificate = Given(configuration.Cluster.Identity, clock, log),
            IsMedia = configuration.Node.Roles.HasFlag(NodeRoles.Media),
            IsGateway = configuration.Node.Roles.HasFlag(NodeRoles.Gateway),
            Instances = configuration.Instances,
            LeaseMillis = (int)configuration.Cluster.Lease.TotalMilliseconds,
            PeerRefused = ports.PeerRefused,
            Probe = new PortProbe(),
            Clock = clock,
            Timers = timers,
            Log = log,
            Akka = configuration.Akka,
        });

    private static GivenCertificate? Given(ClusterIdentitySettings? files, IClock clock, ILog log) => files is null ? null
        : new GivenCertificate(CertificateFiles.Own(files.Own.Certificate, files.Own.Key, clock, log).Current.TargetCertificate,
            CertificateFiles.Trusted(files.Authority, clock, log).Current);
}
