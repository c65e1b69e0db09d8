using Cti.Media.Codecs;

namespace Cti.Media.Tests;

public sealed class RateConverterTests
{
    private static short[] Convert(short[] samples, int from, int to)
    {
        var converter = new RateConverter();
        var converted = new short[samples.Length / (from / 50) * (to / 50)];
        for (var i = 0; i < converted.Length / (to / 50); i++)
            converter.Convert(samples.AsSpan(i * (from / 50), from / 50), converted.AsSpan(i * (to / 50), to / 50));
        return converted;
    }

    public static TheoryData<int, int> Rates => new()
    {
        { 8_000, 16_000 }, { 8_000, 48_000 }, { 16_000, 48_000 }, { 16_000, 8_000 }, { 48_000, 8_000 }, { 48_000, 16_000 },
    };

    [Theory, MemberData(nameof(Rates))]
    public void What_both_rates_hold_passes_and_nothing_else_comes_of_it(int from, int to)
    {
        foreach (var hertz in (double[])[50, 1_000, 3_000, 0.42 * Math.Min(from, to)])
        {
            var heard = Convert(Sound.Sine(hertz, from, 10_000, from), from, to).AsSpan(to / 4, to / 2);
            Spectrum.Amplitude(heard, hertz, to).ShouldBeInRange(9_300, 10_300, $"{hertz} Hz");
            // All that is there is that tone: neither an image nor a beat of the phases.
            (Sound.Level(heard) * Math.Sqrt(2)).ShouldBe(Spectrum.Amplitude(heard, hertz, to), 60, $"{hertz} Hz");
        }
    }

    [Theory]
    [InlineData(16_000, 8_000, 4_700)]
    [InlineData(16_000, 8_000, 7_000)]
    [InlineData(48_000, 8_000, 5_000)]
    [InlineData(48_000, 8_000, 13_000)]
    [InlineData(48_000, 16_000, 9_300)]
    [InlineData(48_000, 16_000, 20_000)]
    public void What_the_lower_rate_cannot_hold_is_not_heard_as_something_else(int from, int to, double hertz) =>
        Sound.Level(Convert(Sound.Sine(hertz, from, 10_000, from), from, to).AsSpan(to / 4)).ShouldBeLessThan(10);

    [Fact]
    public void A_change_of_rates_begins_anew_and_nothing_is_allocated_once_both_were_used()
    {
        var converter = new RateConverter();
        short[] narrow = new short[160], wide = new short[320], full = new short[960];
        narrow.AsSpan().Fill(20_000);
        converter.Convert(narrow, wide);
        converter.Convert(narrow, full);
        narrow.AsSpan().Clear();
        converter.Convert(narrow, wide);
        wide.ShouldAllBe(static sample => sample == 0);
        converter.Convert(full, narrow);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            converter.Convert(narrow, wide);
            converter.Convert(full, narrow);
            converter.Convert(narrow, full);
            converter.Convert(wide, wide);
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }
}
