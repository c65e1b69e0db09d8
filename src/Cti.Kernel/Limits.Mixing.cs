namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>Conferences of one media loop: as many as its sessions make with two members each.</summary>
    public const int ConferencesPerLoopMax = 2_048;
    /// <summary>Entry sounds that a conference plays at once; what comes on top is not heard, as nobody would tell it apart.</summary>
    public const int ConferenceSoundsMax = 16;
}
