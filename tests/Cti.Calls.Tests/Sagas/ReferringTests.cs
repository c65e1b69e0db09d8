using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Sagas;

/// <summary>A REFER of ours, as the call decides on it.</summary>
public sealed class ReferringTests
{
    private readonly CallDriver _call = Some.In(CallPhase.Idle, CallDirection.Outbound);

    private static ReferReported Report(int? status, bool isLast = false, string? why = null) => new(status, status is null ? "" : "Words", isLast, why, null);

    private string LastEvent => $"{_call.Events[^1].Method} {CallDriver.Text(_call.Events[^1].Params)}";

    private void CompletesWith(string error, string status) => LastEvent.ShouldBe(
        $$"""sys.call.on_refer_completed {"res_id":"{{Some.Id}}","error":{{error}},"status":{{status}},"begin_time":1700000000,""" +
        $$"""
        "end_time":{{_call.Now / 1000}},"user_data":"mine"}
        """.Trim());

    private void Refer(ReferCall? refer = null) => _call.Do(refer ?? Some.Refer).Refusal.ShouldBeNull();

    [Fact]
    public void Progress_is_told_once_a_status_and_its_end_once()
    {
        _call.Trace(Some.Refer).ShouldBe(["+ ReferralMoved", "> reply null", "> SendRefer"]);
        _call.Do(Some.Refer with { Op = "again" }).Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        _call.Trace(new ReferAnswered("op-r", 202, "Accepted", 7, true)).ShouldBe(["+ ReferralMoved"]);
        _call.Trace(Report(100)).Length.ShouldBe(3);
        LastEvent.ShouldBe($$"""sys.call.on_refer_progress {"res_id":"{{Some.Id}}","status":100,"reason":"Words","user_data":"mine"}""");
        _call.Trace(Report(100)).ShouldBe(["> AnswerReport"], "nothing new");
        _call.Do(Report(180));
        _call.Trace(Report(200, isLast: true))[0].ShouldBe("+ ReferralEnded");
        CompletesWith("null", "200");
        _call.State!.Referral.ShouldBeNull();
        _call.Phase.ShouldBe(CallPhase.Idle, "the call stays");
        _call.Trace(Report(200, isLast: true)).ShouldBe(["> AnswerReport"]);
    }

    [Fact]
    public void A_report_may_overtake_the_answer_and_end_it()
    {
        Refer();
        _call.Do(Report(180));
        _call.State!.Referral!.Stage.ShouldBe(ReferStage.Accepted);
        _call.Trace(new ReferAnswered("op-r", 202, "Accepted", 7, true)).ShouldBeEmpty();
        _call.Do(Report(486, isLast: true));
        CompletesWith("""{"code":486,"message":"Words"}""", "486");
        Refer(Some.Refer with { Op = "second" });
        _call.Trace(new ReferAnswered("op-r", 202, "Accepted", 7, true)).ShouldBeEmpty("the answer to the first one is late");
    }

    [Fact]
    public void A_refusal_ends_it_and_so_does_an_answer_that_nothing_follows()
    {
        Refer();
        _call.Do(new ReferAnswered("op-r", 405, "Method Not Allowed", 7, true));
        CompletesWith("""{"code":405,"message":"Method Not Allowed"}""", "null");
        Refer(Some.Refer with { WantsReports = false });
        _call.Do(new ReferAnswered("op-r", 200, "OK", 8, false));
        CompletesWith("null", "200");
    }

    [Fact]
    public void Reports_that_end_without_a_word_are_an_error()
    {
        Refer();
        _call.Do(Report(100));
        _call.Do(Report(null, isLast: true, "noresource"));
        CompletesWith("""{"code":487,"message":"the far end reports no more (noresource), and has not said how it went"}""", "100");
    }

    [Theory]
    [InlineData(0, 40_000, "the far end did not answer")]
    [InlineData(1, 32_000, "the far end accepted, and has not said how it went")]
    [InlineData(2, 300_000, "the far end accepted, and has not said how it went")]
    public void Nothing_is_waited_for_without_end(int steps, int millis, string message)
    {
        Refer();
        if (steps > 0) _call.Do(new ReferAnswered("op-r", 202, "Accepted", 7, true));
        if (steps > 1) _call.Do(Report(183));
        _call.Deadline.ShouldBe(Some.Start + millis);
        _call.AtDeadline();
        CompletesWith($$"""{"code":408,"message":"{{message}}"}""", steps > 1 ? "183" : "null");
        _call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void Only_so_many_changes_are_told()
    {
        Refer();
        for (var i = 0; i < 100; i++) _call.Do(Report(180 + (i % 2)));
        _call.Events.Count(happened => happened.Method == "sys.call.on_refer_progress").ShouldBe(Limits.ReferReportsMax);
    }

    [Fact]
    public void A_far_end_that_hangs_up_once_it_has_accepted_is_on_its_way()
    {
        Refer();
        _call.Do(new ReferAnswered("op-r", 202, "Accepted", 7, true));
        _call.Do(Report(100));
        _call.Do(new ByeArrived(null));
        _call.Events.Select(happened => happened.Method).TakeLast(3).ShouldBe(["sys.call.on_refer_completed", "sys.call.on_released", "sys.on_chan_closed"]);
        CallDriver.Text(_call.Events[^3].Params).ShouldContain("\"error\":null,\"status\":100");
    }

    [Fact]
    public void A_call_that_ends_otherwise_ends_it_with_what_ended_the_call()
    {
        Refer();
        _call.Do(new ByeArrived(null));
        CallDriver.Text(_call.Events[^3].Params).ShouldContain("\"error\":{\"code\":410");
        var dropped = Some.In(CallPhase.Idle);
        dropped.Do(Some.Refer);
        dropped.Do(new ReferAnswered("op-r", 202, "Accepted", 7, true));
        dropped.Do(new DropCall(200, ApiGeneration.V2));
        CallDriver.Text(dropped.Events[^3].Params).ShouldContain("\"error\":{\"code\":410");
        var lost = Some.In(CallPhase.Idle);
        lost.Do(Some.Refer);
        lost.Do(new NodeLost());
        CallDriver.Text(lost.Events[^3].Params).ShouldContain("\"error\":{\"code\":503");
    }

    [Fact]
    public void The_dialog_of_another_call_goes_into_it()
    {
        _call.Trace(new ReferCall("op-r", null, Some.OtherId)).ShouldBe(["+ ReferralMoved", "> reply null", "> AskDialog"]);
        var asked = (AskDialog)_call.Effects[^1];
        (asked.Other, asked.Asked).ShouldBe((Some.OtherId, new DialogAsked("op-r", Some.Id, "app")));
        // The other call answers.
        var other = Some.In(CallPhase.Play);
        other.Trace(asked.Asked).ShouldBe(["> TellDialog"]);
        var told = (TellDialog)other.Effects[^1];
        told.Call.ShouldBe(Some.Id);
        _call.Do(told.Told);
        var sent = ((SendRefer)_call.Effects[^1]).Referral;
        sent.Uri.ShouldBe("sip:1001@192.0.2.9:5060", "where its far end is");
        sent.Replaces.ShouldBe("in-42@phone;to-tag=remote-tag;from-tag=local-tag");
    }

    [Theory]
    [InlineData(CallPhase.Initiated, "app", ErrorCodes.Conflict)]
    [InlineData(CallPhase.Released, "app", ErrorCodes.Conflict)]
    [InlineData(CallPhase.Idle, "another", ErrorCodes.NotFound)]
    public void A_call_that_is_not_up_or_somebody_elses_tells_nothing(CallPhase phase, string application, int code)
    {
        Refer(new ReferCall("op-r", "sip:4004@d.example", Some.OtherId));
        var other = Some.In(phase);
        other.Do(new DialogAsked("op-r", Some.Id, application));
        var told = ((TellDialog)other.Effects[^1]).Told;
        (told.CallId, told.LocalTag).ShouldBe((null, null));
        _call.Do(told);
        LastEvent.ShouldContain($"\"error\":{{\"code\":{code}");
    }

    [Fact]
    public void Who_is_asked_is_asked_again_when_one_of_the_two_has_moved_and_not_without_end()
    {
        Refer(new ReferCall("op-r", null, Some.OtherId));
        _call.State!.IsSharedWith(new PeerMoved(3)).ShouldBeTrue();
        _call.Trace(new PeerMoved(3)).ShouldBe(["> AskDialog"]);
        _call.Do(Some.TakenOver);
        _call.Effects[^1].ShouldBeOfType<AskDialog>();
        _call.AtDeadline();
        LastEvent.ShouldContain($"{Some.OtherId} did not answer");
    }

    [Fact]
    public void After_a_takeover_a_report_is_still_a_report()
    {
        Refer();
        _call.After(500).Do(Some.TakenOver);
        _call.Effects[^1].ShouldBeOfType<SendReInvite>("it is not sent twice");
        _call.Do(Report(200, isLast: true));
        CompletesWith("null", "200");
    }

    [Fact]
    public void Whom_to_call_has_to_be_said() => _call.Do(new ReferCall("op-r", null, null)).Refusal!.Data!["param"].ShouldBe("to_uri");
}
