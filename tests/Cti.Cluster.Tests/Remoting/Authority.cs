using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Cti.Cluster.Tests.Remoting;

/// <summary>Who signs the certificates of a cluster's nodes, with an intermediate below the root.</summary>
internal sealed class Authority : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly X509Certificate2 _root, _between;
    private int _serial;

    public Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _root = Request($"CN={name} root", key, isAuthority: true).CreateSelfSigned(Now.AddDays(-20), Now.AddDays(20));
        using var second = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Request($"CN={name} between", second, isAuthority: true).Create(_root, Now.AddDays(-10), Now.AddDays(10), Serial());
        _between = signed.CopyWithPrivateKey(second);
    }

    /// <summary>A node's certificate, and what it trusts.</summary>
    public GivenCertificate Issue(string name, bool isByIntermediate = false, bool isOld = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Request($"CN={name}", key, isAuthority: false).Create(isByIntermediate ? _between : _root, Now.AddDays(-9),
            isOld ? Now.AddDays(-1) : Now.AddDays(9), Serial());
        // As from a file: the authority's private keys are not there.
        return new GivenCertificate(signed.CopyWithPrivateKey(key),
            [X509CertificateLoader.LoadCertificate(_root.RawData), X509CertificateLoader.LoadCertificate(_between.RawData)]);
    }

    public void Dispose()
    {
        _root.Dispose();
        _between.Dispose();
    }

    private byte[] Serial() => BitConverter.GetBytes(++_serial + 0x0100_0000);

    private static CertificateRequest Request(string subject, ECDsa key, bool isAuthority)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }
}
