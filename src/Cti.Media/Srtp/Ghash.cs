using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cti.Media.Srtp;

/// <summary>
/// GHASH (SP 800-38D section 6.4): a polynomial over GF(2^128), by the processor's carry-less multiplication, which takes the same time whatever the key.
/// GCM's bits run from left to right; here both factors stand reversed, which costs a shift by one bit, and that is done to the key once.
/// </summary>
internal readonly struct Ghash
{
    private const int BlockBytes = 16;

    private readonly ulong _high, _low;

    /// <param name="key">The cipher's image of a block of zeros.</param>
    public Ghash(Vector128<byte> key)
    {
        Span<byte> bytes = stackalloc byte[BlockBytes];
        key.CopyTo(bytes);
        var (high, low) = (BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
        // Divided by x, which stands on the right of 1 here: what falls out on the left comes back as the field has it, 1/x = x^127 + x^6 + x + 1.
        var carry = 0 - (high >> 63);
        _high = ((high << 1) | (low >> 63)) ^ (carry & 0xC200_0000_0000_0000);
        _low = (low << 1) ^ (carry & 1);
    }

    /// <summary>Whether this processor has the instruction.</summary>
    public static bool IsSupported => Pclmulqdq.IsSupported;

    /// <summary>The hash over what is authenticated only and what is ciphered, as GCM puts them together.</summary>
    public Vector128<byte> Of(ReadOnlySpan<byte> authenticated, ReadOnlySpan<byte> ciphered)
    {
        var (high, low) = (0UL, 0UL);
        Take(authenticated, ref high, ref low);
        Take(ciphered, ref high, ref low);
        Multiply(high ^ ((ulong)authenticated.Length * 8), low ^ ((ulong)ciphered.Length * 8), out high, out low);
        return Vector128.Create(BinaryPrimitives.ReverseEndianness(high), BinaryPrimitives.ReverseEndianness(low)).AsByte();
    }

    /// <summary>Filled up with zeros to whole blocks.</summary>
    private void Take(ReadOnlySpan<byte> data, ref ulong high, ref ulong low)
    {
        for (; data.Length >= BlockBytes; data = data[BlockBytes..])
            Multiply(high ^ BinaryPrimitives.ReadUInt64BigEndian(data), low ^ BinaryPrimitives.ReadUInt64BigEndian(data[8..]), out high, out low);
        if (data.IsEmpty) return;
        Span<byte> last = stackalloc byte[BlockBytes];
        last.Clear();
        data.CopyTo(last);
        Multiply(high ^ BinaryPrimitives.ReadUInt64BigEndian(last), low ^ BinaryPrimitives.ReadUInt64BigEndian(last[8..]), out high, out low);
    }

    private void Multiply(ulong high, ulong low, out ulong productHigh, out ulong productLow)
    {
        var (factor, key) = (Vector128.Create(low, high), Vector128.Create(_low, _high));
        var lows = Pclmulqdq.CarrylessMultiply(factor, key, 0x00);
        var highs = Pclmulqdq.CarrylessMultiply(factor, key, 0x11);
        var middle = Pclmulqdq.CarrylessMultiply(factor, key, 0x01) ^ Pclmulqdq.CarrylessMultiply(factor, key, 0x10);
        var (a, b, c, d) = (lows[0], lows[1] ^ middle[0], highs[0] ^ middle[1], highs[1]);
        // Two words are too many: each goes into the two above it, since x^128 = x^7 + x^2 + x + 1, and times x is a shift to the right.
        b ^= (a << 63) ^ (a << 62) ^ (a << 57);
        c ^= a ^ (a >> 1) ^ (a >> 2) ^ (a >> 7);
        c ^= (b << 63) ^ (b << 62) ^ (b << 57);
        d ^= b ^ (b >> 1) ^ (b >> 2) ^ (b >> 7);
        (productHigh, productLow) = (d, c);
    }
}
