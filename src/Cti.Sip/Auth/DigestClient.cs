using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Cti.Sip.Auth;

/// <summary>A user name and its password. Its text form shows the name only.</summary>
/// <param name="User">The user name.</param>
/// <param name="Password">The password; never logged.</param>
public sealed record DigestCredentials(string User, string Password)
{
    /// <inheritdoc/>
    public override string ToString() => $"DigestCredentials {{ User = {User} }}";
}

/// <summary>Answers digest challenges as a client (RFC 7616, RFC 2617, RFC 8760); pure: the cnonce is given by the caller.</summary>
public static class DigestClient
{
    /// <summary>The strongest of several challenges for the same realm; the first one among equals. Null when there is none.</summary>
    public static DigestChallenge? Choose(IEnumerable<DigestChallenge> challenges)
    {
        DigestChallenge? best = null;
        foreach (var challenge in challenges)
            if (best is null || challenge.Algorithm > best.Algorithm) best = challenge;
        return best;
    }

    /// <summary>
    /// The value of the Authorization (401) or Proxy-Authorization (407) header that answers <paramref name="challenge"/>.
    /// </summary>
    /// <param name="challenge">What is answered.</param>
    /// <param name="credentials">Whose name and password.</param>
    /// <param name="method">Of the request that carries the header.</param>
    /// <param name="uri">Its Request-URI, as on the wire.</param>
    /// <param name="cnonce">Fresh random text, at least 64 bits in hexadecimal; goes out with qop and the -sess algorithms only.</param>
    /// <param name="nonceCount">How often this nonce is used, counting this time; 1 or more.</param>
    /// <param name="body">Its body.</param>
    public static string Authorize(DigestChallenge challenge, DigestCredentials credentials, string method, string uri, string cnonce, uint nonceCount,
        ReadOnlyMemory<byte> body = default)
    {
        var session = challenge.Algorithm is DigestAlgorithm.Md5Sess or DigestAlgorithm.Sha256Sess;
        var count = nonceCount.ToString("x8", CultureInfo.InvariantCulture);
        var response = Response(challenge, credentials, method, uri, cnonce, count, body.Span);
        var header = new StringBuilder("Digest username=\"", 320);
        header.Append(Quoted(credentials.User)).Append("\", realm=\"").Append(challenge.Realm)
            .Append("\", nonce=\"").Append(challenge.Nonce).Append("\", uri=\"")
            .Append(uri.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append("\", response=\"")
            .Append(response).Append('"');
        if (challenge.AlgorithmText is { } algorithm) header.Append(", algorithm=").Append(algorithm);
        if (QopOf(challenge) is { } qop) header.Append(", cnonce=\"").Append(cnonce).Append("\", qop=").Append(qop).Append(", nc=").Append(count);
        // Without qop RFC 2617 has no place for the cnonce, yet a -sess server cannot check without it.
        else if (session) header.Append(", cnonce=\"").Append(cnonce).Append('"');
        if (challenge.Opaque is { } opaque) header.Append(", opaque=\"").Append(opaque).Append('"');
        return header.ToString();
    }

    private static string? QopOf(DigestChallenge challenge) => challenge.QopAuth ? "auth" : challenge.IsOverBody ? "auth-int" : null;

    private static string Response(DigestChallenge challenge, DigestCredentials credentials, string method, string uri, string cnonce, string count,
        ReadOnlySpan<byte> body)
    {
        var algorithm = challenge.Algorithm;
        var secret = Hash(algorithm, $"{Quoted(credentials.User)}:{challenge.Realm}:{credentials.Password}");
        if (algorithm is DigestAlgorithm.Md5Sess or DigestAlgorithm.Sha256Sess) secret = Hash(algorithm, $"{secret}:{challenge.Nonce}:{cnonce}");
        var qop = QopOf(challenge);
        var request = Hash(algorithm, challenge.IsOverBody ? $"{method}:{uri}:{Hash(algorithm, body)}" : $"{method}:{uri}");
        return qop is not null
            ? Hash(algorithm, $"{secret}:{challenge.Nonce}:{count}:{cnonce}:{qop}:{request}")
            : Hash(algorithm, $"{secret}:{challenge.Nonce}:{request}");
    }

    private static string Hash(DigestAlgorithm algorithm, string text) => Hash(algorithm, Encoding.UTF8.GetBytes(text));

    private static string Hash(DigestAlgorithm algorithm, ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[32];
#pragma warning disable CA5351 // MD5 is what RFC 2617 challenges ask for; a stronger challenge beside it is preferred.
        var written = algorithm is DigestAlgorithm.Md5 or DigestAlgorithm.Md5Sess ? MD5.HashData(bytes, digest) : SHA256.HashData(bytes, digest);
#pragma warning restore CA5351
        return Convert.ToHexStringLower(digest[..written]);
    }

    internal static string Quoted(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
