namespace Cti.Kernel;

/// <summary>So many a second on average, so many at once. Any thread.</summary>
/// <param name="clock">Time; only its monotonic side is used.</param>
/// <param name="perSecond">1 or more.</param>
/// <param name="burst">1 or more.</param>
public sealed class TokenBucket(IClock clock, int perSecond, int burst)
{
    private const double NanosPerSecond = 1e9;
    private readonly Lock _lock = new();
    private double _tokens = burst;
    private long _filledNanos = clock.MonotonicNanos;

    /// <summary>Takes one. Answers 0, or in how many milliseconds (1 or more) there is one.</summary>
    public int Take()
    {
        lock (_lock)
        {
            var now = clock.MonotonicNanos;
            _tokens = Math.Min(burst, _tokens + ((now - _filledNanos) / NanosPerSecond * perSecond));
            _filledNanos = now;
            if (_tokens >= 1)
            {
                _tokens--;
                return 0;
            }
            return Math.Max(1, (int)Math.Ceiling((1 - _tokens) / perSecond * 1000));
        }
    }
}
