using System.Net;
using System.Text;
using Cti.Media;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Offers as devices really send them, through the whole node: bodies, address families, several codecs.</summary>
public sealed class OfferTests
{
    private readonly NodeBench _bench = new();
    private readonly RawPeer _phone;

    public OfferTests() => _phone = _bench.Peer("192.0.2.10");

    private void Invite(string contentType, string body, RawPeer? from = null)
    {
        var peer = from ?? _phone;
        peer.Send($"""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@host.example>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: call-1
            CSeq: 1 INVITE
            Contact: <sip:caller@{peer.Local}>
            {(contentType.Length == 0 ? "Supported: x" : $"Content-Type: {contentType}")}
            """, body);
    }

    private SipResponse Answer(RawPeer? by = null)
    {
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        return (by ?? _phone).Response(200);
    }

    private void Acknowledge(SipResponse ok, RawPeer? by = null)
    {
        var peer = by ?? _phone;
        peer.Send($"""
            ACK {ok.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bKack
            Max-Forwards: 70
            From: <sip:caller@host.example>;tag=caller
            To: {ok.Get(HeaderId.To)}
            Call-ID: call-1
            CSeq: 1 ACK
            """);
        _bench.Expect("sys.call.on_answer_completed");
    }

    [Theory]
    [InlineData("", "SDP")]
    [InlineData("multipart/related;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\nSDP\r\n--b--\r\n")]
    [InlineData("multipart/x-new;boundary=\"b b\"", "--b b\nContent-Type: application/sdp\n\nSDP")]
    [InlineData("multipart/mixed;boundary=o", "--o\r\nContent-Type: multipart/alternative;boundary=i\r\n\r\n--i\r\n\r\nSDP\r\n--i--\r\n--o--\r\n")]
    public void A_session_description_is_found_in_the_body(string contentType, string body)
    {
        Invite(contentType, body.Replace("SDP", _phone.Sdp(), StringComparison.Ordinal));
        Acknowledge(Answer());
        _bench.Media.Described.ShouldHaveSingleItem().Remote.ShouldBe(new IPEndPoint(_phone.Local.Address, 40000));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/isup\r\n\r\nx\r\n--b--\r\n")]
    [InlineData("", "hello")]
    [InlineData("text/plain", "v=0")]
    public void A_body_without_one_is_refused(string contentType, string body)
    {
        Invite(contentType, body);
        _phone.Response(415).Get(HeaderId.Accept).ShouldNotBeNull();
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    public static TheoryData<string> Odd =>
    [
        "v=0|o=- 1 1 IN IP4 192.0.2.10|s=-|c=IN IP4 192.0.2.10|t=0 0|m=audio 40000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/8000|m=video 0 RTP/AVP|",
        "v=0|o=- 1001 1 IN IP4|s=-|c=IN IP4 192.0.2.10|t=0 0|m=audio 40000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/8000|",
        "v=0|o=- 1001 1 IN |s=-|c=IN IP4 192.0.2.10|t=0 0|m=audio 40000 RTP/AVP 8 101|a=rtpmap:101 telephone-event/8000||a=sendrecv|",
        "v=0|o=34020000001320000001 0 0 IN IP4 192.0.2.10|s=Play|c=IN IP4 192.0.2.10|t=0 0|m=audio 40000 RTP/AVP 8 101|a=rtpmap:101 "
            + "telephone-event/8000|y=0100000001|f=v/////a/1/8/1|",
        "v=0|c=IN IP4 192.0.2.10|m=audio 40000 RTP/AVP 8 101|a=X-vendor info 12|a=rtpmap: 101 telephone-event/8000|e=late@example.com|k=|",
        "|m=application 0 UDP/BFCP|c=IN IP4 192.0.2.10|m=audio 40000 RTP/AVP 8 101|c=IN IP4 192.0.2.10|a=rtpmap:101 telephone-event/8000|m=audio 9 RTP/AVP|",
    ];

    [Theory]
    [MemberData(nameof(Odd))]
    public void What_devices_really_offer_is_answered(string sdp)
    {
        Invite("application/sdp", sdp.Replace("|", "\r\n", StringComparison.Ordinal));
        Acknowledge(Answer());
        ShouldReceive(AudioCodec.Pcma, 101);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Odd))]
    public void What_devices_really_answer_is_used(string sdp)
    {
        _bench.Construct("sip:far@192.0.2.10");
        _phone.Respond(_phone.Request("INVITE"), 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp",
            sdp.Replace("|", "\n", StringComparison.Ordinal));
        _phone.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        ShouldReceive(AudioCodec.Pcma, 101);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_body_of_nothing_but_line_ends_is_no_body()
    {
        Invite("", "\r\n\r\n");
        Encoding.ASCII.GetString(Answer().Body.Span).ShouldContain("m=audio ");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true, "IP6 2001:db8::7")]
    [InlineData(false, "IP4 198.51.100.7")]
    public void An_address_of_a_family_that_the_node_has_not_is_refused_with_its_reason(bool hasIPv4, string address)
    {
        _bench.Media.Families = (hasIPv4, !hasIPv4);
        Invite("application/sdp", _phone.Sdp().Replace("c=IN IP4 192.0.2.10", $"c=IN {address}", StringComparison.Ordinal));
        _phone.Response(488).Get(HeaderId.Warning).ShouldBe("301 cti \"Incompatible network address formats\"");
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Of_two_families_that_are_offered_the_one_is_taken_that_the_node_has()
    {
        _bench.Media.Families = (true, false);
        Invite("application/sdp", "v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nt=0 0\r\nm=audio 40002 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n"
            + "m=audio 40000 RTP/AVP 8\r\nc=IN IP4 192.0.2.10\r\n");
        var ok = Answer();
        Encoding.ASCII.GetString(ok.Body.Span).ShouldContain("m=audio 0 RTP/AVP 8\r\nm=audio 20000 RTP/AVP 8\r\n");
        Acknowledge(ok);
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(_phone.Local.Address);
    }

    [Fact]
    public void Where_we_make_the_offer_it_has_an_address_that_the_node_has()
    {
        _bench.Media.Families = (true, false);
        var six = _bench.Peer("2001:db8::10");
        Invite("", "", six);
        Encoding.ASCII.GetString(Answer(six).Body.Span).ShouldContain("c=IN IP4 ");
        _bench.Construct("sip:far@[2001:db8::10]");
        Encoding.ASCII.GetString(six.Request("INVITE").Body.Span).ShouldContain("c=IN IP4 ");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void All_agreed_codecs_are_answered_and_received_also_by_a_new_owner()
    {
        Invite("application/sdp", _phone.Sdp().Replace("RTP/AVP 8 101", "RTP/AVP 9 8 0 101", StringComparison.Ordinal));
        var ok = Answer();
        Encoding.ASCII.GetString(ok.Body.Span).ShouldContain("m=audio 20000 RTP/AVP 8 0 101\r\n");
        ShouldReceive(AudioCodec.Pcma, 101, new ReceivedFormat(0, AudioCodec.Pcmu));
        // Before the ACK the journal alone tells what was agreed.
        _bench.KillAndRestart();
        _phone.Response(200);
        ShouldReceive(AudioCodec.Pcma, 101, new ReceivedFormat(0, AudioCodec.Pcmu));
        Acknowledge(ok);
        var offer = _phone.Request("INVITE");
        Encoding.ASCII.GetString(offer.Body.Span).ShouldContain("RTP/AVP 8 0 101\r\n");
        _phone.Respond(offer, 200, "Contact: <sip:caller@192.0.2.10>\nContent-Type: application/sdp",
            _phone.Sdp().Replace("RTP/AVP 8 101", "RTP/AVP 0 8 101", StringComparison.Ordinal));
        _phone.Request("ACK");
        ShouldReceive(AudioCodec.Pcmu, 101, new ReceivedFormat(8, AudioCodec.Pcma));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void What_they_answer_under_other_numbers_comes_by_both()
    {
        _bench.Construct("sip:far@192.0.2.10");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp",
            _phone.Sdp().Replace("RTP/AVP 8 101", "RTP/AVP 8 0 96", StringComparison.Ordinal).Replace("rtpmap:101", "rtpmap:96", StringComparison.Ordinal));
        _phone.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        ShouldReceive(AudioCodec.Pcma, 96, new ReceivedFormat(0, AudioCodec.Pcmu), new ReceivedFormat(101, null));
    }

    private void ShouldReceive(AudioCodec codec, int events, params ReceivedFormat[] also)
    {
        var described = _bench.Media.Described.ShouldHaveSingleItem();
        (described.Codec, described.TelephoneEventPayloadType).ShouldBe((codec, events));
        described.AlsoReceived.ShouldBe(also);
    }
}
