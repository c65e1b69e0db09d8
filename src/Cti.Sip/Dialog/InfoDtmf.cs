using System.Globalization;
using System.Text;
using Cti.Sip.Message;

namespace Cti.Sip.Dialog;

/// <summary>A key carried by INFO: <c>application/dtmf-relay</c> (Signal and Duration lines) or <c>application/dtmf</c> (the bare key).</summary>
/// <param name="Key">One of <c>0-9*#A-D</c>. Never logged.</param>
/// <param name="DurationMillis">1..10000; 250 where it was not told.</param>
public sealed record InfoDtmf(char Key, int DurationMillis)
{
    private const int DefaultMillis = 250;
    private const int DurationMillisMax = 10_000;
    private const int BodyBytesMax = 256;

    /// <summary>The Content-Type of what <see cref="ToBody"/> makes.</summary>
    public const string RelayType = "application/dtmf-relay";

    /// <summary>Reads an INFO; null when it carries no key: then, with an unknown type, the answer is 415.</summary>
    public static InfoDtmf? Read(SipRequest info)
    {
        if (info.Body.Length is 0 or > BodyBytesMax || info.ContentType is not { Type: "application" } type) return null;
        var text = Encoding.ASCII.GetString(info.Body.Span);
        return type.Subtype switch
        {
            "dtmf-relay" => ReadRelay(text),
            "dtmf" => KeyOf(text.AsSpan().Trim()) is { } key ? new InfoDtmf(key, DefaultMillis) : null,
            _ => null,
        };
    }

    /// <summary>Whether the INFO has one of the two types, readable or not.</summary>
    public static bool IsDtmf(SipRequest info) => info.ContentType is { Type: "application", Subtype: "dtmf-relay" or "dtmf" };

    /// <summary>The body of an <see cref="RelayType"/> INFO.</summary>
    public byte[] ToBody() => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"Signal={Key}\r\nDuration={DurationMillis}\r\n"));

    /// <summary>Keeps the digit out of logs.</summary>
    public override string ToString() => "InfoDtmf";

    private static InfoDtmf? ReadRelay(string text)
    {
        char? key = null;
        var duration = DefaultMillis;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var equals = line.IndexOf('=');
            if (equals < 0) continue;
            var name = line[..equals].Trim();
            var value = line[(equals + 1)..].Trim();
            if (name.Equals("Signal", StringComparison.OrdinalIgnoreCase)) key ??= KeyOf(value);
            else if (name.Equals("Duration", StringComparison.OrdinalIgnoreCase) &&
                int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var read) && read is >= 1 and <= DurationMillisMax) duration = read;
        }
        return key is { } found ? new InfoDtmf(found, duration) : null;
    }

    /// <summary>A key, or the number that RFC 4733 gives it: some gateways write 10 for the star and 11 for the hash.</summary>
    private static char? KeyOf(ReadOnlySpan<char> text)
    {
        if (text.Length == 1)
        {
            var key = char.ToUpperInvariant(text[0]);
            return char.IsAsciiDigit(key) || key is '*' or '#' or (>= 'A' and <= 'D') ? key : null;
        }
        return text switch { "10" => '*', "11" => '#', "12" => 'A', "13" => 'B', "14" => 'C', "15" => 'D', _ => null };
    }
}
