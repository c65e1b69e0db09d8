using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Cti.Media.Srtp;
using Cti.Testing;

namespace Cti.Media.Tests;

/// <summary>
/// What is ciphered by the processor's instructions, beside the platform's ciphers: every length that a packet may have, and what does not divide evenly.
/// </summary>
public sealed class SrtpCipherTests
{
    private static readonly SeededRandom Random = new(3711);

    private static readonly int[] Lengths = [.. Enumerable.Range(0, 200), 255, 256, 257, 960, 1187, 1499];

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void A_key_stream_is_the_same_by_instructions_and_by_the_platform(int keyBytes)
    {
        var key = Bytes(keyBytes);
        using var ours = new AesBlocks(key, byPlatform: false);
        using var platform = new AesBlocks(key, byPlatform: true);
        foreach (var length in Lengths)
        {
            var (source, counter) = (Bytes(length), Bytes(AesBlocks.Bytes));
            counter[12] = 0;
            var (one, other) = (new byte[length], new byte[length]);
            ours.AddKeyStream(source, one, Vector128.Create<byte>(counter));
            platform.AddKeyStream(source, other, Vector128.Create<byte>(counter));
            one.ShouldBe(other, $"{length} bytes");
            (length < 8 || !one.SequenceEqual(source)).ShouldBeTrue("something was added");
            ours.AddKeyStream(one, one, Vector128.Create<byte>(counter));
            one.ShouldBe(source, "in place, and once more is nothing");
        }
    }

    [Fact]
    public void A_code_is_that_of_the_platform_whatever_the_lengths()
    {
        foreach (var keyLength in (int[])[0, 20, 64])
        {
            var key = Bytes(keyLength);
            var hmac = new HmacSha1(key);
            foreach (var length in Lengths)
            {
                foreach (var more in (int[])[0, 4, 16])
                {
                    var (packet, rest, code) = (Bytes(length), Bytes(more), new byte[SHA1.HashSizeInBytes]);
                    hmac.Sign(packet, rest, code);
                    Convert.ToHexString(code).ShouldBe(Convert.ToHexString(ByPlatform(key, (byte[])[.. packet, .. rest])), $"{length} and {more} bytes");
                }
            }
        }
    }

    [Theory]
    [InlineData(SrtpSuite.AesCm80)]
    [InlineData(SrtpSuite.AesCm32)]
    [InlineData(SrtpSuite.AesGcm128)]
    [InlineData(SrtpSuite.AesGcm256)]
    public void Packets_and_compounds_are_the_same_by_instructions_and_by_the_platform_and_each_opens_the_others(SrtpSuite suite)
    {
        var (key, salt, authentication) = (Bytes(suite.KeyBytes), Bytes(suite.SaltBytes), Bytes(20));
        using var ours = Of(byPlatform: false);
        using var platform = Of(byPlatform: true);
        foreach (var length in Lengths)
        {
            var index = Random.Next(1 << 30) * 4L;
            var start = 12 + (length % 5 * 4);
            var packet = Bytes(start + length);
            var (one, other) = (Room(packet), Room(packet));
            var made = ours.ProtectRtp(one, start, packet.Length, 7, index);
            platform.ProtectRtp(other, start, packet.Length, 7, index).ShouldBe(made);
            one.ShouldBe(other, $"{length} bytes");
            Opens(ours, other, made, start, index, packet);
            Opens(platform, one, made, start, index, packet);

            var compound = Bytes(8 + (length / 4 * 4));
            (one, other) = (Room(compound), Room(compound));
            made = ours.ProtectRtcp(one, compound.Length, 7, 12345);
            platform.ProtectRtcp(other, compound.Length, 7, 12345).ShouldBe(made);
            one.ShouldBe(other, $"a compound of {compound.Length} bytes");
            var plain = new byte[made];
            ours.OpenRtcp(other.AsSpan(0, made), 0, 7, 12345, plain).ShouldBe(compound.Length);
            plain[..compound.Length].ShouldBe(compound);
        }

        SrtpTransform Of(bool byPlatform) => suite.IsGcm
            ? GcmTransform.OfSessionKeys(key, salt, byPlatform)
            : CounterTransform.OfSessionKeys(key, salt, authentication, suite.RtpTagBytes, byPlatform);
    }

    private static void Opens(SrtpTransform transform, byte[] made, int length, int start, long index, byte[] packet)
    {
        var plain = new byte[length];
        transform.OpenRtp(made.AsSpan(0, length), start, 0, 7, index, plain).ShouldBe(packet.Length);
        plain[..packet.Length].ShouldBe(packet);
        var forged = made[..length];
        forged[Random.Next(length)] ^= (byte)(1 << Random.Next(8));
        transform.OpenRtp(forged, start, 0, 7, index, plain).ShouldBe(0, "one bit is another");
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "It is what RFC 3711 signs with.")]
    private static byte[] ByPlatform(byte[] key, byte[] data) => HMACSHA1.HashData(key, data);

    private static byte[] Room(byte[] packet) => [.. packet, .. new byte[SrtpSession.RtcpOverheadBytes]];

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++) bytes[i] = (byte)Random.Next(256);
        return bytes;
    }
}
