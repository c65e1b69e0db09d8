using System.Globalization;
using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Conference;
using Cti.Calls.Resources;

namespace Cti.Calls.Tests;

/// <summary>
/// What holds whatever happens: thousands of seeded conferences, each given commands in any order at any time. A failing seed is in the message;
/// CTI_SEED runs it alone.
/// </summary>
public sealed class ConferencePropertyTests
{
    private const int Seeds = 2000;
    private const int Commands = 60;

    [Fact]
    public void Any_sequence_of_commands_keeps_the_contract()
    {
        IEnumerable<int> seeds = int.TryParse(Environment.GetEnvironmentVariable("CTI_SEED"), CultureInfo.InvariantCulture, out var one)
            ? [one]
            : Enumerable.Range(1, Seeds);
        foreach (var seed in seeds)
        {
            try
            {
                new RandomConference(seed).Run();
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"seed {seed} (CTI_SEED={seed} runs it alone): {fault.Message}", fault);
            }
        }
    }

    private sealed class RandomConference(int seed)
    {
        private static readonly string[] Calls = [.. Enumerable.Range(1, 5).Select(i => $"0.0.1-sys.call-{i}")];
        private readonly Random _random = new(seed);
        private readonly Dictionary<string, string> _mix = [];
        private readonly HashSet<(string Call, string Op)> _told = [];
        private ConferenceDriver _conference = null!;
        private bool _tone;
        private long _lastNumber;
        private int _ops;

        public void Run()
        {
            _conference = new ConferenceDriver(make => make with
            {
                MaxSeconds = _random.Next(60, 2000),
                PartsThreshold = _random.Next(-1, 3),
                TalkerEvents = _random.Next(2) == 0,
                RecordPath = _random.Next(3) == 0 ? "/r/all.wav" : null,
                RecordFormat = "Alaw",
            });
            _lastNumber = _conference.State.ActionCount;
            for (var i = 0; i < Commands; i++)
            {
                _conference.Now += _random.Next(4) switch
                {
                    0 => 0,
                    1 when _conference.Deadline is { } due && due > _conference.Now => due - _conference.Now,
                    _ => _random.Next(20_000),
                };
                Step(Draw());
            }
            if (!_conference.State.WasReleased) Step(new NodeLost());
            CheckWhole();
        }

        private void Step(ResourceCommand command)
        {
            var before = _conference.State;
            var due = _conference.Deadline;
            if (command is EnterAsked asked && ConferenceDecider.WillEnter(before, asked) && !asked.NoRoom) _mix[asked.Call] = "member";
            var decision = _conference.Do(command);
            if (decision.Refusal is not null) return;
            decision.Effects.OfType<ReplyResult>().Count().ShouldBe(command is ResourceRequest ? 1 : 0, $"{command}");
            if (before.WasReleased) decision.Entries.ShouldBeEmpty();
            if (command is TimeReached)
            {
                decision.Entries.IsEmpty.ShouldBe(due is null || _conference.Now < due, "what was due is done, and nothing else");
                if (_conference.Deadline is { } next) next.ShouldBeGreaterThan(_conference.Now);
            }
            foreach (var effect in decision.Effects) Follow(effect);
            if (_conference.State.WasReleased) return;
            foreach (var member in _conference.State.Members) _mix.ShouldContainKey(member.Call, "every member is in the mix");
            _mix.Keys.Except(_conference.State.Members.Select(m => m.Call)).All(call => _conference.State.ChildOf(call) is { HasEarlyMedia: true })
                .ShouldBeTrue("nobody else is");
            _tone.ShouldBe(_conference.State.HearsRingBack);
            _conference.State.Members.Select(member => member.Call).ShouldBeUnique();
        }

        private void Follow(ResourceEffect effect)
        {
            switch (effect)
            {
                case LeaveMedia leave: _mix.Remove(leave.Call); break;
                case HearChild child: _mix[child.Child] = "child"; break;
                case CloseMix: _mix.Clear(); break;
                case SetRingBack set:
                    set.On.ShouldNotBe(_tone);
                    _tone = set.On;
                    break;
                case StartConferenceSound start: Fresh(start.Number); break;
                case StartMixRecord start: Fresh(start.Number); break;
                case PartMember part: _told.Add((part.Call, part.Op)).ShouldBeTrue("a member is told once that it is out"); break;
            }
        }

        private void Fresh(long number)
        {
            number.ShouldBeGreaterThan(_lastNumber, "the media side never sees a number twice");
            _lastNumber = number;
        }

        private void CheckWhole()
        {
            _conference.Events.Select(e => e.Sequence).ShouldBe(Enumerable.Range(1, _conference.Events.Count), "the sequence has no gaps");
            _conference.Journal.Sum(e => e.Events).ShouldBe(_conference.Events.Count);
            int Count(string method) => _conference.Events.Count(e => e.Method == "sys.conf." + method);
            Count("on_entered").ShouldBe(_conference.Journal.OfType<MemberEntered>().Count());
            Count("on_exited").ShouldBe(Count("on_entered"), "who entered has left");
            Count("on_play_completed").ShouldBe(_conference.Journal.OfType<PlayBegan>().Count());
            Count("on_record_completed").ShouldBe(_conference.Journal.OfType<RecordingSet>().Select(e => e.Recording.Number).Distinct().Count());
            (Count("on_talker") % 2).ShouldBe(0, "who began to talk has ceased");
            _conference.Events[^1].Method.ShouldBe("sys.conf.on_released");
            Count("on_released").ShouldBe(1);
            _conference.Journal[^1].ShouldBeOfType<ConferenceReleased>();
            foreach (var happened in _conference.Events) JsonDocument.Parse(happened.Params).Dispose();
        }

        private string Call() => Calls[_random.Next(Calls.Length)];

        private string OpOf(string call) => _random.Next(5) > 0 && _conference.State.MemberOf(call) is { } member ? member.Op : $"op-{_random.Next(_ops + 1)}";

        private ResourceCommand Draw()
        {
            var call = Call();
            return _random.Next(100) switch
            {
                < 22 => new EnterAsked
                {
                    Op = _random.Next(6) == 0 ? OpOf(call) : $"op-{++_ops}", Call = call, NoRoom = _random.Next(8) == 0,
                    EntrySound = _random.Next(2) == 0 ? [] : ["ding.wav"]
                },
                < 36 => new MemberLeaves(OpOf(call), call),
                < 46 => new TimeReached(),
                < 54 => new MemberTalks(call, _random.Next(2) == 0),
                < 60 => new StartConferencePlay(_random.Next(5) == 0 ? [] : ["a.wav"], _random.Next(2) == 0),
                < 64 => new StopConferencePlay(),
                < 70 => new StartConferenceRecord(_random.Next(1, 40), "/r/a.wav", "Alaw"),
                < 74 => new StopConferenceRecord(),
                < 84 => Report(),
                < 88 => new ChildAsks(call, new RingBackSpec(null, 0)),
                < 92 => new ChildRings(call, _random.Next(2) == 0),
                < 94 => new ChildDone(call),
                < 96 => _random.Next(2) == 0 ? new SetMemberMode(call, _random.Next(1, 5)) : new SetMemberVolume(call, _random.Next(-20, 21)),
                < 98 => _random.Next(2) == 0 ? new SetThreshold(_random.Next(-1, 3)) : new ListMembers(),
                _ => _random.Next(5) switch
                {
                    0 => new ReleaseConference(),
                    1 => new ConferenceBroke(),
                    2 => new NodeStops(),
                    _ => new TouchConference(),
                },
            };
        }

        private ResourceCommand Report()
        {
            var number = Math.Max(1, _lastNumber - _random.Next(2));
            return _random.Next(3) switch
            {
                0 => new PlayFinished(number, (MediaEnd)_random.Next(5), null),
                1 => new RecordBegan(number),
                _ => new RecordFinished(number, (MediaEnd)_random.Next(5), null),
            };
        }
    }
}
