using System.Diagnostics;
using Cti.Kernel;

namespace Cti.Transport.Runtime;

/// <summary>
/// The machine's clocks: monotonic time, and Unix time that follows a reference by slewing at most 1 %, so it never goes back but by <see cref="Step"/>.
/// The reference is the machine's wall clock, until <see cref="Follow"/> names a better one (the cluster's database).
/// </summary>
public sealed class SystemClock : IReferencedClock
{
    private const long NanosPerMilli = 1_000_000;
    private const long WallLookEveryNanos = 1_000_000_000;
    // An error this small is left alone: it is the wall clock's own reading noise.
    private const long ErrorIgnoredNanos = 100_000;
    private const int SlewDivisor = 100;

    private readonly Func<long> _monotonicNanos;
    private readonly Func<long> _wallUnixNanos;
    private Segment _segment;

    /// <summary>Starts at the wall clock's present time.</summary>
    public SystemClock()
        : this(ReadMonotonic, ReadWall)
    {
    }

    internal SystemClock(Func<long> monotonicNanos, Func<long> wallUnixNanos)
    {
        _monotonicNanos = monotonicNanos;
        _wallUnixNanos = wallUnixNanos;
        _segment = new Segment(monotonicNanos(), wallUnixNanos(), 0, FollowsWall: true);
    }

    /// <inheritdoc/>
    public long MonotonicNanos => _monotonicNanos();

    /// <inheritdoc/>
    public long UnixMillis => UnixNanos / NanosPerMilli;

    /// <summary>Nanoseconds since 1970-01-01 UTC, slewed as <see cref="UnixMillis"/>.</summary>
    public long UnixNanos
    {
        get
        {
            var segment = Volatile.Read(ref _segment);
            var now = _monotonicNanos();
            if (segment.FollowsWall && now - segment.StartMonotonicNanos >= WallLookEveryNanos)
            {
                segment = Steer(segment, now, _wallUnixNanos(), followsWall: true);
                now = Math.Max(now, segment.StartMonotonicNanos);
            }

            return segment.At(now);
        }
    }

    /// <summary>
    /// From now on the reference is the caller's, not the wall clock: slews towards <paramref name="referenceUnixNanos"/>, which holds at this moment.
    /// </summary>
    public void Follow(long referenceUnixNanos) =>
        Steer(Volatile.Read(ref _segment), _monotonicNanos(), referenceUnixNanos, followsWall: false);

    /// <inheritdoc/>
    public long ReferenceAheadMillis
    {
        get
        {
            var segment = Volatile.Read(ref _segment);
            var now = _monotonicNanos();
            return (segment.FollowsWall ? _wallUnixNanos() - segment.At(now) : segment.LeftNanos(now)) / NanosPerMilli;
        }
    }

    /// <inheritdoc/>
    public void Step()
    {
        while (true)
        {
            var seen = Volatile.Read(ref _segment);
            var now = _monotonicNanos();
            var right = seen.FollowsWall ? _wallUnixNanos() : seen.At(now) + seen.LeftNanos(now);
            if (ReferenceEquals(Interlocked.CompareExchange(ref _segment, new Segment(now, right, 0, seen.FollowsWall), seen), seen)) return;
        }
    }

    // Whoever loses the race adopts the winner's segment: both looked at the same reference at the same time.
    private Segment Steer(Segment seen, long now, long referenceUnixNanos, bool followsWall)
    {
        var reached = seen.At(now);
        var error = referenceUnixNanos - reached;
        var next = new Segment(now, reached, Math.Abs(error) < ErrorIgnoredNanos ? 0 : error, followsWall);
        var before = Interlocked.CompareExchange(ref _segment, next, seen);
        return ReferenceEquals(before, seen) ? next : before;
    }

    private static long ReadMonotonic() =>
        Stopwatch.Frequency == 1_000_000_000
            ? Stopwatch.GetTimestamp()
            : (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000_000 / Stopwatch.Frequency);

    private static long ReadWall() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    /// <summary>A stretch of time in which Unix time is monotonic time, an offset and an error being absorbed at 1 %.</summary>
    private sealed record Segment(long StartMonotonicNanos, long StartUnixNanos, long ErrorNanos, bool FollowsWall)
    {
        public long At(long monotonicNanos) => StartUnixNanos + Elapsed(monotonicNanos) + Absorbed(monotonicNanos);

        /// <summary>What is still to be absorbed of the error.</summary>
        public long LeftNanos(long monotonicNanos) => ErrorNanos - Absorbed(monotonicNanos);

        private long Elapsed(long monotonicNanos) => Math.Max(0, monotonicNanos - StartMonotonicNanos);

        private long Absorbed(long monotonicNanos) => Math.Sign(ErrorNanos) * Math.Min(Math.Abs(ErrorNanos), Elapsed(monotonicNanos) / SlewDivisor);
    }
}
