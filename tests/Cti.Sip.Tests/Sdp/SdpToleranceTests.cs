using System.Text;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

/// <summary>What devices really send: a line that nobody needs costs nothing, an odd one only the stream that needs it.</summary>
public sealed class SdpToleranceTests
{
    private static readonly LocalAudio Us = new("192.0.2.1", 20000, 42, 1, ["PCMA", "PCMU"]);

    private static SdpSession Parse(string text)
    {
        SdpParser.TryParse(Encoding.UTF8.GetBytes(text), out var session, out var rejection).ShouldBeTrue(rejection.ToString());
        return session!;
    }

    private static NegotiatedAudio Agreed(string text)
    {
        var outcome = SdpNegotiator.Answer(Parse(text), Us);
        outcome.Refusal.ShouldBe(SdpRefusal.None);
        return outcome.Audio!;
    }

    private const string Good = "v=0|o=- 1 1 IN IP4 198.51.100.7|s=-|c=IN IP4 198.51.100.7|t=0 0|m=audio 4000 RTP/AVP 8 101|a=rtpmap:8 PCMA/8000|a=rtpmap:101 "
        + "telephone-event/8000|a=sendrecv|";

    private static string Lines(string text, string end = "\r\n") => text.Replace("|", end, StringComparison.Ordinal);

    [Theory]
    [InlineData("o=- 1001 1 IN IP4")]
    [InlineData("o=- 1001 1 IN ")]
    [InlineData("o=")]
    [InlineData("o=-")]
    [InlineData("o=two words 1 1 IN IP4 198.51.100.7")]
    [InlineData("o=- 0x1F -1 IN IP4 198.51.100.7")]
    [InlineData("o=- 1 1 ATM NSAP 47.0091")]
    public void Nothing_of_the_origin_decides_anything(string origin) =>
        Agreed(Lines(Good.Replace("o=- 1 1 IN IP4 198.51.100.7", origin, StringComparison.Ordinal))).RemoteAddress.ShouldBe("198.51.100.7");

    [Theory]
    [InlineData("o=- 1 1 IN IP4 198.51.100.7|")]
    [InlineData("s=-|")]
    [InlineData("t=0 0|")]
    [InlineData("v=0|")]
    [InlineData("a=sendrecv|")]
    [InlineData("a=rtpmap:8 PCMA/8000|")]
    public void A_line_may_be_missing(string line) =>
        Agreed(Lines(Good.Replace(line, "", StringComparison.Ordinal)))
            .ShouldBe(new NegotiatedAudio("198.51.100.7", 4000, "198.51.100.7", 4001, "PCMA", 8, 101, true, true));

    public static TheoryData<string, string> Anywhere
    {
        get
        {
            string[] odd =
            [
                "", "   ", "y=0100000001", "f=v/////a/1/8/1", "a=X-vendor info 12", "a=", "a=:", "a=:value", "a=ptime:", "a=ptime:twenty", "a=maxptime:-1",
                "a=fmtp:",
                "a=rtpmap:", "a=rtpmap:x", "a=rtpmap:300 PCMA/8000", "e=a@example.com", "p=+1", "u=http://x", "b=AS:64", "b=", "r=7d 1h 0 25h", "z=",
                "k=prompt", "i=",
                "t=", "t=0", "t=now later", "s=", "s=again", "o=again", "c=", "c=IN", "c=IN IP4", "c=IN IP4 /127", "nonsense", "=", "m", "M=audio",
                "X-Junk", "v=0",
                "\0", "a=b\0c", "é=ü", "a=\u00e9:1", "x=" + new string('y', 900),
            ];
            var data = new TheoryData<string, string>();
            foreach (var line in odd)
            {
                foreach (var before in new[] { "v=0", "o=", "s=-", "c=", "t=0", "a=rtpmap:101", "a=sendrecv" }) data.Add(line, before);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Anywhere))]
    public void A_line_of_no_concern_is_passed_over_wherever_it_stands(string line, string before)
    {
        // What takes the place of a missing line is another matter: that is so at the ends of the description.
        if (line.StartsWith("s=", StringComparison.Ordinal) || line.StartsWith("v=", StringComparison.Ordinal)) before = "a=sendrecv";
        Agreed(Lines(Good.Replace("|" + before, $"|{line}|{before}", StringComparison.Ordinal)))
            .ShouldBe(new NegotiatedAudio("198.51.100.7", 4000, "198.51.100.7", 4001, "PCMA", 8, 101, true, true));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r")]
    [InlineData("\r\n")]
    [InlineData("\n\r")]
    [InlineData("\r\r\n")]
    [InlineData(" \r\n")]
    [InlineData("\t\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("\r\n ")]
    public void Lines_end_in_any_way(string end) => Agreed(Lines(Good, end)).TelephoneEventPayloadType.ShouldBe(101);

    [Theory]
    [InlineData("\uFEFF", "")]
    [InlineData("\r\n", "")]
    [InlineData("\n \n", "\0")]
    [InlineData("", "\r\n\r\n\0\0")]
    [InlineData("", "-- \r\nsent by a phone")]
    public void What_stands_before_and_behind_it_is_passed_over(string before, string behind) =>
        Agreed(before + Lines(Good) + behind).RemotePort.ShouldBe(4000);

    [Theory]
    [InlineData("a=rtpmap: 101 telephone-event/8000")]
    [InlineData("a=rtpmap:101  telephone-event/8000")]
    [InlineData("a=rtpmap:101\ttelephone-event/8000")]
    [InlineData("a = rtpmap : 101 telephone-event/8000 ")]
    [InlineData("a=rtpmap:101 telephone-event / 8000")]
    [InlineData("a=rtpmap:101 Telephone-Event/8000/1")]
    [InlineData("a=rtpmap:101 telephone-event")]
    [InlineData("a=RTPMAP:101 telephone-event/8000")]
    [InlineData("a=rtpmap:0101 telephone-event/8000")]
    public void Blanks_and_case_cost_no_keys(string line) =>
        Agreed(Lines(Good.Replace("a=rtpmap:101 telephone-event/8000", line, StringComparison.Ordinal))).TelephoneEventPayloadType.ShouldBe(101);

    [Theory]
    [InlineData("a= sendonly")]
    [InlineData("a=SendOnly")]
    [InlineData("a=sendonly:")]
    [InlineData(" a=sendonly")]
    public void A_direction_is_understood(string line)
    {
        var audio = Agreed(Lines(Good.Replace("a=sendrecv", line, StringComparison.Ordinal)));
        (audio.Send, audio.Receive).ShouldBe((false, true));
    }

    [Theory]
    [InlineData("c=IN IP4 198.51.100.7/127")]
    [InlineData("c=in ip4 198.51.100.7")]
    [InlineData("c=IN  IP4\t198.51.100.7")]
    [InlineData("c= IN IP4 198.51.100.7")]
    [InlineData("c=IN 198.51.100.7")]
    [InlineData("c=198.51.100.7")]
    [InlineData("c=IN IP4 198.51.100.7 more")]
    [InlineData("c=IN IP4|c=IN IP4 198.51.100.7|c=IN IP4 198.51.100.9")]
    public void An_address_is_found(string line) =>
        Agreed(Lines(Good.Replace("c=IN IP4 198.51.100.7", line, StringComparison.Ordinal))).RemoteAddress.ShouldBe("198.51.100.7");

    [Theory]
    [InlineData("m=video 0 RTP/AVP", "m=video 0 RTP/AVP 0")]
    [InlineData("m=video 5000 RTP/AVP", "m=video 0 RTP/AVP 0")]
    [InlineData("m=video 0", "m=video 0 RTP/AVP 0")]
    [InlineData("m=video", "m=video 0 RTP/AVP 0")]
    [InlineData("m=application 0 UDP/BFCP", "m=application 0 UDP/BFCP *")]
    [InlineData("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel")]
    [InlineData("m=message 2855 TCP/MSRP *", "m=message 0 TCP/MSRP *")]
    [InlineData("m=image 0 udptl", "m=image 0 udptl *")]
    [InlineData("m=image 70000 udptl t38", "m=image 0 udptl t38")]
    [InlineData("m=audio 0 RTP/AVP", "m=audio 0 RTP/AVP 0")]
    [InlineData("m=audio 5000 RTP/AVP", "m=audio 0 RTP/AVP 0")]
    [InlineData("m=audio x RTP/AVP 8", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=audio 65536 RTP/AVP 8", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=audio -1 RTP/AVP 8", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=audio 5000/x RTP/AVP 8", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=audio 5000 RTP/AVP 18", "m=audio 0 RTP/AVP 18")]
    [InlineData("m=audio 5000 RTP/SAVPF 8", "m=audio 0 RTP/SAVPF 8")]
    [InlineData("m=audio 5000 RTP/AVP 8|c=IN IP6 2001:db8::7", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=audio 5000 RTP/AVP 8|c=IN IP4 224.0.1.1/127", "m=audio 0 RTP/AVP 8")]
    [InlineData("m=x-new 1 what", "m=x-new 0 what *")]
    [InlineData("m=", "m=x 0 RTP/AVP 0")]
    public void Every_stream_that_is_not_used_is_refused_in_its_place(string line, string answered)
    {
        var good = Lines(Good);
        foreach (var offer in new[] { good + Lines(line + "|a=mid:2|"), good.Replace("m=audio", Lines(line + "|a=mid:1|m=audio"), StringComparison.Ordinal) })
        {
            var outcome = SdpNegotiator.Answer(Parse(offer), Us);
            outcome.Audio!.RemotePort.ShouldBe(4000);
            var lines = outcome.Local!.ToString().Split("\r\n").Where(text => text.StartsWith("m=", StringComparison.Ordinal)).ToArray();
            var isBehind = offer.StartsWith(good, StringComparison.Ordinal);
            lines.ShouldBe(isBehind ? ["m=audio 20000 RTP/AVP 8 101", answered] : [answered, "m=audio 20000 RTP/AVP 8 101"]);
        }
    }

    [Fact]
    public void A_stream_without_an_address_costs_only_itself()
    {
        var offer = Parse(Lines("v=0|m=audio 4000 RTP/AVP 8|m=audio 4002 RTP/AVP 8|c=IN IP4 198.51.100.7|"));
        SdpNegotiator.Answer(offer, Us).Audio!.RemotePort.ShouldBe(4002);
        SdpNegotiator.Answer(Parse(Lines("v=0|m=audio 4000 RTP/AVP 8|")), Us).Refusal.ShouldBe(SdpRefusal.UnusableAddress);
    }

    [Theory]
    [InlineData("m=audio 4000 RTP/AVP 8|m=video 0 RTP/AVP|")]
    [InlineData("m=video 0 RTP/AVP|m=audio 4000 RTP/AVP 8|")]
    [InlineData("m=audio 4000 RTP/AVP 18 8 9|")]
    [InlineData("m=AUDIO 4000 rtp/avp 8|")]
    [InlineData("m=audio 4000/1 RTP/AVP 08|")]
    public void An_answer_is_read_as_leniently(string media) =>
        SdpNegotiator.ApplyAnswer(SdpNegotiator.CreateOffer(Us), Parse(Lines("v=0|o=-|c=IN IP4 198.51.100.7|" + media))).Audio.ShouldNotBeNull()
            .RemotePort.ShouldBe(4000);

    [Theory]
    [InlineData("media.example", true)]
    [InlineData("sbc", true)]
    [InlineData("a-b_c.d1.example.", true)]
    [InlineData("198.51.100.7", false)]
    [InlineData("3221225985", false)]
    [InlineData("0x7f.1", false)]
    [InlineData("127.1", false)]
    [InlineData("0x7f000001", false)]
    [InlineData("localhost.0x7f", false)]
    [InlineData("2001:db8::7", false)]
    [InlineData("held.invalid", false)]
    [InlineData("invalid", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("..", false)]
    [InlineData("a..b", false)]
    [InlineData("media.example;x", false)]
    [InlineData("m\u00fcller.example", false)]
    public void Only_what_is_a_host_name_is_looked_up(string host, bool isName)
    {
        var sdp = Parse(Lines(Good.Replace("c=IN IP4 198.51.100.7", "c=IN IP4 " + host, StringComparison.Ordinal)));
        SdpNegotiator.HostToLookUp(sdp)?.Address.ShouldBe(host);
        (SdpNegotiator.HostToLookUp(sdp) is not null).ShouldBe(isName);
    }

    [Fact]
    public void Only_the_stream_that_will_be_used_has_its_host_looked_up()
    {
        SdpNegotiator.HostToLookUp(
            Parse(Lines("v=0|c=IN IP4 a.example|m=video 1 RTP/AVP 99|m=audio 0 RTP/AVP 8|m=audio 1 RTP/AVP 18|m=audio 2 RTP/AVP 8|c=IN IP4 b.example|")))!
            .Address.ShouldBe("b.example");
        SdpNegotiator.HostToLookUp(Parse(Lines("v=0|c=IN IP4 a.example|m=audio 2 RTP/AVP 8|c=IN IP4 198.51.100.7|"))).ShouldBeNull();
        SdpNegotiator.HostToLookUp(Parse(Lines($"v=0|c=IN IP4 {new string('a', 63)}.{new string('b', Limits.SdpHostCharsMax)}|m=audio 2 RTP/AVP 8|")))
            .ShouldBeNull();
    }

    [Fact]
    public void A_host_that_was_looked_up_stands_for_its_name()
    {
        var hosts = System.Collections.Immutable.ImmutableDictionary.Create<string, string>(StringComparer.OrdinalIgnoreCase)
            .Add("Media.example", "2001:db8::9");
        var sdp = Parse(Lines(Good.Replace("c=IN IP4 198.51.100.7", "c=IN IP4 media.EXAMPLE", StringComparison.Ordinal))).With(hosts);
        sdp.Connection.ShouldBe(new SdpConnection("IP6", "2001:db8::9"));
        SdpNegotiator.Answer(sdp, Us with { Address = "2001:db8::1" }).Audio!.RemoteAddress.ShouldBe("2001:db8::9");
    }

    [Fact]
    public void The_family_of_a_stream_is_one_that_we_have_where_the_offer_has_one()
    {
        var both = Parse(Lines("v=0|m=audio 1 RTP/AVP 8|c=IN IP6 2001:db8::7|m=audio 2 RTP/AVP 8|c=IN IP4 198.51.100.7|"));
        SdpNegotiator.PreferredFamily(both).ShouldBe(System.Net.Sockets.AddressFamily.InterNetworkV6);
        SdpNegotiator.PreferredFamily(both, family => family == System.Net.Sockets.AddressFamily.InterNetwork)
            .ShouldBe(System.Net.Sockets.AddressFamily.InterNetwork);
        SdpNegotiator.Answer(both, Us).Audio!.RemotePort.ShouldBe(2);
    }
}
