using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Testing;
using Xunit.Abstractions;

namespace Cti.Simulation.Races;

/// <summary>
/// In every state, during everything that may happen there, the node dies: at the first effect, at the second, and so on until there is none left. A run takes
/// one kind of effect for each thing, chosen by the thing; CTI_SIM_RACES=all takes all of them.
/// </summary>
public sealed class CrashTableTests(ITestOutputHelper output)
{
    private const int EffectsMax = 100;
    private static readonly CrashMoment[] Moments =
    [
        CrashMoment.AfterAppend, CrashMoment.BeforeAppend, CrashMoment.AfterSend, CrashMoment.AtMedia, CrashMoment.BeforeSend,
    ];

    /// <summary>States, for the runner: one test each.</summary>
    public static TheoryData<string> Scenes => RaceTableTests.Scenes;

    [Theory]
    [MemberData(nameof(Scenes))]
    public void A_node_that_dies_in_the_middle_of_anything_goes_on(string name)
    {
        var scene = RaceScenes.All.Single(scene => scene.Name == name);
        var takesAll = Environment.GetEnvironmentVariable("CTI_SIM_RACES") == "all";
        var failed = new List<string>();
        var runs = 0;
        for (var index = 0; index < scene.Actions.Count; index++)
        {
            var action = scene.Actions[index];
            foreach (var moment in takesAll ? Moments : [Moments[(index + name.Length) % Moments.Length]])
            {
                for (var count = 1; count <= EffectsMax; count++)
                {
                    runs++;
                    var (result, hasDied) = Run(scene, action, new CrashPoint(moment, count, 700), (ulong)index);
                    if (result.Failures.Count > 0) failed.Add($"{name}: {action.Name} - {moment} {count}\n{result.Describe()}");
                    if (!hasDied) break;
                }
            }
        }
        output.WriteLine($"{name}: {runs} runs of {scene.Actions.Count} things; {failed.Count} failed");
        foreach (var failure in failed.Take(20)) output.WriteLine(failure);
        failed.ShouldBeEmpty();
    }

    private static (SimulationResult Result, bool HasDied) Run(RaceScene scene, RaceAction action, CrashPoint crash, ulong seed)
    {
        var hasDied = false;
        var result = NodeSimulation.Run(Plan(seed), script: simulation =>
        {
            var stage = new RaceStage(simulation);
            scene.Reach(stage);
            var world = stage.World;
            world.Trace.Add($"now {action.Name} - {crash.Moment} {crash.Count}");
            var now = world.Runtime.ElapsedMillis;
            if (action.At?.Invoke(stage) is { } at && at > now && at <= now + 40_000 && !stage.Advance(at - now - 1)) return;
            world.PlanCrash(crash);
            action.Do(stage);
            stage.Advance(400);
            hasDied = world.HasCrashed;
            world.PlanCrash(null);
            if (!stage.Advance(3_000)) return;
            stage.Clear();
            stage.Advance(2_000);
            stage.Clear();
        });
        return (result, hasDied);
    }

    /// <summary>A quick and patient world in which nothing but the node fails.</summary>
    internal static SimulationPlan Plan(ulong seed) => new()
    {
        Seed = seed + 1, Instances = 2, SpreadMillis = 1_000, IsScripted = true, ShufflesTimers = true, Phones = RaceTableTests.Silent, DisconnectPercent = 0,
        RepeatPercent = 0,
        Network = new NetworkConditions(0, 0, 2, 2), TrunkCalls = 20,
        Calls = new CallSettings { SetupTimeoutMillis = 20_000, OfferTimeoutMillis = 6_000, IdleReleaseMillis = 30_000 },
    };
}
