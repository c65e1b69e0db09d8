using Cti.Calls.Call;
using Cti.Testing;
using Cti.Testing.Peers;

namespace Cti.Simulation.Races;

/// <summary>What random worlds found once, as a script each.</summary>
public sealed class FormerDefectTests
{
    [Fact]
    public void A_repeat_of_an_accepted_request_is_answered_when_the_second_resource_is_gone() => Run(stage =>
    {
        stage.OutboundUp("a");
        stage.OutboundUp("b");
        var connect = stage.Send("sys.call.connect_start", $$"""{"res_id":"{{stage["a"]}}","max_seconds":60,"call_res_id":"{{stage["b"]}}"}""");
        stage.UntilPhase("b", CallPhase.Connect);
        stage.Until(() => connect.Result is not null, "it is accepted");
        stage.Far("b")!.HangUp();
        stage.Until(() => stage.Call("b").IsGone, "the second party is gone");
        stage.World.Application.Ask(connect);
        stage.Until(() => connect.Replies == 2, "its repeat is answered");
        connect.RefusedWith.ShouldBeNull();
    });

    private static void Run(Action<RaceStage> script)
    {
        var plan = new SimulationPlan { Seed = 1, IsScripted = true, Phones = RaceTableTests.Silent, RepeatPercent = 0, Network = NetworkConditions.Good };
        var result = NodeSimulation.Run(plan, script: simulation =>
        {
            var stage = new RaceStage(simulation);
            script(stage);
            stage.Clear();
            stage.Advance(2_000);
        });
        result.Failures.ShouldBeEmpty(result.Describe());
    }
}
