using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Transport.Sip;

namespace Cti.Transport.Tests.Sip;

public sealed class UdpTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_datagram_arrives_with_its_flow_and_an_answer_goes_back_by_it(bool ipv6, bool managed)
    {
        using var fixture = new SipTransportFixture(ipv6: ipv6, managed: managed);
        using var peer = new UdpClient(new IPEndPoint(fixture.Udp.Address, 0));
        peer.Client.ReceiveTimeout = 10_000;
        peer.Send(SipTransportFixture.Options("one"), fixture.Udp);
        var received = fixture.NextReceived();
        received.Message.CallId.ShouldBe("one");
        received.Flow.ShouldBe(new SipFlow(SipTransportKind.Udp, 0, (IPEndPoint)peer.Client.LocalEndPoint!));
        fixture.Transport.Send(received.Flow, "answer"u8.ToArray(), 1);
        IPEndPoint? from = null;
        Encoding.ASCII.GetString(peer.Receive(ref from)).ShouldBe("answer");
        from.ShouldBe(fixture.Udp);
    }

    [Fact]
    public void What_is_malformed_is_counted_by_reason_and_keep_alives_go_no_further()
    {
        using var fixture = new SipTransportFixture();
        using var peer = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        peer.Send("\r\n\r\n"u8, fixture.Udp);
        peer.Send("hello?"u8, fixture.Udp);
        fixture.NextRejected().Result.Rejection.ShouldBe(SipRejection.BadStartLine);
        var noCallId = Encoding.ASCII.GetString(SipTransportFixture.Options("x")).Replace("Call-ID: x\r\n", "", StringComparison.Ordinal);
        peer.Send(Encoding.ASCII.GetBytes(noCallId), fixture.Udp);
        var (result, flow) = fixture.NextRejected();
        result.Status.ShouldBe(400);
        flow.Remote.ShouldBe(peer.Client.LocalEndPoint);
        var counts = fixture.Transport.Snapshot();
        counts.DatagramsReceived.ShouldBe(3);
        counts.KeepAlives.ShouldBe(1);
        counts.Rejected[SipRejection.BadStartLine].ShouldBe(1);
        counts.Rejected[SipRejection.MissingHeader].ShouldBe(1);
        fixture.ReceivedWaiting.ShouldBe(0);
    }

    [Theory]
    [InlineData(11, true)] // EAGAIN: the socket's buffer is full.
    [InlineData(105, true)] // ENOBUFS: the interface's queue, or a packet filter, has dropped it.
    [InlineData(12, true)] // ENOMEM
    [InlineData(1, true)] // EPERM: a firewall has dropped it.
    [InlineData(101, false)] // ENETUNREACH
    [InlineData(113, false)] // EHOSTUNREACH
    [InlineData(111, false)] // ECONNREFUSED
    public void A_datagram_that_is_dropped_on_the_way_out_is_lost_and_no_reason_to_give_its_destination_up(int error, bool isLoss) =>
        UdpListener.IsLoss(error).ShouldBe(isLoss);

    [Fact]
    public void A_port_where_nobody_listens_is_reported_as_unreachable_with_the_send()
    {
        if (!OperatingSystem.IsLinux())
            return;
        using var fixture = new SipTransportFixture();
        IPEndPoint nobody;
        using (var closed = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0)))
            nobody = (IPEndPoint)closed.Client.LocalEndPoint!;
        var flow = new SipFlow(SipTransportKind.Udp, 0, nobody);
        fixture.Transport.Send(flow, SipTransportFixture.Options("lost"), 77);
        fixture.NextFailure().ShouldBe((flow, 77, SipSendFailure.Unreachable));

        using var peer = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        peer.Send(SipTransportFixture.Options("next"), fixture.Udp);
        fixture.NextReceived().Message.CallId.ShouldBe("next");
    }

    [Fact]
    public void A_listener_that_does_not_exist_fails_the_send()
    {
        using var fixture = new SipTransportFixture();
        var flow = new SipFlow(SipTransportKind.Udp, 5, fixture.Udp);
        fixture.Transport.Send(flow, "x"u8.ToArray(), 3);
        fixture.NextFailure().ShouldBe((flow, 3, SipSendFailure.Unreachable));
    }

    [Fact]
    public void Listeners_are_found_by_kind_and_family_and_known_by_their_advertised_address()
    {
        using var fixture = new SipTransportFixture(options => options with
        {
            Listeners = [options.Listeners[0], options.Listeners[1] with { Advertised = new SipHostPort("sip.example.com", 5060) }],
        });
        fixture.Transport.FindListener(SipTransportKind.Udp, AddressFamily.InterNetwork).ShouldBe(0);
        fixture.Transport.FindListener(SipTransportKind.Tcp, AddressFamily.InterNetwork).ShouldBe(1);
        fixture.Transport.FindListener(SipTransportKind.Tcp, AddressFamily.InterNetworkV6).ShouldBe(-1);
        fixture.Transport.LocalAddress(SipTransportKind.Udp, 0).ShouldBe(new SipHostPort("127.0.0.1", fixture.Udp.Port));
        fixture.Transport.LocalAddress(SipTransportKind.Tcp, 1).ToString().ShouldBe("sip.example.com:5060");
    }

    [Fact]
    public void Towards_a_peer_a_listener_of_all_addresses_is_known_by_the_address_of_the_route()
    {
        using var fixture = new SipTransportFixture(options => options with
        {
            Listeners = [new SipListenerOptions(SipTransportKind.Udp, new IPEndPoint(IPAddress.Any, 0)), options.Listeners[1]],
        });
        fixture.Transport.LocalAddressTowards(0, IPAddress.Loopback).ShouldBe(new SipHostPort("127.0.0.1", fixture.Udp.Port));
        fixture.Transport.LocalAddress(SipTransportKind.Udp, 0).Host.ShouldNotBe("0.0.0.0");
    }

    [Fact]
    public void A_taken_port_fails_the_start_and_frees_what_was_bound()
    {
        using var taken = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var time = new ManualTime();
        using var holder = new SipTransportFixture();
        var unusable = Should.Throw<ListenException>(() => new SipTransport(
            new SipTransportOptions
            {
                Listeners =
                [
                    new SipListenerOptions(SipTransportKind.Tcp, new IPEndPoint(IPAddress.Loopback, 0)),
                    new SipListenerOptions(SipTransportKind.Udp, (IPEndPoint)taken.Client.LocalEndPoint!),
                ],
            },
            holder, time, time, holder.Log));
        unusable.Message.ShouldBe($"udp:{taken.Client.LocalEndPoint} is in use by another process: end that one, or listen at another port");
    }

    [Fact]
    public void A_taken_port_is_named_whatever_the_transport()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var time = new ManualTime();
        using var holder = new SipTransportFixture();
        var there = (IPEndPoint)taken.LocalEndpoint;
        Should.Throw<ListenException>(() =>
            new SipTransport(new SipTransportOptions { Listeners = [new SipListenerOptions(SipTransportKind.Tcp, there)] }, holder, time, time, holder.Log))
            .Message.ShouldStartWith($"tcp:{there} is in use by another process");
        Should.Throw<ListenException>(() =>
            new SipTransport(new SipTransportOptions { Listeners = [new SipListenerOptions(SipTransportKind.Udp, IPEndPoint.Parse("192.0.2.1:5060"))] }, holder,
                time, time, holder.Log))
            .Message.ShouldStartWith("udp:192.0.2.1:5060 is no address of this machine");
    }

    [Theory]
    [InlineData("udp:0.0.0.0:5060", SipTransportKind.Udp, "0.0.0.0:5060")]
    [InlineData("TCP:[::]:5062", SipTransportKind.Tcp, "[::]:5062")]
    public void A_listener_is_read_from_its_text(string text, SipTransportKind kind, string local) =>
        SipListenerOptions.Parse(text).ShouldBe(new SipListenerOptions(kind, IPEndPoint.Parse(local)));

    [Theory]
    [InlineData("")]
    [InlineData("udp")]
    [InlineData("udp:")]
    [InlineData("udp:1.2.3.4")]
    [InlineData("sctp:1.2.3.4:5060")]
    [InlineData("udp:::1")]
    public void What_is_not_a_listener_is_refused(string text) => SipListenerOptions.Parse(text).ShouldBeNull();
}
