using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using static Cti.Calls.Tests.CallDriver;

namespace Cti.Calls.Tests;

/// <summary>Collecting keys: every rule of <c>receive_dtmf_start</c>.</summary>
public sealed class ReceiveKeysTests
{
    private const string NoKey = """{"code":408,"message":"no key came in time"}""";
    private const string NoFurtherKey = """{"code":408,"message":"no further key came in time"}""";

    private static string Completed(string error, string keys, string finishKey = "null", long end = 1700000000) =>
        Event(3, "sys.call.on_receive_dtmf_completed",
        $$"""
        "error":{{error}},"begin_time":1700000000,"end_time":{{end}},"keys":"{{keys}}","finish_key":{{finishKey}},"user_data":null
        """);

    private static CallDriver Receiving(ReceiveKeysSpec spec)
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(new StartReceiveKeys(spec));
        call.Phase.ShouldBe(CallPhase.ReceiveDtmf);
        return call;
    }

    private static ReceiveKeysSpec Prompted => Some.Keys with { Files = ["enter.wav"], PlayRepeat = 2 };

    private static string[] Press(CallDriver call, string keys)
    {
        string[] last = [];
        foreach (var key in keys) last = call.Trace(new KeyArrived(key));
        return last;
    }

    [Fact]
    public void Keys_are_collected_up_to_the_finish_key_which_is_not_among_them()
    {
        var call = Receiving(Some.Keys);
        Press(call, "12*A").ShouldBe(["+ ActionChanged"]);
        Press(call, "#").ShouldBe(["+ ActionEnded", Completed("null", "12*A", "\"#\"")]);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_press_counts_once_however_often_it_is_told_and_another_press_of_the_same_key_counts_too()
    {
        var call = Receiving(Some.Keys with { MaxKeys = 20 });
        var first = new KeyArrived('1') { Press = new KeyPress(9, 1600) };
        call.Trace(first).ShouldBe(["+ ActionChanged"]);
        call.Trace(first).ShouldBeEmpty();
        call.Trace(new KeyArrived('1') { Press = new KeyPress(9, 3200) }).ShouldBe(["+ ActionChanged"]);
        call.Trace(new KeyArrived('1') { Press = new KeyPress(8, 3200) }).ShouldBe(["+ ActionChanged"], "another source has its own time");
        call.Trace(new KeyArrived('2') { Press = new KeyPress(null, 3200) }).ShouldBe(["+ ActionChanged"], "an INFO's number is none of a stream's");
        call.Trace(first).ShouldBeEmpty("others came meanwhile");
        call.Do(Some.TakenOver);
        call.Trace(first).ShouldBeEmpty("the journal tells the new owner");
        Press(call, "33").ShouldBe(["+ ActionChanged"], "what has no name counts as often as it comes");
        for (var i = 1u; i <= 9; i++) call.Do(new KeyArrived('4') { Press = new KeyPress(7, i) });
        call.State!.KnownKeys.ShouldBe(Enumerable.Range(2, Limits.KnownKeysMax).Select(static i => new KeyPress(7, (uint)i)));
        Press(call, "#")[1].ShouldContain("\"keys\":\"111233444444444\"");
    }

    [Fact]
    public void A_key_that_is_sent_after_the_call_takes_its_place_among_those_that_were_heard_earlier_at_the_new_one()
    {
        var call = Receiving(Some.Keys with { MaxKeys = 20 });
        void Press(char key, uint time, bool isLate = false, uint source = 9) =>
            call.Do(new KeyArrived(key) { Press = new KeyPress(source, time), IsLate = isLate });
        Press('1', uint.MaxValue - 100);
        Press('4', 4000);
        Press('5', 5000);
        Press('2', 2000, isLate: true);
        Press('3', 3000, isLate: true);
        Keys().ShouldBe("12345", "its clock passed zero between the first and the others");
        Press('6', 6000, isLate: true);
        Press('7', 500);
        Press('8', 100, isLate: true, source: 8);
        Keys().ShouldBe("12345678", "of two streams no clock tells which was first, and one that jumps back is not to be believed");

        string Keys() => ((ReceiveKeysAction)call.State!.Action!).Keys;
    }

    [Fact]
    public void The_rest_of_the_key_that_ended_something_is_no_key_of_what_comes_next()
    {
        var ending = new KeyArrived('#') { Press = new KeyPress(9, 1600) };
        var call = Receiving(Some.Keys);
        call.Do(ending);
        call.Do(new StartReceiveKeys(Some.Keys));
        call.Trace(ending).ShouldBeEmpty();
        call.Trace(ending with { Press = new KeyPress(9, 3200) })[0].ShouldBe("+ ActionEnded");

        call = Some.In(CallPhase.Idle);
        call.Do(new StartPlay(["a.wav"], "#", 0));
        call.Do(ending);
        call.Do(new StartPlay(["b.wav"], "#", 0));
        call.Trace(ending).ShouldBeEmpty();

        call = Some.In(CallPhase.Idle);
        call.Do(Some.Record);
        call.Do(ending);
        call.Do(new RecordFinished(1, MediaEnd.Stopped, null));
        call.Do(Some.Play);
        call.State!.KnownKeys.ShouldBe(Some.Record.FinishKeys.Contains('#', StringComparison.Ordinal) ? [new KeyPress(9, 1600)] : []);
    }

    [Fact]
    public void The_finish_key_is_among_them_where_asked_for_and_does_not_count()
    {
        var call = Receiving(Some.Keys with { IncludeFinishKey = true, MaxKeys = 3 });
        Press(call, "12");
        Press(call, "#").ShouldBe(["+ ActionEnded", Completed("null", "12#", "\"#\"")]);
    }

    [Fact]
    public void The_last_key_that_fits_ends_it_without_a_finish_key()
    {
        var call = Receiving(Some.Keys with { MaxKeys = 4 });
        Press(call, "123");
        Press(call, "4").ShouldBe(["+ ActionEnded", Completed("null", "1234")]);
    }

    [Fact]
    public void A_finish_key_alone_ends_it_with_no_keys()
    {
        Press(Receiving(Some.Keys), "#").ShouldBe(["+ ActionEnded", Completed("null", "", "\"#\"")]);
    }

    [Fact]
    public void What_is_not_valid_is_ignored_also_as_a_finish_key_and_restarts_no_timer()
    {
        var call = Receiving(Some.Keys with { ValidKeys = "0123456789", FinishKeys = "#" });
        Press(call, "*#ABCD").ShouldBeEmpty();
        call.Deadline.ShouldBe(Some.Start + 45_000);
        Press(call, "1");
        call.After(1000);
        Press(call, "#").ShouldBeEmpty();
        call.Deadline.ShouldBe(Some.Start + 30_000);
        call.AtDeadline().ShouldBe(["+ ActionEnded", Completed(NoFurtherKey, "1", end: 1700000030)]);
    }

    [Fact]
    public void Without_a_prompt_the_first_key_timer_starts_at_once()
    {
        var call = Receiving(Some.Keys with { PlayRepeat = 5 });
        call.Deadline.ShouldBe(Some.Start + 45_000);
        call.AtDeadline().ShouldBe(["+ ActionEnded", Completed(NoKey, "", end: 1700000045)]);
    }

    [Fact]
    public void Every_key_starts_the_timer_for_the_next()
    {
        var call = Receiving(Some.Keys);
        call.After(40_000);
        Press(call, "1");
        call.Deadline.ShouldBe(Some.Start + 70_000);
        call.After(29_000);
        Press(call, "2");
        call.Deadline.ShouldBe(Some.Start + 99_000);
        call.AtDeadline().ShouldBe(["+ ActionEnded", Completed(NoFurtherKey, "12", end: 1700000099)]);
    }

    [Fact]
    public void The_first_key_timer_starts_when_the_prompt_ends()
    {
        var call = Some.In(CallPhase.Idle);
        call.Trace(new StartReceiveKeys(Prompted)).ShouldBe(["+ ActionStarted", "> reply null", "> StartMediaPlay 1 enter.wav x0"]);
        call.Deadline.ShouldBe(Some.Start + 600_000, "only the limit on the whole call is due while the prompt plays");
        call.After(7000).Trace(new PlayFinished(1, MediaEnd.Completed, null)).ShouldBe(["+ ActionChanged"]);
        call.Deadline.ShouldBe(Some.Start + 7000 + 45_000);
    }

    [Fact]
    public void The_prompt_repeats_when_no_first_key_comes_and_then_it_counts()
    {
        var call = Receiving(Prompted);
        for (var number = 1; number <= 2; number++)
        {
            call.After(1000).Do(new PlayFinished(number, MediaEnd.Completed, null));
            call.AtDeadline().ShouldBe(["+ ActionChanged", $"> StartMediaPlay {number + 1} enter.wav x0"]);
        }
        call.Trace(new PlayFinished(2, MediaEnd.Completed, null)).ShouldBeEmpty("it tells of the prompt before");
        call.After(1000).Do(new PlayFinished(3, MediaEnd.Completed, null));
        call.AtDeadline().ShouldBe(["+ ActionEnded", Completed(NoKey, "", end: 1700000138)]);
        call.Trace(Some.Play).ShouldContain("> StartMediaPlay 4 welcome.wav x0", "numbers of media actions never come back");
    }

    [Fact]
    public void After_the_first_key_the_prompt_is_not_repeated()
    {
        var call = Receiving(Prompted);
        call.Do(new PlayFinished(1, MediaEnd.Completed, null));
        Press(call, "1");
        call.AtDeadline().ShouldBe(["+ ActionEnded", Completed(NoFurtherKey, "1", end: 1700000030)]);
    }

    [Fact]
    public void The_first_valid_key_stops_the_prompt()
    {
        var call = Receiving(Prompted with { ValidKeys = "12" });
        Press(call, "9").ShouldBeEmpty();
        Press(call, "1").ShouldBe(["+ ActionChanged", "> StopMediaPlay 1"]);
        Press(call, "2").ShouldBe(["+ ActionChanged"]);
        call.Trace(new PlayFinished(1, MediaEnd.Stopped, null)).ShouldBeEmpty();
        call.Deadline.ShouldBe(Some.Start + 30_000);
    }

    [Fact]
    public void Where_keys_do_not_break_the_prompt_it_goes_on_and_they_count()
    {
        var call = Receiving(Prompted with { BreakOnKey = false });
        Press(call, "1").ShouldBe(["+ ActionChanged"]);
        call.After(5000).Trace(new PlayFinished(1, MediaEnd.Completed, null)).ShouldBe(["+ ActionChanged"]);
        call.Deadline.ShouldBe(Some.Start + 30_000, "the end of the prompt restarts no timer once a key came");
        Press(call, "2#").ShouldBe(["+ ActionEnded", Completed("null", "12", "\"#\"", 1700000005)]);
    }

    [Theory]
    [InlineData("#", "", "\"#\"")]
    [InlineData("1", "1", "null")]
    public void A_key_that_ends_it_while_the_prompt_plays_stops_the_prompt_also_where_keys_do_not_break_it(string pressed, string keys, string finishKey)
    {
        var call = Receiving(Prompted with { BreakOnKey = false, MaxKeys = 1 });
        Press(call, pressed).ShouldBe(["+ ActionEnded", Completed("null", keys, finishKey), "> StopMediaPlay 1"]);
    }

    [Fact]
    public void Stopped_it_completes_with_the_keys_so_far()
    {
        var call = Receiving(Prompted with { BreakOnKey = false });
        Press(call, "12");
        call.Trace(new StopReceiveKeys()).ShouldBe(["+ ActionEnded", Completed("null", "12"), "> reply null", "> StopMediaPlay 1"]);
        call.Do(new StopReceiveKeys()).Refusal!.Code.ShouldBe(409);
    }

    [Fact]
    public void A_prompt_that_does_not_play_completes_with_its_error()
    {
        var call = Receiving(Prompted);
        call.Trace(new PlayFinished(1, MediaEnd.NotFound, "enter.wav: not found")).ShouldBe(
            ["+ ActionEnded", Completed("""{"code":404,"message":"enter.wav: not found"}""", "")]);
    }

    [Fact]
    public void Keys_pressed_while_another_action_ran_do_not_count()
    {
        var call = Some.In(CallPhase.Play);
        Press(call, "123").ShouldBeEmpty();
        call.Do(new StopPlay());
        Press(call, "456").ShouldBeEmpty();
        call.Do(Some.ReceiveKeys);
        call.Trace(new StopReceiveKeys())[1].ShouldContain("\"keys\":\"\"");
    }

    [Fact]
    public void Hung_up_it_completes_with_the_keys_so_far()
    {
        var call = Receiving(Some.Keys);
        Press(call, "12");
        call.Trace(new ByeArrived(null))[2].ShouldBe(Completed("""{"code":410,"message":"the far end hung up"}""", "12"));
    }
}
