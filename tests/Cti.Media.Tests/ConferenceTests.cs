using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

public sealed class ConferenceTests
{
    private static readonly double[] Tones = [400, 700, 1100];

    private static (MixRig Rig, Conference Conference, MixParty[] Members) Three(ConferenceOptions? options = null, params AudioCodec[] codecs)
    {
        var rig = new MixRig();
        var conference = rig.OpenConference(options);
        var members = Tones.Select((tone, i) => rig.Open(i < codecs.Length ? codecs[i] : AudioCodec.Pcma, tone: tone)).ToArray();
        foreach (var member in members) MixRig.Join(conference, member);
        return (rig, conference, members);
    }

    [Theory]
    [InlineData(AudioCodec.Pcma, AudioCodec.Pcma, AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu, AudioCodec.Pcmu, AudioCodec.Pcmu)]
    [InlineData(AudioCodec.Pcma, AudioCodec.Pcmu, AudioCodec.Pcma)]
    public void Each_of_three_hears_the_other_two_and_not_itself(AudioCodec first, AudioCodec second, AudioCodec third)
    {
        var (rig, _, members) = Three(null, first, second, third);
        rig.Ticks(60);
        for (var i = 0; i < 3; i++)
        {
            var heard = Spectrum.Last(members[i].Heard(), 800);
            for (var j = 0; j < 3; j++)
            {
                if (i == j) Spectrum.Amplitude(heard, Tones[j]).ShouldBeLessThan(60);
                else Spectrum.Amplitude(heard, Tones[j]).ShouldBe(6000, 150);
            }
            members[i].ShouldBeOneStream();
            members[i].Sent.Count.ShouldBe(60);
        }
        rig.Happened.ShouldBe(members.Select(member => new MemberJoined(member.Session.Id)));
    }

    [Fact]
    public void The_voice_mode_says_who_talks_and_who_hears_and_can_be_changed()
    {
        var (rig, conference, members) = Three();
        var listener = rig.Open(tone: 1500);
        MixRig.Join(conference, listener, VoiceMode.Hear);
        members[1].Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember(VoiceMode.Talk)));
        members[2].Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember(VoiceMode.Neither)));
        rig.Ticks(60);
        Spectrum.Tones(members[0].Heard(), 400, 700, 1100, 1500).ShouldBe([700]);
        Sound.Level(Spectrum.Last(members[1].Heard(), 800)).ShouldBeLessThan(9);
        Sound.Level(Spectrum.Last(members[2].Heard(), 800)).ShouldBeLessThan(9);
        Spectrum.Tones(listener.Heard(), 400, 700, 1100, 1500).ShouldBe([400, 700]);
        listener.Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember()));
        members[2].Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember()));
        rig.Ticks(60);
        Spectrum.Tones(members[2].Heard(), 400, 700, 1100, 1500).ShouldBe([400, 700, 1500]);
        Spectrum.Tones(listener.Heard(), 400, 700, 1100, 1500).ShouldBe([400, 700, 1100]);
    }

    [Fact]
    public void A_volume_changes_the_sound_of_its_own_member_for_all_others()
    {
        var (rig, conference, members) = Three();
        members[0].Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember(Volume: -12)));
        rig.Ticks(60);
        Spectrum.Amplitude(Spectrum.Last(members[1].Heard(), 800), 400).ShouldBe(1507, 40);
        Spectrum.Amplitude(Spectrum.Last(members[1].Heard(), 800), 1100).ShouldBe(6000, 150);
        Spectrum.Amplitude(Spectrum.Last(members[0].Heard(), 800), 400).ShouldBeLessThan(60);
    }

    [Fact]
    public void Many_loud_members_saturate_and_one_of_them_still_does_not_hear_itself()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var loud = Enumerable.Range(0, 5).Select(_ => rig.Open(tone: 500, amplitude: 30_000)).ToArray();
        var quiet = rig.Open(tone: 900, amplitude: 3000);
        foreach (var party in rig.Parties) MixRig.Join(conference, party);
        rig.Ticks(60);
        var heard = Spectrum.Last(quiet.Heard(), 800).ToArray();
        heard.Max().ShouldBeGreaterThan((short)31_000);
        Spectrum.Amplitude(heard, 500).ShouldBeGreaterThan(38_000);
        Spectrum.Amplitude(heard, 900).ShouldBeLessThan(100);
        _ = loud;
    }

    [Fact]
    public void A_ring_back_is_heard_beside_the_play_and_neither_ends_the_other()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var listener = rig.Open();
        MixRig.Join(conference, listener);
        conference.Apply(MediaCommand.PreparePlay(1));
        conference.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(900, 1000)], Repeat: -1)));
        conference.Apply(MediaCommand.SetRingBack(new PlayList([Spectrum.Prompt(500, 100)], Repeat: -1)));
        rig.Ticks(60);
        Spectrum.Tones(listener.Heard(), 500, 900).ShouldBe([500, 900]);
        conference.Apply(MediaCommand.StopPlay(1));
        rig.Ticks(60);
        Spectrum.Tones(listener.Heard(), 500, 900).ShouldBe([500]);
        conference.Apply(MediaCommand.SetRingBack(null));
        rig.Ticks(60);
        Spectrum.Tones(listener.Heard(), 500, 900).ShouldBeEmpty();
    }

    [Fact]
    public void A_session_that_joined_before_anything_was_agreed_is_heard_and_hears_once_it_is()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var first = rig.Open(tone: 400);
        var early = new MixParty(rig, 9);
        rig.Parties.Add(early);
        MixRig.Join(conference, first);
        MixRig.Join(conference, early);
        rig.Ticks(20);
        early.Sent.ShouldBeEmpty();
        early.Configure(AudioCodec.Pcmu);
        early.Tone = 700;
        rig.Ticks(60);
        Spectrum.Tones(early.Heard(), 400, 700).ShouldBe([400]);
        Spectrum.Tones(first.Heard(), 400, 700).ShouldBe([700]);
    }

    [Fact]
    public void Plays_entry_sounds_and_background_are_heard_together_and_end_on_their_own()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var (first, muted) = (rig.Open(tone: 400), rig.Open(tone: 700));
        MixRig.Join(conference, first);
        MixRig.Join(conference, muted, VoiceMode.Hear);
        conference.Apply(MediaCommand.SetBackground(new PlayList([Spectrum.Prompt(600, 100)], Repeat: -1)));
        conference.Apply(MediaCommand.PreparePlay(1));
        conference.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(900, 1000)], Repeat: 1)));
        rig.Ticks(10);
        conference.Apply(MediaCommand.AddSound(new PlayList([Spectrum.Prompt(1300, 1000)])));
        rig.Ticks(50);
        Spectrum.Tones(first.Heard(), 400, 600, 900, 1300).ShouldBe([600, 900, 1300]);
        Spectrum.Tones(muted.Heard(), 400, 600, 900, 1300).ShouldBe([400, 600, 900, 1300]);
        rig.Ticks(40);
        Spectrum.Tones(muted.Heard(), 400, 600, 900, 1300).ShouldBe([400, 600, 900]);
        conference.Apply(MediaCommand.PreparePlay(2));
        conference.Apply(MediaCommand.PreparePlay(3));
        conference.Apply(MediaCommand.FailPlay(3, MediaOutcome.NotFound, "x.wav: no such file"));
        rig.Ticks(60);
        Spectrum.Tones(muted.Heard(), 400, 600, 900, 1300).ShouldBe([400, 600]);
        rig.Happened.Skip(2).ShouldBe([new PlayStarted(1), new PlayEnded(1, MediaOutcome.Completed), new PlayEnded(2, MediaOutcome.Stopped),
            new PlayEnded(3, MediaOutcome.NotFound, "x.wav: no such file")]);
    }

    [Fact]
    public void The_recording_is_the_whole_mix_and_complete_when_the_conference_is_closed()
    {
        using var folder = new TemporaryFolder();
        var (rig, conference, members) = Three();
        conference.Apply(MediaCommand.PrepareRecord(4));
        conference.Apply(MediaCommand.PrepareRecord(5));
        var recorder = SoundRecorder.Open(folder.File("mix.wav"), RecordFormat.Alaw).Recorder!;
        conference.Apply(MediaCommand.StartRecord(4, recorder, beep: false));
        rig.EachTick = i =>
        {
            if (i % 25 == 0) recorder.Drain();
        };
        rig.Ticks(100);
        rig.EachTick = null;
        conference.Apply(MediaCommand.Close());
        rig.Ticks(2);
        conference.IsFinished.ShouldBeFalse();
        recorder.Drain().ShouldBeTrue();
        rig.Ticks(1);
        conference.IsFinished.ShouldBeTrue();
        conference.ReportClosed();
        conference.ReportClosed();
        rig.Happened.Skip(3).ShouldBe([new RecordEnded(5, MediaOutcome.Failed, 0, "a recording runs already"), new RecordStarted(4),
            .. members.Reverse().Select(member => new MemberLeft(member.Session.Id)), new RecordEnded(4, MediaOutcome.Stopped, 2000), new ConferenceClosed()]);
        var file = Sound.Decode(WavFile.Read(File.ReadAllBytes(folder.File("mix.wav"))).Encoded(AudioCodec.Pcma).ToArray());
        file.Length.ShouldBe(16_000);
        Spectrum.Tones(file, 400, 700, 1100, 1500).ShouldBe([400, 700, 1100]);
        members[0].Session.Seat.ShouldBeNull();
        rig.Ticks(5);
        members[0].Sent[^1].Payload.ShouldAllBe(code => code == G711.AlawSilence);
    }

    [Fact]
    public void Talkers_are_reported_when_they_begin_and_half_a_second_after_they_end()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference(new ConferenceOptions(TalkerEvents: true));
        var (talker, other) = (rig.Open(tone: 400, amplitude: 200), rig.Open());
        MixRig.Join(conference, talker);
        MixRig.Join(conference, other);
        rig.Ticks(50);
        rig.Happened.OfType<TalkerChanged>().ShouldBeEmpty("a hum is no talking");
        talker.Amplitude = 6000;
        rig.Ticks(7);
        rig.Happened.OfType<TalkerChanged>().ShouldBe([new TalkerChanged(talker.Session.Id, true)]);
        talker.Amplitude = 200;
        rig.Ticks(15);
        talker.Amplitude = 6000;
        rig.Ticks(15);
        talker.Amplitude = 200;
        rig.Ticks(20);
        rig.Happened.OfType<TalkerChanged>().Count().ShouldBe(1, "a pause within speech is no end");
        rig.Ticks(15);
        rig.Happened.OfType<TalkerChanged>().Last().ShouldBe(new TalkerChanged(talker.Session.Id, false));
        talker.Amplitude = 6000;
        rig.Ticks(10);
        talker.Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember(VoiceMode.Hear)));
        rig.Ticks(1);
        rig.Happened.OfType<TalkerChanged>().Select(changed => changed.Talking).ShouldBe([true, false, true, false]);
    }

    [Fact]
    public void Entering_another_conference_or_a_bridge_leaves_the_former()
    {
        var (rig, first, members) = Three();
        var second = rig.OpenConference();
        MixRig.Join(second, members[0]);
        MixRig.Connect(members[1], members[2], new BridgeRequest(1));
        rig.Ticks(60);
        first.Members.ShouldBe(0);
        second.Members.ShouldBe(1);
        Spectrum.Tones(members[1].Heard(), Tones).ShouldBe([1100]);
        Sound.Level(Spectrum.Last(members[0].Heard(), 800)).ShouldBeLessThan(9);
        rig.Happened.OfType<MemberLeft>().Select(left => left.Session).ShouldBe(members.Select(member => member.Session.Id));
        MixRig.Join(second, members[1]);
        members[1].Happened.ShouldBe([new BridgeStarted(1), new BridgeEnded(1, MediaOutcome.Stopped)]);
        members[0].Session.Apply(MediaCommand.Close());
        members[1].Session.Apply(MediaCommand.Leave(first));
        second.Members.ShouldBe(1);
        members[1].Session.Apply(MediaCommand.Leave(second));
        second.Members.ShouldBe(0);
    }

    [Fact]
    public void A_member_that_is_not_answered_yet_is_heard_and_hears_from_its_answer_on()
    {
        var (rig, conference, members) = Three();
        var early = new MixParty(rig, 9) { Tone = 1500 };
        early.Session.Apply(MediaCommand.Join(conference, new ConferenceMember()));
        rig.Parties.Add(early);
        rig.Ticks(10);
        early.Sent.ShouldBeEmpty();
        early.Configure(AudioCodec.Pcmu);
        rig.Ticks(60);
        Spectrum.Tones(early.Heard(), 400, 700, 1100, 1500).ShouldBe([400, 700, 1100]);
        Spectrum.Tones(members[0].Heard(), 400, 700, 1100, 1500).ShouldBe([700, 1100, 1500]);
    }

    [Fact]
    public void Twenty_members_with_play_recording_and_talkers_allocate_nothing()
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var conference = rig.OpenConference(new ConferenceOptions(TalkerEvents: true));
        for (var i = 0; i < 20; i++) MixRig.Join(conference, rig.Open(i % 2 == 0 ? AudioCodec.Pcma : AudioCodec.Pcmu, tone: i < 15 ? 400 + (50 * i) : 0));
        foreach (var party in rig.Parties) party.IsDeaf = true;
        conference.Apply(MediaCommand.PreparePlay(1));
        conference.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(900, 1111)], Repeat: -1)));
        conference.Apply(MediaCommand.PrepareRecord(2));
        var recorder = SoundRecorder.Open(folder.File("mix.wav"), RecordFormat.Ulaw).Recorder!;
        conference.Apply(MediaCommand.StartRecord(2, recorder, beep: false));
        rig.EachTick = i =>
        {
            if (i % 100 == 0) recorder.Drain();
        };
        rig.Ticks(1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Ticks(1000);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        recorder.Discard();
        recorder.Drain();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Any_order_of_joins_bridges_and_closes_leaves_nothing_behind(int seed)
    {
        var random = new Random(seed);
        var rig = new MixRig();
        var conferences = Enumerable.Range(0, 3).Select(_ => rig.OpenConference(new ConferenceOptions(TalkerEvents: true))).ToArray();
        for (var i = 0; i < 12; i++)
            rig.Open(random.Next(2) == 0 ? AudioCodec.Pcma : AudioCodec.Pcmu, random.Next(3) == 0 ? -1 : 101, tone: 300 + (100 * i)).IsDeaf = true;
        var started = new List<(MixParty First, long Action)>();
        var plays = 0;
        for (var step = 0; step < 1500; step++)
        {
            var (one, other) = (rig.Parties[random.Next(12)], rig.Parties[random.Next(12)]);
            var conference = conferences[random.Next(3)];
            switch (random.Next(12))
            {
                case 0 or 1: MixRig.Join(conference, one, (VoiceMode)random.Next(1, 5), random.Next(-30, 30)); break;
                case 2: one.Session.Apply(MediaCommand.Leave(conference)); break;
                case 3: one.Session.Apply(MediaCommand.SetMember(conference, new ConferenceMember((VoiceMode)random.Next(1, 5)))); break;
                case 4 or 5 when one != other:
                    MixRig.Connect(one, other, new BridgeRequest(step, (BridgeMode)random.Next(1, 4), random.Next(3) - 1), isListening: random.Next(3) == 0);
                    started.Add((one, step));
                    break;
                case 6 when started.Count > 0: one.Session.Apply(MediaCommand.Disconnect(started[random.Next(started.Count)].Action)); break;
                case 7:
                    one.Session.Apply(MediaCommand.PrepareBridgePlay(1_000_000 + ++plays));
                    one.Session.Apply(MediaCommand.StartBridgePlay(1_000_000 + plays, new PlayList([Spectrum.Prompt(500, random.Next(1, 200))])));
                    break;
                case 8:
                    one.Configure(random.Next(2) == 0 ? AudioCodec.Pcma : AudioCodec.Pcmu, random.Next(3) == 0 ? -1 : 101, random.Next(4) > 0,
                        random.Next(4) > 0);
                    break;
                case 9 when random.Next(20) == 0: one.Session.Apply(MediaCommand.Close()); break;
                case 10 when random.Next(20) == 0: one.Session.LeaveMixes(); break;
                default: rig.Ticks(random.Next(1, 5)); break;
            }
        }
        foreach (var conference in conferences) conference.Apply(MediaCommand.Close());
        foreach (var party in rig.Parties) party.Session.Apply(MediaCommand.Close());
        rig.Ticks(2);
        foreach (var party in rig.Parties)
        {
            party.Session.IsFinished.ShouldBeTrue();
            party.Session.Seat.ShouldBeNull();
            party.Session.Sound.Mixes.ShouldBe(0);
            party.Happened.OfType<BridgeEnded>().Select(ended => ended.Action).Order()
                .ShouldBe(started.Where(start => start.First == party).Select(start => start.Action).Order());
        }
        rig.Parties.Sum(party => party.Happened.OfType<PlayEnded>().Count()).ShouldBe(plays);
        conferences.ShouldAllBe(conference => conference.IsFinished && conference.Members == 0);
        rig.Happened.OfType<MemberJoined>().Count().ShouldBe(rig.Happened.OfType<MemberLeft>().Count());
    }

    [Fact]
    public void The_mixers_vectors_do_what_single_samples_would()
    {
        var random = new Random(7);
        foreach (var length in (int[])[160, 1, 7, 33])
        {
            var (one, other) = (new short[length], new short[length]);
            for (var i = 0; i < length; i++) (one[i], other[i]) = ((short)random.Next(-32_768, 32_768), (short)random.Next(-32_768, 32_768));
            var sum = new int[length];
            Mixer.Add(sum, one);
            Mixer.Add(sum, other);
            sum.ShouldBe(one.Zip(other, (a, b) => a + b));
            var frame = new short[length];
            Mixer.Saturate(sum, frame);
            frame.ShouldBe(sum.Select(value => (short)Math.Clamp(value, -32_768, 32_767)));
            Mixer.SaturateWithout(sum, one, frame);
            frame.ShouldBe(other);
            Mixer.Amplify(one, Mixer.Gain(20), frame);
            frame.ShouldBe(one.Select(value => (short)Math.Clamp(value * 10, -32_768, 32_767)));
            Mixer.Amplify(one, Mixer.Unity, frame);
            frame.ShouldBe(one);
            var energy = one.Average(value => (double)value * value);
            ((double)Mixer.MeanSquare(one)).ShouldBe(energy, (energy / 50) + 600);
        }
        Mixer.IsSilent(new short[160]).ShouldBeTrue();
        Mixer.IsSilent([.. Enumerable.Repeat((short)-8, 160)]).ShouldBeTrue();
        for (var i = 0; i < 160; i++)
        {
            var frame = new short[160];
            frame[i] = (short)(i % 2 == 0 ? 9 : -9);
            Mixer.IsSilent(frame).ShouldBeFalse();
        }
    }
}
