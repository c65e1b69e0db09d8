using Cti.Kernel;
using Cti.Media;

namespace Cti.Transport.Media;

/// <summary>
/// How loaded a media loop is: what its thread works itself, and apart from that how late it runs. A loop is late because it has too much to do, or because
/// others have the processors; only the first says that the next call is too much, while the second harms the calls that are up only once it is larger than
/// what telephones make up for. Written by the loop's thread, read by anyone.
/// </summary>
internal sealed class LoopLoad
{
    /// <summary>A second.</summary>
    public const int WindowCadences = 200;

    /// <summary>Of a window's cadences so many may be later than the 99th of 100.</summary>
    private const int LaterThanP99 = WindowCadences / 100;

    private const long LatenessNanosMax = Limits.MediaLatenessMillisMax * 1_000_000L;

    private readonly long[] _window = new long[WindowCadences];
    private int _windowCount;
    private bool _wasLate;
    private bool _isLate;
    private double _workShare;
    private long _latenessP99Nanos;

    /// <summary>Share of its time that the loop works, by its thread's own clock: 0..1, averaged over about a second.</summary>
    public double WorkShare => Volatile.Read(ref _workShare);

    /// <summary>How late 99 of 100 cadences of the last whole second began at most, in nanoseconds.</summary>
    public long LatenessP99Nanos => Volatile.Read(ref _latenessP99Nanos);

    /// <summary>Counts a cadence.</summary>
    /// <param name="lateNanos">How late it began.</param>
    /// <param name="workNanos">
    /// What the thread worked in it. It cannot work for longer than it lasts: more than a cadence counts for a whole one: where only the wall clock can be
    /// asked, a process that stood still had not that much to do.
    /// </param>
    public void Count(long lateNanos, long workNanos)
    {
        Volatile.Write(ref _workShare, _workShare + (Math.Min(1, workNanos / (double)MediaLoop.CadenceNanos) - _workShare) / WindowCadences);
        _window[_windowCount] = lateNanos;
        if (++_windowCount < WindowCadences)
            return;
        _windowCount = 0;
        Array.Sort(_window);
        var p99 = _window[WindowCadences - 1 - LaterThanP99];
        Volatile.Write(ref _latenessP99Nanos, p99);
        // One stall is over when it is seen, so it says nothing of the next call; it may lie across two windows, but then not in most of both.
        Volatile.Write(ref _isLate, _wasLate && p99 > LatenessNanosMax);
        _wasLate = p99 > LatenessNanosMax;
    }

    /// <summary>Why the loop takes no new call; <see cref="MediaRefusal.None"/> when it does.</summary>
    /// <param name="workShareMax">Its budget.</param>
    /// <param name="sessions">What it has: without any, its lateness harms nobody.</param>
    public MediaRefusal Refusal(double workShareMax, int sessions) =>
        WorkShare > workShareMax ? MediaRefusal.OwnWork
        : sessions > 0 && Volatile.Read(ref _isLate) ? MediaRefusal.Lateness
        : MediaRefusal.None;
}
