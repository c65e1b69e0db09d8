using Cti.Kernel;
using Cti.Testing;

namespace Cti.Simulation;

/// <summary>
/// The process that a simulated node runs in: its share of the scheduler and of the timers. Killing it is a crash: nothing of it runs any more, whatever
/// still holds a reference to it.
/// </summary>
internal sealed class NodeProcess(ManualRuntime runtime, int number, int driftPpm = 0) : IScheduler, ITimers, ILog
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly Queue<Action> _held = new();

    /// <summary>1 for the first start, raised with every restart.</summary>
    public int Number { get; } = number;

    public bool IsAlive { get; private set; } = true;

    /// <summary>Timers that were started and neither fired nor were cancelled.</summary>
    public int PendingTimers { get; private set; }

    /// <summary>Given lines of a severity that no simulated fault explains.</summary>
    public Action<string>? Alarm { get; init; }

    /// <summary>Which node of the cluster it is, from 0.</summary>
    public int Node { get; init; }

    /// <summary>It stands still: nothing of it runs, and what comes waits for it.</summary>
    public bool IsPaused { get; private set; }

    public void Kill()
    {
        IsAlive = false;
        _held.Clear();
    }

    /// <summary>As SIGSTOP does it.</summary>
    public void Pause() => IsPaused = true;

    /// <summary>
    /// As SIGCONT does it: what is overdue and what has come runs now, in the order in which it came, with whatever it makes ready in between.
    /// </summary>
    public void Wake()
    {
        if (!IsPaused) return;
        IsPaused = false;
        if (_held.Count > 0) runtime.Post(new ActionItem(HearNext));
    }

    /// <summary>Something comes from outside: at once, or when the process can hear it.</summary>
    public void Hear(Action act)
    {
        if (!IsAlive) return;
        if (IsPaused || _held.Count > 0) _held.Enqueue(act);
        else act();
    }

    private void HearNext()
    {
        if (IsPaused || !_held.TryPeek(out var act)) return;
        act();
        // Taken out afterwards, so that what comes meanwhile lines up behind it.
        if (_held.Count > 0) _held.Dequeue();
        if (_held.Count > 0) runtime.Post(new ActionItem(HearNext));
    }

    /// <summary>What a call into a dead process becomes: it is never answered.</summary>
    public static Task Never { get; } = new TaskCompletionSource().Task;

    public void Post(IWorkItem item)
    {
        if (Environment.CurrentManagedThreadId != _thread)
            throw new InvalidOperationException("the node left the simulation's thread: something in it awaits past its ports");
        if (IsAlive) runtime.Post(new Item(this, item));
    }

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
    {
        var timer = new Timer(this, callback, state);
        if (!IsAlive) return timer;
        PendingTimers++;
        timer.Inner = runtime.Schedule(Real(delayMillis), static timer => ((Timer)timer!).Fire(), timer);
        return timer;
    }

    /// <summary>How long its clock takes for that, in real milliseconds: never less.</summary>
    private long Real(long millis) => driftPpm == 0 ? millis : ((Math.Max(0, millis) * 1_000_000) + 1_000_000 + driftPpm - 1) / (1_000_000 + driftPpm);

    /// <summary>Ends after that time, if the process lives so long.</summary>
    public Task DelayAsync(long millis)
    {
        var elapsed = new TaskCompletionSource();
        Schedule(millis, static state => ((TaskCompletionSource)state!).SetResult(), elapsed);
        return elapsed.Task;
    }

    public bool IsEnabled(LogSeverity severity) => severity >= LogSeverity.Error;

    public void Write(LogEvent kind, params ReadOnlySpan<object?> arguments)
    {
        if (IsAlive && kind.Severity >= LogSeverity.Error && !ReferenceEquals(kind, LogEvents.JournalUnreachable))
            Alarm?.Invoke(string.Format(System.Globalization.CultureInfo.InvariantCulture, kind.Template, arguments.ToArray()));
    }

    private sealed class Item(NodeProcess process, IWorkItem item) : IWorkItem
    {
        public void Run()
        {
            if (!process.IsAlive) return;
            if (process.IsPaused) process._held.Enqueue(item.Run);
            else item.Run();
        }
    }

    private sealed class Timer(NodeProcess process, Action<object?> callback, object? state) : ITimerHandle
    {
        private bool _over;

        public ITimerHandle? Inner { get; set; }

        public void Cancel()
        {
            if (_over) return;
            _over = true;
            Inner?.Cancel();
            if (Inner is not null) process.PendingTimers--;
        }

        public void Fire() => process.Hear(Run);

        private void Run()
        {
            if (_over) return;
            _over = true;
            process.PendingTimers--;
            callback(state);
        }
    }
}

/// <summary>An action as work for the scheduler.</summary>
internal sealed class ActionItem(Action action) : IWorkItem
{
    public void Run() => action();
}
