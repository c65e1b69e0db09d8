using Cti.Kernel;

namespace Cti.Cluster.Membership;

/// <summary>
/// The cluster's time: this machine's monotonic clock with an offset that follows the database's clock. A correction is slewed by at most 1 %, so time neither
/// jumps nor goes back, and a deadline that moves to another node comes within a second of its moment. Before the first correction it is the machine's own
/// time. An error of more than a minute would take hours: it is put right by a step in the first moment in which nothing lives that was measured by this time.
/// </summary>
public sealed class ClusterClock(IClock machine) : IClock
{
    internal const long NanosPerMilli = 1_000_000;

    private const int SlewDivisor = 100;

    /// <summary>Above it time is put right by a step, in milliseconds: slewing it would take more than an hour and a half.</summary>
    internal const long StepMillisMin = 60_000;

    private Stretch? _stretch;

    /// <inheritdoc/>
    public long MonotonicNanos => machine.MonotonicNanos;

    /// <inheritdoc/>
    public long UnixMillis => Volatile.Read(ref _stretch)?.At(machine.MonotonicNanos) / NanosPerMilli ?? machine.UnixMillis;

    /// <summary>How much this time is ahead of the machine's own, in milliseconds; 0 before the first correction.</summary>
    public double OffsetMillis =>
        Volatile.Read(ref _stretch) is { } followed ? (followed.At(machine.MonotonicNanos) / (double)NanosPerMilli) - machine.UnixMillis : 0;

    /// <summary>The first correction, before anything was decided by this clock: a step.</summary>
    /// <param name="databaseMillis">The database's time.</param>
    /// <param name="atNanos">The monotonic time at which it was that.</param>
    internal void Set(long databaseMillis, long atNanos) => Volatile.Write(ref _stretch, new Stretch(atNanos, databaseMillis * NanosPerMilli, 0));

    /// <summary>How far the machine's time is from its own reference, in milliseconds; 0 where it has none.</summary>
    internal long MachineErrorMillis => (machine as IReferencedClock)?.ReferenceAheadMillis ?? 0;

    /// <summary>Puts the machine's time right by a step.</summary>
    internal void StepMachine() => (machine as IReferencedClock)?.Step();

    /// <summary>How far the database's time is ahead of this, in milliseconds.</summary>
    /// <inheritdoc cref="Set"/>
    internal long ErrorMillis(long databaseMillis, long atNanos) => databaseMillis + ((machine.MonotonicNanos - atNanos) / NanosPerMilli) - UnixMillis;

    /// <summary>A further correction: slewed from now on.</summary>
    /// <inheritdoc cref="Set"/>
    internal void Correct(long databaseMillis, long atNanos)
    {
        var now = machine.MonotonicNanos;
        var reached = Volatile.Read(ref _stretch)?.At(now) ?? machine.UnixMillis * NanosPerMilli;
        var right = (databaseMillis * NanosPerMilli) + (now - atNanos);
        var error = right - reached;
        // The database tells whole milliseconds: less than one is no error.
        Volatile.Write(ref _stretch, new Stretch(now, reached, Math.Abs(error) < 2 * NanosPerMilli ? 0 : error));
    }

    /// <summary>
    /// The first exact correction after a rough <see cref="Set"/>: a step where time is behind, slewed where it is ahead, because time never goes back.
    /// </summary>
    /// <inheritdoc cref="Set"/>
    internal void Settle(long databaseMillis, long atNanos)
    {
        var now = machine.MonotonicNanos;
        if ((databaseMillis * NanosPerMilli) + (now - atNanos) > Volatile.Read(ref _stretch)?.At(now)) Set(databaseMillis, atNanos);
        else Correct(databaseMillis, atNanos);
    }

    private sealed record Stretch(long FromNanos, long UnixNanos, long ErrorNanos)
    {
        public long At(long nanos)
        {
            var elapsed = Math.Max(0, nanos - FromNanos);
            return UnixNanos + elapsed + (Math.Sign(ErrorNanos) * Math.Min(Math.Abs(ErrorNanos), elapsed / SlewDivisor));
        }
    }
}
