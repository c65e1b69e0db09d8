namespace Cti.Media.Codecs;

/// <summary>What the codecs are, in numbers.</summary>
public static class AudioCodecs
{
    /// <summary>Ticks of the RTP clock in a millisecond. G.722's clock is 8000 though it has 16000 samples a second (RFC 3551 section 4.5.2).</summary>
    public static int ClockPerMilli(this AudioCodec codec) => codec == AudioCodec.Opus ? 48 : 8;

    /// <summary>Samples a second of its sound.</summary>
    public static int SoundRate(this AudioCodec codec) => codec switch
    {
        AudioCodec.G722 => 16_000,
        AudioCodec.Opus => 48_000,
        _ => Audio.Rate,
    };

    /// <summary>Whether each sample is a code of its own, so that codes can be shared and joined anywhere: the two laws of G.711.</summary>
    public static bool IsTable(this AudioCodec codec) => codec is AudioCodec.Pcmu or AudioCodec.Pcma;

    /// <summary>Its payload type where nothing was negotiated, as between two nodes (RFC 3551 table 4; a dynamic one for Opus).</summary>
    public static int OwnPayloadType(this AudioCodec codec) => codec switch
    {
        AudioCodec.Pcmu => 0,
        AudioCodec.Pcma => 8,
        AudioCodec.G722 => 9,
        _ => 111,
    };

    /// <summary>Whether packets of the one can be sent to who listens to the other: as they are, or by a table.</summary>
    internal static bool CanRelayTo(this AudioCodec codec, AudioCodec other) => codec == other || (codec.IsTable() && other.IsTable());

    /// <summary>Samples of a frame of 20 ms of its sound.</summary>
    internal static int FrameSamples(this AudioCodec codec) => codec.SoundRate() / Audio.FramesPerSecond;
}
