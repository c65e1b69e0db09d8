using Cti.Media.Codecs;
using Cti.Media.Jitter;

namespace Cti.Media.Tests;

/// <summary>What fills a gap: lost packets (ITU-T G.711 appendix I) and pauses that the far end describes (RFC 3389).</summary>
public sealed class ConcealmentTests
{
    private const long Millis = 1_000_000;

    private static short[] Hear(AudioCodec codec, List<byte[]> packets, Func<int, bool> isLost, Action<JitterBuffer, int, long>? each = null)
    {
        var buffer = new JitterBuffer();
        buffer.Add(codec);
        var (heard, frame) = (new List<short>(), new short[960]);
        for (var i = 0; i < packets.Count; i++)
        {
            var now = (1_000 + (20L * i)) * Millis;
            if (!isLost(i)) buffer.Put((uint)(i * 20 * codec.ClockPerMilli()), packets[i], codec, now);
            each?.Invoke(buffer, i, now);
            heard.AddRange(frame.AsSpan(0, buffer.Pop(frame, now + (3 * Millis))));
        }
        return [.. heard];
    }

    private static int Steepest(ReadOnlySpan<short> samples)
    {
        var steepest = 0;
        for (var i = 1; i < samples.Length; i++) steepest = Math.Max(steepest, Math.Abs(samples[i] - samples[i - 1]));
        return steepest;
    }

    [Theory]
    [InlineData(AudioCodec.Pcma, 1)]
    [InlineData(AudioCodec.Pcma, 2)]
    [InlineData(AudioCodec.Pcmu, 3)]
    [InlineData(AudioCodec.G722, 1)]
    [InlineData(AudioCodec.G722, 2)]
    [InlineData(AudioCodec.G722, 3)]
    public void A_gap_has_no_hard_edges_and_sounds_as_what_was_before(AudioCodec codec, int packets)
    {
        var rate = codec.SoundRate();
        var said = Sound.Speech(2_000, rate, seed: 4);
        var whole = Hear(codec, Sound.Packets(said, codec), static _ => false);
        var heard = Hear(codec, Sound.Packets(said, codec), i => i > 20 && i % 17 < packets);
        Steepest(heard).ShouldBeLessThan(Steepest(whole) * 13 / 10);
        // Both are on one timeline: what came is the same, what was lost is close to it.
        Sound.SignalToNoise(whole.AsSpan(rate / 2, rate), heard.AsSpan(rate / 2, rate), 1).ShouldBeGreaterThan(packets == 1 ? 5 : 0);
    }

    [Theory]
    [InlineData(AudioCodec.Pcma)]
    [InlineData(AudioCodec.G722)]
    public void It_is_whole_for_10_ms_fades_and_is_silent_after_60(AudioCodec codec)
    {
        var rate = codec.SoundRate();
        var heard = Hear(codec, Sound.Packets(Sound.Sine(400, rate * 2, 10_000, rate), codec), static i => i >= 50);
        var end = Array.FindLastIndex(heard, static sample => Math.Abs((int)sample) > 40);
        var per = rate / 1000;
        // 60 ms of it; the last of a fade is too soft to be seen.
        var begin = end - (58 * per);
        Sound.Level(heard.AsSpan(begin, 10 * per)).ShouldBeGreaterThan(6_500);
        Sound.Level(heard.AsSpan(begin + (25 * per), 10 * per)).ShouldBeInRange(3_500, 5_500);
        Sound.Level(heard.AsSpan(begin + (45 * per), 10 * per)).ShouldBeInRange(400, 2_400);
        Sound.Level(heard.AsSpan(end + (3 * per), 100 * per)).ShouldBe(0);
        Steepest(heard.AsSpan(begin - (20 * per), 80 * per)).ShouldBeLessThan((int)(10_000 * 2 * Math.PI * 400 / rate * 1.3));
    }

    [Fact]
    public void Opus_fills_a_lost_packet_from_the_next_one()
    {
        var said = Sound.Speech(2_000, 48_000, seed: 5);
        var packets = Sound.Packets(said, AudioCodec.Opus);
        var whole = Hear(AudioCodec.Opus, packets, static _ => false);
        var heard = Hear(AudioCodec.Opus, packets, static i => i > 20 && i % 9 == 0);
        heard.Length.ShouldBe(whole.Length);
        Sound.Correlation(heard.AsSpan(48_000, 24_000), whole.AsSpan(48_000, 24_000)).ShouldBeGreaterThan(0.9);
    }

    [Fact]
    public void Silence_that_Opus_does_not_transmit_is_no_loss_and_sound_after_it_is_whole()
    {
        var speech = Sound.Speech(1_000, 48_000, seed: 6);
        var packets = Sound.Packets([.. speech, .. new short[48_000 * 3], .. speech], AudioCodec.Opus, SendFormat.Default with { UsesDtx = true });
        packets.Count(static packet => packet.Length == 0).ShouldBeGreaterThan(80);
        var buffer = new JitterBuffer();
        var heard = Hear(AudioCodec.Opus, packets, i => packets[i].Length == 0, (used, _, _) => buffer = used);
        buffer.Late.ShouldBe(0);
        heard.Length.ShouldBe(packets.Count * 960);
        Sound.Level(heard.AsSpan(48_000 * 3, 48_000 / 2)).ShouldBeLessThan(60);
        var expected = Hear(AudioCodec.Opus, Sound.Packets([.. speech, .. new short[48_000 * 3], .. speech], AudioCodec.Opus), static _ => false);
        Sound.Correlation(heard.AsSpan((48_000 * 4) + 24_000, 9_600),
            expected.AsSpan((48_000 * 4) + 24_000 - 2_000, 9_600 + 4_000), 4_000).ShouldBeGreaterThan(0.9);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(60)]
    public void Comfort_noise_is_as_loud_as_it_was_described_until_sound_comes(int level)
    {
        var packets = Sound.Packets(Sound.Sine(400, 8_000 * 3), AudioCodec.Pcma);
        var heard = Hear(AudioCodec.Pcma, packets, static i => i is >= 50 and < 120, (buffer, i, now) =>
        {
            if (i == 50) buffer.PutNoise(50 * 160, [(byte)level], now);
        });
        var expected = 32_768 * Math.Pow(10, -level / 20.0);
        Sound.Level(heard.AsSpan(160 * 60, 160 * 50)).ShouldBeInRange(expected * 0.9, expected * 1.1);
        Sound.Level(heard.AsSpan(160 * 130, 160 * 15)).ShouldBeGreaterThan(6_500);
    }

    [Fact]
    public void Coefficients_shape_the_noise_and_leave_it_as_loud()
    {
        var noise = new ComfortNoise();
        var samples = new short[16_000];
        noise.Begin([40, 0]);
        noise.Fill(samples);
        // A first coefficient near -1 is a low sound: neighbours are alike.
        Sound.Level(samples).ShouldBeInRange(250, 420);
        double both = 0, energy = 0;
        for (var i = 1; i < samples.Length; i++) (both, energy) = (both + ((double)samples[i] * samples[i - 1]), energy + ((double)samples[i] * samples[i]));
        (both / energy).ShouldBeGreaterThan(0.9);
        noise.Begin([127, 255, 255, 0, 0, 127, 3, 9, 255, 1, 2, 3, 4]);
        noise.Fill(samples);
        Sound.Level(samples).ShouldBeLessThan(10);
    }

    [Fact]
    public void Comfort_noise_comes_under_the_type_that_was_agreed_and_under_its_own()
    {
        foreach (var (agreed, sent, isHeard) in (ReadOnlySpan<(int, int, bool)>)[(-1, 13, true), (98, 98, true), (98, 13, true), (-1, 98, false)])
        {
            var harness = new MediaHarness();
            harness.Session.Apply(Configured(agreed));
            var recorder = Files.SoundRecorder.Open(Path.Combine(Path.GetTempPath(), $"cti-{Guid.NewGuid():N}.wav"), RecordFormat.Pcm16k).Recorder!;
            harness.Session.Apply(Session.MediaCommand.PrepareRecord(1));
            harness.Session.Apply(Session.MediaCommand.StartRecord(1, recorder, beep: false));
            for (var i = 0; i < 10; i++)
            {
                harness.Receive(8, Sound.Encode(new short[160]));
                harness.Ticks(1);
            }
            harness.Receive(sent, [40]);
            harness.Ticks(30);
            Sound.Level(harness.Session.Frame).ShouldBeInRange(isHeard ? 250 : 0, isHeard ? 420 : 9);
            harness.Session.Apply(Session.MediaCommand.Close());
            recorder.Discard();
            recorder.Drain();
        }

        static Session.MediaCommand Configured(int noise) => Session.MediaCommand.Configure(MediaHarness.Description() with { NoisePayloadType = noise });
    }
}
