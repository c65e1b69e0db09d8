using Cti.Media.Codecs;
using Cti.Media.Jitter;

namespace Cti.Media.Tests;

/// <summary>
/// The jitter buffer on traces as networks and far ends make them, from seeds: bursts, a clock that drifts, packets out of order, pauses without packets,
/// all of it together. What must hold: sound that came in time is heard whole, the delay is no longer than the way demands, and nothing adds up.
/// </summary>
public sealed class JitterTraceTests
{
    private const long Millis = 1_000_000;

    /// <summary>A packet's place in the sound and when it comes, in milliseconds.</summary>
    private readonly record struct Arrival(int Packet, double AtMillis);

    /// <summary>What became of a trace.</summary>
    private sealed record Outcome(short[] Heard, long Late, long Concealed, int DelayMillis, int Packets);

    public static TheoryData<string, AudioCodec, int> Traces
    {
        get
        {
            var traces = new TheoryData<string, AudioCodec, int>();
            foreach (var kind in (string[])["still", "bursts", "fast", "slow", "reordered", "pauses", "all"])
            {
                foreach (var codec in (AudioCodec[])[AudioCodec.Pcma, AudioCodec.G722, AudioCodec.Opus])
                    for (var seed = 1; seed <= 3; seed++) traces.Add(kind, codec, seed);
            }
            return traces;
        }
    }

    [Theory, MemberData(nameof(Traces))]
    public void Sound_that_comes_in_time_is_heard_whole_and_not_later_than_it_must(string kind, AudioCodec codec, int seed)
    {
        var outcome = Play(codec, Trace(kind, seed, seconds: 40), seed);
        var (lost, delay) = kind switch
        {
            // Frames of a hundred that may be made up, and the longest delay at the end, in ms.
            "still" => (0.1, 30),
            "fast" or "slow" => (0.3, 45),
            "bursts" => (2.0, 160),
            "reordered" => (1.0, 90),
            // Each pause begins as a loss does, with 60 ms that are made up.
            "pauses" => (5.0, 60),
            _ => (8.0, 200),
        };
        ((double)outcome.Concealed / outcome.Packets * 100).ShouldBeLessThanOrEqualTo(lost, "of a hundred frames made up");
        ((double)outcome.Late / outcome.Packets * 100).ShouldBeLessThanOrEqualTo(lost, "of a hundred packets too late");
        outcome.DelayMillis.ShouldBeLessThanOrEqualTo(delay, "the delay at the end");
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("slow")]
    public void A_clock_that_drifts_for_ten_minutes_neither_drains_nor_fills_it(string kind)
    {
        var outcome = Play(AudioCodec.Pcma, Trace(kind, seed: 9, seconds: 600), seed: 9);
        // 200 ppm are 120 ms in that time: six frames, and nothing of it is late.
        outcome.Concealed.ShouldBeLessThan(20);
        outcome.Late.ShouldBeLessThan(5);
        outcome.DelayMillis.ShouldBeLessThanOrEqualTo(45);
        Sound.Purity(outcome.Heard.AsSpan(8_000 * 590, 4_000), 400).ShouldBeGreaterThan(0.95);
    }

    [Fact]
    public void After_a_storm_the_delay_comes_back()
    {
        var storm = Trace("all", seed: 4, seconds: 20);
        var calm = Trace("still", seed: 4, seconds: 60).Select(arrival => new Arrival(arrival.Packet + 1_000, arrival.AtMillis + 20_000));
        Play(AudioCodec.Pcma, [.. storm.Where(static arrival => arrival.Packet < 1_000), .. calm], seed: 4).DelayMillis.ShouldBeLessThanOrEqualTo(40);
    }

    private static List<Arrival> Trace(string kind, int seed, int seconds)
    {
        var random = new Random(seed);
        var arrivals = new List<Arrival>();
        var clock = kind switch { "fast" => 1 - 0.0002, "slow" => 1 + 0.0002, "all" => 1 + 0.0002, _ => 1 };
        var isBursty = kind is "bursts" or "all";
        var isMixed = kind is "reordered" or "all";
        var (heldUntil, silentUntil) = (0.0, 0);
        for (var packet = 0; packet < seconds * 50; packet++)
        {
            if (kind is "pauses" or "all")
            {
                if (packet > 100 && packet > silentUntil + 40 && random.Next(60) == 0) silentUntil = packet + random.Next(20, 150);
                if (packet < silentUntil) continue;
            }
            var at = (packet * 20 * clock) + (random.NextDouble() * 3);
            // A radio link, or a host that stood still: for a while nothing comes, then all of it.
            if (isBursty && at > heldUntil + 1_000 && random.Next(100) == 0) heldUntil = at + random.Next(20, 100);
            if (at < heldUntil) at = heldUntil + (random.NextDouble() * 2);
            if (isMixed && random.Next(25) == 0) at += random.Next(15, 45);
            arrivals.Add(new Arrival(packet, at));
        }
        arrivals.Sort(static (one, other) => one.AtMillis.CompareTo(other.AtMillis));
        return arrivals;
    }

    private static Outcome Play(AudioCodec codec, List<Arrival> trace, int seed)
    {
        var buffer = new JitterBuffer();
        buffer.Add(codec);
        var rate = codec.SoundRate();
        // Seconds that join without a step.
        var packets = Sound.Packets(Sound.Sine(400, rate, 8_000, rate), codec);
        var (heard, frame) = (new List<short>(), new short[Audio.FrameSamplesMax]);
        var next = 0;
        var start = (uint)(seed * 0x7531_0000);
        for (var tick = 0; tick < (trace[^1].AtMillis / 20) - 5; tick++)
        {
            var now = (1_000_000L + (20 * tick) + 7) * Millis;
            for (; next < trace.Count && (long)((1_000_000 + trace[next].AtMillis) * Millis) <= now; next++)
            {
                var packet = trace[next].Packet;
                buffer.Put(start + (uint)(packet * 20 * codec.ClockPerMilli()), packets[packet % 50], codec,
                    (long)((1_000_000 + trace[next].AtMillis) * Millis));
            }
            heard.AddRange(frame.AsSpan(0, buffer.Pop(frame, now)));
        }
        return new Outcome([.. heard], buffer.Late, buffer.Concealed, buffer.Delay / 8, trace.Count);
    }
}
