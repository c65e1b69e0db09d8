namespace Cti.Kernel;

public static partial class Limits
{
    /// <summary>Conferences of one media loop: as many as its sessions make with two members each.</summary>
    public const int ConferencesPerLoopMax = 2_048;
    /// <summary>Entry sounds that a conference plays at once; what comes on top is not heard, as nobody would tell it apart.</summary>
    public const int ConferenceSoundsMax = 16;
    /// <summary>Members of one conference: as many sessions as one core mixes; every change copies the list.</summary>
    public const int ConferenceMembersMax = 1_000;
    /// <summary>How long a conference lasts without a member, in milliseconds: the contract's 180 s.</summary>
    public const long ConferenceEmptyMillis = 180_000;
}
