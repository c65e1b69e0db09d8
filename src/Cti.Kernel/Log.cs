namespace Cti.Kernel;

/// <summary>How much a log line matters.</summary>
public enum LogSeverity
{
    /// <summary>For someone who debugs the server itself.</summary>
    Debug,
    /// <summary>The normal course of things, seldom enough to read.</summary>
    Information,
    /// <summary>Something to look at; the server copes.</summary>
    Warning,
    /// <summary>A fault of ours or of what we stand on.</summary>
    Error,
}

/// <summary>One kind of log line. All kinds stand in <see cref="LogEvents"/>: numbers are stable, so operators can alert on them.</summary>
/// <param name="Id">Stable number.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Template">Text with {0}-style places. Never a secret, never a DTMF digit.</param>
public sealed record LogEvent(int Id, LogSeverity Severity, string Template)
{
    /// <summary>
    /// What many of them are called ("rejected SIP messages"), for a kind that strangers, or each of many calls, can cause as often as they like: the first is
    /// written, the others of the next 10 s are counted and told in one line (<see cref="SummingLog"/>). Null: each is written.
    /// </summary>
    public string? SummedAs { get; init; }
}

/// <summary>Where log lines go. Implementations never throw and never block.</summary>
public interface ILog
{
    /// <summary>False when lines of this severity go nowhere: lets hot paths skip the arguments.</summary>
    bool IsEnabled(LogSeverity severity);

    /// <summary>
    /// False when one line of this kind would not be written now, because its severity goes nowhere or because the kind is summed up at the moment: it is
    /// counted then, and the caller is done. Asked where making the arguments costs something; <see cref="Write"/> alone counts as well.
    /// </summary>
    bool IsWanted(LogEvent kind) => IsEnabled(kind.Severity);

    /// <summary>Writes one line.</summary>
    void Write(LogEvent kind, params ReadOnlySpan<object?> arguments);
}

/// <summary>A log that goes nowhere.</summary>
public sealed class NullLog : ILog
{
    /// <summary>The only one needed.</summary>
    public static readonly NullLog Instance = new();

    /// <inheritdoc/>
    public bool IsEnabled(LogSeverity severity) => false;

    /// <inheritdoc/>
    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
    }
}

/// <summary>The catalogue of log lines, by area: 1000 node, 2000 SIP, 3000 media, 4000 calls, 5000 storage, 6000 gateway, 7000 cluster.</summary>
public static partial class LogEvents
{
    /// <summary>An actor crashed and is restarted from its journal.</summary>
    public static readonly LogEvent ActorCrashed = new(4001, LogSeverity.Error, "actor {0} crashed and restarts: {1}") { SummedAs = "crashes of actors" };
    /// <summary>An actor crashed again and again and was stopped.</summary>
    public static readonly LogEvent ActorStopped = new(4002, LogSeverity.Error,
        "actor {0} was stopped after {1} crashes: {2}")
    { SummedAs = "actors that were stopped" };
    /// <summary>An error of the actor system itself.</summary>
    public static readonly LogEvent AkkaError = new(4004, LogSeverity.Error, "Akka, {0}: {1}") { SummedAs = "errors of the actor system" };
    /// <summary>A warning of the actor system itself.</summary>
    public static readonly LogEvent AkkaWarning = new(4005, LogSeverity.Warning, "Akka, {0}: {1}") { SummedAs = "warnings of the actor system" };
    /// <summary>A bug that a request ran into; the trace id is in the answer.</summary>
    public static readonly LogEvent RequestFault = new(4003, LogSeverity.Error, "request {0} failed, trace id {1}: {2}");
}
