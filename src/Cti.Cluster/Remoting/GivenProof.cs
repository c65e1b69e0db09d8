using System.Security.Cryptography.X509Certificates;

namespace Cti.Cluster.Remoting;

/// <summary>
/// The proof by certificates that were given: a peer's must be signed by the cluster's authority, and be valid now. Names in it are not looked at, as the
/// authority signs nodes of this cluster alone; who they are they say by their links, and nothing is looked up in the network.
/// </summary>
internal sealed class GivenProof(GivenCertificate given) : IClusterProof
{
    public X509Certificate2 Own => given.Own;

    public string? WhyNot(X509Certificate2? shown, X509Chain? sent)
    {
        if (shown is null) return "shows no certificate";
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(given.Authority);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        if (sent is not null) policy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(shown) ? null
            : $"shows a certificate ({shown.Subject}) that is not one of the cluster's authority: {string.Join("; ", Reasons(chain))}";
    }

    public void Dispose() => given.Own.Dispose();

    private static IEnumerable<string> Reasons(X509Chain chain) =>
        chain.ChainStatus.Select(static status => status.StatusInformation.Trim().TrimEnd('.')).Where(static text => text.Length > 0).Distinct();
}
