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

    private readonly Channel<string> _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly LogSeverity _level;
    private readonly TextWriter _writer;
    private readonly Task _pump;
    private long _dropped;

    /// <summary>Starts the log.</summary>
    /// <param name="level">Lines below it go nowhere.</param>
    /// <param name="writer">Where to.</param>
    public ConsoleLog(LogSeverity level, TextWriter writer)
    {
        _level = level;
        _writer = writer;
        _pump = PumpAsync();
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogSeverity severity) => severity >= _level;

    /// <inheritdoc/>
    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        if (kind.Severity < _level) return;
        var line = string.Create(CultureInfo.InvariantCulture,
            $"{DateTimeOffset.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Short(kind.Severity)} {kind.Id} {LogText.Of(kind, arguments)}");
        if (!_lines.Writer.TryWrite(line)) Interlocked.Increment(ref _dropped);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _lines.Writer.TryComplete();
        await _pump.ConfigureAwait(false);
    }

    private async Task PumpAsync()
    {
        await foreach (var line in _lines.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await _writer.WriteLineAsync(line).ConfigureAwait(false);
            if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var lost)
                await _writer.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"({lost} log lines were dropped: standard error takes them too slowly)")).ConfigureAwait(false);
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
