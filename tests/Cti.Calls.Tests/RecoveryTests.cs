using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests;

/// <summary>What a call does whose node is gone, in every state.</summary>
public sealed class RecoveryTests
{
    private static CallDriver Up(CallDirection direction, Action<CallDriver>? then = null)
    {
        var call = Some.In(CallPhase.Idle, direction);
        then?.Invoke(call);
        return call;
    }

    private static int? ErrorOf(ResourceEvent happened)
    {
        using var json = JsonDocument.Parse(happened.Params);
        var error = json.RootElement.GetProperty("error");
        return error.ValueKind == JsonValueKind.Null ? null : error.GetProperty("code").GetInt32();
    }

    private static DialogChanged Agreed(CallDriver call) => new(call.State!.Dialog!, Some.Audio, Some.NewSdp);

    [Fact]
    public void Answered_calls_go_on_what_is_dialled_does_not()
    {
        foreach (var (phase, direction) in Some.Situations)
        {
            var expected = phase is not (CallPhase.Initiated or CallPhase.Ring or CallPhase.Answer or CallPhase.Released);
            var call = Some.In(phase, direction);
            CallDecider.GoesOn(call.State!).ShouldBe(expected, $"{phase} {direction}");
            if (expected) continue;
            call.Do(Some.TakenOver with { LostAtMillis = Some.Start }).Entries.ShouldNotContain(entry => entry is Recovered);
            call.Phase.ShouldBe(CallPhase.Released);
        }
    }

    [Fact]
    public void An_answered_call_tells_its_far_end_where_it_is_with_a_number_beyond_what_was_used()
    {
        foreach (var direction in Enum.GetValues<CallDirection>())
        {
            var call = Up(direction).After(60_000);
            var used = call.State!.Dialog!.LocalCSeq;
            call.Trace(Some.TakenOver with { LostAtMillis = Some.Start + 59_000 }).ShouldBe(["+ Recovered", "> SendReInvite"]);
            call.State!.Dialog!.LocalCSeq.ShouldBe(used + Limits.SipCSeqReserve);
            call.State.Dialog.LocalContact.ShouldBe(Some.NewContact);
            call.State.LocalSdp.ShouldBe(Some.NewSdp);
            call.Phase.ShouldBe(CallPhase.Idle);
            call.Do(Agreed(call)).Entries.Select(entry => entry.GetType().Name).ShouldBe(["DialogUpdated", "Resumed"]);
            call.State.InterruptedMillis.ShouldBeNull();
            call.Events.ShouldNotContain(happened => happened.Method == "sys.call.on_released");
        }
    }

    [Fact]
    public void The_ACK_of_a_fresh_answer_is_sent_once_more()
    {
        var call = Up(CallDirection.Outbound);
        call.After(1_000).Do(Some.TakenOver with { LostAtMillis = Some.Start + 500 }).Effects.ShouldContain(new RepeatAck(1));
        var old = Up(CallDirection.Outbound);
        old.After(100_000).Do(Some.TakenOver with { LostAtMillis = Some.Start + 90_000 }).Effects.ShouldNotContain(effect => effect is RepeatAck);
    }

    [Fact]
    public void A_play_goes_on_where_the_dead_node_was_last_known_alive_after_any_number_of_crashes()
    {
        var call = Up(CallDirection.Inbound, driver => driver.Do(Some.Play));
        call.After(12_000).Do(Some.TakenOver with { LostAtMillis = Some.Start + 10_000 }).Effects.ShouldNotContain(effect => effect is StartMediaPlay);
        // The second node dies before the far end has agreed: nothing more was heard.
        call.After(1_000).Do(Some.TakenOver with { LostAtMillis = Some.Start + 12_900 });
        call.After(1_000).Do(Agreed(call)).Effects.OfType<StartMediaPlay>().Single().OffsetMillis.ShouldBe(10_000 - Limits.SoundBeginsMillis);
        call.After(5_000).Do(Some.TakenOver with { LostAtMillis = call.Now - 1_000 });
        call.After(500).Do(Agreed(call)).Effects.OfType<StartMediaPlay>().Single().OffsetMillis.ShouldBe(14_000 - (2 * Limits.SoundBeginsMillis));
        call.Phase.ShouldBe(CallPhase.Play);
        call.Do(new PlayFinished(1, MediaEnd.Completed, null)).Events.Single().Method.ShouldBe("sys.call.on_play_completed");
    }

    [Fact]
    public void A_play_that_was_begun_late_and_is_handed_over_goes_on_at_most_a_second_and_a_half_before_and_nothing_of_it_is_skipped()
    {
        var call = Up(CallDirection.Inbound, driver => driver.Do(Some.Play));
        // The disk took three seconds: when ten have passed, seven were heard.
        call.After(8_000).Do(new PlayWasBegun(1, Some.Start + 3_000));
        call.After(2_000).Do(Some.TakenOver with { LostAtMillis = Some.Start + 10_000, AsksLater = true });
        call.After(4_000).Do(Agreed(call) with { WasHeardUntilNow = true }).Effects.OfType<StartMediaPlay>().Single().OffsetMillis
            .ShouldBe(11_000 - 1_000 - Limits.SoundBeginsMillis);
    }

    [Fact]
    public void A_play_that_is_stopped_meanwhile_does_not_begin_again()
    {
        var call = Up(CallDirection.Inbound, driver => driver.Do(Some.Play));
        call.After(5_000).Do(Some.TakenOver);
        call.Do(new StopPlay()).Events.Single().Method.ShouldBe("sys.call.on_play_completed");
        call.Do(Agreed(call)).Effects.ShouldNotContain(effect => effect is StartMediaPlay);
    }

    [Fact]
    public void What_starts_meanwhile_is_heard_once_the_far_end_has_agreed()
    {
        foreach (var (start, wanted) in new (ResourceRequest, Type)[] { (Some.Play, typeof(StartMediaPlay)), (Some.SendKeys, typeof(StartMediaKeys)),
            (new StartReceiveKeys(Some.Keys with { Files = ["a.wav"] }), typeof(StartMediaPlay)) })
        {
            var call = Up(CallDirection.Inbound);
            call.After(5_000).Do(Some.TakenOver);
            call.After(100).Do(start).Effects.ShouldNotContain(effect => effect.GetType() == wanted);
            var begun = call.After(100).Do(Agreed(call)).Effects.Single(effect => effect.GetType() == wanted);
            if (begun is StartMediaPlay play) play.OffsetMillis.ShouldBe(0);
        }
    }

    [Fact]
    public void A_recording_goes_on_in_its_file_without_a_second_tone()
    {
        var call = Up(CallDirection.Inbound, driver =>
        {
            driver.Do(Some.Record);
            driver.After(500).Do(new RecordBegan(1));
        });
        var limit = call.Deadline;
        var goesOn = call.After(5_000).Do(Some.TakenOver).Effects.OfType<StartMediaRecord>().Single();
        (goesOn.Append, goesOn.Beep, goesOn.FullPath).ShouldBe((true, false, "/rec/a.wav"));
        call.Do(new RecordBegan(1));
        call.Deadline.ShouldBe(limit);
    }

    [Fact]
    public void A_recording_that_had_not_begun_begins_and_one_that_was_told_to_end_ends()
    {
        var waiting = Up(CallDirection.Inbound, driver => driver.Do(Some.Record));
        var begins = waiting.Do(Some.TakenOver).Effects.OfType<StartMediaRecord>().Single();
        (begins.Append, begins.Beep, begins.TakesOver).ShouldBe((false, true, true), "the lost node may stand still with the file open");
        var ending = Up(CallDirection.Inbound, driver =>
        {
            driver.Do(Some.Record);
            driver.Do(new RecordBegan(1));
            driver.Do(new StopRecord());
        });
        var decision = ending.Do(Some.TakenOver);
        decision.Effects.ShouldNotContain(effect => effect is StartMediaRecord);
        ErrorOf(decision.Events.Single()).ShouldBe(487);
        ending.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void A_recording_whose_file_cannot_be_seen_completes_with_503()
    {
        var call = Up(CallDirection.Inbound, driver =>
        {
            driver.Do(Some.Record);
            driver.Do(new RecordBegan(1));
        });
        var decision = call.Do(Some.TakenOver with { SeesRecording = false });
        ErrorOf(decision.Events.Single()).ShouldBe(503);
        decision.Effects.ShouldNotContain(effect => effect is StartMediaRecord);
        call.Phase.ShouldBe(CallPhase.Idle);
    }

    [Fact]
    public void Keys_that_were_being_sent_complete_with_503_and_keys_that_were_collected_stay()
    {
        var sending = Up(CallDirection.Inbound, driver => driver.Do(Some.SendKeys));
        ErrorOf(sending.Do(Some.TakenOver).Events.Single()).ShouldBe(503);
        sending.Phase.ShouldBe(CallPhase.Idle);

        var collecting = Up(CallDirection.Inbound, driver =>
        {
            driver.Do(Some.ReceiveKeys);
            driver.Do(new KeyArrived('1'));
        });
        var deadline = collecting.Deadline;
        collecting.After(1_000).Do(Some.TakenOver).Events.ShouldBeEmpty();
        collecting.Do(Agreed(collecting));
        collecting.Deadline.ShouldBe(deadline);
        collecting.Do(new KeyArrived('2'));
        CallDriver.Text(collecting.Do(new KeyArrived('#')).Events.Single().Params).ShouldContain("\"keys\":\"12\"");
    }

    [Fact]
    public void A_prompt_goes_on_where_it_was_also_when_it_was_repeated()
    {
        var call = Up(CallDirection.Inbound, driver => driver.Do(new StartReceiveKeys(Some.Keys with { Files = ["enter.wav"], PlayRepeat = 1 })));
        call.Do(new PlayFinished(1, MediaEnd.Completed, null));
        call.AtDeadline();
        var repeated = call.Now;
        call.After(4_000).Do(Some.TakenOver with { LostAtMillis = repeated + 3_000 });
        call.After(200).Do(Agreed(call)).Effects.OfType<StartMediaPlay>().Single().OffsetMillis.ShouldBe(3_000 - Limits.SoundBeginsMillis);
    }

    [Fact]
    public void A_parent_looks_for_the_child_that_is_dialled_on_it()
    {
        Some.In(CallPhase.Dial).Do(Some.TakenOver).Effects.ShouldContain(new LookForChild("0.0.2-sys.call-194"));
    }

    [Fact]
    public void A_child_whose_parent_may_have_agreed_tells_it_that_it_is_done()
    {
        var call = new CallDriver();
        call.Do(Some.Construct with { Parent = Some.OtherId });
        var decision = call.Do(new NodeLost());
        decision.Effects.ShouldContain(new TellDone(Some.OtherId));
        decision.Events.ShouldBeEmpty();
    }

    [Fact]
    public void An_offered_call_stays_offered_with_its_time_limit()
    {
        var call = new CallDriver();
        call.Do(Some.Offer with { Invite = Some.TheirInvite });
        var limit = call.Deadline;
        call.After(2_000).Trace(Some.TakenOver).ShouldBe(["+ Recovered", "> SendRinging"]);
        (call.Phase, call.Deadline, call.State!.InterruptedMillis).ShouldBe((CallPhase.Initiated, limit, null));
        call.Do(new AnswerCall(600, null));
        call.Do(new AckArrived(null)).Effects.ShouldNotContain(effect => effect is SendReInvite);
    }

    [Fact]
    public void An_answer_without_an_ACK_goes_out_again_and_its_ACK_is_followed_by_a_re_INVITE()
    {
        var call = new CallDriver();
        call.Do(Some.Offer with { Invite = Some.TheirInvite });
        call.Do(new AnswerCall(600, null));
        call.After(2_000).Do(Some.TakenOver).Effects.Select(effect => effect.GetType().Name).ShouldBe(["ConfigureMedia", "SendOk"]);
        var confirmed = call.Do(new AckArrived(null));
        confirmed.Effects.ShouldContain(new SendReInvite());
        confirmed.Events.Single().Method.ShouldBe("sys.call.on_answer_completed");
        call.Do(Agreed(call)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_agrees_without_an_ACK_has_seen_the_answer()
    {
        var call = new CallDriver();
        call.Do(Some.Offer with { Invite = Some.TheirInvite });
        call.Do(new AnswerCall(600, null));
        call.After(2_000).Do(Some.TakenOver);
        call.Trace(new TakeoverRefused(481)).ShouldBeEmpty();
        call.Do(Agreed(call)).Events.Single().Method.ShouldBe("sys.call.on_answer_completed");
        call.Phase.ShouldBe(CallPhase.Idle);
        call.Do(new AckArrived(null)).Entries.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_refuses_is_hung_up_with_503()
    {
        var call = Up(CallDirection.Inbound, driver => driver.Do(Some.Play));
        call.Trace(new TakeoverRefused(488)).ShouldBeEmpty();
        call.Do(Some.TakenOver);
        var decision = call.Do(new TakeoverRefused(488));
        decision.Effects.ShouldContain(new SendBye(503));
        decision.Events.Select(happened => happened.Method).ShouldBe(["sys.call.on_play_completed", "sys.call.on_released", "sys.on_chan_closed"]);
        ErrorOf(decision.Events[0]).ShouldBe(503);
    }

    [Fact]
    public void An_INVITE_that_goes_out_again_is_journaled_first_while_the_call_is_dialled()
    {
        var moved = Some.OutboundInvite with { CSeq = 2, Flow = "udp/0/192.0.2.8:5060/0" };
        var call = new CallDriver();
        call.Do(Some.Construct with { Invite = Some.OutboundInvite });
        call.Trace(new InviteRetried(moved)).ShouldBe(["+ InviteMoved", "> SendInvite"]);
        call.State!.Invite.ShouldBe(moved);
        call.Do(new DropCall(603, ApiGeneration.V2));
        call.Trace(new InviteRetried(moved with { CSeq = 3 })).ShouldBeEmpty();
        call.State.Invite.ShouldBe(moved);
    }

    [Fact]
    public void A_request_that_the_dead_node_left_unanswered_is_given_up_and_one_that_came_since_is_answered()
    {
        var conference = Up(CallDirection.Inbound, driver => driver.Do(new EnterConference("op-1", Some.ConferenceId) { MaxSeconds = 60 }));
        conference.Do(Some.TakenOver with { AsksLater = true }).Effects.ShouldContain(new LeaveConference(Some.ConferenceId, "op-1"));
        conference.Phase.ShouldBe(CallPhase.Idle);
        conference.Do(new EnterConference("op-2", Some.ConferenceId) { MaxSeconds = 60 });
        conference.Do(new SoundGoesOn()).Effects.ShouldNotContain(effect => effect is LeaveConference);
        conference.Do(new EnterAnswered("op-2", Some.ConferenceId, null)).Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
        conference.Phase.ShouldBe(CallPhase.Conf);

        var bridge = Up(CallDirection.Inbound, driver => driver.Do(new StartConnect("op-1", Some.OtherId, new BridgeSpec { MaxSeconds = 60 })));
        bridge.Do(Some.TakenOver with { AsksLater = true }).Effects.ShouldContain(new PartBridge(Some.OtherId, "op-1"));
        bridge.Phase.ShouldBe(CallPhase.Idle);
        bridge.Do(new StartConnect("op-2", Some.OtherId, new BridgeSpec { MaxSeconds = 60 }));
        bridge.Do(new SoundGoesOn()).Effects.ShouldNotContain(effect => effect is PartBridge);
        bridge.Do(new JoinAnswered("op-2", Some.OtherId, null)).Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
        bridge.Phase.ShouldBe(CallPhase.Connect);
    }
}
