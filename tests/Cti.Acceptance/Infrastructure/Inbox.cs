using System.Diagnostics;

namespace Cti.Acceptance.Infrastructure;

/// <summary>What arrived and nobody has looked at yet, plus everything that ever arrived, in order.</summary>
internal sealed class Inbox<T>
    where T : class
{
    private readonly Lock _gate = new();
    private readonly List<T> _all = [];
    private readonly List<T> _waiting = [];
    private TaskCompletionSource _arrived = NewSignal();

    /// <summary>Everything that arrived so far.</summary>
    public IReadOnlyList<T> All
    {
        get
        {
            lock (_gate) return [.. _all];
        }
    }

    public void Add(T item)
    {
        lock (_gate)
        {
            _all.Add(item);
            _waiting.Add(item);
            _arrived.TrySetResult();
            _arrived = NewSignal();
        }
    }

    /// <summary>Takes the first that matches, waiting for it.</summary>
    public async Task<T> TakeAsync(Func<T, bool> match, string what, TimeSpan? within = null)
    {
        var limit = within ?? Patience.Long;
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            Task arrived;
            lock (_gate)
            {
                var index = _waiting.FindIndex(item => match(item));
                if (index >= 0)
                {
                    var found = _waiting[index];
                    _waiting.RemoveAt(index);
                    return found;
                }
                arrived = _arrived.Task;
            }
            var left = limit - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || await Task.WhenAny(arrived, Patience.Elapses(left)) != arrived)
                throw new Shouldly.ShouldAssertException($"{what} did not arrive in {limit.TotalSeconds:F1} s. What did:\n"
                    + $"{string.Join("\n", All.TakeLast(30))}");
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>How long a test waits for what must happen: a machine under load is slow, a defect never comes.</summary>
internal static class Patience
{
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(15);

    /// <summary>A limit on waiting, never a wait by itself.</summary>
    public static async Task Elapses(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : time);
        await timer.WaitForNextTickAsync();
    }

    /// <summary>Looks again every 20 ms until it is so.</summary>
    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? within = null) => UntilAsync(() => Task.FromResult(condition()), what, within);

    /// <summary>The same of what has to be asked for.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? within = null)
    {
        var limit = within ?? Long;
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit) throw new Shouldly.ShouldAssertException($"{what}: not so within {limit.TotalSeconds:F1} s");
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>Watches that something stays so for a while.</summary>
    public static async Task WhileAsync(Func<bool> condition, string what, TimeSpan during)
    {
        var started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (Stopwatch.GetElapsedTime(started) < during)
        {
            if (!condition()) throw new Shouldly.ShouldAssertException($"{what}: no longer so after {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s");
            await timer.WaitForNextTickAsync();
        }
    }
}
