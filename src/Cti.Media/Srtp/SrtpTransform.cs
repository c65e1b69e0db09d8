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
/// Protects or opens the packets of one direction with the session keys that its master key gives. Works in buffers made at construction; single-threaded.
/// Which indexes were there before is the caller's affair.
/// </summary>
internal abstract class SrtpTransform : IDisposable
{
    /// <summary>The word behind an RTCP compound: whether it is encrypted, and its index.</summary>
    protected const int RtcpIndexBytes = 4;

    /// <summary>What of an RTCP compound stays readable: its first header with the source.</summary>
    protected const int RtcpHeaderBytes = 8;

    public const uint Encrypted = 0x8000_0000;

    private const int BlockBytes = 16;
    private const int CounterSaltBytes = 14;

    /// <summary>A direction's transform.</summary>
    /// <param name="master">Its master key.</param>
    /// <param name="use">RTP or RTCP.</param>
    public static SrtpTransform Of(SrtpKey master, SrtpUse use) =>
        master.Suite.IsGcm ? GcmTransform.Of(master, use) : CounterTransform.Of(master, use);

    /// <summary>Protects the packet at the beginning of a buffer, with room for the tag behind it.</summary>
    /// <param name="buffer">Header and payload.</param>
    /// <param name="start">Where the payload begins.</param>
    /// <param name="length">Of both.</param>
    /// <param name="ssrc">Its source.</param>
    /// <param name="index">Its index, below 2^48.</param>
    /// <returns>The new length.</returns>
    public abstract int ProtectRtp(Span<byte> buffer, int start, int length, uint ssrc, long index);

    /// <summary>Checks a packet, then opens it into <paramref name="plain"/>, its header included; 0 where it is not authentic, else its length.</summary>
    /// <param name="datagram">As it came.</param>
    /// <param name="start">Where the payload begins.</param>
    /// <param name="identifier">Bytes of the master key identifier in it.</param>
    /// <param name="ssrc">Its source.</param>
    /// <param name="index">Its index.</param>
    /// <param name="plain">As long as the datagram.</param>
    public abstract int OpenRtp(ReadOnlySpan<byte> datagram, int start, int identifier, uint ssrc, long index, Span<byte> plain);

    /// <summary>As <see cref="ProtectRtp"/>, an RTCP compound.</summary>
    public abstract int ProtectRtcp(Span<byte> buffer, int length, uint ssrc, uint index);

    /// <summary>The word of an RTCP compound's index, with <see cref="Encrypted"/> where it is; -1 where it is too short to have one.</summary>
    public abstract long RtcpWord(ReadOnlySpan<byte> datagram, int identifier);

    /// <summary>As <see cref="OpenRtp"/>, an RTCP compound.</summary>
    public abstract int OpenRtcp(ReadOnlySpan<byte> datagram, int identifier, uint ssrc, uint index, Span<byte> plain);

    public abstract void Dispose();

    /// <summary>
    /// RFC 3711 section 4.3.1 with a key derivation rate of 0: the master key's key stream, beginning where the label says. A salt of AES-GCM is filled up on
    /// the right (RFC 7714 section 11).
    /// </summary>
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
            BinaryPrimitives.WriteUInt16BigEndian(counter[CounterSaltBytes..], (ushort)i);
        }
        using var aes = CreateAes(master.Key);
        aes.EncryptEcb(counters, keyStream, PaddingMode.None);
        keyStream[..key.Length].CopyTo(key);
        CryptographicOperations.ZeroMemory(keyStream);
    }

    internal static Aes CreateAes(ReadOnlySpan<byte> key)
    {
        var aes = Aes.Create();
        // Single blocks of a counter are encrypted: that is counter mode.
        aes.Mode = CipherMode.ECB;
        aes.Padding = PaddingMode.None;
        aes.SetKey(key);
        return aes;
    }
}
