using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Cti.Media.Srtp;

/// <summary>What a session key is for: the labels of RFC 3711 section 4.3.1, RTP's first, RTCP's three above.</summary>
internal enum SrtpUse
{
    Rtp = 0,
    Rtcp = 3,
}

/// <summary>
/// The two transforms of RFC 3711 with the session keys of one direction: AES in counter mode (section 4.1.1) and HMAC-SHA1, of which 80 bits are
/// sent (section 4.2.1). Works in buffers made at construction; single-threaded.
/// <code>
/// counter block:  salt (112 bits) XOR [ 0 (32) | SSRC (32) | packet index (48) ]  |  block number (16)
/// </code>
/// </summary>
internal sealed class SrtpTransform : IDisposable
{
    public const int TagBytes = 10;

    private const int BlockBytes = 16;

    /// <summary>Key stream that is made at once: more than 20 ms of G.711.</summary>
    private const int ChunkBytes = 16 * BlockBytes;

    private const int AuthenticationKeyBytes = 20;
    private const int EncryptionLabel = 0, AuthenticationLabel = 1, SaltLabel = 2;

    private readonly Aes _aes;
    private readonly ICryptoTransform _encryptor;
    private readonly IncrementalHash _hash;
    private readonly byte[] _salt = new byte[SrtpKey.SaltBytes];
    private readonly byte[] _counters = new byte[ChunkBytes];
    private readonly byte[] _keyStream = new byte[ChunkBytes];

    private SrtpTransform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey)
    {
        salt.CopyTo(_salt);
        // It is what AES_CM_128_HMAC_SHA1_80 is made of; what breaks SHA-1 does not break its HMAC.
        _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, authenticationKey);
        _aes = Create(key);
        _encryptor = _aes.CreateEncryptor();
    }

    /// <summary>A direction's transforms.</summary>
    /// <param name="master">Its master key.</param>
    /// <param name="use">RTP or RTCP.</param>
    public static SrtpTransform Of(SrtpKey master, SrtpUse use)
    {
        Span<byte> keys = stackalloc byte[SrtpKey.KeyBytes + SrtpKey.SaltBytes + AuthenticationKeyBytes];
        var key = keys[..SrtpKey.KeyBytes];
        var salt = keys.Slice(SrtpKey.KeyBytes, SrtpKey.SaltBytes);
        var authenticationKey = keys[(SrtpKey.KeyBytes + SrtpKey.SaltBytes)..];
        Derive(master, (int)use + EncryptionLabel, key);
        Derive(master, (int)use + SaltLabel, salt);
        Derive(master, (int)use + AuthenticationLabel, authenticationKey);
        var transform = OfSessionKeys(key, salt, authenticationKey);
        CryptographicOperations.ZeroMemory(keys);
        return transform;
    }

    /// <summary>The same of keys that are derived already.</summary>
    internal static SrtpTransform OfSessionKeys(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey) =>
        new(key, salt, authenticationKey);

    /// <summary>Encrypts or decrypts: both add the key stream of that source and packet.</summary>
    /// <param name="source">What is read, up to 2^16 blocks.</param>
    /// <param name="destination">As long; may be the same memory.</param>
    /// <param name="ssrc">The packet's source.</param>
    /// <param name="index">Its index, below 2^48.</param>
    public void Crypt(ReadOnlySpan<byte> source, Span<byte> destination, uint ssrc, long index)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        _salt.CopyTo(block);
        BinaryPrimitives.WriteUInt32BigEndian(block[4..], BinaryPrimitives.ReadUInt32BigEndian(block[4..]) ^ ssrc);
        // The salt ends where the block number begins, so the number is put there and not added.
        var low = BinaryPrimitives.ReadUInt64BigEndian(block[8..]) ^ ((ulong)index << 16);
        for (var number = 0u; !source.IsEmpty;)
        {
            var length = Math.Min(source.Length, ChunkBytes);
            var blocks = (length + BlockBytes - 1) / BlockBytes;
            for (var i = 0; i < blocks; i++, number++)
            {
                var counter = _counters.AsSpan(i * BlockBytes, BlockBytes);
                block[..8].CopyTo(counter);
                BinaryPrimitives.WriteUInt64BigEndian(counter[8..], low | number);
            }
            _encryptor.TransformBlock(_counters, 0, blocks * BlockBytes, _keyStream, 0);
            for (var i = 0; i < length; i++) destination[i] = (byte)(source[i] ^ _keyStream[i]);
            source = source[length..];
            destination = destination[length..];
        }
    }

    /// <summary>Makes the tag over a packet and what is authenticated with it but not sent there (RTP: the roll-over counter).</summary>
    public void Sign(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, Span<byte> tag)
    {
        Span<byte> whole = stackalloc byte[SHA1.HashSizeInBytes];
        _hash.AppendData(packet);
        _hash.AppendData(rest);
        _hash.GetHashAndReset(whole);
        whole[..TagBytes].CopyTo(tag);
    }

    /// <summary>Whether the tag is that of the packet; takes as long either way.</summary>
    public bool IsAuthentic(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, ReadOnlySpan<byte> tag)
    {
        Span<byte> expected = stackalloc byte[TagBytes];
        Sign(packet, rest, expected);
        return CryptographicOperations.FixedTimeEquals(expected, tag);
    }

    public void Dispose()
    {
        _encryptor.Dispose();
        _aes.Dispose();
        _hash.Dispose();
    }

    /// <summary>Section 4.3.1 with a key derivation rate of 0: the master key's key stream, beginning where the label says.</summary>
    internal static void Derive(SrtpKey master, int label, Span<byte> key)
    {
        Span<byte> counters = stackalloc byte[(key.Length + BlockBytes - 1) / BlockBytes * BlockBytes];
        Span<byte> keyStream = stackalloc byte[counters.Length];
        counters.Clear();
        for (var i = 0; i < counters.Length / BlockBytes; i++)
        {
            var counter = counters.Slice(i * BlockBytes, BlockBytes);
            master.Salt.CopyTo(counter);
            counter[7] ^= (byte)label;
            BinaryPrimitives.WriteUInt16BigEndian(counter[SrtpKey.SaltBytes..], (ushort)i);
        }
        using var aes = Create(master.Key);
        aes.EncryptEcb(counters, keyStream, PaddingMode.None);
        keyStream[..key.Length].CopyTo(key);
        CryptographicOperations.ZeroMemory(keyStream);
    }

    private static Aes Create(ReadOnlySpan<byte> key)
    {
        var aes = Aes.Create();
        // Single blocks of a counter are encrypted: that is counter mode.
        aes.Mode = CipherMode.ECB;
        aes.Padding = PaddingMode.None;
        aes.SetKey(key);
        return aes;
    }
}
