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
        private readonly Random _random = new(seed);
        private readonly CallDriver _call = new(new CallSettings { IdleReleaseMillis = seed % 3 == 0 ? 0 : 120_000 }) { DecidesTwice = seed % 8 == 0 };
        private readonly HashSet<long> _playing = [];
        private readonly HashSet<long> _recording = [];
        private long _lastNumber;
        private int _entries;
        private bool _held;

        public void Run(HashSet<(CallPhase, CallDirection)> reached)
        {
            _call.Do(_random.Next(2) == 0
                ? Some.Construct with { MaxAnswerSeconds = _random.Next(1, 600), MaxRingSeconds = _random.Next(1, 60) }
                : Some.Offer with { Audio = _random.Next(4) == 0 ? null : Some.Audio });
            for (var i = 0; i < Commands; i++)
            {
                reached.Add((_call.Phase, _call.State!.Direction));
                _call.Now += Pause();
                Step(Draw());
            }
            if (_call.Phase != CallPhase.Released) Step(new NodeLost());
            if (_call.State!.Closing != SipClosing.None) Step(new FarEndSettled());
            _call.State!.Closing.ShouldBe(SipClosing.None);
            CheckWhole();
        }

        private long Pause() => _random.Next(4) switch
        {
            0 => 0,
            1 => _random.Next(2000),
            2 when _call.Deadline is { } due && due > _call.Now => due - _call.Now,
            _ => _random.Next(50_000),
        };

        private void Step(ResourceCommand command)
        {
            var before = _call.State!;
            var dueBefore = _call.Deadline;
            var decision = _call.Do(command);
            if (decision.Refusal is not null) return;
            _call.State.ShouldNotBeNull();
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
                _held.ShouldBeFalse("one such request at a time");
                _held = true;
            }
            if (decision.Entries.Any(entry => entry is SeatTaken { Seat.Stage: SeatStage.Entered }) || decision.Effects.Any(effect => effect is ReplyRefused))
            {
                _held.ShouldBeTrue("there is a request to answer");
                _held = false;
            }
            if (_call.State!.Seat is { Stage: SeatStage.Requested }) _held.ShouldBeTrue();
            else _held.ShouldBeFalse("no request is forgotten");
        }

        private static void CheckAfterRelease(CallDecision decision)
        {
            decision.Events.ShouldBeEmpty("nothing is told after on_released and the call record");
            decision.CallRecord.IsEmpty.ShouldBeTrue();
            decision.Entries.All(entry => entry is Settled or CallReleased).ShouldBeTrue();
        }

        private void CheckTime(CallDecision decision, long? due)
        {
            if (due is null || _call.Now < due) decision.Entries.ShouldBeEmpty("nothing was due");
            else decision.Entries.ShouldNotBeEmpty("something was due");
            if (_call.Deadline is { } next) next.ShouldBeGreaterThan(_call.Now, "what was due is done: the timer would fire for ever");
        }

        private void CheckMedia(ResourceCommand command, CallDecision decision)
        {
            switch (command)
            {
                case PlayFinished played: _playing.Remove(played.Number); break;
                case RecordFinished recorded: _recording.Remove(recorded.Number); break;
            }
            foreach (var effect in decision.Effects)
            {
                switch (effect)
                {
                    case StartMediaPlay start: Fresh(start.Number); _playing.Add(start.Number); break;
                    case StartMediaRecord start: Fresh(start.Number); _recording.Add(start.Number); break;
                    case StartMediaKeys start: Fresh(start.Number); break;
                    case StopMediaPlay stop: _playing.Remove(stop.Number); break;
                    case CloseMedia: _playing.Clear(); _recording.Clear(); break;
                }
            }
            (_playing.Count + _recording.Count).ShouldBeLessThanOrEqualTo(1, "one action at a time");
            if (_call.Phase is CallPhase.Idle or CallPhase.SendDtmf)
            {
                _playing.ShouldBeEmpty("no prompt outlives its action");
                _recording.ShouldBeEmpty("no recording outlives its action");
            }
        }

        private void Fresh(long number)
        {
            number.ShouldBeGreaterThan(_lastNumber, "the media side never sees a number twice");
            _lastNumber = number;
        }

        private void CheckRelease(CallState before, CallDecision decision)
        {
            if (before.Phase == CallPhase.Released || _call.Phase != CallPhase.Released) return;
            decision.CallRecord.IsEmpty.ShouldBeFalse();
            decision.Events[^2].Method.ShouldBe("sys.call.on_released");
            decision.Events[^1].Method.ShouldBe("sys.on_chan_closed");
            var owed = CallDecider.Owed(_call.State!);
            if (owed is null) decision.Effects.Any(effect => effect is SendBye or SendCancel or SendRefusal).ShouldBeFalse();
            else decision.Effects.ShouldContain(owed);
            decision.Effects.OfType<CloseMedia>().Count().ShouldBe(1);
        }

        private void CheckWhole()
        {
            _call.Events.Select(e => e.Sequence).ShouldBe(Enumerable.Range(1, _call.Events.Count), "the sequence has no gaps");
            _call.Journal.Sum(e => e.Events).ShouldBe(_call.Events.Count);
            _call.Journal.Select(e => e.AtMillis).ShouldBe(_call.Journal.Select(e => e.AtMillis).Order());
            int Count(string method) => _call.Events.Count(e => e.Method == method);
            var started = _call.Journal.OfType<ActionStarted>().ToList();
            Count("sys.call.on_play_completed").ShouldBe(started.Count(e => e.Action is PlayAction));
            Count("sys.call.on_record_completed").ShouldBe(started.Count(e => e.Action is RecordAction));
            Count("sys.call.on_send_dtmf_completed").ShouldBe(started.Count(e => e.Action is SendKeysAction));
            Count("sys.call.on_receive_dtmf_completed").ShouldBe(started.Count(e => e.Action is ReceiveKeysAction));
            Count("sys.call.on_conf_completed").ShouldBe(_call.Journal.OfType<SeatTaken>().Count(e => e.Seat.Stage == SeatStage.Entered));
            Count("sys.call.on_refer_completed").ShouldBe(_call.Journal.OfType<ReferralEnded>().Count());
            Count("sys.call.on_dial_completed").ShouldBe(_call.Journal.OfType<Constructed>().Count());
            Count("sys.call.on_incoming").ShouldBe(_call.Journal.OfType<Offered>().Count());
            Count("sys.call.on_answer_completed").ShouldBe(_call.Journal.OfType<AnswerRequested>().Count());
            Count("sys.call.on_ringing").ShouldBe(_call.Journal.OfType<RingingBegan>().Count());
            Count("sys.call.on_ringing").ShouldBeLessThanOrEqualTo(1);
            Count("sys.call.on_released").ShouldBe(1);
            Count("sys.on_chan_closed").ShouldBe(1);
            _call.CallRecords.Count.ShouldBe(1);
            var release = _call.Journal.FindIndex(e => e is CallReleased);
            _call.Journal.Skip(release + 1).All(e => e is Settled or CallReleased).ShouldBeTrue();
            _call.Journal.Count(e => e is Settled).ShouldBeLessThanOrEqualTo(1);
            foreach (var happened in _call.Events) JsonDocument.Parse(happened.Params).Dispose();
        }

        private ResourceCommand Draw() => _random.Next(100) switch
        {
            < 30 => new TimeReached(),
            < 36 => new FarEndRings(),
            < 44 => Some.FarEndAnswered,
            < 50 => new AnswerCall(_random.Next(1, 400), _random.Next(2) == 0 ? null : "set") { Generation = Generation() },
            < 56 => new AckArrived(_random.Next(2) == 0 ? null : Some.Audio),
            < 68 => new KeyArrived("0123456789*#ABCD"[_random.Next(16)])
            {
                Press = _random.Next(4) == 0 ? null : new KeyPress(_random.Next(4) == 0 ? null : 9, (uint)_random.Next(20)), IsLate = _random.Next(4) == 0,
            },
            < 84 => Start(),
            < 88 => MediaReport(),
            < 92 => Conference(),
            < 95 => Stop(),
            < 96 => _random.Next(2) == 0 ? new TouchCall() : new DialogChanged(Some.InboundDialog, Some.Held, Some.LocalSdp),
            < 97 => Transfer(),
            _ => Ending(),
        };

        private ApiGeneration Generation() => _random.Next(2) == 0 ? ApiGeneration.V1 : ApiGeneration.V2;

        private ResourceCommand Start() => _random.Next(4) switch
        {
            0 => new StartPlay(_random.Next(5) == 0 ? [] : ["a.wav"], _random.Next(2) == 0 ? "" : "*#", _random.Next(3)),
            1 => Some.Record with { MaxSeconds = _random.Next(1, 30), FinishKeys = _random.Next(2) == 0 ? "" : "#" },
            2 => Some.SendKeys,
            _ => new StartReceiveKeys(Some.Keys with
            {
                ValidKeys = _random.Next(2) == 0 ? "0123456789*#ABCD" : "0123",
                MaxKeys = _random.Next(1, 5),
                FinishKeys = _random.Next(2) == 0 ? "" : "#3",
                FirstKeySeconds = _random.Next(1, 20),
                NextKeySeconds = _random.Next(1, 20),
                Files = _random.Next(2) == 0 ? [] : ["enter.wav"],
                PlayRepeat = _random.Next(3),
                BreakOnKey = _random.Next(2) == 0,
                IncludeFinishKey = _random.Next(2) == 0,
            }),
        };

        private ResourceCommand MediaReport()
        {
            var number = Math.Max(1, _lastNumber - (_random.Next(4) == 0 ? 1 : 0));
            var end = (MediaEnd)_random.Next(5);
            return _random.Next(4) switch
            {
                0 => new PlayFinished(number, end, "detail"),
                1 => new RecordBegan(number),
                2 => new RecordFinished(number, end, null),
                _ => new KeysSent(number, end),
            };
        }

        private ResourceCommand Conference()
        {
            var op = _call.State!.Seat is { } seat && _random.Next(5) > 0 ? seat.Op : $"op-{_random.Next(1, _entries + 1)}";
            return _random.Next(6) switch
            {
                0 or 1 => new EnterConference($"op-{++_entries}", Some.ConferenceId) { MaxSeconds = _random.Next(1, 100), Generation = Generation() },
                2 or 3 => new EnterAnswered(op, Some.ConferenceId, _random.Next(4) == 0 ? Kernel.RpcError.NoSuchResource(Some.ConferenceId) : null),
                4 => new ConferenceParted(op, null, null),
                _ => new ExitConference(Some.ConferenceId),
            };
        }

        private ResourceCommand Transfer()
        {
            var op = _call.State!.Referral?.Op ?? "op-r";
            return _random.Next(12) switch
            {
                0 or 1 => Some.Refer with { Op = $"refer-{++_entries}" },
                2 => new ReferCall($"refer-{++_entries}", null, Some.OtherId, _random.Next(2) == 0),
                3 => new ReferAnswered(op, _random.Next(3) == 0 ? 603 : 202, "", 7, _random.Next(3) > 0),
                4 => new ReferReported(_random.Next(3) == 0 ? null : _random.Next(100, 700), "", _random.Next(2) == 0, null, null),
                5 => new DialogTold(op, Some.OtherId, _random.Next(3) == 0 ? Kernel.RpcError.NoSuchResource(Some.OtherId) : null)
                {
                    CallId = "c", LocalTag = "l", RemoteTag = "r", Target = "sip:x@y",
                },
                6 or 7 => Some.ReferArrived with { CSeq = (uint)_random.Next(9), WantsReports = _random.Next(3) > 0 },
                8 => new AcceptRefer(),
                9 => new NotifyRefer(_random.Next(100, 700)),
                10 => new ReportAnswered(_random.Next(2) == 0 ? 200 : 481, _random.Next(2) == 0),
                _ => new RejectRefer(603),
            };
        }

        private ResourceCommand Stop() => _random.Next(3) switch
        {
            0 => new StopPlay(),
            1 => new StopRecord(),
            _ => new StopReceiveKeys(),
        };

        private ResourceCommand Ending() => _random.Next(16) switch
        {
            0 => new ByeArrived(_random.Next(2) == 0 ? null : 486),
            1 => new DropCall(_random.Next(200, 700), Generation()),
            2 => new RejectCall(486, null),
            3 => new RedirectCall("c.example", "moved"),
            4 => new DialFailed(486, "Busy Here"),
            5 => new FarEndUnusable(Some.OutboundDialog, 488, "no common codec"),
            6 => new AckMissing(),
            7 => new AckUnusable(),
            8 => new CallerCancelled(),
            9 => new DialogLost(_random.Next(2) == 0 ? 481 : 408),
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
