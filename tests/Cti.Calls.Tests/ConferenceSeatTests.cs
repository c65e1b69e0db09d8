using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>Entering and leaving a conference, as the call decides it.</summary>
public sealed class ConferenceSeatTests
{
    private const string Completed = "sys.call.on_conf_completed";
    private static readonly EnterAnswered Accepted = new("op-c", Some.ConferenceId, null);

    private static string[] Methods(CallDriver call, int from) => [.. call.Events.Skip(from).Select(happened => happened.Method)];

    private static int? ErrorOf(CallDriver call, string method)
    {
        var error = System.Text.Json.JsonDocument.Parse(call.Events.Last(happened => happened.Method == method).Params).RootElement.GetProperty("error");
        return error.ValueKind == System.Text.Json.JsonValueKind.Null ? null : error.GetProperty("code").GetInt32();
    }

    [Fact]
    public void The_request_is_answered_when_the_conference_has_let_it_in_and_the_limit_counts_from_then()
    {
        var call = Some.In(CallPhase.Idle);
        var asked = call.Do(Some.Enter with { VoiceMode = 3, Volume = 5, EntrySound = ["ding.wav"] });
        var entry = asked.Effects.OfType<AskEntry>().ShouldHaveSingleItem().Asked;
        (entry.Op, entry.Call, entry.VoiceMode, entry.Volume, entry.EntrySound.Single()).ShouldBe(("op-c", Some.Id, 3, 5, "ding.wav"));
        call.Phase.ShouldBe(CallPhase.Conf, "other actions find it there from now on");
        call.Do(Some.Enter with { Op = "second" }).Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        call.Do(new ExitConference(Some.ConferenceId)).Refusal!.Code.ShouldBe(ErrorCodes.Conflict, "it is not in yet");
        call.After(5000).Trace(Accepted).ShouldBe(["+ SeatTaken", "> reply null"]);
        call.Deadline.ShouldBe(Some.Start + 65_000);
        call.Trace(Accepted).ShouldBeEmpty("told again");
    }

    [Fact]
    public void A_refusal_is_passed_on_and_leaves_everything_as_it_was()
    {
        var call = Some.In(CallPhase.Play);
        var events = call.Events.Count;
        call.Do(Some.Enter);
        call.Do(new StopPlay()).Refusal!.Data!["state"].ShouldBe("Conf");
        call.Trace(new EnterAnswered("op-c", Some.ConferenceId, RpcError.NoSuchResource(Some.ConferenceId))).ShouldBe(["+ SeatLeft", "> ReplyRefused"]);
        call.Phase.ShouldBe(CallPhase.Play, "the play goes on");
        call.Events.Count.ShouldBe(events);
    }

    [Fact]
    public void From_play_the_play_completes_with_487_before_it_is_in()
    {
        var call = Some.In(CallPhase.Play);
        var events = call.Events.Count;
        call.Do(Some.Enter);
        call.Do(Accepted).Effects.OfType<StopMediaPlay>().ShouldHaveSingleItem();
        Methods(call, events).ShouldBe(["sys.call.on_play_completed"]);
        ErrorOf(call, "sys.call.on_play_completed").ShouldBe(487);
        call.Do(new ExitConference(Some.ConferenceId));
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_play_that_ends_while_the_conference_is_asked_completes_in_the_ordinary_way()
    {
        var call = Some.In(CallPhase.Play);
        call.Do(Some.Enter);
        call.Do(new PlayFinished(call.State!.Action!.Number, MediaEnd.Completed, null));
        ErrorOf(call, "sys.call.on_play_completed").ShouldBeNull();
        call.Phase.ShouldBe(CallPhase.Conf);
        call.Do(Accepted).Events.ShouldBeEmpty();
    }

    [Fact]
    public void Conf_exit_and_the_limit_end_it_without_error_and_the_call_is_idle()
    {
        foreach (var byLimit in new[] { false, true })
        {
            var call = Some.In(CallPhase.Conf);
            var since = call.Now;
            if (byLimit) call.AtDeadline();
            else call.After(5000).Do(new ExitConference(Some.ConferenceId)).Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
            ErrorOf(call, Completed).ShouldBeNull();
            call.Effects.OfType<LeaveConference>().ShouldBe([new LeaveConference(Some.ConferenceId, "op-c")]);
            call.Phase.ShouldBe(CallPhase.Idle);
            call.State!.IdleSinceMillis.ShouldBe(since + (byLimit ? 60_000 : 5000), "the idle clock begins anew");
        }
    }

    [Fact]
    public void Conf_exit_names_the_conference_that_the_call_is_in()
    {
        var refusal = Some.In(CallPhase.Conf).Do(new ExitConference("0.0.2-sys.conf-999")).Refusal!;
        refusal.Code.ShouldBe(ErrorCodes.Conflict);
        refusal.Message.ShouldContain(Some.ConferenceId);
    }

    [Fact]
    public void The_conferences_end_puts_it_out_and_what_is_said_of_another_entry_is_ignored()
    {
        var call = Some.In(CallPhase.Conf);
        call.Trace(new ConferenceParted("another", null, null)).ShouldBeEmpty();
        call.Trace(new ConferenceParted("op-c", null, null)).Count(line => line.StartsWith('>')).ShouldBe(0, "the conference knows");
        ErrorOf(call, Completed).ShouldBeNull();
        var lost = Some.In(CallPhase.Conf);
        lost.Do(new ConferenceParted("op-c", 503, "the node stops"));
        ErrorOf(lost, Completed).ShouldBe(503);
    }

    [Fact]
    public void A_hang_up_leaves_the_conference_with_410_before_the_call_is_released()
    {
        var call = Some.In(CallPhase.Conf);
        var events = call.Events.Count;
        call.Do(new ByeArrived(null)).Effects.OfType<LeaveConference>().ShouldHaveSingleItem();
        Methods(call, events).ShouldBe([Completed, "sys.call.on_released", "sys.on_chan_closed"]);
        ErrorOf(call, Completed).ShouldBe(410);
        var lost = Some.In(CallPhase.Conf);
        lost.Do(new NodeLost());
        ErrorOf(lost, Completed).ShouldBe(503);
    }

    [Fact]
    public void A_hang_up_while_the_conference_is_asked_refuses_the_request_and_whoever_lets_it_in_later_is_told()
    {
        var call = Some.In(CallPhase.Idle);
        call.Do(Some.Enter);
        var hungUp = call.Do(new ByeArrived(null));
        hungUp.Effects.OfType<ReplyRefused>().Single().Refusal.Code.ShouldBe(404);
        hungUp.Effects.OfType<LeaveConference>().ShouldHaveSingleItem();
        call.Events.ShouldNotContain(happened => happened.Method == Completed);
        call.Do(Accepted).Effects.ShouldBe([new LeaveConference(Some.ConferenceId, "op-c")]);
    }

    [Fact]
    public void An_early_member_goes_on_ringing_beneath_and_is_idle_afterwards_when_it_was_answered()
    {
        var call = Some.In(CallPhase.Ring, CallDirection.Outbound);
        call.Do(Some.Enter);
        call.Do(Accepted);
        call.Phase.ShouldBe(CallPhase.Conf);
        call.Do(Some.FarEndAnswered).Events.Single().Method.ShouldBe("sys.call.on_dial_completed");
        call.Phase.ShouldBe(CallPhase.Conf);
        call.Do(new ExitConference(Some.ConferenceId));
        call.Phase.ShouldBe(CallPhase.Idle);
        var ringing = Some.In(CallPhase.Ring, CallDirection.Outbound);
        ringing.Do(Some.Enter);
        ringing.Do(Accepted);
        ringing.Do(new ExitConference(Some.ConferenceId));
        ringing.Phase.ShouldBe(CallPhase.Ring, "it was not answered");
        ringing.State!.StateName(ApiGeneration.V1).ShouldBe("Initiated");
    }

    [Fact]
    public void When_an_early_members_dialling_fails_it_leaves_the_conference_and_is_released()
    {
        var call = Some.In(CallPhase.Ring, CallDirection.Outbound);
        call.Do(Some.Enter);
        call.Do(Accepted);
        var events = call.Events.Count;
        call.Do(new DialFailed(486, "Busy Here"));
        Methods(call, events).ShouldBe([Completed, "sys.call.on_dial_completed", "sys.call.on_released", "sys.on_chan_closed"]);
        (ErrorOf(call, Completed), ErrorOf(call, "sys.call.on_dial_completed")).ShouldBe((410, 486));
        var late = Some.In(CallPhase.Ring, CallDirection.Outbound);
        late.Do(Some.Enter with { MaxSeconds = 600 });
        late.Do(Accepted);
        late.AtDeadline();
        (ErrorOf(late, Completed), ErrorOf(late, "sys.call.on_dial_completed")).ShouldBe((410, 408), "max_ring_seconds goes on beneath the conference");
    }

    [Fact]
    public void A_dialling_goes_on_beneath_the_conference_but_not_over_a_bridge()
    {
        var call = Some.In(CallPhase.Dial);
        call.Do(Some.Enter);
        call.Do(Accepted);
        call.Do(new ExitConference(Some.ConferenceId));
        call.Phase.ShouldBe(CallPhase.Dial);
        var bridged = Some.In(CallPhase.Connect);
        bridged.Force(CallPhase.Dial);
        var refusal = bridged.Do(Some.Enter).Refusal!;
        (refusal.Code, refusal.Data!["state"]).ShouldBe((ErrorCodes.Conflict, "Dial"));
        refusal.Message.ShouldContain("connect_stop");
    }

    [Fact]
    public void Another_party_cannot_bridge_it_while_it_is_in()
    {
        var call = Some.In(CallPhase.Conf);
        call.Do(new JoinAsked("op-9", Some.OtherId)).Effects.OfType<AnswerJoin>().Single().Refusal!.Data!["state"].ShouldBe("Conf");
    }
}
