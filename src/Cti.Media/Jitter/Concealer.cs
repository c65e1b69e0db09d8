using Cti.Media.Codecs;

namespace Cti.Media.Jitter;

/// <summary>Fills what is missing with the last frame that was heard, fading out over 60 ms, then with silence.</summary>
internal sealed class Concealer
{
    private const int FadeSamples = 3 * Audio.FrameSamples;

    private readonly short[] _last = new short[Audio.FrameSamples];
    private int _position = FadeSamples;

    /// <summary>False once the fade is over.</summary>
    public bool IsAudible => _position < FadeSamples;

    public void Reset() => _position = FadeSamples;

    /// <summary>A whole frame was heard: it is what the next gap is filled with.</summary>
    public void Remember(ReadOnlySpan<short> frame)
    {
        frame.CopyTo(_last);
        _position = 0;
    }

    /// <summary>Fills the samples marked as missing; all of them where <paramref name="missing"/> is empty.</summary>
    public void Conceal(Span<short> frame, ReadOnlySpan<bool> missing)
    {
        for (var i = 0; i < frame.Length; i++)
        {
            if (!missing.IsEmpty && !missing[i]) continue;
            var left = FadeSamples - _position;
            frame[i] = left > 0 ? (short)(_last[i] * left / FadeSamples) : (short)0;
            if (left > 0) _position++;
        }
    }
}
