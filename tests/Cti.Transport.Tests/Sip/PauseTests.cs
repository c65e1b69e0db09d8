using System.Net;
using System.Net.Sockets;
using System.Text;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Transport.Tests.Sip;

public sealed class PauseTests
{
    private readonly PauseGuard _guard = new(1_000_000_000);

    private SipTransportFixture Fixture()
    {
        var fixture = new SipTransportFixture(options => options with { PauseGuard = _guard });
        _guard.Beat(fixture.Time.MonotonicNanos);
        return fixture;
    }

    [Fact]
    public void After_a_pause_datagrams_are_neither_sent_nor_delivered_until_the_lease_is_renewed()
    {
        using var fixture = Fixture();
        using var peer = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        peer.Client.ReceiveTimeout = 10_000;
        peer.Send(SipTransportFixture.Options("before"), fixture.Udp);
        var flow = fixture.NextReceived().Flow;

        fixture.Time.Advance(1_001);
        peer.Send(SipTransportFixture.Options("during"), fixture.Udp);
        SipTransportFixture.Until(() => fixture.Transport.Snapshot().MutedDatagrams == 1);
        fixture.Transport.Send(flow, "too late"u8.ToArray(), 1);
        fixture.Transport.Send(new SipFlow(SipTransportKind.Tcp, 1, new IPEndPoint(IPAddress.Loopback, 9)), "too late"u8.ToArray(), 2);
        var counts = fixture.Transport.Snapshot();
        (counts.MutedSends, counts.DatagramsSent, counts.Connections).ShouldBe((2, 0, 0));

        _guard.Confirm(fixture.Time.MonotonicNanos);
        peer.Send(SipTransportFixture.Options("after"), fixture.Udp);
        fixture.NextReceived().Message.CallId.ShouldBe("after");
        fixture.Transport.Send(flow, "answer"u8.ToArray(), 3);
        IPEndPoint? from = null;
        Encoding.ASCII.GetString(peer.Receive(ref from)).ShouldBe("answer");
        (fixture.ReceivedWaiting, fixture.FailuresWaiting).ShouldBe((0, 0));
    }

    [Fact]
    public void What_a_stream_brings_waits_for_the_renewal_and_what_was_to_be_sent_is_gone()
    {
        using var fixture = Fixture();
        using var peer = fixture.Connect();
        peer.Send(SipTransportFixture.Options("before"));
        var flow = fixture.NextReceived().Flow;

        fixture.Time.Advance(1_001);
        peer.Send(SipTransportFixture.Options("during"));
        fixture.Transport.Send(flow, "too late"u8.ToArray(), 1);
        using (var knocking = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0)))
        {
            for (var i = 1; i <= 20; i++)
            {
                knocking.Send(SipTransportFixture.Options("knock"), fixture.Udp);
                SipTransportFixture.Until(() => fixture.Transport.Snapshot().MutedDatagrams == i);
            }
        }

        fixture.ReceivedWaiting.ShouldBe(0);
        _guard.Confirm(fixture.Time.MonotonicNanos);
        fixture.NextReceived().Message.CallId.ShouldBe("during");
        fixture.Transport.Send(flow, "answer"u8.ToArray(), 2);
        SipTransportFixture.Read(peer, 6).ShouldBe("answer");
        fixture.Transport.Snapshot().MutedSends.ShouldBe(1);
    }

    [Fact]
    public void A_connection_that_ends_while_nothing_may_be_said_is_not_waited_for()
    {
        var fixture = Fixture();
        using var peer = fixture.Connect();
        peer.Send(SipTransportFixture.Options("before"));
        fixture.NextReceived();
        fixture.Time.Advance(1_001);
        peer.Send(SipTransportFixture.Options("during"));
        fixture.Dispose();
        SipTransportFixture.ReadToEnd(peer).ShouldBeEmpty();
    }
}
