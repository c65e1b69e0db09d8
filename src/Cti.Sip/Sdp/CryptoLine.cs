using System.Globalization;
using Cti.Sip.Message;

namespace Cti.Sip.Sdp;

/// <summary>
/// An <c>a=crypto</c> line (RFC 4568 section 9.1): <c>TAG SUITE inline:KEY[|LIFETIME][|MKI:LENGTH] [SESSION-PARAMETER ...]</c>. A key's lifetime asks nothing
/// of who receives, and no call of ours lasts as long.
/// </summary>
/// <param name="Tag">Its number: the answer has that of the line which it takes.</param>
/// <param name="Suite">Of <see cref="CryptoSuites"/>.</param>
/// <param name="Key">Whoever wrote it protects by it; null in a line that comes from a journal, which keeps no keys.</param>
internal readonly record struct CryptoLine(int Tag, string Suite, CryptoKey? Key)
{
    public const string Name = "crypto";

    private const string KeyManagement = "key-mgmt", Inline = "inline:";
    private const int TagDigitsMax = 9, IdentifierBytesMax = 128;

    /// <summary>Reads a line that we can do; one that we cannot, or that asks for what we do not have, is passed over.</summary>
    public static bool TryParse(string? value, out CryptoLine line)
    {
        line = default;
        var fields = (value ?? "").Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 2 || fields[0].Length > TagDigitsMax) return false;
        if (!int.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var tag)) return false;
        if (CryptoSuites.Find(fields[1]) is not { } suite) return false;
        if (fields.Length == 2)
        {
            line = new CryptoLine(tag, suite, null);
            return true;
        }
        if (!fields.Skip(3).All(CanDo) || KeyOf(suite, fields[2]) is not { } key) return false;
        line = new CryptoLine(tag, suite, key);
        return true;
    }

    /// <summary>The line of a key.</summary>
    public static SdpAttribute Write(int tag, CryptoKey key) =>
        new(Name, string.Create(CultureInfo.InvariantCulture, $"{tag} {key.Suite} {Inline}{key.KeyAndSalt}"));

    /// <summary>The same line as a journal may have it; null for one that we cannot do, which no other node may take for one that it can.</summary>
    public static SdpAttribute? WithoutKey(SdpAttribute attribute) => Is(attribute) && TryParse(attribute.Value, out var line)
        ? attribute with { Value = string.Create(CultureInfo.InvariantCulture, $"{line.Tag} {line.Suite}") }
        : null;

    public static bool Is(SdpAttribute attribute) => attribute.Name.Equals(Name, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether there is a key in it: RFC 4567's stand in the same place.</summary>
    public static bool IsSecret(SdpAttribute attribute) => Is(attribute) || attribute.Name.Equals(KeyManagement, StringComparison.OrdinalIgnoreCase);

    /// <summary>The same of a line's text, which may have anything around the name that is left out when it is read.</summary>
    public static bool MayBeSecret(ReadOnlySpan<byte> text)
    {
        while (text.IndexOfAny("cCkK"u8) is >= 0 and var at)
        {
            text = text[at..];
            if (StartsWith(text, "crypto"u8) || StartsWith(text, "key-mgmt"u8)) return true;
            text = text[1..];
        }
        return false;
    }

    private static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name) =>
        text.Length >= name.Length && Ascii.EqualsIgnoreCase(text[..name.Length], name);

    /// <summary>Whether a session parameter (section 6.3) changes nothing for us: hints, and the key derivation rate that we have.</summary>
    private static bool CanDo(string parameter) => parameter.StartsWith('-') || parameter.StartsWith("WSH=", StringComparison.OrdinalIgnoreCase)
        || parameter.Equals("KDR=0", StringComparison.OrdinalIgnoreCase);

    private static CryptoKey? KeyOf(string suite, string text)
    {
        // Several keys at once are told apart in each packet; nobody was seen to use them.
        if (!text.StartsWith(Inline, StringComparison.OrdinalIgnoreCase) || text.Contains(';', StringComparison.Ordinal)) return null;
        var parts = text[Inline.Length..].Split('|');
        var identifier = 0;
        foreach (var part in parts.AsSpan(1))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) continue;
            if (!int.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out identifier)) return null;
            if (identifier is < 1 or > IdentifierBytesMax) return null;
        }
        // Some leave the padding out.
        var key = parts[0].TrimEnd('=');
        key = key.PadRight((key.Length + 3) / 4 * 4, '=');
        Span<byte> bytes = stackalloc byte[64];
        if (!Convert.TryFromBase64String(key, bytes, out var written) || written != CryptoSuites.KeyBytes(suite)) return null;
        return new CryptoKey(suite, key, identifier);
    }
}
