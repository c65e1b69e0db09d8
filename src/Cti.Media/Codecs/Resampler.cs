namespace Cti.Media.Codecs;

/// <summary>
/// Any rate to 8 kHz by a windowed sinc, a coefficient set per phase. Used when files are loaded, not in the media loop.
/// </summary>
internal static class Resampler
{
    /// <summary>The rate that everything here plays at, in samples a second.</summary>
    public const int Rate = 8000;

    /// <summary>Zero crossings of the sinc on either side: a stop band over 70 dB down with the Blackman window.</summary>
    private const int Crossings = 24;

    /// <summary>The pass band's end as a part of the lower half rate: what a telephone passes (3400 Hz) stays whole.</summary>
    private const double Edge = 0.94;

    /// <summary>Converts.</summary>
    /// <param name="source">The samples.</param>
    /// <param name="rate">Their rate, 1000..192000 a second.</param>
    public static short[] ToEightKilohertz(ReadOnlySpan<short> source, int rate)
    {
        if (rate == Rate) return source.ToArray();
        var divisor = (int)GreatestCommonDivisor(rate, Rate);
        int phases = Rate / divisor, step = rate / divisor;
        var cutoff = Edge * Math.Min(1.0, (double)Rate / rate);
        var half = (int)Math.Ceiling(Crossings / cutoff);
        var taps = Coefficients(phases, half, cutoff);
        var result = new short[(int)((long)source.Length * Rate / rate)];
        long position = 0;
        for (var i = 0; i < result.Length; i++, position += step)
        {
            var centre = (int)(position / phases);
            var set = taps.AsSpan((int)(position % phases) * 2 * half, 2 * half);
            result[i] = Convolve(source, centre - half + 1, set);
        }
        return result;
    }

    private static short Convolve(ReadOnlySpan<short> source, int first, ReadOnlySpan<float> taps)
    {
        int from = Math.Max(0, -first), to = Math.Min(taps.Length, source.Length - first);
        var sum = 0f;
        for (var i = from; i < to; i++) sum += source[first + i] * taps[i];
        return (short)Math.Clamp(MathF.Round(sum), short.MinValue, short.MaxValue);
    }

    private static float[] Coefficients(int phases, int half, double cutoff)
    {
        var taps = new float[phases * 2 * half];
        for (var phase = 0; phase < phases; phase++)
        {
            var set = taps.AsSpan(phase * 2 * half, 2 * half);
            var total = 0.0;
            for (var i = 0; i < set.Length; i++)
            {
                var distance = i - half + 1 - ((double)phase / phases);
                var value = Sinc(distance * cutoff) * Blackman(distance / half);
                set[i] = (float)value;
                total += value;
            }
            // Each phase passes a constant unchanged, or the phases would beat as a tone.
            for (var i = 0; i < set.Length; i++) set[i] = (float)(set[i] / total);
        }
        return taps;
    }

    private static double Sinc(double x) => Math.Abs(x) < 1e-9 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);

    private static double Blackman(double x) =>
        Math.Abs(x) >= 1 ? 0 : 0.42 + (0.5 * Math.Cos(Math.PI * x)) + (0.08 * Math.Cos(2 * Math.PI * x));

    private static long GreatestCommonDivisor(long a, long b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
