using Cti.Calls.Extensions;
using Cti.Contract;

namespace Cti.Calls.Tests.Extensions;

public sealed class CaptchaFlowTests
{
    private const long Begin = Some.Start / 1000;

    private static string Over(string error, string by, string keys, string? answer = null) =>
        $$"""! 1 ext.captcha_call.on_released {"res_id":"{{SomeFlow.CaptchaId}}","error":{{error}},"begin_time":{{Begin}}"""
            + $$""","answer_time":{{answer ?? $"{Begin}"}},"end_time":{{Begin}},"dropped_by":"{{by}}","keys":"{{keys}}","user_data":"mine"}""";

    private static FlowDriver Collecting()
    {
        var flow = SomeFlow.Begin(SomeFlow.Captcha);
        flow.Made(1);
        flow.Answered(1).ShouldBe(["> 1 receive 11"]);
        flow.Accepted(FlowAsk.Action).ShouldBeEmpty();
        return flow;
    }

    [Fact]
    public void The_keys_are_collected_and_the_call_is_hung_up()
    {
        var flow = Collecting();
        flow.Completed(1, "on_receive_dtmf_completed", null, ",\"keys\":\"1234\",\"finish_key\":\"#\"").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over("null", "sys", "1234")]);
    }

    [Fact]
    public void A_timeout_keeps_the_keys_so_far_with_408()
    {
        var flow = Collecting();
        flow.Completed(1, "on_receive_dtmf_completed", 408, ",\"keys\":\"12\",\"finish_key\":null").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over("""{"code":408,"message":"why"}""", "sys", "12")]);
    }

    [Fact]
    public void A_hang_up_keeps_the_keys_so_far_with_410()
    {
        var flow = Collecting();
        flow.Completed(1, "on_receive_dtmf_completed", 410, ",\"keys\":\"12\",\"finish_key\":null").ShouldBeEmpty();
        flow.Released(1, "usr").ShouldBe([Over("""{"code":410,"message":"the call was hung up"}""", "usr", "12")]);
    }

    [Fact]
    public void A_drop_keeps_the_keys_so_far_with_410()
    {
        var flow = Collecting();
        flow.Trace(new DropFlow("ext.captcha_call.drop")).ShouldBe(["> reply null", "> 1 drop 603"]);
        flow.Completed(1, "on_receive_dtmf_completed", 410, ",\"keys\":\"9\",\"finish_key\":null").ShouldBeEmpty();
        flow.Released(1, "sys").ShouldBe([Over("""{"code":410,"message":"dropped before the keys were complete"}""", "sys", "9")]);
    }

    [Fact]
    public void A_drop_that_comes_when_the_keys_are_complete_changes_nothing()
    {
        var flow = Collecting();
        flow.Completed(1, "on_receive_dtmf_completed", null, ",\"keys\":\"1\",\"finish_key\":\"#\"");
        flow.Trace(new DropFlow("ext.captcha_call.drop")).ShouldBe(["> reply null"]);
        flow.Released(1, "sys").ShouldBe([Over("null", "sys", "1")]);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(415)]
    public void A_prompt_that_cannot_be_played_ends_it_with_that_error(int code)
    {
        var flow = Collecting();
        flow.Completed(1, "on_receive_dtmf_completed", code, ",\"keys\":\"\",\"finish_key\":null").ShouldBe(["> 1 drop 200"]);
        flow.Released(1, "sys").ShouldBe([Over($$"""{"code":{{code}},"message":"why"}""", "sys", "")]);
    }

    [Fact]
    public void A_busy_far_end_presses_no_keys()
    {
        var flow = SomeFlow.Begin(SomeFlow.Captcha);
        flow.Made(1);
        flow.NotAnswered(1, 486);
        flow.Released(1, "usr").ShouldBe([Over("""{"code":486,"message":"why"}""", "usr", "", "null")]);
    }

    [Fact]
    public void Keys_stand_in_no_text_that_could_be_logged()
    {
        var flow = Collecting();
        var decision = flow.Do(new Cti.Calls.Resources.OwnedHappened(FlowDriver.Call1, "sys.call.on_receive_dtmf_completed",
            "{\"error\":null,\"end_time\":1,\"keys\":\"735\"}"u8.ToArray()));
        string.Concat(decision.Entries.Select(entry => entry.ToString())).ShouldNotContain("735");
        flow.State!.ToString().ShouldNotContain("735");
        flow.State.Keys.ShouldBe("735");
    }

    [Fact]
    public void Get_tells_what_construct_was_given() =>
        System.Text.Encoding.UTF8.GetString(Collecting().State!.Describe(ApiGeneration.V2).Span).ShouldBe(
            $$"""{"res_id":"{{SomeFlow.CaptchaId}}","state":"Answered","begin_time":{{Begin}},"from_uri":null"""
                + $$""","to_uri":"sip:1@b.example","valid_keys":"0123456789*#ABCD","max_keys":11,"finish_keys":"#","first_key_timeout":45"""
                + $$""","continues_keys_timeout":30,"play_content":[["enter.wav",0,""]],"play_repeat":0,"breaking_on_key":true,"including_finish_key":false"""
                + $$""","max_ring_seconds":50,"user_data":"mine","ipsc_info":{{SomeFlow.Process}}}""");
}
