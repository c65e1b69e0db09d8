using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Cti.Kernel;

namespace Cti.Media.Srtp;

/// <summary>
/// RFC 7714: AES-GCM, which encrypts and authenticates at once.
/// <code>
/// SRTP   | RTP header        | payload, encrypted          | tag (16) | identifier |
///        |◄─ authenticated ──────────────────────────────►|
/// SRTCP  | header, SSRC (8)  | all that follows, encrypted | tag (16) | E | index (31 bits) | identifier |
///        |◄─ authenticated, with the word of the index ──►|
///
/// nonce:  salt (96 bits) XOR [ 0 (16) | SSRC (32) | packet index (48), of RTCP 0 (17) and 31 bits ]
/// </code>
/// </summary>
internal sealed class GcmTransform : SrtpTransform
{
    private const int TagBytes = 16;
    private const int SaltBytes = 12;
    private const int KeyBytesMax = 32;
    private const int EncryptionLabel = 0, SaltLabel = 2;

    private readonly byte[] _salt = new byte[SaltBytes];
    private readonly Ghash _hash;
    private readonly AesGcm? _platform;
    private AesBlocks _aes;

    // A thread's own and not a session's: what the last session of a loop used is still near the processor.
    [ThreadStatic]
    private static byte[]? _scratch;

    private GcmTransform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, bool byPlatform)
    {
        salt.CopyTo(_salt);
        if (byPlatform || !AesBlocks.IsSupported || !Ghash.IsSupported)
        {
            _platform = new AesGcm(key, TagBytes);
            return;
        }
        _aes = new AesBlocks(key, byPlatform: false);
        _hash = new Ghash(_aes.Encrypt(Vector128<byte>.Zero));
    }

    public static new GcmTransform Of(SrtpKey master, SrtpUse use)
    {
        Span<byte> keys = stackalloc byte[KeyBytesMax + SaltBytes];
        var key = keys[..master.Suite.KeyBytes];
        var salt = keys[KeyBytesMax..];
        Derive(master, (int)use + EncryptionLabel, key);
        Derive(master, (int)use + SaltLabel, salt);
        var transform = OfSessionKeys(key, salt);
        CryptographicOperations.ZeroMemory(keys);
        return transform;
    }

    /// <summary>The same of keys that are derived already.</summary>
    internal static GcmTransform OfSessionKeys(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, bool byPlatform = false) => new(key, salt, byPlatform);

    public override int ProtectRtp(Span<byte> buffer, int start, int length, uint ssrc, long index)
    {
        Span<byte> nonce = stackalloc byte[SaltBytes];
        MakeNonce(nonce, ssrc, index);
        Seal(buffer, start, length, nonce, buffer[..start]);
        return length + TagBytes;
    }

    public override int OpenRtp(ReadOnlySpan<byte> datagram, int start, int identifier, uint ssrc, long index, Span<byte> plain)
    {
        var length = datagram.Length - identifier - TagBytes;
        if (length < start) return 0;
        Span<byte> nonce = stackalloc byte[SaltBytes];
        MakeNonce(nonce, ssrc, index);
        return TryOpen(datagram, start, length, nonce, datagram[..start], plain) ? length : 0;
    }

    public override int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index)
    {
        Span<byte> nonce = stackalloc byte[SaltBytes];
        MakeNonce(nonce, ssrc, index);
        Span<byte> authenticated = stackalloc byte[RtcpHeaderBytes + RtcpIndexBytes];
        buffer[..RtcpHeaderBytes].CopyTo(authenticated);
        BinaryPrimitives.WriteUInt32BigEndian(authenticated[RtcpHeaderBytes..], Encrypted | index);
        Seal(buffer, RtcpHeaderBytes, length, nonce, authenticated);
        authenticated[RtcpHeaderBytes..].CopyTo(buffer[(length + TagBytes)..]);
        return length + TagBytes + RtcpIndexBytes;
    }

    public override long RtcpWord(ReadOnlySpan<byte> datagram, int identifier)
    {
        var end = datagram.Length - identifier - RtcpIndexBytes;
        return end - TagBytes < RtcpHeaderBytes ? -1 : BinaryPrimitives.ReadUInt32BigEndian(datagram[end..]);
    }

    public override int OpenRtcp(ReadOnlySpan<byte> datagram, int identifier, uint ssrc, uint index, Span<byte> plain)
    {
        var length = datagram.Length - identifier - RtcpIndexBytes - TagBytes;
        Span<byte> nonce = stackalloc byte[SaltBytes];
        MakeNonce(nonce, ssrc, index);
        Span<byte> authenticated = stackalloc byte[RtcpHeaderBytes + RtcpIndexBytes];
        datagram[..RtcpHeaderBytes].CopyTo(authenticated);
        BinaryPrimitives.WriteUInt32BigEndian(authenticated[RtcpHeaderBytes..], Encrypted | index);
        return TryOpen(datagram, RtcpHeaderBytes, length, nonce, authenticated, plain) ? length : 0;
    }

    public override void Dispose()
    {
        _platform?.Dispose();
        _aes.Dispose();
    }

    private static byte[] Scratch => _scratch ??= new byte[Limits.MediaDatagramBytesMax];

    private void Seal(Span<byte> buffer, int start, int length, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> authenticated)
    {
        var body = buffer[start..length];
        var tag = buffer.Slice(length, TagBytes);
        if (_platform is not null)
        {
            var plain = Scratch.AsSpan(0, body.Length);
            body.CopyTo(plain);
            _platform.Encrypt(nonce, plain, body, tag, authenticated);
            return;
        }
        var counter = CounterOf(nonce);
        _aes.AddKeyStream(body, body, NumberTwo(counter));
        Sign(counter, authenticated, body, tag);
    }

    /// <summary>
    /// The platform's own decryption throws at a wrong tag, and what costs an exception a packet is a way to keep a media loop busy for anybody who can reach
    /// its port; so there it decrypts by encrypting, as the cipher is symmetric, and makes the tag anew by encrypting once more.
    /// </summary>
    private bool TryOpen(ReadOnlySpan<byte> datagram, int start, int length, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> authenticated, Span<byte> plain)
    {
        Span<byte> tag = stackalloc byte[TagBytes];
        var body = datagram[start..length];
        var opened = plain[start..length];
        var counter = CounterOf(nonce);
        if (_platform is null)
        {
            Sign(counter, authenticated, body, tag);
        }
        else
        {
            _platform.Encrypt(nonce, body, opened, tag, authenticated);
            _platform.Encrypt(nonce, opened, Scratch.AsSpan(0, body.Length), tag, authenticated);
        }
        if (!CryptographicOperations.FixedTimeEquals(tag, datagram.Slice(length, TagBytes))) return false;
        if (_platform is null) _aes.AddKeyStream(body, opened, NumberTwo(counter));
        datagram[..start].CopyTo(plain);
        return true;
    }

    /// <summary>SP 800-38D section 7.1: the nonce and a number; with 1 it ciphers the tag, and the body goes on from 2.</summary>
    private static Vector128<byte> CounterOf(ReadOnlySpan<byte> nonce)
    {
        Span<byte> counter = stackalloc byte[AesBlocks.Bytes];
        nonce.CopyTo(counter);
        BinaryPrimitives.WriteUInt32BigEndian(counter[SaltBytes..], 1);
        return Vector128.Create<byte>(counter);
    }

    private static Vector128<byte> NumberTwo(Vector128<byte> counter) => counter.WithElement(AesBlocks.Bytes - 1, (byte)2);

    private void Sign(Vector128<byte> counter, ReadOnlySpan<byte> authenticated, ReadOnlySpan<byte> body, Span<byte> tag) =>
        (_hash.Of(authenticated, body) ^ _aes.Encrypt(counter)).CopyTo(tag);

    private void MakeNonce(Span<byte> nonce, uint ssrc, long index)
    {
        _salt.CopyTo(nonce);
        BinaryPrimitives.WriteUInt32BigEndian(nonce[2..], BinaryPrimitives.ReadUInt32BigEndian(nonce[2..]) ^ ssrc);
        var low = BinaryPrimitives.ReadUInt64BigEndian(nonce[4..]);
        // The index has the last six bytes of these eight: what stands before it is the source's.
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], low ^ (ulong)index);
    }
}
