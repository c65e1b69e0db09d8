using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using static Cti.Calls.Tests.CallDriver;

namespace Cti.Calls.Tests;

/// <summary>Recording: the completion comes when the file is complete, whatever ended it.</summary>
public sealed class RecordTests
{
    private const string Recorded = "sys.call.on_record_completed";

    private static string Completion(string error, long end, string finishKey = "null") =>
        $$"""
        "error":{{error}},"begin_time":1700000000,"end_time":{{end}},"record_file":"/rec/a.wav","finish_key":{{finishKey}},"user_data":null
        """;

    [Fact]
    public void It_answers_with_the_full_path()
    {
        Some.In(CallPhase.Idle).Trace(Some.Record)
            .ShouldBe(["+ ActionStarted", "> StartMediaRecord 1 /rec/a.wav alaw beep=True", """> reply "/rec/a.wav" """.TrimEnd()]);
    }

    [Fact]
    public void The_limit_counts_from_the_end_of_the_beep_and_the_completion_waits_for_the_file()
    {
        var call = Some.In(CallPhase.Record);
        call.Deadline.ShouldBe(Some.Start + 600_000, "only the limit on the whole call is due before the recording began");
        call.After(300).Trace(new RecordBegan(1)).ShouldBe(["+ ActionChanged"]);
        call.Deadline.ShouldBe(Some.Start + 300 + 60_000);
        call.AtDeadline().ShouldBe(["+ ActionChanged", "> StopMediaRecord 1"]);
        call.Phase.ShouldBe(CallPhase.Record);
        call.Trace(new TimeReached()).ShouldBeEmpty();
        call.After(20).Trace(new RecordFinished(1, MediaEnd.Stopped, null)).ShouldBe(
            ["+ ActionEnded", Event(3, Recorded, Completion("""{"code":408,"message":"max_seconds is over"}""", 1700000060))]);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void Stopped_by_the_method_it_completes_with_487_once_the_file_is_complete()
    {
        var call = Some.In(CallPhase.Record);
        call.Trace(new StopRecord()).ShouldBe(["+ ActionChanged", "> StopMediaRecord 1", "> reply null"]);
        call.Trace(new StopRecord()).ShouldBe(["> reply null"], "the first stop stands");
        call.Trace(new RecordBegan(1)).ShouldBe(["+ ActionChanged"]);
        call.After(60_000).Trace(new TimeReached()).ShouldBeEmpty("it is being completed already");
        call.Trace(new RecordFinished(1, MediaEnd.Stopped, null)).ShouldBe(
            ["+ ActionEnded", Event(3, Recorded, Completion("""{"code":487,"message":"stopped by record_stop"}""", 1700000060))]);
    }

    [Fact]
    public void A_finish_key_completes_it_without_error()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(Some.Record with { FinishKeys = "#" });
        call.Trace(new KeyArrived('1')).ShouldBeEmpty();
        call.Trace(new KeyArrived('#')).ShouldBe(["+ ActionChanged", "> StopMediaRecord 1"]);
        call.Trace(new KeyArrived('#')).ShouldBeEmpty();
        call.After(1000).Trace(new RecordFinished(1, MediaEnd.Stopped, null))
            .ShouldBe(["+ ActionEnded", Event(3, Recorded, Completion("null", 1700000001, "\"#\""))]);
    }

    [Theory]
    [InlineData(MediaEnd.Failed, 500, "disk full")]
    [InlineData(MediaEnd.Unsupported, 415, "format")]
    public void A_file_that_could_not_be_written_completes_with_the_error_even_after_a_stop(MediaEnd end, int code, string detail)
    {
        var call = Some.In(CallPhase.Record);
        call.Do(new StopRecord());
        call.Trace(new RecordFinished(1, end, detail))[1]
            .ShouldBe(Event(3, Recorded, Completion($$"""{"code":{{code}},"message":"{{detail}}"}""", 1700000000)));
    }

    [Fact]
    public void A_stop_is_carried_out_after_its_start_also_when_the_disk_is_slow()
    {
        new StartMediaRecord(1, "/rec/a.wav", "alaw", false).IsReflex.ShouldBeFalse();
        new StopMediaRecord(1).IsReflex.ShouldBeFalse();
    }

    [Fact]
    public void Reports_of_another_recording_are_ignored()
    {
        var call = Some.In(CallPhase.Record);
        call.Trace(new RecordBegan(9)).ShouldBeEmpty();
        call.Trace(new RecordFinished(9, MediaEnd.Stopped, null)).ShouldBeEmpty();
        call.Trace(new PlayFinished(1, MediaEnd.Completed, null)).ShouldBeEmpty();
        call.Do(new RecordBegan(1));
        call.Trace(new RecordBegan(1)).ShouldBeEmpty();
    }

    [Fact]
    public void Hung_up_it_completes_at_once_with_410()
    {
        var call = Some.In(CallPhase.Record);
        call.Do(new StopRecord());
        call.Trace(new ByeArrived(null))[2].ShouldBe(Event(3, Recorded, Completion("""{"code":410,"message":"the far end hung up"}""", 1700000000)));
        call.Trace(new RecordFinished(1, MediaEnd.Stopped, null)).ShouldBeEmpty();
    }
}
