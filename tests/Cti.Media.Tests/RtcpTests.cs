using System.Buffers.Binary;
using Cti.Media.Rtcp;
using Cti.Media.Rtp;
using Cti.Media.Session;

namespace Cti.Media.Tests;

public sealed class RtcpTests
{
    private static byte[] Compound(SenderInfo? sender, ReportBlock? report, bool bye = false, uint ssrc = 5)
    {
        var bytes = new byte[256];
        return bytes[..RtcpCompound.Write(bytes, ssrc, sender, report, "name"u8, bye)];
    }

    [Fact]
    public void A_compound_is_read_as_it_was_written()
    {
        var report = new ReportBlock(9, 12, -3, 70_000, 44, 0x1111_2222, 65536);
        var bytes = Compound(new SenderInfo(0x0102_0304_0506_0708, 99, 10, 1600), report, bye: true);
        (bytes.Length % 4).ShouldBe(0);
        RtcpCompound.TryParse(bytes, 9, out var summary).ShouldBeTrue();
        summary.SenderSsrc.ShouldBe(5u);
        summary.Sender.ShouldBe(new SenderInfo(0x0102_0304_0506_0708, 99, 10, 1600));
        summary.HasReport.ShouldBeTrue();
        summary.Report.ShouldBe(report);
        summary.HasBye.ShouldBeTrue();
        RtcpCompound.TryParse(bytes, 8, out var other).ShouldBeTrue();
        other.HasReport.ShouldBeFalse();
    }

    [Fact]
    public void A_compound_cut_at_any_length_inside_a_packet_is_refused_as_a_whole()
    {
        var bytes = Compound(new SenderInfo(1, 2, 3, 4), new ReportBlock(9, 0, 0, 0, 0, 0, 0), bye: true);
        int[] whole = [52, 52 + 16, 52 + 16 + 8];
        bytes.Length.ShouldBe(whole[2]);
        for (var length = 0; length < bytes.Length; length++)
            RtcpCompound.TryParse(bytes.AsSpan(0, length), 9, out _).ShouldBe(whole.Contains(length), $"length {length}");
    }

    [Fact]
    public void Reports_come_every_five_seconds_spread_by_a_half_and_end_with_bye()
    {
        var harness = new MediaHarness().Configured();
        harness.Ticks(3000);
        var gaps = harness.SentRtcp.Zip(harness.SentRtcp.Skip(1), (a, b) => b.AtMillis - a.AtMillis).ToArray();
        harness.SentRtcp[0].AtMillis.ShouldBeInRange(1000, 3200);
        gaps.ShouldAllBe(gap => gap >= 2040 && gap <= 6200);
        gaps.Distinct().Count().ShouldBeGreaterThan(5);
        gaps.Average().ShouldBe(4100, 700);
        harness.Session.Apply(MediaCommand.Close());
        harness.Ticks(1);
        harness.Session.IsFinished.ShouldBeTrue();
        RtcpCompound.TryParse(harness.SentRtcp[^1].Bytes, 1, out var last).ShouldBeTrue();
        last.HasBye.ShouldBeTrue();
        var sent = harness.SentRtcp.Count;
        harness.Ticks(10);
        harness.SentRtcp.Count.ShouldBe(sent);
    }

    [Fact]
    public void A_sender_report_counts_what_was_sent_and_reports_what_was_received()
    {
        var harness = new MediaHarness().Configured();
        harness.BeforeTick = i =>
        {
            if (i % 4 == 3) harness.FarSequence++;
            else harness.Receive(8, new byte[160]);
            if (i % 4 == 3) harness.FarTimestamp += 160;
        };
        harness.Ticks(400);
        RtcpCompound.TryParse(harness.SentRtcp[0].Bytes, harness.FarSsrc, out var summary).ShouldBeTrue();
        var at = (int)(harness.SentRtcp[0].AtMillis / 20);
        summary.SenderSsrc.ShouldBe(0x1234_5678u);
        summary.Sender.Packets.ShouldBe((uint)at);
        summary.Sender.Octets.ShouldBe((uint)at * 160);
        summary.HasReport.ShouldBeTrue();
        (summary.Report.FractionLost / 256.0).ShouldBe(0.25, 0.02);
        summary.Report.CumulativeLost.ShouldBeInRange((at / 4) - 1, (at / 4) + 1);
    }

    [Fact]
    public void The_round_trip_comes_from_the_report_that_came_back()
    {
        var harness = new MediaHarness().Configured();
        harness.Receive(8, new byte[160]);
        harness.Ticks(200);
        RtcpCompound.TryParse(harness.SentRtcp[0].Bytes, 0, out var ours).ShouldBeTrue();
        var sentAt = harness.SentRtcp[0].AtMillis;
        var back = Compound(null, new ReportBlock(0x1234_5678, 64, 5, 1, 0, (uint)(ours.Sender.NtpTime >> 16), 65536 / 10), ssrc: 0xCAFE);
        harness.Clock.MonotonicNanos = harness.Start + ((sentAt + 100 + 84) * 1_000_000);
        harness.Session.OnRtcp(back, MediaHarness.FarKey.WithPort(4001), harness.Clock.MonotonicNanos);
        harness.Session.Statistics.RoundTripMillis.ShouldBe(84, 0.2);
        harness.Session.Statistics.RemoteLossFraction.ShouldBe(0.25);
    }

    [Fact]
    public void Rtcp_of_strangers_and_malformed_rtcp_change_nothing()
    {
        var harness = new MediaHarness().Configured();
        var report = Compound(null, new ReportBlock(0x1234_5678, 64, 5, 1, 0, 0, 0));
        harness.Session.OnRtcp(report, SocketAddressKey.FromIPv4(0x01020304, 5), 0);
        harness.Session.OnRtcp(report.AsSpan(0, 20), MediaHarness.FarKey, 0);
        harness.Session.Statistics.RemoteLossFraction.ShouldBe(-1);
        harness.Counters.Dropped(DropReason.ForeignSource).ShouldBe(1);
        harness.Counters.Dropped(DropReason.BadRtcp).ShouldBe(1);
    }

    [Fact]
    public void Rtcp_goes_where_theirs_comes_from_and_beside_latched_rtp()
    {
        var harness = new MediaHarness().Configured(remote: System.Net.IPEndPoint.Parse("192.168.1.9:4000"), farEnd: MediaHarness.BehindNat);
        harness.Session.RemoteRtcp.ToString().ShouldBe("192.168.1.9:4001");
        for (var i = 0; i < 5; i++) harness.Receive(8, new byte[160]);
        harness.Session.Remote.ShouldBe(MediaHarness.FarKey);
        harness.Session.RemoteRtcp.ShouldBe(MediaHarness.FarKey.WithPort(4001));
        harness.Session.OnRtcp(Compound(null, null), MediaHarness.FarKey.WithPort(7777), 0);
        harness.Session.RemoteRtcp.ShouldBe(MediaHarness.FarKey.WithPort(7777));
    }

    [Fact]
    public void Random_bytes_never_raise()
    {
        var random = new Random(4711);
        for (var i = 0; i < 200_000; i++)
        {
            var bytes = new byte[random.Next(120)];
            random.NextBytes(bytes);
            if (bytes.Length > 4 && i % 2 == 0)
            {
                bytes[0] = (byte)(0x80 | (bytes[0] & 0x3F));
                bytes[1] = (byte)(200 + (bytes[1] & 3));
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)random.Next(0, bytes.Length / 4 + 1));
            }
            if (RtcpCompound.TryParse(bytes, 1, out _) && bytes.Length < 8) Assert.Fail("too short to be a report");
        }
    }

    [Theory]
    [InlineData(0.0, 20, 4.40)]
    [InlineData(0.01, 20, 4.32)]
    [InlineData(0.05, 100, 3.7)]
    [InlineData(0.3, 100, 2.02)]
    [InlineData(1.0, 1000, 1.0)]
    public void The_opinion_score_sinks_with_loss_and_delay(double loss, double delay, double expected) =>
        MosEstimate.From(loss, delay).ShouldBe(expected, 0.15);
}
