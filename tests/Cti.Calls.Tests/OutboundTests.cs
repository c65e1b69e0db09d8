using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using static Cti.Calls.Tests.CallDriver;

namespace Cti.Calls.Tests;

/// <summary>Dialling: what goes to the far end, what the application hears, when.</summary>
public sealed class OutboundTests
{
    private const string Ringing = "sys.call.on_ringing";
    private const string Dialled = "sys.call.on_dial_completed";
    private const string Released = "sys.call.on_released";

    private static string ReleasedBy(string who, int cause, long end, string answered = "null") =>
        $$"""
        "call_dir":"outbound","from_uri":"sip:1001@a.example","to_uri":"sip:2002@b.example","begin_time":1700000000,"answer_time":{{answered}},
        "end_time":{{end}},"dropped_by":"{{who}}","cause":{{cause}},"user_data":"mine","ipsc_info":{"process_id":42,"call_id":"out-42@cti"}
        """.Replace("\n", "", StringComparison.Ordinal);

    [Fact]
    public void Construct_sends_the_INVITE_and_answers_with_the_resource()
    {
        new CallDriver().Trace(Some.Construct).ShouldBe(
        [
            "+ Constructed",
            "> SendInvite",
            """> reply {"res_id":"0.0.7-sys.call-42","to_uri":"sip:2002@b.example","user_data":"mine","ipsc_info":{"process_id":42}}""",
        ]);
    }

    [Fact]
    public void It_rings_once_and_is_answered()
    {
        var call = Some.In(CallPhase.Initiated, CallDirection.Outbound);
        call.After(2000).Trace(new FarEndRings()).ShouldBe(["+ RingingBegan", Event(1, Ringing, """
            "ring_time":1700000002,"user_data":"mine"
            """)]);
        call.After(1000).Trace(new FarEndRings()).ShouldBeEmpty();
        call.Phase.ShouldBe(CallPhase.Ring);
        call.After(2000).Trace(Some.FarEndAnswered).ShouldBe(
        [
            "+ DialAnswered",
            Event(2, Dialled, """
                "error":null,"begin_time":1700000000,"answer_time":1700000005,"end_time":1700000005,"user_data":"mine"
                """),
            "> ConfigureMedia 192.0.2.9:4000",
            "> SendAck",
        ]);
        call.Phase.ShouldBe(CallPhase.Idle);
        call.Trace(Some.FarEndAnswered).ShouldBeEmpty("a retransmitted 200 is acknowledged below");
        call.Trace(new FarEndRings()).ShouldBeEmpty();
    }

    [Fact]
    public void Answered_without_ringing_there_is_no_on_ringing()
    {
        var call = Some.In(CallPhase.Initiated, CallDirection.Outbound);
        call.Do(Some.FarEndAnswered);
        call.Events.Select(e => e.Method).ShouldBe([Dialled]);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Refused_it_completes_and_is_released_with_the_status(bool rang)
    {
        var call = Some.In(rang ? CallPhase.Ring : CallPhase.Initiated, CallDirection.Outbound);
        var first = rang ? 2 : 1;
        call.After(3000).Trace(new DialFailed(486, "Busy Here")).ShouldBe(
        [
            "+ CallReleased",
            Event(first, Dialled, """
                "error":{"code":486,"message":"Busy Here"},"begin_time":1700000000,"answer_time":null,"end_time":1700000003,"user_data":"mine"
                """),
            Event(first + 1, Released, ReleasedBy("usr", 486, 1700000003)),
            call.Closed(first + 2),
            "> CloseMedia",
        ]);
        call.State!.Closing.ShouldBe(SipClosing.None);
    }

    [Fact]
    public void Without_ringing_or_answer_it_times_out_and_is_cancelled()
    {
        var call = Some.In(CallPhase.Initiated, CallDirection.Outbound);
        call.Deadline.ShouldBe(Some.Start + 60_000);
        call.After(59_999).Trace(new TimeReached()).ShouldBeEmpty();
        call.AtDeadline().ShouldBe(
        [
            "+ CallReleased",
            Event(1, Dialled, """
                "error":{"code":408,"message":"no ringing and no answer came"},"begin_time":1700000000,"answer_time":null,
                "end_time":1700000060,"user_data":"mine"
                """.Replace("\n", "", StringComparison.Ordinal)),
            Event(2, Released, ReleasedBy("sys", 408, 1700000060)),
            call.Closed(3),
            "> SendCancel",
            "> CloseMedia",
        ]);
        call.Deadline.ShouldBeNull();
    }

    [Fact]
    public void The_limit_on_ringing_counts_from_the_first_ringing()
    {
        var call = Some.In(CallPhase.Initiated, CallDirection.Outbound).After(55_000);
        call.Do(new FarEndRings());
        call.Deadline.ShouldBe(Some.Start + 55_000 + 50_000);
        call.After(10_000).Do(new FarEndRings());
        call.Deadline.ShouldBe(Some.Start + 55_000 + 50_000);
        call.AtDeadline().ShouldBe(
        [
            "+ CallReleased",
            Event(2, Dialled, """
                "error":{"code":408,"message":"max_ring_seconds is over"},"begin_time":1700000000,"answer_time":null,"end_time":1700000105,"user_data":"mine"
                """),
            Event(3, Released, ReleasedBy("sys", 408, 1700000105)),
            call.Closed(4),
            "> SendCancel",
            "> CloseMedia",
        ]);
    }

    [Theory]
    [InlineData(CallPhase.Initiated)]
    [InlineData(CallPhase.Ring)]
    public void Dropped_before_the_answer_it_is_cancelled(CallPhase phase)
    {
        var call = Some.In(phase, CallDirection.Outbound);
        var first = call.Events.Count + 1;
        call.Trace(new DropCall(486, ApiGeneration.V2)).ShouldBe(
        [
            "+ CallReleased",
            Event(first, Dialled, """
                "error":{"code":487,"message":"the dialling was dropped"},"begin_time":1700000000,"answer_time":null,"end_time":1700000000,"user_data":"mine"
                """),
            Event(first + 1, Released, ReleasedBy("sys", 486, 1700000000)),
            call.Closed(first + 2),
            "> reply null",
            "> SendCancel",
            "> CloseMedia",
        ]);
        call.Trace(new DialFailed(487, "Request Terminated")).ShouldBe(["+ Settled"]);
        call.Trace(new DialFailed(487, "Request Terminated")).ShouldBeEmpty();
    }

    [Fact]
    public void A_200_that_crosses_our_CANCEL_is_acknowledged_and_hung_up()
    {
        var call = Some.In(CallPhase.Ring, CallDirection.Outbound);
        call.Do(new DropCall(603, ApiGeneration.V2));
        call.Trace(Some.FarEndAnswered).ShouldBe(["+ CallReleased", "> SendAck", "> SendBye 603"]);
        call.State!.Dialog!.RemoteTarget.ShouldBe("sip:2002@192.0.2.9:5060");
        call.Trace(Some.FarEndAnswered).ShouldBeEmpty();
        call.Trace(new FarEndSettled()).ShouldBe(["+ Settled"]);
        call.Events.Count(e => e.Method == Released).ShouldBe(1);
    }

    [Fact]
    public void An_unusable_200_that_crosses_our_CANCEL_is_acknowledged_and_hung_up_too()
    {
        var call = Some.In(CallPhase.Initiated, CallDirection.Outbound);
        call.Do(new DropCall(603, ApiGeneration.V2));
        call.Trace(new FarEndUnusable(Some.OutboundDialog, 488, "no common codec")).ShouldBe(["+ CallReleased", "> SendAck", "> SendBye 603"]);
    }

    [Fact]
    public void An_answer_that_we_cannot_talk_to_is_acknowledged_hung_up_and_reported()
    {
        var call = Some.In(CallPhase.Ring, CallDirection.Outbound);
        call.Trace(new FarEndUnusable(Some.OutboundDialog, 488, "no common codec")).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Dialled, """
                "error":{"code":488,"message":"no common codec"},"begin_time":1700000000,"answer_time":null,"end_time":1700000000,"user_data":"mine"
                """),
            Event(3, Released, ReleasedBy("sys", 488, 1700000000)),
            call.Closed(4),
            "> SendAck",
            "> SendBye 488",
            "> CloseMedia",
        ]);
        call.State!.Dialog.ShouldBe(Some.OutboundDialog);
    }

    [Fact]
    public void A_far_end_that_hangs_up_before_its_200_came_is_cancelled_and_a_late_200_hung_up()
    {
        var call = Some.In(CallPhase.Ring, CallDirection.Outbound);
        call.Trace(new ByeArrived(null)).Last(line => line.StartsWith("> Send", StringComparison.Ordinal)).ShouldBe("> SendCancel");
        call.Trace(Some.FarEndAnswered).ShouldBe(["+ CallReleased", "> SendAck", "> SendBye 200"]);
    }

    [Fact]
    public void Dropped_when_up_it_is_hung_up_with_the_cause()
    {
        var call = Some.In(CallPhase.Idle, CallDirection.Outbound);
        call.After(7000).Trace(new DropCall(200, ApiGeneration.V2)).ShouldBe(
        [
            "+ CallReleased",
            Event(2, Released, ReleasedBy("sys", 200, 1700000007, "1700000000")),
            call.Closed(3),
            "> reply null",
            "> SendBye 200",
            "> CloseMedia",
        ]);
    }

    [Fact]
    public void A_caller_left_to_the_line_is_null_in_events()
    {
        var call = new CallDriver();
        call.Do(Some.Construct with { FromUri = "", UserData = null });
        call.Do(new DialFailed(404, "Not Found"));
        Text(call.Events.Single(e => e.Method == Released).Params).ShouldContain("""
            "from_uri":null,"to_uri":"sip:2002@b.example"
            """);
        Text(call.Events.Single(e => e.Method == Released).Params).ShouldContain("""
            "user_data":null
            """);
    }
}
