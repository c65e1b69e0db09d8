using System.Globalization;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;

namespace Cti.Calls.Tests;

/// <summary>
/// What holds whatever happens: thousands of seeded calls, each given commands in any order, sensible and not, at any time.
/// A failing seed is in the message; CTI_SEED runs it alone.
/// </summary>
public sealed class CallPropertyTests
{
    private const int Seeds = 2000;
    private const int Commands = 60;

    private static IEnumerable<int> SeedsToRun =>
        int.TryParse(Environment.GetEnvironmentVariable("CTI_SEED"), CultureInfo.InvariantCulture, out var one) ? [one] : Enumerable.Range(1, Seeds);

    [Fact]
    public void Any_sequence_of_commands_keeps_the_contract()
    {
        var reached = new HashSet<(CallPhase, CallDirection)>();
        foreach (var seed in SeedsToRun)
        {
            try
            {
                new RandomCall(seed).Run(reached);
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"seed {seed} (CTI_SEED={seed} runs it alone): {fault.Message}", fault);
            }
        }
        if (SeedsToRun.Take(2).Count() == 1) return;
        var expected = Some.Situations.Where(s => s.Phase is not (CallPhase.Dial or CallPhase.Connect));
        expected.ShouldBeSubsetOf(reached, "the sequences visit every state");
    }

    private sealed class RandomCall(int seed)
    {
        private readonly Random random = new(seed);
        private readonly CallDriver call = new(new CallSettings { IdleReleaseMillis = seed % 3 == 0 ? 0 : 120_000 }) { DecidesTwice = seed % 8 == 0 };
        private readonly HashSet<long> playing = [];
        private readonly HashSet<long> recording = [];
        private long lastNumber;
        private int entries;
        private bool held;

        public void Run(HashSet<(CallPhase, CallDirection)> reached)
        {
            call.Do(random.Next(2) == 0
                ? Some.Construct with { MaxAnswerSeconds = random.Next(1, 600), MaxRingSeconds = random.Next(1, 60) }
                : Some.Offer with { Audio = random.Next(4) == 0 ? null : Some.Audio });
            for (var i = 0; i < Commands; i++)
            {
                reached.Add((call.Phase, call.State!.Direction));
                call.Now += Pause();
                Step(Draw());
            }
            if (call.Phase != CallPhase.Released) Step(new NodeLost());
            if (call.State!.Closing != SipClosing.None) Step(new FarEndSettled());
            call.State!.Closing.ShouldBe(SipClosing.None);
            CheckWhole();
        }

        private long Pause() => random.Next(4) switch
        {
            0 => 0,
            1 => random.Next(2000),
            2 when call.Deadline is { } due && due > call.Now => due - call.Now,
            _ => random.Next(50_000),
        };

        private void Step(ResourceCommand command)
        {
            var before = call.State!;
            var dueBefore = call.Deadline;
            var decision = call.Do(command);
            if (decision.Refusal is not null) return;
            call.State.ShouldNotBeNull();
            if (before.Phase == CallPhase.Released) CheckAfterRelease(decision);
            if (command is TimeReached) CheckTime(decision, dueBefore);
            if (decision.Entries.IsEmpty) decision.Events.ShouldBeEmpty();
            var replies = decision.Effects.OfType<ReplyResult>().Count();
            // A request that asks another resource is answered by that one's answer.
            var expected = decision.Effects.Any(effect => effect.HoldsRequest) ? 0 : command is ResourceRequest or ConstructCall ? 1 : 0;
            if (command is EnterAnswered or ConferenceParted) (replies + decision.Effects.OfType<ReplyRefused>().Count()).ShouldBeLessThanOrEqualTo(1);
            else replies.ShouldBe(expected, $"{command}");
            CheckHeld(decision);
            CheckMedia(command, decision);
            CheckRelease(before, decision);
        }

        /// <summary>The request that another resource was asked for is answered once, whatever happens.</summary>
        private void CheckHeld(CallDecision decision)
        {
            if (decision.Effects.Any(effect => effect.HoldsRequest))
            {
                held.ShouldBeFalse("one such request at a time");
                held = true;
            }
            if (decision.Entries.Any(entry => entry is SeatTaken { Seat.Stage: SeatStage.Entered }) || decision.Effects.Any(effect => effect is ReplyRefused))
            {
                held.ShouldBeTrue("there is a request to answer");
                held = false;
            }
            if (call.State!.Seat is { Stage: SeatStage.Requested }) held.ShouldBeTrue();
            else held.ShouldBeFalse("no request is forgotten");
        }

        private static void CheckAfterRelease(CallDecision decision)
        {
            decision.Events.ShouldBeEmpty("nothing is told after on_released and the call record");
            decision.CallRecord.IsEmpty.ShouldBeTrue();
            decision.Entries.All(entry => entry is Settled or CallReleased).ShouldBeTrue();
        }

        private void CheckTime(CallDecision decision, long? due)
        {
            if (due is null || call.Now < due) decision.Entries.ShouldBeEmpty("nothing was due");
            else decision.Entries.ShouldNotBeEmpty("something was due");
            if (call.Deadline is { } next) next.ShouldBeGreaterThan(call.Now, "what was due is done: the timer would fire for ever");
        }

        private void CheckMedia(ResourceCommand command, CallDecision decision)
        {
            switch (command)
            {
                case PlayFinished played: playing.Remove(played.Number); break;
                case RecordFinished recorded: recording.Remove(recorded.Number); break;
            }
            foreach (var effect in decision.Effects)
            {
                switch (effect)
                {
                    case StartMediaPlay start: Fresh(start.Number); playing.Add(start.Number); break;
                    case StartMediaRecord start: Fresh(start.Number); recording.Add(start.Number); break;
                    case StartMediaKeys start: Fresh(start.Number); break;
                    case StopMediaPlay stop: playing.Remove(stop.Number); break;
                    case CloseMedia: playing.Clear(); recording.Clear(); break;
                }
            }
            (playing.Count + recording.Count).ShouldBeLessThanOrEqualTo(1, "one action at a time");
            if (call.Phase is CallPhase.Idle or CallPhase.SendDtmf)
            {
                playing.ShouldBeEmpty("no prompt outlives its action");
                recording.ShouldBeEmpty("no recording outlives its action");
            }
        }

        private void Fresh(long number)
        {
            number.ShouldBeGreaterThan(lastNumber, "the media side never sees a number twice");
            lastNumber = number;
        }

        private void CheckRelease(CallState before, CallDecision decision)
        {
            if (before.Phase == CallPhase.Released || call.Phase != CallPhase.Released) return;
            decision.CallRecord.IsEmpty.ShouldBeFalse();
            decision.Events[^2].Method.ShouldBe("sys.call.on_released");
            decision.Events[^1].Method.ShouldBe("sys.on_chan_closed");
            var owed = CallDecider.Owed(call.State!);
            if (owed is null) decision.Effects.Any(effect => effect is SendBye or SendCancel or SendRefusal).ShouldBeFalse();
            else decision.Effects.ShouldContain(owed);
            decision.Effects.OfType<CloseMedia>().Count().ShouldBe(1);
        }

        private void CheckWhole()
        {
            call.Events.Select(e => e.Sequence).ShouldBe(Enumerable.Range(1, call.Events.Count), "the sequence has no gaps");
            call.Journal.Sum(e => e.Events).ShouldBe(call.Events.Count);
            call.Journal.Select(e => e.AtMillis).ShouldBe(call.Journal.Select(e => e.AtMillis).Order());
            int Count(string method) => call.Events.Count(e => e.Method == method);
            var started = call.Journal.OfType<ActionStarted>().ToList();
            Count("sys.call.on_play_completed").ShouldBe(started.Count(e => e.Action is PlayAction));
            Count("sys.call.on_record_completed").ShouldBe(started.Count(e => e.Action is RecordAction));
            Count("sys.call.on_send_dtmf_completed").ShouldBe(started.Count(e => e.Action is SendKeysAction));
            Count("sys.call.on_receive_dtmf_completed").ShouldBe(started.Count(e => e.Action is ReceiveKeysAction));
            Count("sys.call.on_conf_completed").ShouldBe(call.Journal.OfType<SeatTaken>().Count(e => e.Seat.Stage == SeatStage.Entered));
            Count("sys.call.on_dial_completed").ShouldBe(call.Journal.OfType<Constructed>().Count());
            Count("sys.call.on_incoming").ShouldBe(call.Journal.OfType<Offered>().Count());
            Count("sys.call.on_answer_completed").ShouldBe(call.Journal.OfType<AnswerRequested>().Count());
            Count("sys.call.on_ringing").ShouldBe(call.Journal.OfType<RingingBegan>().Count());
            Count("sys.call.on_ringing").ShouldBeLessThanOrEqualTo(1);
            Count("sys.call.on_released").ShouldBe(1);
            Count("sys.on_chan_closed").ShouldBe(1);
            call.CallRecords.Count.ShouldBe(1);
            var release = call.Journal.FindIndex(e => e is CallReleased);
            call.Journal.Skip(release + 1).All(e => e is Settled or CallReleased).ShouldBeTrue();
            call.Journal.Count(e => e is Settled).ShouldBeLessThanOrEqualTo(1);
            foreach (var happened in call.Events) JsonDocument.Parse(happened.Params).Dispose();
        }

        private ResourceCommand Draw() => random.Next(100) switch
        {
            < 30 => new TimeReached(),
            < 36 => new FarEndRings(),
            < 44 => Some.FarEndAnswered,
            < 50 => new AnswerCall(random.Next(1, 400), random.Next(2) == 0 ? null : "set") { Generation = Generation() },
            < 56 => new AckArrived(random.Next(2) == 0 ? null : Some.Audio),
            < 68 => new KeyArrived("0123456789*#ABCD"[random.Next(16)]) { Press = random.Next(4) == 0 ? null : new KeyPress(random.Next(4) == 0 ? null : 9, (uint)random.Next(20)), IsLate = random.Next(4) == 0 },
            < 84 => Start(),
            < 88 => MediaReport(),
            < 92 => Conference(),
            < 95 => Stop(),
            < 97 => random.Next(2) == 0 ? new TouchCall() : new DialogChanged(Some.InboundDialog, Some.Held, Some.LocalSdp),
            _ => Ending(),
        };

        private ApiGeneration Generation() => random.Next(2) == 0 ? ApiGeneration.V1 : ApiGeneration.V2;

        private ResourceCommand Start() => random.Next(4) switch
        {
            0 => new StartPlay(random.Next(5) == 0 ? [] : ["a.wav"], random.Next(2) == 0 ? "" : "*#", random.Next(3)),
            1 => Some.Record with { MaxSeconds = random.Next(1, 30), FinishKeys = random.Next(2) == 0 ? "" : "#" },
            2 => Some.SendKeys,
            _ => new StartReceiveKeys(Some.Keys with
            {
                ValidKeys = random.Next(2) == 0 ? "0123456789*#ABCD" : "0123", MaxKeys = random.Next(1, 5), FinishKeys = random.Next(2) == 0 ? "" : "#3",
                FirstKeySeconds = random.Next(1, 20), NextKeySeconds = random.Next(1, 20), Files = random.Next(2) == 0 ? [] : ["enter.wav"],
                PlayRepeat = random.Next(3), BreakOnKey = random.Next(2) == 0, IncludeFinishKey = random.Next(2) == 0,
            }),
        };

        private ResourceCommand MediaReport()
        {
            var number = Math.Max(1, lastNumber - (random.Next(4) == 0 ? 1 : 0));
            var end = (MediaEnd)random.Next(5);
            return random.Next(4) switch
            {
                0 => new PlayFinished(number, end, "detail"),
                1 => new RecordBegan(number),
                2 => new RecordFinished(number, end, null),
                _ => new KeysSent(number, end),
            };
        }

        private ResourceCommand Conference()
        {
            var op = call.State!.Seat is { } seat && random.Next(5) > 0 ? seat.Op : $"op-{random.Next(1, entries + 1)}";
            return random.Next(6) switch
            {
                0 or 1 => new EnterConference($"op-{++entries}", Some.ConferenceId) { MaxSeconds = random.Next(1, 100), Generation = Generation() },
                2 or 3 => new EnterAnswered(op, Some.ConferenceId, random.Next(4) == 0 ? Kernel.RpcError.NoSuchResource(Some.ConferenceId) : null),
                4 => new ConferenceParted(op, null, null),
                _ => new ExitConference(Some.ConferenceId),
            };
        }

        private ResourceCommand Stop() => random.Next(3) switch
        {
            0 => new StopPlay(),
            1 => new StopRecord(),
            _ => new StopReceiveKeys(),
        };

        private ResourceCommand Ending() => random.Next(16) switch
        {
            0 => new ByeArrived(random.Next(2) == 0 ? null : 486),
            1 => new DropCall(random.Next(200, 700), Generation()),
            2 => new RejectCall(486, null),
            3 => new RedirectCall("c.example", "moved"),
            4 => new DialFailed(486, "Busy Here"),
            5 => new FarEndUnusable(Some.OutboundDialog, 488, "no common codec"),
            6 => new AckMissing(),
            7 => new AckUnusable(),
            8 => new CallerCancelled(),
            9 => new DialogLost(random.Next(2) == 0 ? 481 : 408),
            10 => new MediaLost(),
            11 => new SubscriberMissing(),
            12 => new NodeLost(),
            13 => new NodeStops(),
            14 => new FarEndSettled(),
            _ => Some.FarEndAnswered,
        };
    }

    [Fact]
    public void Every_entry_can_be_applied_in_every_state()
    {
        foreach (var (phase, direction) in Some.Situations)
        {
            foreach (var entry in GoldenEntryTests.Samples.Values)
            {
                var state = CallDecider.Apply(Some.In(phase, direction).State, entry);
                state.LastMillis.ShouldBe(entry.AtMillis);
                CallDecider.NextDeadline(state with { RingMillis = state.RingMillis ?? 0 }, new CallSettings());
            }
        }
    }

    [Fact]
    public void A_journal_that_does_not_begin_with_a_creating_entry_is_broken()
    {
        foreach (var entry in GoldenEntryTests.Samples.Values.Where(e => e is not (Constructed or Offered)))
            Should.Throw<InvalidOperationException>(() => CallDecider.Apply(null, entry)).Message.ShouldContain(entry.GetType().Name);
    }
}
