using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Sagas;

/// <summary>A REFER of the far end's, as the call decides on it; and calls that take the place of another.</summary>
public sealed class BeingReferredTests
{
    private const string Tag = Some.OtherId + "-0123456789abcdef";

    private readonly CallDriver _call = Some.In(CallPhase.Idle);

    private AnswerRefer Answer => (AnswerRefer)_call.Effects.Last(static effect => effect is AnswerRefer);

    private ReferOfTheirs Reported => ((SendReport)_call.Effects[^1]).Referred;

    private void Accepted()
    {
        _call.Do(Some.ReferArrived);
        _call.Do(new AcceptRefer());
    }

    [Fact]
    public void The_application_is_asked_accepts_and_says_how_it_goes()
    {
        var asked = _call.Trace(Some.ReferArrived);
        asked.ShouldBe(["+ ReferredMoved", CallDriver.Event(3, "sys.call.on_refer",
            """
            "to_uri":"sip:4004@d.example","replaces":"other@phone;to-tag=a;from-tag=b",
            """.Trim() + """
            "replaces_call_res_id":null,"referred_by":"sip:1001@a.example","user_data":null
            """.Trim())]);
        _call.Trace(new AcceptRefer()).ShouldBe(["+ ReferredMoved", "> reply null", "> AnswerRefer", "> SendReport"]);
        Answer.ShouldBe(new AnswerRefer(21, 202, true));
        (Reported.Status, Reported.EndReason).ShouldBe((100, null));
        _call.Do(new AcceptRefer()).Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        _call.Do(new NotifyRefer(180));
        (Reported.Status, Reported.EndReason).ShouldBe((180, null));
        _call.Do(new ReportAnswered(200, WasLast: false));
        _call.Do(new NotifyRefer(200));
        (Reported.Status, Reported.EndReason).ShouldBe((200, "noresource"));
        _call.Do(new NotifyRefer(200)).Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        _call.Do(new ReportAnswered(200, WasLast: false));
        _call.State!.Referred.ShouldNotBeNull("that was the answer to an earlier one");
        _call.Trace(new ReportAnswered(200, WasLast: true)).ShouldBe(["+ ReferredEnded"]);
    }

    [Fact]
    public void By_default_it_is_refused()
    {
        _call.Do(Some.ReferArrived);
        _call.Deadline.ShouldBe(Some.Start + Limits.ReferAnswerMillis);
        _call.AtDeadline().ShouldBe(["+ ReferredEnded", "> AnswerRefer"]);
        Answer.Status.ShouldBe(603);
        _call.Do(new AcceptRefer()).Refusal!.Message.ShouldContain("refused (603) after 8 s");
        _call.Do(Some.ReferArrived);
        _call.Do(new RejectRefer(403));
        Answer.Status.ShouldBe(403);
    }

    [Fact]
    public void One_at_a_time_and_only_of_an_answered_call_that_an_application_drives()
    {
        _call.Do(Some.ReferArrived);
        _call.Trace(Some.ReferArrived with { CSeq = 22 }).ShouldBe(["> AnswerRefer"]);
        Answer.ShouldBe(new AnswerRefer(22, 603, false));
        var early = Some.In(CallPhase.Answer);
        early.Trace(Some.ReferArrived).ShouldBe(["> AnswerRefer"]);
        var owned = new CallDriver();
        owned.Do(Some.Construct with { Owner = "0.0.7-ext.duo_callback-66" });
        owned.Do(Some.FarEndAnswered);
        owned.Trace(Some.ReferArrived).ShouldBe(["> AnswerRefer"]);
    }

    [Fact]
    public void Who_wants_no_reports_gets_none()
    {
        _call.Do(Some.ReferArrived with { WantsReports = false });
        _call.Trace(new AcceptRefer()).ShouldBe(["+ ReferredMoved", "> reply null", "> AnswerRefer"]);
        Answer.Reports.ShouldBeFalse();
        _call.Trace(new NotifyRefer(180)).ShouldBe(["+ ReferredMoved", "> reply null"]);
        _call.Trace(new NotifyRefer(200)).ShouldBe(["+ ReferredEnded", "> reply null"]);
    }

    [Fact]
    public void Who_does_not_know_a_report_wants_no_more()
    {
        Accepted();
        _call.Trace(new ReportAnswered(481, WasLast: false)).ShouldBe(["+ ReferredMoved"]);
        _call.Trace(new NotifyRefer(200)).ShouldBe(["+ ReferredEnded", "> reply null"]);
    }

    [Fact]
    public void An_application_that_says_no_more_ends_it_all_the_same()
    {
        Accepted();
        _call.AtDeadline().ShouldBe(["+ ReferredMoved", "> SendReport"]);
        (Reported.Status, Reported.EndReason).ShouldBe((100, "timeout"));
        _call.AtDeadline().ShouldBe(["+ ReferredEnded"], "nobody answered that");
    }

    [Fact]
    public void A_hang_up_of_ours_ends_the_reports_first()
    {
        Accepted();
        _call.Do(new DropCall(200, ApiGeneration.V2));
        var effects = _call.Effects.Select(static effect => effect.GetType().Name).ToList();
        effects.IndexOf("SendBye").ShouldBe(effects.LastIndexOf("SendReport") + 1);
        var waiting = Some.In(CallPhase.Play);
        waiting.Do(Some.ReferArrived);
        waiting.Do(new ByeArrived(null));
        waiting.Effects.OfType<AnswerRefer>().Single().Status.ShouldBe(603);
        var gone = Some.In(CallPhase.Idle);
        gone.Do(Some.ReferArrived);
        gone.Do(new AcceptRefer());
        gone.Do(new ByeArrived(null));
        gone.Effects.OfType<SendReport>().Count().ShouldBe(1, "who hung up hears no more");
    }

    [Fact]
    public void The_call_of_ours_that_it_names_is_told_only_where_it_is_that()
    {
        var arrived = Some.ReferArrived with { Replaces = $"in-131@phone;to-tag={Tag};from-tag=b" };
        _call.Trace(arrived).ShouldBe(["+ ReferredMoved", "> AskDialog"]);
        _call.Do(new AcceptRefer()).Refusal.ShouldNotBeNull("nobody was asked yet");
        var told = new DialogTold("refer 21", Some.OtherId, null) { CallId = "in-131@phone", LocalTag = Tag, RemoteTag = "b" };
        _call.Do(told);
        CallDriver.Text(_call.Events[^1].Params).ShouldContain($"\"replaces_call_res_id\":\"{Some.OtherId}\"");
        DialogTold[] others =
        [
            told with { CallId = "x" }, told with { LocalTag = Some.OtherId + "-0123456789abcdee" }, told with { RemoteTag = "c" },
            told with { Refusal = RpcError.NoSuchResource("x") },
        ];
        foreach (var wrong in others)
        {
            var call = Some.In(CallPhase.Idle);
            call.Do(arrived);
            call.Do(wrong);
            CallDriver.Text(call.Events[^1].Params).ShouldContain("\"replaces_call_res_id\":null");
        }
        var silent = Some.In(CallPhase.Idle);
        silent.Do(arrived);
        silent.AtDeadline();
        silent.Events[^1].Method.ShouldBe("sys.call.on_refer");
    }

    [Fact]
    public void After_a_takeover_the_last_report_is_sent_again()
    {
        Accepted();
        _call.Do(new NotifyRefer(180));
        _call.After(500).Do(Some.TakenOver);
        Reported.Status.ShouldBe(180);
        _call.Do(new NotifyRefer(486));
        _call.After(500).Do(Some.TakenOver);
        (Reported.Status, Reported.EndReason).ShouldBe((486, "noresource"));
        var offered = Some.In(CallPhase.Idle);
        offered.Do(Some.ReferArrived);
        offered.After(500).Do(Some.TakenOver);
        offered.Effects[^1].ShouldBeOfType<SendReInvite>();
        offered.State!.Referred!.Stage.ShouldBe(ReferredStage.Offered, "the application may still answer");
    }

    [Fact]
    public void A_call_that_comes_in_the_place_of_another_is_refused_with_603_by_default()
    {
        var call = new CallDriver();
        var trace = call.Trace(Some.Offer with { Replaces = Some.OtherId, ReferredBy = "sip:1001@a.example" });
        trace[1].ShouldBe(CallDriver.Event(1, "sys.call.on_replace",
            $$"""
            "replaces_call_res_id":"{{Some.OtherId}}","from_uri":"sip:1001@a.example","to_uri":"sip:2002@b.example",
            """.Trim() + """
            "referred_by":"sip:1001@a.example","begin_time":1700000000,"user_data":null,"ipsc_info":{"process_id":42}
            """.Trim()));
        call.AtDeadline();
        call.Effects.OfType<SendRefusal>().Single().Status.ShouldBe(603);
        var unattended = new CallDriver();
        unattended.Do(Some.Offer with { Replaces = Some.OtherId });
        unattended.Do(new SubscriberMissing());
        unattended.Effects.OfType<SendRefusal>().Single().Status.ShouldBe(603);
    }

    [Fact]
    public void Once_it_is_up_the_other_one_is_hung_up_and_again_after_a_takeover()
    {
        var call = new CallDriver();
        call.Do(Some.Offer with { Replaces = Some.OtherId });
        call.Do(new AnswerCall(600, null));
        call.Effects.ShouldNotContain(static effect => effect is HangUpReplaced);
        call.Do(new AckArrived(null));
        call.Effects.OfType<HangUpReplaced>().Single().Call.ShouldBe(Some.OtherId);
        call.Do(Some.TakenOver);
        call.Effects.OfType<HangUpReplaced>().Count().ShouldBe(2);
        _call.Do(new ReplacedBy(Some.OtherId));
        _call.Phase.ShouldBe(CallPhase.Released);
        _call.Effects.OfType<SendBye>().Single().Cause.ShouldBe(200);
        _call.Trace(new ReplacedBy(Some.OtherId)).ShouldBeEmpty("it was told before");
    }
}
