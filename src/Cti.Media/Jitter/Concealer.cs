using Cti.Media.Codecs;

namespace Cti.Media.Jitter;

/// <summary>
/// Fills what is missing as ITU-T G.711 appendix I does, at any rate: the last pitch period is repeated, after 10 ms the last two, after 20 ms the last three;
/// from 10 ms on it fades, to nothing at 60 ms; where sound comes back the two overlap. Other than there, nothing is delayed for it: where a gap begins, the
/// step to the repeated period is worn off over a quarter of it.
/// </summary>
internal sealed class Concealer
{
    /// <summary>At 8 kHz: what is remembered, the longest and the shortest period (66 and 200 Hz), and what is compared to find it.</summary>
    private const int HistorySamples = 390, PeriodMax = 120, PeriodMin = 40, CompareSamples = 160;

    private const int FadeBeginsMillis = 10, FadeMillis = 60, OverlapMillisMax = 10;

    private short[] _history = [];
    private short[] _template = [];
    private int _rate = Audio.Rate;
    private bool _hasHeard;
    private int _erased;
    private int _period;
    private int _at;
    private int _step;

    /// <summary>False once the fade is over, and before anything was heard.</summary>
    public bool IsAudible => _hasHeard && _erased < FadeMillis * PerMilli;

    private int PerMilli => _rate / 1000;

    /// <summary>Samples at this rate for one of 8 kHz.</summary>
    private int Factor => _rate / Audio.Rate;

    /// <summary>Sound of that rate follows; room is made where it was never so high.</summary>
    public void Reset(int rate)
    {
        _rate = rate;
        _hasHeard = false;
        _erased = 0;
        if (_history.Length >= HistorySamples * Factor) return;
        _history = new short[HistorySamples * Factor];
        _template = new short[HistorySamples * Factor];
    }

    /// <summary>Takes what came; where it follows a gap, its beginning is overlapped with what filled that.</summary>
    public void Accept(Span<short> sound)
    {
        if (_erased > 0)
        {
            Overlap(sound);
            _erased = 0;
        }
        if (!_hasHeard)
        {
            _hasHeard = true;
            _history.AsSpan().Clear();
        }
        Remember(sound);
    }

    /// <summary>Fills a gap.</summary>
    public void Conceal(Span<short> gap)
    {
        if (!IsAudible)
        {
            gap.Clear();
            return;
        }
        if (_erased == 0) Begin();
        for (var i = 0; i < gap.Length; i++) gap[i] = Next();
        Remember(gap);
    }

    private void Begin()
    {
        var history = _history.AsSpan(0, HistorySamples * Factor);
        history.CopyTo(_template);
        _period = FindPeriod(history);
        _at = history.Length - _period;
        _step = history[^1] - history[_at - 1];
    }

    /// <summary>The next sample of what fills the gap.</summary>
    private short Next()
    {
        var end = HistorySamples * Factor;
        var fadeBegins = FadeBeginsMillis * PerMilli;
        var wave = _period * Math.Clamp(1 + (_erased / fadeBegins), 1, 3);
        var quarter = _period / 4;
        float value = _template[_at];
        // Its end is overlapped with what was before its beginning, so that it can go round.
        var over = _at - (end - quarter) + 1;
        if (over > 0) value += (_template[_at - wave] - value) * over / (quarter + 1);
        if (_erased < quarter) value += (float)_step * (quarter - _erased) / quarter;
        if (_erased > fadeBegins) value *= Math.Max(0, 1 - ((float)(_erased - fadeBegins) / ((FadeMillis - FadeBeginsMillis) * PerMilli)));
        _erased++;
        if (++_at == end) _at = end - wave;
        return (short)Math.Clamp(MathF.Round(value), short.MinValue, short.MaxValue);
    }

    private void Overlap(Span<short> sound)
    {
        // A quarter of the period, and 4 ms for each 10 that were missing.
        var length = Math.Min((_period / 4) + (4 * PerMilli * (_erased / (10 * PerMilli))), OverlapMillisMax * PerMilli);
        length = Math.Min(length, sound.Length);
        for (var i = 0; i < length; i++)
        {
            var filling = Next();
            sound[i] = (short)(filling + ((sound[i] - filling) * (i + 1) / (length + 1)));
        }
    }

    private void Remember(ReadOnlySpan<short> sound)
    {
        var history = _history.AsSpan(0, HistorySamples * Factor);
        if (sound.Length >= history.Length)
        {
            sound[^history.Length..].CopyTo(history);
            return;
        }
        history[sound.Length..].CopyTo(history);
        sound.CopyTo(history[^sound.Length..]);
    }

    /// <summary>The lag at which the last 20 ms look most like what was before: coarsely first, then around the best.</summary>
    private int FindPeriod(ReadOnlySpan<short> history)
    {
        var best = Search(history, PeriodMin * Factor, PeriodMax * Factor, 2 * Factor, 2 * Factor);
        return Search(history, Math.Max(PeriodMin * Factor, best - (2 * Factor)), Math.Min(PeriodMax * Factor, best + (2 * Factor)), 1, Factor);
    }

    private int Search(ReadOnlySpan<short> history, int from, int to, int lagStep, int sampleStep)
    {
        var (best, likeness) = (from, float.MinValue);
        for (var lag = from; lag <= to; lag += lagStep)
        {
            float both = 0, energy = 1;
            for (var i = history.Length - (CompareSamples * Factor); i < history.Length; i += sampleStep)
            {
                float earlier = history[i - lag];
                both += history[i] * earlier;
                energy += earlier * earlier;
            }
            var here = both / MathF.Sqrt(energy);
            if (here > likeness) (best, likeness) = (lag, here);
        }
        return best;
    }
}
