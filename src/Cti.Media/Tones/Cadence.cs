using Cti.Media.Codecs;
using Cti.Media.Files;

namespace Cti.Media.Tones;

/// <summary>A piece of a cadence.</summary>
/// <param name="FirstHertz">The tone's frequency; 0 for silence.</param>
/// <param name="SecondHertz">A second frequency sounded together with it; 0 for none.</param>
/// <param name="Millis">How long, 1..60000.</param>
public readonly record struct ToneSegment(int FirstHertz, int SecondHertz, int Millis);

/// <summary>Signal tones by cadence; each is made once when first asked for.</summary>
public static class Cadence
{
    /// <summary>The level of each frequency: -13 dBm0, as ITU-T E.180 wants of supervisory tones.</summary>
    private const double Amplitude = 5010;

    private const int RampSamples = 5 * Audio.MillisSamples;

    private static readonly Lazy<Prompt> BeepTone = new(() => Render([new ToneSegment(1000, 0, 200)]));

    /// <summary>What is heard before a recording: 1000 Hz for 200 ms.</summary>
    public static Prompt Beep => BeepTone.Value;

    /// <summary>Makes one turn of a cadence; played again and again it has no seam where it ends in silence.</summary>
    public static Prompt Render(ReadOnlySpan<ToneSegment> segments)
    {
        var total = 0;
        foreach (var segment in segments) total += segment.Millis * Audio.MillisSamples;
        var samples = new short[total];
        var at = 0;
        foreach (var segment in segments)
        {
            var length = segment.Millis * Audio.MillisSamples;
            if (segment.FirstHertz > 0) Fill(segment, samples.AsSpan(at, length));
            at += length;
        }
        return Prompt.FromLinear(samples);
    }

    private static void Fill(ToneSegment segment, Span<short> samples)
    {
        for (var i = 0; i < samples.Length; i++)
        {
            var value = Math.Sin(2 * Math.PI * segment.FirstHertz * i / Audio.Rate);
            if (segment.SecondHertz > 0) value += Math.Sin(2 * Math.PI * segment.SecondHertz * i / Audio.Rate);
            // A tone that begins or ends abruptly clicks.
            var ramp = Math.Min(1.0, Math.Min(i, samples.Length - 1 - i) / (double)RampSamples);
            samples[i] = (short)(Amplitude * ramp * value);
        }
    }
}
