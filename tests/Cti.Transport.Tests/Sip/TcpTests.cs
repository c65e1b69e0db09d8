using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Sip;
using Cti.Sip.Message;
using static Cti.Transport.Tests.Sip.SipTransportFixture;

namespace Cti.Transport.Tests.Sip;

public sealed class TcpTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(4096)]
    public void Messages_are_cut_from_the_stream_however_it_is_split(int piece)
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        byte[] stream = [.. Options("first", 10), .. "\r\n"u8, .. Options("second"), .. Options("third", 3000)];
        for (var at = 0; at < stream.Length; at += piece)
            peer.Send(stream.AsSpan(at, Math.Min(piece, stream.Length - at)));
        foreach (var (callId, length) in ((string, int)[])[("first", 10), ("second", 0), ("third", 3000)])
        {
            var received = fixture.NextReceived();
            received.Message.CallId.ShouldBe(callId);
            received.Message.Body.Length.ShouldBe(length);
            received.Flow.Remote.ShouldBe(peer.LocalEndPoint);
            received.Flow.Connection.ShouldBeGreaterThan(0);
        }
    }

    [Fact]
    public void An_answer_by_the_flow_and_a_request_by_address_both_use_the_connection_that_is_there()
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        peer.Send(Options("one"));
        var flow = fixture.NextReceived().Flow;
        fixture.Transport.Send(flow, "answer"u8.ToArray(), 1);
        fixture.Transport.Send(flow with { Connection = 0 }, "request"u8.ToArray(), 2);
        Read(peer, 13).ShouldBe("answerrequest");
        fixture.Transport.Snapshot().Connections.ShouldBe(1);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(1)]
    public void A_ping_of_two_line_ends_is_answered_with_one_also_in_pieces(int piece)
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        var ping = "\r\n\r\n"u8.ToArray();
        for (var at = 0; at < ping.Length; at += piece)
            peer.Send(ping.AsSpan(at, piece));
        Read(peer, 2).ShouldBe("\r\n");
        peer.Send(Options("after"));
        fixture.NextReceived().Message.CallId.ShouldBe("after");
        fixture.Transport.Snapshot().KeepAlives.ShouldBe(1);
    }

    [Fact]
    public void A_send_opens_a_connection_and_later_sends_in_order_reuse_it()
    {
        using var fixture = new SipTransportFixture();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var flow = new SipFlow(SipTransportKind.Tcp, 1, (IPEndPoint)listener.LocalEndpoint);
        fixture.Transport.Send(flow, "one "u8.ToArray(), 1);
        fixture.Transport.Send(flow, "two "u8.ToArray(), 2);
        using var accepted = listener.AcceptSocket();
        accepted.ReceiveTimeout = 10_000;
        Read(accepted, 8).ShouldBe("one two ");
        accepted.Send(Options("back"));
        var received = fixture.NextReceived();
        received.Flow.Remote.ShouldBe(flow.Remote);
        fixture.Transport.Send(received.Flow, "three"u8.ToArray(), 3);
        Read(accepted, 5).ShouldBe("three");
        fixture.FailuresWaiting.ShouldBe(0);
    }

    [Fact]
    public void A_silent_connection_of_ours_is_asked_whether_it_is_alive_and_closed_where_it_does_not_answer()
    {
        using var fixture = new SipTransportFixture(options => options with { KeepAliveMillis = _ => 30_000 });
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var flow = new SipFlow(SipTransportKind.Tcp, 1, (IPEndPoint)listener.LocalEndpoint);
        fixture.Transport.Send(flow, "one"u8.ToArray(), 1);
        using var accepted = listener.AcceptSocket();
        accepted.ReceiveTimeout = 10_000;
        Read(accepted, 3).ShouldBe("one");
        for (var round = 0; round < 2; round++)
        {
            fixture.Time.Advance(29_000);
            accepted.Available.ShouldBe(0);
            fixture.Time.Advance(2_000);
            Read(accepted, 4).ShouldBe("\r\n\r\n");
            accepted.Send("\r\n"u8);
            accepted.Send(Options($"round{round}"));
            fixture.NextReceived();
            fixture.Transport.Snapshot().Connections.ShouldBe(1);
        }
        fixture.Transport.Snapshot().KeepAlives.ShouldBe(0, "an answer is not taken for half a question");
        fixture.Time.Advance(31_000);
        Read(accepted, 4).ShouldBe("\r\n\r\n");
        fixture.Time.Advance(12_000);
        Until(() => fixture.Transport.Snapshot().Connections == 0);
    }

    [Fact]
    public void A_refused_connection_fails_every_waiting_send_once()
    {
        using var fixture = new SipTransportFixture();
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var flow = new SipFlow(SipTransportKind.Tcp, 1, (IPEndPoint)listener.LocalEndpoint);
        listener.Dispose();
        fixture.Transport.Send(flow, "one"u8.ToArray(), 1);
        var failure = fixture.NextFailure();
        failure.SendId.ShouldBe(1);
        failure.Failure.ShouldBe(SipSendFailure.ConnectFailed);
        Until(() => fixture.Transport.Snapshot().Connections == 0);
        fixture.FailuresWaiting.ShouldBe(0);
    }

    [Fact]
    public void A_send_by_a_connection_that_is_gone_is_reported()
    {
        using var fixture = new SipTransportFixture();
        SipFlow flow;
        using (var peer = fixture.Connect())
        {
            peer.Send(Options("one"));
            flow = fixture.NextReceived().Flow;
        }

        Until(() => fixture.Transport.Snapshot().Connections == 0);
        fixture.Transport.Send(flow, "late"u8.ToArray(), 9);
        fixture.NextFailure().ShouldBe((flow, 9, SipSendFailure.ConnectionGone));
    }

    [Fact]
    public void Input_that_cannot_be_framed_is_answered_and_the_connection_closed()
    {
        using var fixture = new SipTransportFixture();
        fixture.OnReject = flow => fixture.Transport.Send(flow, "SIP/2.0 400 Bad Request\r\n\r\n"u8.ToArray(), 5);
        using var peer = fixture.Connect();
        var text = Encoding.ASCII.GetString(Options("x")).Replace("Content-Length: 0", "Content-Length: many", StringComparison.Ordinal);
        peer.Send(Encoding.ASCII.GetBytes(text));
        ReadToEnd(peer).ShouldBe("SIP/2.0 400 Bad Request\r\n\r\n");
        fixture.NextRejected().Result.Rejection.ShouldBe(SipRejection.BadContentLength);
        fixture.Transport.Snapshot().Rejected[SipRejection.BadContentLength].ShouldBe(1);
        Until(() => fixture.Transport.Snapshot().Connections == 0);
    }

    [Fact]
    public void What_is_not_SIP_ends_the_connection()
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        peer.Send("\x16\x03\x01\x02\x00 a TLS hello\r\n"u8);
        ReadToEnd(peer).ShouldBe("");
        fixture.NextRejected().Result.IsFatal.ShouldBeTrue();
    }

    [Fact]
    public void A_message_not_complete_in_thirty_seconds_ends_the_connection_though_bytes_trickle()
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        peer.Send(Options("whole"));
        fixture.NextReceived();
        var slow = Options("slow");
        peer.Send(slow.AsSpan(0, 10));
        peer.Send(slow.AsSpan(10, 10));
        for (var second = 0; second < 29; second++)
            fixture.Time.Advance(1_000);
        fixture.Transport.Snapshot().Connections.ShouldBe(1);
        Until(() =>
        {
            fixture.Time.Advance(1_000);
            return fixture.Transport.Snapshot().Connections == 0;
        });
        ReadToEnd(peer).ShouldBe("");
        fixture.Transport.Snapshot().ConnectionsTimedOut.ShouldBe(1);
    }

    [Fact]
    public void A_trunks_connection_that_never_brings_a_message_is_closed_after_thirty_seconds()
    {
        using var fixture = new SipTransportFixture(options => options with { IsTrunk = static _ => true });
        using var peer = fixture.Connect();
        Until(() => fixture.Transport.Snapshot().Connections == 1);
        fixture.Time.Advance(30_000);
        fixture.Transport.Snapshot().Connections.ShouldBe(1);
        fixture.Time.Advance(2_000);
        ReadToEnd(peer).ShouldBe("");
    }

    [Fact]
    public void A_connection_between_messages_is_kept_for_ten_minutes()
    {
        using var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        peer.Send(Options("one"));
        var flow = fixture.NextReceived().Flow;
        fixture.Transport.Send(flow, "ok"u8.ToArray(), 1);
        Read(peer, 2);
        Until(() => fixture.Transport.Snapshot().StreamMessagesSent == 1);
        fixture.Time.Advance(599_000);
        fixture.Transport.Snapshot().Connections.ShouldBe(1);
        fixture.Time.Advance(3_000);
        fixture.Transport.Snapshot().Connections.ShouldBe(0);
    }

    [Fact]
    public void Connections_over_the_limit_of_one_address_are_closed_at_once_and_room_is_given_back()
    {
        using var fixture = new SipTransportFixture(options => options with { ConnectionsPerAddressMax = 2 });
        using var first = fixture.Connect();
        var second = fixture.Connect();
        Until(() => fixture.Transport.Snapshot().Connections == 2);
        using var third = fixture.Connect();
        ReadToEnd(third).ShouldBe("");
        fixture.Transport.Snapshot().ConnectionsRefused.ShouldBe(1);
        second.Dispose();
        Until(() => fixture.Transport.Snapshot().Connections == 1);
        using var fourth = fixture.Connect();
        fourth.Send(Options("four"));
        fixture.NextReceived().Message.CallId.ShouldBe("four");
    }

    [Fact]
    public void The_limit_of_connections_holds_for_those_we_open_too()
    {
        using var fixture = new SipTransportFixture(options => options with { ConnectionsMax = 1 });
        using var peer = fixture.Connect();
        Until(() => fixture.Transport.Snapshot().Connections == 1);
        var flow = new SipFlow(SipTransportKind.Tcp, 1, new IPEndPoint(IPAddress.Loopback, 9));
        fixture.Transport.Send(flow, "x"u8.ToArray(), 4);
        fixture.NextFailure().ShouldBe((flow, 4, SipSendFailure.Overloaded));
    }

    [Fact]
    public void A_peer_that_does_not_read_is_cut_off_when_its_queue_is_full_and_no_send_is_forgotten()
    {
        using var fixture = new SipTransportFixture(options => options with { OutputBytesMax = 512 * 1024 });
        using var peer = fixture.Connect();
        peer.Send(Options("one"));
        var flow = fixture.NextReceived().Flow;
        var block = new byte[64 * 1024];
        var sends = 0L;
        while (fixture.FailuresWaiting == 0 && sends < 10_000)
            fixture.Transport.Send(flow, block, ++sends);
        fixture.NextFailure().Failure.ShouldBe(SipSendFailure.Overloaded);
        Until(() => fixture.Transport.Snapshot().Connections == 0);
        var counts = fixture.Transport.Snapshot();
        Until(() => fixture.Transport.Snapshot() is var now
            && now.StreamMessagesSent + now.SendFailures[SipSendFailure.ConnectionGone] + now.SendFailures[SipSendFailure.Overloaded] == sends);
        counts.SendFailures[SipSendFailure.Overloaded].ShouldBe(1);
    }

    [Fact]
    public void Closing_the_transport_ends_its_connections()
    {
        var fixture = new SipTransportFixture();
        using var peer = fixture.Connect();
        peer.Send(Options("one"));
        fixture.NextReceived();
        fixture.Transport.Dispose();
        ReadToEnd(peer).ShouldBe("");
        fixture.Dispose();
    }
}
