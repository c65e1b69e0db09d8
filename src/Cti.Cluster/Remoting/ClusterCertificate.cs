using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Cti.Cluster.Remoting;

/// <summary>
/// What a node shows its peers and wants to see of them: a certificate over a key that is made from the cluster's secret. Whoever completes a handshake with it
/// knows the secret; names and dates in it say nothing, and the connection's own keys are new each time (forward secrecy).
/// </summary>
internal static class ClusterCertificate
{
    private static readonly DateTimeOffset NotBefore = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), NotAfter = new(2120, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly BigInteger Order = BigInteger.Parse("0FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        global::System.Globalization.NumberStyles.HexNumber, global::System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The certificate of every node that knows a secret: another one each time, over the same key.</summary>
    public static X509Certificate2 Make(string secret)
    {
        using var key = KeyOf(secret);
        var request = new CertificateRequest("CN=cti node", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(NotBefore, NotAfter);
    }

    /// <summary>Whether a certificate is over the same key.</summary>
    public static bool IsOfTheSame(X509Certificate2 own, X509Certificate2? other) => other is not null
        && CryptographicOperations.FixedTimeEquals(own.PublicKey.EncodedKeyValue.RawData, other.PublicKey.EncodedKeyValue.RawData)
        && own.PublicKey.Oid.Value == other.PublicKey.Oid.Value;

    /// <summary>A number below the order of P-256, of 64 bits more than it needs, so that none is likelier than another (FIPS 186-5, A.2.1).</summary>
    private static ECDsa KeyOf(string secret)
    {
        var seed = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), 40, "cti node certificate"u8.ToArray());
        var number = (new BigInteger(seed, isUnsigned: true, isBigEndian: true) % (Order - 1)) + 1;
        var scalar = new byte[32];
        var bytes = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        bytes.CopyTo(scalar, scalar.Length - bytes.Length);
        return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = scalar });
    }
}
