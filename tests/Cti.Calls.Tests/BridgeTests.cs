using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>Bridging, as each of the two parties decides it.</summary>
public sealed class BridgeTests
{
    private const string Connected = "sys.call.on_connect_completed";
    private const string First = "0.0.1-sys.call-65";

    private static CallDecision Ask(CallDriver call, string op = "op-9", string first = First) => call.Do(new JoinAsked(op, first));

    [Fact]
    public void The_request_is_answered_only_when_the_second_party_has_joined()
    {
        var call = Some.In(CallPhase.Idle);
        var asked = call.Do(Some.Connect);
        asked.Effects.ShouldBe([new AskJoin(Some.OtherId, "op-1")]);
        call.Phase.ShouldBe(CallPhase.Connect, "other actions find it there from now on");
        call.Do(Some.Play).Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        var refused = call.Do(new StopConnect()).Refusal!;
        refused.Code.ShouldBe(ErrorCodes.Conflict, "there is nothing to stop yet");
        refused.Message.ShouldContain("has not joined yet");
        var joined = call.Do(new JoinAnswered("op-1", Some.OtherId, null));
        joined.Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
        joined.Effects.OfType<ConnectMedia>().ShouldHaveSingleItem().Peer.ShouldBe(Some.OtherId);
    }

    [Fact]
    public void A_second_party_that_is_not_idle_refuses_and_the_first_is_idle_again_without_an_event()
    {
        var second = Some.In(CallPhase.Play);
        var refusal = Ask(second).Effects.OfType<AnswerJoin>().ShouldHaveSingleItem().Refusal!;
        (refusal.Code, refusal.Data!["state"]).ShouldBe((ErrorCodes.Conflict, "Play"));
        second.Phase.ShouldBe(CallPhase.Play);
        var first = Some.In(CallPhase.Idle);
        var events = first.Events.Count;
        first.Do(Some.Connect);
        first.Do(new JoinAnswered("op-1", Some.OtherId, refusal)).Effects.OfType<ReplyRefused>().ShouldHaveSingleItem().Refusal.ShouldBe(refusal);
        first.Phase.ShouldBe(CallPhase.Idle);
        first.Events.Count.ShouldBe(events);
    }

    [Fact]
    public void Stopped_it_completes_without_error_and_the_other_party_is_told()
    {
        var call = Some.In(CallPhase.Connect);
        var stopped = call.After(5000).Do(new StopConnect());
        stopped.Effects.OfType<PartBridge>().ShouldBe([new PartBridge(Some.OtherId, "op-1")]);
        stopped.Effects.OfType<DisconnectMedia>().ShouldHaveSingleItem();
        call.Events[^1].Method.ShouldBe(Connected);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void The_second_party_returns_to_idle_when_it_is_parted_and_reports_nothing()
    {
        var second = Some.In(CallPhase.Idle);
        var events = second.Events.Count;
        Ask(second).Effects.ShouldBe([new AnswerJoin(First, "op-9", null)]);
        second.Phase.ShouldBe(CallPhase.Connect);
        var refused = second.Do(new StopConnect()).Refusal!;
        refused.Code.ShouldBe(ErrorCodes.Conflict, "only the first party stops it");
        refused.Message.ShouldBe($"sys.call.connect_stop is for the first party, {second.State!.Bridge!.Peer}; this call is the second");
        second.Trace(new BridgeParted("another")).ShouldBeEmpty();
        second.Do(new BridgeParted("op-9"));
        second.Phase.ShouldBe(CallPhase.Idle);
        second.Events.Count.ShouldBe(events);
    }

    [Fact]
    public void The_other_partys_hang_up_ends_it_without_error_and_this_calls_own_with_410()
    {
        var other = Some.In(CallPhase.Connect);
        other.Do(new BridgeParted("op-1")).Effects.OfType<PartBridge>().ShouldBeEmpty("it knows");
        other.Events[^1].Method.ShouldBe(Connected);
        other.Phase.ShouldBe(CallPhase.Idle);
        var own = Some.In(CallPhase.Connect);
        var before = own.Events.Count;
        own.Do(new ByeArrived(null)).Effects.OfType<PartBridge>().ShouldHaveSingleItem();
        own.Events.Skip(before).Select(happened => happened.Method).ShouldBe([Connected, "sys.call.on_released", "sys.on_chan_closed"]);
        System.Text.Encoding.UTF8.GetString(own.Events[before].Params.Span).ShouldContain("\"code\":410");
    }

    [Fact]
    public void A_hang_up_while_the_second_party_is_asked_refuses_the_request_and_sends_it_away_when_it_joins_after_all()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(Some.Connect);
        var before = call.Events.Count;
        call.Do(new ByeArrived(null)).Effects.OfType<ReplyRefused>().ShouldHaveSingleItem().Refusal.Code.ShouldBe(ErrorCodes.NotFound);
        call.Events.Skip(before).Select(happened => happened.Method).ShouldBe(["sys.call.on_released", "sys.on_chan_closed"]);
        call.Do(new JoinAnswered("op-1", Some.OtherId, null)).Effects.ShouldBe([new PartBridge(Some.OtherId, "op-1")]);
    }

    [Fact]
    public void Of_two_that_ask_each_other_the_smaller_id_goes_on()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(Some.Connect);
        var own = call.State!.Id.ProcessId;
        var yielding = call.Do(new JoinAsked("op-9", Some.OtherId));
        if (own < 131) yielding.Effects.OfType<AnswerJoin>().ShouldHaveSingleItem().Refusal.ShouldNotBeNull();
        else
        {
            yielding.Effects.OfType<ReplyRefused>().ShouldHaveSingleItem();
            call.State!.Bridge!.IsFirst.ShouldBeFalse();
        }
        call.Phase.ShouldBe(CallPhase.Connect);
    }

    [Fact]
    public void The_limit_ends_it_without_error_and_the_scheduled_file_plays_once_at_its_time()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(new StartConnect("op-1", Some.OtherId,
            new BridgeSpec { MaxSeconds = 60, ScheduleAtSeconds = (Some.Start / 1000) + 30, ScheduleFile = "soon.wav", ScheduleTimes = 2 }));
        call.Do(new JoinAnswered("op-1", Some.OtherId, null));
        call.AtDeadline().ShouldContain(line => line.StartsWith("> PlayToBridge", StringComparison.Ordinal));
        call.Now.ShouldBe(Some.Start + 30_000);
        call.AtDeadline();
        call.Now.ShouldBe(Some.Start + 60_000);
        call.Events[^1].Method.ShouldBe(Connected);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_scheduled_time_that_is_past_plays_nothing()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(new StartConnect("op-1", Some.OtherId,
            new BridgeSpec { MaxSeconds = 60, ScheduleAtSeconds = (Some.Start / 1000) - 5, ScheduleFile = "late.wav", ScheduleTimes = 1 }));
        call.Do(new JoinAnswered("op-1", Some.OtherId, null));
        call.Deadline.ShouldBe(Some.Start + 60_000);
    }

    [Fact]
    public void A_media_side_that_fails_completes_it_with_500()
    {
        var call = Some.In(CallPhase.Connect);
        call.Do(new BridgeFinished(call.State!.Bridge!.Number, MediaEnd.Failed, "no room"));
        System.Text.Encoding.UTF8.GetString(call.Events[^1].Params.Span).ShouldContain("\"code\":500");
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_recorded_one_completes_when_its_file_is_complete()
    {
        foreach (var end in (ResourceCommand[])[new StopConnect(), new BridgeParted("op-1")])
        {
            var call = Recorded();
            var number = call.State!.Bridge!.Number;
            var told = call.Events.Count;
            call.Do(end).Effects.OfType<DisconnectMedia>().ShouldHaveSingleItem();
            (call.Phase, call.Events.Count).ShouldBe((CallPhase.Connect, told));
            call.Do(new StopConnect()).Refusal.ShouldBeNull("a second stop changes nothing");
            call.Do(new BridgeFinished(number, MediaEnd.Stopped, null)).Events.ShouldHaveSingleItem().Method.ShouldBe(Connected);
            call.Phase.ShouldBe(CallPhase.Idle);
            call.Do(new BridgeFinished(number, MediaEnd.Stopped, null)).Events.ShouldBeEmpty();
        }
    }

    [Fact]
    public void A_recorded_one_whose_media_is_over_already_waits_for_nothing()
    {
        var call = Recorded();
        call.Do(new BridgeFinished(call.State!.Bridge!.Number, MediaEnd.Completed, null)).Events.ShouldBeEmpty("the other party says itself that it hung up");
        call.Do(new BridgeParted("op-1")).Events.ShouldHaveSingleItem().Method.ShouldBe(Connected);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_file_that_is_never_completed_keeps_nobody_waiting()
    {
        var call = Recorded();
        call.Do(new StopConnect());
        var asked = call.Now;
        call.AtDeadline().ShouldContain(line => line.Contains(Connected, StringComparison.Ordinal));
        (call.Now - asked, call.Phase).ShouldBe((5_000, CallPhase.Idle));
    }

    [Fact]
    public void A_hang_up_while_the_file_is_completed_tells_how_it_had_ended()
    {
        var call = Recorded();
        call.Do(new StopConnect());
        var released = call.Do(new ByeArrived(null));
        released.Events[0].Method.ShouldBe(Connected);
        CallDriver.Text(released.Events[0].Params).ShouldContain("\"error\":null");
        released.Effects.OfType<PartBridge>().ShouldBeEmpty("it was told before");
    }

    private static CallDriver Recorded()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(Some.Connect with { Spec = Some.Connect.Spec with { RecordPath = "/r/both.wav", RecordFormat = "Alaw" } });
        call.Do(new JoinAnswered("op-1", Some.OtherId, null));
        return call;
    }
}
