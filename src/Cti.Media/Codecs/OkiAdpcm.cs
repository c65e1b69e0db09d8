namespace Cti.Media.Codecs;

/// <summary>
/// OKI (Dialogic) ADPCM: 4 bits a sample of 12 bit, the first in the upper half of a byte. State is carried from the first sample of a file to its last.
/// </summary>
internal struct OkiAdpcm
{
    private const int StepLast = 48;
    private static readonly short[] StepSizes = StepTable();

    private int _predicted;
    private int _step;

    /// <summary>Encodes a sample of 16 bit.</summary>
    /// <returns>0..15.</returns>
    public int Encode(short sample)
    {
        var step = (int)StepSizes[_step];
        var difference = (sample >> 4) - _predicted;
        var code = difference < 0 ? 8 : 0;
        var rest = Math.Abs(difference);
        if (rest >= step)
        {
            code |= 4;
            rest -= step;
        }
        if (rest >= step >> 1)
        {
            code |= 2;
            rest -= step >> 1;
        }
        if (rest >= step >> 2) code |= 1;
        Decode(code);
        return code;
    }

    /// <summary>Decodes a sample to 16 bit.</summary>
    public short Decode(int code)
    {
        // Rounded once, as the decoders in use do: over a long file another rounding would drift away from them.
        var difference = (((2 * (code & 7)) + 1) * StepSizes[_step]) >> 3;
        _predicted = Math.Clamp(_predicted + ((code & 8) != 0 ? -difference : difference), -2048, 2047);
        // The lower four sizes shrink the step, the upper four let it grow faster and faster.
        _step = Math.Clamp(_step + ((code & 4) == 0 ? -1 : 2 * ((code & 3) + 1)), 0, StepLast);
        return (short)(_predicted << 4);
    }

    /// <summary>Decodes two samples a byte; <paramref name="samples"/> holds twice as many.</summary>
    public void Decode(ReadOnlySpan<byte> bytes, Span<short> samples)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            samples[2 * i] = Decode(bytes[i] >> 4);
            samples[(2 * i) + 1] = Decode(bytes[i] & 15);
        }
    }

    /// <summary>49 steps from 16 to 1552, each a tenth larger.</summary>
    private static short[] StepTable() => [.. Enumerable.Range(0, StepLast + 1).Select(i => (short)(16 * Math.Pow(1.1, i)))];
}
