namespace Cti.Kernel;

public static partial class LogEvents
{
    /// <summary>A peer sent something about feeds that this version cannot read.</summary>
    public static readonly LogEvent FeedMessageMalformed = new(7401, LogSeverity.Warning, "node {0} sent a message about feeds that cannot be read: {1}");
}
