using System.Runtime.CompilerServices;
using Cti.Media.Codecs;

namespace Cti.Media.Session;

/// <summary>What a payload type brings in a session.</summary>
internal enum PayloadKind : byte
{
    /// <summary>Nothing that was agreed.</summary>
    Unknown,
    /// <summary>G.711 mu-law.</summary>
    Pcmu,
    /// <summary>G.711 A-law.</summary>
    Pcma,
    /// <summary>G.722.</summary>
    G722,
    /// <summary>Opus.</summary>
    Opus,
    /// <summary>Comfort noise.</summary>
    Noise,
    /// <summary>Telephone events by a clock of 8000.</summary>
    Event,
    /// <summary>Telephone events by a clock of 48000.</summary>
    FastEvent,
}

/// <summary>What follows from a kind.</summary>
internal static class PayloadKinds
{
    /// <summary>Whether it is a telephone event.</summary>
    public static bool IsEvent(this PayloadKind kind) => kind is PayloadKind.Event or PayloadKind.FastEvent;

    /// <summary>Ticks of an event's clock in a millisecond.</summary>
    public static int EventClockPerMilli(this PayloadKind kind) => kind == PayloadKind.FastEvent ? 48 : 8;

    /// <summary>The codec of sound; null for what is none.</summary>
    public static AudioCodec? Codec(this PayloadKind kind) => kind switch
    {
        PayloadKind.Pcmu => AudioCodec.Pcmu,
        PayloadKind.Pcma => AudioCodec.Pcma,
        PayloadKind.G722 => AudioCodec.G722,
        PayloadKind.Opus => AudioCodec.Opus,
        _ => null,
    };
}

/// <summary>What the payload types of a session mean, as a table within the session: one look a packet, in memory that is at hand.</summary>
internal struct ReceivedPayloads
{
    /// <summary>Comfort noise's own type (RFC 3551 table 4).</summary>
    public const int StaticNoise = 13;

    private Kinds _kinds;

    /// <summary>What that type brings, 0..127.</summary>
    public readonly PayloadKind this[int payloadType] => _kinds[payloadType];

    /// <summary>Takes what was negotiated; what is sent comes first where a number is named twice.</summary>
    public void Configure(MediaDescription description)
    {
        _kinds = default;
        foreach (var format in description.AlsoReceived)
            Set(format.PayloadType, format.Codec is { } codec ? KindOf(codec) : EventOf(format.EventClockPerMilli));
        Set(description.NoisePayloadType, PayloadKind.Noise);
        Set(description.TelephoneEventPayloadType, EventOf(description.EventClockPerMilli));
        Set(description.PayloadType, KindOf(description.Codec));
    }

    private void Set(int payloadType, PayloadKind kind)
    {
        if (payloadType is >= 0 and <= 127) _kinds[payloadType] = kind;
    }

    private static PayloadKind KindOf(AudioCodec codec) => codec switch
    {
        AudioCodec.Pcmu => PayloadKind.Pcmu,
        AudioCodec.Pcma => PayloadKind.Pcma,
        AudioCodec.G722 => PayloadKind.G722,
        _ => PayloadKind.Opus,
    };

    private static PayloadKind EventOf(int clockPerMilli) => clockPerMilli == 48 ? PayloadKind.FastEvent : PayloadKind.Event;

    [InlineArray(128)]
    private struct Kinds
    {
        private PayloadKind _first;
    }
}
