using System.Buffers.Binary;

namespace Cti.Media.Files;

/// <summary>
/// Where a sample lies among the octets that its frame has for it, in WAV with more of them than it needs (24 bit in 4 octets):
/// <code>
///   upper (the rule)   0 s s s      lower (some writers)   s s s x      floating point (older audio editors)   f f f f
/// </code>
/// The header does not say which; the sound does: the octet that is not used is 0, or repeats the sign.
/// </summary>
/// <param name="End">Behind its highest octet.</param>
/// <param name="IsReal">It is a floating point number.</param>
internal readonly record struct SampleLayout(int End, bool IsReal = false)
{
    /// <summary>What is louder than this many times full scale is no floating point, and what is less than the least (and not 0) neither.</summary>
    private const float RealMax = 4;
    private const float RealMin = 1e-9f;
    private const int ExponentsMin = 4;

    /// <summary>Looks at all samples.</summary>
    /// <param name="data">Whole containers.</param>
    /// <param name="container">Octets of each, 2..8.</param>
    /// <param name="used">Octets that a sample needs, below that.</param>
    public static SampleLayout Of(ReadOnlySpan<byte> data, int container, int used)
    {
        var unused = container - used;
        var (isLowZero, isLowerZero, isHighSign, isHighZero, isReal) = (true, true, true, true, container == sizeof(float));
        var exponents = UInt128.Zero;
        for (var at = data; at.Length >= container; at = at[container..])
        {
            var sign = (byte)((sbyte)at[used - 1] >> 7);
            isLowZero = isLowZero && at[..unused].IndexOfAnyExcept((byte)0) < 0;
            isLowerZero = isLowerZero && at[..(unused + 1)].IndexOfAnyExcept((byte)0) < 0;
            isHighSign = isHighSign && at[used..container].IndexOfAnyExcept(sign) < 0;
            isHighZero = isHighZero && at[used..container].IndexOfAnyExcept((byte)0) < 0;
            if (isReal) isReal = MathF.Abs(BinaryPrimitives.ReadSingleLittleEndian(at)) is 0 or (>= RealMin and <= RealMax);
            if (isReal) exponents |= UInt128.One << ((at[3] & 0x7F) % 128);
        }
        // Whole numbers come near 0 again and again, where their bits are no such number; a tone of few values does not, but it has few exponents too.
        if (isReal && UInt128.PopCount(exponents) >= ExponentsMin) return new SampleLayout(container, IsReal: true);
        var isLower = isHighSign || isHighZero;
        // Both where all is quiet: sound of so few bits in the lower place would be no sound.
        if (isLowZero && (!isLower || isLowerZero)) return new SampleLayout(container);
        return new SampleLayout(isLower ? used : container);
    }
}
