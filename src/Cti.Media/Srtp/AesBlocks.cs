using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Instructions = System.Runtime.Intrinsics.X86.Aes;

namespace Cti.Media.Srtp;

/// <summary>
/// AES as a key stream (FIPS 197; SP 800-38A section 6.5), by the processor's own instructions where it has them, which take the same time whatever the key.
/// The platform's cipher does as well and serves elsewhere, but what it keeps for a key is scattered over thirty cache lines: a loop with hundreds of sessions
/// finds none of them near the processor, and spends three times on that what ciphering takes. Here a key is its round keys, side by side.
/// </summary>
internal struct AesBlocks : IDisposable
{
    /// <summary>Of one block.</summary>
    public const int Bytes = 16;

    /// <summary>Blocks that the platform's cipher is given at once: more than 20 ms of G.711.</summary>
    private const int ChunkBlocks = 16;

    private const int AtOnce = 4;

    // A thread's own and not a session's, as above.
    [ThreadStatic]
    private static byte[]? _counters;
    [ThreadStatic]
    private static byte[]? _keyStream;

    private readonly int _rounds;
    private readonly ICryptoTransform? _platform;
    private RoundKeys _keys;

    /// <param name="key">16 or 32 bytes.</param>
    /// <param name="byPlatform">Whether the platform's cipher is taken though the processor has instructions.</param>
    public AesBlocks(ReadOnlySpan<byte> key, bool byPlatform)
    {
        if (byPlatform || !IsSupported)
        {
            using var aes = SrtpTransform.CreateAes(key);
            _platform = aes.CreateEncryptor();
            return;
        }
        _rounds = (key.Length / 4) + 6;
        if (key.Length == Bytes) Expand128(key, ref _keys);
        else Expand256(key, ref _keys);
    }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Instructions.IsSupported && Ssse3.IsSupported;

    /// <summary>One block, by the instructions only.</summary>
    public readonly Vector128<byte> Encrypt(Vector128<byte> block)
    {
        block ^= _keys[0];
        for (var round = 1; round < _rounds; round++) block = Instructions.Encrypt(block, _keys[round]);
        return Instructions.EncryptLast(block, _keys[_rounds]);
    }

    /// <summary>Adds a key stream: encrypts and decrypts.</summary>
    /// <param name="source">What is read.</param>
    /// <param name="destination">As long; may be the same memory.</param>
    /// <param name="counter">The first block; its last four bytes are a number, of which there are enough for the length.</param>
    public readonly void AddKeyStream(ReadOnlySpan<byte> source, Span<byte> destination, Vector128<byte> counter)
    {
        var number = BinaryPrimitives.ReverseEndianness(counter.AsUInt32()[3]);
        if (_platform is not null)
        {
            AddByPlatform(source, destination, counter, number);
            return;
        }
        while (source.Length >= AtOnce * Bytes)
        {
            // Four, because a round takes as long as four take to begin.
            var (a, b, c, d) = (Numbered(counter, number), Numbered(counter, number + 1), Numbered(counter, number + 2), Numbered(counter, number + 3));
            var key = _keys[0];
            (a, b, c, d) = (a ^ key, b ^ key, c ^ key, d ^ key);
            for (var round = 1; round < _rounds; round++)
            {
                key = _keys[round];
                a = Instructions.Encrypt(a, key);
                b = Instructions.Encrypt(b, key);
                c = Instructions.Encrypt(c, key);
                d = Instructions.Encrypt(d, key);
            }
            key = _keys[_rounds];
            Add(source, destination, 0, Instructions.EncryptLast(a, key));
            Add(source, destination, 1, Instructions.EncryptLast(b, key));
            Add(source, destination, 2, Instructions.EncryptLast(c, key));
            Add(source, destination, 3, Instructions.EncryptLast(d, key));
            number += AtOnce;
            source = source[(AtOnce * Bytes)..];
            destination = destination[(AtOnce * Bytes)..];
        }
        for (; source.Length >= Bytes; number++)
        {
            Add(source, destination, 0, Encrypt(Numbered(counter, number)));
            source = source[Bytes..];
            destination = destination[Bytes..];
        }
        if (source.IsEmpty) return;
        Span<byte> last = stackalloc byte[Bytes];
        Encrypt(Numbered(counter, number)).CopyTo(last);
        for (var i = 0; i < source.Length; i++) destination[i] = (byte)(source[i] ^ last[i]);
    }

    public void Dispose()
    {
        _platform?.Dispose();
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes((Span<Vector128<byte>>)_keys));
    }

    private static Vector128<byte> Numbered(Vector128<byte> counter, uint number) =>
        counter.AsUInt32().WithElement(3, BinaryPrimitives.ReverseEndianness(number)).AsByte();

    private static void Add(ReadOnlySpan<byte> source, Span<byte> destination, int block, Vector128<byte> keyStream) =>
        (Vector128.Create(source.Slice(block * Bytes, Bytes)) ^ keyStream).CopyTo(destination[(block * Bytes)..]);

    private readonly void AddByPlatform(ReadOnlySpan<byte> source, Span<byte> destination, Vector128<byte> counter, uint number)
    {
        var counters = _counters ??= new byte[ChunkBlocks * Bytes];
        var keyStream = _keyStream ??= new byte[ChunkBlocks * Bytes];
        while (!source.IsEmpty)
        {
            var length = Math.Min(source.Length, ChunkBlocks * Bytes);
            var blocks = (length + Bytes - 1) / Bytes;
            for (var i = 0; i < blocks; i++, number++) Numbered(counter, number).CopyTo(counters, i * Bytes);
            _platform!.TransformBlock(counters, 0, blocks * Bytes, keyStream, 0);
            for (var i = 0; i < length; i++) destination[i] = (byte)(source[i] ^ keyStream[i]);
            source = source[length..];
            destination = destination[length..];
        }
    }

    // FIPS 197 section 5.2. The instruction does the words' substitution and rotation; its constant has to stand in the code.
    private static void Expand128(ReadOnlySpan<byte> key, ref RoundKeys keys)
    {
        var last = keys[0] = Vector128.Create(key);
        last = keys[1] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x01)));
        last = keys[2] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x02)));
        last = keys[3] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x04)));
        last = keys[4] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x08)));
        last = keys[5] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x10)));
        last = keys[6] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x20)));
        last = keys[7] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x40)));
        last = keys[8] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x80)));
        last = keys[9] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x1B)));
        keys[10] = Next(last, Rotated(Instructions.KeygenAssist(last, 0x36)));
    }

    private static void Expand256(ReadOnlySpan<byte> key, ref RoundKeys keys)
    {
        var (low, high) = (keys[0] = Vector128.Create(key[..Bytes]), keys[1] = Vector128.Create(key[Bytes..]));
        low = keys[2] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x01)));
        high = keys[3] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        low = keys[4] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x02)));
        high = keys[5] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        low = keys[6] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x04)));
        high = keys[7] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        low = keys[8] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x08)));
        high = keys[9] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        low = keys[10] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x10)));
        high = keys[11] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        low = keys[12] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x20)));
        high = keys[13] = Next(high, Substituted(Instructions.KeygenAssist(low, 0)));
        keys[14] = Next(low, Rotated(Instructions.KeygenAssist(high, 0x40)));
    }

    private static Vector128<byte> Rotated(Vector128<byte> assisted) => Sse2.Shuffle(assisted.AsInt32(), 0b11_11_11_11).AsByte();

    private static Vector128<byte> Substituted(Vector128<byte> assisted) => Sse2.Shuffle(assisted.AsInt32(), 0b10_10_10_10).AsByte();

    /// <summary>Each word is the sum of those up to it, and of what the instruction gave.</summary>
    private static Vector128<byte> Next(Vector128<byte> words, Vector128<byte> assisted)
    {
        words ^= Sse2.ShiftLeftLogical128BitLane(words, 4);
        words ^= Sse2.ShiftLeftLogical128BitLane(words, 8);
        return words ^ assisted;
    }

    /// <summary>Up to fourteen rounds, and the one before.</summary>
    [InlineArray(15)]
    private struct RoundKeys
    {
        private Vector128<byte> _first;
    }
}
