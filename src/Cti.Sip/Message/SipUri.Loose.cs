using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Cti.Sip.Message;

/// <summary>
/// URIs as others write them: beside the grammar's, those with parameters in quotes, empty parameters, blanks around their pieces, an empty user, port 0,
/// letters that the grammar does not have, and an IPv6 address with a colon too many (RFC 5118 section 4.10). Their text is kept letter for letter.
/// </summary>
public sealed partial class SipUri
{
    /// <summary>Reads a URI that came from elsewhere; null and false where it cannot be made sense of.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        return !text.IsEmpty && TryRead(Ascii.Text(text), out uri);
    }

    /// <summary>Reads a URI that came from elsewhere; null and false where it cannot be made sense of.</summary>
    public static bool TryRead(string text, [NotNullWhen(true)] out SipUri? uri) => TryParse(text, out uri) || TryReadLoose(text, out uri);

    /// <summary>Reads a URI that was read before.</summary>
    /// <exception cref="ArgumentException">It cannot be made sense of.</exception>
    internal static SipUri Read(string text) => TryRead(text, out var uri) ? uri : throw new ArgumentException($"not a URI: {text}", nameof(text));

    /// <summary>Reads a Request-URI, in which a blank would end it: only quotes may hold one.</summary>
    internal static bool TryReadRequestUri(ReadOnlySpan<byte> text, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        if (text.IsEmpty) return false;
        var read = Ascii.Text(text);
        return TryParse(read, out uri) || (IndexOfUnquoted(read, " \t") < 0 && TryReadLoose(read, out uri));
    }

    /// <summary>The same as a Request-URI: without the blanks that stand outside of quotes.</summary>
    internal SipUri WithoutBlanks()
    {
        if (IndexOfUnquoted(Text, " \t") < 0) return this;
        var kept = new System.Text.StringBuilder(Text.Length);
        var rest = Text.AsSpan();
        while (IndexOfUnquoted(rest, " \t") is >= 0 and var blank)
        {
            kept.Append(rest[..blank]);
            rest = rest[(blank + 1)..];
        }
        return TryRead(kept.Append(rest).ToString(), out var uri) ? uri : this;
    }

    /// <summary>An IPv6 address in brackets; a third colon in a row, which the grammar of RFC 3261 allows, is one too many.</summary>
    internal static bool TryIPv6(ReadOnlySpan<char> bracketed, [NotNullWhen(true)] out string? host)
    {
        host = null;
        if (bracketed.Length < 3 || bracketed[0] != '[' || bracketed[^1] != ']') return false;
        if (IPAddress.TryParse(bracketed[1..^1], out _))
        {
            host = bracketed.ToString();
            return true;
        }
        var mended = bracketed.ToString().Replace(":::", "::", StringComparison.Ordinal);
        if (mended.Length == bracketed.Length || !IPAddress.TryParse(mended.AsSpan(1, mended.Length - 2), out _)) return false;
        host = mended;
        return true;
    }

    private static bool TryReadLoose(string text, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        foreach (var c in text)
        {
            if ((c < ' ' && c != '\t') || c == '\x7f') return false;
        }
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0) return false;
        var scheme = text.AsSpan(0, colon).Trim(" \t");
        if (scheme.IsEmpty || !char.IsAsciiLetter(scheme[0])) return false;
        foreach (var c in scheme)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '-' or '.')) return false;
        }
        var rest = text.AsSpan(colon + 1).Trim(" \t");
        if (rest.IsEmpty || IndexOfUnquoted(rest, "<>") >= 0) return false;
        var name = LowerScheme(scheme);
        switch (name)
        {
            case "sip" or "sips": return TryReadLooseSip(text, name, rest, out uri);
            case "tel": return TryReadLooseTel(text, rest, out uri);
            default:
                uri = new SipUri(text, name, null, null, "", 0, default, "");
                return true;
        }
    }

    private static bool TryReadLooseSip(string text, string scheme, ReadOnlySpan<char> rest, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        string? user = null;
        string? password = null;
        // What is in quotes is no user part.
        var at = IndexOfUnquoted(rest, "@");
        if (at >= 0)
        {
            var info = rest[..at].Trim(" \t");
            var colon = info.IndexOf(':');
            user = (colon < 0 ? info : info[..colon]).ToString();
            if (user.Length == 0) user = null;
            password = colon < 0 ? null : info[(colon + 1)..].ToString();
            rest = rest[(at + 1)..].TrimStart(" \t");
        }
        if (!TryLooseHostPort(ref rest, out var host, out var port)) return false;
        var question = IndexOfUnquoted(rest, "?");
        var headers = question < 0 ? [] : rest[(question + 1)..];
        if (!TryLooseParams(question < 0 ? rest : rest[..question], out var parameters)) return false;
        uri = new SipUri(text, scheme, user, password, host, port, parameters, headers.ToString());
        return true;
    }

    private static bool TryReadLooseTel(string text, ReadOnlySpan<char> rest, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        var semicolon = IndexOfUnquoted(rest, ";");
        var number = (semicolon < 0 ? rest : rest[..semicolon]).Trim(" \t");
        if (number.IsEmpty || !TryLooseParams(semicolon < 0 ? [] : rest[semicolon..], out var parameters)) return false;
        uri = new SipUri(text, "tel", number.ToString(), null, "", 0, parameters, "");
        return true;
    }

    private static bool TryLooseHostPort(ref ReadOnlySpan<char> rest, out string host, out int port)
    {
        host = "";
        port = 0;
        int end;
        if (rest.Length > 0 && rest[0] == '[')
        {
            end = rest.IndexOf(']') + 1;
            if (end == 0 || !TryIPv6(rest[..end], out var address)) return false;
            host = address;
        }
        else
        {
            end = rest.IndexOfAnyExcept(HostChars);
            if (end < 0) end = rest.Length;
            if (end == 0) return false;
            host = rest[..end].ToString();
        }
        rest = rest[end..].TrimStart(" \t");
        if (rest.IsEmpty || rest[0] is ';' or '?') return true;
        if (rest[0] != ':') return false;
        end = rest.IndexOfAny(';', '?');
        var digits = (end < 0 ? rest[1..] : rest[1..end]).Trim(" \t");
        rest = end < 0 ? [] : rest[end..];
        // No port, or port 0, says as much as none.
        return digits.IsEmpty || (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535);
    }

    private static bool TryLooseParams(ReadOnlySpan<char> rest, out SipParams parameters)
    {
        parameters = default;
        List<SipParam>? items = null;
        while (!rest.IsEmpty)
        {
            if (rest[0] != ';') return false;
            rest = rest[1..];
            var end = IndexOfUnquoted(rest, ";");
            var item = (end < 0 ? rest : rest[..end]).Trim(" \t");
            rest = end < 0 ? [] : rest[end..];
            var equals = item.IndexOf('=');
            var name = (equals < 0 ? item : item[..equals]).TrimEnd(" \t");
            if (name.IsEmpty) continue;
            var value = equals < 0 ? null : item[(equals + 1)..].TrimStart(" \t").ToString();
            var isQuoted = value is ['"', .., '"'] && value.Length > 1;
            (items ??= []).Add(isQuoted ? new SipParam(name.ToString(), Unquoted(value!), value!) : new SipParam(name.ToString(), value));
        }
        if (items is not null) parameters = new SipParams([.. items]);
        return true;
    }

    private static string Unquoted(string value) => SipLexer.Unquote(System.Text.Encoding.UTF8.GetBytes(value.ToCharArray(), 1, value.Length - 2));

    /// <summary>Where the first of <paramref name="any"/> stands outside of quotes; quotes that are not closed are letters like others.</summary>
    internal static int IndexOfUnquoted(ReadOnlySpan<char> text, ReadOnlySpan<char> any)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (any.Contains(text[i])) return i;
            if (text[i] != '"') continue;
            var close = i + 1;
            while (close < text.Length && text[close] != '"') close += text[close] == '\\' ? 2 : 1;
            if (close < text.Length) i = close;
        }
        return -1;
    }
}
