using Cti.Persistence;
using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>
/// What goes wrong between one node and the store. What has left for the store arrives there whatever becomes of the node: an append of a dead or a standing
/// process may still land. Its answer is heard when the process runs, or never.
/// </summary>
internal sealed class ClusterStoreFaults(ClusterWorld world, NodeProcess process, SeededRandom random) : IStoreFaults
{
    public ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation)
    {
        if (process.IsAlive && operation == StoreOperation.Append) world.Reach(process, CrashMoment.BeforeAppend);
        if (!process.IsAlive) return new(NodeProcess.Never);
        // Most operations meet no fault: they wait for nothing.
        var delay = Delay();
        if (delay > 0) return BeforeSlowAsync(operation, delay);
        return IsCut() || IsFailing() ? ValueTask.FromException(Unreachable(operation, "before")) : ValueTask.CompletedTask;
    }

    private async ValueTask BeforeSlowAsync(StoreOperation operation, int delay)
    {
        await PassAsync(delay);
        if (IsCut() || IsFailing()) throw Unreachable(operation, "before");
    }

    public ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation)
    {
        if (process.IsAlive && operation == StoreOperation.Append) world.Reach(process, CrashMoment.AfterAppend);
        var delay = Delay();
        if (delay > 0 || process.IsPaused || !process.IsAlive) return AfterSlowAsync(operation, delay);
        return IsCut() || IsFailing() ? ValueTask.FromException(Unreachable(operation, "after")) : ValueTask.CompletedTask;
    }

    private async ValueTask AfterSlowAsync(StoreOperation operation, int delay)
    {
        if (delay > 0) await PassAsync(delay);
        if (process.IsPaused) await HearAsync();
        if (!process.IsAlive) await NodeProcess.Never;
        if (IsCut() || IsFailing()) throw Unreachable(operation, "after");
    }

    private static StoreUnavailableException Unreachable(StoreOperation operation, string when) => new($"{operation} fails {when} it took effect");

    private int Delay() => world.IsHealed || !random.Chance(world.Plan.StoreSlowPercent) ? 0 : random.Between(1, world.Plan.StoreDelayMillisMax);

    private Task PassAsync(int millis)
    {
        var elapsed = new TaskCompletionSource();
        world.Runtime.After(millis, elapsed.SetResult);
        return elapsed.Task;
    }

    private Task HearAsync()
    {
        var heard = new TaskCompletionSource();
        process.Hear(heard.SetResult);
        return heard.Task;
    }

    private bool IsCut()
    {
        if (world.IsHealed) return false;
        var now = world.Runtime.ElapsedMillis;
        foreach (var outage in world.Plan.Outages)
        {
            if (now >= outage.FromMillis && now < outage.ToMillis) return true;
        }
        foreach (var cut in world.Cluster.StoreCuts)
        {
            if (cut.Node == process.Node && now >= cut.FromMillis && now < cut.ToMillis) return true;
        }
        return false;
    }

    // Two hooks an operation: each fails half as often.
    private bool IsFailing() => !world.IsHealed && world.Plan.StoreFailPercent > 0 && random.Next(200) < world.Plan.StoreFailPercent;
}
