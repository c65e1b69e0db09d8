using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Contract;

/// <summary>
/// The forms of URI that requests may carry (RFC 3261 section 25.1, without passwords and header parts): what passes cannot break out of a header line.
/// Each check answers null, or what is wrong and what would be right.
/// </summary>
internal static class SipUriSyntax
{
    private const string Target = "a SIP URI [sip:]user@host[:port]";

    /// <summary>Someone to call: the user part is needed.</summary>
    internal static string? CheckTarget(string uri)
    {
        var rest = WithoutScheme(uri);
        if (uri.Length > Limits.UriCharsMax) return TooLong();
        var at = rest.IndexOf('@');
        if (at <= 0) return $"must be {Target}: the user part is missing";
        return CheckUser(rest[..at]) ?? CheckHostPart(rest[(at + 1)..]);
    }

    /// <summary>A caller: a URI or a bare number.</summary>
    internal static string? CheckCaller(string uri)
    {
        if (uri.Length == 0) return "must be a SIP URI or a number; null leaves the number to the line";
        if (uri.Contains('@', StringComparison.Ordinal)) return CheckTarget(uri);
        if (uri.Length > Limits.UriCharsMax) return TooLong();
        return CheckUser(WithoutScheme(uri));
    }

    /// <summary>A place to be redirected to: the user part may be left out.</summary>
    internal static string? CheckRedirect(string uri)
    {
        if (uri.Contains('@', StringComparison.Ordinal)) return CheckTarget(uri);
        if (uri.Length > Limits.UriCharsMax) return TooLong();
        return CheckHostPart(WithoutScheme(uri));
    }

    private static ReadOnlySpan<char> WithoutScheme(string uri) =>
        uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) ? uri.AsSpan(4) : uri;

    private static string TooLong() => $"is longer than {Limits.UriCharsMax} characters";

    private static string? CheckUser(ReadOnlySpan<char> user)
    {
        if (user.Length == 0) return "the user part is empty";
        if (user.Contains('#')) return "the user part must write # as %23";
        if (user.Contains(':')) return $"must be {Target}; other schemes and passwords are not taken";
        return AreAllowed(user, "&=+$,;?/") ? null : "the user part has a character that must be %-escaped";
    }

    private static string? CheckHostPart(ReadOnlySpan<char> text)
    {
        var semicolon = text.IndexOf(';');
        if (semicolon >= 0)
        {
            if (!AreParameters(text[semicolon..])) return "the URI's parameters are malformed";
            text = text[..semicolon];
        }
        ReadOnlySpan<char> port = default;
        var hasPort = false;
        ReadOnlySpan<char> host;
        if (text.StartsWith("["))
        {
            var close = text.IndexOf(']');
            if (close < 0) return "the IPv6 address lacks its closing bracket";
            host = text[1..close];
            if (!IPAddress.TryParse(host, out var address) || address.AddressFamily != AddressFamily.InterNetworkV6 || host.Contains('%'))
                return "the text in brackets is not an IPv6 address";
            var after = text[(close + 1)..];
            if (after.Length > 0 && after[0] != ':') return "after the IPv6 address only :port may follow";
            hasPort = after.Length > 0;
            if (hasPort) port = after[1..];
        }
        else
        {
            var colon = text.IndexOf(':');
            hasPort = colon >= 0;
            host = hasPort ? text[..colon] : text;
            if (hasPort) port = text[(colon + 1)..];
            if (!IsHost(host)) return "the host must be a name, an IPv4 address or an IPv6 address in brackets";
        }
        if (hasPort && (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0))
            return "the port must be 1..65535";
        return null;
    }

    private static bool IsHost(ReadOnlySpan<char> host)
    {
        if (host.Length is 0 or > 253 || host[0] is '.' or '-') return false;
        var onlyDigitsAndDots = true;
        foreach (var c in host)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '-' or '_')) return false;
            onlyDigitsAndDots &= char.IsAsciiDigit(c) || c == '.';
        }
        return !onlyDigitsAndDots || (host.Count('.') == 3 && IPAddress.TryParse(host, out _));
    }

    private static bool AreParameters(ReadOnlySpan<char> text)
    {
        foreach (var range in text[1..].Split(';'))
        {
            var parameter = text[1..][range];
            var equals = parameter.IndexOf('=');
            var name = equals < 0 ? parameter : parameter[..equals];
            if (name.Length == 0 || !AreAllowed(name, "[]/:&+$")) return false;
            if (equals >= 0 && (equals == parameter.Length - 1 || !AreAllowed(parameter[(equals + 1)..], "[]/:&+$"))) return false;
        }
        return true;
    }

    private static bool AreAllowed(ReadOnlySpan<char> text, string besidesUnreserved)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsAsciiLetterOrDigit(c) || "-_.!~*'()".Contains(c, StringComparison.Ordinal)) continue;
            if (besidesUnreserved.Contains(c, StringComparison.Ordinal)) continue;
            if (c != '%' || i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])) return false;
            i += 2;
        }
        return true;
    }
}
