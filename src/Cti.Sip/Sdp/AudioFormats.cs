using System.Collections.Immutable;
using System.Globalization;

namespace Cti.Sip.Sdp;

/// <summary>The encoding names that offer and answer know.</summary>
public static class AudioNames
{
    /// <summary>G.711 mu-law.</summary>
    public const string Pcmu = "PCMU";

    /// <summary>G.711 A-law.</summary>
    public const string Pcma = "PCMA";

    /// <summary>G.722, sound of 16 kHz under a clock of 8000.</summary>
    public const string G722 = "G722";

    /// <summary>Opus (RFC 7587).</summary>
    public const string Opus = "opus";

    /// <summary>Comfort noise (RFC 3389): never offered, agreed to where it is.</summary>
    public const string ComfortNoise = "CN";

    /// <summary>Keys (RFC 4733).</summary>
    public const string TelephoneEvent = "telephone-event";

    /// <summary>What can be sent and heard, as configuration names it.</summary>
    public static ImmutableArray<string> Codecs { get; } = [Pcma, Pcmu, G722, Opus];

    /// <summary>Whether a name is that of a codec.</summary>
    internal static bool IsCodec(string name) => name is not (ComfortNoise or TelephoneEvent);
}

/// <summary>A format of an m= line.</summary>
/// <param name="Name">One of <see cref="AudioNames"/>.</param>
/// <param name="PayloadType">0..127.</param>
/// <param name="Clock">Ticks of its RTP clock in a second: 8000 or 48000.</param>
internal readonly record struct AudioFormat(string Name, int PayloadType, int Clock)
{
    public const int Telephony = 8000, Fast = 48_000;

    private const int OwnOpus = 111, OwnFastEvents = 110, DynamicFirst = 96, DynamicLast = 127;

    /// <summary>What rtpmap says of it.</summary>
    public string Map => Name == AudioNames.Opus ? "opus/48000/2" : string.Create(CultureInfo.InvariantCulture, $"{Name}/{Clock}");

    /// <summary>The name as a journal has it: that of events tells their clock where it is not telephony's.</summary>
    public string Kept => Name == AudioNames.TelephoneEvent && Clock != Telephony ? Map : Name;

    /// <summary>A codec in an offer of ours: its static type, or the first dynamic one from ours on that is free; null where none is.</summary>
    public static AudioFormat? Of(string codec, ISet<int> taken) => codec switch
    {
        AudioNames.Pcmu => Static(codec, 0, taken),
        AudioNames.Pcma => Static(codec, 8, taken),
        AudioNames.G722 => Static(codec, 9, taken),
        AudioNames.Opus => Dynamic(codec, OwnOpus, Fast, taken),
        _ => throw new ArgumentException($"codec {codec} is not one of {string.Join(", ", AudioNames.Codecs)}", nameof(codec)),
    };

    /// <summary>Telephone events by a clock in an offer of ours; null where no type is free.</summary>
    /// <param name="own">The type by telephony's clock, where it is free.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="taken">Types that mean something else.</param>
    public static AudioFormat? Events(int own, int clock, ISet<int> taken) =>
        Dynamic(AudioNames.TelephoneEvent, clock == Telephony ? own : OwnFastEvents, clock, taken);

    /// <summary>The m= line's formats that are known by name, in order; static types need no rtpmap (RFC 3551 table 4).</summary>
    public static IEnumerable<AudioFormat> In(SdpMedia media)
    {
        foreach (var text in media.Formats)
        {
            if (!byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var type) || type > 127) continue;
            var found = Said(media, "rtpmap", type) is { } map ? OfMap(map, type) : type switch
            {
                0 => new AudioFormat(AudioNames.Pcmu, type, Telephony),
                8 => new AudioFormat(AudioNames.Pcma, type, Telephony),
                9 => new AudioFormat(AudioNames.G722, type, Telephony),
                13 => new AudioFormat(AudioNames.ComfortNoise, type, Telephony),
                _ => default(AudioFormat?),
            };
            if (found is { } format) yield return format;
        }
    }

    /// <summary>The first of that name with that clock, else the first of that name; null for none.</summary>
    public static AudioFormat? Find(SdpMedia media, string name, int clock)
    {
        AudioFormat? other = null;
        foreach (var format in In(media))
        {
            if (format.Name != name) continue;
            if (format.Clock == clock) return format;
            other ??= format;
        }
        return other;
    }

    /// <summary>What an attribute says of a payload type: <c>a=rtpmap:TYPE ...</c>, <c>a=fmtp:TYPE ...</c>; null for nothing.</summary>
    public static string? Said(SdpMedia media, string attributeName, int type)
    {
        foreach (var attribute in media.Attributes)
        {
            if (!attribute.Name.Equals(attributeName, StringComparison.OrdinalIgnoreCase) || attribute.Value is not { } value) continue;
            var blank = value.AsSpan().IndexOfAny(' ', '\t');
            if (blank > 0 && byte.TryParse(value.AsSpan(0, blank), NumberStyles.None, CultureInfo.InvariantCulture, out var mapped) && mapped == type)
                return value[(blank + 1)..].Replace(" ", "", StringComparison.Ordinal).Replace("\t", "", StringComparison.Ordinal);
        }
        return null;
    }

    /// <summary>What an encoding is to us; a clock rate that was forgotten is its usual one, and G.722 with its true rate is meant to be G.722.</summary>
    private static AudioFormat? OfMap(string map, int type)
    {
        var parts = map.Split('/');
        if (parts.Length > 3) return null;
        var (clock, channels) = (parts.Length > 1 ? parts[1] : "", parts.Length > 2 ? parts[2] : "");
        if (parts[0].Equals(AudioNames.Opus, StringComparison.OrdinalIgnoreCase))
            return clock is "48000" or "" && channels is "2" or "1" or "" ? new AudioFormat(AudioNames.Opus, type, Fast) : null;
        if (channels is not ("1" or "")) return null;
        if (parts[0].Equals(AudioNames.TelephoneEvent, StringComparison.OrdinalIgnoreCase))
        {
            return clock is "8000" or "" ? new AudioFormat(AudioNames.TelephoneEvent, type, Telephony)
                : clock == "48000" ? new AudioFormat(AudioNames.TelephoneEvent, type, Fast) : null;
        }
        if (parts[0].Equals(AudioNames.G722, StringComparison.OrdinalIgnoreCase))
            return clock is "8000" or "16000" or "" ? new AudioFormat(AudioNames.G722, type, Telephony) : null;
        if (clock is not ("8000" or "")) return null;
        foreach (var name in (ReadOnlySpan<string>)[AudioNames.Pcmu, AudioNames.Pcma, AudioNames.ComfortNoise])
        {
            if (parts[0].Equals(name, StringComparison.OrdinalIgnoreCase)) return new AudioFormat(name, type, Telephony);
        }
        return null;
    }

    /// <summary>A far end may have given even a static type another meaning.</summary>
    private static AudioFormat? Static(string name, int own, ISet<int> taken) =>
        taken.Add(own) ? new AudioFormat(name, own, Telephony) : Dynamic(name, DynamicFirst, Telephony, taken);

    private static AudioFormat? Dynamic(string name, int own, int clock, ISet<int> taken)
    {
        for (var tried = DynamicFirst; tried <= DynamicLast; tried++)
        {
            if (taken.Add(own)) return new AudioFormat(name, own, clock);
            own = own == DynamicLast ? DynamicFirst : own + 1;
        }
        return null;
    }
}
