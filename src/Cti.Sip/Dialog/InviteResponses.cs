using System.Collections.Immutable;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Sip.Dialog;

/// <summary>Responses to INVITE and UPDATE that carry a target or a session, and the reading of what they brought.</summary>
public static class InviteResponses
{
    internal const string SdpType = "application/sdp";

    /// <summary>A 101..299 with Contact and maybe SDP.</summary>
    internal static SipResponse Build(SipRequest request, int status, string? reason, DialogState dialog, SdpSession? sdp, SessionTimer? timer = null)
    {
        var response = SipResponse.For(request, status, reason, dialog.LocalTag);
        response.Add(HeaderId.Contact, dialog.LocalContact);
        response.Add(HeaderId.Allow, SipCapabilities.Allow);
        if (response.IsSuccess)
        {
            response.Add(HeaderId.Supported, SipCapabilities.Supported);
            timer?.AddTo(response);
        }
        if (sdp is not null) response.SetBody(SdpType, sdp.ToBytes());
        return response;
    }

    /// <summary>
    /// The SDP of a request; null when it has none. A body that is something else and not optional is refused with 415, one that is broken with 400.
    /// </summary>
    internal static SipResponse? ReadSdp(SipRequest request, string? toTag, ImmutableDictionary<string, string> hosts, out SdpSession? sdp)
    {
        sdp = null;
        if (SdpBody.IsBlank(request.Body.Span)) return null;
        if (request.Get(HeaderId.ContentEncoding) is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            var encoded = SipResponse.For(request, 415, null, toTag);
            encoded.Add(HeaderId.AcceptEncoding, "identity");
            return encoded;
        }
        var text = SdpBody.Find(request.Get(HeaderId.ContentType), request.Body.Span);
        if (text.IsEmpty)
        {
            if (request.Get(HeaderId.ContentDisposition) is { } disposition && disposition.Contains("handling=optional", StringComparison.OrdinalIgnoreCase))
                return null;
            var unknown = SipResponse.For(request, 415, null, toTag);
            unknown.Add(HeaderId.Accept, SipCapabilities.Accept);
            return unknown;
        }
        if (!SdpParser.TryParse(text, out sdp, out var rejection)) return SipResponse.For(request, 400, $"Bad SDP ({rejection})", toTag);
        sdp = sdp.With(hosts);
        return null;
    }

    /// <summary>The SDP of a message as it came; null when it has none or a broken one.</summary>
    public static SdpSession? FindSdp(SipMessage message)
    {
        if (message.Body.IsEmpty) return null;
        return SdpParser.TryParse(SdpBody.Find(message.Get(HeaderId.ContentType), message.Body.Span), out var sdp, out _) ? sdp : null;
    }

    /// <summary>The same with addresses in the place of host names that were looked up.</summary>
    internal static SdpSession? FindSdp(SipMessage message, ImmutableDictionary<string, string> hosts) => FindSdp(message)?.With(hosts);

    /// <summary>The 488 to an offer that came to nothing, with the reason in a Warning (RFC 3261 section 20.43).</summary>
    public static SipResponse NotAcceptable(SipRequest request, string? toTag, SdpRefusal refusal)
    {
        var response = SipResponse.For(request, 488, null, toTag);
        var (code, text) = refusal switch
        {
            SdpRefusal.NoCommonCodec => (305, "Incompatible media format"),
            SdpRefusal.NoCommonCrypto => (302, "No crypto suite in common"),
            SdpRefusal.NotProtected => (302, "SRTP is required here"),
            SdpRefusal.UnsupportedProfile => (302, "Incompatible transport protocol"),
            SdpRefusal.UnusableAddress => (301, "Incompatible network address formats"),
            _ => (304, "Media type not available"),
        };
        response.Add(HeaderId.Warning, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{code} cti \"{text}\""));
        return response;
    }

    /// <summary>Retry-After in seconds (its comment and parameters aside); null where missing or malformed.</summary>
    public static int? RetryAfterSeconds(SipResponse response)
    {
        if (!response.TryGet(HeaderId.RetryAfter, out var header)) return null;
        var text = header.ValueBytes.Span;
        var end = text.IndexOfAny((byte)' ', (byte)';', (byte)'(');
        return Ascii.TryNumber(end < 0 ? text : text[..end], int.MaxValue, out var seconds) ? (int)seconds : null;
    }
}
