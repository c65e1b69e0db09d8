using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Cti.Media.Srtp;

/// <summary>
/// RFC 3711: AES in counter mode (section 4.1.1) and HMAC-SHA1, of which a part is sent (section 4.2.1).
/// <code>
/// SRTP   | RTP header        | payload, encrypted        |                          | identifier | tag |
///        |◄──────────── authenticated, with the roll-over counter behind it ──────►|
/// SRTCP  | header, SSRC (8)  | all that follows, encrypted | E | index (31 bits)    | identifier | tag |
///        |◄──────────── authenticated ────────────────────────────────────────────►|
///
/// counter block:  salt (112 bits) XOR [ 0 (32) | SSRC (32) | packet index (48) ]  |  block number (16)
/// </code>
/// </summary>
internal sealed class CounterTransform : SrtpTransform
{
    private const int BlockBytes = 16;
    private const int SaltBytes = 14;
    private const int RollOverBytes = 4;
    private const int RtcpTagBytes = 10;

    /// <summary>Key stream that is made at once: more than 20 ms of G.711.</summary>
    private const int ChunkBytes = 16 * BlockBytes;

    private const int AuthenticationKeyBytes = 20;
    private const int EncryptionLabel = 0, AuthenticationLabel = 1, SaltLabel = 2;

    private readonly Aes _aes;
    private readonly ICryptoTransform _encryptor;
    private readonly IncrementalHash _hash;
    private readonly int _tagBytes;
    private readonly byte[] _salt = new byte[SaltBytes];

    // A thread's own and not a session's: a loop has hundreds of sessions, and what the last one used is still near the processor.
    [ThreadStatic]
    private static byte[]? _counters;
    [ThreadStatic]
    private static byte[]? _keyStream;

    private CounterTransform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey, int tagBytes)
    {
        salt.CopyTo(_salt);
        _tagBytes = tagBytes;
        // It is what AES_CM_128_HMAC_SHA1_80 is made of; what breaks SHA-1 does not break its HMAC.
        _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, authenticationKey);
        _aes = CreateAes(key);
        _encryptor = _aes.CreateEncryptor();
    }

    public static new CounterTransform Of(SrtpKey master, SrtpUse use)
    {
        Span<byte> keys = stackalloc byte[BlockBytes + SaltBytes + AuthenticationKeyBytes];
        var key = keys[..BlockBytes];
        var salt = keys.Slice(BlockBytes, SaltBytes);
        var authenticationKey = keys[(BlockBytes + SaltBytes)..];
        Derive(master, (int)use + EncryptionLabel, key);
        Derive(master, (int)use + SaltLabel, salt);
        Derive(master, (int)use + AuthenticationLabel, authenticationKey);
        var transform = OfSessionKeys(key, salt, authenticationKey, master.Suite.RtpTagBytes);
        CryptographicOperations.ZeroMemory(keys);
        return transform;
    }

    /// <summary>The same of keys that are derived already.</summary>
    internal static CounterTransform OfSessionKeys(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey, int tagBytes) =>
        new(key, salt, authenticationKey, tagBytes);

    public override int ProtectRtp(Span<byte> buffer, int start, int length, uint ssrc, long index)
    {
        var payload = buffer[start..length];
        Crypt(payload, payload, ssrc, index);
        Span<byte> rollOver = stackalloc byte[RollOverBytes];
        BinaryPrimitives.WriteUInt32BigEndian(rollOver, (uint)(index >> 16));
        Sign(buffer[..length], rollOver, buffer.Slice(length, _tagBytes));
        return length + _tagBytes;
    }

    public override int OpenRtp(ReadOnlySpan<byte> datagram, int start, int identifier, uint ssrc, long index, Span<byte> plain)
    {
        var length = datagram.Length - identifier - _tagBytes;
        if (length < start) return 0;
        Span<byte> rollOver = stackalloc byte[RollOverBytes];
        BinaryPrimitives.WriteUInt32BigEndian(rollOver, (uint)(index >> 16));
        if (!IsAuthentic(datagram[..length], rollOver, datagram[(length + identifier)..])) return 0;
        datagram[..start].CopyTo(plain);
        Crypt(datagram[start..length], plain[start..], ssrc, index);
        return length;
    }

    public override int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index)
    {
        var body = buffer[RtcpHeaderBytes..length];
        Crypt(body, body, ssrc, index);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[length..], Encrypted | index);
        var signed = length + RtcpIndexBytes;
        Sign(buffer[..signed], [], buffer.Slice(signed, RtcpTagBytes));
        return signed + RtcpTagBytes;
    }

    public override long RtcpWord(ReadOnlySpan<byte> datagram, int identifier)
    {
        var length = datagram.Length - RtcpTagBytes - identifier - RtcpIndexBytes;
        return length < RtcpHeaderBytes ? -1 : BinaryPrimitives.ReadUInt32BigEndian(datagram[length..]);
    }

    public override int OpenRtcp(ReadOnlySpan<byte> datagram, int identifier, uint ssrc, uint index, Span<byte> plain)
    {
        var signed = datagram.Length - RtcpTagBytes - identifier;
        if (!IsAuthentic(datagram[..signed], [], datagram[(signed + identifier)..])) return 0;
        var length = signed - RtcpIndexBytes;
        datagram[..RtcpHeaderBytes].CopyTo(plain);
        Crypt(datagram[RtcpHeaderBytes..length], plain[RtcpHeaderBytes..], ssrc, index);
        return length;
    }

    /// <summary>Encrypts or decrypts: both add the key stream of that source and packet.</summary>
    /// <param name="source">What is read, up to 2^16 blocks.</param>
    /// <param name="destination">As long; may be the same memory.</param>
    /// <param name="ssrc">The packet's source.</param>
    /// <param name="index">Its index, below 2^48.</param>
    internal void Crypt(ReadOnlySpan<byte> source, Span<byte> destination, uint ssrc, long index)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        _salt.CopyTo(block);
        BinaryPrimitives.WriteUInt32BigEndian(block[4..], BinaryPrimitives.ReadUInt32BigEndian(block[4..]) ^ ssrc);
        // The salt ends where the block number begins, so the number is put there and not added.
        var low = BinaryPrimitives.ReadUInt64BigEndian(block[8..]) ^ ((ulong)index << 16);
        var counters = _counters ??= new byte[ChunkBytes];
        var keyStream = _keyStream ??= new byte[ChunkBytes];
        for (var number = 0u; !source.IsEmpty;)
        {
            var length = Math.Min(source.Length, ChunkBytes);
            var blocks = (length + BlockBytes - 1) / BlockBytes;
            for (var i = 0; i < blocks; i++, number++)
            {
                var counter = counters.AsSpan(i * BlockBytes, BlockBytes);
                block[..8].CopyTo(counter);
                BinaryPrimitives.WriteUInt64BigEndian(counter[8..], low | number);
            }
            _encryptor.TransformBlock(counters, 0, blocks * BlockBytes, keyStream, 0);
            for (var i = 0; i < length; i++) destination[i] = (byte)(source[i] ^ keyStream[i]);
            source = source[length..];
            destination = destination[length..];
        }
    }

    public override void Dispose()
    {
        _encryptor.Dispose();
        _aes.Dispose();
        _hash.Dispose();
    }

    /// <summary>Makes the tag over a packet and what is authenticated with it but not sent there (RTP: the roll-over counter).</summary>
    private void Sign(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, Span<byte> tag)
    {
        Span<byte> whole = stackalloc byte[SHA1.HashSizeInBytes];
        _hash.AppendData(packet);
        _hash.AppendData(rest);
        _hash.GetHashAndReset(whole);
        whole[..tag.Length].CopyTo(tag);
    }

    /// <summary>Whether the tag is that of the packet; takes as long either way.</summary>
    private bool IsAuthentic(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, ReadOnlySpan<byte> tag)
    {
        Span<byte> expected = stackalloc byte[tag.Length];
        Sign(packet, rest, expected);
        return CryptographicOperations.FixedTimeEquals(expected, tag);
    }
}
