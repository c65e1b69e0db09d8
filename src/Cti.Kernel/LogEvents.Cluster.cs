namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>The journal's store cannot be reached.</summary>
    public static readonly LogEvent JournalUnreachable = new(7001, LogSeverity.Error, "the journal cannot be reached, new work is refused until it can: {0}");
    /// <summary>The journal's store is back.</summary>
    public static readonly LogEvent JournalBack = new(7002, LogSeverity.Information, "the journal is reachable again");
    /// <summary>A bug in the journal's writer.</summary>
    public static readonly LogEvent JournalFault = new(7003, LogSeverity.Error, "the journal writer failed and takes nothing more: {0}");
    /// <summary>Another node owns an instance that this one wrote to.</summary>
    public static readonly LogEvent InstanceDeposed = new(7004, LogSeverity.Warning, "instance {0} is no longer ours (epoch {1}, {2}): standing down");
    /// <summary>Instances were claimed at start.</summary>
    public static readonly LogEvent InstancesClaimed = new(7005, LogSeverity.Information, "owns {0} instances; {1} live resources in the journal");
}
