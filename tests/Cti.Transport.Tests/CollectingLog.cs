using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Transport.Tests;

/// <summary>Keeps the kinds of the lines written.</summary>
internal sealed class CollectingLog : ILog
{
    public ConcurrentQueue<LogEvent> Kinds { get; } = new();

    public bool IsEnabled(LogSeverity severity) => true;

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments) => Kinds.Enqueue(kind);
}
