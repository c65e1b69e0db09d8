using System.Buffers.Binary;
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

    private readonly AesGcm _aes;
    private readonly byte[] _salt = new byte[SaltBytes];

    // A thread's own and not a session's: what the last session of a loop used is still near the processor.
    [ThreadStatic]
    private static byte[]? _plain;

    private GcmTransform(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt)
    {
        _aes = new AesGcm(key, TagBytes);
        salt.CopyTo(_salt);
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
    internal static GcmTransform OfSessionKeys(ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt) => new(key, salt);

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

    public override void Dispose() => _aes.Dispose();

    private static byte[] Plain => _plain ??= new byte[Limits.MediaDatagramBytesMax];

    private void Seal(Span<byte> buffer, int start, int length, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> authenticated)
    {
        var plain = Plain.AsSpan(0, length - start);
        buffer[start..length].CopyTo(plain);
        _aes.Encrypt(nonce, plain, buffer[start..length], buffer.Slice(length, TagBytes), authenticated);
    }

    /// <summary>
    /// Decrypts, then makes the tag anew and compares. The platform's own decryption throws at a wrong tag, and what costs an exception a packet is a way to
    /// keep a media loop busy for anybody who can reach its port; the cipher is symmetric, so encrypting twice does the same.
    /// </summary>
    private bool TryOpen(ReadOnlySpan<byte> datagram, int start, int length, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> authenticated, Span<byte> plain)
    {
        Span<byte> tag = stackalloc byte[TagBytes];
        var opened = plain[start..length];
        _aes.Encrypt(nonce, datagram[start..length], opened, tag, authenticated);
        _aes.Encrypt(nonce, opened, Plain.AsSpan(0, length - start), tag, authenticated);
        if (!CryptographicOperations.FixedTimeEquals(tag, datagram.Slice(length, TagBytes))) return false;
        datagram[..start].CopyTo(plain);
        return true;
    }

    private void MakeNonce(Span<byte> nonce, uint ssrc, long index)
    {
        _salt.CopyTo(nonce);
        BinaryPrimitives.WriteUInt32BigEndian(nonce[2..], BinaryPrimitives.ReadUInt32BigEndian(nonce[2..]) ^ ssrc);
        var low = BinaryPrimitives.ReadUInt64BigEndian(nonce[4..]);
        // The index has the last six bytes of these eight: what stands before it is the source's.
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], low ^ (ulong)index);
    }
}
