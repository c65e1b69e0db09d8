using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

/// <summary>Bridges, conferences and recordings of parties with different codecs and rates.</summary>
public sealed class WidebandMixTests
{
    private const double Narrow = 800, Wide = 6_000;

    public static TheoryData<AudioCodec, AudioCodec> Pairs
    {
        get
        {
            var pairs = new TheoryData<AudioCodec, AudioCodec>();
            foreach (var one in Enum.GetValues<AudioCodec>())
                foreach (var other in Enum.GetValues<AudioCodec>()) pairs.Add(one, other);
            return pairs;
        }
    }

    /// <summary>How loud a tone is in the last 800 ms of what a party hears, at its own rate.</summary>
    private static double Hears(MixParty party, double hertz)
    {
        var rate = party.Codec.SoundRate();
        var heard = party.Heard();
        return Spectrum.Amplitude(heard.AsSpan(heard.Length - (rate * 8 / 10)), hertz, rate);
    }

    /// <summary>Two tones at once, of which a narrow party's line holds one.</summary>
    private static void SayBoth(MixParty party, int tick)
    {
        var rate = party.Codec.SoundRate();
        var frame = new short[rate / 50];
        for (var i = 0; i < frame.Length; i++)
        {
            var at = 2 * Math.PI * ((tick * frame.Length) + i) / rate;
            frame[i] = (short)((5_000 * Math.Sin(Narrow * at)) + (rate > 2 * Wide ? 5_000 * Math.Sin(Wide * at) : 0));
        }
        party.Say(frame);
    }

    [Theory, MemberData(nameof(Pairs))]
    public void Every_pair_of_codecs_understands_each_other(AudioCodec one, AudioCodec other)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(one), rig.Open(other));
        MixRig.Connect(first, second, new BridgeRequest(1));
        var said = Sound.Speech(4_000, one.SoundRate());
        rig.EachTick = i => first.Say(said.AsSpan(i * one.FrameSamples(), one.FrameSamples()));
        rig.Ticks(190);
        var heard = Sound.Narrow(second.Heard(), other.SoundRate());
        Sound.ShouldHold(heard[800..], Sound.Speech(3_400, 8_000)[800..],
            one == AudioCodec.Opus || other == AudioCodec.Opus ? 0.6 : 0.93, what: $"{one} to {other}");
        second.ShouldBeOneStream();
        rig.Counters.Dropped(DropReason.Late).ShouldBe(0);
        // Each packet says how long it is by the next one's timestamp.
        var sent = second.Sent.Skip(50).ToList();
        for (var i = 1; i < sent.Count; i++) (sent[i].Timestamp - sent[i - 1].Timestamp).ShouldBe((uint)(20 * other.ClockPerMilli()));
    }

    [Theory]
    [InlineData(AudioCodec.G722)]
    [InlineData(AudioCodec.Opus)]
    public void Parties_of_one_codec_get_each_others_packets_as_they_are(AudioCodec codec)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(codec, tone: 1_000), rig.Open(codec));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(10);
        var payload = new byte[] { 0x78, 1, 2, 3, 4, 5, 6, 7 };
        first.Tone = 0;
        first.Send(first.PayloadType, payload, advance: (uint)(20 * codec.ClockPerMilli()));
        second.Sent[^1].Payload.ShouldBe(payload);
        second.ShouldBeOneStream();
    }

    [Theory]
    [InlineData(AudioCodec.G722, AudioCodec.Opus)]
    [InlineData(AudioCodec.Opus, AudioCodec.G722)]
    public void Wideband_stays_wideband_from_one_codec_to_another_and_narrow_parties_hear_what_theirs_holds(AudioCodec one, AudioCodec other)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(one), rig.Open(other));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.EachTick = i => SayBoth(first, i);
        rig.Ticks(100);
        Hears(second, Wide).ShouldBeGreaterThan(3_000);
        second.Configure(AudioCodec.Pcma);
        second.Sent.Clear();
        rig.Ticks(100);
        Hears(second, Narrow).ShouldBeGreaterThan(3_500);
        // 6 kHz would be heard as 2 kHz by who only leaves out every other sample.
        Hears(second, 2_000).ShouldBeLessThan(60);
    }

    [Fact]
    public void In_a_conference_each_hears_the_others_as_wide_as_its_own_codec_is()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var codecs = (AudioCodec[])[AudioCodec.Opus, AudioCodec.G722, AudioCodec.Pcma, AudioCodec.Pcmu];
        var members = codecs.Select(codec => rig.Open(codec)).ToArray();
        var listener = rig.Open(AudioCodec.Pcma);
        foreach (var member in members) MixRig.Join(conference, member);
        MixRig.Join(conference, listener, VoiceMode.Hear);
        for (var talker = 0; talker < members.Length; talker++)
        {
            rig.EachTick = i => SayBoth(members[talker], i);
            rig.Ticks(80);
            var isWide = members[talker].Codec.SoundRate() > 8_000;
            foreach (var member in members.Append(listener))
            {
                var what = $"{member.Codec} hears {members[talker].Codec}";
                var hearsSelf = member == members[talker];
                if (hearsSelf)
                {
                    Hears(member, Narrow).ShouldBeLessThan(60, what);
                    continue;
                }
                Hears(member, Narrow).ShouldBeGreaterThan(3_500, what);
                if (member.Codec.SoundRate() == 8_000) Hears(member, 2_000).ShouldBeLessThan(60, what);
                else if (isWide) Hears(member, Wide).ShouldBeGreaterThan(3_000, what);
                else Hears(member, Wide).ShouldBeLessThan(100, what);
            }
        }
        foreach (var member in members) member.ShouldBeOneStream();
    }

    [Fact]
    public void A_conference_is_as_wide_as_somebody_hears_it_and_what_is_played_sounds_in_every_rate()
    {
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var (wide, narrow) = (rig.Open(AudioCodec.G722), rig.Open(AudioCodec.Pcma));
        MixRig.Join(conference, wide);
        MixRig.Join(conference, narrow);
        conference.Apply(MediaCommand.PreparePlay(1));
        conference.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(1_200, 2_000)])));
        rig.EachTick = i => SayBoth(wide, i);
        rig.Ticks(90);
        Hears(wide, 1_200).ShouldBeGreaterThan(5_000);
        Hears(narrow, 1_200).ShouldBeGreaterThan(5_000);
        rig.Ticks(60);
        var other = rig.Open(AudioCodec.Opus);
        MixRig.Join(conference, other);
        rig.Ticks(60);
        Hears(other, Wide).ShouldBeGreaterThan(3_000);
        Hears(narrow, Narrow).ShouldBeGreaterThan(3_500);
        Hears(wide, Wide).ShouldBeLessThan(60, "it is its own");
    }

    [Theory]
    [InlineData(AudioCodec.G722)]
    [InlineData(AudioCodec.Opus)]
    public void A_play_a_beep_and_keys_are_sent_in_the_codec_that_was_agreed(AudioCodec codec)
    {
        var rig = new MixRig();
        var party = rig.Open(codec);
        party.Session.Apply(MediaCommand.PreparePlay(1));
        party.Session.Apply(MediaCommand.StartPlay(1, new PlayList([Spectrum.Prompt(Narrow, 1_600)])));
        rig.Ticks(80);
        Hears(party, Narrow).ShouldBeGreaterThan(5_000);
        party.Happened.ShouldBe([new PlayStarted(1), new PlayEnded(1, MediaOutcome.Completed)]);
        party.Sent.Clear();
        party.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(2, "5")));
        rig.Ticks(7);
        var events = party.Sent.Where(static packet => packet.PayloadType == 101).ToList();
        events.Count.ShouldBe(7);
        events.ShouldAllBe(packet => packet.Timestamp == events[0].Timestamp);
        // 100 ms of the stream's clock.
        (((events[^1].Payload[2] << 8) | events[^1].Payload[3]) / codec.ClockPerMilli()).ShouldBe(100);
        party.Configure(codec, events: -1);
        party.Sent.Clear();
        party.Session.Apply(MediaCommand.SendKeys(new SendKeysRequest(3, "5")));
        rig.Ticks(6);
        var tones = Sound.Narrow(party.Heard(), codec.SoundRate());
        Spectrum.Amplitude(tones.AsSpan(160, 640), 770).ShouldBeGreaterThan(2_500);
        Spectrum.Amplitude(tones.AsSpan(160, 640), 1_336).ShouldBeGreaterThan(3_000);
    }

    [Theory, MemberData(nameof(Pairs))]
    public void Keys_of_one_side_reach_the_other_by_its_own_clock(AudioCodec one, AudioCodec other)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(one), rig.Open(other));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(5);
        var ticks = 100 * one.ClockPerMilli();
        first.Send(101, [5, 0x8A, (byte)(ticks >> 8), (byte)ticks], marker: true, advance: 0);
        var sent = second.Sent.Single(static packet => packet.PayloadType == 101).Payload;
        ((sent[2] << 8) | sent[3]).ShouldBe(100 * other.ClockPerMilli());
        first.Happened.OfType<KeyPressed>().Single().Key.ShouldBe('5');
    }

    [Theory]
    [InlineData(AudioCodec.G722)]
    [InlineData(AudioCodec.Opus)]
    public void Keys_are_found_in_the_sound_of_every_codec(AudioCodec codec)
    {
        var rig = new MixRig();
        var party = rig.Open(codec, events: -1);
        rig.EachTick = i =>
        {
            var frame = new short[codec.FrameSamples()];
            for (var at = 0; at < frame.Length && i is >= 10 and < 16; at++)
            {
                var angle = 2 * Math.PI * ((i * frame.Length) + at) / codec.SoundRate();
                frame[at] = (short)((6_000 * Math.Sin(852 * angle)) + (6_000 * Math.Sin(1_477 * angle)));
            }
            party.Say(frame);
        };
        rig.Ticks(40);
        party.Happened.OfType<KeyPressed>().Single().Key.ShouldBe('9');
    }

    [Fact]
    public void A_far_end_that_changes_to_another_of_its_codecs_is_understood_by_who_has_only_the_first()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(AudioCodec.Pcma), rig.Open(AudioCodec.Pcma));
        first.Configure(AudioCodec.Pcma, description => description with
        {
            AlsoReceived = [new ReceivedFormat(9, AudioCodec.G722), new ReceivedFormat(111, AudioCodec.Opus)],
        });
        MixRig.Connect(first, second, new BridgeRequest(1));
        foreach (var codec in (AudioCodec[])[AudioCodec.Pcma, AudioCodec.G722, AudioCodec.Opus, AudioCodec.Pcma])
        {
            var packets = Sound.Packets(Sound.Sine(Narrow, codec.SoundRate() * 2, 5_000, codec.SoundRate()), codec);
            rig.EachTick = i => first.Send(codec.OwnPayloadType(), packets[i], advance: (uint)(20 * codec.ClockPerMilli()));
            rig.Ticks(90);
            Hears(second, Narrow).ShouldBeGreaterThan(4_000, codec.ToString());
            Sound.Level(Spectrum.Last(second.Heard(), 800)).ShouldBeInRange(3_000, 4_200, codec.ToString());
        }
        second.ShouldBeOneStream();
    }

    [Fact]
    public void A_re_INVITE_that_changes_the_codec_changes_it_in_both_directions()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(AudioCodec.Pcma), rig.Open(AudioCodec.Pcmu));
        MixRig.Connect(first, second, new BridgeRequest(1));
        foreach (var codec in (AudioCodec[])[AudioCodec.G722, AudioCodec.Opus, AudioCodec.Pcmu, AudioCodec.G722])
        {
            (first.Tone, second.Tone) = (440, 660);
            first.Configure(codec);
            first.Sent.Clear();
            rig.Ticks(90);
            Hears(first, 660).ShouldBeGreaterThan(5_000, codec.ToString());
            Hears(second, 440).ShouldBeGreaterThan(5_000, codec.ToString());
            first.Sent.ShouldAllBe(packet => packet.PayloadType == codec.OwnPayloadType());
            first.Sent[0].Marker.ShouldBeTrue();
        }
        second.ShouldBeOneStream();
    }

    [Fact]
    public void A_recording_of_16_kHz_holds_what_a_wideband_call_says_and_any_other_call_as_well()
    {
        using var folder = new TemporaryFolder();
        foreach (var codec in Enum.GetValues<AudioCodec>())
        {
            var path = folder.File($"{codec}.wav");
            var rig = new MixRig();
            var party = rig.Open(codec);
            var recorder = SoundRecorder.Open(path, RecordFormat.Pcm16k).Recorder!;
            party.Session.Apply(MediaCommand.PrepareRecord(1));
            party.Session.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
            rig.EachTick = i => SayBoth(party, i);
            rig.Ticks(100);
            recorder.DurationMillis.ShouldBe(2_000);
            party.Session.Apply(MediaCommand.StopRecord(1));
            recorder.Drain().ShouldBeTrue();
            var (rate, bits, samples) = Read(path);
            (rate, bits, samples.Length).ShouldBe((16_000, 16, 32_000));
            Spectrum.Amplitude(samples.AsSpan(16_000), Narrow, 16_000).ShouldBeGreaterThan(4_000, codec.ToString());
            var wide = Spectrum.Amplitude(samples.AsSpan(16_000), Wide, 16_000);
            if (codec.SoundRate() > 8_000) wide.ShouldBeGreaterThan(3_000, codec.ToString());
            else wide.ShouldBeLessThan(60, codec.ToString());
            // It plays, and other programs read it.
            SoundFile.Load(path, "x").Prompt.ShouldNotBeNull().Samples.ShouldBe(16_000);
            OtherPrograms.Sox(path).Length.ShouldBe(16_000);
        }
    }

    [Fact]
    public void A_bridge_of_two_rates_is_recorded_in_two_channels_of_one()
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var (first, second) = (rig.Open(AudioCodec.Opus), rig.Open(AudioCodec.Pcma, tone: 440));
        var request = new BridgeRequest(1, Record: new BridgeRecording(folder.File("both.wav"), RecordFormat.Pcm16k));
        MixRig.Connect(first, second, request);
        var recorder = SoundRecorder.Open(folder.File("both.wav"), RecordFormat.Pcm16k, channels: 2).Recorder!;
        first.Session.Apply(MediaCommand.StartBridgeRecord(1, recorder));
        rig.EachTick = i =>
        {
            SayBoth(first, i);
            if (i % 20 == 0) recorder.Drain();
        };
        rig.Ticks(100);
        first.Session.Apply(MediaCommand.Disconnect(1));
        recorder.Drain().ShouldBeTrue();
        var (_, _, both) = Read(folder.File("both.wav"));
        var left = both.Where((_, i) => i % 2 == 0).Skip(16_000).ToArray();
        var right = both.Where((_, i) => i % 2 == 1).Skip(16_000).ToArray();
        Spectrum.Amplitude(left, Wide, 16_000).ShouldBeGreaterThan(3_000);
        Spectrum.Amplitude(left, 440, 16_000).ShouldBeLessThan(60);
        Spectrum.Amplitude(right, 440, 16_000).ShouldBeGreaterThan(5_000);
        Spectrum.Amplitude(right, Wide, 16_000).ShouldBeLessThan(60);
    }

    [Fact]
    public void A_recorded_conference_of_wideband_members_is_wideband()
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var conference = rig.OpenConference();
        var (wide, narrow) = (rig.Open(AudioCodec.G722), rig.Open(AudioCodec.Pcma, tone: 440));
        MixRig.Join(conference, wide);
        MixRig.Join(conference, narrow);
        var recorder = SoundRecorder.Open(folder.File("mix.wav"), RecordFormat.Pcm16k).Recorder!;
        conference.Apply(MediaCommand.PrepareRecord(1));
        conference.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
        rig.EachTick = i => SayBoth(wide, i);
        rig.Ticks(100);
        conference.Apply(MediaCommand.StopRecord(1));
        recorder.Drain().ShouldBeTrue();
        var (_, _, samples) = Read(folder.File("mix.wav"));
        Spectrum.Amplitude(samples.AsSpan(16_000), Wide, 16_000).ShouldBeGreaterThan(3_000);
        Spectrum.Amplitude(samples.AsSpan(16_000), 440, 16_000).ShouldBeGreaterThan(5_000);
    }

    [Fact]
    public void An_unfinished_recording_of_16_kHz_is_completed_and_continued()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.wav");
        Begin().Abandon();
        RecordingRepair.RepairTarget(path).ShouldBe(path);
        Read(path).Samples.Length.ShouldBe(3_200);
        var more = Begin(append: true);
        more.Finish();
        more.Drain().ShouldBeTrue();
        Read(path).Samples.Length.ShouldBe(6_400);
        SoundRecorder.Open(path, RecordFormat.Pcm8, append: true).Detail.ShouldNotBeNull().ShouldContain("another kind");

        SoundRecorder Begin(bool append = false)
        {
            var recorder = SoundRecorder.Open(path, RecordFormat.Pcm16k, append: append).Recorder!;
            for (var i = 0; i < 10; i++) recorder.WriteFrame(Sound.Sine(440, 320, rate: 16_000));
            recorder.Drain();
            return recorder;
        }
    }

    [Theory]
    [InlineData(AudioCodec.G722, AudioCodec.Pcma)]
    [InlineData(AudioCodec.Opus, AudioCodec.Pcma)]
    [InlineData(AudioCodec.Opus, AudioCodec.G722)]
    [InlineData(AudioCodec.Opus, AudioCodec.Opus)]
    public void Transcoding_and_mixing_of_rates_allocate_nothing(AudioCodec one, AudioCodec other)
    {
        var rig = new MixRig();
        var conference = rig.OpenConference(new ConferenceOptions(TalkerEvents: true));
        var (first, second, third) = (rig.Open(one, tone: 400), rig.Open(other, tone: 700), rig.Open(one, tone: 900));
        var (talker, member, quiet) = (rig.Open(one, tone: 1_000), rig.Open(other, tone: 1_200), rig.Open(AudioCodec.Pcma));
        foreach (var party in rig.Parties) party.IsDeaf = true;
        MixRig.Connect(first, second, new BridgeRequest(1));
        third.Configure(one, description => description with { Sending = new SendFormat(60) });
        foreach (var party in (MixParty[])[talker, member, quiet, third]) MixRig.Join(conference, party);
        rig.Ticks(600);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Ticks(1_000);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private static (int Rate, int Bits, short[] Samples) Read(string path)
    {
        var file = File.ReadAllBytes(path);
        var samples = new short[(file.Length - 44) / 2];
        Buffer.BlockCopy(file, 44, samples, 0, samples.Length * 2);
        return (BitConverter.ToInt32(file, 24), BitConverter.ToInt16(file, 34), samples);
    }
}
