using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Calls.Tests;

/// <summary>Dialling on a parent: what either party decides, and what the parent hears when.</summary>
public sealed class DialTests
{
    private static readonly NegotiatedAudio Early = Some.Audio with { RemotePort = 5000 };

    /// <summary>How a dialling ends.</summary>
    public enum Outcome { Answered, Failed, Dropped, TimedOut, ParentHangsUp, NodeStops }

    /// <summary>When the far end sends sound before the answer.</summary>
    public enum Sound { None, AtOnce, Later }

    /// <summary>What the contract says is heard: while dialling, while it rings, once there is early media.</summary>
    private static (string? Dialling, string? Ringing, string? Early) Contract(string? file, int mode) => (file, mode) switch
    {
        (null, _) => (null, "tone", "line"),
        (_, 0) => (null, "loop", "loop"),
        (_, 1) => ("loop", "tone", "line"),
        (_, 2) => ("loop", "loop", "loop"),
        _ => (null, "tone", "line"),
    };

    public static TheoryData<string?, int, Sound, Outcome, CallPhase> Cases
    {
        get
        {
            var cases = new TheoryData<string?, int, Sound, Outcome, CallPhase>();
            foreach (var file in new[] { null, "f.wav" })
            {
                for (var mode = 0; mode <= 3; mode++)
                {
                    foreach (var sound in Enum.GetValues<Sound>())
                    {
                        foreach (var outcome in Enum.GetValues<Outcome>())
                        {
                            foreach (var from in new[] { CallPhase.Idle, CallPhase.Connect }) cases.Add(file, mode, sound, outcome, from);
                        }
                    }
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_parent_hears_what_was_asked_for_and_returns_to_where_it_was(string? file, int mode, Sound sound, Outcome outcome, CallPhase from)
    {
        var (dialling, ringing, early) = Contract(file, mode);
        var duo = new Duo(from, file, mode).Begin();
        duo.Accepted.ShouldBe(true);
        duo.Parent.Phase.ShouldBe(CallPhase.Dial);
        if (mode == 3 && file is not null)
        {
            (duo.Heard, duo.Invites).ShouldBe(("file", 0));
            duo.After(7000).EndSound();
        }
        (duo.Heard, duo.Invites).ShouldBe((dialling, 1));
        duo.ToChild(new FarEndRings(sound == Sound.AtOnce ? Early : null));
        duo.Heard.ShouldBe(sound == Sound.AtOnce ? early : ringing);
        duo.ToChild(new FarEndRings(sound == Sound.Later ? Early : null));
        duo.Heard.ShouldBe(sound == Sound.None ? ringing : early);
        duo.Child.Events.Count(e => e.Method == "sys.call.on_ringing").ShouldBe(1);
        End(duo, outcome);
        duo.Heard.ShouldBeNull();
        if (outcome is Outcome.ParentHangsUp)
        {
            duo.Parent.Phase.ShouldBe(CallPhase.Released);
            duo.Child.Phase.ShouldBe(CallPhase.Ring, "the child goes on");
            duo.ToChild(Some.FarEndAnswered);
            duo.Child.Phase.ShouldBe(CallPhase.Idle);
        }
        else if (outcome is not Outcome.NodeStops)
        {
            duo.Parent.Phase.ShouldBe(from);
            duo.Child.Phase.ShouldBe(outcome == Outcome.Answered ? CallPhase.Idle : CallPhase.Released);
        }
        duo.Child.State!.Parent.ShouldBeNull();
        duo.Child.Events.Count(e => e.Method == "sys.call.on_dial_completed").ShouldBe(1);
    }

    private static void End(Duo duo, Outcome outcome)
    {
        switch (outcome)
        {
            case Outcome.Answered: duo.ToChild(Some.FarEndAnswered); break;
            case Outcome.Failed: duo.ToChild(new DialFailed(486, "Busy Here")); break;
            case Outcome.Dropped: duo.ToChild(new DropCall(603, ApiGeneration.V2)); break;
            case Outcome.TimedOut: duo.After(50_000).ToChild(new TimeReached()); break;
            case Outcome.ParentHangsUp: duo.ToParent(new ByeArrived(null)); break;
            case Outcome.NodeStops:
                duo.ToParent(new NodeStops());
                duo.ToChild(new NodeStops());
                break;
        }
    }

    [Fact]
    public void Nothing_is_sent_and_nothing_answered_before_the_parent_has_agreed()
    {
        var duo = new Duo { Holds = true };
        duo.Begin();
        (duo.Accepted, duo.Invites).ShouldBe((null, 0));
        duo.Child.State!.IsVisibleTo("app").ShouldBeFalse("the application does not have it yet");
        duo.Deliver();
        (duo.Accepted, duo.Invites).ShouldBe((true, 1));
        duo.Child.State!.IsVisibleTo("app").ShouldBeTrue();
        duo.Parent.Journal[^1].ShouldBeOfType<DiallingMoved>();
    }

    [Fact]
    public void A_parent_in_any_other_state_refuses_and_the_child_has_never_been()
    {
        foreach (var (phase, direction) in Some.Situations.Where(s => s.Phase is not (CallPhase.Idle or CallPhase.Connect)))
        {
            var parent = Some.In(phase, direction);
            var before = CallDriver.Describe(parent.State);
            var answer = parent.Do(new ChildAsks("0.0.7-sys.call-999", new RingBackSpec("f.wav", 2))).Effects.ShouldHaveSingleItem()
                .ShouldBeOfType<AnswerChild>();
            CallDriver.Describe(parent.State).ShouldBe(before, $"{phase}");
            var refusal = answer.Refusal.ShouldNotBeNull();
            refusal.Code.ShouldBe(phase == CallPhase.Released ? ErrorCodes.NotFound : ErrorCodes.Conflict);
            if (phase == CallPhase.Released) continue;
            refusal.Data!["state"].ShouldBe(phase.ToString());
            refusal.Data["allowed"].ShouldBe(new[] { "Idle", "Connect" });
        }
        var duo = new Duo(CallPhase.Play).Begin();
        (duo.Accepted, duo.Refusal!.Code, duo.Invites).ShouldBe((false, ErrorCodes.Conflict, 0));
        duo.Child.Events.ShouldBeEmpty();
        duo.Child.CallRecords.ShouldBeEmpty();
        duo.Child.State!.IsOver.ShouldBeTrue("its journal is dropped");
        duo.Child.Effects.OfType<CloseMedia>().ShouldHaveSingleItem();
    }

    [Fact]
    public void A_bridge_that_is_still_being_made_is_not_yet_a_state_to_dial_from()
    {
        var parent = Some.In(CallPhase.Idle);
        parent.Do(Some.Connect);
        parent.Do(new ChildAsks(Duo.ChildId, new RingBackSpec(null, 0))).Effects.OfType<AnswerChild>().Single().Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
    }

    [Fact]
    public void A_second_child_is_refused_and_its_messages_change_nothing()
    {
        var duo = new Duo(file: "f.wav", mode: 2).Begin();
        duo.Parent.Do(new ChildAsks("0.0.7-sys.call-999", new RingBackSpec(null, 0))).Effects.OfType<AnswerChild>()
            .Single().Refusal!.Code.ShouldBe(ErrorCodes.Conflict);
        duo.Parent.Trace(new ChildRings("0.0.7-sys.call-999", true)).ShouldBeEmpty();
        duo.Parent.Trace(new ChildDone("0.0.7-sys.call-999")).ShouldBeEmpty();
        duo.Heard.ShouldBe("loop");
    }

    [Fact]
    public void A_question_that_comes_again_gets_the_same_answer()
    {
        var duo = new Duo(file: "f.wav", mode: 3).Begin();
        duo.Parent.Do(new ChildAsks(Duo.ChildId, duo.RingBack)).Effects.ShouldBe([new AnswerChild(Duo.ChildId, null, false)]);
        duo.EndSound();
        duo.Parent.Do(new ChildAsks(Duo.ChildId, duo.RingBack)).Effects.ShouldBe([new AnswerChild(Duo.ChildId, null, true)]);
        duo.ToChild(new ParentAnswers(Some.Id, null, true));
        duo.ToChild(new ParentReleases(Some.Id));
        duo.Invites.ShouldBe(1);
    }

    [Fact]
    public void The_time_for_the_set_up_counts_from_the_INVITE()
    {
        var duo = new Duo(file: "f.wav", mode: 3).Begin().After(100_000);
        duo.Child.Deadline.ShouldBe(Some.Start + Limits.AnnouncementMillisMax, "only the file's longest length bounds it");
        duo.EndSound();
        duo.Child.Deadline.ShouldBe(Some.Start + 100_000 + 60_000);
    }

    [Fact]
    public void A_file_that_never_ends_and_a_parent_that_never_answers_are_not_waited_for()
    {
        var waiting = new Duo(file: "f.wav", mode: 3).Begin().After(Limits.AnnouncementMillisMax);
        waiting.ToChild(new TimeReached());
        waiting.Invites.ShouldBe(1);
        waiting.ToChild(new FarEndRings());
        waiting.Heard.ShouldBe("tone");
        var asking = new Duo { Holds = true };
        asking.Begin().After(60_000).ToChild(new TimeReached());
        (asking.Accepted, asking.Refusal!.Code).ShouldBe((false, ErrorCodes.Unavailable));
        asking.Deliver();
        asking.Parent.Phase.ShouldBe(CallPhase.Idle, "it agreed to a child that is gone, and is told so");
    }

    [Fact]
    public void A_file_that_cannot_be_played_gives_way_to_the_lines_own_ring_back()
    {
        var announced = new Duo(file: "f.wav", mode: 3).Begin();
        announced.EndSound(MediaEnd.NotFound);
        announced.Invites.ShouldBe(1, "dialled at once");
        var looped = new Duo(file: "f.wav", mode: 2).Begin();
        looped.EndSound(MediaEnd.Unsupported);
        looped.Heard.ShouldBeNull();
        looped.ToChild(new FarEndRings());
        looped.Heard.ShouldBe("tone");
        looped.ToChild(new FarEndRings(Early));
        looped.Heard.ShouldBe("line");
    }

    [Fact]
    public void A_line_that_cannot_be_listened_to_gives_way_to_the_tone()
    {
        var duo = new Duo().Begin();
        duo.ToChild(new FarEndRings(Early));
        duo.ToParent(new BridgeFinished(duo.Parent.State!.Dialling!.Number, MediaEnd.Failed, "no room"));
        duo.Heard.ShouldBe("tone");
        duo.Sounds.ShouldBe(["line", "tone"]);
    }

    [Fact]
    public void A_parent_that_hangs_up_during_the_file_lets_the_child_dial_and_a_node_that_stops_does_not()
    {
        var hungUp = new Duo(file: "f.wav", mode: 3).Begin();
        hungUp.ToParent(new ByeArrived(null));
        hungUp.Invites.ShouldBe(1);
        var stopped = new Duo(file: "f.wav", mode: 3).Begin();
        stopped.ToParent(new NodeStops());
        stopped.Invites.ShouldBe(0);
        stopped.ToChild(new NodeStops());
        stopped.Child.Effects.OfType<SendCancel>().ShouldBeEmpty("there is no INVITE to cancel");
        stopped.Child.State!.IsOver.ShouldBeTrue();
        stopped.Child.Events.Select(e => e.Method).ShouldBe(["sys.call.on_dial_completed", "sys.call.on_released", "sys.on_chan_closed"]);
    }

    [Fact]
    public void A_child_that_is_dropped_while_it_waits_completes_and_is_over()
    {
        var duo = new Duo(file: "f.wav", mode: 3).Begin();
        duo.ToChild(new DropCall(603, ApiGeneration.V2)).Effects.OfType<ReplyResult>().ShouldHaveSingleItem();
        duo.Child.State!.IsOver.ShouldBeTrue();
        (duo.Parent.Phase, duo.Heard, duo.Invites).ShouldBe((CallPhase.Idle, null, 0));
    }

    [Fact]
    public void A_node_that_stops_while_the_parent_is_asked_refuses_the_request_and_withdraws_the_child_without_a_trace()
    {
        foreach (ResourceCommand end in new ResourceCommand[] { new NodeStops(), new NodeLost() })
        {
            var duo = new Duo { Holds = true };
            duo.Begin().ToChild(end);
            duo.Refusal!.Code.ShouldBe(ErrorCodes.Unavailable);
            duo.Child.Events.ShouldBeEmpty();
            duo.Child.CallRecords.ShouldBeEmpty();
            duo.Child.State!.IsOver.ShouldBeTrue();
        }
    }

    [Fact]
    public void The_bridge_beneath_stays_up_and_may_end_meanwhile()
    {
        var duo = new Duo(CallPhase.Connect, "f.wav", 2).Begin();
        duo.Parent.Do(new StopConnect()).Refusal!.Data!["state"].ShouldBe("Dial");
        duo.Parent.Effects.OfType<DisconnectMedia>().ShouldBeEmpty();
        duo.ToParent(new BridgeParted("op-1"));
        duo.Parent.Events[^1].Method.ShouldBe("sys.call.on_connect_completed");
        (duo.Parent.Phase, duo.Heard).ShouldBe((CallPhase.Dial, "loop"));
        duo.ToChild(Some.FarEndAnswered);
        duo.Parent.Phase.ShouldBe(CallPhase.Idle);
        var limited = new Duo(CallPhase.Connect).Begin().After(60_000);
        limited.Parent.Deadline.ShouldBe(limited.Parent.Now);
        limited.ToParent(new TimeReached());
        limited.Parent.Events[^1].Method.ShouldBe("sys.call.on_connect_completed");
        limited.Parent.Phase.ShouldBe(CallPhase.Dial);
    }

    [Fact]
    public void A_second_party_of_a_bridge_may_be_a_parent_too()
    {
        var duo = new Duo();
        duo.Parent.Do(new JoinAsked("op-9", Some.OtherId));
        duo.Begin();
        (duo.Accepted, duo.Parent.Phase).ShouldBe((true, CallPhase.Dial));
        duo.ToChild(Some.FarEndAnswered);
        duo.Parent.Phase.ShouldBe(CallPhase.Connect);
    }

    [Fact]
    public void Early_media_without_a_parent_is_received_and_the_newest_counts()
    {
        var call = new CallDriver();
        call.Do(Some.Construct);
        call.Trace(new FarEndRings(Early)).ShouldContain("> ConfigureMedia 192.0.2.9:5000");
        call.State!.HasEarlyMedia.ShouldBeTrue();
        call.Trace(new FarEndRings(Early)).ShouldBeEmpty();
        call.Trace(new FarEndRings()).ShouldBeEmpty();
        call.Trace(new FarEndRings(Early with { RemotePort = 5002 })).ShouldBe(["+ EarlyMediaBegan", "> ConfigureMedia 192.0.2.9:5002"]);
        call.Trace(Some.FarEndAnswered).ShouldContain("> ConfigureMedia 192.0.2.9:4000");
        call.State!.HasEarlyMedia.ShouldBeFalse();
        call.Trace(new FarEndRings(Early)).ShouldBeEmpty("late");
    }

    [Fact]
    public void Whatever_happens_in_any_order_both_end_where_they_should()
    {
        for (var seed = 1; seed <= 1500; seed++)
        {
            try
            {
                RunRandom(new Random(seed));
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"seed {seed}: {fault.Message}", fault);
            }
        }
    }

    private static void RunRandom(Random random)
    {
        var duo = new Duo(random.Next(2) == 0 ? CallPhase.Idle : CallPhase.Connect, random.Next(3) == 0 ? null : "f.wav", random.Next(4));
        duo.Holds = random.Next(3) == 0;
        duo.Begin();
        for (var i = 0; i < 25; i++)
        {
            duo.After(random.Next(5) == 0 ? random.Next(20_000) : random.Next(500));
            switch (random.Next(18))
            {
                case 0 or 1: duo.ToChild(new FarEndRings(random.Next(2) == 0 ? Early : null)); break;
                case 2: duo.ToChild(Some.FarEndAnswered); break;
                case 3: duo.ToChild(new DialFailed(486, "Busy Here")); break;
                case 4: duo.ToChild(new DropCall(603, ApiGeneration.V2)); break;
                case 5 when random.Next(4) == 0: duo.ToParent(new ByeArrived(null)); break;
                case 6: duo.ToParent(new BridgeParted("op-1")); break;
                case 7 or 8: duo.EndSound((MediaEnd)random.Next(5)); break;
                case 9 or 10: duo.ToChild(new TimeReached()); break;
                case 11: duo.ToParent(new TimeReached()); break;
                case 12: duo.ToParent(new BridgeFinished(duo.Parent.State!.Dialling?.Number ?? 0, (MediaEnd)random.Next(5), null)); break;
                case 13 when !duo.Parent.State!.IsReleased && duo.Parent.Phase == CallPhase.Idle: duo.ToParent(Some.Play); duo.ToParent(new StopPlay()); break;
                case 14 when duo.Parent.State!.Dialling is not null: duo.ToParent(new ChildAsks("0.0.7-sys.call-999", new RingBackSpec(null, 0))); break;
                case 15: duo.Deliver(); break;
                case 16: duo.ToParent(new StopConnect()); break;
                case 17: duo.ToChild(new TouchCall()); break;
            }
        }
        duo.Deliver();
        var (parent, child) = (duo.Parent.State!, duo.Child.State!);
        (parent.Dialling is not null).ShouldBe(child.Parent is not null && !parent.IsReleased, "the parent dials exactly as long as its child does");
        if (parent.Dialling is { } dialling)
        {
            (dialling.Stage == DiallingStage.Announcing).ShouldBe(child.IsAwaitingParent);
            if (child.RingMillis is not null) dialling.Stage.ShouldBe(DiallingStage.Ringing);
        }
        else duo.Heard.ShouldBeNull();
        duo.Accepted.ShouldNotBeNull("every request is answered");
        duo.Invites.ShouldBeLessThanOrEqualTo(1);
        if (child.AnswerMillis is not null) duo.Invites.ShouldBe(1);
        var known = duo.Accepted == true ? 1 : 0;
        if (child.IsReleased || child.AnswerMillis is not null) duo.Child.Events.Count(e => e.Method == "sys.call.on_dial_completed").ShouldBe(known);
        if (child.IsReleased) duo.Child.Events.Count(e => e.Method == "sys.call.on_released").ShouldBe(known);
    }
}
