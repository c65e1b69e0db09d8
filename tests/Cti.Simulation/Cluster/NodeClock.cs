using Cti.Kernel;
using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>The clocks of one machine: its wall clock is wrong and is set now and then, and both run a little too fast or too slow.</summary>
internal sealed class NodeClock(ManualRuntime runtime, ClockError error, IReadOnlyList<ClockJump> jumps) : IClock
{
    public long MonotonicNanos => runtime.MonotonicNanos + (runtime.MonotonicNanos / 1_000_000 * error.DriftPpm);

    public long UnixMillis => runtime.UnixMillis + error.SkewMillis + (runtime.ElapsedMillis * error.DriftPpm / 1_000_000) + Jumped();

    private long Jumped()
    {
        var by = 0L;
        foreach (var jump in jumps)
        {
            if (runtime.ElapsedMillis >= jump.AtMillis) by += jump.ByMillis;
        }
        return by;
    }
}
