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
        IEnumerable<int> seeds = int.TryParse(Environment.GetEnvironmentVariable("CTI_SEED"), CultureInfo.InvariantCulture, out var one) ? [one] : Enumerable.Range(1, Seeds);
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
        private readonly Random random = new(seed);
        private readonly Dictionary<string, string> mix = [];
        private readonly HashSet<(string Call, string Op)> told = [];
        private ConferenceDriver conference = null!;
        private bool tone;
        private long lastNumber;
        private int ops;

        public void Run()
        {
            conference = new ConferenceDriver(make => make with
            {
                MaxSeconds = random.Next(60, 2000), PartsThreshold = random.Next(-1, 3), TalkerEvents = random.Next(2) == 0,
                RecordPath = random.Next(3) == 0 ? "/r/all.wav" : null, RecordFormat = "Alaw",
            });
            lastNumber = conference.State.ActionCount;
            for (var i = 0; i < Commands; i++)
            {
                conference.Now += random.Next(4) switch
                {
                    0 => 0,
                    1 when conference.Deadline is { } due && due > conference.Now => due - conference.Now,
                    _ => random.Next(20_000),
                };
                Step(Draw());
            }
            if (!conference.State.WasReleased) Step(new NodeLost());
            CheckWhole();
        }

        private void Step(ResourceCommand command)
        {
            var before = conference.State;
            var due = conference.Deadline;
            if (command is EnterAsked asked && ConferenceDecider.WillEnter(before, asked) && !asked.NoRoom) mix[asked.Call] = "member";
            var decision = conference.Do(command);
            if (decision.Refusal is not null) return;
            decision.Effects.OfType<ReplyResult>().Count().ShouldBe(command is ResourceRequest ? 1 : 0, $"{command}");
            if (before.WasReleased) decision.Entries.ShouldBeEmpty();
            if (command is TimeReached)
            {
                decision.Entries.IsEmpty.ShouldBe(due is null || conference.Now < due, "what was due is done, and nothing else");
                if (conference.Deadline is { } next) next.ShouldBeGreaterThan(conference.Now);
            }
            foreach (var effect in decision.Effects) Follow(effect);
            if (conference.State.WasReleased) return;
            foreach (var member in conference.State.Members) mix.ShouldContainKey(member.Call, "every member is in the mix");
            mix.Keys.Except(conference.State.Members.Select(m => m.Call)).All(call => conference.State.ChildOf(call) is { HasEarlyMedia: true }).ShouldBeTrue("nobody else is");
            tone.ShouldBe(conference.State.HearsRingBack);
            conference.State.Members.Select(member => member.Call).ShouldBeUnique();
        }

        private void Follow(ResourceEffect effect)
        {
            switch (effect)
            {
                case LeaveMedia leave: mix.Remove(leave.Call); break;
                case HearChild child: mix[child.Child] = "child"; break;
                case CloseMix: mix.Clear(); break;
                case SetRingBack set:
                    set.On.ShouldNotBe(tone);
                    tone = set.On;
                    break;
                case StartConferenceSound start: Fresh(start.Number); break;
                case StartMixRecord start: Fresh(start.Number); break;
                case PartMember part: told.Add((part.Call, part.Op)).ShouldBeTrue("a member is told once that it is out"); break;
            }
        }

        private void Fresh(long number)
        {
            number.ShouldBeGreaterThan(lastNumber, "the media side never sees a number twice");
            lastNumber = number;
        }

        private void CheckWhole()
        {
            conference.Events.Select(e => e.Sequence).ShouldBe(Enumerable.Range(1, conference.Events.Count), "the sequence has no gaps");
            conference.Journal.Sum(e => e.Events).ShouldBe(conference.Events.Count);
            int Count(string method) => conference.Events.Count(e => e.Method == "sys.conf." + method);
            Count("on_entered").ShouldBe(conference.Journal.OfType<MemberEntered>().Count());
            Count("on_exited").ShouldBe(Count("on_entered"), "who entered has left");
            Count("on_play_completed").ShouldBe(conference.Journal.OfType<PlayBegan>().Count());
            Count("on_record_completed").ShouldBe(conference.Journal.OfType<RecordingSet>().Select(e => e.Recording.Number).Distinct().Count());
            (Count("on_talker") % 2).ShouldBe(0, "who began to talk has ceased");
            conference.Events[^1].Method.ShouldBe("sys.conf.on_released");
            Count("on_released").ShouldBe(1);
            conference.Journal[^1].ShouldBeOfType<ConferenceReleased>();
            foreach (var happened in conference.Events) JsonDocument.Parse(happened.Params).Dispose();
        }

        private string Call() => Calls[random.Next(Calls.Length)];

        private string OpOf(string call) => random.Next(5) > 0 && conference.State.MemberOf(call) is { } member ? member.Op : $"op-{random.Next(ops + 1)}";

        private ResourceCommand Draw()
        {
            var call = Call();
            return random.Next(100) switch
            {
                < 22 => new EnterAsked { Op = random.Next(6) == 0 ? OpOf(call) : $"op-{++ops}", Call = call, NoRoom = random.Next(8) == 0, EntrySound = random.Next(2) == 0 ? [] : ["ding.wav"] },
                < 36 => new MemberLeaves(OpOf(call), call),
                < 46 => new TimeReached(),
                < 54 => new MemberTalks(call, random.Next(2) == 0),
                < 60 => new StartConferencePlay(random.Next(5) == 0 ? [] : ["a.wav"], random.Next(2) == 0),
                < 64 => new StopConferencePlay(),
                < 70 => new StartConferenceRecord(random.Next(1, 40), "/r/a.wav", "Alaw"),
                < 74 => new StopConferenceRecord(),
                < 84 => Report(),
                < 88 => new ChildAsks(call, new RingBackSpec(null, 0)),
                < 92 => new ChildRings(call, random.Next(2) == 0),
                < 94 => new ChildDone(call),
                < 96 => random.Next(2) == 0 ? new SetMemberMode(call, random.Next(1, 5)) : new SetMemberVolume(call, random.Next(-20, 21)),
                < 98 => random.Next(2) == 0 ? new SetThreshold(random.Next(-1, 3)) : new ListMembers(),
                _ => random.Next(5) switch
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
            var number = Math.Max(1, lastNumber - random.Next(2));
            return random.Next(3) switch
            {
                0 => new PlayFinished(number, (MediaEnd)random.Next(5), null),
                1 => new RecordBegan(number),
                _ => new RecordFinished(number, (MediaEnd)random.Next(5), null),
            };
        }
    }
}
