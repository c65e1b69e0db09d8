using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using static Cti.Calls.Tests.CallDriver;

namespace Cti.Calls.Tests;

/// <summary>Inbound calls: offered, answered, refused, given up.</summary>
public sealed class InboundTests
{
    private const string Answered = "sys.call.on_answer_completed";
    private const string Released = "sys.call.on_released";

    private static string ReleasedBy(string who, int cause, long end, string answered = "null", string userData = "null") =>
        $$"""
        "call_dir":"inbound","from_uri":"sip:1001@a.example","to_uri":"sip:2002@b.example","begin_time":1700000000,"answer_time":{{answered}},
        "end_time":{{end}},"dropped_by":"{{who}}","cause":{{cause}},"user_data":{{userData}},"ipsc_info":{"process_id":42,"call_id":"in-42@phone"}
        """.Replace("\n", "", StringComparison.Ordinal);

    [Fact]
    public void It_is_announced_and_the_caller_hears_ringing()
    {
        new CallDriver().Trace(Some.Offer).ShouldBe(
        [
            "+ Offered",
            Event(1, "sys.call.on_incoming", """
                "from_uri":"sip:1001@a.example","to_uri":"sip:2002@b.example","begin_time":1700000000,"user_data":null,"ipsc_info":{"process_id":42}
                """),
            "> SendRinging",
        ]);
    }

    [Fact]
    public void Answered_it_completes_when_the_ACK_came()
    {
        var call = Some.In(CallPhase.Initiated);
        call.After(3000).Trace(new AnswerCall(120, "mine")).ShouldBe(
            ["+ AnswerRequested", "+ UserDataSet", "> ConfigureMedia 192.0.2.9:4000", "> SendOk", "> reply null"]);
        call.Phase.ShouldBe(CallPhase.Answer);
        call.State!.Dialog!.IsConfirmed.ShouldBeTrue();
        call.Deadline.ShouldBeNull("waiting for the ACK has its own limit below");
        call.After(2000).Trace(new AckArrived(null)).ShouldBe(
        [
            "+ AnswerConfirmed",
            Event(2, Answered, """
                "error":null,"begin_time":1700000003,"end_time":1700000005,"user_data":"mine"
                """),
        ]);
        call.Phase.ShouldBe(CallPhase.Idle);
        call.Trace(new AckArrived(null)).ShouldBeEmpty();
    }

    [Fact]
    public void Offered_without_SDP_the_media_side_learns_from_the_ACK()
    {
        var call = new CallDriver();
        call.Do(Some.Offer with { Audio = null });
        call.Trace(new AnswerCall(120, null)).ShouldBe(["+ AnswerRequested", "> SendOk", "> reply null"]);
        call.Trace(new AckArrived(Some.Audio)).ShouldContain("> ConfigureMedia 192.0.2.9:4000");
        call.State!.Audio.ShouldBe(Some.Audio);
    }

    [Fact]
    public void Without_ACK_the_answer_fails_with_408()
    {
        var call = Some.In(CallPhase.Answer);
        call.After(32_000).Trace(new AckMissing()).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Answered, """
                "error":{"code":408,"message":"the far end never acknowledged the answer"},"begin_time":1700000000,"end_time":1700000032,"user_data":null
                """),
            Event(3, Released, ReleasedBy("sys", 408, 1700000032)),
            call.Closed(4),
            "> SendBye 408",
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void An_ACK_whose_answer_is_unusable_fails_with_488()
    {
        var call = Some.In(CallPhase.Answer);
        var trace = call.Trace(new AckUnusable());
        trace[1].ShouldBe(Event(2, Answered, """
            "error":{"code":488,"message":"the far end\u0027s answer to our offer is not usable"},"begin_time":1700000000,"end_time":1700000000,"user_data":null
            """));
        trace.ShouldContain("> SendBye 488");
    }

    [Fact]
    public void The_caller_gives_up_before_the_answer()
    {
        var call = Some.In(CallPhase.Initiated);
        call.After(1000).Trace(new CallerCancelled()).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Released, ReleasedBy("usr", 487, 1700000001)),
            call.Closed(3),
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void A_CANCEL_that_crosses_our_200_changes_nothing_and_the_caller_hangs_up()
    {
        var call = Some.In(CallPhase.Answer);
        call.Trace(new CallerCancelled()).ShouldBeEmpty();
        call.Trace(new ByeArrived(null)).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Answered, """
                "error":{"code":410,"message":"the far end hung up"},"begin_time":1700000000,"end_time":1700000000,"user_data":null
                """),
            Event(3, Released, ReleasedBy("usr", 200, 1700000000)),
            call.Closed(4),
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void A_BYE_before_the_answer_ends_the_INVITE_with_487()
    {
        var call = Some.In(CallPhase.Initiated);
        call.Trace(new ByeArrived(null)).ShouldContain("> SendRefusal 487");
        CallDecider.Owed(call.State!).ShouldBe(new SendRefusal(487));
        Text(call.Events.Single(e => e.Method == Released).Params).ShouldContain("\"dropped_by\":\"usr\",\"cause\":200");
    }

    [Fact]
    public void Rejected_with_the_cause_and_the_user_data()
    {
        var call = Some.In(CallPhase.Initiated);
        call.Trace(new RejectCall(486, "why")).ShouldBe(
        [
            "+ UserDataSet",
            "+ CallReleased",
            Event(2, Released, ReleasedBy("sys", 486, 1700000000, userData: "\"why\"")),
            call.Closed(3),
            "> reply null",
            "> SendRefusal 486",
            "> CloseMedia",
        ]);
        call.Trace(new AckArrived(null)).ShouldBe(["+ Settled"]);
        call.State!.Closing.ShouldBe(SipClosing.None);
    }

    [Theory]
    [InlineData("sip:3003@c.example:5070", "sip:3003@c.example:5070")]
    [InlineData("sip:c.example:5070", "sip:2002@c.example:5070")]
    [InlineData("c.example", "sip:2002@c.example")]
    [InlineData("3003@c.example", "sip:3003@c.example")]
    [InlineData("sips:c.example", "sips:2002@c.example")]
    [InlineData("[2001:db8::1]:5060", "sip:2002@[2001:db8::1]:5060")]
    public void Redirected_with_302_and_its_Contact(string target, string contact)
    {
        var call = Some.In(CallPhase.Initiated);
        call.Trace(new RedirectCall(target, "why")).ShouldBe(
        [
            "+ UserDataSet",
            "+ CallReleased",
            Event(2, Released, ReleasedBy("sys", 302, 1700000000, userData: "\"why\"")),
            call.Closed(3),
            "> reply null",
            $"> SendRefusal 302 {contact}",
            "> CloseMedia",
        ]);
        CallDecider.Owed(call.State!).ShouldBe(new SendRefusal(302, contact));
    }

    [Fact]
    public void Nobody_takes_it_in_time_and_it_is_refused_with_480()
    {
        var call = Some.In(CallPhase.Initiated);
        call.Deadline.ShouldBe(Some.Start + 30_000);
        call.AtDeadline().ShouldBe(
        [
            "+ CallReleased",
            Event(2, Released, ReleasedBy("sys", 480, 1700000030)),
            call.Closed(3),
            "> SendRefusal 480",
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void Without_a_subscriber_it_is_refused_with_480_unless_it_was_answered_meanwhile()
    {
        var call = Some.In(CallPhase.Initiated);
        call.After(5000).Trace(new SubscriberMissing()).ShouldContain("> SendRefusal 480");
        call.Events.Select(e => e.Method).ShouldBe(["sys.call.on_incoming", Released, "sys.on_chan_closed"]);
        Some.In(CallPhase.Answer).Trace(new SubscriberMissing()).ShouldBeEmpty();
        Some.In(CallPhase.Idle).Trace(new SubscriberMissing()).ShouldBeEmpty();
    }

    [Fact]
    public void The_older_generation_drops_instead_of_rejecting()
    {
        var call = Some.In(CallPhase.Initiated);
        var refused = call.Do(new DropCall(603, ApiGeneration.V2)).Refusal!;
        refused.Code.ShouldBe(409, "the present generation refuses a call by another method");
        refused.Message.ShouldEndWith("; sys.call.reject refuses a call that is not answered");
        call.Do(new DropCall(200, ApiGeneration.V1)).Refusal!.Code.ShouldBe(-32602);
        call.Do(new DropCall(399, ApiGeneration.V1)).Refusal!.Data!["param"].ShouldBe("cause");
        call.Trace(new DropCall(486, ApiGeneration.V1)).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Released, ReleasedBy("sys", 486, 1700000000)),
            call.Closed(3),
            "> reply null",
            "> SendRefusal 486",
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void The_older_generation_drops_a_call_that_is_being_answered_with_a_BYE()
    {
        var call = Some.In(CallPhase.Answer);
        call.Trace(new DropCall(603, ApiGeneration.V1)).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Answered, """
                "error":{"code":410,"message":"the call was hung up"},"begin_time":1700000000,"end_time":1700000000,"user_data":null
                """),
            Event(3, Released, ReleasedBy("sys", 603, 1700000000)),
            call.Closed(4),
            "> reply null",
            "> SendBye 603",
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void A_user_data_that_is_not_given_leaves_what_was_set()
    {
        var call = Some.In(CallPhase.Idle, CallDirection.Outbound);
        call.State!.UserData.ShouldBe("mine");
        var inbound = Some.In(CallPhase.Initiated);
        inbound.Do(new AnswerCall(60, "set"));
        inbound.Do(new AckArrived(null));
        inbound.Do(Some.Play);
        inbound.Do(new PlayFinished(1, MediaEnd.Completed, null));
        inbound.Do(new ByeArrived(null));
        inbound.Events.Skip(1).Where(e => e.Method != "sys.on_chan_closed")
            .ShouldAllBe(e => Text(e.Params).Contains("\"user_data\":\"set\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, 200)]
    [InlineData(486, 486)]
    public void The_far_end_hangs_up_with_its_reason(int? reason, int cause)
    {
        var call = Some.In(CallPhase.Idle);
        call.After(9000).Trace(new ByeArrived(reason)).ShouldBe(
        [
            "+ CallReleased",
            Event(3, Released, ReleasedBy("usr", cause, 1700000009, "1700000000")),
            call.Closed(4),
            "> CloseMedia",
        ]);
        call.State!.Closing.ShouldBe(SipClosing.None);
    }

    [Fact]
    public void A_re_INVITE_changes_dialog_and_media_and_nothing_else()
    {
        var call = Some.In(CallPhase.Play);
        var moved = Some.InboundDialog with { RemoteTarget = "sip:1001@192.0.2.77", RemoteCSeq = 18 };
        call.Trace(new DialogChanged(moved, Some.Held, "v=0\r\n")).ShouldBe(["+ DialogUpdated", "> ConfigureMedia 0.0.0.0:4000", "> ConfirmChange"]);
        call.Phase.ShouldBe(CallPhase.Play);
        call.State!.Dialog.ShouldBe(moved);
        call.State.Audio.ShouldBe(Some.Held);
    }

    [Fact]
    public void A_far_end_that_no_longer_knows_the_call_gets_no_BYE()
    {
        var call = Some.In(CallPhase.Idle);
        call.Trace(new DialogLost(481)).ShouldBe(
        [
            "+ CallReleased",
            Event(3, Released, ReleasedBy("usr", 481, 1700000000, "1700000000")),
            call.Closed(4),
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void A_far_end_that_no_longer_answers_gets_a_BYE()
    {
        Some.In(CallPhase.Idle).Trace(new DialogLost(408)).ShouldContain("> SendBye 408");
    }
}
