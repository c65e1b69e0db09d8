using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>A name-addr or addr-spec with header parameters: From, To, Contact, Route, … (RFC 3261 section 20.10). Immutable.</summary>
/// <param name="uri">The address.</param>
/// <param name="display">Display name without quotes; null where there is none.</param>
/// <param name="parameters">Header parameters.</param>
public sealed class NameAddr(SipUri uri, string? display = null, SipParams parameters = default)
{
    /// <summary>Display name without quotes; null where there is none.</summary>
    public string? Display { get; } = display;

    /// <summary>The address.</summary>
    public SipUri Uri { get; } = uri;

    /// <summary>Header parameters.</summary>
    public SipParams Params { get; } = parameters;

    /// <summary>The <c>tag</c> parameter as it was written, for it is compared as text; null where there is none or an empty one.</summary>
    public string? Tag => Params.Raw("tag") is { Length: > 0 } tag ? tag : null;

    /// <summary>The same with another tag.</summary>
    public NameAddr WithTag(string tag) => new(Uri, Display, Params.With("tag", tag));

    /// <summary>The same without a tag.</summary>
    public NameAddr WithoutTag() => new(Uri, Display, Params.Without("tag"));

    /// <summary>Reads one value; false when it is malformed or more follows.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out NameAddr? value) => TryParse(Encoding.UTF8.GetBytes(text), out value);

    /// <summary>Reads one value; false when it is malformed or more follows.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out NameAddr? value) => TryParse(text, anyUri: false, out value);

    /// <summary>Reads one value.</summary>
    /// <param name="text">The text.</param>
    /// <param name="anyUri">Only the parameters matter (From, To): what stands for the URI is taken whatever it is.</param>
    /// <param name="value">The value.</param>
    internal static bool TryParse(ReadOnlySpan<byte> text, bool anyUri, [NotNullWhen(true)] out NameAddr? value)
    {
        var lexer = new SipLexer(text);
        lexer.SkipSpace();
        if (!TryRead(ref lexer, out value, anyUri, single: true)) return false;
        lexer.SkipSpace();
        if (lexer.AtEnd) return true;
        value = null;
        return false;
    }

    /// <summary>The parameters of a value that is malformed before them; nothing else of it can be used.</summary>
    internal static NameAddr Salvage(ReadOnlySpan<byte> text)
    {
        var bracket = text.LastIndexOf((byte)'>');
        var end = bracket >= 0 ? bracket + 1 : text.IndexOf((byte)';');
        if (end < 0) end = text.Length;
        var lexer = new SipLexer(text[end..]);
        return new NameAddr(SipUri.Unreadable(Ascii.Text(text[..end])), null,
            SipParams.TryRead(ref lexer, out var parameters, single: true) ? parameters : default);
    }

    /// <summary>The value as it is sent.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Display is not null) text.Append(SipLexer.Quote(Display)).Append(' ');
        text.Append('<').Append(Uri.Text).Append('>');
        Params.AppendTo(text);
        return text.ToString();
    }

    internal static bool TryRead(ref SipLexer lexer, [NotNullWhen(true)] out NameAddr? value, bool anyUri = false, bool single = false)
    {
        value = null;
        string? display = null;
        SipUri? uri;
        if (lexer.Peek == '"')
        {
            if (!lexer.TryQuoted(out var inner)) return false;
            display = SipLexer.Unquote(inner);
            lexer.SkipSpace();
            if (!TryBracketed(ref lexer, anyUri, out uri)) return false;
        }
        else if (lexer.Peek == '<')
        {
            if (!TryBracketed(ref lexer, anyUri, out uri)) return false;
        }
        else
        {
            var start = lexer.Position;
            var words = lexer.Until("<,;\""u8);
            if (lexer.Peek == '<')
            {
                // Nobody needs a display name to be made of tokens.
                display = Ascii.Text(Ascii.Trim(words));
                if (!TryBracketed(ref lexer, anyUri, out uri)) return false;
            }
            else
            {
                // An addr-spec without brackets must not hold a comma, semicolon or question mark: those end it or are header parameters.
                lexer.Position = start;
                var bare = Ascii.Trim(lexer.Until(",; \t"u8));
                if (bare.IsEmpty) return false;
                if ((bare.Contains((byte)'?') || !SipUri.TryRead(bare, out uri)) && !IsAny(bare, anyUri, out uri)) return false;
            }
        }
        if (!SipParams.TryRead(ref lexer, out var parameters, single)) return false;
        value = new NameAddr(uri, display, parameters);
        return true;
    }

    private static bool TryBracketed(ref SipLexer lexer, bool anyUri, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = null;
        if (lexer.Peek != '<') return false;
        lexer.Position++;
        var text = lexer.UntilBracket();
        if (lexer.Peek != '>') return false;
        lexer.Position++;
        return SipUri.TryRead(text, out uri) || IsAny(text, anyUri, out uri);
    }

    private static bool IsAny(ReadOnlySpan<byte> text, bool anyUri, [NotNullWhen(true)] out SipUri? uri)
    {
        uri = anyUri ? SipUri.Unreadable(Ascii.Text(text)) : null;
        return anyUri;
    }
}

/// <summary>One Via value (RFC 3261 section 20.42). Immutable.</summary>
/// <param name="transport">In upper case: <c>UDP</c>, <c>TCP</c>, <c>TLS</c>, ….</param>
/// <param name="host">Sent-by host, IPv6 in brackets.</param>
/// <param name="port">Sent-by port, 0 where none was written.</param>
/// <param name="parameters">Parameters in order.</param>
public sealed class ViaValue(string transport, string host, int port, SipParams parameters)
{
    /// <summary>What a branch of RFC 3261 begins with.</summary>
    public const string MagicCookie = "z9hG4bK";

    private static readonly string[] Transports = ["UDP", "TCP", "TLS", "SCTP", "WS", "WSS", "TLS-SCTP"];

    /// <summary>In upper case: <c>UDP</c>, <c>TCP</c>, <c>TLS</c>, ….</summary>
    public string Transport { get; } = transport;

    /// <summary>Sent-by host, IPv6 in brackets.</summary>
    public string Host { get; } = host;

    /// <summary>Sent-by port, 0 where none was written.</summary>
    public int Port { get; } = port;

    /// <summary>Parameters in order.</summary>
    public SipParams Params { get; } = parameters;

    /// <summary>The branch; null where there is none (RFC 2543).</summary>
    public string? Branch => Params["branch"];

    /// <summary>Whether the branch is one of RFC 3261, hence unique.</summary>
    public bool HasMagicCookie =>
        Branch is { } branch && branch.Length > MagicCookie.Length && branch.StartsWith(MagicCookie, StringComparison.OrdinalIgnoreCase);

    /// <summary>The address that the request came from, where a receiver noted it.</summary>
    public string? Received => Params["received"];

    /// <summary>Whether <c>rport</c> stands there, with or without a value (RFC 3581).</summary>
    public bool HasRPort => Params.Has("rport");

    /// <summary>The port of <c>rport</c>; 0 where it has none.</summary>
    public int RPort =>
        Params["rport"] is { } text && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535 ? port : 0;

    /// <summary>Sent-by port, or the transport's default: 5061 for TLS, else 5060.</summary>
    public int PortOrDefault => Port != 0 ? Port : Transport == "TLS" ? 5061 : 5060;

    /// <summary>Stands for one that cannot be read, below the top.</summary>
    internal static ViaValue Unreadable { get; } = new("", "", 0, default);

    /// <summary>The same with a parameter set.</summary>
    public ViaValue With(string name, string? value) => new(Transport, Host, Port, Params.With(name, value));

    /// <summary>The value as it is sent.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("SIP/2.0/").Append(Transport).Append(' ').Append(Host);
        if (Port != 0) text.Append(':').Append(Port.ToString(CultureInfo.InvariantCulture));
        Params.AppendTo(text);
        return text.ToString();
    }

    internal static bool TryRead(ref SipLexer lexer, [NotNullWhen(true)] out ViaValue? value)
    {
        value = null;
        if (!lexer.TryToken(out var protocol) || !Ascii.EqualsIgnoreCase(protocol, "SIP"u8)) return false;
        if (!lexer.TakeSeparator('/') || !lexer.TryToken(out var version) || !version.SequenceEqual("2.0"u8)) return false;
        if (!lexer.TakeSeparator('/') || !lexer.TryToken(out var transport)) return false;
        var before = lexer.Position;
        lexer.SkipSpace();
        if (lexer.Position == before) return false;
        if (!TryHost(ref lexer, out var host)) return false;
        long port = 0;
        if (lexer.TakeSeparator(':') && !Ascii.TryNumber(lexer.Until(" \t;,"u8), 65535, out port)) return false;
        if (!SipParams.TryRead(ref lexer, out var parameters)) return false;
        value = new ViaValue(InternTransport(transport), host, (int)port, parameters);
        return true;
    }

    private static bool TryHost(ref SipLexer lexer, [NotNullWhen(true)] out string? host)
    {
        host = null;
        ReadOnlySpan<byte> text;
        if (lexer.Peek == '[')
        {
            var start = lexer.Position;
            lexer.Until("]"u8);
            if (lexer.Peek != ']') return false;
            lexer.Position++;
            var end = lexer.Position;
            lexer.Position = start;
            text = lexer.Rest[..(end - start)];
            lexer.Position = end;
            return SipUri.TryIPv6(Ascii.Text(text), out host);
        }
        text = lexer.Until(" \t:;,"u8);
        if (!Ascii.IsToken(text)) return false;
        host = Ascii.Text(text);
        return true;
    }

    private static string InternTransport(ReadOnlySpan<byte> name)
    {
        foreach (var known in Transports)
        {
            if (known.Length == name.Length && System.Text.Ascii.EqualsIgnoreCase(name, known)) return known;
        }
        return Ascii.Text(name).ToUpperInvariant();
    }
}

/// <summary>A CSeq (RFC 3261 section 20.16).</summary>
/// <param name="Number">0..2^31-1.</param>
/// <param name="Method">The method.</param>
public readonly record struct CSeqValue(uint Number, string Method)
{
    /// <summary>The value as it is sent.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number} {Method}");

    /// <summary>Reads a value.</summary>
    /// <param name="text">The text.</param>
    /// <param name="known">The method of the request that it stands in: of a BYE or ACK the number is all that is needed.</param>
    /// <param name="value">The value.</param>
    internal static bool TryParse(ReadOnlySpan<byte> text, string? known, out CSeqValue value)
    {
        value = default;
        text = Ascii.Trim(text);
        var space = text.IndexOfAny((byte)' ', (byte)'\t');
        if (!Ascii.TryNumber(space < 0 ? text : text[..space], int.MaxValue, out var number)) return false;
        var method = space < 0 ? [] : Ascii.Trim(text[space..]);
        if (known is SipMethods.Ack or SipMethods.Bye)
        {
            value = new CSeqValue((uint)number, known);
            return true;
        }
        if (!Ascii.IsToken(method)) return false;
        value = new CSeqValue((uint)number, SipMethods.Intern(method));
        return true;
    }
}

/// <summary>A media type (RFC 3261 section 20.15).</summary>
/// <param name="Type">In lower case, e.g. <c>application</c>.</param>
/// <param name="Subtype">In lower case, e.g. <c>sdp</c>.</param>
/// <param name="Params">Parameters.</param>
public sealed record MediaType(string Type, string Subtype, SipParams Params)
{
    /// <summary>Whether type and subtype are those, given in lower case.</summary>
    public bool Is(string type, string subtype) => Type == type && Subtype == subtype;

    /// <summary>The value as it is sent.</summary>
    public override string ToString() => $"{Type}/{Subtype}{Params}";

    internal static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out MediaType? value)
    {
        value = null;
        var lexer = new SipLexer(text);
        lexer.SkipSpace();
        if (!lexer.TryToken(out var type) || !lexer.TakeSeparator('/') || !lexer.TryToken(out var subtype)) return false;
        var sdp = Ascii.EqualsIgnoreCase(type, "application"u8) && Ascii.EqualsIgnoreCase(subtype, "sdp"u8);
        var typeText = sdp ? "application" : Ascii.Text(type).ToLowerInvariant();
        var subtypeText = sdp ? "sdp" : Ascii.Text(subtype).ToLowerInvariant();
        if (!SipParams.TryRead(ref lexer, out var parameters)) return false;
        lexer.SkipSpace();
        if (!lexer.AtEnd) return false;
        value = new MediaType(typeText, subtypeText, parameters);
        return true;
    }
}
