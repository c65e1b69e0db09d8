using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;

namespace Cti.Node.Configuration;

/// <summary>Reads the small texts that configuration values are: addresses, networks, hashes. Null where one is not right.</summary>
internal static class ConfigurationTexts
{
    public const string ListenerForm = "udp:ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT (IPv6 in brackets)";
    public const string GatewayUrlForm = "http://ADDRESS:PORT or https://ADDRESS:PORT, ADDRESS being an IP address (IPv6 in brackets), localhost or *";
    public const string HostPortForm = "HOST or HOST:PORT (IPv6 in brackets)";

    public static SipListener? Listener(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return null;
        SipProtocol? protocol = text[..colon] switch { "udp" => SipProtocol.Udp, "tcp" => SipProtocol.Tcp, "tls" => SipProtocol.Tls, _ => null };
        return protocol is { } known && EndPoint(text[(colon + 1)..]) is { } address ? new SipListener(known, address) : null;
    }

    /// <summary>ADDRESS:PORT, both needed.</summary>
    public static IPEndPoint? EndPoint(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !TryPort(text[(colon + 1)..], 0, out var port)) return null;
        var host = text[..colon];
        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        if (host.Contains(':', StringComparison.Ordinal) != bracketed) return null;
        return IPAddress.TryParse(host, out var address) ? new IPEndPoint(address, port) : null;
    }

    public static HostPort? HostAndPort(string text)
    {
        if (text.Length is 0 or > 255) return null;
        string host;
        var rest = "";
        if (text[0] == '[')
        {
            var close = text.IndexOf(']', StringComparison.Ordinal);
            if (close < 0) return null;
            (host, rest) = (text[1..close], text[(close + 1)..]);
            if (!IPAddress.TryParse(host, out var v6) || v6.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6) return null;
        }
        else
        {
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            (host, rest) = colon < 0 ? (text, "") : (text[..colon], text[colon..]);
            if (!IsHost(host)) return null;
        }
        if (rest.Length == 0) return new HostPort(host, null);
        return rest[0] == ':' && TryPort(rest[1..], 1, out var port) ? new HostPort(host, port) : null;
    }

    public static bool IsHost(string text) =>
        text.Length is > 0 and <= 253 && text.Split('.').All(label => label.Length is > 0 and <= 63
            && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));

    public static IPAddress? Address(string text) => IPAddress.TryParse(text, out var address) && text.Any(c => c is '.' or ':') ? address : null;

    /// <summary>http:// and an IP address (IPv6 in brackets), localhost or *, and a port.</summary>
    public static string? GatewayUrl(string text)
    {
        if (AuthorityOf(text) is not { } rest) return null;
        var colon = rest.LastIndexOf(':');
        if (colon <= 0 || !TryPort(rest[(colon + 1)..], 0, out _)) return null;
        return rest[..colon] is "localhost" or "*" || EndPoint(rest) is not null ? text : null;
    }

    /// <summary>Whether a gateway's URL needs a certificate.</summary>
    public static bool IsHttps(string gatewayUrl) => gatewayUrl.StartsWith("https://", StringComparison.Ordinal);

    private static string? AuthorityOf(string url) => url.StartsWith("http://", StringComparison.Ordinal) ? url[7..].TrimEnd('/')
        : IsHttps(url) ? url[8..].TrimEnd('/')
        : null;

    public static bool IsLoopback(string gatewayUrl)
    {
        var rest = AuthorityOf(gatewayUrl)!;
        return rest.StartsWith("localhost:", StringComparison.Ordinal) || (EndPoint(rest) is { } address && IPAddress.IsLoopback(address.Address));
    }

    /// <summary><c>sha256:</c> and 64 hexadecimal digits; answers the digits in lower case.</summary>
    public static string? KeyHash(string text) =>
        text.StartsWith("sha256:", StringComparison.Ordinal) && text.Length == 71 && text.AsSpan(7).IndexOfAnyExcept(HexDigits) < 0
            ? text[7..].ToLowerInvariant()
            : null;

    private static readonly System.Buffers.SearchValues<char> HexDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");

    public static (int First, int Last)? PortRange(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || !TryPort(text[..dash].Trim(), 1024, out var first) || !TryPort(text[(dash + 1)..].Trim(), 1024, out var last)) return null;
        return first % 2 == 0 && last > first ? (first, last) : null;
    }

    /// <summary>A port, or a range of ports with both its ends.</summary>
    public static (int First, int Last)? Ports(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (!TryPort(dash < 0 ? text : text[..dash].Trim(), 1, out var first)) return null;
        if (dash < 0) return (first, first);
        return TryPort(text[(dash + 1)..].Trim(), first, out var last) ? (first, last) : null;
    }

    /// <summary>A network, 192.0.2.0/24, or the network of one address. Null where the address has bits behind those of the network.</summary>
    public static StrongBox<IPNetwork>? Network(string text)
    {
        if (IPAddress.TryParse(text, out var single))
            return new StrongBox<IPNetwork>(new IPNetwork(single, single.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128));
        return IPNetwork.TryParse(text, out var network) ? new StrongBox<IPNetwork>(network) : null;
    }

    /// <summary>A name that fits into a path, a URL and a log line.</summary>
    public static string? Name(string text) =>
        text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? text : null;

    /// <summary>What the node itself needs of a file of its own.</summary>
    public const UnixFileMode OwnerFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>What the node itself needs of a folder of its own.</summary>
    public const UnixFileMode OwnerFolderMode = OwnerFileMode | UnixFileMode.UserExecute;

    private const int ModeMax = 0x1FF;

    /// <summary>The text of a mode that is right.</summary>
    public static string ModeForm(UnixFileMode least) => $"three octal digits as for chmod, at least {Convert.ToString((int)least, 8)}";

    /// <summary>A mode as for chmod, three octal digits after any zeros; null where it is none, or takes from the node itself what it needs.</summary>
    public static UnixFileMode? Mode(string text, UnixFileMode least)
    {
        if (text.Length is < 3 or > 5 || text.Any(static c => c is < '0' or > '7')) return null;
        var mode = Convert.ToInt32(text, 8);
        return mode <= ModeMax && ((UnixFileMode)mode & least) == least ? (UnixFileMode)mode : null;
    }

    private static bool TryPort(string text, int min, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= min && port <= 65535;

    public const string SpeechUrlForm =
        "an http:// or https:// URL, in which {lang} stands for the language and {text} for the text (without {text} it is the body of a POST)";

    /// <summary>Whether it is the URL of a speech service, its places filled.</summary>
    public static bool IsSpeechUrl(string text) =>
        Uri.TryCreate(text.Replace("{lang}", "zh-CN", StringComparison.Ordinal).Replace("{text}", "x", StringComparison.Ordinal), UriKind.Absolute, out var url)
            && (url.Scheme is "http" or "https") && url.Host.Length > 0;

    /// <summary>A header field's name (RFC 9110, section 5.6.2), or null.</summary>
    public static string? HeaderName(string text) =>
        text.Length is > 0 and <= 200 && text.All(static c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal))
            ? text
            : null;

    /// <summary>Whether it can be a header field's value.</summary>
    public static bool IsHeaderValue(string text) => text.Length > 0 && !text.Any(static c => char.IsControl(c) || c > 0x7E);
}
