using Cti.Calls.Call;
using Cti.Contract;

namespace Cti.Calls.Tests;

/// <summary>Requests become commands, and nothing secret becomes text.</summary>
public sealed class CallRequestsTests
{
    private static RpcRequest Request(string method, ApiGeneration generation = ApiGeneration.V2, params (string Name, object? Value)[] values) =>
        new("app", false, generation, method, new RpcArguments(values.ToDictionary(v => v.Name, v => v.Value)), null, 0);

    [Fact]
    public void Every_method_on_a_call_becomes_its_command()
    {
        var content = new PlayContent([new PlayElement(0, "a.wav", ""), new PlayElement(7, "b.wav", "")]);
        CallRequests.FromRpc(Request("sys.call.answer", values: [("max_answer_seconds", 60), ("user_data", "mine")]), null)
            .ShouldBe(new AnswerCall(60, "mine"));
        CallRequests.FromRpc(Request("sys.call.reject", values: [("cause", 486), ("user_data", null)]), null).ShouldBe(new RejectCall(486, null));
        CallRequests.FromRpc(Request("sys.call.redirect", values: [("redirect_uri", "c.example"), ("user_data", null)]), null)
            .ShouldBe(new RedirectCall("c.example", null));
        CallRequests.FromRpc(Request("sys.call.nop"), null).ShouldBe(new TouchCall());
        CallRequests.FromRpc(Request("sys.call.play_stop"), null).ShouldBe(new StopPlay());
        CallRequests.FromRpc(Request("sys.call.record_stop"), null).ShouldBe(new StopRecord());
        CallRequests.FromRpc(Request("sys.call.send_dtmf_start", values: [("keys", "12")]), null).ShouldBe(new StartSendKeys("12"));
        CallRequests.FromRpc(Request("sys.call.receive_dtmf_stop"), null).ShouldBe(new StopReceiveKeys());
        CallRequests.FromRpc(Request("sys.call.stop_receive_dtmf_start"), null).ShouldBe(new StopReceiveKeys());
        CallRequests.FromRpc(Request("sys.call.record_start", values: [("max_seconds", 9), ("beep", false), ("record_format", "alaw"), ("finish_keys", null)]),
            "/rec/a.wav")
            .ShouldBe(new StartRecord(9, false, "/rec/a.wav", "alaw", ""));
        var play = CallRequests.FromRpc(Request("sys.call.play_start", values: [("content", content), ("finish_keys", null), ("repeat", 2)]), null)
            .ShouldBeOfType<StartPlay>();
        play.Files.ShouldBe(["a.wav", "b.wav"]);
        play.Repeat.ShouldBe(2);
        play.FinishKeys.ShouldBe("");
        CallRequests.FromRpc(Request("sys.call.get"), null).ShouldBeNull();
    }

    [Fact]
    public void Receiving_keys_takes_every_parameter()
    {
        var command = CallRequests.FromRpc(Request("sys.call.receive_dtmf_start", values:
        [
            ("valid_keys", "12"), ("max_keys", 3), ("finish_keys", "#"), ("first_key_timeout", 4), ("continues_keys_timeout", 5), ("play_content", null),
            ("play_repeat", 6), ("breaking_on_key", false), ("including_finish_key", true),
        ]), null).ShouldBeOfType<StartReceiveKeys>();
        var spec = command.Spec;
        (spec.ValidKeys, spec.MaxKeys, spec.FinishKeys, spec.FirstKeySeconds, spec.NextKeySeconds).ShouldBe(("12", 3, "#", 4, 5));
        (spec.Files.Length, spec.PlayRepeat, spec.BreakOnKey, spec.IncludeFinishKey).ShouldBe((0, 6, false, true));
    }

    [Theory]
    [InlineData(ApiGeneration.V1)]
    [InlineData(ApiGeneration.V2)]
    public void A_command_knows_the_generation_that_it_came_through(ApiGeneration generation)
    {
        CallRequests.FromRpc(Request("sys.call.nop", generation), null).ShouldBeOfType<TouchCall>().Generation.ShouldBe(generation);
        CallRequests.FromRpc(Request("sys.call.drop", generation, ("cause", 603)), null).ShouldBe(new DropCall(603, generation));
    }

    [Fact]
    public void Keys_are_in_no_text()
    {
        const string secret = "917364";
        var receiving = new ReceiveKeysAction { Number = 1, BeginMillis = 1, Spec = Some.Keys, Keys = secret };
        var sending = new SendKeysAction { Number = 1, BeginMillis = 1, Keys = secret };
        object[] all =
        [
            new StartSendKeys(secret), new StartMediaKeys(1, secret), sending, receiving, new ActionStarted(sending), new ActionChanged(receiving),
            Some.In(CallPhase.Idle).State! with { Action = receiving }, new ActionEnding(FinishKey: secret),
        ];
        foreach (var item in all) item.ToString()!.ShouldNotContain(secret);
        new KeyArrived('9').ToString().ShouldBe("KeyArrived");
    }

    [Fact]
    public void A_question_about_a_call_is_answered_as_its_generation_knows_it()
    {
        var ringing = Some.In(CallPhase.Ring, CallDirection.Outbound).State!;
        CallDriver.Text(CallQueries.Get(ringing, ApiGeneration.V2)).ShouldBe("""
            {"res_id":"0.0.7-sys.call-42","state":"Ring","call_dir":"outbound","from_uri":"sip:1001@a.example","to_uri":"sip:2002@b.example",
            "begin_time":1700000000,"answer_time":null,"max_answer_seconds":600,"max_ring_seconds":50,
            "user_data":"mine","ipsc_info":{"process_id":42,"call_id":"out-42@cti"}}
            """.Replace("\n", "", StringComparison.Ordinal));
        CallDriver.Text(CallQueries.Get(ringing, ApiGeneration.V1)).ShouldContain("\"state\":\"Initiated\"");
        CallDriver.Text(CallQueries.Get(Some.In(CallPhase.Initiated).State!, ApiGeneration.V2)).ShouldContain("\"max_answer_seconds\":null");
    }
}
