namespace Cti.Kernel;

/// <summary>Time, as everything but the drivers sees it.</summary>
public interface IClock
{
    /// <summary>Nanoseconds since an arbitrary start; never goes back.</summary>
    long MonotonicNanos { get; }

    /// <summary>
    /// Milliseconds since 1970-01-01 UTC: monotonic time corrected to the reference clock by slewing, so it never jumps back.
    /// </summary>
    long UnixMillis { get; }
}

/// <summary>A clock whose reference may itself be put right by a jump, as when a machine without a battery hears what time it is.</summary>
public interface IReferencedClock : IClock
{
    /// <summary>How far the reference is ahead of <see cref="IClock.UnixMillis"/>, in milliseconds; negative where it is behind.</summary>
    long ReferenceAheadMillis { get; }

    /// <summary>Jumps to the reference, back as well: only while nothing lives whose deadlines and durations were measured by this time.</summary>
    void Step();
}

/// <summary>Runs things later. A due timer fires on the scheduler's threads; the callee posts to its own mailbox.</summary>
public interface ITimers
{
    /// <summary>Calls <paramref name="callback"/> with <paramref name="state"/> once, <paramref name="delayMillis"/> (0 or more) from now.</summary>
    ITimerHandle Schedule(long delayMillis, Action<object?> callback, object? state);
}

/// <summary>A timer that was started.</summary>
public interface ITimerHandle
{
    /// <summary>Stops it. A callback that has begun is not undone, so receivers compare a generation number. Calling twice is harmless.</summary>
    void Cancel();
}

/// <summary>Randomness: cryptographic in a node, seeded in a simulation.</summary>
public interface IRandom
{
    /// <summary>Fills <paramref name="buffer"/> with random bytes.</summary>
    void Fill(Span<byte> buffer);
}

/// <summary>Where actors run.</summary>
public interface IScheduler
{
    /// <summary>Runs <paramref name="item"/> soon. An item that is posted again while it runs runs again; the poster serialises if it needs to.</summary>
    void Post(IWorkItem item);
}

/// <summary>Something a scheduler runs.</summary>
public interface IWorkItem
{
    /// <summary>Does the work; must not block and must not throw.</summary>
    void Run();
}

/// <summary>Draws derived from <see cref="IRandom"/>.</summary>
public static class RandomExtensions
{
    /// <summary>64 random bits.</summary>
    public static ulong NextUInt64(this IRandom random)
    {
        Span<byte> bytes = stackalloc byte[8];
        random.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>A number in 0..<paramref name="bound"/>-1; <paramref name="bound"/> is at least 1.</summary>
    public static int Next(this IRandom random, int bound) => (int)(random.NextUInt64() % (uint)bound);

    /// <summary><paramref name="byteCount"/> random bytes (1..64) in lower-case hexadecimal.</summary>
    public static string NextHex(this IRandom random, int byteCount)
    {
        Span<byte> bytes = stackalloc byte[64];
        bytes = bytes[..byteCount];
        random.Fill(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
