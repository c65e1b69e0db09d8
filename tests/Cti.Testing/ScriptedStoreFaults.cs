using Cti.Persistence;

namespace Cti.Testing;

/// <summary>Faults on demand: fail or hold the next calls of an operation; everything else passes.</summary>
public sealed class ScriptedStoreFaults : IStoreFaults
{
    private readonly Lock _gate = new();
    private readonly List<Fault> _faults = [];

    /// <summary>Operations that were begun, in order.</summary>
    public List<StoreOperation> Begun { get; } = [];

    /// <summary>The next <paramref name="times"/> calls fail; with <paramref name="applied"/> after they took effect.</summary>
    public void FailNext(StoreOperation operation, int times = 1, bool applied = false)
    {
        lock (_gate)
        {
            for (var i = 0; i < times; i++) _faults.Add(new Fault(operation, applied, null));
        }
    }

    /// <summary>The next call waits until the returned gate is opened; with <paramref name="applied"/> it has taken effect by then.</summary>
    public TaskCompletionSource HoldNext(StoreOperation operation, bool applied = false)
    {
        var gate = new TaskCompletionSource();
        lock (_gate) _faults.Add(new Fault(operation, applied, gate));
        return gate;
    }

    public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation)
    {
        lock (_gate) Begun.Add(operation);
        return Act(operation, applied: false, cancellation);
    }

    public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation) => Act(operation, applied: true, cancellation);

    private ValueTask Act(StoreOperation operation, bool applied, CancellationToken cancellation)
    {
        Fault fault;
        lock (_gate)
        {
            var index = _faults.FindIndex(candidate => candidate.Operation == operation && candidate.Applied == applied);
            if (index < 0) return ValueTask.CompletedTask;
            fault = _faults[index];
            _faults.RemoveAt(index);
        }
        if (fault.Gate is not null) return new ValueTask(fault.Gate.Task.WaitAsync(cancellation));
        return ValueTask.FromException(new StoreUnavailableException($"{operation} fails on demand, {(applied ? "after" : "before")} it was applied"));
    }

    private sealed record Fault(StoreOperation Operation, bool Applied, TaskCompletionSource? Gate);
}
