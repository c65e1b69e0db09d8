using System.Buffers;
using System.Globalization;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>
/// A URI as SIP uses it (RFC 3261 section 19.1). The text it was read from is kept; <c>sip</c>, <c>sips</c> and <c>tel</c> are taken apart, of any
/// other scheme only the scheme is known. Immutable.
/// </summary>
public sealed partial class SipUri
{
    private static readonly SearchValues<char> UserChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/%:#");
    private static readonly SearchValues<char> HostChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    private static readonly SearchValues<char> ParamChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()[]/:&+$%");
    private static readonly SearchValues<char> HeaderChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()[]/?:+$%=&;,@");

    private static readonly SearchValues<char> NumberChars = SearchValues.Create("+0123456789-.()*#abcdefABCDEF");

    private SipUri(string text, string scheme, string? user, string? password, string host, int port, SipParams parameters, string headers)
    {
        Text = text;
        Scheme = scheme;
        User = user;
        Password = password;
        Host = host;
        Port = port;
        Params = parameters;
        HeadersText = headers;
    }

    /// <summary>The whole URI as it was written.</summary>
    public string Text { get; }

    /// <summary>In lower case: <c>sip</c>, <c>sips</c>, <c>tel</c>, ….</summary>
    public string Scheme { get; }

    /// <summary>The user part, still escaped; of <c>tel</c> the number; null where there is none.</summary>
    public string? User { get; }

    /// <summary>The password, still escaped; null where there is none.</summary>
    public string? Password { get; }

    /// <summary>Name or address, IPv6 in brackets; empty for other schemes than <c>sip</c> and <c>sips</c>.</summary>
    public string Host { get; }

    /// <summary>1..65535, or 0 where none was written.</summary>
    public int Port { get; }

    /// <summary>URI parameters, values still escaped.</summary>
    public SipParams Params { get; }

    /// <summary>What stands after <c>?</c>, still escaped; empty where there is none.</summary>
    public string HeadersText { get; }

    /// <summary>Whether it could be read: nothing but <see cref="Text"/> is known of one that could not.</summary>
    public bool IsReadable => Scheme.Length > 0;

    /// <summary>Whether this is <c>sip</c> or <c>sips</c>.</summary>
    public bool IsSip => Scheme is "sip" or "sips";

    /// <summary>Whether a route set entry routes loosely (RFC 3261 section 16.12.1.1).</summary>
    public bool IsLooseRouter => Params.Has("lr");

    /// <summary>The user part without escapes; null where there is none.</summary>
    public string? UserUnescaped => User is null ? null : Unescape(User);

    /// <summary>Makes a <c>sip</c> URI; <paramref name="user"/> is escaped as needed.</summary>
    /// <exception cref="ArgumentException">The host is not a host.</exception>
    public static SipUri Create(string? user, string host, int port = 0, string? parameters = null)
    {
        var text = new StringBuilder("sip:");
        if (user is not null) text.Append(EscapeUser(user)).Append('@');
        text.Append(host);
        if (port != 0) text.Append(':').Append(port.ToString(CultureInfo.InvariantCulture));
        text.Append(parameters);
        return Parse(text.ToString());
    }

    /// <summary>Reads a URI.</summary>
    /// <exception cref="ArgumentException">It is malformed.</exception>
    public static SipUri Parse(string text) =>
        TryParse(text, out var uri) ? uri : throw new ArgumentException($"not a URI: {text}", nameof(text));

    /// <summary>Reads a URI as the grammar has it; null and false when it is malformed.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        return !text.IsEmpty && TryParse(Ascii.Text(text), out uri);
    }

    /// <summary>
    /// Reads a URI as the grammar has it; null and false when it is malformed. What others send is read by <see cref="TryRead(string, out SipUri?)"/>.
    /// </summary>
    public static bool TryParse(string text, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || !char.IsAsciiLetter(text[0])) return false;
        foreach (var c in text.AsSpan(0, colon))
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '-' or '.')) return false;
        }
        foreach (var c in text)
        {
            if (c is <= ' ' or '<' or '>' or '"' or '\x7f') return false;
        }
        var scheme = LowerScheme(text.AsSpan(0, colon));
        switch (scheme)
        {
            case "sip" or "sips": return TryParseSip(text, scheme, colon + 1, out uri);
            case "tel": return TryParseTel(text, colon + 1, out uri);
            default:
                if (colon + 1 == text.Length) return false;
                uri = new SipUri(text, scheme, null, null, "", 0, default, "");
                return true;
        }
    }

    /// <summary>A stand-in for what cannot be read where nobody needs it, or where the request can still be answered.</summary>
    internal static SipUri Unreadable(string text) => new(text, "", null, null, "", 0, default, "");

    /// <summary>Undoes <c>%XX</c>; what is not an escape stays.</summary>
    public static string Unescape(string text) => text.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(text) : text;

    /// <summary>RFC 3261 section 19.1.4: whether both name the same resource. Not transitive, hence not <c>Equals</c>.</summary>
    public bool IsEquivalentTo(SipUri other)
    {
        if (!Scheme.Equals(other.Scheme, StringComparison.Ordinal)) return false;
        if (!IsSip) return Scheme == "tel" ? SameNumber(User!, other.User!) && ParamsMatch(other) : Text.Equals(other.Text, StringComparison.OrdinalIgnoreCase);
        return SameUnescaped(User, other.User) && SameUnescaped(Password, other.Password)
            && Host.Equals(other.Host, StringComparison.OrdinalIgnoreCase) && Port == other.Port && ParamsMatch(other) && HeadersMatch(other);
    }

    /// <summary>The text.</summary>
    public override string ToString() => Text;

    private static bool TryParseSip(string text, string scheme, int start, out SipUri? uri)
    {
        uri = null;
        string? user = null;
        string? password = null;
        var rest = text.AsSpan(start);
        var at = rest.IndexOf('@');
        if (at >= 0)
        {
            var info = rest[..at];
            if (info.IsEmpty || info[0] == ':' || info.ContainsAnyExcept(UserChars) || !EscapesAreWhole(info)) return false;
            var colon = info.IndexOf(':');
            user = (colon < 0 ? info : info[..colon]).ToString();
            password = colon < 0 ? null : info[(colon + 1)..].ToString();
            rest = rest[(at + 1)..];
        }
        if (!TryHostPort(ref rest, out var host, out var port)) return false;
        var question = rest.IndexOf('?');
        var headers = question < 0 ? [] : rest[(question + 1)..];
        if (question >= 0)
        {
            rest = rest[..question];
            if (headers.IsEmpty || headers.ContainsAnyExcept(HeaderChars) || !EscapesAreWhole(headers)) return false;
        }
        if (!TryParams(rest, out var parameters)) return false;
        uri = new SipUri(text, scheme, user, password, host, port, parameters, headers.ToString());
        return true;
    }

    private static bool TryParseTel(string text, int start, out SipUri? uri)
    {
        uri = null;
        var rest = text.AsSpan(start);
        var semicolon = rest.IndexOf(';');
        var number = semicolon < 0 ? rest : rest[..semicolon];
        if (number.IsEmpty || number.ContainsAnyExcept(NumberChars)) return false;
        if (!TryParams(semicolon < 0 ? [] : rest[semicolon..], out var parameters)) return false;
        uri = new SipUri(text, "tel", number.ToString(), null, "", 0, parameters, "");
        return true;
    }

    private static bool TryHostPort(ref ReadOnlySpan<char> rest, out string host, out int port)
    {
        host = "";
        port = 0;
        int end;
        if (rest.Length > 0 && rest[0] == '[')
        {
            end = rest.IndexOf(']') + 1;
            if (end == 0 || !System.Net.IPAddress.TryParse(rest[1..(end - 1)], out _)) return false;
        }
        else
        {
            end = rest.IndexOfAnyExcept(HostChars);
            if (end < 0) end = rest.Length;
            if (end == 0) return false;
        }
        host = rest[..end].ToString();
        rest = rest[end..];
        if (rest.IsEmpty || rest[0] != ':') return rest.IsEmpty || rest[0] is ';' or '?';
        end = rest.IndexOfAny(';', '?');
        var digits = end < 0 ? rest[1..] : rest[1..end];
        rest = end < 0 ? [] : rest[end..];
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 1 and <= 65535;
    }

    private static bool TryParams(ReadOnlySpan<char> rest, out SipParams parameters)
    {
        parameters = default;
        if (rest.IsEmpty) return true;
        var items = new List<SipParam>(2);
        while (!rest.IsEmpty)
        {
            if (rest[0] != ';') return false;
            rest = rest[1..];
            var end = rest.IndexOf(';');
            var item = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[end..];
            var equals = item.IndexOf('=');
            var name = equals < 0 ? item : item[..equals];
            var value = equals < 0 ? [] : item[(equals + 1)..];
            if (name.IsEmpty || name.ContainsAnyExcept(ParamChars) || value.ContainsAnyExcept(ParamChars)) return false;
            if (!EscapesAreWhole(item)) return false;
            items.Add(new SipParam(name.ToString(), equals < 0 ? null : value.ToString()));
        }
        parameters = new SipParams([.. items]);
        return true;
    }

    private static bool EscapesAreWhole(ReadOnlySpan<char> text)
    {
        for (var i = text.IndexOf('%'); i >= 0 && i < text.Length; i++)
        {
            if (text[i] != '%') continue;
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])) return false;
        }
        return true;
    }

    private static string LowerScheme(ReadOnlySpan<char> scheme)
    {
        if (scheme.Equals("sip", StringComparison.OrdinalIgnoreCase)) return "sip";
        if (scheme.Equals("sips", StringComparison.OrdinalIgnoreCase)) return "sips";
        return scheme.Equals("tel", StringComparison.OrdinalIgnoreCase) ? "tel" : scheme.ToString().ToLowerInvariant();
    }

    private static string EscapeUser(string user)
    {
        var text = new StringBuilder(user.Length);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in user.EnumerateRunes())
        {
            if (rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || "-_.!~*'()&=+$,;?/".Contains((char)rune.Value, StringComparison.Ordinal)))
            {
                text.Append((char)rune.Value);
                continue;
            }
            var count = rune.EncodeToUtf8(bytes);
            foreach (var b in bytes[..count]) text.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }

    private static bool SameUnescaped(string? a, string? b)
    {
        if (a is null || b is null) return a is null && b is null;
        return a.Equals(b, StringComparison.Ordinal) || Unescape(a).Equals(Unescape(b), StringComparison.Ordinal);
    }

    private static bool SameNumber(string a, string b) =>
        string.Equals(StripVisual(a), StripVisual(b), StringComparison.OrdinalIgnoreCase);

    private static string StripVisual(string number) =>
        number.Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal)
            .Replace("(", "", StringComparison.Ordinal).Replace(")", "", StringComparison.Ordinal);

    // A parameter in both must match; user, ttl, method, maddr and transport must also be in both when they are in one.
    private bool ParamsMatch(SipUri other) => CoveredBy(other) && other.CoveredBy(this);

    private bool CoveredBy(SipUri other)
    {
        foreach (ref readonly var item in Params.Items)
        {
            if (other.Params.TryGet(item.Name, out var value))
            {
                // Of two of one name the first counts.
                Params.TryGet(item.Name, out var own);
                if (!Unescape(own ?? "").Equals(Unescape(value ?? ""), StringComparison.OrdinalIgnoreCase)) return false;
            }
            else if (IsDecisive(item.Name))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsDecisive(string name) =>
        name.Equals("user", StringComparison.OrdinalIgnoreCase) || name.Equals("ttl", StringComparison.OrdinalIgnoreCase)
        || name.Equals("method", StringComparison.OrdinalIgnoreCase) || name.Equals("maddr", StringComparison.OrdinalIgnoreCase)
        || name.Equals("transport", StringComparison.OrdinalIgnoreCase);

    // Header components are never ignored, but their order does not matter.
    private bool HeadersMatch(SipUri other)
    {
        if (HeadersText.Length == 0 || other.HeadersText.Length == 0) return HeadersText.Length == other.HeadersText.Length;
        return SortedHeaders(HeadersText).SequenceEqual(SortedHeaders(other.HeadersText), StringComparer.Ordinal);
    }

    private static string[] SortedHeaders(string headers)
    {
        var parts = headers.Split('&');
        for (var i = 0; i < parts.Length; i++)
        {
            var equals = parts[i].IndexOf('=', StringComparison.Ordinal);
            parts[i] = equals < 0
                ? Unescape(parts[i]).ToLowerInvariant()
                : Unescape(parts[i][..equals]).ToLowerInvariant() + "=" + Unescape(parts[i][(equals + 1)..]);
        }
        Array.Sort(parts, StringComparer.Ordinal);
        return parts;
    }
}
