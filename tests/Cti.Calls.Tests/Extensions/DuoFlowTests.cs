using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Extensions;

public sealed class DuoFlowTests
{
    private const long Begin = Some.Start / 1000;
    private const string Users = "\"user_data1\":\"one\",\"user_data2\":\"two\"";

    private static string Event(int sequence, string name, string members) =>
        $$"""! {{sequence}} ext.duo_callback.{{name}} {"res_id":"{{SomeFlow.DuoId}}",{{members}},{{Users}}}""";

    private static string Dialled(int sequence, int party, string error, int begin, string answer, int end) =>
        Event(sequence, $"on_dial{party}_completed", $"\"error\":{error},\"begin_time\":{Begin + begin},\"answer_time\":{answer},\"end_time\":{Begin + end}");

    private static string Over(int sequence, string error, string answer, string connect, int end) =>
        Event(sequence, "on_released",
            $"\"error\":{error},\"begin_time\":{Begin},\"answer_time\":{answer},\"connect_time\":{connect},\"end_time\":{Begin + end},\"user_data\":\"one\"");

    private static string Error(int code, string message) => $$"""{"code":{{code}},"message":"{{message}}"}""";

    /// <summary>The first party up since second 2, the second being called.</summary>
    private static FlowDriver Calling()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.After(2000).Answered(1);
        flow.Made(2);
        return flow;
    }

    /// <summary>Connected since second 5.</summary>
    private static FlowDriver Connected(FlowDriver? begun = null)
    {
        var flow = begun ?? Calling();
        flow.After(3000).Answered(2);
        flow.Accepted(FlowAsk.Connect);
        flow.State!.Phase.ShouldBe(FlowPhase.Connected);
        return flow;
    }

    [Fact]
    public void Both_are_called_and_connected_until_one_hangs_up()
    {
        var flow = new FlowDriver();
        flow.Trace(SomeFlow.BeginOf(SomeFlow.Duo with { RecordPath = "/r/a.wav" })).ShouldBe([
            "> call 1", $$"""> reply {"res_id":"{{SomeFlow.DuoId}}","record_file":"/r/a.wav",{{Users}},"ipsc_info":{{SomeFlow.Process}}}"""]);
        flow.Made(1).ShouldBeEmpty();
        flow.After(2000).Answered(1).ShouldBe([
            Dialled(1, 1, "null", 0, $"{Begin + 2}", 2), Event(2, "on_dial2_started", $"\"begin_time\":{Begin + 2}"), "> call 2"]);
        flow.State!.Phase.ShouldBe(FlowPhase.Answered);
        flow.Made(2).ShouldBeEmpty();
        flow.After(3000).Answered(2).ShouldBe([Dialled(3, 2, "null", 2, $"{Begin + 5}", 5), $"> 1 connect {FlowDriver.Call2} 600 /r/a.wav"]);
        flow.Accepted(FlowAsk.Connect).ShouldBeEmpty();
        flow.After(10_000).Completed(1, "on_connect_completed", 410).ShouldBeEmpty();
        flow.Released(1, "usr").ShouldBe(["> 2 drop 200"]);
        flow.Released(2, "sys").ShouldBe([Over(4, "null", $"{Begin + 2}", $"{Begin + 5}", 15)]);
    }

    [Fact]
    public void The_second_hanging_up_ends_it_whichever_of_its_two_signs_comes_first()
    {
        var flow = Connected();
        flow.Completed(1, "on_connect_completed").ShouldBe(["> 1 drop 200", "> 2 drop 200"]);
        flow.Released(2, "usr").ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over(4, "null", $"{Begin + 2}", $"{Begin + 5}", 5)]);
        flow = Connected();
        flow.Released(2, "usr").ShouldBe(["> 1 drop 200"]);
        flow.Completed(1, "on_connect_completed").ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over(4, "null", $"{Begin + 2}", $"{Begin + 5}", 5)]);
    }

    [Fact]
    public void A_first_party_that_does_not_answer_ends_it_and_the_second_is_never_called()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.After(1000).NotAnswered(1, 486).ShouldBe([Dialled(1, 1, Error(486, "why"), 0, "null", 1)]);
        flow.Released(1, "usr").ShouldBe([Over(2, Error(486, "why"), "null", "null", 1)]);
    }

    [Fact]
    public void A_second_party_that_does_not_answer_ends_it_and_the_first_is_hung_up()
    {
        var flow = Calling();
        flow.NotAnswered(2, 603).ShouldBe([Dialled(3, 2, Error(603, "why"), 2, "null", 2), "> 1 drop 487"]);
        flow.Released(1, "sys").ShouldBeEmpty();
        flow.Released(2, "usr").ShouldBe([Over(4, Error(603, "why"), $"{Begin + 2}", "null", 2)]);
    }

    [Theory]
    [InlineData(480, 480)]
    [InlineData(503, 503)]
    [InlineData(-32603, 500)]
    public void No_gateway_or_no_room_for_the_second_party_ends_it_with_that_error(int refusal, int error)
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.Answered(1);
        flow.Refused(FlowAsk.Construct, new RpcError(refusal, "why"), 2).ShouldBe([Dialled(3, 2, Error(error, "why"), 0, "null", 0), "> 1 drop 487"]);
        flow.Released(1, "sys").ShouldBe([Over(4, Error(error, "why"), $"{Begin}", "null", 0)]);
    }

    [Fact]
    public void The_first_party_hanging_up_while_the_second_is_dialled_is_410()
    {
        var flow = Calling();
        flow.Released(1, "usr").ShouldBe(["> 2 drop 200"]);
        flow.NotAnswered(2, 487).ShouldBe([Dialled(3, 2, Error(487, "why"), 2, "null", 2)]);
        flow.Released(2, "sys").ShouldBe([Over(4, Error(410, "the first party hung up"), $"{Begin + 2}", "null", 2)]);
    }

    [Fact]
    public void The_first_party_hanging_up_before_the_second_call_exists_is_410_too()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.Answered(1);
        flow.Released(1, "usr").ShouldBeEmpty();
        flow.Made(2).ShouldBe(["> 2 drop 487"]);
        flow.NotAnswered(2, 487).ShouldBe([Dialled(3, 2, Error(487, "why"), 0, "null", 0)]);
        flow.Released(2, "sys").ShouldBe([Over(4, Error(410, "the first party hung up"), $"{Begin}", "null", 0)]);
        flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.Answered(1);
        flow.Refused(FlowAsk.Construct, RpcError.NoSuchResource(FlowDriver.Call1), 2)
            .ShouldBe([Dialled(3, 2, Error(410, "the first party hung up"), 0, "null", 0), "> 1 drop 487"]);
        flow.Released(1, "usr").ShouldBe([Over(4, Error(410, "the first party hung up"), $"{Begin}", "null", 0)]);
    }

    [Fact]
    public void Cancel_in_each_state()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        flow.Made(1);
        flow.Trace(new CancelFlow()).ShouldBe(["> reply null", "> 1 drop 487"]);
        flow.NotAnswered(1, 487).ShouldBe([Dialled(1, 1, Error(487, "why"), 0, "null", 0)]);
        flow.Released(1, "sys").ShouldBe([Over(2, Error(487, "cancelled"), "null", "null", 0)]);
        flow.Trace(new CancelFlow()).ShouldBe(["refused 404"]);

        flow = Calling();
        flow.Trace(new CancelFlow()).ShouldBe(["> reply null", "> 1 drop 487", "> 2 drop 487"]);
        flow.Released(1, "sys").ShouldBeEmpty();
        flow.NotAnswered(2, 487).ShouldBe([Dialled(3, 2, Error(487, "why"), 2, "null", 2)]);
        flow.Released(2, "sys").ShouldBe([Over(4, Error(487, "cancelled"), $"{Begin + 2}", "null", 2)]);

        Connected().Trace(new CancelFlow()).ShouldBe(["refused 409"]);
    }

    [Fact]
    public void A_cancel_that_crosses_the_second_answer_connects_nobody()
    {
        var flow = Calling();
        flow.Trace(new CancelFlow());
        flow.Answered(2).ShouldBe([Dialled(3, 2, "null", 2, $"{Begin + 2}", 2)]);
        flow.Released(1, "sys").ShouldBeEmpty();
        flow.Released(2, "sys").ShouldBe([Over(4, Error(487, "cancelled"), $"{Begin + 2}", "null", 2)]);
    }

    [Fact]
    public void Drop_hangs_up_both_at_any_time()
    {
        var flow = Calling();
        flow.Trace(new DropFlow("ext.duo_callback.drop")).ShouldBe(["> reply null", "> 1 drop 603", "> 2 drop 603"]);
        flow.NotAnswered(2, 487);
        flow.Released(2, "sys").ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over(4, Error(487, "dropped"), $"{Begin + 2}", "null", 2)]);

        flow = Connected();
        flow.Trace(new DropFlow("ext.duo_callback.drop")).ShouldBe(["> reply null", "> 1 drop 603", "> 2 drop 603"]);
        flow.Completed(1, "on_connect_completed", 410).ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBeEmpty();
        flow.Released(2, "sys").ShouldBe([Over(4, "null", $"{Begin + 2}", $"{Begin + 5}", 5)]);
    }

    [Fact]
    public void A_connection_that_fails_ends_it_with_its_error()
    {
        var flow = Connected();
        flow.Completed(1, "on_connect_completed", 500).ShouldBe(["> 1 drop 200", "> 2 drop 200"]);
        flow.Released(1, "sys").ShouldBeEmpty();
        flow.Released(2, "sys").ShouldBe([Over(4, Error(500, "why"), $"{Begin + 2}", $"{Begin + 5}", 5)]);
        flow = Calling();
        flow.Answered(2);
        flow.Refused(FlowAsk.Connect, RpcError.WrongState("sys.call.connect_start", "Play", "Idle")).ShouldBe(["> 1 drop 500", "> 2 drop 500"]);
    }

    [Fact]
    public void A_party_that_hung_up_before_they_were_connected_says_so_itself()
    {
        var flow = Calling();
        flow.Answered(2);
        flow.Refused(FlowAsk.Connect, RpcError.NoSuchResource(FlowDriver.Call2)).ShouldBeEmpty();
        flow.Released(2, "usr").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over(4, "null", $"{Begin + 2}", $"{Begin + 2}", 2)]);
    }

    [Fact]
    public void A_recording_from_the_first_call_on_goes_on_in_the_connection()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo with { RecordPath = "/r/a.wav", RecordMode = DuoRecording.FromFirstCall });
        flow.Made(1).ShouldBe(["> 1 record /r/a.wav Alaw"]);
        flow.Accepted(FlowAsk.Record).ShouldBeEmpty();
        flow.Answered(1).Length.ShouldBe(3);
        flow.Made(2);
        flow.Answered(2)[1..].ShouldBe(["> 1 stop recording"]);
        flow.Accepted(FlowAsk.Record).ShouldBeEmpty();
        flow.Completed(1, "on_record_completed").ShouldBe([$"> 1 connect {FlowDriver.Call2} 600 /r/a.wav on"]);
    }

    [Fact]
    public void A_recording_from_the_second_call_on_begins_beneath_its_dialling_and_one_that_fails_keeps_nobody_apart()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo with { RecordPath = "/r/a.wav", RecordMode = DuoRecording.FromSecondCall });
        flow.Made(1).ShouldBeEmpty();
        flow.Answered(1)[2..].ShouldBe(["> 1 record /r/a.wav Alaw", "> call 2"]);
        flow.Made(2);
        flow.Completed(1, "on_record_completed", 500).ShouldBeEmpty();
        flow.Answered(2)[1..].ShouldBe([$"> 1 connect {FlowDriver.Call2} 600 /r/a.wav on"]);
    }

    [Fact]
    public void A_hang_up_while_the_recording_is_completed_connects_nobody()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo with { RecordPath = "/r/a.wav", RecordMode = DuoRecording.FromSecondCall });
        flow.Made(1);
        flow.Answered(1);
        flow.Made(2);
        flow.Answered(2);
        flow.Released(2, "usr").ShouldBe(["> 1 drop 200"]);
        flow.Completed(1, "on_record_completed").ShouldBeEmpty();
        flow.Released(1, "sys").Length.ShouldBe(1);
    }

    [Fact]
    public void The_first_party_stays_until_the_recording_of_a_connection_that_the_second_left_is_complete()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo with { RecordPath = "/r/a.wav" });
        flow.Made(1);
        flow.Answered(1);
        flow.Made(2);
        flow.Answered(2);
        flow.Released(2, "usr").ShouldBeEmpty();
        flow.Completed(1, "on_connect_completed").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").Length.ShouldBe(1);
    }

    [Fact]
    public void A_second_party_that_was_gone_before_the_connection_does_not_keep_the_first()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo with { RecordPath = "/r/a.wav" });
        flow.Made(1);
        flow.Answered(1);
        flow.Made(2);
        flow.Answered(2);
        flow.Released(2, "usr").ShouldBeEmpty();
        flow.Refused(FlowAsk.Connect, RpcError.NoSuchResource("0.0.2-sys.call-2")).ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").Length.ShouldBe(1);
    }

    [Fact]
    public void After_the_loss_of_its_node_every_dialling_completes_and_it_is_over()
    {
        var flow = SomeFlow.Begin(SomeFlow.Duo);
        var lost = Error(503, "interrupted by the loss of a node");
        flow.Trace(new NodeLost()).ShouldBe([Dialled(1, 1, lost, 0, "null", 0), Over(2, lost, "null", "null", 0)]);
        Calling().Trace(new NodeLost()).ShouldBe([Dialled(3, 2, lost, 2, "null", 2), Over(4, lost, $"{Begin + 2}", "null", 2)]);
        Connected().Trace(new NodeLost()).ShouldBe([Over(4, lost, $"{Begin + 2}", $"{Begin + 5}", 5)]);
    }

    [Fact]
    public void What_was_decided_before_the_node_was_lost_stands()
    {
        var flow = Calling();
        flow.Trace(new CancelFlow());
        flow.Trace(new NodeLost()).ShouldBe([Dialled(3, 2, Error(503, "interrupted by the loss of a node"), 2, "null", 2),
            Over(4, Error(487, "cancelled"), $"{Begin + 2}", "null", 2)]);
    }

    [Fact]
    public void Get_tells_what_construct_was_given() =>
        System.Text.Encoding.UTF8.GetString(SomeFlow.Begin(SomeFlow.Duo with
        {
            RecordPath = "/r/a.wav",
            RingPlayFile = "ring.wav",
            RingPlayMode = 2,
            RecordMode = DuoRecording.FromSecondCall
        }).State!.Describe(ApiGeneration.V2).Span).ShouldBe(
            $$"""{"res_id":"{{SomeFlow.DuoId}}","state":"Initiated","begin_time":{{Begin}},"from1_uri":"1001","to1_uri":"sip:1@b.example","from2_uri":null"""
                + $$""","to2_uri":"sip:2@b.example","max_connect_seconds":600,"ring_play_file":"ring.wav","ring_play_mode":2"""
                + $$""","record_file":"/r/a.wav","record_mode":2,"record_format":2,{{Users}},"max_ring_seconds":50,"ipsc_info":{{SomeFlow.Process}}}""");
}
