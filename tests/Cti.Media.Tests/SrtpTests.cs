using System.Buffers.Binary;
using Cti.Media.Rtp;
using Cti.Media.Srtp;

namespace Cti.Media.Tests;

public sealed class SrtpTests
{
    /// <summary>RFC 3711 appendix B.3.</summary>
    private static readonly SrtpKey Known = Key("E1F97A0D3E018BE0D64FA32C06DE4139" + "0EC675AD498AFEEBB6960B3AABE6");

    private static readonly SrtpKeys Keys = new(Key("000102030405060708090A0B0C0D0E0F" + "101112131415161718191A1B1C1D"), Known);

    private static SrtpKey Key(string hex) => new(Convert.FromHexString(hex));

    private static byte[] Packet(int sequence, int length = 160, uint ssrc = 0xCAFEBABE, byte fill = 0x55)
    {
        var packet = new byte[RtpPacket.HeaderBytes + length];
        RtpPacket.WriteHeader(packet, 8, false, (ushort)sequence, (uint)(sequence * 160), ssrc);
        packet.AsSpan(RtpPacket.HeaderBytes).Fill(fill);
        return packet;
    }

    private static byte[] Protect(SrtpSession session, byte[] packet)
    {
        var buffer = new byte[packet.Length + SrtpSession.RtpOverheadBytes];
        packet.CopyTo(buffer, 0);
        return buffer[..session.ProtectRtp(buffer, packet.Length)];
    }

    private static byte[] ProtectRtcp(SrtpSession session, byte[] packet)
    {
        var buffer = new byte[packet.Length + SrtpSession.RtcpOverheadBytes];
        packet.CopyTo(buffer, 0);
        return buffer[..session.ProtectRtcp(buffer, packet.Length)];
    }

    private static string Unprotect(SrtpSession session, byte[] datagram, byte[] expected)
    {
        if (!session.TryUnprotectRtp(datagram, out var plain, out var reason)) return reason.ToString();
        plain.ToArray().ShouldBe(expected);
        return "";
    }

    private static (SrtpSession Here, SrtpSession There) Pair() => (new SrtpSession(Keys), new SrtpSession(Keys.Swap()));

    [Theory]
    [InlineData(0, "C61E7A93744F39EE10734AFE3FF7A087")]
    [InlineData(2, "30CBBC08863D8C85D49DB34A9AE1")]
    [InlineData(1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")]
    public void Session_keys_are_derived_as_in_rfc_3711_appendix_b_3(int label, string expected)
    {
        var key = new byte[expected.Length / 2];
        SrtpTransform.Derive(Known, label, key);
        Convert.ToHexString(key).ShouldBe(expected);
    }

    [Fact]
    public void The_authentication_key_goes_on_over_several_blocks_as_in_appendix_b_3()
    {
        var key = new byte[94];
        SrtpTransform.Derive(Known, 1, key);
        Convert.ToHexString(key).ShouldBe("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7227098"
            + "6371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2");
    }

    [Theory]
    [InlineData(0, "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0")]
    [InlineData(0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44")]
    public void The_key_stream_is_that_of_appendix_b_2(int block, string expected)
    {
        using var transform = SrtpTransform.OfSessionKeys(Convert.FromHexString("2B7E151628AED2A6ABF7158809CF4F3C"),
            Convert.FromHexString("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), new byte[20]);
        var stream = new byte[(block * 16) + 48];
        transform.Crypt(stream, stream, ssrc: 0, index: 0);
        Convert.ToHexString(stream.AsSpan(block * 16)).ShouldBe(expected);
    }

    [Fact]
    public void A_packet_of_another_implementation_is_made_and_read()
    {
        var plain = Convert.FromHexString("800F1234DECAFBADCAFEBABE" + "ABABABABABABABABABABABABABABABAB");
        var known = Convert.FromHexString("800F1234DECAFBADCAFEBABE" + "4E55DC4CE79978D88CA4D215949D2402" + "B78D6ACC99EA179B8DBB");
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            Convert.ToHexString(Protect(there, plain)).ShouldBe(Convert.ToHexString(known));
            Unprotect(here, known, plain).ShouldBe("");
        }
    }

    [Fact]
    public void An_rtcp_compound_of_another_implementation_is_read()
    {
        var plain = Convert.FromHexString("81C8000BCAFEBABE" + "ABABABABABABABABABABABABABABABAB");
        var known = Convert.FromHexString("81C8000BCAFEBABE" + "7128035BE487B9BDBEF89041F977A5A8" + "80000001" + "993E08CD54D6C1230798");
        using var here = new SrtpSession(Keys);
        here.TryUnprotectRtcp(known, out var read, out _).ShouldBeTrue();
        Convert.ToHexString(read).ShouldBe(Convert.ToHexString(plain));
    }

    [Fact]
    public void Rtcp_is_encrypted_numbered_and_refused_twice_changed_or_plain()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            var plain = Convert.FromHexString("81C8000BCAFEBABE" + "0102030405060708090A0B0C0D0E0F10");
            var first = ProtectRtcp(here, plain);
            var second = ProtectRtcp(here, plain);
            (BinaryPrimitives.ReadUInt32BigEndian(first.AsSpan(24)), BinaryPrimitives.ReadUInt32BigEndian(second.AsSpan(24))).ShouldBe((0x8000_0000u, 0x8000_0001u));
            first.AsSpan(8, 16).SequenceEqual(plain.AsSpan(8)).ShouldBeFalse();
            there.TryUnprotectRtcp(second, out var read, out _).ShouldBeTrue();
            read.ToArray().ShouldBe(plain);
            for (var i = 0; i < first.Length; i++)
            {
                var changed = (byte[])first.Clone();
                changed[i] ^= 1;
                there.TryUnprotectRtcp(changed, out _, out _).ShouldBeFalse();
            }
            there.TryUnprotectRtcp(first, out _, out _).ShouldBeTrue();
            there.TryUnprotectRtcp(first, out _, out var again).ShouldBeFalse();
            again.ShouldBe(DropReason.Duplicate);
            there.TryUnprotectRtcp(plain, out _, out _).ShouldBeFalse();
            there.TryUnprotectRtcp(first.AsSpan(0, 21), out _, out var cut).ShouldBeFalse();
            cut.ShouldBe(DropReason.BadRtcp);
        }
    }

    [Fact]
    public void What_was_changed_anywhere_is_refused_and_leaves_no_trace()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            var packet = Packet(7);
            var sent = Protect(here, packet);
            sent.AsSpan(12, 160).IndexOf(packet.AsSpan(12, 8)).ShouldBe(-1);
            for (var i = 0; i < sent.Length; i++)
            {
                var changed = (byte[])sent.Clone();
                changed[i] ^= 0x10;
                there.TryUnprotectRtp(changed, out _, out _).ShouldBeFalse();
            }
            for (var length = 0; length < sent.Length; length++) there.TryUnprotectRtp(sent.AsSpan(0, length), out _, out _).ShouldBeFalse();
            // A forged packet far ahead has not moved the window, nor chosen the source.
            Unprotect(there, sent, packet).ShouldBe("");
        }
    }

    [Fact]
    public void Replays_and_what_is_older_than_the_window_are_refused()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            var packets = Enumerable.Range(65_500, 200).Select(sequence => Packet(sequence & 0xFFFF)).ToArray();
            var sent = packets.Select(packet => Protect(here, packet)).ToArray();
            for (var i = 0; i < 200; i += 2) Unprotect(there, sent[i], packets[i]).ShouldBe("");
            // The newest is 198: 134 is 64 behind it.
            Unprotect(there, sent[133], packets[133]).ShouldBe("Duplicate");
            Unprotect(there, sent[135], packets[135]).ShouldBe("");
            foreach (var i in new[] { 135, 136, 198, 0 }) Unprotect(there, sent[i], packets[i]).ShouldBe("Duplicate");
        }
    }

    [Fact]
    public void The_roll_over_counter_follows_over_several_cycles_losses_and_disorder()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            byte[]? late = null;
            var latePacket = Array.Empty<byte>();
            for (var i = 100; i < 4 * 65_536; i += 999)
            {
                var packet = Packet(i & 0xFFFF);
                var sent = Protect(here, packet);
                Unprotect(there, sent, packet).ShouldBe("", i.ToString(System.Globalization.CultureInfo.InvariantCulture));
                var second = Packet((i + 1) & 0xFFFF, fill: 3);
                var follows = Protect(here, second);
                var third = Packet((i + 2) & 0xFFFF);
                Unprotect(there, Protect(here, third), third).ShouldBe("");
                Unprotect(there, follows, second).ShouldBe("");
                (late, latePacket) = (sent, packet);
            }
            Unprotect(there, late!, latePacket).ShouldBe("Duplicate");
        }
    }

    [Fact]
    public void A_key_stream_is_never_used_twice_by_a_sender()
    {
        using var here = new SrtpSession(Keys);
        Protect(here, Packet(10)).Length.ShouldBe(182);
        Protect(here, Packet(10, fill: 1)).ShouldBeEmpty();
        Protect(here, Packet(200)).Length.ShouldBe(182);
        Protect(here, Packet(130)).ShouldBeEmpty();
        Protect(here, Packet(199)).Length.ShouldBe(182);
    }

    [Fact]
    public void Another_source_with_the_right_key_is_refused_once_there_is_one()
    {
        using var there = new SrtpSession(Keys.Swap());
        using var one = new SrtpSession(Keys);
        using var other = new SrtpSession(Keys);
        var packet = Packet(1);
        Unprotect(there, Protect(one, packet), packet).ShouldBe("");
        Unprotect(there, Protect(other, Packet(2, ssrc: 5)), packet).ShouldBe("NotAuthentic");
    }

    [Fact]
    public void A_header_with_sources_and_extension_stays_readable_and_the_rest_is_encrypted()
    {
        var packet = Convert.FromHexString("928812340000000900000007" + "0101010102020202" + "BEDE000107070707" + "0A141E28");
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            var sent = Protect(here, packet);
            sent.AsSpan(0, 28).SequenceEqual(packet.AsSpan(0, 28)).ShouldBeTrue();
            sent.AsSpan(28, 4).SequenceEqual(packet.AsSpan(28)).ShouldBeFalse();
            Unprotect(there, sent, packet).ShouldBe("");
        }
    }

    [Fact]
    public void Any_length_of_payload_comes_back()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            for (var length = 1; length <= 1_460; length += 7)
            {
                var packet = Packet(length, length, fill: (byte)length);
                Unprotect(there, Protect(here, packet), packet).ShouldBe("");
            }
        }
    }

    [Fact]
    public void Nothing_is_allocated_per_packet()
    {
        var (here, there) = Pair();
        using (here)
        using (there)
        {
            var buffer = new byte[256];
            var packet = Packet(0);
            var report = Convert.FromHexString("80C90013CAFEBABE" + new string('0', 144));
            var sequence = 0;
            Run(1_000);
            // What is allocated once, when a path has been run often enough to be compiled anew, is no part of the steady state.
            Enumerable.Range(0, 3).Min(_ => Measured()).ShouldBe(0);

            long Measured()
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                Run(5_000);
                return GC.GetAllocatedBytesForCurrentThread() - before;
            }

            void Run(int count)
            {
                for (var i = 0; i < count; i++)
                {
                    packet.CopyTo(buffer, 0);
                    BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(2), (ushort)++sequence);
                    if (!there.TryUnprotectRtp(buffer.AsSpan(0, here.ProtectRtp(buffer, packet.Length)), out _, out _)) throw new InvalidOperationException();
                    report.CopyTo(buffer, 0);
                    if (!there.TryUnprotectRtcp(buffer.AsSpan(0, here.ProtectRtcp(buffer, 80)), out _, out _)) throw new InvalidOperationException();
                }
            }
        }
    }

    [Fact]
    public void A_key_is_read_as_it_is_written_equal_by_value_and_never_printed()
    {
        var text = Known.ToBase64();
        text.Length.ShouldBe(40);
        SrtpKey.Parse(text).ShouldBe(Known);
        Keys.Swap().Swap().ShouldBe(Keys);
        SrtpKey.Parse("").ShouldBeNull();
        SrtpKey.Parse("AAAA").ShouldBeNull();
        SrtpKey.Parse(text[..^4]).ShouldBeNull();
        SrtpKey.Parse("?" + text[1..]).ShouldBeNull();
        MediaSessionOptions.ForLink(Keys).ToString().ShouldNotContain(text[..8]);
        Should.Throw<ArgumentException>(() => new SrtpKey(new byte[29]));
    }
}
