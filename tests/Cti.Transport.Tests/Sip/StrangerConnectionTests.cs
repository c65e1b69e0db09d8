using System.Net;
using System.Net.Sockets;
using Cti.Sip;
using Cti.Transport.Sip;
using static Cti.Transport.Tests.Sip.SipTransportFixture;

namespace Cti.Transport.Tests.Sip;

/// <summary>Who gets a place in the table of connections, and who has to leave.</summary>
public sealed class StrangerConnectionTests
{
    private static readonly IPAddress TrunkAddress = IPAddress.Parse("127.0.0.2");

    private static SipTransportFixture Table(int max, int forTrunks, int perAddress = 100) => new(options => options with
    {
        ConnectionsMax = max,
        ConnectionsForTrunks = forTrunks,
        ConnectionsPerAddressMax = perAddress,
        IsTrunk = TrunkAddress.Equals,
    });

    private static Socket Connect(SipTransportFixture fixture, string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        socket.Connect(fixture.Tcp);
        return socket;
    }

    private static SipFlow Speak(SipTransportFixture fixture, Socket peer, string callId)
    {
        peer.Send(Options(callId));
        var received = fixture.NextReceived();
        received.Message.CallId.ShouldBe(callId);
        return received.Flow;
    }

    [Fact]
    public void Trunks_have_room_that_strangers_cannot_take()
    {
        using var fixture = Table(max: 3, forTrunks: 1);
        using var first = Connect(fixture);
        Speak(fixture, first, "first");
        using var second = Connect(fixture);
        Speak(fixture, second, "second");
        using var third = Connect(fixture);
        ReadToEnd(third).ShouldBe("");
        using var trunk = Connect(fixture, "127.0.0.2");
        Speak(fixture, trunk, "trunk");
        fixture.Transport.Snapshot().ConnectionsRefused.ShouldBe(1);
    }

    [Fact]
    public void The_stranger_that_has_been_idle_longest_makes_room_and_one_that_never_spoke_goes_before_all()
    {
        using var fixture = Table(max: 3, forTrunks: 0);
        using var oldest = Connect(fixture);
        Speak(fixture, oldest, "oldest");
        fixture.Time.Advance(2_000);
        using var spoken = Connect(fixture);
        Speak(fixture, spoken, "spoken");
        using var silent = Connect(fixture);
        Until(() => fixture.Transport.Snapshot().Connections == 3);
        fixture.Time.Advance(2_000);
        using var next = Connect(fixture);
        ReadToEnd(silent).ShouldBe("");
        Speak(fixture, next, "next");
        using var another = Connect(fixture);
        ReadToEnd(oldest).ShouldBe("");
        Speak(fixture, another, "another");
        fixture.Transport.Snapshot().ConnectionsEvicted.ShouldBe(2);
        Speak(fixture, spoken, "stillthere");
    }

    [Fact]
    public void A_trunk_and_what_we_open_find_room_where_strangers_are_idle()
    {
        using var fixture = Table(max: 2, forTrunks: 0);
        using var first = Connect(fixture);
        Speak(fixture, first, "first");
        using var second = Connect(fixture);
        Speak(fixture, second, "second");
        fixture.Time.Advance(1_500);
        using var trunk = Connect(fixture, "127.0.0.2");
        Speak(fixture, trunk, "trunk");
        using var listening = new TcpListener(IPAddress.Loopback, 0);
        listening.Start();
        fixture.Transport.Send(new SipFlow(SipTransportKind.Tcp, 1, (IPEndPoint)listening.LocalEndpoint), "hello"u8.ToArray(), 1);
        using var opened = listening.AcceptSocket();
        Read(opened, 5).ShouldBe("hello");
        ReadToEnd(first).ShouldBe("");
        ReadToEnd(second).ShouldBe("");
    }

    [Fact]
    public void A_connection_that_carries_a_call_stays_however_idle_it_is()
    {
        using var fixture = Table(max: 1, forTrunks: 0);
        using var caller = Connect(fixture);
        var flow = Speak(fixture, caller, "call");
        fixture.Transport.CountCall(flow, 1);
        fixture.Time.Advance(3_600_000);
        using var newcomer = Connect(fixture);
        ReadToEnd(newcomer).ShouldBe("");
        Speak(fixture, caller, "stillthere");
        fixture.Transport.CountCall(flow, -1);
        fixture.Time.Advance(2_000);
        using var next = Connect(fixture);
        ReadToEnd(caller).ShouldBe("");
        Speak(fixture, next, "next");
    }

    [Fact]
    public void An_address_that_has_its_part_makes_room_for_itself_and_not_for_others()
    {
        using var fixture = Table(max: 10, forTrunks: 0, perAddress: 2);
        using var neighbour = Connect(fixture, "127.0.0.3");
        Speak(fixture, neighbour, "neighbour");
        using var first = Connect(fixture);
        Speak(fixture, first, "first");
        using var second = Connect(fixture);
        Speak(fixture, second, "second");
        fixture.Time.Advance(2_000);
        Speak(fixture, second, "again");
        using var third = Connect(fixture);
        ReadToEnd(first).ShouldBe("");
        Speak(fixture, third, "third");
        Speak(fixture, neighbour, "stillthere");
    }

    [Fact]
    public void A_trunk_may_have_more_connections_than_any_other_address()
    {
        using var fixture = Table(max: 10, forTrunks: 2, perAddress: 1);
        using var first = Connect(fixture, "127.0.0.2");
        Speak(fixture, first, "first");
        using var second = Connect(fixture, "127.0.0.2");
        Speak(fixture, second, "second");
        using var stranger = Connect(fixture);
        Speak(fixture, stranger, "stranger");
        using var more = Connect(fixture);
        ReadToEnd(more).ShouldBe("");
    }

    [Theory]
    [InlineData("")]
    [InlineData("\r\n\r\n")]
    [InlineData("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0")]
    [InlineData("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n")]
    public void A_stranger_that_brings_no_message_within_ten_seconds_is_closed(string sent)
    {
        using var fixture = Table(max: 10, forTrunks: 2);
        using var peer = Connect(fixture);
        peer.Send(System.Text.Encoding.ASCII.GetBytes(sent));
        Until(() => fixture.Transport.Snapshot().Connections == 1);
        fixture.Time.Advance(9_000);
        fixture.Transport.Snapshot().Connections.ShouldBe(1);
        fixture.Time.Advance(3_000);
        Until(() => fixture.Transport.Snapshot().Connections == 0);
        fixture.Transport.Snapshot().ConnectionsTimedOut.ShouldBe(1);
    }

    [Fact]
    public void A_stranger_that_sends_nothing_but_garbage_is_closed()
    {
        using var fixture = Table(max: 10, forTrunks: 2);
        using var peer = Connect(fixture);
        Speak(fixture, peer, "good");
        for (var i = 0; i < 8; i++) peer.Send("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"u8);
        ReadToEnd(peer).ShouldBe("");
        Until(() => fixture.Transport.Snapshot().Connections == 0);
    }

    [Fact]
    public void Without_other_words_one_address_has_a_quarter_of_the_strangers_part()
    {
        var options = new SipTransportOptions { Listeners = [], ConnectionsMax = 400 };
        options.ConnectionsForTrunks.ShouldBe(100);
        options.ConnectionsPerAddressMax.ShouldBe(75);
    }
}
