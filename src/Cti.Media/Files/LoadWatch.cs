namespace Cti.Media.Files;

/// <summary>
/// What a thread that reads or opens files is doing, for whoever bounds it: a read that never returns cannot be ended, only given up. Each step is a moment in
/// which the disk has answered; work that has a bound of its own is marked, so that it is not taken for a disk that hangs.
/// </summary>
public sealed class LoadWatch
{
    [ThreadStatic]
    private static LoadWatch? _current;

    private int _steps;
    private int _bounded;
    private bool _isGivenUp;
    private string? _at;

    /// <summary>Of the calling thread; null where nobody bounds it.</summary>
    public static LoadWatch? Current => _current;

    /// <summary>Changes whenever the disk has answered.</summary>
    public int Steps => Volatile.Read(ref _steps);

    /// <summary>Whether the thread is at work that has a bound of its own: it decodes, or waits for a speech engine.</summary>
    public bool IsBounded => Volatile.Read(ref _bounded) > 0;

    /// <summary>Whether nobody waits any more for what the thread does.</summary>
    public bool IsGivenUp => Volatile.Read(ref _isGivenUp);

    /// <summary>What is being loaded.</summary>
    public string? At
    {
        get => Volatile.Read(ref _at);
        set => Volatile.Write(ref _at, value);
    }

    /// <summary>The calling thread begins a load.</summary>
    public void Begin()
    {
        Volatile.Write(ref _isGivenUp, false);
        At = null;
        _bounded = 0;
        _current = this;
        Interlocked.Increment(ref _steps);
    }

    /// <summary>Nobody waits any more.</summary>
    public void GiveUp() => Volatile.Write(ref _isGivenUp, true);

    /// <summary>The disk has answered the calling thread.</summary>
    public static void Step()
    {
        if (_current is { } watch) Interlocked.Increment(ref watch._steps);
    }

    /// <summary>The calling thread is at work with a bound of its own until what is returned is disposed.</summary>
    public static BoundedWork Bounded() => new(_current);

    /// <summary>Work with a bound of its own.</summary>
    public readonly ref struct BoundedWork
    {
        private readonly LoadWatch? _watch;

        internal BoundedWork(LoadWatch? watch)
        {
            _watch = watch;
            if (watch is not null) Interlocked.Increment(ref watch._bounded);
        }

        /// <summary>From now on the disk is waited for again.</summary>
        public void Dispose()
        {
            if (_watch is null) return;
            Interlocked.Increment(ref _watch._steps);
            Interlocked.Decrement(ref _watch._bounded);
        }
    }
}
