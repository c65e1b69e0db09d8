using System.Collections.Immutable;
using Cti.Sip.Message;

namespace Cti.Sip.Auth;

/// <summary>The challenges of a response, and the credentials of a request.</summary>
public static class DigestChallenges
{
    private const int CountMax = 8;

    /// <summary>The supported challenges of a 401 or 407 (WWW-Authenticate and Proxy-Authenticate), in order, at most 8.</summary>
    public static ImmutableArray<DigestChallenge> Read(SipResponse response)
    {
        var found = ImmutableArray.CreateBuilder<DigestChallenge>();
        foreach (ref readonly var header in response.Headers)
        {
            if (header.Id is not (HeaderId.WwwAuthenticate or HeaderId.ProxyAuthenticate) || found.Count == CountMax) continue;
            if (DigestChallenge.TryParse(header.Value, header.Id == HeaderId.ProxyAuthenticate, out var challenge)) found.Add(challenge);
        }
        return found.DrainToImmutable();
    }

    /// <summary>Adds the answers of <paramref name="session"/> to <paramref name="request"/>.</summary>
    /// <returns>The session to go on with: nonce counts have risen.</returns>
    public static DigestSession AddTo(SipRequest request, DigestSession session, DigestCredentials credentials, string cnonce)
    {
        foreach (var answer in session.Authorize(credentials, request.Method, request.Uri.Text, cnonce, out var next, request.Body))
        {
            request.Add(answer.IsProxy ? HeaderId.ProxyAuthorization : HeaderId.Authorization, answer.Value);
            session = next;
        }
        return session;
    }
}
