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
        private const int Words = 16, Rounds = 80;

        private uint _a, _b, _c, _d, _e;

        public static State Begin => new() { _a = 0x6745_2301, _b = 0xEFCD_AB89, _c = 0x98BA_DCFE, _d = 0x1032_5476, _e = 0xC3D2_E1F0 };

        /// <summary>RFC 3174 section 6.1; five rounds are written out, because then the five letters need not change places.</summary>
        [SkipLocalsInit]
        public unsafe void Take(ReadOnlySpan<byte> block)
        {
            var words = stackalloc uint[Rounds];
            for (var i = 0; i < Words; i++) words[i] = BinaryPrimitives.ReadUInt32BigEndian(block[(i * sizeof(uint))..]);
            for (var i = Words; i < Rounds; i++) words[i] = BitOperations.RotateLeft(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
            var (a, b, c, d, e) = (_a, _b, _c, _d, _e);
            var word = words;
            for (var end = words + 20; word < end; word += 5)
            {
                Round(a, ref b, ref e, Choice(b, c, d) + First + word[0]);
                Round(e, ref a, ref d, Choice(a, b, c) + First + word[1]);
                Round(d, ref e, ref c, Choice(e, a, b) + First + word[2]);
                Round(c, ref d, ref b, Choice(d, e, a) + First + word[3]);
                Round(b, ref c, ref a, Choice(c, d, e) + First + word[4]);
            }
            for (var end = words + 40; word < end; word += 5)
            {
                Round(a, ref b, ref e, (b ^ c ^ d) + Second + word[0]);
                Round(e, ref a, ref d, (a ^ b ^ c) + Second + word[1]);
                Round(d, ref e, ref c, (e ^ a ^ b) + Second + word[2]);
                Round(c, ref d, ref b, (d ^ e ^ a) + Second + word[3]);
                Round(b, ref c, ref a, (c ^ d ^ e) + Second + word[4]);
            }
            for (var end = words + 60; word < end; word += 5)
            {
                Round(a, ref b, ref e, Majority(b, c, d) + Third + word[0]);
                Round(e, ref a, ref d, Majority(a, b, c) + Third + word[1]);
                Round(d, ref e, ref c, Majority(e, a, b) + Third + word[2]);
                Round(c, ref d, ref b, Majority(d, e, a) + Third + word[3]);
                Round(b, ref c, ref a, Majority(c, d, e) + Third + word[4]);
            }
            for (var end = words + Rounds; word < end; word += 5)
            {
                Round(a, ref b, ref e, (b ^ c ^ d) + Fourth + word[0]);
                Round(e, ref a, ref d, (a ^ b ^ c) + Fourth + word[1]);
                Round(d, ref e, ref c, (e ^ a ^ b) + Fourth + word[2]);
                Round(c, ref d, ref b, (d ^ e ^ a) + Fourth + word[3]);
                Round(b, ref c, ref a, (c ^ d ^ e) + Fourth + word[4]);
            }
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

        private static uint Choice(uint b, uint c, uint d) => d ^ (b & (c ^ d));

        private static uint Majority(uint b, uint c, uint d) => (b & c) | (d & (b | c));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Round(uint a, ref uint b, ref uint e, uint added)
        {
            e += BitOperations.RotateLeft(a, 5) + added;
            b = BitOperations.RotateLeft(b, 30);
        }
    }
}
