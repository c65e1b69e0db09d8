using System.Buffers.Binary;
using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;
using Cti.Media.Session.Mix;

namespace Cti.Media.Tests;

public sealed class BridgeTests
{
    private static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static void SendEvent(MixParty party, int code, int duration, bool end, uint advance)
    {
        Span<byte> payload = [(byte)code, (byte)(end ? 0x8A : 0x0A), 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)duration);
        party.Send(101, payload, marker: duration == 160, advance: advance);
    }

    [Fact]
    public void Sides_of_one_codec_get_each_others_payloads_at_once_and_as_they_are_in_streams_of_their_own()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(), rig.Open());
        rig.Ticks(3);
        MixRig.Connect(first, second, new BridgeRequest(1));
        first.Happened.ShouldBe([new BridgeStarted(1)]);
        var (said, answered) = (Bytes(1, 160 * 50), Bytes(2, 160 * 50));
        rig.EachTick = i =>
        {
            var before = second.Sent.Count;
            first.Send(8, said.AsSpan(i * 160, 160));
            second.Sent.Count.ShouldBe(before + 1, "a packet is relayed when it comes, not at the next tick");
            second.Send(8, answered.AsSpan(i * 160, 160));
        };
        rig.Ticks(50);
        second.Sent.Skip(3).SelectMany(packet => packet.Payload).ShouldBe(said);
        first.Sent.Skip(3).SelectMany(packet => packet.Payload).ShouldBe(answered);
        second.ShouldBeOneStream();
        first.ShouldBeOneStream();
        second.Sent.Zip(second.Sent.Skip(1)).ShouldAllBe(pair => pair.Second.Timestamp - pair.First.Timestamp == 160);
        second.Sent[0].Ssrc.ShouldBe(0x1002u);
        second.Sent.Where(packet => packet.Marker).ShouldBe([second.Sent[0], second.Sent[3]]);
    }

    [Fact]
    public void Losses_and_swaps_of_the_source_are_the_far_ends_to_see()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(), rig.Open());
        MixRig.Connect(first, second, new BridgeRequest(1));
        var start = first.FarSequence;
        foreach (var at in (int[])[0, 1, 3, 2, 5, 6])
        {
            first.FarSequence = (ushort)(start + at);
            first.FarTimestamp = 1000 + (160 * (uint)at);
            first.Send(8, [(byte)at]);
        }
        second.Sent.Select(packet =>
            (packet.Payload[0], unchecked((ushort)(packet.Sequence - second.Sent[0].Sequence)), (packet.Timestamp - second.Sent[0].Timestamp) / 160))
            .ShouldBe([((byte)0, (ushort)0, 0u), ((byte)1, (ushort)1, 1u), ((byte)3, (ushort)3, 3u), ((byte)2, (ushort)2, 2u), ((byte)5, (ushort)5, 5u),
                ((byte)6, (ushort)6, 6u)]);
    }

    [Fact]
    public void Keys_are_reported_and_pass_as_events_of_the_other_sides_payload_type()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(), rig.Open(events: 96));
        MixRig.Connect(first, second, new BridgeRequest(1));
        for (var i = 1; i <= 7; i++) SendEvent(first, 5, Math.Min(i, 5) * 160, i >= 5, 0);
        string.Concat(first.Happened.OfType<KeyPressed>().Select(static pressed => pressed.Key)).ShouldBe("5");
        second.Sent.Count.ShouldBe(7);
        second.Sent.ShouldAllBe(packet => packet.PayloadType == 96 && packet.Timestamp == second.Sent[0].Timestamp && packet.Payload[0] == 5);
        second.Sent.Count(packet => (packet.Payload[1] & 0x80) != 0).ShouldBe(3);
    }

    [Fact]
    public void A_key_passes_through_transcoding_and_comes_as_tones_where_events_were_not_agreed_on()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(), rig.Open(AudioCodec.Pcmu));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.EachTick = i => SendEvent(first, 7, Math.Min(i + 1, 5) * 160, i >= 4, 0);
        rig.Ticks(7);
        var events = second.Sent.Where(packet => packet.PayloadType == 101).ToList();
        events.Count.ShouldBe(7);
        events.ShouldAllBe(packet => packet.Timestamp == events[0].Timestamp);
        second.ShouldBeOneStreamOfNumbers();

        var third = rig.Open(events: -1);
        rig.EachTick = null;
        MixRig.Connect(first, third, new BridgeRequest(2));
        first.FarTimestamp += 8000;
        SendEvent(first, 1, 160, end: true, 160);
        rig.Ticks(12);
        var tones = third.Heard()[..640];
        Spectrum.Amplitude(tones, 697).ShouldBeGreaterThan(4000);
        Spectrum.Amplitude(tones, 1209).ShouldBeGreaterThan(4000);
        third.Happened.OfType<SendKeysEnded>().ShouldBeEmpty();
    }

    [Theory]
    [InlineData(AudioCodec.Pcma, AudioCodec.Pcmu)]
    [InlineData(AudioCodec.Pcmu, AudioCodec.Pcma)]
    public void Sides_of_different_codecs_hear_each_other_transcoded(AudioCodec one, AudioCodec other)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(one, tone: 437), rig.Open(other, tone: 950));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(100);
        Sound.Correlation(Sound.Sine(437, 8000, 6000), second.Heard().AsSpan(1600), 900).ShouldBeGreaterThan(0.99);
        Sound.Correlation(Sound.Sine(950, 8000, 6000), first.Heard().AsSpan(1600), 900).ShouldBeGreaterThan(0.99);
        second.ShouldBeOneStream();
        rig.Counters.Dropped(DropReason.Late).ShouldBe(0);
    }

    [Theory]
    [InlineData(BridgeMode.Both, true, true, AudioCodec.Pcma)]
    [InlineData(BridgeMode.SecondHears, false, true, AudioCodec.Pcma)]
    [InlineData(BridgeMode.FirstHears, true, false, AudioCodec.Pcma)]
    [InlineData(BridgeMode.SecondHears, false, true, AudioCodec.Pcmu)]
    [InlineData(BridgeMode.FirstHears, true, false, AudioCodec.Pcmu)]
    public void The_mode_says_who_hears_whom(BridgeMode mode, bool firstHears, bool secondHears, AudioCodec second)
    {
        var rig = new MixRig();
        var (one, other) = (rig.Open(tone: 400), rig.Open(second, tone: 700));
        MixRig.Connect(one, other, new BridgeRequest(1, mode));
        rig.Ticks(60);
        (Spectrum.Amplitude(Spectrum.Last(one.Heard(), 800), 700) > 5000).ShouldBe(firstHears);
        (Spectrum.Amplitude(Spectrum.Last(other.Heard(), 800), 400) > 5000).ShouldBe(secondHears);
        if (!firstHears) Sound.Level(Spectrum.Last(one.Heard(), 800)).ShouldBeLessThan(9);
        if (!secondHears) Sound.Level(Spectrum.Last(other.Heard(), 800)).ShouldBeLessThan(9);
        one.Sent.Count.ShouldBeInRange(59, 61);
        other.Sent.Count.ShouldBeInRange(59, 61);
    }

    [Theory]
    [InlineData(-20, 600)]
    [InlineData(-6, 3007)]
    [InlineData(6, 11971)]
    [InlineData(-99, 600)]
    public void A_volume_changes_the_sound_of_its_own_side_only(double decibels, double amplitude)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(tone: 700));
        MixRig.Connect(first, second, new BridgeRequest(1, FirstVolume: decibels));
        rig.Ticks(60);
        Spectrum.Amplitude(Spectrum.Last(second.Heard(), 800), 400).ShouldBe(amplitude, amplitude / 30);
        Spectrum.Amplitude(Spectrum.Last(first.Heard(), 800), 700).ShouldBe(6000, 100);
    }

    [Fact]
    public void Too_much_volume_saturates()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400, amplitude: 30_000), rig.Open(tone: 700));
        MixRig.Connect(first, second, new BridgeRequest(1, FirstVolume: 20));
        rig.Ticks(60);
        var heard = Spectrum.Last(second.Heard(), 800).ToArray();
        heard.Max().ShouldBeGreaterThan((short)31_000);
        // A square wave, not one that wrapped: 4/π of its height is in the fundamental.
        Spectrum.Amplitude(heard, 400).ShouldBeGreaterThan(38_000);
    }

    [Theory]
    [InlineData(RecordFormat.Alaw)]
    [InlineData(RecordFormat.Ulaw)]
    [InlineData(RecordFormat.Pcm8)]
    public void A_recording_has_the_first_on_the_left_and_the_second_on_the_right_while_packets_are_relayed_untouched(RecordFormat format)
    {
        using var folder = new TemporaryFolder();
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(tone: 700));
        MixRig.Connect(first, second, new BridgeRequest(5, Record: new BridgeRecording(folder.File("both.wav"), format)));
        var recorder = SoundRecorder.Open(folder.File("both.wav"), format, 2).Recorder!;
        first.Session.Apply(MediaCommand.StartBridgeRecord(5, recorder));
        rig.EachTick = i =>
        {
            if (i % 25 == 0) recorder.Drain();
        };
        rig.Ticks(100);
        rig.EachTick = null;
        first.Session.Apply(MediaCommand.Disconnect(5));
        rig.Ticks(2);
        first.Happened.OfType<BridgeEnded>().ShouldBeEmpty("its file is not complete");
        recorder.Drain().ShouldBeTrue();
        rig.Ticks(1);
        first.Happened.ShouldBe([new BridgeStarted(5), new RecordStarted(5), new RecordEnded(5, MediaOutcome.Stopped, 2000),
            new BridgeEnded(5, MediaOutcome.Stopped)]);
        var file = File.ReadAllBytes(folder.File("both.wav"));
        file[22].ShouldBe((byte)2);
        var data = file.AsSpan(file.Length - 32_000);
        var (left, right) = (new short[16_000], new short[16_000]);
        for (var i = 0; i < 16_000; i++)
        {
            left[i] = Linear(format, data[2 * i]);
            right[i] = Linear(format, data[(2 * i) + 1]);
        }
        Sound.Purity(Spectrum.Last(left, 1000), 400).ShouldBeGreaterThan(0.97);
        Sound.Purity(Spectrum.Last(right, 1000), 700).ShouldBeGreaterThan(0.97);
        Sound.Purity(Spectrum.Last(second.Heard(), 1000)[..6400], 400).ShouldBeGreaterThan(0.99);
    }

    private static short Linear(RecordFormat format, byte code) => format switch
    {
        RecordFormat.Alaw => G711.DecodeTable(AudioCodec.Pcma)[code],
        RecordFormat.Ulaw => G711.DecodeTable(AudioCodec.Pcmu)[code],
        _ => (short)((code - 128) << 8),
    };

    [Fact]
    public void A_play_to_the_bridge_is_heard_by_both_over_what_they_say_and_relaying_goes_on_after_it()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(tone: 700));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(10);
        first.Session.Apply(MediaCommand.PrepareBridgePlay(2));
        first.Session.Apply(MediaCommand.StartBridgePlay(2, new PlayList([Spectrum.Prompt(1100, 1200)], Repeat: 0)));
        rig.Ticks(50);
        Spectrum.Tones(first.Heard(), 400, 700, 1100).ShouldBe([700, 1100]);
        Spectrum.Tones(second.Heard(), 400, 700, 1100).ShouldBe([400, 1100]);
        rig.Ticks(50);
        first.Happened.ShouldBe([new BridgeStarted(1), new PlayStarted(2), new PlayEnded(2, MediaOutcome.Completed)]);
        Spectrum.Tones(first.Heard(), 400, 700, 1100).ShouldBe([700]);
        second.ShouldBeOneStream();
        var (before, payload) = (second.Sent.Count, Bytes(3, 160));
        first.Tone = 0;
        first.Send(8, payload);
        second.Sent[before].Payload.ShouldBe(payload);
    }

    [Fact]
    public void A_play_to_one_side_is_heard_by_it_alone_instead_of_the_bridge()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(tone: 700));
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(10);
        first.Session.Apply(MediaCommand.PreparePlay(3));
        first.Session.Apply(MediaCommand.StartPlay(3, new PlayList([Spectrum.Prompt(1100, 1000)], Repeat: 0)));
        rig.Ticks(48);
        Spectrum.Tones(first.Heard(), 400, 700, 1100).ShouldBe([1100]);
        Spectrum.Tones(second.Heard(), 400, 700, 1100).ShouldBe([400]);
        rig.Ticks(50);
        Spectrum.Tones(first.Heard(), 400, 700, 1100).ShouldBe([700]);
        first.ShouldBeOneStream();
        second.ShouldBeOneStream();
    }

    [Fact]
    public void A_side_whose_partner_falls_silent_sends_silence_of_its_own()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open());
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(20);
        first.Tone = 0;
        rig.Ticks(30);
        second.Sent.Count.ShouldBeInRange(45, 46);
        second.Sent[^1].Payload.ShouldAllBe(code => code == G711.AlawSilence);
        second.ShouldBeOneStream();
    }

    [Fact]
    public void A_change_of_codec_turns_relaying_into_transcoding_and_back()
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open());
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(10);
        second.Configure(AudioCodec.Pcmu);
        var from = second.Sent.Count;
        rig.Ticks(60);
        second.Sent.Skip(from).ShouldAllBe(packet => packet.PayloadType == 0);
        Sound.Purity(Spectrum.Last(second.Heard(from), 800), 400).ShouldBeGreaterThan(0.99);
        second.Configure(AudioCodec.Pcma);
        rig.Ticks(50);
        second.ShouldBeOneStream();
        Sound.Purity(Spectrum.Last(second.Heard(from), 800), 400).ShouldBeGreaterThan(0.99);
    }

    [Fact]
    public void Every_bridge_ends_once_and_its_outcome_says_who_left()
    {
        var rig = new MixRig();
        var (first, second, third) = (rig.Open(), rig.Open(), rig.Open());
        MixRig.Connect(first, second, new BridgeRequest(1));
        first.Session.Apply(MediaCommand.Disconnect(99));
        second.Session.Apply(MediaCommand.Disconnect(1));
        first.Happened.OfType<BridgeEnded>().ShouldBeEmpty("only its own first side ends a bridge");
        first.Session.Apply(MediaCommand.Disconnect(1));
        MixRig.Connect(first, second, new BridgeRequest(2));
        MixRig.Connect(first, third, new BridgeRequest(3));
        third.Session.Apply(MediaCommand.Close());
        MixRig.Connect(first, third, new BridgeRequest(4));
        MixRig.Connect(first, second, new BridgeRequest(5));
        first.Session.Apply(MediaCommand.Close());
        MixRig.Connect(first, second, new BridgeRequest(6));
        rig.Ticks(2);
        first.Session.IsFinished.ShouldBeTrue();
        first.Session.ReportClosed();
        MixRig.Connect(first, second, new BridgeRequest(7));
        first.Happened.OfType<BridgeEnded>().ShouldBe([new(1, MediaOutcome.Stopped), new(2, MediaOutcome.Stopped), new(3, MediaOutcome.Completed),
            new(4, MediaOutcome.Completed), new(5, MediaOutcome.Stopped), new(6, MediaOutcome.Stopped)]);
        first.Happened[^1].ShouldBeOfType<SessionClosed>();
        second.Happened.ShouldBeEmpty();
        second.Session.Apply(MediaCommand.Close());
        rig.Ticks(1);
        second.Session.IsFinished.ShouldBeTrue();
    }

    [Fact]
    public void A_listener_hears_early_media_over_its_bridge_and_the_bridge_again_afterwards()
    {
        var rig = new MixRig();
        var (parent, partner, child) = (rig.Open(tone: 400), rig.Open(tone: 700), rig.Open(AudioCodec.Pcmu));
        MixRig.Connect(parent, partner, new BridgeRequest(1));
        MixRig.Connect(parent, child, new BridgeRequest(2), isListening: true);
        rig.Ticks(50);
        Spectrum.Tones(parent.Heard(), 400, 700, 1100).ShouldBe([700]);
        child.Tone = 1100;
        rig.Ticks(60);
        Spectrum.Tones(parent.Heard(), 400, 700, 1100).ShouldBe([1100]);
        Spectrum.Tones(partner.Heard(), 400, 700, 1100).ShouldBe([400]);
        Sound.Level(Spectrum.Last(child.Heard(), 800)).ShouldBeLessThan(9);
        child.Session.Apply(MediaCommand.Close());
        rig.Ticks(50);
        Spectrum.Tones(parent.Heard(), 400, 700, 1100).ShouldBe([700]);
        parent.Happened.ShouldBe([new BridgeStarted(1), new BridgeStarted(2), new BridgeEnded(2, MediaOutcome.Completed)]);
        parent.ShouldBeOneStream();
    }

    [Theory]
    [InlineData(AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu)]
    public void Relaying_and_transcoding_allocate_nothing(AudioCodec other)
    {
        var rig = new MixRig();
        var (first, second) = (rig.Open(tone: 400), rig.Open(other, tone: 700));
        first.IsDeaf = second.IsDeaf = true;
        MixRig.Connect(first, second, new BridgeRequest(1));
        rig.Ticks(1500);
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Ticks(3000);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }
}

internal static class MixPartyExtensions
{
    /// <summary>Sequence numbers go up by one; events keep their own timestamps.</summary>
    public static void ShouldBeOneStreamOfNumbers(this MixParty party)
    {
        for (var i = 1; i < party.Sent.Count; i++) party.Sent[i].Sequence.ShouldBe(unchecked((ushort)(party.Sent[i - 1].Sequence + 1)));
    }
}
