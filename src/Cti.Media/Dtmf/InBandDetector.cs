using Cti.Media.Codecs;

namespace Cti.Media.Dtmf;

/// <summary>
/// Finds keys in sound by Goertzel filters at the eight frequencies, in blocks of 102 samples (12.75 ms: each neighbour's tone falls near a
/// zero of the filter). Used only where telephone-event was not agreed. A block counts when one row and one column stand out from their
/// groups, differ by no more than ITU-T Q.24's twist, and hold nearly all the energy: that is what speech does not do. Two such blocks make
/// a key (40 ms of tone always have two whole ones), three others end it, so a drop-out of 10 ms does not double it.
/// </summary>
internal sealed class InBandDetector
{
    private const int BlockSamples = 102;
    private const int HitsNeeded = 2;
    private const int MissesNeeded = 3;

    /// <summary>-36 dBm0 a tone, as the filters' power.</summary>
    private const float PowerMin = 355f * 355f * BlockSamples * BlockSamples / 4;

    /// <summary>The high tone may be 8 dB stronger, the low one 4 dB (Q.24, most tolerant administrations).</summary>
    private const float TwistMax = 6.31f;
    private const float ReverseTwistMax = 2.51f;

    /// <summary>A tone stands 8 dB above the others of its group.</summary>
    private const float PeakMin = 6.31f;

    /// <summary>Of all energy, the two tones hold at least so much; a frequency off by 1.5 % still passes.</summary>
    private const float PurityMin = 0.78f;

    private static readonly float[] Factors =
        [.. Keys.Rows.ToArray().Concat(Keys.Columns.ToArray()).Select(hertz => (float)(2 * Math.Cos(2 * Math.PI * hertz / Audio.Rate)))];

    private readonly float[] _last = new float[8];
    private readonly float[] _beforeLast = new float[8];
    private float _energy;
    private int _count;
    private int _candidate = -1;
    private int _hits;
    private int _key = -1;
    private int _misses;

    /// <summary>Listens to a frame.</summary>
    /// <returns>The event code 0..15 of a key that was just recognised, else -1. At most one key begins in 20 ms.</returns>
    public int Listen(ReadOnlySpan<short> samples)
    {
        var found = -1;
        foreach (var sample in samples)
        {
            float value = sample;
            _energy += value * value;
            for (var i = 0; i < Factors.Length; i++)
            {
                var next = (Factors[i] * _last[i]) - _beforeLast[i] + value;
                _beforeLast[i] = _last[i];
                _last[i] = next;
            }
            if (++_count < BlockSamples) continue;
            var key = Judge(Classify());
            if (key >= 0) found = Keys.Code(Keys.Pad[key]);
            Clear();
        }
        return found;
    }

    private int Judge(int pad)
    {
        _misses = pad == _key ? 0 : _misses + 1;
        if (_misses >= MissesNeeded) _key = -1;
        _hits = pad >= 0 && pad == _candidate ? _hits + 1 : 1;
        _candidate = pad;
        if (pad < 0 || pad == _key || _hits < HitsNeeded) return -1;
        _key = pad;
        _misses = 0;
        return pad;
    }

    private int Classify()
    {
        var row = Strongest(0, out var rowPower);
        var column = Strongest(4, out var columnPower);
        if (row < 0 || column < 0 || rowPower < PowerMin || columnPower < PowerMin) return -1;
        if (columnPower > rowPower * TwistMax || rowPower > columnPower * ReverseTwistMax) return -1;
        return rowPower + columnPower < PurityMin * _energy * BlockSamples / 2 ? -1 : (row * 4) + column;
    }

    private int Strongest(int first, out float power)
    {
        var best = -1;
        float second = 0;
        power = 0;
        for (var i = 0; i < 4; i++)
        {
            float a = _last[first + i], b = _beforeLast[first + i];
            var here = (a * a) + (b * b) - (Factors[first + i] * a * b);
            if (here > power)
            {
                second = power;
                power = here;
                best = i;
            }
            else
            {
                second = Math.Max(second, here);
            }
        }
        return power > second * PeakMin ? best : -1;
    }

    private void Clear()
    {
        Array.Clear(_last);
        Array.Clear(_beforeLast);
        _energy = 0;
        _count = 0;
    }
}
