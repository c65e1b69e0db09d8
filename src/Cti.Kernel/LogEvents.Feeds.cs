namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A peer sent something about feeds that this version cannot read.</summary>
    public static readonly LogEvent FeedMessageMalformed = new(7401, LogSeverity.Warning,
        "node {0} sent a message about feeds that cannot be read: {1}")
    { SummedAs = "messages about feeds that cannot be read" };

    /// <summary>A connection of a consumer group does not acknowledge.</summary>
    public static readonly LogEvent FeedGroupPaused = new(7402, LogSeverity.Warning,
        "application {0}, group {1}: {2} events were delivered to a connection and none of them acknowledged; it gets the next ones after sys.event.ack");
}
