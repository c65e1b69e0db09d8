using System.Net;
using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Media.Tests;

public sealed class SessionTests
{
    private static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Payloads(MediaHarness harness) => [.. harness.Sent.SelectMany(packet => packet.Payload)];

    [Theory]
    [InlineData(AudioCodec.Pcma)]
    [InlineData(AudioCodec.Pcmu)]
    public void A_play_is_byte_for_byte_the_file_across_pieces_and_turns(AudioCodec codec)
    {
        var (first, second, third) = (Bytes(1, 1000), Bytes(2, 3), Bytes(3, 777));
        var harness = new MediaHarness().Configured(codec);
        harness.Play(5, repeat: 2, offset: 0, Prompt.FromEncoded(codec, first), Prompt.FromEncoded(codec, second), Prompt.FromEncoded(codec, third));
        harness.Ticks(34);
        harness.Happened.ShouldBe([new PlayStarted(5), new PlayEnded(5, MediaOutcome.Completed)]);
        byte[] turn = [.. first, .. second, .. third];
        byte[] whole = [.. turn, .. turn, .. turn];
        harness.Sent.Count.ShouldBe((whole.Length + 159) / 160);
        Payloads(harness)[..whole.Length].ShouldBe(whole);
        Payloads(harness)[whole.Length..].ShouldAllBe(code => code == G711.Silence(codec));
        harness.Sent.ShouldAllBe(packet => packet.PayloadType == (codec == AudioCodec.Pcma ? 8 : 0) && packet.To == MediaHarness.FarKey);
    }

    [Fact]
    public void Sequence_and_timestamp_go_on_without_a_gap_and_only_the_first_packet_is_marked()
    {
        var harness = new MediaHarness().Configured();
        harness.Ticks(200);
        harness.Sent.Count.ShouldBe(200);
        for (var i = 0; i < 200; i++)
        {
            harness.Sent[i].Sequence.ShouldBe(unchecked((ushort)(65_530 + i)));
            harness.Sent[i].Timestamp.ShouldBe(unchecked(0xFFFF_FF00 + ((uint)i * 160)));
            harness.Sent[i].Marker.ShouldBe(i == 0);
            harness.Sent[i].Ssrc.ShouldBe(0x1234_5678u);
            harness.Sent[i].Payload.ShouldAllBe(code => code == G711.AlawSilence);
        }
    }

    [Fact]
    public void Where_silence_is_not_sent_time_goes_on_and_the_next_sound_is_marked()
    {
        var harness = new MediaHarness(new MediaSessionOptions(Idle: IdleSending.Nothing)).Configured();
        harness.Ticks(10);
        harness.Sent.ShouldBeEmpty();
        harness.Play(1, 0, 0, Prompt.FromEncoded(AudioCodec.Pcma, Bytes(1, 320)));
        harness.Ticks(10);
        harness.Sent.Select(packet => (packet.Timestamp - 0xFFFF_FF00, packet.Marker)).ShouldBe([(1600u, true), (1760u, false)]);
    }

    [Fact]
    public void An_offset_is_skipped_with_its_turns()
    {
        var sound = Bytes(1, 1600);
        var harness = new MediaHarness().Configured();
        harness.Play(1, repeat: 2, offset: 250, Prompt.FromEncoded(AudioCodec.Pcma, sound[..800]), Prompt.FromEncoded(AudioCodec.Pcma, sound[800..]));
        harness.Ticks(60);
        // 600 ms in all, 250 skipped.
        byte[] expected = [.. sound[400..], .. sound];
        Payloads(harness)[..expected.Length].ShouldBe(expected);
        Payloads(harness)[expected.Length..].ShouldAllBe(code => code == G711.AlawSilence);
        harness.Play(2, 2, 600, Prompt.FromEncoded(AudioCodec.Pcma, sound));
        harness.Ticks(1);
        harness.Happened[^1].ShouldBe(new PlayEnded(2, MediaOutcome.Completed));
    }

    [Fact]
    public void A_play_that_stood_still_with_its_loop_tells_for_how_long_and_leaves_nothing_out()
    {
        var harness = new MediaHarness().Configured();
        var sound = Bytes(1, 160 * 20);
        harness.Play(1, 0, 0, Prompt.FromEncoded(AudioCodec.Pcma, sound));
        harness.Ticks(5);
        harness.Clock.MonotonicNanos += 700_000_000;
        harness.Ticks(15);
        harness.Happened.ShouldBe([new PlayStarted(1), new PlayDelayed(1, 700), new PlayEnded(1, MediaOutcome.Completed)]);
        Payloads(harness)[..sound.Length].ShouldBe(sound);
    }

    [Fact]
    public void A_play_for_ever_goes_on_until_it_is_stopped_at_the_next_packet()
    {
        var harness = new MediaHarness().Configured();
        var sound = Bytes(1, 200);
        harness.Play(1, -1, 1_000_000, Prompt.FromEncoded(AudioCodec.Pcma, sound));
        harness.Ticks(500);
        harness.Happened.ShouldBe([new PlayStarted(1)]);
        harness.Session.Apply(MediaCommand.StopPlay(1));
        harness.Happened[^1].ShouldBe(new PlayEnded(1, MediaOutcome.Stopped));
        harness.Ticks(1);
        harness.Sent[^1].Payload.ShouldAllBe(code => code == G711.AlawSilence);
        harness.Session.Apply(MediaCommand.StopPlay(1));
        harness.Happened.Count.ShouldBe(2);
    }

    [Fact]
    public void Every_prepared_play_ends_exactly_once_whatever_happens()
    {
        var list = new PlayList([Prompt.FromEncoded(AudioCodec.Pcma, Bytes(1, 320))]);
        var harness = new MediaHarness().Configured();
        harness.Session.Apply(MediaCommand.PreparePlay(1));
        harness.Session.Apply(MediaCommand.StopPlay(1));
        harness.Session.Apply(MediaCommand.StartPlay(1, list));
        harness.Session.Apply(MediaCommand.PreparePlay(2));
        harness.Session.Apply(MediaCommand.FailPlay(2, MediaOutcome.NotFound, "x.wav: no such file"));
        harness.Session.Apply(MediaCommand.PreparePlay(3));
        harness.Session.Apply(MediaCommand.StartPlay(3, list));
        harness.Session.Apply(MediaCommand.PreparePlay(4));
        harness.Ticks(5);
        harness.Session.Apply(MediaCommand.Close());
        harness.Session.Apply(MediaCommand.StartPlay(4, list));
        harness.Session.Apply(MediaCommand.PreparePlay(5));
        harness.Ticks(5);
        harness.Happened.ShouldBe([new PlayEnded(1, MediaOutcome.Stopped), new PlayEnded(2, MediaOutcome.NotFound, "x.wav: no such file"),
            new PlayEnded(3, MediaOutcome.Stopped), new PlayEnded(4, MediaOutcome.Stopped), new PlayEnded(5, MediaOutcome.Stopped)]);
        harness.Session.ReportClosed();
        harness.Session.ReportClosed();
        harness.Happened.OfType<SessionClosed>().Count().ShouldBe(1);
        harness.Happened[^1].ShouldBeOfType<SessionClosed>();
    }

    [Fact]
    public void Empty_files_end_at_once_even_for_ever()
    {
        var harness = new MediaHarness().Configured();
        harness.Play(1, -1, 0, Prompt.FromEncoded(AudioCodec.Pcma, []));
        harness.Ticks(1);
        harness.Happened.ShouldBe([new PlayStarted(1), new PlayEnded(1, MediaOutcome.Completed)]);
    }

    [Fact]
    public void On_hold_nothing_is_sent_but_a_play_runs_on()
    {
        var sound = Bytes(1, 1600);
        var harness = new MediaHarness().Configured();
        harness.Play(1, 0, 0, Prompt.FromEncoded(AudioCodec.Pcma, sound));
        harness.Ticks(2);
        harness.Configured(send: false);
        harness.Ticks(3);
        harness.Configured();
        harness.Ticks(5);
        Payloads(harness).ShouldBe([.. sound[..320], .. sound[800..]]);
        harness.Configured(remote: IPEndPoint.Parse("0.0.0.0:4000"));
        harness.Ticks(5);
        harness.Sent.Count.ShouldBe(7);
    }

    [Fact]
    public void A_change_of_codec_in_the_middle_of_a_play_goes_on_in_the_new_one()
    {
        var sound = Sound.Sine(400, 1600);
        var harness = new MediaHarness().Configured();
        harness.Play(1, 0, 0, Prompt.FromLinear(sound));
        harness.Ticks(5);
        harness.Configured(AudioCodec.Pcmu);
        harness.Ticks(5);
        Payloads(harness).ShouldBe([.. Sound.Encode(sound)[..800], .. Sound.Encode(sound, AudioCodec.Pcmu)[800..]]);
    }

    [Fact]
    public void A_loop_that_was_away_skips_time_and_loses_no_sound()
    {
        var sound = Bytes(1, 1600);
        var harness = new MediaHarness().Configured();
        harness.Play(1, 0, 0, Prompt.FromEncoded(AudioCodec.Pcma, sound));
        harness.Ticks(5);
        harness.Clock.MonotonicNanos += 1_000_000_000;
        harness.Ticks(5);
        Payloads(harness).ShouldBe(sound);
        (harness.Sent[5].Timestamp - harness.Sent[4].Timestamp).ShouldBe(51u * 160);
        harness.Sent.Select(packet => packet.Sequence).ShouldBe(Enumerable.Range(0, 10).Select(i => unchecked((ushort)(65_530 + i))));
    }

    /// <summary>Records what the far end sends, one packet a tick; the arrival schedule says which packets come in a tick.</summary>
    private static (MediaHarness Harness, Prompt File, short[] Sound) RecordTone(int ticks, RecordFormat format, bool beep, Func<int, int[]>? schedule = null,
        AudioCodec codec = AudioCodec.Pcma)
    {
        using var folder = new TemporaryFolder();
        var sound = Sound.Sine(437, ticks * 160);
        var codes = Sound.Encode(sound, codec);
        var harness = new MediaHarness().Configured(codec);
        var path = folder.File("rec.wav");
        harness.Session.Apply(MediaCommand.PrepareRecord(9));
        var recorder = SoundRecorder.Open(path, format).Recorder!;
        harness.Session.Apply(MediaCommand.StartRecord(9, recorder, beep));
        if (beep) harness.Ticks(10);
        harness.BeforeTick = i =>
        {
            foreach (var packet in schedule?.Invoke(i) ?? [i])
            {
                harness.Raw(codec == AudioCodec.Pcma ? 8 : 0, codes.AsSpan(packet * 160, 160), false, unchecked((ushort)(65_500 + packet)),
                    0xFFFF_F000 + ((uint)packet * 160), MediaHarness.FarKey);
            }
            if (i % 25 == 0) recorder.Drain();
        };
        harness.Ticks(ticks);
        harness.BeforeTick = null;
        harness.Session.Apply(MediaCommand.StopRecord(9));
        harness.Ticks(1);
        harness.Happened.OfType<RecordEnded>().ShouldBeEmpty("the file is not complete before the disk has it");
        recorder.Drain().ShouldBeTrue();
        harness.Ticks(1);
        return (harness, WavFile.Read(File.ReadAllBytes(path)), sound);
    }

    [Theory]
    [InlineData(RecordFormat.Alaw, AudioCodec.Pcma)]
    [InlineData(RecordFormat.Ulaw, AudioCodec.Pcma)]
    [InlineData(RecordFormat.Pcm8, AudioCodec.Pcmu)]
    [InlineData(RecordFormat.Ulaw, AudioCodec.Pcmu)]
    public void What_was_said_is_in_the_file(RecordFormat format, AudioCodec codec)
    {
        var (harness, file, sound) = RecordTone(250, format, beep: false, codec: codec);
        harness.Happened.ShouldBe([new RecordStarted(9), new RecordEnded(9, MediaOutcome.Stopped, 5000)]);
        file.Samples.ShouldBe(40_000);
        var heard = Sound.Decode(file.Encoded(AudioCodec.Pcma).ToArray());
        Sound.Correlation(sound.AsSpan(0, 30_000), heard, 900).ShouldBeGreaterThan(0.99);
    }

    [Fact]
    public void The_beep_is_heard_and_not_recorded()
    {
        var (harness, file, sound) = RecordTone(100, RecordFormat.Alaw, beep: true);
        harness.Happened[0].ShouldBe(new RecordStarted(9));
        var sent = Sound.Decode([.. harness.Sent.Take(10).SelectMany(packet => packet.Payload)]);
        Sound.Purity(sent, 1000).ShouldBeGreaterThan(0.97);
        harness.Sent[10].Payload.ShouldAllBe(code => code == G711.AlawSilence);
        file.Samples.ShouldBe(16_000);
        Sound.Correlation(sound.AsSpan(0, 14_000), Sound.Decode(file.Encoded(AudioCodec.Pcma).ToArray()), 900).ShouldBeGreaterThan(0.99);
    }

    [Fact]
    public void Lost_reordered_and_doubled_packets_leave_the_recording_whole()
    {
        // A tenth of the sound is made up, in a phase of its own, so 0.9 is what to expect at best. Every 10th is lost, every 7th comes after its follower,
        // every 5th twice.
        var (harness, file, sound) = RecordTone(300, RecordFormat.Alaw, beep: false, schedule: i =>
            i % 10 == 9 ? [] : i % 7 == 3 && i % 10 != 8 ? [] : i % 7 == 4 && i % 10 is not 0 and not 9 ? [i, i - 1] : i % 5 == 0 ? [i, i] : [i]);
        file.Samples.ShouldBe(48_000);
        Sound.Correlation(sound.AsSpan(8000, 32_000), Sound.Decode(file.Encoded(AudioCodec.Pcma).ToArray()).AsSpan(8000), 900).ShouldBeGreaterThan(0.85);
        harness.Counters.Dropped(DropReason.Duplicate).ShouldBeGreaterThan(20);
        harness.Session.Statistics.PacketsLost.ShouldBeGreaterThan(25);
        harness.Session.Statistics.Mos.ShouldBeLessThan(3.7);
    }

    [Fact]
    public void A_key_that_is_held_is_not_taken_for_jitter()
    {
        var harness = new MediaHarness();
        harness.Session.ReadStatistics().ShouldBeNull();
        harness.Configured();
        for (var i = 0; i < 80; i++)
        {
            // All packets of the key carry the time of its beginning.
            if (i is >= 40 and < 60) harness.ReceiveEvent(5, harness.FarTimestamp, (i - 39) * 160, marker: i == 40);
            else harness.Receive(8, new byte[160]);
            if (i == 59) harness.FarTimestamp += 20 * 160;
            harness.Ticks(1);
        }
        var statistics = harness.Session.ReadStatistics().ShouldNotBeNull();
        statistics.ShouldBe(harness.Session.Statistics);
        (statistics.PacketsReceived, statistics.PacketsLost).ShouldBe((80, 0));
        statistics.JitterMillis.ShouldBeLessThan(0.1);
        statistics.Mos.ShouldBeGreaterThan(4.2);
    }

    [Fact]
    public void A_silent_source_is_recorded_as_silence_of_the_same_length()
    {
        var (harness, file, _) = RecordTone(200, RecordFormat.Alaw, beep: false, schedule: i => i is >= 50 and < 150 ? [] : [i]);
        harness.Happened[^1].ShouldBe(new RecordEnded(9, MediaOutcome.Stopped, 4000));
        var heard = Sound.Decode(file.Encoded(AudioCodec.Pcma).ToArray());
        Sound.Level(heard.AsSpan(60 * 160, 85 * 160)).ShouldBeLessThan(9);
        Sound.Level(heard.AsSpan(155 * 160, 40 * 160)).ShouldBeGreaterThan(6000);
    }

    [Fact]
    public void Every_prepared_recording_ends_exactly_once_and_close_waits_for_its_file()
    {
        using var folder = new TemporaryFolder();
        var harness = new MediaHarness().Configured();
        harness.Session.Apply(MediaCommand.PrepareRecord(1));
        harness.Session.Apply(MediaCommand.FailRecord(1, MediaOutcome.Unsupported, "why"));
        harness.Session.Apply(MediaCommand.PrepareRecord(2));
        harness.Session.Apply(MediaCommand.StopRecord(2));
        harness.Session.Apply(MediaCommand.PrepareRecord(3));
        var second = SoundRecorder.Open(folder.File("2.wav"), RecordFormat.Alaw).Recorder!;
        var third = SoundRecorder.Open(folder.File("3.wav"), RecordFormat.Alaw).Recorder!;
        var fourth = SoundRecorder.Open(folder.File("4.wav"), RecordFormat.Alaw).Recorder!;
        harness.Session.Apply(MediaCommand.StartRecord(2, second, beep: true));
        harness.Session.Apply(MediaCommand.StartRecord(3, third, beep: false));
        harness.Session.Apply(MediaCommand.StartRecord(4, fourth, beep: false));
        harness.Ticks(10);
        harness.Session.Apply(MediaCommand.Close());
        harness.Ticks(10);
        harness.Session.IsFinished.ShouldBeFalse();
        foreach (var recorder in new[] { second, third, fourth }) recorder.Drain().ShouldBeTrue();
        harness.Ticks(1);
        harness.Session.IsFinished.ShouldBeTrue();
        harness.Happened.OfType<RecordEnded>().OrderBy(ended => ended.Action).ShouldBe([new RecordEnded(1, MediaOutcome.Unsupported, 0, "why"),
            new RecordEnded(2, MediaOutcome.Stopped, 0), new RecordEnded(3, MediaOutcome.Stopped, 200)]);
        Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order().ShouldBe(["2.wav", "3.wav"]);
        WavFile.Read(File.ReadAllBytes(folder.File("2.wav"))).Samples.ShouldBe(0);
    }

    [Fact]
    public void Packets_of_strangers_and_other_payloads_are_counted_and_ignored()
    {
        var harness = new MediaHarness();
        harness.Receive(8, new byte[160]);
        harness.Configured();
        harness.Receive(8, new byte[160]);
        harness.Receive(3, new byte[33]);
        for (var i = 0; i < 100; i++) harness.Receive(8, new byte[160], from: SocketAddressKey.FromIPv4(0x01020304, 9));
        harness.Session.Remote.ShouldBe(MediaHarness.FarKey);
        harness.Counters.Dropped(DropReason.NotReceiving).ShouldBe(1);
        harness.Counters.Dropped(DropReason.UnknownPayloadType).ShouldBe(1);
        harness.Counters.Dropped(DropReason.ForeignSource).ShouldBe(100);
        harness.Session.Statistics.PacketsReceived.ShouldBe(2);
    }

    [Fact]
    public void Silence_of_the_far_end_is_reported_once_while_it_should_send()
    {
        var harness = new MediaHarness(new MediaSessionOptions(InactivityMillis: 1000)).Configured(receive: false);
        harness.Ticks(200);
        harness.Happened.ShouldBeEmpty();
        harness.Configured();
        harness.Ticks(50);
        harness.Receive(8, new byte[160]);
        harness.Ticks(49);
        harness.Happened.ShouldBeEmpty();
        harness.Ticks(100);
        harness.Happened.ShouldBe([new MediaInactive()]);
    }

    [Fact]
    public void Symmetric_rtp_redirects_what_is_sent()
    {
        var harness = new MediaHarness().Configured(remote: IPEndPoint.Parse("10.0.0.5:4000"), farEnd: MediaHarness.BehindNat);
        harness.Ticks(1);
        for (var i = 0; i < 5; i++) harness.Receive(8, new byte[160]);
        harness.Ticks(1);
        harness.Sent.Select(packet => packet.To.ToString()).ShouldBe(["10.0.0.5:4000", "203.0.113.7:4000"]);
    }

    [Fact]
    public void A_strangers_packets_give_neither_sound_nor_keys_where_a_nat_is_seen()
    {
        var harness = new MediaHarness().Configured(remote: IPEndPoint.Parse("10.0.0.5:4000"), farEnd: MediaHarness.BehindNat);
        var stranger = SocketAddressKey.From(IPEndPoint.Parse("198.51.100.66:5000"));
        for (var i = 0; i < 60; i++)
        {
            harness.Raw(8, new byte[160], false, (ushort)i, (uint)(160 * i), stranger);
            harness.Raw(MediaHarness.Events, [5, 0x8A, 3, 0x20], true, (ushort)(1000 + i), (uint)i, stranger);
            harness.Ticks(1);
        }
        harness.KeysHeard.ShouldBeEmpty();
        harness.Sent.ShouldAllBe(packet => packet.To == SocketAddressKey.From(IPEndPoint.Parse("10.0.0.5:4000")));
        harness.Session.ReadStatistics().ShouldNotBeNull().PacketsReceived.ShouldBe(0);
        for (var i = 0; i < 5; i++) harness.Receive(8, new byte[160]);
        harness.Ticks(1);
        harness.Sent[^1].To.ShouldBe(MediaHarness.FarKey);
    }

    private static void AllocatesNothing(MediaHarness harness, Action<int> perTick)
    {
        var output = new byte[256];
        Run(2000);
        // What a rare path allocates the first time it is run, whenever that is, is no part of the steady state: that allocates nothing in any round.
        Enumerable.Range(0, 3).Min(_ => Measured()).ShouldBe(0);

        long Measured()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Run(5000);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void Run(int ticks)
        {
            for (var i = 0; i < ticks; i++)
            {
                harness.Clock.MonotonicNanos += MediaSession.TickNanos;
                perTick(i);
                harness.Session.Tick(harness.Clock.MonotonicNanos, output);
                harness.Session.RtcpTick(harness.Clock.MonotonicNanos, output);
            }
        }
    }

    [Fact]
    public void Playing_and_receiving_allocate_nothing()
    {
        var harness = new MediaHarness().Configured();
        harness.Play(1, -1, 0, Prompt.FromEncoded(AudioCodec.Pcma, Bytes(1, 1001)), Prompt.FromLinear(new short[777]));
        var payload = new byte[160];
        AllocatesNothing(harness, _ => harness.Receive(8, payload));
    }

    [Fact]
    public void Searching_keys_in_band_allocates_nothing()
    {
        var harness = new MediaHarness().Configured(events: -1);
        var payload = Sound.Encode(Sound.Sine(700, 160));
        AllocatesNothing(harness, i =>
        {
            if (i % 9 != 0) harness.Receive(8, payload);
        });
    }

    [Fact]
    public void Recording_allocates_nothing()
    {
        using var folder = new TemporaryFolder();
        var harness = new MediaHarness().Configured();
        var recorder = SoundRecorder.Open(folder.File("a.wav"), RecordFormat.Pcm8).Recorder!;
        harness.Session.Apply(MediaCommand.PrepareRecord(1));
        harness.Session.Apply(MediaCommand.StartRecord(1, recorder, beep: false));
        var payload = Sound.Encode(Sound.Sine(700, 160));
        AllocatesNothing(harness, i =>
        {
            harness.Receive(8, payload);
            if (i % 100 == 0) recorder.Drain();
        });
        recorder.Discard();
        recorder.Drain();
    }

    [Fact]
    public void Receiving_a_held_key_dropping_garbage_and_rtcp_allocate_nothing()
    {
        var harness = new MediaHarness().Configured();
        harness.Happened.EnsureCapacity(100_000);
        var garbage = Bytes(4, 60);
        var report = new byte[64];
        report = report[..Rtcp.RtcpCompound.Write(report, 7, new Rtcp.SenderInfo(1, 2, 3, 4), null, "x"u8, false)];
        AllocatesNothing(harness, i =>
        {
            // Its first packet alone is reported, which takes a report.
            harness.ReceiveEvent(5, 1600, 160 * (i % 100));
            harness.Session.OnRtp(garbage, MediaHarness.FarKey, harness.Clock.MonotonicNanos);
            harness.Session.OnRtcp(report, MediaHarness.FarKey, harness.Clock.MonotonicNanos);
        });
    }

    [Fact]
    public void The_fuzz_target_takes_anything()
    {
        var random = new Random(8);
        var valid = Wav.Of(6, 8, 1, 8000, new byte[20]);
        for (var i = 0; i < 3000; i++)
        {
            var input = new byte[random.Next(300)];
            random.NextBytes(input);
            if (i % 3 == 0) valid.AsSpan(0, Math.Min(valid.Length, input.Length)).CopyTo(input);
            Cti.Fuzz.Targets.RtpTarget.Run(input);
        }
    }

    [Fact]
    public void Any_datagrams_in_any_order_never_raise()
    {
        var random = new Random(2026);
        var harness = new MediaHarness().Configured(events: -1);
        var bytes = new byte[400];
        for (var i = 0; i < 30_000; i++)
        {
            random.NextBytes(bytes);
            if (i % 3 != 0) bytes[0] = (byte)(0x80 | (bytes[0] & 0x3F));
            if (i % 3 == 1) bytes[1] = 8;
            var datagram = bytes.AsSpan(0, random.Next(bytes.Length));
            harness.Session.OnRtp(datagram, MediaHarness.FarKey, harness.Clock.MonotonicNanos);
            harness.Session.OnRtcp(datagram, MediaHarness.FarKey, harness.Clock.MonotonicNanos);
            if (i % 10 == 0) harness.Ticks(1);
        }
        harness.Sent.Count.ShouldBe(3_000);
    }
}
