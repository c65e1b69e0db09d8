namespace Cti.Media.Codecs;

/// <summary>
/// The time base of sound here. A frame is 20 ms of it; how many samples it has says its rate: 160 for 8 kHz, which prompts and G.711 have, 320 for 16 kHz, 960
/// for 48 kHz.
/// </summary>
internal static class Audio
{
    /// <summary>Samples a second, where nothing else is said.</summary>
    public const int Rate = 8000;

    /// <summary>Samples of a frame of 20 ms at that rate.</summary>
    public const int FrameSamples = 160;

    /// <summary>Samples of a frame at the highest rate.</summary>
    public const int FrameSamplesMax = 960;

    /// <summary>Samples of a millisecond.</summary>
    public const int MillisSamples = 8;

    /// <summary>Frames of a second.</summary>
    public const int FramesPerSecond = 50;

    /// <summary>The longest packet that is decoded, in milliseconds: longer ones no sender makes (RFC 3551 section 4.2).</summary>
    public const int PacketMillisMax = 200;
}
