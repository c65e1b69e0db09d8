namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A work item broke its contract and threw.</summary>
    public static readonly LogEvent WorkItemFault = new(1801, LogSeverity.Error, "work item {0} threw: {1}");
}
