using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Cti.Testing;

/// <summary>An authority of a test's own, and the certificates that it signs, as PEM files in a folder that goes with it.</summary>
public sealed class TestCertificates : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;
    private int _serial;

    public TestCertificates()
    {
        Folder = Directory.CreateTempSubdirectory("cti-certificates-").FullName;
        var request = new CertificateRequest("CN=authority of a test", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _authority = request.CreateSelfSigned(Begin, End);
        Authority = Path.Combine(Folder, "authority.pem");
        File.WriteAllText(Authority, _authority.ExportCertificatePem());
    }

    private static DateTimeOffset Begin => DateTimeOffset.UtcNow.AddDays(-1);

    private static DateTimeOffset End => DateTimeOffset.UtcNow.AddDays(30);

    public string Folder { get; }

    /// <summary>The authority's own certificate.</summary>
    public string Authority { get; }

    /// <summary>A certificate and its key in one file.</summary>
    /// <param name="name">The file's, without its ending.</param>
    /// <param name="names">Host names, addresses or <c>sip:</c> URIs.</param>
    public string Issue(string name, params string[] names)
    {
        var file = Path.Combine(Folder, name + ".pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509Extension("2.5.29.17", AlternativeNames(names), false));
        using var certificate = request.Create(_authority, Begin.AddMinutes(1), End.AddMinutes(-1), BitConverter.GetBytes(++_serial));
        File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        return file;
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static byte[] AlternativeNames(IEnumerable<string> names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var name in names)
            {
                if (IPAddress.TryParse(name, out var address)) writer.WriteOctetString(address.GetAddressBytes(), new Asn1Tag(TagClass.ContextSpecific, 7));
                else
                    writer.WriteCharacterString(UniversalTagNumber.IA5String, name,
                        new Asn1Tag(TagClass.ContextSpecific, name.Contains(':', StringComparison.Ordinal) ? 6 : 2));
            }
        }
        return writer.Encode();
    }
}
