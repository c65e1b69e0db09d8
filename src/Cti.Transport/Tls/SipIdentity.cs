using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Cti.Transport.Tls;

/// <summary>
/// Whose a certificate is in SIP's sense (RFC 5922 section 7.1): the hosts of its <c>sip:</c> URIs count, which TLS's own look at host names passes over.
/// </summary>
internal static class SipIdentity
{
    private const string AlternativeNames = "2.5.29.17";
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);

    /// <summary>Whether a certificate is a host's: by its name, as TLS looks at it, or by a <c>sip:</c> URI.</summary>
    public static bool IsOf(X509Certificate2 certificate, string domain)
    {
        try
        {
            return certificate.MatchesHostname(domain) || Names(certificate, domain);
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException)
        {
            // What is no name in TLS's eyes (an underscore is enough), or a certificate whose names cannot be read, is nobody's.
            return Names(certificate, domain);
        }
    }

    /// <summary>Whether a <c>sip:</c> URI of the certificate's names the domain.</summary>
    public static bool Names(X509Certificate2 certificate, string domain)
    {
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value == AlternativeNames && Names(extension.RawData, domain)) return true;
        }
        return false;
    }

    private static bool Names(byte[] names, string domain)
    {
        try
        {
            var sequence = new AsnReader(names, AsnEncodingRules.DER).ReadSequence();
            while (sequence.HasData)
            {
                if (sequence.PeekTag() != Uri) sequence.ReadEncodedValue();
                else if (HostOf(sequence.ReadCharacterString(UniversalTagNumber.IA5String, Uri)) is { } host
                    && host.Equals(domain, StringComparison.OrdinalIgnoreCase)) return true;
            }
        }
        catch (AsnContentException)
        {
            // What cannot be read names nobody.
        }
        return false;
    }

    /// <summary>A user part would make it one person's, not a domain's.</summary>
    private static string? HostOf(string uri) =>
        uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) && !uri.Contains('@', StringComparison.Ordinal) ? uri[4..] : null;
}
