using System.Collections.Concurrent;
using System.Globalization;
using Xunit.Abstractions;

namespace Cti.Simulation.Cluster;

public sealed class ClusterSimulationTests(ITestOutputHelper output)
{
    private const ulong SeedsByDefault = 100;

    [Fact]
    public void A_cluster_keeps_its_promises_whatever_happens()
    {
        var (first, count) = SeedsOf.Cluster(SeedsByDefault);
        if (count == 0) return;
        var results = new ConcurrentDictionary<ulong, SimulationResult>();
        int calls = 0, actions = 0, crashed = 0, failed = 0;
        Parallel.For((long)first, (long)(first + count), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            var result = ClusterSimulation.Run((ulong)seed);
            Interlocked.Add(ref calls, result.Calls);
            Interlocked.Add(ref actions, result.Actions);
            if (result.HasCrashed) Interlocked.Increment(ref crashed);
            if (Environment.GetEnvironmentVariable("CTI_SIM_TRACE") == "1" || result.Failures.Count > 0) results[(ulong)seed] = result;
            if (result.Failures.Count > 0 && Interlocked.Increment(ref failed) >= SeedsOf.FailuresMax) loop.Stop();
        });
        foreach (var (_, result) in results.OrderBy(static result => result.Key)) output.WriteLine(result.Describe());
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seeds {first}..{first + count - 1}: {calls} calls, {actions} actions, {crashed} worlds "
            + $"with a fault of a process, {failed} seeds failed"));
        results.Values.Where(static result => result.Failures.Count > 0).Select(static result => $"seed {result.Plan.Seed}: {result.Failures[0]}")
            .ShouldBeEmpty();
    }

    [Fact]
    public void The_same_seed_gives_the_same_cluster()
    {
        if (SeedsOf.IsAsked) return;
        for (var seed = 1ul; seed <= 4; seed++) ClusterSimulation.Run(seed).Hash.ShouldBe(ClusterSimulation.Run(seed).Hash, $"seed {seed}");
    }
}
