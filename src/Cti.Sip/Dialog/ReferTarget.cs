using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>What a REFER asks for (RFC 3515): whom to call, and in whose place.</summary>
/// <param name="Uri">Whom: a <c>sip</c>, <c>sips</c> or <c>tel</c> URI without header part.</param>
/// <param name="Replaces">The dialog that the new one is to replace (an attended transfer); null for none.</param>
/// <param name="ReferredBy">The URI of whoever asks (RFC 3892); null where it does not say so, or not readably.</param>
/// <param name="WantsReports">False where it asks not to be told what becomes of it (RFC 4488).</param>
public sealed record ReferTarget(string Uri, ReplacedDialog? Replaces, string? ReferredBy, bool WantsReports)
{
    /// <summary>Everything in a Replaces value may be escaped.</summary>
    private const int BytesMax = Limits.UriCharsMax + (3 * Limits.ReplacesCharsMax);

    /// <summary>Reads a REFER.</summary>
    /// <param name="refer">Theirs.</param>
    /// <param name="target">What it asks for; null where it is refused.</param>
    /// <returns>
    /// 0, or the status of the refusal: 400 where there is not exactly one Refer-To or it cannot be read, 416 for another kind of URI, 501 where something else
    /// than a call is asked for.
    /// </returns>
    public static int Read(SipRequest refer, out ReferTarget? target)
    {
        target = null;
        NameAddr? to = null;
        foreach (ref readonly var header in refer.Headers)
        {
            if (header.Id != HeaderId.ReferTo) continue;
            if (to is not null || header.ValueBytes.Length > BytesMax || !NameAddr.TryParse(header.ValueBytes.Span, out to)) return 400;
        }
        if (to is null) return 400;
        if (!to.Uri.IsSip && to.Uri.Scheme != "tel") return 416;
        if (to.Uri.Params["method"] is { } method && !method.Equals(SipMethods.Invite, StringComparison.OrdinalIgnoreCase)) return 501;
        var uri = DialogRequests.AsRequestUri(to.Uri).Text;
        if (uri.Length > Limits.UriCharsMax || uri.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0) return 400;
        if (!TryReplaces(to.Uri.HeadersText, out var replaces)) return 400;
        target = new ReferTarget(uri, replaces, ReferrerOf(refer), !ReferReports.Declines(refer));
        return 0;
    }

    /// <summary>The URI of Referred-By; null where there is none that can be read.</summary>
    public static string? ReferrerOf(SipRequest request) =>
        request.TryGet(HeaderId.ReferredBy, out var header) && NameAddr.TryParse(header.ValueBytes.Span, out var by)
            && by.Uri.Text is { Length: > 0 and <= Limits.UriCharsMax } text && text.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 ? text : null;

    /// <summary>A Refer-To value: the URI, and what the INVITE to it is to replace.</summary>
    /// <param name="uri">A URI without header part.</param>
    /// <param name="replaces">What it is to replace; null for nothing.</param>
    public static string Format(string uri, ReplacedDialog? replaces) =>
        replaces is null ? $"<{uri}>" : $"<{uri}?Replaces={Escape(replaces.ToString())}>";

    private static bool TryReplaces(string headers, out ReplacedDialog? replaces)
    {
        replaces = null;
        foreach (var part in headers.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !part[..equals].Equals("Replaces", StringComparison.OrdinalIgnoreCase)) continue;
            if (replaces is not null || !ReplacedDialog.TryParse(SipUri.Unescape(part[(equals + 1)..]), out replaces)) return false;
        }
        return true;
    }

    /// <summary>More than has to be (RFC 3261 section 25.1, <c>hvalue</c>): some read no more than letters and digits as they stand.</summary>
    private static string Escape(string value)
    {
        var text = new StringBuilder(value.Length + 24);
        foreach (var b in Encoding.UTF8.GetBytes(value))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'.' or (byte)'_') text.Append((char)b);
            else text.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }
}
