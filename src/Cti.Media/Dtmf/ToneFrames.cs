using Cti.Media.Codecs;

namespace Cti.Media.Dtmf;

/// <summary>Generates the tone pairs of keys (ITU-T Q.23, levels of Q.24): the high group 2 dB above the low one, ends ramped over 2 ms.</summary>
internal sealed class ToneFrames
{
    /// <summary>-10 dBm0.</summary>
    public const double LowAmplitude = 7077;

    /// <summary>-8 dBm0.</summary>
    public const double HighAmplitude = 8909;

    private const int RampSamples = 16;

    /// <summary>Fills a piece of a key's tone.</summary>
    /// <param name="pad">The key's place on the pad, row times 4 plus column.</param>
    /// <param name="position">Samples of the tone before this piece.</param>
    /// <param name="length">Samples of the whole tone.</param>
    /// <param name="samples">The piece.</param>
    public void Fill(int pad, int position, int length, Span<short> samples)
    {
        var low = 2 * Math.PI * Keys.Rows[pad / 4] / Audio.Rate;
        var high = 2 * Math.PI * Keys.Columns[pad % 4] / Audio.Rate;
        for (var i = 0; i < samples.Length; i++)
        {
            var at = position + i;
            var ramp = Math.Min(1.0, Math.Min(at, length - at) / (double)RampSamples);
            samples[i] = at >= length ? (short)0
                : (short)(ramp * ((LowAmplitude * Math.Sin(low * at)) + (HighAmplitude * Math.Sin(high * at))));
        }
    }
}
