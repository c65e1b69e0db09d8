namespace Cti.Acceptance.Infrastructure;

/// <summary>Tones to tell parties apart by, and how much of one there is in what was heard.</summary>
internal static class Tone
{
    private const int Rate = 8000;

    public static short[] Linear(int hertz, double seconds, double amplitude = 8000) =>
        [.. Enumerable.Range(0, (int)(Rate * seconds)).Select(i => (short)(amplitude * Math.Sin(2 * Math.PI * hertz * i / Rate)))];

    public static byte[] ALaw(int hertz, double seconds = 1.5, double amplitude = 8000) => Sound.ToALaw(Linear(hertz, seconds, amplitude));

    /// <summary>How much of the energy that was heard lies at one frequency (Goertzel over frames of 20 ms); 0 for silence.</summary>
    public static double Share(IEnumerable<short> heard, int hertz)
    {
        double at = 0, all = 0;
        foreach (var frame in heard.Chunk(160))
        {
            at += Power(frame, hertz) * 2 / frame.Length;
            foreach (var sample in frame) all += (double)sample * sample;
        }
        return all < 160 * 160 ? 0 : at / all;
    }

    /// <summary>
    /// The amplitude at one frequency, averaged over windows of 100 ms in which it has whole periods: a frame that came late moves no phase of another.
    /// </summary>
    public static double Amplitude(short[] samples, int hertz)
    {
        var windows = samples.Chunk(Rate / 10).Where(static window => window.Length == Rate / 10).ToList();
        return windows.Count == 0 ? 0 : windows.Average(window => 2 * Math.Sqrt(Math.Max(0, Power(window, hertz))) / window.Length);
    }

    /// <summary>Goertzel's sum.</summary>
    private static double Power(short[] samples, int hertz)
    {
        double one = 0, two = 0, factor = 2 * Math.Cos(2 * Math.PI * hertz / Rate);
        foreach (var sample in samples) (two, one) = (one, sample + (factor * one) - two);
        return (one * one) + (two * two) - (factor * one * two);
    }
}
