using System.Buffers.Binary;
using System.Runtime.Intrinsics;
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

    private const int AuthenticationKeyBytes = 20;
    private const int EncryptionLabel = 0, AuthenticationLabel = 1, SaltLabel = 2;

    private readonly HmacSha1 _hash;
    private readonly int _tagBytes;
    private readonly ulong _saltHigh, _saltLow;
    private AesBlocks _aes;

    private CounterTransform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey, int tagBytes, bool byPlatform)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        block.Clear();
        salt.CopyTo(block);
        (_saltHigh, _saltLow) = (BinaryPrimitives.ReadUInt64BigEndian(block), BinaryPrimitives.ReadUInt64BigEndian(block[8..]));
        _tagBytes = tagBytes;
        // It is what AES_CM_128_HMAC_SHA1_80 is made of; what breaks SHA-1 does not break its HMAC.
        _hash = new HmacSha1(authenticationKey);
        _aes = new AesBlocks(key, byPlatform);
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
    internal static CounterTransform OfSessionKeys(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> authenticationKey, int tagBytes,
        bool byPlatform = false) =>
        new(key, salt, authenticationKey, tagBytes, byPlatform);

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
        // The salt ends where the block number begins.
        var (high, low) = (_saltHigh ^ ssrc, _saltLow ^ ((ulong)index << 16));
        var counter = Vector128.Create(BinaryPrimitives.ReverseEndianness(high), BinaryPrimitives.ReverseEndianness(low)).AsByte();
        _aes.AddKeyStream(source, destination, counter);
    }

    public override void Dispose() => _aes.Dispose();

    /// <summary>Makes the tag over a packet and what is authenticated with it but not sent there (RTP: the roll-over counter).</summary>
    private void Sign(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> rest, Span<byte> tag)
    {
        Span<byte> whole = stackalloc byte[SHA1.HashSizeInBytes];
        _hash.Sign(packet, rest, whole);
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
