using System.Numerics;

namespace Cti.Media.Codecs;

/// <summary>
/// Brings a stream of frames from one of 8, 16 and 48 kHz to another, by a windowed sinc as long as 48 samples of the lower rate: flat up to 0.85 of the lower
/// half rate, 70 dB down above it, 3 ms (at 8 kHz) of delay. For the media loop: room is made with the first conversion, then nothing is allocated.
/// </summary>
internal sealed class RateConverter
{
    /// <summary>Samples of the lower rate that an output is made of.</summary>
    private const int Span = 48;

    /// <summary>The filter's middle as a part of the lower half rate, and the shape of its window: 70 dB.</summary>
    private const double Edge = 0.94, Beta = 7;

    private static readonly float[][] Filters = [Filter(2), Filter(3), Filter(6)];

    private float[] _line = [];
    private int _from;
    private int _to;

    /// <summary>The next conversion begins a stream: nothing of the former is heard in it.</summary>
    public void Reset() => _from = 0;

    /// <summary>Converts a frame of 20 ms; the lengths say the rates. A change of them begins a stream.</summary>
    public void Convert(ReadOnlySpan<short> source, Span<short> target)
    {
        if (source.Length == target.Length)
        {
            source.CopyTo(target);
            _from = 0;
            return;
        }
        var factor = Math.Max(source.Length, target.Length) / Math.Min(source.Length, target.Length);
        var isUp = target.Length > source.Length;
        var history = isUp ? Span : Span * factor;
        if (_from != source.Length || _to != target.Length) Begin(source.Length, target.Length, history);
        var line = _line.AsSpan(0, history + source.Length);
        for (var i = 0; i < source.Length; i++) line[history + i] = source[i];
        var filter = Filters[factor == 2 ? 0 : factor == 3 ? 1 : 2].AsSpan(isUp ? 0 : Span * factor, Span * factor);
        if (isUp) Raise(line, filter, factor, target);
        else Lower(line, filter, factor, target);
        line[source.Length..].CopyTo(line);
    }

    private void Begin(int from, int to, int history)
    {
        (_from, _to) = (from, to);
        if (_line.Length < history + from) _line = new float[history + from];
        _line.AsSpan(0, history).Clear();
    }

    private static void Lower(ReadOnlySpan<float> line, ReadOnlySpan<float> filter, int factor, Span<short> target)
    {
        for (var i = 0; i < target.Length; i++) target[i] = Saturate(Dot(line.Slice((i + 1) * factor, filter.Length), filter) / factor);
    }

    private static void Raise(ReadOnlySpan<float> line, ReadOnlySpan<float> filter, int factor, Span<short> target)
    {
        for (var i = 0; i < target.Length; i++) target[i] = Saturate(Dot(line.Slice((i / factor) + 1, Span), filter.Slice(i % factor * Span, Span)));
    }

    private static float Dot(ReadOnlySpan<float> one, ReadOnlySpan<float> other)
    {
        var sum = Vector<float>.Zero;
        var i = 0;
        for (; i <= one.Length - Vector<float>.Count; i += Vector<float>.Count) sum += new Vector<float>(one[i..]) * new Vector<float>(other[i..]);
        var total = Vector.Sum(sum);
        for (; i < one.Length; i++) total += one[i] * other[i];
        return total;
    }

    private static short Saturate(float value) => (short)Math.Clamp(MathF.Round(value), short.MinValue, short.MaxValue);

    /// <summary>The filter in two orders; each phase has a sum of 1, or the phases would beat as a tone.</summary>
    private static float[] Filter(int factor)
    {
        var length = Span * factor;
        var taps = new double[length];
        for (var i = 0; i < length; i++)
        {
            var distance = i - ((length - 1) / 2.0);
            var x = distance * Edge / factor;
            var sinc = Math.Abs(x) < 1e-9 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
            var place = 2 * distance / length;
            taps[i] = sinc * Bessel(Beta * Math.Sqrt(1 - (place * place))) / Bessel(Beta);
        }
        for (var phase = 0; phase < factor; phase++)
        {
            var sum = 0.0;
            for (var i = phase; i < length; i += factor) sum += taps[i];
            for (var i = phase; i < length; i += factor) taps[i] /= sum;
        }
        return Order(taps, factor);
    }

    /// <summary>For raising: a phase after another, the oldest sample's coefficient first. For lowering: as it is, which is symmetric.</summary>
    private static float[] Order(double[] taps, int factor)
    {
        var ordered = new float[2 * taps.Length];
        for (var i = 0; i < taps.Length; i++)
        {
            ordered[(i % factor * Span) + (Span - 1 - (i / factor))] = (float)taps[i];
            ordered[taps.Length + i] = (float)taps[i];
        }
        return ordered;
    }

    /// <summary>The modified Bessel function of order zero, which Kaiser's window is made of.</summary>
    private static double Bessel(double x)
    {
        double sum = 1, term = 1;
        for (var i = 1; i < 30; i++)
        {
            term *= x / 2 / i;
            sum += term * term;
        }
        return sum;
    }
}
