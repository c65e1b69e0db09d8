using System.Globalization;

namespace Cti.Sip.Sdp;

/// <summary>How a far end wants to be sent to (RFC 8866 section 6.4, RFC 7587 section 6.1).</summary>
/// <param name="PacketMillis">Milliseconds of sound in a packet: 10, 20, 30, 40, 50 or 60.</param>
/// <param name="PlaybackRate">With Opus: samples a second that it plays at most.</param>
/// <param name="UsesFec">With Opus: whether it makes use of forward error correction.</param>
/// <param name="UsesDtx">With Opus: whether it would rather have no packets in silence.</param>
public sealed record SendingWishes(int PacketMillis = 20, int PlaybackRate = 48_000, bool UsesFec = false, bool UsesDtx = false)
{
    private const int MillisMin = 10, MillisMax = 60;

    private static readonly SendingWishes None = new();

    /// <summary>What a media description says of a format; null where it says nothing that matters.</summary>
    internal static SendingWishes? Of(SdpMedia media, AudioFormat format)
    {
        var millis = Number(media.AttributeValue("ptime")) is { } wanted and >= MillisMin ? Math.Min(wanted, MillisMax) : None.PacketMillis;
        if (Number(media.AttributeValue("maxptime")) is { } most and > 0) millis = Math.Clamp(most, MillisMin, millis);
        var wishes = new SendingWishes(millis / 10 * 10);
        if (format.Name == AudioNames.Opus && AudioFormat.Said(media, "fmtp", format.PayloadType) is { } parameters)
        {
            foreach (var parameter in parameters.Split(';')) wishes = wishes.With(parameter);
        }
        return wishes == None ? null : wishes;
    }

    private SendingWishes With(string parameter)
    {
        var equals = parameter.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0) return this;
        var value = parameter[(equals + 1)..];
        return parameter[..equals].ToLowerInvariant() switch
        {
            "maxplaybackrate" when Number(value) is { } rate and >= 8000 => this with { PlaybackRate = Math.Min(rate, 48_000) },
            "useinbandfec" => this with { UsesFec = value == "1" },
            "usedtx" => this with { UsesDtx = value == "1" },
            _ => this,
        };
    }

    /// <summary>A number of digits; what follows them (some write 20.0) is passed over.</summary>
    private static int? Number(string? text)
    {
        if (text is null) return null;
        var digits = text.AsSpan().Trim();
        var end = digits.IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(end < 0 ? digits : digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
