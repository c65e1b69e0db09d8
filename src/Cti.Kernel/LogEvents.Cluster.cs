namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>The journal's store cannot be reached.</summary>
    public static readonly LogEvent JournalUnreachable = new(7001, LogSeverity.Error,
        "the journal cannot be reached, new work is refused until it can: {0}")
    { SummedAs = "failures to reach the journal" };
    /// <summary>The journal's store turned out to be damaged or gone, for good.</summary>
    public static readonly LogEvent JournalBroken = new(5001, LogSeverity.Error,
        "the journal is damaged or gone; new calls and requests are refused with 503, nothing more is written, calls that are up go on: {0}");
    /// <summary>The journal's store is back.</summary>
    public static readonly LogEvent JournalBack = new(7002, LogSeverity.Information, "the journal is reachable again");
    /// <summary>A bug in the journal's writer.</summary>
    public static readonly LogEvent JournalFault = new(7003, LogSeverity.Error, "the journal writer failed and takes nothing more: {0}");
    /// <summary>Another node owns an instance that this one wrote to.</summary>
    public static readonly LogEvent InstanceDeposed = new(7004, LogSeverity.Warning, "instance {0} is no longer ours (epoch {1}, {2}): standing down");
    /// <summary>Instances were claimed at start.</summary>
    public static readonly LogEvent InstancesClaimed = new(7005, LogSeverity.Information, "owns {0} instances; {1} live resources in the journal");

    /// <summary>The lease could not be renewed; said once until it can.</summary>
    public static readonly LogEvent LeaseNotRenewed = new(7010, LogSeverity.Warning, "the lease cannot be renewed: {0}");
    /// <summary>The lease is renewed again.</summary>
    public static readonly LogEvent LeaseRenewed = new(7011, LogSeverity.Information, "the lease is renewed again after {0} ms");
    /// <summary>A node joined or came back.</summary>
    public static readonly LogEvent NodeJoined = new(7012, LogSeverity.Information, "node {0} is in the cluster");
    /// <summary>A node does not renew any more, or has left.</summary>
    public static readonly LogEvent NodeGone = new(7013, LogSeverity.Warning, "node {0} is gone from the cluster");
    /// <summary>Instances were taken.</summary>
    public static readonly LogEvent InstancesTaken = new(7014, LogSeverity.Information, "took {0} instances of {1}");
    /// <summary>Instances belong to others now.</summary>
    public static readonly LogEvent InstancesLost = new(7015, LogSeverity.Information, "{0} instances belong to other nodes now");
    /// <summary>Another process runs under this node's name.</summary>
    public static readonly LogEvent NodeReplaced = new(7016, LogSeverity.Error,
        "another process joined the cluster as {0}: this one stands down; names must be unique");
    /// <summary>The process stood still for so long that it may have been replaced.</summary>
    public static readonly LogEvent ProcessStoodStill = new(7017, LogSeverity.Warning, "this process stood still; it stays silent until its lease is renewed");
    /// <summary>A bug in the membership.</summary>
    public static readonly LogEvent MembershipFault = new(7018, LogSeverity.Error, "the membership failed: {0}");
    /// <summary>An instance that was taken cannot be read.</summary>
    public static readonly LogEvent InstanceUnreadable = new(7019, LogSeverity.Error, "instance {0} cannot be recovered: {1}");
    /// <summary>Instances were recovered.</summary>
    public static readonly LogEvent InstancesRecovered = new(7020, LogSeverity.Information, "serves {0} more instances; {1} live resources in their journals");
    /// <summary>Too many commands wait for resources on other nodes.</summary>
    public static readonly LogEvent ResourcePostFull = new(7090, LogSeverity.Warning,
        "too much waits for resources of other nodes; what was meant for {0} is dropped")
    { SummedAs = "dropped messages to resources of other nodes" };
    /// <summary>An instance moved to another living node.</summary>
    public static readonly LogEvent InstanceHandedOver = new(7021, LogSeverity.Information,
        "instance {0} is handed over to {1}, with {2} live resources, in {3} ms");
    /// <summary>An instance that ought to move cannot yet.</summary>
    public static readonly LogEvent InstanceStays = new(7024, LogSeverity.Information, "instance {0} cannot move yet: {1}");
    /// <summary>A peer takes over what this node has.</summary>
    public static readonly LogEvent PutOut = new(7023, LogSeverity.Warning,
        "cut off from the database, and {0} says that this node is taken for dead: standing down until the database is back");
    /// <summary>The spool of answered BYEs cannot be read or written; said once until it can.</summary>
    public static readonly LogEvent ByeSpoolFailed = new(7025, LogSeverity.Warning,
        "BYEs that are answered while the journal cannot be written are kept in memory only, their file fails: {0}");
    /// <summary>The spool of answered BYEs is full.</summary>
    public static readonly LogEvent ByeSpoolFull = new(7026, LogSeverity.Warning,
        "too many BYEs were answered while the journal cannot be written; that of {0} is kept in memory only")
    { SummedAs = "BYEs that are kept in memory only" };
    /// <summary>A record of the spool of answered BYEs was passed over.</summary>
    public static readonly LogEvent ByeRecordSkipped = new(7027, LogSeverity.Warning,
        "line {0} of the kept BYEs is passed over: {1}")
    { SummedAs = "kept BYEs that were passed over" };
    /// <summary>An answered BYE was not delivered in time.</summary>
    public static readonly LogEvent ByeRecordTooOld = new(7028, LogSeverity.Warning,
        "the BYE of {0} is dropped: for a day nobody could be told of it")
    { SummedAs = "BYEs that nobody could be told of" };
    /// <summary>The process before left answered BYEs.</summary>
    public static readonly LogEvent ByesLeft = new(7029, LogSeverity.Information,
        "{0} BYEs were answered before the restart and could not be written: whoever owns their calls is told");
    /// <summary>Time was far off and nothing counted on it.</summary>
    public static readonly LogEvent ClockStepped = new(7030, LogSeverity.Warning,
        "this node's time and {0} differ by {1} s: no call is up, so time is put right by a step");
    /// <summary>Time is far off, and calls count on it.</summary>
    public static readonly LogEvent ClockFarOff = new(7031, LogSeverity.Warning,
        "this node's time and {0} differ by {1} s: calls are up, so time follows by 1 % at most, and jumps when none is");
    /// <summary>A bug in handing over.</summary>
    public static readonly LogEvent HandOverFault = new(7022, LogSeverity.Error, "handing over failed and is tried again: {0}");
}
