namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A trunk answers again.</summary>
    public static readonly LogEvent TrunkUp = new(4101, LogSeverity.Information, "trunk {0} is up: {1}");
    /// <summary>A trunk does not answer.</summary>
    public static readonly LogEvent TrunkDown = new(4102, LogSeverity.Warning, "trunk {0} is down, no call is placed over it: {1}");
    /// <summary>A registration failed.</summary>
    public static readonly LogEvent TrunkRegisterFailed = new(4103, LogSeverity.Warning, "registering at trunk {0} failed with {1} {2}; tried again in 30 s");
    /// <summary>A new call was refused because the node has as many as it may.</summary>
    public static readonly LogEvent CallsMaxReached = new(4110, LogSeverity.Warning, "a new call is refused with 503: the node has {0} calls, cti.node.calls-max") { SummedAs = "calls refused for cti.node.calls-max" };
    /// <summary>A background or entry sound was not heard.</summary>
    public static readonly LogEvent ConferenceSoundFailed = new(4201, LogSeverity.Warning, "a sound of conference {0} cannot be played: {1}") { SummedAs = "conferences' sounds that cannot be played" };
    /// <summary>What a parent was to hear while its child is dialled cannot be played.</summary>
    public static readonly LogEvent RingBackFailed = new(4104, LogSeverity.Warning, "call {0} does not hear the ring-back that was asked for: {1}") { SummedAs = "ring-backs that cannot be played" };
}
