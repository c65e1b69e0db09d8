using System.Buffers.Binary;
using Cti.Kernel;
using Cti.Media.Rtp;
using Cti.Media.Srtp;
using Cti.Testing;

namespace Cti.Media.Tests;

public sealed class SrtpTests
{
    /// <summary>RFC 3711 appendix B.3.</summary>
    private static readonly SrtpKey Known = Key("E1F97A0D3E018BE0D64FA32C06DE4139" + "0EC675AD498AFEEBB6960B3AABE6");

    private static readonly SrtpKeys Keys = new(Key("000102030405060708090A0B0C0D0E0F" + "101112131415161718191A1B1C1D"), Known);

    private static SrtpKey Key(string hex) => new(SrtpSuite.AesCm80, Convert.FromHexString(hex));

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

    private static readonly SeededRandom Random = new(1);

    private static SrtpKeys Swap(SrtpKeys keys) => new(keys.Remote!, keys.Local);

    private static (SrtpSession Here, SrtpSession There) Pair() => (new SrtpSession(Keys), new SrtpSession(Swap(Keys)));

    private static (SrtpSession Here, SrtpSession There) Pair(SrtpSuite suite)
    {
        var keys = new SrtpKeys(SrtpKey.Draw(suite, Random), SrtpKey.Draw(suite, Random));
        return (new SrtpSession(keys), new SrtpSession(Swap(keys)));
    }

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
        using var transform = CounterTransform.OfSessionKeys(Convert.FromHexString("2B7E151628AED2A6ABF7158809CF4F3C"),
            Convert.FromHexString("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), new byte[20], 10);
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
            (BinaryPrimitives.ReadUInt32BigEndian(first.AsSpan(24)), BinaryPrimitives.ReadUInt32BigEndian(second.AsSpan(24)))
                .ShouldBe((0x8000_0000u, 0x8000_0001u));
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
    public void A_few_sources_send_under_one_key_each_with_its_own_indexes()
    {
        using var there = new SrtpSession(Swap(Keys));
        for (uint ssrc = 1; ssrc <= 5; ssrc++)
        {
            using var one = new SrtpSession(Keys);
            var packet = Packet(30_000 - (int)ssrc * 100, ssrc: ssrc);
            var sent = Protect(one, packet);
            Unprotect(there, sent, packet).ShouldBe("");
            Unprotect(there, sent, packet).ShouldBe("Duplicate");
        }
    }

    [Theory]
    [InlineData(SrtpSuite.AesCm80, 10, 14)]
    [InlineData(SrtpSuite.AesCm32, 4, 14)]
    [InlineData(SrtpSuite.AesGcm128, 16, 20)]
    [InlineData(SrtpSuite.AesGcm256, 16, 20)]
    public void Every_suite_comes_back_and_refuses_what_was_changed(SrtpSuite suite, int rtpOverhead, int rtcpOverhead)
    {
        var (here, there) = Pair(suite);
        using (here)
        using (there)
        {
            var packet = Packet(7);
            var sent = Protect(here, packet);
            sent.Length.ShouldBe(packet.Length + rtpOverhead);
            sent.AsSpan(12, 160).IndexOf(packet.AsSpan(12, 8)).ShouldBe(-1);
            var report = Convert.FromHexString("81C8000BCAFEBABE" + "0102030405060708090A0B0C0D0E0F10");
            var sentReport = ProtectRtcp(here, report);
            sentReport.Length.ShouldBe(report.Length + rtcpOverhead);
            for (var i = 0; i < sent.Length; i++)
            {
                var changed = (byte[])sent.Clone();
                changed[i] ^= 0x10;
                there.TryUnprotectRtp(changed, out _, out _).ShouldBeFalse($"byte {i}");
            }
            for (var i = 0; i < sentReport.Length; i++)
            {
                var changed = (byte[])sentReport.Clone();
                changed[i] ^= 1;
                there.TryUnprotectRtcp(changed, out _, out _).ShouldBeFalse($"byte {i} of RTCP");
            }
            for (var length = 0; length < sent.Length; length++) there.TryUnprotectRtp(sent.AsSpan(0, length), out _, out _).ShouldBeFalse();
            for (var length = 0; length < sentReport.Length; length++) there.TryUnprotectRtcp(sentReport.AsSpan(0, length), out _, out _).ShouldBeFalse();
            Unprotect(there, sent, packet).ShouldBe("");
            there.TryUnprotectRtcp(sentReport, out var read, out _).ShouldBeTrue();
            read.ToArray().ShouldBe(report);
        }
    }

    [Theory]
    [InlineData(SrtpSuite.AesCm80, 10)]
    [InlineData(SrtpSuite.AesCm32, 4)]
    [InlineData(SrtpSuite.AesGcm128, 16)]
    public void A_master_key_identifier_in_their_packets_is_passed_over(SrtpSuite suite, int tagBytes)
    {
        var (own, their) = (SrtpKey.Draw(suite, Random), SrtpKey.Draw(suite, Random));
        using var here = new SrtpSession(new SrtpKeys(own, their) { IdentifierBytes = 4 });
        using var there = new SrtpSession(new SrtpKeys(their, own));
        var packet = Packet(1);
        var sent = Protect(there, packet);
        var place = suite is SrtpSuite.AesGcm128 ? sent.Length : sent.Length - tagBytes;
        Unprotect(here, [.. sent[..place], 0, 0, 0, 1, .. sent[place..]], packet).ShouldBe("");
        var report = Convert.FromHexString("81C8000BCAFEBABE" + "0102030405060708090A0B0C0D0E0F10");
        var sentReport = ProtectRtcp(there, report);
        place = suite is SrtpSuite.AesGcm128 ? sentReport.Length : sentReport.Length - 10;
        here.TryUnprotectRtcp([.. sentReport[..place], 0, 0, 0, 1, .. sentReport[place..]], out var read, out _).ShouldBeTrue();
        read.ToArray().ShouldBe(report);
    }

    /// <summary>RFC 7714 section 16, which gives session keys: the packet has index 0xF17B.</summary>
    [Theory]
    [InlineData(16, "8040F17B8041F8D35501A0B2F24DE3A3FB34DE6CACBA861C9D7E4BCABE633BD50D294E6F42A5F47A51C7D19B36DE3ADF8833899D7F27BEB16A9152CF765EE4390CCE")]
    [InlineData(32, "8040F17B8041F8D35501A0B232B1DE78A822FE12EF9F78FA332E33AAB18012389A58E2F3B50B2A0276FFAE0F1BA63799B87B7AA3DB36DFFFD6B0F9BB7878D7A76C13")]
    public void Packets_of_rfc_7714_section_16_are_made_and_read(int keyBytes, string expected)
    {
        using var transform = Rfc7714(keyBytes);
        var packet = Convert.FromHexString("8040F17B8041F8D35501A0B247616C6C696120657374206F6D6E69732064697669736120696E207061727465732074726573");
        var buffer = new byte[packet.Length + 16];
        packet.CopyTo(buffer, 0);
        transform.ProtectRtp(buffer, 12, packet.Length, 0x5501A0B2, 0xF17B).ShouldBe(buffer.Length);
        Convert.ToHexString(buffer).ShouldBe(expected);
        var plain = new byte[buffer.Length];
        transform.OpenRtp(buffer, 12, 0, 0x5501A0B2, 0xF17B, plain).ShouldBe(packet.Length);
        plain[..packet.Length].ShouldBe(packet);
    }

    /// <summary>RFC 7714 section 17, index 0x5D4.</summary>
    [Theory]
    [InlineData(16,
        "81C8000D4D61727363E94885DCDAB67CA727D7662F6B7E997FF5C0F76C06F32DC676A5F1730D6FDA4CE09B4686303DED0BB9275BC84AA45896CF4D2FC5ABF87245D9EADE800005D4")]
    [InlineData(32,
        "81C8000D4D617273D50AE4D1F5CE5D304BA297E47D470C282C3ECE5DBFFE0A50A2EAA5C1110555BE8415F658C61DE0476F1B6FAD1D1EB30C4446839F57FF6F6CB26AC3BE800005D4")]
    public void Compounds_of_rfc_7714_section_17_are_made_and_read(int keyBytes, string expected)
    {
        using var transform = Rfc7714(keyBytes);
        var compound = Convert.FromHexString("81C8000D4D6172734E5450314E545032525450200000042A0000E9304C756E61DEADBEEFDEADBEEFDEADBEEFDEADBEEFDEADBEEF");
        var buffer = new byte[compound.Length + 20];
        compound.CopyTo(buffer, 0);
        transform.ProtectRtcp(buffer, compound.Length, 0x4D617273, 0x5D4).ShouldBe(buffer.Length);
        Convert.ToHexString(buffer).ShouldBe(expected);
        transform.RtcpWord(buffer, 0).ShouldBe(0x8000_05D4u);
        var plain = new byte[buffer.Length];
        transform.OpenRtcp(buffer, 0, 0x4D617273, 0x5D4, plain).ShouldBe(compound.Length);
        plain[..compound.Length].ShouldBe(compound);
    }

    private static GcmTransform Rfc7714(int keyBytes) =>
        GcmTransform.OfSessionKeys(Enumerable.Range(0, keyBytes).Select(static i => (byte)i).ToArray(), "Quid pro quo"u8);

    [Theory]
    [InlineData(SrtpSuite.AesCm80, 0)]
    [InlineData(SrtpSuite.AesCm80, 1)]
    [InlineData(SrtpSuite.AesGcm128, 66)]
    [InlineData(SrtpSuite.AesCm32, 128)]
    public void A_stream_that_is_old_already_is_found_within_a_second_and_followed(SrtpSuite suite, int cycles)
    {
        var keys = new SrtpKeys(SrtpKey.Draw(suite, Random), SrtpKey.Draw(suite, Random));
        var (here, there) = (new SrtpSession(keys), new SrtpSession(Swap(keys), isOld: true));
        using var young = new SrtpSession(Swap(keys));
        using (here)
        using (there)
        {
            for (var i = 0; i < cycles * 65_536; i += 30_000) Protect(here, Packet(i & 0xFFFF, length: 1));
            var lost = 0;
            var began = (cycles * 65_536) + 2_000;
            for (var i = began; i < began + 70_000; i++)
            {
                var packet = Packet(i & 0xFFFF, length: 2);
                var sent = Protect(here, packet);
                if (Unprotect(there, sent, packet).Length > 0) lost++;
                // Where it cannot be old nothing is tried out, or anybody who reaches the port could keep the loop busy.
                if (cycles > 0 && i < began + 200) Unprotect(young, sent, packet).ShouldBe("NotAuthentic");
            }
            lost.ShouldBe(cycles == 0 ? 0 : (cycles - 1) / 4);
        }
    }

    [Fact]
    public void A_stream_begins_in_the_first_half_of_a_cycle_so_that_its_end_is_noticed()
    {
        for (var i = 0; i < 1000; i++) MediaSessionSeed.Draw(Random).Sequence.ShouldBeLessThan((ushort)0x8000);
    }

    [Fact]
    public void Another_key_of_theirs_begins_anew_and_ours_goes_on_where_it_was()
    {
        var (first, second) = (SrtpKey.Draw(SrtpSuite.AesCm80, Random), SrtpKey.Draw(SrtpSuite.AesGcm128, Random));
        using var here = new SrtpSession(new SrtpKeys(first, null));
        Unprotect(here, Packet(1), Packet(1)).ShouldBe("NotAuthentic");
        Protect(here, Packet(10)).ShouldNotBeEmpty();
        here.Configure(new SrtpKeys(second, first));
        Protect(here, Packet(10)).Length.ShouldBe(188);
        here.Configure(new SrtpKeys(first, second));
        Protect(here, Packet(10)).ShouldBeEmpty();
        Protect(here, Packet(11)).Length.ShouldBe(182);
        using var there = new SrtpSession(new SrtpKeys(second, first));
        var packet = Packet(5);
        Unprotect(here, Protect(there, packet), packet).ShouldBe("");
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

    [Theory]
    [InlineData(SrtpSuite.AesCm80)]
    [InlineData(SrtpSuite.AesGcm128)]
    public void Nothing_is_allocated_per_packet_not_even_a_forged_one(SrtpSuite suite)
    {
        var (here, there) = Pair(suite);
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
                    buffer[^1] ^= 1;
                    if (there.TryUnprotectRtp(buffer.AsSpan(0, packet.Length + 4), out _, out _)) throw new InvalidOperationException();
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
        SrtpKey.Parse(SrtpSuite.AesCm80, text).ShouldBe(Known);
        SrtpKey.Parse(SrtpSuite.AesCm32, text).ShouldNotBe(Known);
        Swap(Swap(Keys)).ShouldBe(Keys);
        foreach (var other in (string[])["", "AAAA", text[..^4], "?" + text[1..]]) SrtpKey.Parse(SrtpSuite.AesCm80, other).ShouldBeNull();
        SrtpKey.Parse(SrtpSuite.AesGcm128, text).ShouldBeNull();
        MediaSessionOptions.ForLink(Keys).ToString().ShouldNotContain(text[..8]);
        Should.Throw<ArgumentException>(() => new SrtpKey(SrtpSuite.AesCm80, new byte[29]));
    }
}
