using System.Diagnostics.CodeAnalysis;

namespace Cti.Sip.Auth;

/// <summary>The digest algorithms that are supported, the stronger the larger (RFC 7616 section 6.1, RFC 8760).</summary>
public enum DigestAlgorithm
{
    /// <summary>MD5, also where a challenge names none.</summary>
    Md5 = 1,
    /// <summary>MD5-sess.</summary>
    Md5Sess = 2,
    /// <summary>SHA-256.</summary>
    Sha256 = 3,
    /// <summary>SHA-256-sess.</summary>
    Sha256Sess = 4,
}

/// <summary>One digest challenge: the value of a WWW-Authenticate (401) or Proxy-Authenticate (407) header (RFC 7616 section 3.3).</summary>
/// <param name="Realm">Whose password is asked for.</param>
/// <param name="Nonce">To be hashed in and sent back.</param>
/// <param name="Opaque">To be sent back, or null.</param>
/// <param name="Algorithm">Which hash.</param>
/// <param name="AlgorithmText">The algorithm as written by the challenger, sent back as it was; null where none was named.</param>
/// <param name="QopAuth">Whether qop=auth is asked for; otherwise the old form without qop is.</param>
/// <param name="Stale">The last answer was right but its nonce too old: answer again.</param>
/// <param name="IsProxy">From a 407.</param>
public sealed record DigestChallenge(string Realm, string Nonce, string? Opaque, DigestAlgorithm Algorithm, string? AlgorithmText,
    bool QopAuth, bool Stale, bool IsProxy)
{
    private const int ValueCharsMax = 2_048;

    /// <summary>
    /// Whether qop=auth-int alone is asked for: the answer is over the body as well. Where both are, auth is answered, because what mends descriptions on the
    /// way would break the other.
    /// </summary>
    public bool IsOverBody { get; init; }

    /// <summary>
    /// Reads a header value. False for other schemes, algorithms or qop values than the supported, and for what is not a challenge:
    /// such a one is passed over, the next may do.
    /// </summary>
    public static bool TryParse(string value, bool isProxy, [NotNullWhen(true)] out DigestChallenge? challenge)
    {
        challenge = null;
        var rest = value.AsSpan().Trim();
        if (rest.Length > ValueCharsMax || rest.Length < 7) return false;
        // What is sent back must not break our own header.
        foreach (var c in rest)
            if (c is < ' ' and not '\t') return false;
        if (!rest[..6].Equals("Digest", StringComparison.OrdinalIgnoreCase) || rest[6] is not (' ' or '\t')) return false;
        if (!DigestParameters.TryParse(rest[7..], out var found)) return false;
        if (found.GetValueOrDefault("realm") is not { } realm || found.GetValueOrDefault("nonce") is not { Length: > 0 } nonce) return false;
        var algorithmText = found.GetValueOrDefault("algorithm");
        if (AlgorithmOf(algorithmText) is not { } algorithm) return false;
        var qop = found.GetValueOrDefault("qop");
        var (auth, overBody) = (Offers(qop, "auth"), Offers(qop, "auth-int"));
        // Only what nobody knows: an answer without qop would be refused.
        if (!string.IsNullOrWhiteSpace(qop) && !auth && !overBody) return false;
        var stale = found.GetValueOrDefault("stale") is { } text && text.Equals("true", StringComparison.OrdinalIgnoreCase);
        challenge = new DigestChallenge(realm, nonce, found.GetValueOrDefault("opaque"), algorithm, algorithmText, auth, stale, isProxy)
        {
            IsOverBody = !auth && overBody,
        };
        return true;
    }

    private static bool Offers(string? qop, string wanted) =>
        qop is not null && qop.Split(',').Any(option => option.AsSpan().Trim().Equals(wanted, StringComparison.OrdinalIgnoreCase));

    private static DigestAlgorithm? AlgorithmOf(string? text) => text?.ToUpperInvariant() switch
    {
        null or "MD5" => DigestAlgorithm.Md5,
        "MD5-SESS" => DigestAlgorithm.Md5Sess,
        "SHA-256" => DigestAlgorithm.Sha256,
        "SHA-256-SESS" => DigestAlgorithm.Sha256Sess,
        _ => null,
    };
}

/// <summary>The comma-separated parameters of a challenge or of credentials; values are kept as they were hashed: with escapes.</summary>
internal static class DigestParameters
{
    private const int CountMax = 32;

    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out Dictionary<string, string>? found)
    {
        found = null;
        var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (true)
        {
            text = text.TrimStart(" \t,");
            if (text.IsEmpty) break;
            var equals = text.IndexOf('=');
            if (equals <= 0 || parameters.Count == CountMax) return false;
            var name = text[..equals].Trim().ToString();
            text = text[(equals + 1)..].TrimStart();
            string value;
            if (text.StartsWith("\""))
            {
                var close = EndOfQuoted(text);
                if (close < 0) return false;
                // Escapes stay: the hash is over the text between the quotes, and it is sent back the same (RFC 7616 section 3.4.2, "unq").
                value = text[1..close].ToString();
                text = text[(close + 1)..].TrimStart();
                if (!text.IsEmpty && text[0] != ',') return false;
            }
            else
            {
                var comma = text.IndexOf(',');
                value = (comma < 0 ? text : text[..comma]).Trim().ToString();
                // It goes back between quotes.
                if (value.AsSpan().IndexOfAny('"', '\\') >= 0) return false;
                text = comma < 0 ? default : text[comma..];
            }
            // A parameter twice is forbidden; the first one counts, so that nobody can append another.
            parameters.TryAdd(name, value);
        }
        found = parameters;
        return true;
    }

    private static int EndOfQuoted(ReadOnlySpan<char> text)
    {
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == '"') return i;
        }
        return -1;
    }
}
