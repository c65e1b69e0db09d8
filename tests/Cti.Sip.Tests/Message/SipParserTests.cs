using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Sip.Tests.Transaction;

namespace Cti.Sip.Tests.Message;

public sealed class SipParserTests
{
    private static readonly string Good = Texts.Request("OPTIONS");

    private static SipParseResult Datagram(string text) => SipParser.ParseDatagram(Texts.Bytes(text));

    private static SipParseResult Stream(string text) => SipParser.ParseStream(Texts.Bytes(text));

    private static string With(string from, string to) =>
        Good.Contains(from, StringComparison.Ordinal) ? Good.Replace(from, to, StringComparison.Ordinal) : throw new ArgumentException(from);

    [Theory]
    [InlineData("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKfar1\n", "", SipRejection.MissingHeader, 0)]
    [InlineData("Call-ID: far-call\n", "", SipRejection.MissingHeader, 400)]
    [InlineData("Call-ID: far-call\n", "Call-ID: a\ni: b\n", SipRejection.RepeatedHeader, 400)]
    [InlineData("Call-ID: far-call\n", "Call-ID:\n", SipRejection.BadHeaderValue, 400)]
    [InlineData("CSeq: 1 OPTIONS\n", "CSeq: 1 OPTIONS\nCSeq: 2 OPTIONS\n", SipRejection.RepeatedHeader, 400)]
    [InlineData("CSeq: 1 OPTIONS", "CSeq: 2147483648 OPTIONS", SipRejection.BadHeaderValue, 400)]
    [InlineData("CSeq: 1 OPTIONS", "CSeq: 1 BYE", SipRejection.MethodMismatch, 400)]
    [InlineData("CSeq: 1 OPTIONS", "CSeq: 1", SipRejection.BadHeaderValue, 400)]
    [InlineData("Content-Length: 0", "Content-Length: 0\nl: 1", SipRejection.BadContentLength, 400)]
    [InlineData("Content-Length: 0", "Content-Length: 1", SipRejection.ShortBody, 400)]
    [InlineData("Content-Length: 0", "Content-Length: 99999999999999999999", SipRejection.BadContentLength, 400)]
    [InlineData("Content-Length: 0", "Content-Length: +0", SipRejection.BadContentLength, 400)]
    [InlineData("SIP/2.0\n", "SIP/3.0\n", SipRejection.BadVersion, 505)]
    [InlineData("SIP/2.0\n", "HTTP/1.1\n", SipRejection.BadStartLine, 0)]
    [InlineData("OPTIONS sip", "OPT(IONS sip", SipRejection.BadStartLine, 0)]
    [InlineData("sip:app@192.0.2.1 SIP", "sip:app@ SIP", SipRejection.BadRequestUri, 400)]
    public void A_request_that_is_not_acceptable_is_rejected_by_name(string from, string to, SipRejection rejection, int status)
    {
        var result = Datagram(With(from, to));
        result.Outcome.ShouldBe(SipParseOutcome.Rejected);
        result.Rejection.ShouldBe(rejection);
        result.Status.ShouldBe(status);
    }

    [Fact]
    public void An_ACK_and_a_response_are_never_answered()
    {
        Datagram(Texts.Request("ACK").Replace("CSeq: 1", "CSeq: x", StringComparison.Ordinal)).Status.ShouldBe(0);
        var response = "SIP/2.0 200 OK\n" + Good[(Good.IndexOf('\n', StringComparison.Ordinal) + 1)..];
        Datagram(response).Outcome.ShouldBe(SipParseOutcome.Message);
        var bad = Datagram(response.Replace("CSeq: 1 OPTIONS", "CSeq: x", StringComparison.Ordinal));
        bad.Outcome.ShouldBe(SipParseOutcome.Rejected);
        bad.Status.ShouldBe(0);
        Datagram(response.Replace("200 OK", "99 OK", StringComparison.Ordinal)).Rejection.ShouldBe(SipRejection.BadStatus);
        Datagram(response.Replace("200 OK", "700 OK", StringComparison.Ordinal)).Rejection.ShouldBe(SipRejection.BadStatus);
    }

    [Fact]
    public void A_line_with_a_lone_CR_or_LF_is_nobodys_and_what_it_hides_does_not_come_out_again()
    {
        var text = Good.ReplaceLineEndings("\r\n");
        foreach (var bad in (string[])[text.Replace("70\r\n", "70\nEvil: b\r\n", StringComparison.Ordinal),
            text.Replace("70\r\n", "70\rEvil: b\r\n", StringComparison.Ordinal),
            text.Replace("Max-Forwards: 70", "Subject: a\rb", StringComparison.Ordinal),
            text.Replace("Max-Forwards: 70", "Subject: a\nEvil: b", StringComparison.Ordinal)])
        {
            var result = SipParser.ParseDatagram(Encoding.UTF8.GetBytes(bad));
            result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
            (result.Message!.Has(HeaderId.MaxForwards) && result.Message.Has(HeaderId.Subject)).ShouldBeFalse();
            result.Message.Get("Evil").ShouldBeNull();
            var written = Encoding.UTF8.GetString(SipMessageWriter.ToArray(result.Message)).Replace("\r\n", "", StringComparison.Ordinal);
            written.ShouldNotContain("\n");
            written.ShouldNotContain("\r");
        }
        var needed = text.Replace("Call-ID: far-call", "Call-ID: far\nX: call", StringComparison.Ordinal);
        SipParser.ParseDatagram(Encoding.UTF8.GetBytes(needed)).Rejection.ShouldBe(SipRejection.MissingHeader);
    }

    [Fact]
    public void Keep_alives_are_empty_and_line_ends_before_a_message_are_skipped()
    {
        Datagram("\n\n").Rejection.ShouldBe(SipRejection.Empty);
        SipParser.ParseDatagram(new byte[] { 0 }.AsSpan()).Rejection.ShouldBe(SipRejection.Empty);
        Datagram("\n\n" + Good).Outcome.ShouldBe(SipParseOutcome.Message);
        Stream("\n\n").ShouldBe(new SipParseResult(SipParseOutcome.NeedMore, null, 0));
        SipParser.LeadingLineEnds("\r\n\r\n"u8).ShouldBe(4);
        var result = Stream("\n\n" + Good + "x");
        result.Outcome.ShouldBe(SipParseOutcome.Message);
        result.Consumed.ShouldBe(Texts.Bytes(Good).Length + 4);
    }

    [Fact]
    public void A_stream_without_Content_Length_is_answered_and_closed()
    {
        var result = Stream(With("Content-Length: 0\n", ""));
        result.Rejection.ShouldBe(SipRejection.NoContentLength);
        result.Status.ShouldBe(400);
        result.IsFatal.ShouldBeTrue();
        Datagram(With("Content-Length: 0\n", "")).Outcome.ShouldBe(SipParseOutcome.Message);
    }

    [Fact]
    public void What_is_too_large_is_rejected_without_being_buffered()
    {
        var large = Stream(With("Content-Length: 0", $"Content-Length: {Limits.SipMessageBytesMax}"));
        (large.Rejection, large.Status, large.IsFatal).ShouldBe((SipRejection.TooLarge, 413, true));
        var endless = Stream("OPTIONS sip:a@b SIP/2.0\nX: " + new string('x', Limits.SipMessageBytesMax));
        (endless.Rejection, endless.Status, endless.IsFatal).ShouldBe((SipRejection.TooLarge, 0, true));
        var many = new StringBuilder();
        for (var i = 0; i < Limits.SipHeadersMax; i++) many.Append("X: y\n");
        Datagram(With("Max-Forwards: 70\n", many.ToString())).Rejection.ShouldBe(SipRejection.TooManyHeaders);
    }

    [Theory]
    [InlineData("\0\0\0\0")]
    [InlineData("\u0016\u0003\u0001")]
    [InlineData("(no SIP")]
    [InlineData("GET: x")]
    [InlineData("E\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("<x>\r\nVia: x\r\nContent-Length: 0\r\n\r\n")]
    public void A_stream_that_cannot_become_SIP_is_closed_at_once(string text)
    {
        var result = Stream(text);
        result.IsFatal.ShouldBeTrue();
        result.Rejection.ShouldBe(SipRejection.BadStartLine);
    }

    [Fact]
    public void Compact_names_and_any_case_are_known_and_a_name_is_compared_after_its_hash()
    {
        foreach (var id in Enum.GetValues<HeaderId>())
        {
            if (id == HeaderId.Unknown) continue;
            var name = Encoding.ASCII.GetString(HeaderNames.Of(id).Span);
            HeaderNames.Find(Encoding.ASCII.GetBytes(name.ToUpperInvariant())).ShouldBe(id);
            HeaderNames.Find(Encoding.ASCII.GetBytes(name.ToLowerInvariant())).ShouldBe(id);
            // Same length, same first, middle and last letter, hence the same hash; another name.
            if (name.Length < 5) continue;
            var other = name.ToCharArray();
            other[1] = other[1] == 'q' ? 'z' : 'q';
            HeaderNames.Find(Encoding.ASCII.GetBytes(other)).ShouldBe(HeaderId.Unknown);
        }
        foreach (var (letter, id) in new[] { ('v', HeaderId.Via), ('F', HeaderId.From), ('t', HeaderId.To), ('i', HeaderId.CallId), ('m', HeaderId.Contact),
            ('L', HeaderId.ContentLength), ('c', HeaderId.ContentType), ('k', HeaderId.Supported), ('x', HeaderId.SessionExpires), ('r', HeaderId.ReferTo) })
        {
            HeaderNames.Find([(byte)letter]).ShouldBe(id);
        }
        HeaderNames.Find("z"u8).ShouldBe(HeaderId.Unknown);
        Encoding.ASCII.GetString(HeaderNames.Of(HeaderId.WwwAuthenticate).Span).ShouldBe("WWW-Authenticate");
        Encoding.ASCII.GetString(HeaderNames.Of(HeaderId.SessionExpires).Span).ShouldBe("Session-Expires");
    }

    [Theory]
    [InlineData("<sip:a@b>;tag=1", null, "sip:a@b", "1")]
    [InlineData("sip:a@b;tag=1", null, "sip:a@b", "1")]
    [InlineData("Alice <sip:a@b;transport=tcp> ; tag = 1", "Alice", "sip:a@b;transport=tcp", "1")]
    [InlineData("\"A \\\"<,;>\\\\\" <sip:a@b>;x=\"y;z\";tag=1", "A \"<,;>\\", "sip:a@b", "1")]
    [InlineData("\"\" <sip:a@b>", "", "sip:a@b", null)]
    [InlineData("Ünal Ö <sip:a@b>", "Ünal Ö", "sip:a@b", null)]
    public void An_address_is_taken_apart_and_written_again(string text, string? display, string uri, string? tag)
    {
        NameAddr.TryParse(text, out var value).ShouldBeTrue();
        value.Display.ShouldBe(display);
        value.Uri.Text.ShouldBe(uri);
        value.Tag.ShouldBe(tag);
        NameAddr.TryParse(value.ToString(), out var again).ShouldBeTrue();
        again.Display.ShouldBe(display);
        again.Uri.Text.ShouldBe(uri);
        again.Params.ToString().ShouldBe(value.Params.ToString());
    }

    [Fact]
    public void A_Via_of_IPv6_with_received_is_read()
    {
        var message = Datagram(Texts.Request("OPTIONS", via: "SIP/2.0/UDP [2001:db8::9:1]:5070;received=2001:db8::9:255;rport=4000")).Message!;
        message.TopVia.Host.ShouldBe("[2001:db8::9:1]");
        message.TopVia.Port.ShouldBe(5070);
        message.TopVia.Received.ShouldBe("2001:db8::9:255");
        message.TopVia.RPort.ShouldBe(4000);
    }
}
