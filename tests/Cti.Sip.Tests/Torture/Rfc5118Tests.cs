using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Tests.Dialog;

namespace Cti.Sip.Tests.Torture;

/// <summary>The situations of RFC 5118 (IPv6), each with the outcome that its section names.</summary>
public sealed class Rfc5118Tests
{
    private const string Via = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";

    private static SipParseResult Parse(string uri, string via = Via, string to = "<sip:user@example.com>", string more = "", string method = "REGISTER",
        string body = "") =>
        SipParser.ParseDatagram(System.Text.Encoding.ASCII.GetBytes(
            $"{method} {uri} SIP/2.0\r\nTo: {to}\r\nFrom: sip:user@example.com;tag=81x2\r\nVia: {via}\r\nCall-ID: SSG9559905523997077@[2001:db8::10]\r\n" +
            $"Max-Forwards: 70\r\n" +
            $"Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 {method}\r\n{more}Content-Length: {body.Length}\r\n\r\n{body}"));

    private static SipRequest Good(string uri, string via = Via, string to = "<sip:user@example.com>", string more = "", string method = "REGISTER",
        string body = "")
    {
        var result = Parse(uri, via, to, more, method, body);
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        return (SipRequest)result.Message!;
    }

    [Fact]
    public void Section_4_1_an_IPv6_reference() => Good("sip:[2001:db8::10]").Uri.Host.ShouldBe("[2001:db8::10]");

    [Fact]
    public void Section_4_2_an_address_without_brackets() => Parse("sip:2001:db8::10").Status.ShouldBe(400);

    [Fact]
    public void Section_4_3_and_4_4_a_port_within_the_brackets_and_one_behind_them()
    {
        var inside = Good("sip:[2001:db8::10:5070]").Uri;
        (inside.Host, inside.Port).ShouldBe(("[2001:db8::10:5070]", 0));
        var behind = Good("sip:[2001:db8::10]:5070").Uri;
        (behind.Host, behind.Port).ShouldBe(("[2001:db8::10]", 5070));
    }

    [Theory]
    [InlineData("[2001:db8::9:255]")]
    [InlineData("2001:db8::9:255")]
    public void Section_4_5_received_with_and_without_brackets(string received)
    {
        var via = Good("sip:[2001:db8::10]", $"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111").TopVia;
        (via.Host, via.Received, via.Branch).ShouldBe(("[2001:db8::9:1]", received, "z9hG4bKas3-111"));
    }

    [Fact]
    public void Section_4_6_and_4_8_addresses_in_a_session_description()
    {
        var body = "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed for today's meeting\r\nc=IN IP6 2001:db8::20\r\n" +
            "t=3338481189 3370017201\r\n" +
            "m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n";
        var invite = Good("sip:user@[2001:db8::10]", more: "Content-Type: application/sdp\r\n", method: "INVITE", body: body);
        SdpParser.TryParse(invite.Body.Span, out var sdp, out _).ShouldBeTrue();
        SdpNegotiator.Answer(sdp, Sdps.Us with { Address = "2001:db8::99" }).Audio!.RemoteAddress.ShouldBe("2001:db8::20");
    }

    [Fact]
    public void Section_4_7_addresses_of_both_families_in_one_message()
    {
        var request = Good("sip:user@example.com",
            $"{Via}, SIP/2.0/TCP [2001:db8::9:2];received=[2001:db8::9:255];branch=z9hG4bKk, SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKl", method: "BYE");
        request.Vias.Select(via => via.Host).ShouldBe(["[2001:db8::9:1]", "[2001:db8::9:2]", "192.0.2.1"]);
    }

    [Fact]
    public void Section_4_9_a_mapped_IPv4_address() => Good("sip:user@[::ffff:192.0.2.10]").Uri.Host.ShouldBe("[::ffff:192.0.2.10]");

    [Fact]
    public void Section_4_10_a_colon_too_many_as_the_grammar_of_RFC_3261_allows()
    {
        var request = Good("sip:user@[2001:db8:::192.0.2.1]", "SIP/2.0/UDP [2001:db8:::192.0.2.9]:5070;branch=z9hG4bKas3", "sip:user@[2001:db8:::192.0.2.1]",
            method: "OPTIONS");
        (request.Uri.Host, request.Uri.Text).ShouldBe(("[2001:db8::192.0.2.1]", "sip:user@[2001:db8:::192.0.2.1]"));
        request.To.Uri.Host.ShouldBe("[2001:db8::192.0.2.1]");
        (request.TopVia.Host, request.TopVia.Port).ShouldBe(("[2001:db8::192.0.2.9]", 5070));
    }
}
