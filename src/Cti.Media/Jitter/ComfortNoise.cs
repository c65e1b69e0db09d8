namespace Cti.Media.Jitter;

/// <summary>
/// The noise that a far end describes instead of sending it (RFC 3389): its level, and reflection coefficients of its spectrum where there are some.
/// <code>
///  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+- ...
/// |0|   level     |      k1       |   k2   ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+- ...
/// </code>
/// </summary>
internal sealed class ComfortNoise
{
    /// <summary>Coefficients beyond these tell nothing that is heard (section 3.3 leaves the order to the sender).</summary>
    private const int OrderMax = 10;

    private readonly float[] _reflections = new float[OrderMax];
    private readonly float[] _delays = new float[OrderMax + 1];
    private int _order;
    private float _amplitude;
    private uint _random = 0x9E37_79B9;

    /// <summary>True until sound comes.</summary>
    public bool IsOn { get; private set; }

    /// <summary>Takes a description.</summary>
    public void Begin(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty) return;
        IsOn = true;
        var order = Math.Min(payload.Length - 1, OrderMax);
        if (order != _order) _delays.AsSpan().Clear();
        _order = order;
        var gain = 1f;
        for (var i = 0; i < order; i++)
        {
            var reflection = Math.Clamp((payload[i + 1] - 127) / 128f, -0.97f, 0.97f);
            _reflections[i] = reflection;
            gain *= 1 - (reflection * reflection);
        }
        // An even distribution of -1..1 has a third of its square as power; the filter adds what its coefficients say.
        _amplitude = 32_768 * MathF.Pow(10, -(payload[0] & 0x7F) / 20f) * MathF.Sqrt(3 * gain);
    }

    /// <summary>Sound has come.</summary>
    public void End() => IsOn = false;

    /// <summary>Makes noise.</summary>
    public void Fill(Span<short> samples)
    {
        for (var i = 0; i < samples.Length; i++)
        {
            // Marsaglia's xorshift: noise need not be unguessable.
            _random ^= _random << 13;
            _random ^= _random >> 17;
            _random ^= _random << 5;
            samples[i] = (short)Math.Clamp(Shape((int)_random / 2147483648f * _amplitude), short.MinValue, short.MaxValue);
        }
    }

    /// <summary>The all-pole lattice of the coefficients.</summary>
    private float Shape(float value)
    {
        for (var i = _order - 1; i >= 0; i--)
        {
            value -= _reflections[i] * _delays[i];
            _delays[i + 1] = _delays[i] + (_reflections[i] * value);
        }
        _delays[0] = value;
        return value;
    }
}
