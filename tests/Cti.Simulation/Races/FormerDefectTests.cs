using Cti.Contract;
using Cti.Testing;

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

    [Fact]
    public void What_is_asked_of_a_call_that_has_just_stopped_is_answered()
    {
        for (var gap = 0; gap < 40; gap++)
        {
            var later = gap;
            Run(stage =>
            {
                stage.OutboundUp("a");
                stage.InboundUp("b");
                stage.Name("x", stage.Accepted("sys.conf.construct", """{"max_seconds":40}"""));
                stage.Far("a")!.HangUp();
                stage.Advance(later);
                var asked = new[]
                {
                    stage.Send("sys.call.connect_start", $$"""{"res_id":"{{stage["b"]}}","max_seconds":60,"call_res_id":"{{stage["a"]}}"}"""),
                    stage.Send("sys.call.construct",
                        $$"""{"to_uri":"{{stage.NextUri()}}","parent_call_res_id":"{{stage["a"]}}","max_answer_seconds":60,"max_ring_seconds":5}"""),
                };
                stage.Until(() => asked.All(static request => request.Replies > 0), "all are answered");
            }, (ulong)gap, journalMillis: 20);
        }
    }

    [Theory]
    [InlineData("parent_call_res_id")]
    [InlineData("parent_conf_res_id")]
    public void A_child_that_was_answered_in_the_moment_of_a_crash_is_not_dialled_any_more(string parent)
    {
        Run(stage =>
        {
            stage.OutboundUp("a");
            stage.Name("x", stage.Accepted("sys.conf.construct", """{"max_seconds":40}"""));
            stage.DialAndReach("child", $$""","{{parent}}":"{{stage[parent == "parent_call_res_id" ? "a" : "x"]}}" """);
            stage.World.PlanCrash(new CrashPoint(CrashMoment.AfterAppend, 1, 700));
            stage.Far("child")!.Respond(200);
            stage.Until(() => stage.World.HasCrashed && stage.World.Node is { IsServing: true }, "the node is there again");
            stage.Advance(1_000);
            stage.Call("child").State.IsUp.ShouldBeTrue();
            if (parent == "parent_call_res_id") stage.Call("a").State.Phase.ShouldBe(CallPhase.Idle);
            else stage.World.Ledger.Find<ConferenceBook>(stage["x"])!.State.Children.ShouldBeEmpty();
        });
    }

    private static void Run(Action<RaceStage> script, ulong seed = 1, int journalMillis = 0)
    {
        var plan = new SimulationPlan
        {
            Seed = seed, StoreSlowPercent = journalMillis > 0 ? 100 : 0, StoreDelayMillisMax = journalMillis, ShufflesTimers = true,
            IsScripted = true, Phones = RaceTableTests.Silent, RepeatPercent = 0, Network = NetworkConditions.Good
        };
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
