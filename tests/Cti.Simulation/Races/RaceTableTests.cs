using Cti.Calls.Call;
using Cti.Calls.Conference;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Testing;
using Cti.Testing.Peers;
using Xunit.Abstractions;

namespace Cti.Simulation.Races;

/// <summary>How the two things of a race are put together.</summary>
/// <param name="Name">What a failure shows.</param>
/// <param name="GapMillis">The second comes that long after the first; 0: in one instant, in an order that the seed draws.</param>
/// <param name="DelayMillis">How long a message is on its way between node and telephones.</param>
/// <param name="JournalMillisMax">How long the journal takes at most.</param>
/// <param name="CrashesBetween">Whether the node dies between the two.</param>
internal sealed record RaceVariant(string Name, int GapMillis, int DelayMillis, int JournalMillisMax, bool CrashesBetween = false);

/// <summary>
/// The table of everything that may race: in every state, every ordered pair of what may happen there, put together in several ways, checked by the rules that
/// every world is checked by. A run takes one way for each pair, chosen by the pair; CTI_SIM_RACES=all takes all of them.
/// </summary>
public sealed class RaceTableTests(ITestOutputHelper output)
{
    private static readonly RaceVariant[] Variants =
    [
        new("at once", 0, 1, 0),
        new("at once, slow journal", 0, 5, 40),
        new("at once, far away", 0, 120, 2),
        new("1 ms apart", 1, 1, 0),
        new("one message apart", 20, 20, 0),
        new("while the first is being stored", 8, 3, 40),
        new("after the first", 400, 10, 10),
        new("a crash between", 15, 10, 10, CrashesBetween: true),
        new("a crash between, slow journal", 6, 5, 60, CrashesBetween: true),
    ];

    /// <summary>States, for the runner: one test each.</summary>
    public static TheoryData<string> Scenes => [.. RaceScenes.All.Select(static scene => scene.Name)];

    [Theory]
    [MemberData(nameof(Scenes))]
    public void Whatever_races_keeps_the_rules(string name)
    {
        var scene = RaceScenes.All.Single(scene => scene.Name == name);
        var takesAll = Environment.GetEnvironmentVariable("CTI_SIM_RACES") == "all";
        var failed = new List<string>();
        var runs = 0;
        for (var first = 0; first < scene.Actions.Count; first++)
        {
            for (var second = 0; second < scene.Actions.Count; second++)
            {
                var chosen = takesAll ? Variants : [Variants[(first + (3 * second) + name.Length) % Variants.Length]];
                foreach (var variant in chosen)
                {
                    runs++;
                    var result = Run(scene, scene.Actions[first], scene.Actions[second], variant, (ulong)((first * 100) + second));
                    if (result.Failures.Count > 0)
                        failed.Add($"{name}: {scene.Actions[first].Name} - {scene.Actions[second].Name} - {variant.Name}\n{result.Describe()}");
                }
            }
        }
        output.WriteLine($"{name}: {runs} races of {scene.Actions.Count} things; {failed.Count} failed");
        foreach (var failure in failed.Take(20)) output.WriteLine(failure);
        failed.ShouldBeEmpty();
    }

    [Fact]
    public void No_method_and_no_state_is_forgotten()
    {
        var raced = RaceScenes.All.SelectMany(static scene => scene.Actions).Select(static action => action.Name).ToList();
        var methods = Catalogue.Methods.Where(static method => method.Changes && method.Name[..4] is "sys." or "ext.")
            .Where(static method => !method.Name.StartsWith("sys.event", StringComparison.Ordinal)).Select(static method => method.Name);
        methods.Where(method => !RaceActions.Constructs.Contains(method)
            && !raced.Any(name => name.EndsWith(method, StringComparison.Ordinal) || name.Contains(method + " ", StringComparison.Ordinal)))
            .ShouldBeEmpty();
        RaceActions.Constructs.ShouldBe(Catalogue.Methods.Where(static method => method.Name.EndsWith(".construct", StringComparison.Ordinal))
            .Select(static method => method.Name), ignoreOrder: true);
        var states = RaceScenes.All.SelectMany(static scene => scene.States).ToHashSet(StringComparer.Ordinal);
        Enum.GetNames<CallPhase>().Where(state => state != nameof(CallPhase.Released) && !states.Contains($"sys.call {state}")).ShouldBeEmpty();
        foreach (var state in Enum.GetNames<ConferencePhase>().Where(static state => state != nameof(ConferencePhase.Released)))
            states.ShouldContain($"sys.conf {state}");
        foreach (var state in Enum.GetNames<FlowPhase>().Where(static state => state != nameof(FlowPhase.Released)))
            states.ShouldContain($"ext.duo_callback {state}");
    }

    private static SimulationResult Run(RaceScene scene, RaceAction first, RaceAction second, RaceVariant variant, ulong seed) =>
        NodeSimulation.Run(Plan(variant, seed), script: simulation =>
    {
        var stage = new RaceStage(simulation);
        scene.Reach(stage);
        var world = stage.World;
        world.Trace.Add($"now {first.Name} - {second.Name} - {variant.Name}");
        var now = world.Runtime.ElapsedMillis;
        // What happens by itself is waited for; the other one comes as much before or after it as the variant says.
        var at = first.At?.Invoke(stage) ?? second.At?.Invoke(stage) - variant.GapMillis ?? now + 1;
        if (at <= now || at > now + 40_000) at = now + 1;
        if (variant.GapMillis == 0)
        {
            world.Runtime.After(at - now, () => Begin(stage, first));
            world.Runtime.After(at - now, () => Begin(stage, second));
        }
        else
        {
            world.Runtime.After(at - now, () => Begin(stage, first));
            world.Runtime.After(at - now + variant.GapMillis, () => Begin(stage, second));
            if (variant.CrashesBetween) world.Runtime.After(at - now + (variant.GapMillis / 2), () => world.CrashNow(700));
        }
        if (!stage.Advance(at - now + 3_000)) return;
        stage.Clear();
        stage.Advance(2_000);
        stage.Clear();
    });

    private static void Begin(RaceStage stage, RaceAction action)
    {
        stage.World.Trace.Add($"race: {action.Name}");
        action.Do(stage);
    }

    private static SimulationPlan Plan(RaceVariant variant, ulong seed) => new()
    {
        Seed = seed + 1, Instances = 2, SpreadMillis = 1_000, IsScripted = true, ShufflesTimers = true, Phones = Silent, DisconnectPercent = 0,
        RepeatPercent = 10,
        Network = new NetworkConditions(0, 0, variant.DelayMillis, variant.DelayMillis), TrunkCalls = 20,
        StoreSlowPercent = variant.JournalMillisMax > 0 ? 100 : 0, StoreDelayMillisMax = variant.JournalMillisMax,
        Calls = new CallSettings { SetupTimeoutMillis = 20_000, OfferTimeoutMillis = 6_000, IdleReleaseMillis = 30_000 },
    };

    /// <summary>Telephones that do nothing by themselves.</summary>
    internal static readonly PhoneHabits Silent = PhoneHabits.Polite with { Rings = 0, NeverAnswers = 100, HangsUp = 0, Fidgets = 0 };
}
