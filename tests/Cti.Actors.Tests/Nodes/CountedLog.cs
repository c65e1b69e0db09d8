using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>How often each kind of line was written.</summary>
internal sealed class CountedLog : ILog
{
    private readonly Dictionary<int, int> _counts = [];

    public bool IsEnabled(LogSeverity severity) => true;

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        lock (_counts) _counts[kind.Id] = _counts.GetValueOrDefault(kind.Id) + 1;
    }

    public int Count(LogEvent kind)
    {
        lock (_counts) return _counts.GetValueOrDefault(kind.Id);
    }
}
