using Cti.Media.Rtp;

namespace Cti.Media.Tests;

public sealed class RtpTests
{
    [Fact]
    public void A_packet_with_csrc_extension_and_padding_gives_its_payload()
    {
        byte[] packet =
        [
            0xB2, 0x88, 0x12, 0x34, 0, 0, 0, 9, 0xDE, 0xAD, 0xBE, 0xEF, // P, X, CC = 2, M, PT 8
            1, 1, 1, 1, 2, 2, 2, 2,
            0xBE, 0xDE, 0, 1, 7, 7, 7, 7,
            10, 20, 30, 0, 0, 3,
        ];
        RtpPacket.TryParse(packet, out var rtp, out _).ShouldBeTrue();
        rtp.Marker.ShouldBeTrue();
        rtp.PayloadType.ShouldBe(8);
        rtp.Sequence.ShouldBe((ushort)0x1234);
        rtp.Timestamp.ShouldBe(9u);
        rtp.Ssrc.ShouldBe(0xDEADBEEFu);
        rtp.Payload.ToArray().ShouldBe([10, 20, 30]);
    }

    [Theory]
    [InlineData("", "Truncated")]
    [InlineData("80080001000000020000", "Truncated")]
    [InlineData("400800010000000200000003AA", "BadVersion")]
    [InlineData("C00800010000000200000003AA", "BadVersion")]
    [InlineData("830800010000000200000003AAAAAAAA", "Truncated")]
    [InlineData("900800010000000200000003AA", "Truncated")]
    [InlineData("900800010000000200000003BEDE0002AAAAAAAA", "Truncated")]
    [InlineData("A00800010000000200000003AA00", "BadPadding")]
    [InlineData("A00800010000000200000003AA03", "BadPadding")]
    [InlineData("800800010000000200000003", "Empty")]
    [InlineData("A00800010000000200000003AA02", "Empty")]
    public void What_is_malformed_is_refused_by_its_reason(string hex, string reason)
    {
        RtpPacket.TryParse(Convert.FromHexString(hex), out _, out var actual).ShouldBeFalse();
        actual.ToString().ShouldBe(reason);
    }

    private static void Give(ReceiveStream stream, ushort sequence, uint timestamp, long nanos, bool expected = true, uint ssrc = 7)
    {
        var bytes = new byte[13];
        RtpPacket.WriteHeader(bytes, 8, false, sequence, timestamp, ssrc);
        RtpPacket.TryParse(bytes, out var packet, out _).ShouldBeTrue();
        stream.Accept(packet, nanos).ShouldBe(expected);
    }

    [Fact]
    public void Losses_reorderings_and_duplicates_are_counted_over_the_wrap()
    {
        var stream = new ReceiveStream();
        ushort[] sequences = [65533, 65534, 0, 65535, 2, 4, 4, 3];
        foreach (var sequence in sequences.Distinct()) Give(stream, sequence, sequence, 0);
        Give(stream, 4, 4, 0, expected: false);
        stream.Expected.ShouldBe(8);
        stream.Received.ShouldBe(7);
        stream.Lost.ShouldBe(1);
        stream.ExtendedSequence.ShouldBe(0x10004u);
        stream.TakeFractionLost().ShouldBe((byte)32);
        stream.TakeFractionLost().ShouldBe((byte)0);
    }

    [Fact]
    public void A_new_ssrc_begins_a_stream_and_keeps_the_totals()
    {
        var stream = new ReceiveStream();
        Give(stream, 1, 0, 0);
        Give(stream, 3, 0, 0);
        Give(stream, 500, 0, 0, ssrc: 9);
        Give(stream, 501, 0, 0, ssrc: 9);
        (stream.Expected, stream.Received, stream.Lost, stream.Ssrc).ShouldBe((5L, 4L, 1L, 9u));
    }

    [Fact]
    public void A_source_that_starts_again_is_believed_at_its_second_packet()
    {
        var stream = new ReceiveStream();
        Give(stream, 1000, 0, 0);
        Give(stream, 30_000, 0, 0, expected: false);
        Give(stream, 30_001, 0, 0);
        Give(stream, 30_002, 0, 0);
        stream.Lost.ShouldBe(0);
        stream.Received.ShouldBe(3);
    }

    [Fact]
    public void Jitter_follows_the_formula_of_the_rfc()
    {
        var stream = new ReceiveStream();
        var expected = 0.0;
        long[] late = [0, 5, 0, 12, 3, 3, 40, 0];
        for (var i = 0; i < late.Length; i++)
        {
            if (i > 0) expected += (Math.Abs(late[i] - late[i - 1]) * 8 - expected) / 16;
            Give(stream, (ushort)i, unchecked(0xFFFF_FF80u + ((uint)i * 160)), ((i * 20) + late[i]) * 1_000_000);
        }
        stream.JitterTicks.ShouldBe(expected, 0.01);
    }

    private static SocketAddressKey Key(string text) => SocketAddressKey.From(System.Net.IPEndPoint.Parse(text));

    [Theory]
    [InlineData("10.1.2.3:1", true)]
    [InlineData("172.16.0.1:1", true)]
    [InlineData("172.31.255.1:1", true)]
    [InlineData("172.32.0.1:1", false)]
    [InlineData("192.168.0.1:1", true)]
    [InlineData("100.64.0.1:1", true)]
    [InlineData("100.128.0.1:1", false)]
    [InlineData("169.254.1.1:1", true)]
    [InlineData("127.0.0.1:1", true)]
    [InlineData("8.8.8.8:1", false)]
    [InlineData("[fd00::1]:1", true)]
    [InlineData("[fe80::1]:1", true)]
    [InlineData("[::1]:1", true)]
    [InlineData("[2001:db8::1]:1", false)]
    [InlineData("[::ffff:10.0.0.1]:1", true)]
    public void Private_addresses_are_known(string address, bool isPrivate)
    {
        Key(address).IsPrivate.ShouldBe(isPrivate);
        SocketAddressKey.From(Key(address).ToEndPoint()).ShouldBe(Key(address));
    }
}
