namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A trunk answers again.</summary>
    public static readonly LogEvent TrunkUp = new(4101, LogSeverity.Information, "trunk {0} is up: {1}");
    /// <summary>A trunk does not answer.</summary>
    public static readonly LogEvent TrunkDown = new(4102, LogSeverity.Warning, "trunk {0} is down, no call is placed over it: {1}");
    /// <summary>A registration failed.</summary>
    public static readonly LogEvent TrunkRegisterFailed = new(4103, LogSeverity.Warning, "registering at trunk {0} failed with {1} {2}; tried again in {3} s");
    /// <summary>A registration holds, which it did not before.</summary>
    public static readonly LogEvent TrunkRegistered = new(4111, LogSeverity.Information, "registered at trunk {0} for {1} s");
    /// <summary>A registration is refused for the credentials; said once.</summary>
    public static readonly LogEvent TrunkRegisterRejected = new(4112, LogSeverity.Warning,
        "trunk {0} refuses to register us with {1} {2}: its auth.user, auth.password, auth.realm or from-domain do not fit; tried again seldom, and this is "
            + "not said again");
    /// <summary>A registration was taken back.</summary>
    public static readonly LogEvent TrunkUnregistered = new(4113, LogSeverity.Information,
        "no longer registered at trunk {0}, because this node takes no new calls");
    /// <summary>A challenge was not answered.</summary>
    public static readonly LogEvent ChallengeRefused = new(4114, LogSeverity.Warning,
        "a {0} to our {1} from {2} is not answered with the credentials of trunk {3}: {4}");
    /// <summary>A new call was refused because the node has as many as it may.</summary>
    public static readonly LogEvent CallsMaxReached = new(4110, LogSeverity.Warning,
        "a new call is refused with 503: the node has {0} calls, cti.node.calls-max")
    { SummedAs = "calls refused for cti.node.calls-max" };
    /// <summary>A background or entry sound was not heard.</summary>
    public static readonly LogEvent ConferenceSoundFailed = new(4201, LogSeverity.Warning,
        "a sound of conference {0} cannot be played: {1}")
    { SummedAs = "conferences' sounds that cannot be played" };
    /// <summary>What a parent was to hear while its child is dialled cannot be played.</summary>
    public static readonly LogEvent RingBackFailed = new(4104, LogSeverity.Warning,
        "call {0} does not hear the ring-back that was asked for: {1}")
    { SummedAs = "ring-backs that cannot be played" };
}
