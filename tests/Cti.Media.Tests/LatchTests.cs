using System.Net;
using Cti.Kernel;
using Cti.Media.Rtp;

namespace Cti.Media.Tests;

public sealed class LatchTests
{
    private const long Silence = Limits.RtpLatchSilenceMillis * 1_000_000L;

    private static readonly SocketAddressKey Public = Key("203.0.113.7:4000");
    private static readonly SocketAddressKey Inside = Key("192.168.1.20:4000");
    private static readonly SocketAddressKey Nat = Key("198.51.100.9:5000");
    private static readonly SocketAddressKey Neighbour = Key("198.51.100.77:5000");
    private static readonly SocketAddressKey Stranger = Key("192.0.2.66:5000");

    private static SocketAddressKey Key(string text) => SocketAddressKey.From(IPEndPoint.Parse(text));

    private static RemoteLatch Latch(SocketAddressKey signalled, string source, LatchMode mode = LatchMode.Strict)
    {
        var latch = new RemoteLatch();
        latch.Signal(signalled, FarEndAt(source, mode));
        return latch;
    }

    private static FarEnd FarEndAt(string source, LatchMode mode = LatchMode.Strict) => new() { Latch = mode, Sources = [IPAddress.Parse(source)] };

    private static int Packets(RemoteLatch latch, SocketAddressKey source, int count, long nanos = 0, uint ssrc = 7, int first = 0)
    {
        var accepted = 0;
        for (var i = 0; i < count; i++)
        {
            var bytes = new byte[13];
            RtpPacket.WriteHeader(bytes, 8, false, (ushort)(first + i), 0, ssrc);
            RtpPacket.TryParse(bytes, out var packet, out _).ShouldBeTrue();
            if (latch.Accept(source, packet, nanos)) accepted++;
        }
        return accepted;
    }

    [Theory]
    [InlineData("203.0.113.7:4000", "203.0.113.7", LatchMode.Strict)]
    [InlineData("203.0.113.7:4000", "198.51.100.9", LatchMode.Strict)]
    [InlineData("192.168.1.20:4000", "192.168.1.20", LatchMode.Strict)]
    [InlineData("[2001:db8::7]:4000", "2001:db8::7", LatchMode.Strict)]
    [InlineData("203.0.113.7:4000", "203.0.113.7", LatchMode.Off)]
    [InlineData("192.168.1.20:4000", "198.51.100.9", LatchMode.Off)]
    public void Where_no_nat_is_seen_the_signalled_address_alone_counts(string signalled, string source, LatchMode mode)
    {
        var latch = Latch(Key(signalled), source, mode);
        foreach (var other in new[] { Key(signalled).WithPort(4002), SocketAddressKey.From(new IPEndPoint(IPAddress.Parse(source), 5000)), Nat, Neighbour,
            Stranger })
        {
            Packets(latch, other, 1000).ShouldBe(0, other.ToString());
            Packets(latch, other, 1000, nanos: 100 * Silence, ssrc: 8).ShouldBe(0, other.ToString());
        }
        latch.Remote.ShouldBe(Key(signalled));
        Packets(latch, Key(signalled), 1, ssrc: 9).ShouldBe(1);
        Packets(latch, Stranger, 1000).ShouldBe(0);
    }

    [Theory]
    [InlineData("192.168.1.20:4000", "198.51.100.9:5000", "198.51.100.9")]
    [InlineData("10.0.0.5:4000", "198.51.100.9:61000", "198.51.100.9")]
    [InlineData("100.64.3.4:4000", "198.51.100.9:5000", "198.51.100.9")]
    [InlineData("[fd00::5]:4000", "[2001:db8:1::9]:5000", "2001:db8:1::9")]
    [InlineData("192.168.1.20:4000", "[::ffff:198.51.100.9]:5000", "198.51.100.9")]
    public void Behind_a_nat_the_first_consistent_source_is_taken_where_sip_comes_from_and_kept(string signalled, string media, string sip)
    {
        var latch = Latch(Key(signalled), sip);
        Packets(latch, Key(media), 4).ShouldBe(0);
        latch.Remote.ShouldBe(Key(signalled));
        Packets(latch, Key(media), 3, first: 4).ShouldBe(3);
        latch.Remote.ShouldBe(Key(media));
        Packets(latch, Key(media).WithPort(6000), 1000, ssrc: 9).ShouldBe(0);
        latch.Remote.ShouldBe(Key(media));
    }

    [Theory]
    [InlineData("192.0.2.66:5000")]
    [InlineData("198.51.101.9:5000")]
    [InlineData("127.0.0.1:5000")]
    [InlineData("192.168.1.21:4000")]
    [InlineData("192.168.1.20:4001")]
    [InlineData("[2001:db8::9]:5000")]
    public void Nobody_from_elsewhere_is_heard_however_long_and_consistent(string stranger)
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Key(stranger), 1000).ShouldBe(0);
        latch.Remote.ShouldBe(Inside);
        Packets(latch, Nat, 5).ShouldBe(1);
        Packets(latch, Key(stranger), 1000, nanos: 100 * Silence).ShouldBe(0);
        latch.Remote.ShouldBe(Nat);
    }

    [Fact]
    public void A_neighbour_of_the_sip_source_counts_after_it_and_yields_when_that_begins()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Neighbour, 9).ShouldBe(0);
        Packets(latch, Neighbour, 2, first: 9).ShouldBe(2);
        latch.Remote.ShouldBe(Neighbour);
        Packets(latch, Nat, 5, ssrc: 8).ShouldBe(1);
        latch.Remote.ShouldBe(Nat);
        Packets(latch, Neighbour, 1000, first: 11).ShouldBe(0);
    }

    [Fact]
    public void A_neighbour_that_is_first_neither_takes_nor_delays_what_comes_from_the_sip_source()
    {
        var latch = Latch(Inside, "198.51.100.9");
        for (var i = 0; i < 5; i++)
        {
            Packets(latch, Neighbour, 3, ssrc: 1, first: i * 3).ShouldBe(0);
            Packets(latch, Nat, 1, first: i).ShouldBe(i == 4 ? 1 : 0);
        }
        latch.Remote.ShouldBe(Nat);
    }

    [Fact]
    public void A_stray_packet_of_the_sip_source_does_not_keep_a_neighbour_out()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 1);
        Packets(latch, Neighbour, 20, nanos: 1_000_000).ShouldBe(0);
        Packets(latch, Neighbour, 10, nanos: 400_000_000).ShouldBe(1);
        latch.Remote.ShouldBe(Neighbour);
    }

    [Fact]
    public void A_neighbour_in_an_ipv6_network_of_64_bits_counts_and_one_outside_does_not()
    {
        var latch = Latch(Key("[fd00::5]:4000"), "2001:db8:1:2::9");
        Packets(latch, Key("[2001:db8:1:3::1]:5000"), 1000).ShouldBe(0);
        Packets(latch, Key("[2001:db8:1:2:ffff::1]:5000"), 10).ShouldBe(1);
    }

    [Fact]
    public void Sources_that_interrupt_each_other_or_jump_are_not_consistent()
    {
        var latch = Latch(Inside, "198.51.100.9");
        for (var i = 0; i < 50; i++)
        {
            Packets(latch, Nat, 2, ssrc: (uint)i).ShouldBe(0);
            Packets(latch, Nat.WithPort(1), 2).ShouldBe(0);
        }
        for (var i = 0; i < 50; i++) Packets(latch, Nat, 1, first: i * 1000).ShouldBe(0);
    }

    [Fact]
    public void A_private_signalled_address_that_speaks_counts_before_sip_has_led_elsewhere()
    {
        var latch = Latch(Inside, "10.0.0.1");
        Packets(latch, Inside, 1).ShouldBe(1);
        Packets(latch, Key("10.0.0.1:5000"), 1000).ShouldBe(0);
        latch.Remote.ShouldBe(Inside);
    }

    [Fact]
    public void A_private_signalled_address_counts_again_once_the_latched_source_is_silent_whatever_its_ssrc()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 5);
        Packets(latch, Inside, 5, nanos: Silence - 1, ssrc: 8).ShouldBe(0);
        Packets(latch, Inside, 5, nanos: Silence, ssrc: 8).ShouldBe(5);
        latch.Remote.ShouldBe(Inside);
    }

    [Fact]
    public void A_long_silence_lets_the_source_move_within_its_network_at_once_with_its_ssrc_and_later_without()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 5);
        Packets(latch, Nat.WithPort(6000), 1000, nanos: Silence - 1).ShouldBe(0);
        Packets(latch, Nat.WithPort(6000), 10, nanos: Silence).ShouldBe(6);
        latch.Remote.ShouldBe(Nat.WithPort(6000));
        Packets(latch, Nat.WithPort(7000), 24, nanos: 2 * Silence, ssrc: 8).ShouldBe(0);
        Packets(latch, Nat.WithPort(7000), 2, nanos: 2 * Silence, ssrc: 8, first: 24).ShouldBe(2);
        Packets(latch, Stranger, 1000, nanos: 10 * Silence, ssrc: 8).ShouldBe(0);
    }

    [Fact]
    public void A_reinvite_with_the_same_address_keeps_the_source_and_lets_it_move_once()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 5);
        latch.Signal(Inside, FarEndAt("198.51.100.9"));
        latch.Remote.ShouldBe(Nat);
        // What was under way from the old port comes first.
        Packets(latch, Nat, 3, first: 5).ShouldBe(3);
        Packets(latch, Nat.WithPort(6000), 5, ssrc: 8).ShouldBe(1);
        latch.Remote.ShouldBe(Nat.WithPort(6000));
        Packets(latch, Nat.WithPort(7000), 1000, ssrc: 9).ShouldBe(0);
    }

    [Fact]
    public void After_a_reinvite_nobody_takes_the_place_of_a_source_that_goes_on()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 5);
        latch.Signal(Inside, FarEndAt("198.51.100.9"));
        for (var i = 0; i < 100; i++)
        {
            Packets(latch, Nat, 1, first: 5 + i).ShouldBe(1);
            Packets(latch, Nat.WithPort(6000), 3, ssrc: 8, first: 3 * i).ShouldBe(0);
        }
        // It has not moved, so the chance is over.
        Packets(latch, Nat.WithPort(6000), 1000, ssrc: 9).ShouldBe(0);
    }

    [Fact]
    public void A_new_address_drops_the_latch_and_a_new_sip_source_moves_it()
    {
        var latch = Latch(Inside, "198.51.100.9");
        Packets(latch, Nat, 5);
        latch.Signal(Inside, FarEndAt("192.0.2.66"));
        latch.Remote.ShouldBe(Inside, "the network that it was in is none of the call's any more");
        Packets(latch, Stranger, 5).ShouldBe(1);
        latch.Signal(Public, FarEndAt("192.0.2.66"));
        latch.Remote.ShouldBe(Public);
        Packets(latch, Stranger, 1000).ShouldBe(0);
    }

    [Fact]
    public void With_nat_taken_for_granted_a_wrong_public_address_is_corrected_and_the_right_one_stays_best()
    {
        var latch = Latch(Public, "198.51.100.9", LatchMode.Nat);
        Packets(latch, Nat, 5).ShouldBe(1);
        latch.Remote.ShouldBe(Nat);
        Packets(latch, Public, 1).ShouldBe(1);
        latch.Remote.ShouldBe(Public);
        var ported = Latch(Public, "203.0.113.7", LatchMode.Nat);
        Packets(ported, Public.WithPort(9999), 5).ShouldBe(1);
        Packets(ported, Stranger, 1000).ShouldBe(0);
    }

    [Fact]
    public void Packets_that_prove_whose_they_are_may_come_from_anywhere()
    {
        var latch = new RemoteLatch();
        latch.Signal(Inside, FarEnd.Link);
        Packets(latch, Stranger, 5).ShouldBe(1);
        latch.Remote.ShouldBe(Stranger);
    }
}
