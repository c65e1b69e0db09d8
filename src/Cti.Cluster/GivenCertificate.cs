using System.Security.Cryptography.X509Certificates;

namespace Cti.Cluster;

/// <summary>A certificate that the operator gives a node, instead of the one that is made from the cluster's secret.</summary>
/// <param name="Own">This node's certificate, with its private key.</param>
/// <param name="Authority">
/// Who signs the certificates of nodes: roots, and what stands between them and the nodes. Whoever has a certificate of theirs is a node, whatever its name
/// says.
/// </param>
public sealed record GivenCertificate(X509Certificate2 Own, X509Certificate2Collection Authority);
