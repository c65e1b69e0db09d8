using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using static Cti.Calls.Tests.CallDriver;

namespace Cti.Calls.Tests;

/// <summary>Playing and sending keys.</summary>
public sealed class PlayTests
{
    private const string Played = "sys.call.on_play_completed";

    private static string Completion(string error, long begin, long end, string finishKey = "null") =>
        $$"""
        "error":{{error}},"begin_time":{{begin}},"end_time":{{end}},"finish_key":{{finishKey}},"user_data":null
        """;

    [Fact]
    public void It_plays_to_its_end()
    {
        var call = Some.In(CallPhase.Idle).After(1000);
        call.Trace(new StartPlay(["a.wav", "b.wav"], "", 2)).ShouldBe(["+ ActionStarted", "> reply null", "> StartMediaPlay 1 a.wav|b.wav x2"]);
        call.Phase.ShouldBe(CallPhase.Play);
        call.After(4000).Trace(new PlayFinished(1, MediaEnd.Completed, null))
            .ShouldBe(["+ ActionEnded", Event(3, Played, Completion("null", 1700000001, 1700000005))]);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void Stopped_it_completes_without_error_and_the_late_report_is_ignored()
    {
        var call = Some.In(CallPhase.Play);
        call.After(2000).Trace(new StopPlay()).ShouldBe(
            ["+ ActionEnded", Event(3, Played, Completion("null", 1700000000, 1700000002)), "> StopMediaPlay 1", "> reply null"]);
        call.Trace(Some.Play).ShouldContain("> StartMediaPlay 2 welcome.wav x0");
        call.Trace(new PlayFinished(1, MediaEnd.Stopped, null)).ShouldBeEmpty("it tells of the play before");
        call.Phase.ShouldBe(CallPhase.Play);
    }

    [Fact]
    public void A_finish_key_stops_it_and_is_named()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(new StartPlay(["a.wav"], "*#", 0));
        call.Trace(new KeyArrived('5')).ShouldBeEmpty();
        call.After(1000).Trace(new KeyArrived('#')).ShouldBe(
            ["+ ActionEnded", Event(3, Played, Completion("null", 1700000000, 1700000001, "\"#\"")), "> StopMediaPlay 1"]);
        call.Trace(new KeyArrived('#')).ShouldBeEmpty();
    }

    [Fact]
    public void Without_finish_keys_no_key_stops_it()
    {
        var call = Some.In(CallPhase.Play);
        foreach (var key in "0123456789*#ABCD") call.Trace(new KeyArrived(key)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(MediaEnd.NotFound, 404)]
    [InlineData(MediaEnd.Unsupported, 415)]
    [InlineData(MediaEnd.Failed, 500)]
    public void A_file_that_does_not_play_completes_with_the_error_that_names_it(MediaEnd end, int code)
    {
        var call = Some.In(CallPhase.Play);
        call.Trace(new PlayFinished(1, end, "welcome.wav: what is wrong")).ShouldBe(
            ["+ ActionEnded", Event(3, Played, Completion($$"""{"code":{{code}},"message":"welcome.wav: what is wrong"}""", 1700000000, 1700000000))]);
    }

    [Fact]
    public void Nothing_to_play_completes_at_once()
    {
        var call = Some.In(CallPhase.Idle);
        call.Trace(new StartPlay([], "", 0)).ShouldBe(
            ["+ ActionStarted", "+ ActionEnded", Event(3, Played, Completion("null", 1700000000, 1700000000)), "> reply null"]);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void Keys_are_sent_and_completed()
    {
        var call = Some.In(CallPhase.Idle);
        call.Trace(new StartSendKeys("1,2#")).ShouldBe(["+ ActionStarted", "> StartMediaKeys 1 1,2#", "> reply null"]);
        call.Trace(new KeysSent(7, MediaEnd.Completed)).ShouldBeEmpty();
        call.After(1000).Trace(new KeysSent(1, MediaEnd.Completed)).ShouldBe(["+ ActionEnded", Event(3, "sys.call.on_send_dtmf_completed", """
            "error":null,"begin_time":1700000000,"end_time":1700000001,"user_data":null
            """)]);
    }

    [Fact]
    public void Keys_that_could_not_be_sent_complete_with_500()
    {
        var call = Some.In(CallPhase.SendDtmf);
        call.Trace(new KeysSent(1, MediaEnd.Failed))[1].ShouldBe(Event(3, "sys.call.on_send_dtmf_completed", """
            "error":{"code":500,"message":"a fault in the media side"},"begin_time":1700000000,"end_time":1700000000,"user_data":null
            """));
    }
}
