using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Cti.Media.Srtp;

/// <summary>
/// HMAC-SHA1 (RFC 2104, RFC 3174) of one key, kept as the two states that the key's own blocks lead to: forty bytes. The platform's takes a context for each
/// key that is scattered over the heap, and that is what a packet of another session waits for (see <see cref="AesBlocks"/>).
/// </summary>
internal readonly struct HmacSha1
{
    private const int BlockBytes = 64, LengthBytes = 8;

    private readonly State _inner, _outer;

    /// <param name="key">Up to 64 bytes.</param>
    public HmacSha1(ReadOnlySpan<byte> key)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        _inner = Keyed(key, 0x36, block);
        _outer = Keyed(key, 0x5C, block);
        CryptographicOperations.ZeroMemory(block);
    }

    /// <summary>Makes the code over a packet and a few bytes behind it.</summary>
    /// <param name="packet">Of any length.</param>
    /// <param name="rest">Up to 16 bytes.</param>
    /// <param name="code">20 bytes.</param>
    public void Sign(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, Span<byte> code)
    {
        var state = _inner;
        var length = BlockBytes + packet.Length + rest.Length;
        for (; packet.Length >= BlockBytes; packet = packet[BlockBytes..]) state.Take(packet);
        Span<byte> end = stackalloc byte[2 * BlockBytes];
        end.Clear();
        packet.CopyTo(end);
        rest.CopyTo(end[packet.Length..]);
        Finish(ref state, end, packet.Length + rest.Length, length, code);

        state = _outer;
        end.Clear();
        code[..SHA1.HashSizeInBytes].CopyTo(end);
        Finish(ref state, end, SHA1.HashSizeInBytes, BlockBytes + SHA1.HashSizeInBytes, code);
    }

    private static State Keyed(ReadOnlySpan<byte> key, byte pad, Span<byte> block)
    {
        block.Fill(pad);
        for (var i = 0; i < key.Length; i++) block[i] ^= key[i];
        var state = State.Begin;
        state.Take(block);
        return state;
    }

    /// <summary>The last one or two blocks: a bit, and the length of all in bits.</summary>
    private static void Finish(ref State state, Span<byte> end, int used, int length, Span<byte> code)
    {
        end[used] = 0x80;
        var blocks = used + 1 + LengthBytes <= BlockBytes ? 1 : 2;
        BinaryPrimitives.WriteUInt64BigEndian(end[((blocks * BlockBytes) - LengthBytes)..], (ulong)length * 8);
        for (var i = 0; i < blocks; i++) state.Take(end[(i * BlockBytes)..]);
        state.Write(code);
    }

    private struct State
    {
        private const uint First = 0x5A82_7999, Second = 0x6ED9_EBA1, Third = 0x8F1B_BCDC, Fourth = 0xCA62_C1D6;
        private const int Words = 16;

        private uint _a, _b, _c, _d, _e;

        public static State Begin => new() { _a = 0x6745_2301, _b = 0xEFCD_AB89, _c = 0x98BA_DCFE, _d = 0x1032_5476, _e = 0xC3D2_E1F0 };

        /// <summary>RFC 3174 section 6.2, its sixteen words in a ring.</summary>
        [SkipLocalsInit]
        public void Take(ReadOnlySpan<byte> block)
        {
            Span<uint> words = stackalloc uint[Words];
            for (var i = 0; i < Words; i++) words[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * sizeof(uint))..]);
            var (a, b, c, d, e) = (_a, _b, _c, _d, _e);
            for (var i = 0; i < Words; i++) Round(ref a, ref b, ref c, ref d, ref e, (d ^ (b & (c ^ d))) + First + words[i]);
            for (var i = 16; i < 20; i++) Round(ref a, ref b, ref c, ref d, ref e, (d ^ (b & (c ^ d))) + First + Word(words, i));
            for (var i = 20; i < 40; i++) Round(ref a, ref b, ref c, ref d, ref e, (b ^ c ^ d) + Second + Word(words, i));
            for (var i = 40; i < 60; i++) Round(ref a, ref b, ref c, ref d, ref e, ((b & c) | (d & (b | c))) + Third + Word(words, i));
            for (var i = 60; i < 80; i++) Round(ref a, ref b, ref c, ref d, ref e, (b ^ c ^ d) + Fourth + Word(words, i));
            _a += a;
            _b += b;
            _c += c;
            _d += d;
            _e += e;
        }

        public readonly void Write(Span<byte> code)
        {
            BinaryPrimitives.WriteUInt32BigEndian(code, _a);
            BinaryPrimitives.WriteUInt32BigEndian(code[4..], _b);
            BinaryPrimitives.WriteUInt32BigEndian(code[8..], _c);
            BinaryPrimitives.WriteUInt32BigEndian(code[12..], _d);
            BinaryPrimitives.WriteUInt32BigEndian(code[16..], _e);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static uint Word(Span<uint> words, int i) =>
            words[i & 15] = BitOperations.RotateLeft(words[(i + 13) & 15] ^ words[(i + 8) & 15] ^ words[(i + 2) & 15] ^ words[i & 15], 1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Round(ref uint a, ref uint b, ref uint c, ref uint d, ref uint e, uint added) =>
            (a, b, c, d, e) = (BitOperations.RotateLeft(a, 5) + e + added, a, BitOperations.RotateLeft(b, 30), c, d);
    }
}
