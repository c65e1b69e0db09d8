using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Extensions;

public sealed class NotifyFlowTests
{
    private const long Begin = Some.Start / 1000;

    private static string Over(string error, string answer, string by, int end = 0, int sequence = 1) =>
        $$"""! {{sequence}} ext.notify_call.on_released {"res_id":"{{SomeFlow.NotifyId}}","error":{{error}},"begin_time":{{Begin}},"answer_time":{{answer}}"""
            + $$""","end_time":{{Begin + end}},"dropped_by":"{{by}}","user_data":"mine"}""";

    private static string Error(int code, string message) => $$"""{"code":{{code}},"message":"{{message}}"}""";

    private static FlowDriver Playing()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Made(1);
        flow.After(3000).Answered(1);
        flow.Accepted(FlowAsk.Action);
        return flow;
    }

    [Fact]
    public void The_message_is_played_and_the_call_hung_up()
    {
        var flow = new FlowDriver();
        flow.Trace(SomeFlow.BeginOf(SomeFlow.Notify))
            .ShouldBe(["> call 1", $$"""> reply {"res_id":"{{SomeFlow.NotifyId}}","user_data":"mine","ipsc_info":{{SomeFlow.Process}}}"""]);
        flow.Made(1).ShouldBeEmpty();
        flow.State!.Phase.ShouldBe(FlowPhase.Initiated);
        flow.After(3000).Answered(1).ShouldBe(["> 1 play a.wav|b.wav x1"]);
        flow.State.Phase.ShouldBe(FlowPhase.Answered);
        flow.Accepted(FlowAsk.Action).ShouldBeEmpty();
        flow.After(9000).Completed(1, "on_play_completed").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over("null", $"{Begin + 3}", "sys", 12)]);
        flow.State.Phase.ShouldBe(FlowPhase.Released);
        flow.Refused(FlowAsk.Drop, RpcError.NoSuchResource(FlowDriver.Call1)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(486, "usr")]
    [InlineData(603, "usr")]
    [InlineData(408, "sys")]
    public void A_failed_dialling_has_its_status_and_says_who_ended_it(int status, string by)
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Made(1);
        flow.NotAnswered(1, status).ShouldBeEmpty();
        flow.Released(1, by).ShouldBe([Over(Error(status, "why"), "null", by)]);
    }

    [Theory]
    [InlineData(503, 503)]
    [InlineData(-32603, 500)]
    [InlineData(429, 503)]
    public void A_call_that_is_not_constructed_ends_it(int refusal, int error) =>
        SomeFlow.Begin(SomeFlow.Notify).Refused(FlowAsk.Construct, new RpcError(refusal, "why")).ShouldBe([Over(Error(error, "why"), "null", "sys")]);

    [Fact]
    public void The_far_end_hanging_up_is_no_error_once_the_message_began()
    {
        var flow = Playing();
        flow.Completed(1, "on_play_completed", 410).ShouldBeEmpty();
        flow.Released(1, "usr").ShouldBe([Over("null", $"{Begin + 3}", "usr", 3)]);
    }

    [Fact]
    public void The_far_end_hanging_up_before_the_message_began_is_one()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Made(1);
        flow.Answered(1);
        flow.Refused(FlowAsk.Action, RpcError.NoSuchResource(FlowDriver.Call1)).ShouldBeEmpty();
        flow.Released(1, "usr").ShouldBe([Over(Error(410, "the call was hung up"), $"{Begin}", "usr")]);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(415)]
    [InlineData(500)]
    public void A_message_that_cannot_be_played_ends_it_with_that_error(int code)
    {
        var flow = Playing();
        flow.Completed(1, "on_play_completed", code).ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over(Error(code, "why"), $"{Begin + 3}", "sys", 3)]);
    }

    [Fact]
    public void Its_end_of_the_message_and_their_hang_up_at_the_same_moment_are_usr_and_no_error()
    {
        var flow = Playing();
        flow.Completed(1, "on_play_completed").ShouldBe(["> 1 drop 200"]);
        flow.Refused(FlowAsk.Drop, RpcError.NoSuchResource(FlowDriver.Call1)).ShouldBeEmpty();
        flow.Released(1, "usr").ShouldBe([Over("null", $"{Begin + 3}", "usr", 3)]);
    }

    [Fact]
    public void A_drop_before_the_call_exists_hangs_it_up_as_soon_as_it_does()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Trace(new DropFlow("ext.notify_call.drop")).ShouldBe(["> reply null"]);
        flow.Trace(new DropFlow("ext.notify_call.drop")).ShouldBe(["> reply null"], "a second one changes nothing");
        flow.Made(1).ShouldBe(["> 1 drop 487"]);
        flow.NotAnswered(1, 487).ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over(Error(487, "dropped"), "null", "sys")]);
        flow.Trace(new DropFlow("ext.notify_call.drop")).ShouldBe(["refused 404"]);
    }

    [Fact]
    public void A_drop_that_crosses_the_answer_plays_nothing()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Made(1);
        flow.Trace(new DropFlow("ext.notify_call.drop")).ShouldBe(["> reply null", "> 1 drop 603"]);
        flow.Answered(1).ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over(Error(487, "dropped"), $"{Begin}", "sys")]);
    }

    [Fact]
    public void A_drop_while_the_message_plays_is_no_error()
    {
        var flow = Playing();
        flow.Trace(new DropFlow("ext.notify_call.drop")).ShouldBe(["> reply null", "> 1 drop 603"]);
        flow.Completed(1, "on_play_completed", 410).ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over("null", $"{Begin + 3}", "sys", 3)]);
    }

    [Fact]
    public void Under_a_new_owner_it_goes_on_where_it_was()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        FlowDecider.Resume(flow.State!, Some.Start).ShouldBe(new WasRecovered(Some.Start));
        flow.Trace(new WasRecovered(Some.Start)).ShouldBe(["> call 1"], "nobody was called yet");
        flow.Made(1);
        flow.Trace(new WasRecovered(Some.Start)).ShouldBeEmpty("its call tells how it ended");
        flow.Answered(1);
        flow.Trace(new WasRecovered(Some.Start)).ShouldBe(["> 1 play a.wav|b.wav x1"]);
        flow.Accepted(FlowAsk.Action);
        flow.Trace(new WasRecovered(Some.Start)).ShouldBeEmpty("the call goes on playing by itself");
        flow.Completed(1, "on_play_completed");
        flow.Trace(new WasRecovered(Some.Start)).ShouldBe(["> 1 drop 200"]);
    }

    [Fact]
    public void What_a_call_tells_again_is_confirmed_and_changes_nothing()
    {
        var flow = Playing();
        var told = new OwnedHappened(FlowDriver.Call1, "sys.call.on_play_completed", """{"error":null,"begin_time":1,"end_time":2}"""u8.ToArray())
        {
            Number = 3,
        };
        flow.Trace(told).ShouldBe([$"> confirm {FlowDriver.Call1} 3", "> 1 drop 200"]);
        flow.Trace(told).ShouldBe([$"> confirm {FlowDriver.Call1} 3"]);
        flow.Trace(told with { Resource = "0.0.7-sys.call-999" }).ShouldBe(["> confirm 0.0.7-sys.call-999 3"]);
    }

    [Fact]
    public void After_the_loss_of_its_node_it_is_over_at_once()
    {
        var flow = Playing();
        flow.Trace(new NodeLost()).ShouldBe([Over(Error(503, "interrupted by the loss of a node"), $"{Begin + 3}", "sys", 3)]);
        FlowDecider.Resume(flow.State!, Some.Start).ShouldBeNull();
    }

    [Fact]
    public void A_node_that_stops_releases_it_when_its_call_is()
    {
        var flow = Playing();
        flow.Trace(new NodeStops()).ShouldBe(["> 1 drop 503"]);
        flow.Released(1, "sys").ShouldBe([Over(Error(503, "the node stops"), $"{Begin + 3}", "sys", 3)]);
    }

    [Fact]
    public void A_call_whose_actor_failed_for_good_or_that_cannot_be_dropped_does_not_hold_it()
    {
        Playing().Trace(new OwnedGone(FlowDriver.Call1)).ShouldBe([Over(Error(500, "a fault of the server ended the call"), $"{Begin + 3}", "sys", 3)]);
        var flow = Playing();
        flow.Completed(1, "on_play_completed");
        flow.Refused(FlowAsk.Drop, new RpcError(ErrorCodes.Internal, "a fault"))
            .ShouldBe([Over("null", $"{Begin + 3}", "sys", 3), $"> abandon {FlowDriver.Call1}"]);
    }

    [Fact]
    public void A_call_that_exists_too_late_is_abandoned()
    {
        var flow = SomeFlow.Begin(SomeFlow.Notify);
        flow.Trace(new NodeLost());
        flow.Made(1).ShouldBe([$"> abandon {FlowDriver.Call1}"]);
    }

    [Fact]
    public void Get_tells_what_construct_was_given()
    {
        var flow = Playing();
        System.Text.Encoding.UTF8.GetString(flow.State!.Describe(ApiGeneration.V2).Span).ShouldBe(
            $$"""{"res_id":"{{SomeFlow.NotifyId}}","state":"Answered","begin_time":{{Begin}},"from_uri":"1001","to_uri":"sip:1@b.example","play_content":["""
                + $$"""["a.wav",0,""],["b.wav",0,""]],"play_repeat":1,"max_ring_seconds":50,"user_data":"mine","ipsc_info":{{SomeFlow.Process}}}""");
    }
}
