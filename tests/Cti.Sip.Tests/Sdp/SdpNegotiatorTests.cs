using System.Net.Sockets;
using System.Text.Json;
using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

public sealed class SdpNegotiatorTests
{
    private static readonly LocalAudio Us = new("192.0.2.1", 20000, 42, 1, ["PCMA", "PCMU"]);
    private const string Head = "v=0\r\no=alice 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    private const string OurHead = "v=0\r\no=- 42 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

    private static SdpSession Parse(string text)
    {
        SdpParser.TryParse(text, out var session, out var rejection).ShouldBeTrue(rejection.ToString());
        return session!;
    }

    [Fact]
    public void Our_offer_has_our_codecs_in_our_order_and_telephone_events() =>
        SdpNegotiator.CreateOffer(Us).ToString().ShouldBe(OurHead +
            "m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n" +
            "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n");

    [Fact]
    public void The_answer_keeps_the_offerers_codecs_that_we_have_in_its_order_and_its_telephone_event_type()
    {
        var offer =
            Parse(Head + "m=audio 4000 RTP/AVP 9 18 0 8 96 97\r\na=rtpmap:96 telephone-event/16000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\n");
        var outcome = SdpNegotiator.Answer(offer, Us);
        outcome.Refusal.ShouldBe(SdpRefusal.None);
        outcome.Local!.ToString().ShouldBe(OurHead +
            "m=audio 20000 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n" +
            "a=ptime:20\r\na=sendrecv\r\n");
        outcome.Audio.ShouldBe(new NegotiatedAudio("198.51.100.7", 4000, "198.51.100.7", 4001, "PCMU", 0, 97, true, true, "8 PCMA"));
    }

    [Fact]
    public void A_codec_under_a_dynamic_type_keeps_that_type()
    {
        var outcome = SdpNegotiator.Answer(Parse(Head + "m=audio 4000 RTP/AVP 112\r\na=rtpmap:112 pcma/8000/1\r\n"), Us);
        outcome.Local!.Media[0].Formats.ShouldBe(["112"]);
        outcome.Local.Media[0].AttributeValue("rtpmap").ShouldBe("112 PCMA/8000");
        outcome.Audio.ShouldBe(new NegotiatedAudio("198.51.100.7", 4000, "198.51.100.7", 4001, "PCMA", 112, -1, true, true));
    }

    [Theory]
    [InlineData("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 SPEEX/8000\r\n", SdpRefusal.NoCommonCodec)]
    [InlineData("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n", SdpRefusal.NoCommonCodec)]
    [InlineData("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMU/8000/2\r\n", SdpRefusal.NoCommonCodec)]
    [InlineData("m=audio 4000 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\n", SdpRefusal.NoCommonCodec)]
    [InlineData("m=audio 4000 RTP/AVP 999 x\r\n", SdpRefusal.NoCommonCodec)]
    [InlineData("m=audio 4000 RTP/SAVP 0\r\n", SdpRefusal.UnsupportedProfile)]
    [InlineData("m=audio 4000 RTP/AVPF 0\r\n", SdpRefusal.UnsupportedProfile)]
    [InlineData("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n", SdpRefusal.UnsupportedProfile)]
    [InlineData("m=audio 0 RTP/AVP 0\r\n", SdpRefusal.Disabled)]
    [InlineData("m=video 4000 RTP/AVP 99\r\n", SdpRefusal.NoAudio)]
    [InlineData("", SdpRefusal.NoAudio)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 phone.example.com\r\n", SdpRefusal.UnusableAddress)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127\r\n", SdpRefusal.UnusableAddress)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255\r\n", SdpRefusal.UnusableAddress)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 3221225985\r\n", SdpRefusal.UnusableAddress)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n", SdpRefusal.UnusableAddress)]
    [InlineData("m=audio 4000 RTP/AVP 0\r\nc=IN IP6 ff02::1\r\n", SdpRefusal.UnusableAddress)]
    public void What_cannot_be_is_refused_with_its_reason(string media, SdpRefusal expected) =>
        SdpNegotiator.Answer(Parse(Head + media), Us).ShouldBe(new SdpOutcome(null, null, expected));

    [Fact]
    public void Other_streams_are_refused_in_their_place()
    {
        var offer = Parse(Head + "m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 4000 RTP/SAVP 0 8\r\nm=audio 4002 RTP/AVP 8 0\r\n"
            + "m=audio 4004 RTP/AVP 0\r\nm=image 6000 udptl t38\r\n");
        var outcome = SdpNegotiator.Answer(offer, Us);
        outcome.Local!.ToString().ShouldBe(OurHead +
            "m=video 0 RTP/AVP 99\r\nm=audio 0 RTP/SAVP 0 8\r\n" +
            "m=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n" +
            "m=audio 0 RTP/AVP 0\r\nm=image 0 udptl t38\r\n");
        outcome.Audio!.RemotePort.ShouldBe(4002);
    }

    [Theory]
    [InlineData("", "a=sendonly\r\n", "recvonly", false, true)]
    [InlineData("", "a=recvonly\r\n", "sendonly", true, false)]
    [InlineData("", "a=inactive\r\n", "inactive", false, false)]
    [InlineData("a=sendonly\r\n", "", "recvonly", false, true)]
    [InlineData("a=inactive\r\n", "a=sendrecv\r\n", "sendrecv", true, true)]
    [InlineData("", "c=IN IP4 0.0.0.0\r\n", "recvonly", false, true)]
    [InlineData("", "c=IN IP4 0.0.0.0\r\na=sendonly\r\n", "recvonly", false, true)]
    [InlineData("", "c=IN IP4 0.0.0.0\r\na=inactive\r\n", "inactive", false, false)]
    [InlineData("", "c=IN IP6 held.invalid\r\n", "recvonly", false, true)]
    [InlineData("", "c=IN IP6 0:0:0:0:0:0:0:0\r\n", "recvonly", false, true)]
    [InlineData("", "c=IN IP4 0.0.0.0/127\r\n", "recvonly", false, true)]
    public void Every_form_of_hold_is_understood(string session, string media, string answered, bool send, bool receive)
    {
        var outcome = SdpNegotiator.Answer(Parse(Head + session + "m=audio 4000 RTP/AVP 8\r\n" + media), Us);
        outcome.Local!.ToString().ShouldEndWith($"a=ptime:20\r\na={answered}\r\n");
        outcome.Audio!.Send.ShouldBe(send);
        outcome.Audio.Receive.ShouldBe(receive);
    }

    [Fact]
    public void What_we_do_not_want_to_send_is_not_promised()
    {
        var outcome = SdpNegotiator.Answer(Parse(Head + "m=audio 4000 RTP/AVP 8\r\n"), Us with { Direction = SdpDirection.ReceiveOnly });
        outcome.Local!.ToString().ShouldEndWith("a=recvonly\r\n");
        (outcome.Audio!.Send, outcome.Audio.Receive).ShouldBe((false, true));
    }

    [Theory]
    [InlineData("a=rtcp:5555\r\n", "198.51.100.7", 5555)]
    [InlineData("a=rtcp:5555 IN IP4 198.51.100.8\r\n", "198.51.100.8", 5555)]
    [InlineData("a=rtcp:5555 IN IP4 224.0.0.1\r\n", "198.51.100.7", 4001)]
    [InlineData("a=rtcp:70000\r\n", "198.51.100.7", 4001)]
    [InlineData("a=rtcp:x\r\n", "198.51.100.7", 4001)]
    [InlineData("", "198.51.100.7", 4001)]
    public void RTCP_goes_where_RFC_3605_says_or_one_port_above(string attribute, string address, int port)
    {
        var audio = SdpNegotiator.Answer(Parse(Head + "m=audio 4000 RTP/AVP 8\r\n" + attribute), Us).Audio!;
        (audio.RemoteRtcpAddress, audio.RemoteRtcpPort).ShouldBe((address, port));
    }

    [Fact]
    public void IPv6_is_answered_with_IPv6()
    {
        var offer = Parse("v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nt=0 0\r\nm=audio 65535 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n");
        SdpNegotiator.PreferredFamily(offer).ShouldBe(AddressFamily.InterNetworkV6);
        var outcome = SdpNegotiator.Answer(offer, Us with { Address = "2001:db8::1" });
        outcome.Local!.Connection.ShouldBe(new SdpConnection("IP6", "2001:db8::1"));
        outcome.Local.Origin.AddressType.ShouldBe("IP6");
        outcome.Audio.ShouldBe(new NegotiatedAudio("2001:db8::7", 65535, "2001:db8::7", 0, "PCMA", 8, -1, true, true));
        SdpNegotiator.Answer(offer, Us).Refusal.ShouldBe(SdpRefusal.UnusableAddress);
    }

    [Fact]
    public void The_offers_timing_is_repeated() =>
        SdpNegotiator.Answer(Parse(Head.Replace("t=0 0", "t=3034423619 0", StringComparison.Ordinal) + "m=audio 4000 RTP/AVP 8\r\n"), Us)
            .Local!.Timing.ShouldBe("3034423619 0");

    [Fact]
    public void A_reoffer_keeps_the_id_and_raises_the_version_only_with_a_change()
    {
        var first = SdpNegotiator.CreateOffer(Us);
        SdpNegotiator.CreateOffer(Us with { SessionId = 99, Version = 99 }, first).ShouldBeSameAs(first);
        var held = SdpNegotiator.CreateOffer(Us with { Direction = SdpDirection.SendOnly }, first);
        held.Origin.ShouldBe(first.Origin with { Version = "2" });
        SdpNegotiator.CreateOffer(Us with { Direction = SdpDirection.SendOnly }, held).Origin.Version.ShouldBe("2");
        var moved = SdpNegotiator.CreateOffer(Us with { Address = "192.0.2.2" }, held);
        moved.Origin.ShouldBe(new SdpOrigin("-", "42", "3", "IP4", "192.0.2.2"));
    }

    [Fact]
    public void A_reoffer_keeps_the_places_of_the_streams_and_the_meaning_of_payload_types()
    {
        var offer = Parse(Head + "m=video 5000 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n");
        var answer = SdpNegotiator.Answer(offer, Us).Local!;
        var reoffer = SdpNegotiator.CreateOffer(Us, answer);
        reoffer.Media.Select(m => (m.Kind, m.Port)).ShouldBe([("video", 0), ("audio", 20000)]);
        reoffer.Media[1].Formats.ShouldBe(["8", "0", "96"]);
        reoffer.Origin.Version.ShouldBe("2");
        var theirs = Parse(Head + "m=video 0 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n");
        SdpNegotiator.ApplyAnswer(reoffer, theirs).Audio!.TelephoneEventPayloadType.ShouldBe(96);
    }

    [Fact]
    public void An_unchanged_answer_keeps_its_version()
    {
        var offer = Parse(Head + "m=audio 4000 RTP/AVP 8\r\n");
        var first = SdpNegotiator.Answer(offer, Us).Local!;
        SdpNegotiator.Answer(offer, Us, first).Local.ShouldBeSameAs(first);
        var held = Parse(Head + "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n");
        SdpNegotiator.Answer(held, Us, first).Local!.Origin.Version.ShouldBe("2");
    }

    [Theory]
    [InlineData("m=audio 4000 RTP/AVP 8\r\n", SdpRefusal.None, "PCMA", -1, true, true)]
    [InlineData("m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", SdpRefusal.None, "PCMA", 101, true, true)]
    [InlineData("m=audio 4000 RTP/AVP 0 8 102\r\na=rtpmap:102 telephone-event/8000\r\n", SdpRefusal.None, "PCMU", 102, true, true,
        "8 PCMA,101 telephone-event")]
    [InlineData("m=audio 4000 RTP/AVP 8 0\r\n", SdpRefusal.None, "PCMA", -1, true, true, "0 PCMU")]
    [InlineData("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n", SdpRefusal.None, "PCMA", 96, true, true, "101 telephone-event")]
    [InlineData("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n", SdpRefusal.None, "PCMA", -1, true, false)]
    [InlineData("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n", SdpRefusal.None, "PCMA", -1, false, false)]
    [InlineData("m=audio 4000 RTP/AVP 8\r\nm=video 0 RTP/AVP 99\r\n", SdpRefusal.None, "PCMA", -1, true, true)]
    [InlineData("m=audio 0 RTP/AVP 8\r\n", SdpRefusal.Disabled, null, 0, false, false)]
    [InlineData("m=audio 4000 RTP/AVP 18\r\n", SdpRefusal.NoCommonCodec, null, 0, false, false)]
    [InlineData("m=video 4000 RTP/AVP 8\r\n", SdpRefusal.MediaMismatch, null, 0, false, false)]
    [InlineData("", SdpRefusal.MediaMismatch, null, 0, false, false)]
    public void Their_answer_settles_codec_and_direction(string media, SdpRefusal refusal, string? codec, int events, bool send, bool receive,
        string? others = null)
    {
        var outcome = SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Us), Parse(Head + media));
        outcome.Refusal.ShouldBe(refusal);
        if (codec is null) outcome.Audio.ShouldBeNull();
        else
            outcome.Audio.ShouldBe(new NegotiatedAudio("198.51.100.7", 4000, "198.51.100.7", 4001, codec, codec == "PCMA" ? 8 : 0, events, send, receive,
                others));
    }

    [Fact]
    public void An_answer_may_not_do_more_than_we_offered()
    {
        var outcome = SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Us with { Direction = SdpDirection.SendOnly }),
            Parse(Head + "m=audio 4000 RTP/AVP 8\r\n"));
        (outcome.Audio!.Send, outcome.Audio.Receive).ShouldBe((true, false));
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Us with { Codecs = ["PCMA"] }), Parse(Head + "m=audio 4000 RTP/AVP 0\r\n"))
            .Refusal.ShouldBe(SdpRefusal.NoCommonCodec);
    }

    [Fact]
    public void A_codec_that_they_number_otherwise_comes_by_both_numbers()
    {
        var audio = SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Us), Parse(Head + "m=audio 4000 RTP/AVP 112 0\r\na=rtpmap:112 PCMA/8000\r\n")).Audio!;
        (audio.Codec, audio.PayloadType, audio.AlsoReceived).ShouldBe(("PCMA", 112, "8 PCMA,0 PCMU"));
    }

    [Fact]
    public void What_was_negotiated_survives_the_journal()
    {
        var several = new NegotiatedAudio("2001:db8::7", 4000, "2001:db8::7", 4001, "PCMA", 8, 101, true, false, "0 PCMU,96 telephone-event");
        JsonSerializer.Deserialize<NegotiatedAudio>(JsonSerializer.Serialize(several)).ShouldBe(several);
        var audio = new NegotiatedAudio("2001:db8::7", 4000, "2001:db8::7", 4001, "PCMA", 8, 101, true, false);
        JsonSerializer.Deserialize<NegotiatedAudio>(JsonSerializer.Serialize(audio)).ShouldBe(audio);
    }
}
