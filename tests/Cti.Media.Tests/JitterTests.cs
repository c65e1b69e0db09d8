using Cti.Media.Jitter;

namespace Cti.Media.Tests;

public sealed class JitterTests
{
    private const long Millis = 1_000_000;

    /// <summary>Plays a sound through the buffer: packets of <paramref name="frame"/> samples, each at the time the schedule gives it (null: lost).</summary>
    private static (short[] Heard, JitterBuffer Buffer) Run(short[] sound, Func<int, double?> lateMillis, int frame = 160, int popOffsetMillis = 3,
        double skew = 0)
    {
        var buffer = new JitterBuffer();
        var codes = Sound.Encode(sound);
        var arrivals = new List<(long At, int Packet)>();
        for (var i = 0; i < sound.Length / frame; i++)
        {
            if (lateMillis(i) is { } late) arrivals.Add(((long)(((i * frame / 8.0 * (1 + skew)) + late) * Millis), i));
        }
        arrivals.Sort();
        var heard = new List<short>();
        var next = 0;
        Span<short> popped = stackalloc short[160];
        for (var tick = 0; tick < (sound.Length / 160) + 12; tick++)
        {
            var now = ((tick * 20L) + popOffsetMillis) * Millis;
            for (; next < arrivals.Count && arrivals[next].At <= now; next++)
            {
                var packet = arrivals[next].Packet;
                buffer.Put(0xFFFF_F000u + (uint)(packet * frame), codes.AsSpan(packet * frame, frame), AudioCodec.Pcma,
                    arrivals[next].At + (1_000_000 * Millis));
            }
            buffer.Pop(popped, now + (1_000_000 * Millis));
            heard.AddRange(popped);
        }
        return ([.. heard], buffer);
    }

    [Theory]
    [InlineData(160)]
    [InlineData(80)]
    [InlineData(240)]
    [InlineData(480)]
    public void A_steady_stream_comes_out_sample_by_sample(int frame)
    {
        var sound = Sound.Sine(437, 16_000 / frame * frame);
        var expected = Sound.Decode(Sound.Encode(sound));
        var (heard, buffer) = Run(sound, _ => 0, frame);
        var begin = heard.AsSpan().IndexOf(expected.AsSpan(0, 400));
        begin.ShouldBeInRange(0, 800);
        heard.AsSpan(begin, expected.Length - 1000).SequenceEqual(expected.AsSpan(0, expected.Length - 1000)).ShouldBeTrue();
        buffer.Late.ShouldBe(0);
    }

    [Fact]
    public void Reordered_and_duplicated_packets_are_put_right()
    {
        var sound = Sound.Sine(437, 16_000);
        var expected = Sound.Decode(Sound.Encode(sound));
        var (heard, _) = Run(sound, i => i % 5 == 2 && i > 10 ? 25 : 0);
        // The tone repeats every 8000 samples, so this finds the place in the first second.
        heard.AsSpan().IndexOf(expected.AsSpan(4000, 7900)).ShouldBeGreaterThan(4000);
    }

    [Fact]
    public void The_delay_follows_the_jitter_and_sinks_again()
    {
        var random = new Random(5);
        var buffer = Run(Sound.Sine(300, 80_000), i => i < 250 ? random.NextDouble() * 90 : 0).Buffer;
        buffer.Delay.ShouldBeLessThan(60 * 8);
        random = new Random(5);
        Run(Sound.Sine(300, 40_000), _ => random.NextDouble() * 90).Buffer.Delay.ShouldBeInRange(80 * 8, 130 * 8);
        random = new Random(5);
        Run(Sound.Sine(300, 40_000), _ => random.NextDouble() * 600).Buffer.Delay.ShouldBe(JitterBuffer.DelayMax);
    }

    [Fact]
    public void Once_adapted_jitter_is_not_heard()
    {
        var random = new Random(6);
        var sound = Sound.Sine(400, 80_000);
        var (heard, buffer) = Run(sound, _ => random.NextDouble() * 60);
        buffer.Late.ShouldBeLessThan(8);
        Sound.Purity(heard.AsSpan(40_000, 32_000), 400).ShouldBeGreaterThan(0.99);
    }

    [Fact]
    public void A_lost_packet_is_concealed_by_what_was_heard_before_and_long_losses_fade_to_silence()
    {
        var sound = Sound.Sine(400, 16_000);
        var (heard, buffer) = Run(sound, i => i == 40 || i is >= 60 and < 70 ? null : 0);
        // Two frames around the single loss, and twice the fade of 60 ms: at the long loss and at the end.
        buffer.Concealed.ShouldBeInRange(6, 12);
        var levels = Enumerable.Range(0, heard.Length / 160).Select(i => Sound.Level(heard.AsSpan(i * 160, 160))).ToArray();
        levels.Skip(38).Take(6).Min().ShouldBeGreaterThan(5000);
        levels.Skip(60).Take(14).Count(level => level < 1).ShouldBeInRange(5, 8);
        Enumerable.Range(1600, 49 * 160).Max(i => Math.Abs(heard[i] - heard[i - 1])).ShouldBeLessThan(4500, "a click");
    }

    [Theory]
    [InlineData(0.0005)]
    [InlineData(-0.0005)]
    public void Clock_skew_never_drains_or_floods_it(double skew)
    {
        var sound = Sound.Sine(400, 8000 * 120);
        var (heard, buffer) = Run(sound, _ => 0, skew: skew);
        buffer.Late.ShouldBeLessThan(20);
        buffer.Delay.ShouldBeLessThan(60 * 8);
        Enumerable.Range(50, (heard.Length / 160) - 150).Count(i => Sound.Level(heard.AsSpan(i * 160, 160)) < 6000).ShouldBeLessThan(10);
    }

    [Fact]
    public void A_longer_way_is_adopted_and_a_new_timeline_is_followed()
    {
        var sound = Sound.Sine(400, 40_000);
        var (heard, buffer) = Run(sound, i => i < 100 ? 0 : 400);
        buffer.Late.ShouldBeLessThan(15);
        Sound.Purity(heard.AsSpan(28_000, 8000), 400).ShouldBeGreaterThan(0.98);

        var jump = new JitterBuffer();
        var codes = Sound.Encode(Sound.Sine(400, 160));
        var frame = new short[160];
        long now = 1_000_000_000;
        for (var i = 0; i < 100; i++, now += 20 * Millis)
        {
            jump.Put((uint)(i < 50 ? i * 160 : 0x7000_0000 + (i * 160)), codes, AudioCodec.Pcma, now);
            jump.Pop(frame, now + Millis);
            if (i % 50 > 4) Sound.Level(frame).ShouldBeGreaterThan(6000, $"frame {i}");
        }
    }

    [Fact]
    public void A_source_that_pauses_and_returns_is_heard_again_at_once()
    {
        var sound = Sound.Sine(400, 80_000);
        var (heard, _) = Run(sound, i => i is >= 100 and < 300 ? null : 0);
        Sound.Level(heard.AsSpan(110 * 160, 160 * 180)).ShouldBe(0);
        Sound.Level(heard.AsSpan(305 * 160, 160)).ShouldBeGreaterThan(6000);
    }

    [Fact]
    public void Whatever_comes_it_stays_within_its_bounds()
    {
        var random = new Random(11);
        var buffer = new JitterBuffer();
        var frame = new short[160];
        var payload = new byte[2000];
        long now = 0;
        for (var i = 0; i < 20_000; i++)
        {
            now += random.Next(30) * Millis;
            buffer.Put((uint)random.NextInt64(uint.MaxValue), payload.AsSpan(0, random.Next(payload.Length)), AudioCodec.Pcmu, now);
            if (i % 2 == 0) buffer.Pop(frame, now);
            if (buffer.Delay is < JitterBuffer.DelayMin or > JitterBuffer.DelayMax) Assert.Fail($"the delay is {buffer.Delay}");
        }
    }
}
