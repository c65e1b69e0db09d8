using Cti.Kernel;

namespace Cti.Testing;

/// <summary>
/// Virtual time and a single-threaded scheduler: nothing runs but what a test asks for; due timers fire one by one, with the clock set to each.
/// </summary>
public sealed class ManualRuntime : IScheduler, IClock, ITimers
{
    private readonly Queue<IWorkItem> _ready = new();
    private readonly PriorityQueue<VirtualTimer, UInt128> _timers = new();
    private readonly Func<int, int>? _choose;
    private readonly Func<int, int>? _chooseTimer;
    private readonly List<IWorkItem> _pool = [];
    private uint _order;
    private long _nowMillis;
    private readonly long _startUnixMillis;

    /// <summary>
    /// Starts at the given Unix time. With <paramref name="choose"/>, which ready item runs next is drawn (0..n-1) instead of first come first served;
    /// with <paramref name="chooseTimer"/> so is which of several timers of the same millisecond fires first.
    /// </summary>
    public ManualRuntime(long startUnixMillis = 1_700_000_000_000, Func<int, int>? choose = null, Func<int, int>? chooseTimer = null)
    {
        _chooseTimer = chooseTimer;
        _startUnixMillis = startUnixMillis;
        _choose = choose;
    }

    public long MonotonicNanos => _nowMillis * 1_000_000;

    public long UnixMillis => _startUnixMillis + _nowMillis;

    /// <summary>Milliseconds since the start.</summary>
    public long ElapsedMillis => _nowMillis;

    /// <summary>Timers that were started and neither fired nor were cancelled.</summary>
    public int PendingTimers => _timers.UnorderedItems.Count(item => !item.Element.Cancelled);

    /// <summary>The time of the next timer in milliseconds since the start, or null.</summary>
    public long? NextTimerMillis
    {
        get
        {
            DropCancelled();
            return _timers.TryPeek(out var timer, out _) ? timer.DueMillis : null;
        }
    }

    public void Post(IWorkItem item)
    {
        if (_choose is null) _ready.Enqueue(item);
        else _pool.Add(item);
    }

    public ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state)
    {
        var timer = new VirtualTimer(_nowMillis + Math.Max(0, delayMillis), callback, state);
        _timers.Enqueue(timer, KeyOf(timer.DueMillis, _chooseTimer?.Invoke(int.MaxValue) ?? 0, ++_order));
        return timer;
    }

    /// <summary>
    /// Runs something with continuations on the spot: with a test framework's synchronization context in place they would go to the thread pool instead,
    /// and no seed could repeat their order.
    /// </summary>
    public static void Inline(Action action)
    {
        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            action();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    /// <summary>Runs what is ready until nothing is; answers how many items ran.</summary>
    public int RunAll(int limit = 10_000_000)
    {
        if (SynchronizationContext.Current is null) return RunReady(limit);
        var ran = 0;
        Inline(() => ran = RunReady(limit));
        return ran;
    }

    private int RunReady(int limit)
    {
        var ran = 0;
        while (TryTake(out var item))
        {
            if (++ran > limit) throw new InvalidOperationException($"more than {limit} work items without time passing: a livelock");
            item.Run();
        }
        return ran;
    }

    /// <summary>Lets time pass: fires each due timer at its own time and runs what that makes ready.</summary>
    public void Advance(long millis)
    {
        var end = _nowMillis + millis;
        RunAll();
        while (NextTimerMillis is { } due && due <= end) FireNext();
        _nowMillis = end;
        RunAll();
    }

    /// <summary>Lets time pass while nothing gets to run: all timers that are due fire, packets arrive, and only then runs what that made ready.</summary>
    public void Stall(long millis)
    {
        var end = _nowMillis + millis;
        RunAll();
        while (NextTimerMillis is { } due && due <= end) Fire();
        _nowMillis = end;
        RunAll();
    }

    /// <summary>Advances to the next timer and fires it; false when there is none.</summary>
    public bool Step()
    {
        RunAll();
        if (NextTimerMillis is null) return false;
        FireNext();
        return true;
    }

    /// <summary>
    /// When it is due, then what was drawn, then first come first served, in one number: it is compared more often than anything else is done.
    /// </summary>
    private static UInt128 KeyOf(long due, int tie, uint order) => new((ulong)due, ((ulong)tie << 32) | order);

    private void FireNext()
    {
        Fire();
        RunAll();
    }

    private void Fire()
    {
        var timer = _timers.Dequeue();
        _nowMillis = Math.Max(_nowMillis, timer.DueMillis);
        if (SynchronizationContext.Current is null) timer.Fire();
        else Inline(timer.Fire);
    }

    private bool TryTake(out IWorkItem item)
    {
        if (_choose is null) return _ready.TryDequeue(out item!);
        if (_pool.Count == 0)
        {
            item = null!;
            return false;
        }
        var index = _choose(_pool.Count);
        item = _pool[index];
        _pool.RemoveAt(index);
        return true;
    }

    private void DropCancelled()
    {
        while (_timers.TryPeek(out var timer, out _) && timer.Cancelled) _timers.Dequeue();
    }

    private sealed class VirtualTimer(long dueMillis, Action<object?> callback, object? state) : ITimerHandle
    {
        public long DueMillis { get; } = dueMillis;
        public bool Cancelled { get; private set; }

        public void Cancel() => Cancelled = true;

        public void Fire()
        {
            if (Cancelled) return;
            Cancelled = true;
            callback(state);
        }
    }
}
