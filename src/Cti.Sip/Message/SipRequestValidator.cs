using System.Collections.Immutable;

namespace Cti.Sip.Message;

/// <summary>What an element takes, for <see cref="SipRequestValidator"/>.</summary>
/// <param name="Methods">Methods that it serves; they stand in Allow.</param>
/// <param name="Options">Option tags that it supports; they stand in Supported.</param>
/// <param name="ContentTypes">Media types of bodies that it reads, in lower case; they stand in Accept.</param>
/// <param name="Forwards">
/// Whether it passes requests on. Only then is Max-Forwards 0 an error: an endpoint processes such a request (RFC 4475 section 3.3.11).
/// </param>
public sealed record SipRequestRules(ImmutableArray<string> Methods, ImmutableArray<string> Options, ImmutableArray<string> ContentTypes,
    bool Forwards = false);

/// <summary>Why a request is refused before anyone looks at what it wants.</summary>
/// <param name="Status">The status to answer with.</param>
/// <param name="Header">The header field that says what would be right; Unknown for none.</param>
/// <param name="Value">Its value.</param>
public readonly record struct SipRefusal(int Status, HeaderId Header = HeaderId.Unknown, string Value = "")
{
    /// <summary>The response with that header field.</summary>
    public SipResponse ToResponse(SipRequest request, string toTag)
    {
        var response = SipResponse.For(request, Status, null, toTag);
        if (Header != HeaderId.Unknown) response.Add(Header, Value);
        return response;
    }
}

/// <summary>Checks that every request goes through, in the order of RFC 3261 section 8.2, after the parser found it well-formed.</summary>
public static class SipRequestValidator
{
    /// <summary>The first reason to refuse; null where there is none. An ACK is never refused.</summary>
    public static SipRefusal? Find(SipRequest request, SipRequestRules rules)
    {
        if (request.Method == SipMethods.Ack) return null;
        if (SipMessageChecks.Find(request) != SipRejection.None) return new SipRefusal(400);
        if (!rules.Methods.Contains(request.Method))
        {
            return new SipRefusal(SipMethods.IsKnown(request.Method) ? 405 : 501, HeaderId.Allow, string.Join(", ", rules.Methods));
        }
        if (!request.Uri.IsSip && request.Uri.Scheme != "tel") return new SipRefusal(416);
        if (rules.Forwards && request.MaxForwards == 0) return new SipRefusal(483);
        // RFC 3261 section 8.2.2.3: a CANCEL does what the request said that it cancels.
        if (request.Method == SipMethods.Cancel) return null;
        if (Unsupported(request, rules) is { } tags) return new SipRefusal(420, HeaderId.Unsupported, tags);
        return FindInContent(request, rules);
    }

    private static SipRefusal? FindInContent(SipRequest request, SipRequestRules rules)
    {
        if (!Sdp.SdpBody.IsBlank(request.Body.Span) && !IsOptional(request))
        {
            if (request.Get(HeaderId.ContentEncoding) is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            {
                return new SipRefusal(415, HeaderId.AcceptEncoding, "identity");
            }
            if (!IsTaken(request, rules))
            {
                return new SipRefusal(415, HeaderId.Accept, string.Join(", ", rules.ContentTypes));
            }
        }
        // Our answer to an INVITE is a session description: who does not take one cannot be answered (RFC 4475 section 3.3.15).
        if (request.Method == SipMethods.Invite && request.Has(HeaderId.Accept) && !AcceptsSdp(request)) return new SipRefusal(406);
        return null;
    }

    /// <summary>
    /// A type that is taken; any multipart, whose parts are looked at where they are used; a session description that does not say that it is one.
    /// </summary>
    private static bool IsTaken(SipRequest request, SipRequestRules rules) =>
        (request.ContentType is { } type && (rules.ContentTypes.Contains($"{type.Type}/{type.Subtype}")
            || type.Type.Equals("multipart", StringComparison.OrdinalIgnoreCase)))
        || !Sdp.SdpBody.Find(request.Get(HeaderId.ContentType), request.Body.Span).IsEmpty;

    private static string? Unsupported(SipRequest request, SipRequestRules rules)
    {
        if (!request.Has(HeaderId.Require)) return null;
        List<string>? unknown = null;
        foreach (var tag in request.Require)
        {
            // What is no option tag requires nothing.
            if (!rules.Options.Contains(tag, StringComparer.OrdinalIgnoreCase) && Ascii.IsToken(tag)) (unknown ??= []).Add(tag);
        }
        return unknown is null ? null : string.Join(", ", unknown);
    }

    private static bool IsOptional(SipRequest request) =>
        request.Get(HeaderId.ContentDisposition) is { } text
            && text.Replace(" ", "", StringComparison.Ordinal).Contains("handling=optional", StringComparison.OrdinalIgnoreCase);

    private static bool AcceptsSdp(SipRequest request)
    {
        var said = false;
        foreach (var item in request.Tokens(HeaderId.Accept))
        {
            said |= item.Contains('/', StringComparison.Ordinal);
            var semicolon = item.IndexOf(';', StringComparison.Ordinal);
            var range = (semicolon < 0 ? item : item[..semicolon]).Trim();
            if (range.Equals("application/sdp", StringComparison.OrdinalIgnoreCase) || range.Equals("application/*", StringComparison.OrdinalIgnoreCase)
                || range == "*/*")
                return true;
        }
        // One that names no type at all is not readable, and says nothing.
        return !said;
    }
}
