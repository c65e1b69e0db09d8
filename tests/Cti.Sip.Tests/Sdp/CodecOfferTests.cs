using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

/// <summary>Offers and answers with G.722, Opus, comfort noise, and how long packets are to be.</summary>
public sealed class CodecOfferTests
{
    private static LocalAudio Us(params string[] codecs) => new("192.0.2.1", 20_000, 1, 1, [.. codecs]) { Able = AudioNames.Codecs };

    private static SdpSession Parse(string media)
    {
        var text = $"v=0\r\no=bob 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media.ReplaceLineEndings("\r\n")}\r\n";
        SdpParser.TryParse(System.Text.Encoding.UTF8.GetBytes(text), out var session, out var rejection).ShouldBeTrue(rejection.ToString());
        return session!;
    }

    private static string Line(SdpSession? session)
    {
        var media = session.ShouldNotBeNull().Media[0];
        return string.Join(' ', media.Formats) + " | "
            + string.Join(" | ", media.Attributes.Where(static one => one.Name is "rtpmap" or "fmtp").Select(static one => one.Value));
    }

    [Fact]
    public void An_offer_has_the_configured_codecs_in_their_order_and_keys_by_each_clock()
    {
        Line(SdpNegotiator.CreateOffer(Us("PCMA", "PCMU"))).ShouldBe("8 0 101 | 8 PCMA/8000 | 0 PCMU/8000 | 101 telephone-event/8000 | 101 0-15");
        Line(SdpNegotiator.CreateOffer(Us("opus", "G722", "PCMA")))
            .ShouldBe("111 9 8 101 110 | 111 opus/48000/2 | 111 useinbandfec=1 | 9 G722/8000 | 8 PCMA/8000 | "
                + "101 telephone-event/8000 | 101 0-15 | 110 telephone-event/48000 | 110 0-15");
        Line(SdpNegotiator.CreateOffer(Us("opus") with { TelephoneEventPayloadType = -1 })).ShouldBe("111 | 111 opus/48000/2 | 111 useinbandfec=1");
    }

    [Fact]
    public void Wideband_in_the_offer_does_not_cross_what_a_datagram_carries()
    {
        var plain = SdpNegotiator.CreateOffer(Us("PCMA", "PCMU")).ToBytes().Length;
        (SdpNegotiator.CreateOffer(Us("PCMA", "PCMU", "G722")).ToBytes().Length - plain).ShouldBeLessThan(30);
        (SdpNegotiator.CreateOffer(Us("PCMA", "PCMU", "G722", "opus")).ToBytes().Length - plain).ShouldBeLessThan(170);
    }

    [Theory]
    [InlineData("m=audio 4000 RTP/AVP 9 8 101\na=rtpmap:9 G722/8000\na=rtpmap:101 telephone-event/8000", "G722", 9, 101, "8 PCMA")]
    [InlineData("m=audio 4000 RTP/AVP 9 8", "G722", 9, -1, "8 PCMA")]
    [InlineData("m=audio 4000 RTP/AVP 99\na=rtpmap:99 g722/16000/1", "G722", 99, -1, null)]
    [InlineData("m=audio 4000 RTP/AVP 96 0 101 97\na=rtpmap:96 OPUS/48000/2\na=rtpmap:101 telephone-event/8000\na=rtpmap:97 telephone-event/48000",
        "opus", 96, 97, "0 PCMU,101 telephone-event")]
    [InlineData("m=audio 4000 RTP/AVP 0 96 101 97\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=rtpmap:97 telephone-event/48000",
        "PCMU", 0, 101, "96 opus,97 telephone-event/48000")]
    [InlineData("m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000", "opus", 96, 101, null)]
    [InlineData("m=audio 4000 RTP/AVP 8 13\na=rtpmap:13 CN/8000", "PCMA", 8, -1, "13 CN")]
    [InlineData("m=audio 4000 RTP/AVP 96 13\na=rtpmap:96 opus/48000/2", "opus", 96, -1, null)]
    [InlineData("m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 opus/16000/2", "PCMA", 8, -1, null)]
    public void An_offer_is_answered_with_what_both_have_in_its_order(string offered, string codec, int type, int events, string? others)
    {
        var outcome = SdpNegotiator.Answer(Parse(offered), Us("PCMA", "PCMU", "G722", "opus"));
        var audio = outcome.Audio.ShouldNotBeNull();
        (audio.Codec, audio.PayloadType, audio.TelephoneEventPayloadType, audio.AlsoReceived).ShouldBe((codec, type, events, others));
        // Both sides read the same out of it.
        var theirs = SdpNegotiator.ApplyAnswer(Parse(offered), outcome.Local!);
        (theirs.Audio!.Codec, theirs.Audio.PayloadType, theirs.Audio.TelephoneEventPayloadType).ShouldBe((codec, type, events));
    }

    [Fact]
    public void Who_has_no_wideband_is_answered_without_it()
    {
        var offer = Parse("m=audio 4000 RTP/AVP 9 96 8\na=rtpmap:96 opus/48000/2");
        SdpNegotiator.Answer(offer, Us("PCMA")).Audio!.Codec.ShouldBe("PCMA");
        SdpNegotiator.Answer(Parse("m=audio 4000 RTP/AVP 9"), Us("PCMA")).Refusal.ShouldBe(SdpRefusal.NoCommonCodec);
    }

    [Fact]
    public void Keys_that_go_by_another_clock_than_the_sound_are_known_as_such()
    {
        var offer = Parse("m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000");
        SdpNegotiator.Answer(offer, Us("opus")).Audio!.EventClock.ShouldBe(8_000);
        SdpNegotiator.Answer(Parse("m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/48000"), Us("opus"))
            .Audio!.EventClock.ShouldBe(0);
    }

    [Theory]
    [InlineData("", 20)]
    [InlineData("a=ptime:10", 10)]
    [InlineData("a=ptime:30", 30)]
    [InlineData("a=ptime:60", 60)]
    [InlineData("a=ptime:20.0", 20)]
    [InlineData("a=ptime:25", 20)]
    [InlineData("a=ptime:200", 60)]
    [InlineData("a=ptime:5", 20)]
    [InlineData("a=ptime:x", 20)]
    [InlineData("a=ptime:60\na=maxptime:40", 40)]
    [InlineData("a=maxptime:10", 10)]
    [InlineData("a=maxptime:150", 20)]
    [InlineData("a=maxptime:0", 20)]
    public void Packets_are_as_long_as_the_far_end_asks(string attributes, int millis)
    {
        var wishes = SdpNegotiator.Answer(Parse("m=audio 4000 RTP/AVP 8\n" + attributes), Us("PCMA")).Audio!.Wishes;
        (wishes?.PacketMillis ?? 20).ShouldBe(millis);
        if (millis == 20) wishes.ShouldBeNull();
    }

    [Theory]
    [InlineData("", 48_000, false, false)]
    [InlineData("a=fmtp:96 minptime=10;useinbandfec=1", 48_000, true, false)]
    [InlineData("a=fmtp:96 maxplaybackrate=16000; usedtx=1; useinbandfec=0; stereo=1; sprop-stereo=1", 16_000, false, true)]
    [InlineData("a=fmtp:96 maxplaybackrate=99999;usedtx;=;useinbandfec=yes", 48_000, false, false)]
    [InlineData("a=fmtp:97 useinbandfec=1", 48_000, false, false)]
    public void Opus_is_sent_as_the_far_end_wants_it(string attributes, int rate, bool fec, bool dtx)
    {
        var audio = SdpNegotiator.Answer(Parse("m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n" + attributes), Us("opus")).Audio!;
        (audio.Wishes ?? new SendingWishes()).ShouldBe(new SendingWishes(20, rate, fec, dtx));
    }

    [Fact]
    public void What_was_agreed_is_offered_again_first_with_its_payload_types_also_by_who_would_not_offer_it()
    {
        var theirs = Parse("m=audio 4000 RTP/AVP 8 96 9 101 97\n"
            + "a=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=rtpmap:97 telephone-event/48000");
        var answered = SdpNegotiator.Answer(theirs, Us("opus", "G722")).Local!;
        Line(answered).ShouldStartWith("96 9 97 101 |");
        var again = SdpNegotiator.CreateOffer(Us("PCMA"), answered);
        Line(again).ShouldBe("96 9 8 101 97 | 96 opus/48000/2 | 96 useinbandfec=1 | 9 G722/8000 | 8 PCMA/8000 | "
            + "101 telephone-event/8000 | 101 0-15 | 97 telephone-event/48000 | 97 0-15");
        again.Origin.Version.ShouldBe("2");
        SdpNegotiator.CreateOffer(Us("PCMA"), again).ShouldBe(again);
        // Without the library it cannot be.
        Line(SdpNegotiator.CreateOffer(Us("PCMA") with { Able = ["PCMA", "PCMU", "G722"] }, answered)).ShouldStartWith("9 8 101 |");
    }

    [Fact]
    public void A_payload_type_that_means_something_else_already_is_not_used_for_another_codec()
    {
        var theirs = Parse("m=audio 4000 RTP/AVP 8 111 110\na=rtpmap:111 telephone-event/8000\na=rtpmap:110 CN/8000");
        var answered = SdpNegotiator.Answer(theirs, Us("PCMA")).Local!;
        var again = SdpNegotiator.CreateOffer(Us("PCMA", "opus"), answered);
        var types = again.Media[0].Formats;
        types.Distinct().Count().ShouldBe(types.Length);
        Line(again).ShouldContain("112 opus/48000/2");
        Line(again).ShouldContain("111 telephone-event/8000");
    }

    [Fact]
    public void Where_every_payload_type_is_taken_what_has_none_is_left_out()
    {
        var all = string.Join(' ', Enumerable.Range(96, 32));
        var maps = string.Join('\n', Enumerable.Range(96, 32).Select(static type => $"a=rtpmap:{type} PCMA/8000"));
        var answered = SdpNegotiator.Answer(Parse($"m=audio 4000 RTP/AVP {all}\n{maps}"), Us("PCMA")).Local!;
        Line(SdpNegotiator.CreateOffer(Us("PCMA", "opus"), answered)).ShouldBe("96 | 96 PCMA/8000");
        // The number of our keys is theirs for something else.
        var other = SdpNegotiator.Answer(Parse("m=audio 4000 RTP/AVP 101\na=rtpmap:101 opus/48000/2"), Us("opus")).Local!;
        Line(SdpNegotiator.CreateOffer(Us("opus", "PCMA"), other)).ShouldStartWith("101 8 102 110 |");
    }

    [Fact]
    public void The_answer_may_choose_any_of_what_was_offered()
    {
        var offer = SdpNegotiator.CreateOffer(Us("PCMA", "G722", "opus"));
        var audio = SdpNegotiator.ApplyAnswer(offer,
            Parse("m=audio 4000 RTP/AVP 111 110\na=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\na=ptime:40")).Audio!;
        (audio.Codec, audio.PayloadType, audio.TelephoneEventPayloadType, audio.Wishes!.PacketMillis).ShouldBe(("opus", 111, 110, 40));
        // One that numbers by its own mind is sent by its numbers and heard by both.
        var other = SdpNegotiator.ApplyAnswer(offer, Parse("m=audio 4000 RTP/AVP 98\na=rtpmap:98 opus/48000/2")).Audio!;
        (other.PayloadType, other.AlsoReceived).ShouldBe((98, "111 opus"));
        SdpNegotiator.ApplyAnswer(offer, Parse("m=audio 4000 RTP/AVP 0")).Refusal.ShouldBe(SdpRefusal.NoCommonCodec);
    }
}
