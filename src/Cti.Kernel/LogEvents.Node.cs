namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>The node runs.</summary>
    public static readonly LogEvent NodeStarted = new(1001, LogSeverity.Information, "node {0} is up: SIP on {1}, gateway on {2}, data in {3}");
    /// <summary>The node is stopping.</summary>
    public static readonly LogEvent NodeStopping = new(1002, LogSeverity.Information, "stopping: no new calls; {0} are up and get up to {1} s to end");
    /// <summary>The time for calls to end is over.</summary>
    public static readonly LogEvent NodeDropping = new(1003, LogSeverity.Warning, "{0} calls are still up at the deadline and are dropped");
    /// <summary>The node has stopped.</summary>
    public static readonly LogEvent NodeStopped = new(1004, LogSeverity.Information, "stopped");
    /// <summary>Something in the configuration is allowed but worth a look.</summary>
    public static readonly LogEvent ConfigurationWarning = new(1005, LogSeverity.Warning, "configuration: {0}");
    /// <summary>The demo application was refused something.</summary>
    public static readonly LogEvent DemoRefused = new(1006, LogSeverity.Warning,
        "demo application: {0} was refused: {1}")
    { SummedAs = "refusals of the demo application" };
    /// <summary>Recordings that a dead process left were completed.</summary>
    public static readonly LogEvent RecordingsRepaired = new(1007, LogSeverity.Information, "{0} recordings that the last run left unfinished were completed");
    /// <summary>The folders of recordings could not be looked through to the end.</summary>
    public static readonly LogEvent RecordingsNotLookedAt = new(1012, LogSeverity.Warning,
        "the folders of recordings were not looked through to the end: what the last run left unfinished there (*.cti-part) is completed after the next start");
    /// <summary>The disk of the recordings does not answer at a start, which waits for no disk.</summary>
    public static readonly LogEvent RecordRootSilent = new(1024, LogSeverity.Warning,
        "the disk under {0} (cti.media.record-root) does not answer: calls go on, and recordings are refused until it does");
    /// <summary>Opus is configured and its library is not there; said once.</summary>
    public static readonly LogEvent OpusMissing = new(1025, LogSeverity.Warning, "Opus is not offered: {0}");
    /// <summary>Call records cannot be written to their files; said once until they can.</summary>
    public static readonly LogEvent CallRecordsHeld = new(1008, LogSeverity.Error, "call records cannot be written to {0}, they wait in the journal: {1}");
    /// <summary>Call records go to their files again.</summary>
    public static readonly LogEvent CallRecordsFlow = new(1009, LogSeverity.Information, "call records are written to {0} again");
    /// <summary>The journal is not the one that the files were written from.</summary>
    public static readonly LogEvent CallRecordsAnew = new(1010, LogSeverity.Warning,
        "the position in {0} is of another journal or unreadable: all call records of this journal are written");
    /// <summary>The table of call records cannot be read, which the store itself tells too; said once until it can.</summary>
    public static readonly LogEvent CallRecordsWait = new(1011, LogSeverity.Warning, "call records for {0} wait in the journal, which cannot be read: {1}");
}
