using Xunit.Abstractions;

namespace Cti.Acceptance.Cluster;

/// <summary>
/// Nodes that die, stop, are cut off and are drained while calls in every state are up. CTI_KILLTEST=whole (./build.sh killtest) runs it with 300 calls and
/// every fault; otherwise a short form. With CTI_PROGRAM and CTI_PROGRAM_NEXT (--from and --next) the rolling restart is an upgrade from one published program
/// to another.
/// </summary>
public sealed class FaultTests(ITestOutputHelper output)
{
    private static bool IsWhole => Environment.GetEnvironmentVariable("CTI_KILLTEST") is { Length: > 0 };

    /// <summary>What is run: a name, the topology, the calls, the faults in order.</summary>
    public static TheoryData<string> Runs()
    {
        var only = Environment.GetEnvironmentVariable("CTI_KILLTEST_ONLY");
        return [.. Plans.Keys.Where(name => only is null or "" || name.Contains(only, StringComparison.Ordinal))];
    }

    private static Dictionary<string, (Topology Topology, bool WithNetwork, FaultPlan Plan)> Plans { get; } = IsWhole
        ? new()
        {
            ["kill, topology A"] = (Topology.Proxy, false, new FaultPlan(Calls(300), Kills)),
            ["kill, topology B"] = (Topology.Direct, false, new FaultPlan(Calls(300), Kills)),
            ["pause"] = (Topology.Direct, false, new FaultPlan(Calls(300), [Fault.Pause, Fault.Pause])),
            ["partitions and loss"] =
                (Topology.Direct, true, new FaultPlan(Calls(300), Rounds(Fault.CutPeers, Fault.CutDatabase, Fault.Lose, Fault.LoseAndKill))),
            ["database restart"] = (Topology.Direct, false, new FaultPlan(Calls(300), [Fault.RestartDatabase, Fault.RestartDatabase])),
            ["rolling restart on a machine that stalls"] = (Topology.Direct, false, new FaultPlan(Calls(300), [Fault.RollingStalled])),
            ["busy machine"] = (Topology.Direct, false, new FaultPlan(Calls(100), [Fault.Busy])),
            ["drain and rolling restart, topology A"] = (Topology.Proxy, false, new FaultPlan(Calls(300), [Fault.Drain, Fault.Rolling])),
            ["drain and rolling restart, topology B"] = (Topology.Direct, false, new FaultPlan(Calls(300), [Fault.Drain, Fault.Rolling])),
        }
        : new()
        {
            ["short, topology A"] = (Topology.Proxy, false, new FaultPlan(Calls(40), Rounds(Fault.Kill, Fault.Drain, Fault.Kill))),
            ["short, topology B"] = (Topology.Direct, false, new FaultPlan(Calls(40), Rounds(Fault.Kill, Fault.Pause, Fault.KillCoordinator))),
        };

    /// <summary>Ten, every third one of the node that hosts the shard coordinator.</summary>
    private static Fault[] Kills => Rounds([.. Enumerable.Range(1, 10).Select(static round => round % 3 == 0 ? Fault.KillCoordinator : Fault.Kill)]);

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task Calls_in_every_state_outlive(string run)
    {
        var (topology, withNetwork, plan) = Plans[run];
        Tell(run);
        // Half of the phones protect their sound, but not in an upgrade: the first program may not know how.
        await using var cluster = await ClusterUnderTest.StartAsync(new ClusterPlan
        {
            Topology = topology, WithNetworkFaults = withNetwork, Protects = ClusterUnderTest.NextProgram is null,
        });
        Tell($"{cluster.Nodes.Count} nodes are ready");
        await using var app = await ClusterApp.StartAsync(cluster);
        var faults = new FaultRun(cluster, app, plan, Tell);
        await faults.RunAsync();
        var text = $"{run}\n{faults.Text()}";
        Tell(text);
        faults.Problems.ShouldBeEmpty(text);
        foreach (var round in faults.Rounds.Where(static r => r.Fault == Fault.Drain && r.MovedGaps.Length > 0))
            RoundReport.Percentile(round.MovedGaps, 0.99).ShouldBeLessThan(UnheardMillis(round), $"a drain is not heard\n{text}");
    }

    /// <summary>
    /// What a drain may be heard, over what the machine does to calls that stay where they are: the short form runs beside other tests, on programs that
    /// compile as they go.
    /// </summary>
    private static double UnheardMillis(RoundReport round) =>
        (IsWhole ? 100 : 2_000) + Math.Max(50, Math.Max(2 * round.Lateness, RoundReport.Percentile(round.OtherGaps, 0.99)));

    /// <summary>CTI_KILLTEST_FAULTS: other faults, apart by commas.</summary>
    private static Fault[] Rounds(params Fault[] rounds) =>
        Environment.GetEnvironmentVariable("CTI_KILLTEST_FAULTS") is { Length: > 0 } named ? [.. named.Split(',').Select(Enum.Parse<Fault>)] : rounds;

    private static int Calls(int calls) => int.TryParse(Environment.GetEnvironmentVariable("CTI_KILLTEST_CALLS"), out var wanted) ? wanted : calls;

    private void Tell(string line)
    {
        output.WriteLine(line);
        // The whole run takes minutes: it is told while it goes.
        if (IsWhole) Console.Error.WriteLine(line);
        if (Environment.GetEnvironmentVariable("CTI_KILLTEST_LOG") is { Length: > 0 } file) File.AppendAllText(file, $"{DateTime.UtcNow:HH:mm:ss.f} {line}\n");
    }
}
