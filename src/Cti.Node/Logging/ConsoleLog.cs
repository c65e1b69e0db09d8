using System.Globalization;
using System.Threading.Channels;
using Cti.Kernel;

namespace Cti.Node.Logging;

/// <summary>
/// Log lines on standard error; written by one task, so that nobody waits for a slow terminal. Bounded: past it lines are dropped and counted.
/// What the arguments hold cannot leave its line (<see cref="LogText"/>).
/// </summary>
public sealed class ConsoleLog : ILog, IAsyncDisposable
{
    private const int QueueMax = 10_000;

    private readonly Channel<string> lines = Channel.CreateBounded<string>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly LogSeverity level;
    private readonly TextWriter writer;
    private readonly Task pump;
    private long dropped;

    /// <summary>Starts the log.</summary>
    /// <param name="level">Lines below it go nowhere.</param>
    /// <param name="writer">Where to.</param>
    public ConsoleLog(LogSeverity level, TextWriter writer)
    {
        this.level = level;
        this.writer = writer;
        pump = PumpAsync();
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogSeverity severity) => severity >= level;

    /// <inheritdoc/>
    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        if (kind.Severity < level) return;
        var line = string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Short(kind.Severity)} {kind.Id} {LogText.Of(kind, arguments)}");
        if (!lines.Writer.TryWrite(line)) Interlocked.Increment(ref dropped);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lines.Writer.TryComplete();
        await pump.ConfigureAwait(false);
    }

    private async Task PumpAsync()
    {
        await foreach (var line in lines.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await writer.WriteLineAsync(line).ConfigureAwait(false);
            if (Interlocked.Exchange(ref dropped, 0) is > 0 and var lost)
                await writer.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"({lost} log lines were dropped: standard error takes them too slowly)")).ConfigureAwait(false);
        }
    }

    private static string Short(LogSeverity severity) => severity switch
    {
        LogSeverity.Debug => "debug",
        LogSeverity.Information => "info ",
        LogSeverity.Warning => "WARN ",
        _ => "ERROR",
    };
}
