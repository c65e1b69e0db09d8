using System.Globalization;
using System.Text;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Extensions;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Tests.Extensions;

/// <summary>
/// A flow and its real calls, with far ends, media and applications that do anything at any time, commits that come late, and messages that are delivered
/// in any order that keeps each mailbox's: it always ends, once, with all calls hung up. CTI_SEED runs one seed alone.
/// </summary>
public sealed class FlowPropertyTests
{
    private static IEnumerable<int> SeedsToRun =>
        int.TryParse(Environment.GetEnvironmentVariable("CTI_SEED"), CultureInfo.InvariantCulture, out var one) ? [one] : Enumerable.Range(1, 1500);

    [Fact]
    public void Whatever_comes_when_a_flow_ends_once_and_leaves_no_call_up()
    {
        var reached = new HashSet<(string, FlowPhase)>();
        var ends = new HashSet<(string, int?)>();
        foreach (var seed in SeedsToRun)
        {
            try
            {
                new World(seed).Run(reached, ends);
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"seed {seed} (CTI_SEED={seed} runs it alone): {fault.Message}", fault);
            }
        }
        if (SeedsToRun.Take(2).Count() == 1) return;
        reached.Count.ShouldBe(10, "every flow in every state");
        ends.ShouldContain(("DuoSpec", null));
        ends.ShouldContain(("DuoSpec", 410));
        ends.ShouldContain(("DuoSpec", 487));
        ends.ShouldContain(("NotifySpec", null));
        ends.ShouldContain(("CaptchaSpec", 408));
        ends.ShouldContain(("CaptchaSpec", 410));
    }

    /// <summary>Who has a mailbox: 0 the flow, 1 and 2 the calls of its parties.</summary>
    private sealed class World(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly FlowDriver _flow = new();
        private readonly CallDriver?[] _calls = new CallDriver?[3];
        private readonly Queue<Action>[] _mailboxes = [new(), new(), new()];
        /// <summary>What waits for durability, one batch a decision.</summary>
        private readonly Queue<Action>[] _waiting = [new(), new(), new()];
        private readonly Action<OwnedReplied>?[] _held = new Action<OwnedReplied>?[3];
        private readonly (object? State, int Events)[] _durable = new (object?, int)[3];
        private long _now = Some.Start;

        public void Run(HashSet<(string, FlowPhase)> reached, HashSet<(string, int?)> ends)
        {
            FlowSpec spec = (seed % 4) switch { 0 => SomeFlow.Notify, 1 => SomeFlow.Captcha, _ => Duo() };
            Decide(SomeFlow.BeginOf(spec));
            for (var i = 0; i < 60; i++)
            {
                reached.Add((spec.GetType().Name, _flow.State!.Phase));
                _now += _random.Next(3) == 0 ? _random.Next(20_000) : _random.Next(200);
                if (_random.Next(25) == 0) Restart();
                if (_random.Next(3) > 0 && Deliver()) continue;
                Outside();
            }
            Settle();
            reached.Add((spec.GetType().Name, _flow.State!.Phase));
            ends.Add((spec.GetType().Name, _flow.State!.End?.Error));
            Check();
        }

        private DuoSpec Duo() => SomeFlow.Duo with
        {
            RecordPath = _random.Next(2) == 0 ? null : "/r/a.wav",
            RecordMode = (DuoRecording)_random.Next(3),
            RingPlayFile = _random.Next(2) == 0 ? null : "ring.wav",
            RingPlayMode = _random.Next(4),
            MaxConnectSeconds = _random.Next(1, 30),
        };

        private bool Deliver()
        {
            var ready = _mailboxes.Concat(_waiting).Where(queue => queue.Count > 0).ToList();
            if (ready.Count == 0) return false;
            ready[_random.Next(ready.Count)].Dequeue()();
            return true;
        }

        // ---- the flow ----

        private void Decide(ResourceCommand command)
        {
            _flow.Now = _now;
            var decision = _flow.Do(command);
            if (decision.Refusal is not null) return;
            var (state, events) = (_flow.State, _flow.Events.Count);
            _waiting[0].Enqueue(() =>
            {
                _durable[0] = (state, events);
                foreach (var effect in decision.Effects) Perform(effect);
            });
        }

        private void Perform(ResourceEffect effect)
        {
            switch (effect)
            {
                case CallParty call when _random.Next(12) == 0:
                    Told(0, new OwnedReplied(call.Party, FlowAsk.Construct, default, new RpcError(_random.Next(2) == 0 ? 480 : 503, "why")));
                    break;
                case CallParty call:
                    _mailboxes[call.Party].Enqueue(() => Construct(call.Party));
                    break;
                case AskOwned ask:
                    _mailboxes[ask.Party].Enqueue(() => Ask(ask));
                    break;
                case AbandonOwned abandon:
                    Told(NumberOf(abandon.Call), new OwnerGone());
                    break;
                case ConfirmOwned confirm:
                    Told(NumberOf(confirm.Call), new OwnerHas(confirm.Number));
                    break;
            }
        }

        private void Told(int who, ResourceCommand command) => _mailboxes[who].Enqueue(() =>
        {
            if (who == 0) Decide(command);
            else Run(who, command, null);
        });

        // ---- the calls ----

        private void Construct(int party)
        {
            _calls[party] = new CallDriver(new CallSettings()) { DecidesTwice = false };
            ResourceId.TryParse(party == 1 ? FlowDriver.Call1 : FlowDriver.Call2, out var id).ShouldBeTrue();
            var args = FlowRequests.CallOf(_flow.State!, party).Arguments;
            var parent = args.OptionalString("parent_call_res_id");
            Run(party, Some.Construct with
            {
                Id = id,
                Owner = _flow.State!.Id.ToString(),
                Parent = parent,
                MaxRingSeconds = args.Int32("max_ring_seconds"),
                UserData = args.OptionalString("user_data"),
                RingBack = parent is null ? new RingBackSpec(null, 0) : new RingBackSpec(args.OptionalString("ring_play_file"), args.Int32("ring_play_mode")),
            }, replied => Told(0, replied with { Party = party, What = FlowAsk.Construct }));
        }

        private void Ask(AskOwned ask) => Run(ask.Party, ask.Request, replied => Told(0, replied with { Party = ask.Party, What = ask.What }));

        private void Run(int party, ResourceCommand command, Action<OwnedReplied>? reply)
        {
            if (_calls[party] is not { } call) return;
            call.Now = _now;
            var decision = call.Do(command);
            if (command.AnswersHeld && decision.Effects.Any(effect => effect is ReplyResult)) reply = TakeHeld(party);
            if (decision.Refusal is { } refusal)
            {
                reply?.Invoke(new OwnedReplied(party, FlowAsk.Drop, default, refusal));
                return;
            }
            foreach (var effect in decision.Effects.Where(effect => effect.IsReflex)) Perform(party, effect, null);
            var (state, events) = (call.State, call.Events.Count);
            _waiting[party].Enqueue(() =>
            {
                _durable[party] = (state, events);
                foreach (var effect in decision.Effects.Where(effect => !effect.IsReflex)) Perform(party, effect, reply);
            });
        }

        private void Perform(int party, ResourceEffect effect, Action<OwnedReplied>? reply)
        {
            var self = party == 1 ? FlowDriver.Call1 : FlowDriver.Call2;
            if (effect.HoldsRequest) _held[party] = reply;
            switch (effect)
            {
                case ReplyResult result: reply?.Invoke(new OwnedReplied(party, FlowAsk.Drop, result.Result, null)); break;
                case ReplyRefused refused: TakeHeld(party)?.Invoke(new OwnedReplied(party, FlowAsk.Drop, default, refused.Refusal)); break;
                case NotifyOwner notify: Told(0, new OwnedHappened(self, notify.Method, notify.Params) { Number = notify.Number }); break;
                case AskJoin ask: Told(NumberOf(ask.Peer), new JoinAsked(ask.Op, self)); break;
                case AnswerJoin answer: Told(NumberOf(answer.First), new JoinAnswered(answer.Op, self, answer.Refusal)); break;
                case PartBridge part: Told(NumberOf(part.Peer), new BridgeParted(part.Op)); break;
                case AskParent ask: Told(NumberOf(ask.Parent), new ChildAsks(self, ask.RingBack)); break;
                case AnswerChild answer: Told(NumberOf(answer.Child), new ParentAnswers(self, answer.Refusal, answer.MayDial)); break;
                case ReleaseChild release: Told(NumberOf(release.Child), new ParentReleases(self)); break;
                case TellRinging rings: Told(NumberOf(rings.Parent), new ChildRings(self, rings.HasEarlyMedia)); break;
                case TellDone done: Told(NumberOf(done.Parent), new ChildDone(self)); break;
                case StopMediaRecord stop: Told(party, new RecordFinished(stop.Number, MediaEnd.Stopped, null)); break;
            }
        }

        private Action<OwnedReplied>? TakeHeld(int party)
        {
            var reply = _held[party];
            _held[party] = null;
            return reply;
        }

        private static int NumberOf(string call) => call == FlowDriver.Call1 ? 1 : 2;

        // ---- what comes from outside ----

        private void Outside()
        {
            switch (_random.Next(30))
            {
                case 0: Told(0, new DropFlow("drop")); return;
                case 1 when _flow.State!.Spec is DuoSpec: Told(0, new CancelFlow()); return;
                case 2 when _random.Next(4) == 0:
                    for (var who = 0; who < 3; who++) Told(who, new NodeStops());
                    return;
            }
            var party = _random.Next(1, 3);
            if (_calls[party]?.State is { } call && FarEnd(call) is { } command) Told(party, command);
        }

        private ResourceCommand? FarEnd(CallState call)
        {
            if (call.WasReleased) return call.Closing == SipClosing.None ? null : new FarEndSettled();
            if (call.IsDialling)
            {
                return _random.Next(8) switch
                {
                    0 => new DialFailed(486, "Busy Here"),
                    < 3 => new FarEndRings(_random.Next(2) == 0 ? null : Some.Audio),
                    < 4 => Due(call),
                    _ => call.Parent is { Stage: ParentStage.Waiting } ? null : Some.FarEndAnswered,
                };
            }
            return _random.Next(10) switch
            {
                0 => new ByeArrived(null),
                1 => new KeyArrived("12#"[_random.Next(3)]),
                2 => Due(call),
                3 when _random.Next(4) == 0 => new MediaLost(),
                < 6 when call.Action is { } action => new PlayFinished(action.Number, _random.Next(5) == 0 ? MediaEnd.NotFound : MediaEnd.Completed, null),
                < 6 when call.Dialling is { } dialling =>
                    new PlayFinished(dialling.Number, _random.Next(5) == 0 ? MediaEnd.NotFound : MediaEnd.Completed, null),
                6 when call.Bridge is { } bridge && _random.Next(4) == 0 => new BridgeFinished(bridge.Number, MediaEnd.Failed, null),
                7 when call.SideRecord is { } record && _random.Next(3) == 0 => new RecordFinished(record.Number, MediaEnd.Failed, "disk full"),
                _ => null,
            };
        }

        private TimeReached? Due(CallState call)
        {
            if (CallDecider.NextDeadline(call, new CallSettings()) is not { } due) return null;
            _now = Math.Max(_now, due);
            return new TimeReached();
        }

        /// <summary>The process dies: what is under way or not durable is lost; a new owner recovers what is, the flow and its calls together.</summary>
        private void Restart()
        {
            for (var who = 0; who < 3; who++)
            {
                _mailboxes[who].Clear();
                _waiting[who].Clear();
                _held[who] = null;
            }
            if (_durable[0].State is not FlowState known)
            {
                var spec = _flow.State!.Spec;
                _flow.GoBackTo(null, 0);
                Decide(SomeFlow.BeginOf(spec));
                return;
            }
            _flow.GoBackTo(known, _durable[0].Events);
            for (var party = 1; party < 3; party++)
            {
                if (_calls[party] is not { } call) continue;
                if (_durable[party].State is CallState state) call.GoBackTo(state, _durable[party].Events);
                else _calls[party] = null;
            }
            // Every resource recovers first; then the flow looks which of its calls exist, as its actor does.
            for (var party = 1; party < 3; party++)
            {
                if (_calls[party]?.State is not { IsOver: false } call) continue;
                if (call.IsAwaitingParent && _calls[1]?.State is not { } || call is { Parent.Stage: ParentStage.Asked }) _calls[party]!.Do(new NodeLost());
                else Told(party, Sagas.Recovery.Of(call, _now));
                if (call.Dialling is not null
                    && (_calls[2]?.State is not { } child || child.Parent is null or { Stage: ParentStage.Asked } || child.WasReleased))
                    Told(party, new ChildDone(call.Dialling.Child));
            }
            for (var party = 1; party < 3; party++)
            {
                if (_calls[party]?.State is { } made && !_flow.State!.WasReleased && FlowDecider.FindParty(_flow.State, made) is { } found) Told(0, found);
            }
            Told(0, new WasRecovered(_now));
        }

        /// <summary>Everything comes to its end: far ends that still ring give up, those that are up hang up.</summary>
        private void Settle()
        {
            for (var i = 0; i < 100; i++)
            {
                while (Deliver())
                {
                }
                var ended = false;
                for (var party = 1; party < 3; party++)
                {
                    if (_calls[party]?.State is not { WasReleased: false } call) continue;
                    Told(party, call.Parent is { Stage: ParentStage.Waiting }
                        ? new DropCall(603, ApiGeneration.V2)
                        : call.IsDialling ? new DialFailed(480, "gone") : new ByeArrived(null));
                    ended = true;
                }
                if (!ended) return;
            }
            throw new InvalidOperationException($"never quiet: {_flow.State!.Phase}, {_calls[1]?.Phase}, {_calls[2]?.Phase}");
        }

        private void Check()
        {
            _flow.State!.WasReleased.ShouldBeTrue($"{_flow.State.Spec.GetType().Name} ends; it is {_flow.State.Phase}, first {_flow.State.First.Stage}, second "
                + $"{_flow.State.Second?.Stage}");
            var module = _flow.State.Id.Module;
            _flow.Events.Count(told => told.Method == $"{module}.on_released").ShouldBe(1);
            _flow.Events[^1].Method.ShouldBe($"{module}.on_released");
            _flow.Events.Select(told => told.Sequence).ShouldBe(Enumerable.Range(1, _flow.Events.Count));
            foreach (var call in _calls.OfType<CallDriver>()) call.Phase.ShouldBe(CallPhase.Released);
            if (_flow.State.Spec is not DuoSpec) return;
            var names = _flow.Events.Select(told => told.Method[(module.Length + 1)..]).ToList();
            names[0].ShouldBe("on_dial1_completed");
            names.Count(name => name == "on_dial1_completed").ShouldBe(1);
            names.Count(name => name == "on_dial2_started").ShouldBe(names.Count(name => name == "on_dial2_completed"), "what started is completed");
            if (_flow.State.ConnectMillis is null) return;
            Encoding.UTF8.GetString(_flow.Events[^1].Params.Span).ShouldNotContain("\"answer_time\":null");
        }
    }
}
