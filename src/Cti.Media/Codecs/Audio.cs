namespace Cti.Media.Codecs;

/// <summary>The time base of all sound here.</summary>
internal static class Audio
{
    /// <summary>Samples a second.</summary>
    public const int Rate = 8000;

    /// <summary>Samples of a frame of 20 ms.</summary>
    public const int FrameSamples = 160;

    /// <summary>Samples of a millisecond.</summary>
    public const int MillisSamples = 8;

    /// <summary>Nanoseconds of a sample.</summary>
    public const long SampleNanos = 125_000;
}
