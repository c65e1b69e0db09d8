using System.Security.Cryptography.X509Certificates;

namespace Cti.Cluster.Remoting;

/// <summary>By what a node proves that it is of the cluster, and how it looks at the proof of others. Both sides of every connection do both.</summary>
internal interface IClusterProof : IDisposable
{
    /// <summary>What this node shows.</summary>
    X509Certificate2 Own { get; }

    /// <summary>What is wrong with what a peer shows, in words that follow its address; null where nothing is.</summary>
    /// <param name="shown">The peer's certificate; null where it shows none.</param>
    /// <param name="sent">What came with it.</param>
    string? WhyNot(X509Certificate2? shown, X509Chain? sent);
}

/// <summary>The proof by the cluster's secret.</summary>
internal sealed class SecretProof(string secret) : IClusterProof
{
    public X509Certificate2 Own { get; } = ClusterCertificate.Make(secret);

    public string? WhyNot(X509Certificate2? shown, X509Chain? sent) =>
        ClusterCertificate.IsOfTheSame(Own, shown) ? null : "does not prove that it knows the cluster's secret";

    public void Dispose() => Own.Dispose();
}
