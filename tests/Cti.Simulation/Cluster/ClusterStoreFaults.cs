using Cti.Storage;
using Cti.Testing;

namespace Cti.Simulation.Cluster;

/// <summary>
/// What goes wrong between one node and the store. What has left for the store arrives there whatever becomes of the node: an append of a dead or a standing
/// process may still land. Its answer is heard when the process runs, or never.
/// </summary>
internal sealed class ClusterStoreFaults(ClusterWorld world, NodeProcess process, SeededRandom random) : IStoreFaults
{
    public async ValueTask BeforeAsync(StoreOperation operation, CancellationToken cancellation)
    {
        if (process.IsAlive && operation == StoreOperation.Append) world.Reach(process, CrashMoment.BeforeAppend);
        if (!process.IsAlive) await NodeProcess.Never;
        await SlowAsync();
        if (IsCut() || IsFailing()) throw Unreachable(operation, "before");
    }

    public async ValueTask AfterAsync(StoreOperation operation, CancellationToken cancellation)
    {
        if (process.IsAlive && operation == StoreOperation.Append) world.Reach(process, CrashMoment.AfterAppend);
        await SlowAsync();
        if (process.IsPaused) await HearAsync();
        if (!process.IsAlive) await NodeProcess.Never;
        if (IsCut() || IsFailing()) throw Unreachable(operation, "after");
    }

    private static StoreUnavailableException Unreachable(StoreOperation operation, string when) => new($"{operation} fails {when} it took effect");

    private async ValueTask SlowAsync()
    {
        if (world.IsHealed || !random.Chance(world.Plan.StoreSlowPercent)) return;
        var elapsed = new TaskCompletionSource();
        world.Runtime.After(random.Between(1, world.Plan.StoreDelayMillisMax), elapsed.SetResult);
        await elapsed.Task;
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
        return world.Plan.Outages.Any(outage => now >= outage.FromMillis && now < outage.ToMillis)
            || world.Cluster.StoreCuts.Any(cut => cut.Node == process.Node && now >= cut.FromMillis && now < cut.ToMillis);
    }

    // Two hooks an operation: each fails half as often.
    private bool IsFailing() => !world.IsHealed && world.Plan.StoreFailPercent > 0 && random.Next(200) < world.Plan.StoreFailPercent;
}
