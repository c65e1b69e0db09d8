namespace Cti.Media.Codecs;

/// <summary>
/// What the first octets of an Opus packet say (RFC 6716 section 3.1):
/// <code>
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+
/// | config  |s| c |   config: mode, bandwidth and the length of a frame; s: two channels; c: how many frames
/// +-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
internal static class OpusPacket
{
    /// <summary>The longest packet: 120 ms.</summary>
    public const int SamplesMax = 5_760;

    /// <summary>The least that a frame can be: 2.5 ms.</summary>
    public const int FrameSamplesMin = 120;

    /// <summary>A frame of so many octets is not transmitted sound: silence that the far end tells of once in a while.</summary>
    public const int SilenceBytesMax = 2;

    /// <summary>How many samples of 48 kHz a packet has; 0 for what is no Opus packet.</summary>
    public static int SamplesOf(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty) return 0;
        var frames = (payload[0] & 3) switch { 0 => 1, 3 => payload.Length < 2 ? 0 : payload[1] & 0x3F, _ => 2 };
        var samples = frames * FrameSamples(payload[0] >> 3);
        return samples > SamplesMax ? 0 : samples;
    }

    private static int FrameSamples(int config) => config switch
    {
        >= 16 => FrameSamplesMin << (config & 3),
        >= 12 => 480 << (config & 1),
        _ => (config & 3) == 3 ? 2_880 : 480 << (config & 3),
    };
}
