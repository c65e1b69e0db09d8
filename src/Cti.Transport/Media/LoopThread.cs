using Cti.Transport.Native;

namespace Cti.Transport.Media;

/// <summary>Time and rank of a media loop's thread.</summary>
internal static unsafe class LoopThread
{
    private const long NanosPerSecond = 1_000_000_000;
    private const int PriorityOfProcess = 0;
    private const int Niceness = -10;
    private const int SetTimerSlack = 29;

    /// <summary>Asks for precise sleeps and precedence; where it is not permitted the loop runs as any thread.</summary>
    public static void Prefer()
    {
        if (!OperatingSystem.IsLinux())
        {
            Thread.CurrentThread.Priority = ThreadPriority.Highest;
            return;
        }

        _ = Libc.Prctl(SetTimerSlack, 1, 0, 0, 0);
        _ = Libc.SetPriority(PriorityOfProcess, Libc.GetThreadId(), Niceness);
    }

    /// <summary>Sleeps to a moment of the monotonic clock; at once when it has passed.</summary>
    public static void SleepUntil(long monotonicNanos, long nowNanos)
    {
        if (monotonicNanos <= nowNanos)
            return;
        if (!OperatingSystem.IsLinux())
        {
            Thread.Sleep((int)((monotonicNanos - nowNanos + 999_999) / 1_000_000));
            return;
        }

        var deadline = new Libc.Timespec { Seconds = monotonicNanos / NanosPerSecond, Nanos = monotonicNanos % NanosPerSecond };
        while (Libc.ClockNanosleep(Libc.ClockMonotonic, Libc.TimerAbsTime, &deadline, null) == Libc.EIntr)
        {
        }
    }

    /// <summary>CPU time of the calling thread; Linux only, 0 elsewhere.</summary>
    public static long WorkNanos()
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        Libc.Timespec time;
        _ = Libc.ClockGetTime(Libc.ClockThreadCpuTime, &time);
        return time.Seconds * NanosPerSecond + time.Nanos;
    }

    /// <summary>The clock that <see cref="SleepUntil"/> sleeps by.</summary>
    public static long Now()
    {
        if (!OperatingSystem.IsLinux())
            return (long)((Int128)System.Diagnostics.Stopwatch.GetTimestamp() * NanosPerSecond / System.Diagnostics.Stopwatch.Frequency);
        Libc.Timespec time;
        _ = Libc.ClockGetTime(Libc.ClockMonotonic, &time);
        return time.Seconds * NanosPerSecond + time.Nanos;
    }
}
