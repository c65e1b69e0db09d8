using System.Text;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

public sealed class SdpParserTests
{
    private const string Minimal = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

    [Fact]
    public void The_example_of_RFC_8866_is_read_in_full()
    {
        const string example = """
            v=0
            o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
            s=Call to John Smith
            i=SDP Offer #1
            u=http://www.jdoe.example.com/home.html
            e=Jane Doe <jane@jdoe.example.com>
            p=+1 617 555-6011
            c=IN IP4 198.51.100.1
            t=0 0
            m=audio 49170 RTP/AVP 0
            m=audio 49180 RTP/AVP 0
            m=video 51372 RTP/AVP 99
            c=IN IP6 2001:db8::2
            a=rtpmap:99 h263-1998/90000
            """;
        SdpParser.TryParse(example, out var session, out var rejection).ShouldBeTrue();
        rejection.ShouldBe(SdpRejection.None);
        session!.Origin.ShouldBe(new SdpOrigin("jdoe", "3724394400", "3724394405", "IP4", "198.51.100.1"));
        session.Name.ShouldBe("Call to John Smith");
        session.Media.Select(m => (m.Kind, m.Port)).ShouldBe([("audio", 49170), ("audio", 49180), ("video", 51372)]);
        session.ConnectionOf(session.Media[0])!.Address.ShouldBe("198.51.100.1");
        session.ConnectionOf(session.Media[2]).ShouldBe(new SdpConnection("IP6", "2001:db8::2"));
        session.Media[2].AttributeValue("rtpmap").ShouldBe("99 h263-1998/90000");
        session.DirectionOf(session.Media[0]).ShouldBe(SdpDirection.SendReceive);
    }

    [Fact]
    public void What_is_written_reads_back_and_is_written_the_same()
    {
        const string text = "v=0\r\no=- 7 8 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\na=sendonly\r\n" +
            "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n" +
            "m=video 0 RTP/AVP 99\r\nc=IN IP4 192.0.2.9\r\na=inactive\r\n";
        SdpParser.TryParse(text, out var session, out _).ShouldBeTrue();
        session!.ToString().ShouldBe(text);
        session.DirectionOf(session.Media[0]).ShouldBe(SdpDirection.SendOnly);
        session.DirectionOf(session.Media[1]).ShouldBe(SdpDirection.Inactive);
    }

    [Theory]
    [InlineData("", SdpRejection.Empty)]
    [InlineData("\r\n\r\n", SdpRejection.Empty)]
    [InlineData("v=1\r\n", SdpRejection.BadVersion)]
    [InlineData("o=- 1 2 IN IP4 192.0.2.1\r\n", SdpRejection.BadVersion)]
    [InlineData("nonsense\r\n", SdpRejection.BadVersion)]
    [InlineData("{\"m\":1}", SdpRejection.BadVersion)]
    public void What_is_wrong_has_a_name(string text, SdpRejection expected)
    {
        SdpParser.TryParse(text, out var session, out var rejection).ShouldBeFalse();
        rejection.ShouldBe(expected);
        session.ShouldBeNull();
    }

    [Fact]
    public void Bounds_are_kept()
    {
        SdpParser.TryParse(Minimal + string.Concat(Enumerable.Repeat("a=x\r\n", Limits.SdpLinesMax)), out _, out var lines).ShouldBeFalse();
        lines.ShouldBe(SdpRejection.TooManyLines);
        SdpParser.TryParse(Minimal + string.Concat(Enumerable.Repeat("m=audio 1 RTP/AVP 0\r\n", Limits.SdpMediaMax)), out _, out var media).ShouldBeFalse();
        media.ShouldBe(SdpRejection.TooManyMedia);
        SdpParser.TryParse(Minimal + "m=audio 1 RTP/AVP" + string.Concat(Enumerable.Repeat(" 0", Limits.SdpFormatsMax + 1)), out var formats, out _)
            .ShouldBeTrue();
        formats!.Media[1].Formats.Length.ShouldBe(Limits.SdpFormatsMax);
        SdpParser.TryParse(Minimal + string.Concat(Enumerable.Repeat("nothing\n", Limits.SdpLinesMax)), out _, out var unplaced).ShouldBeFalse();
        unplaced.ShouldBe(SdpRejection.TooManyLines);
        SdpParser.TryParse(Minimal + "a=" + new string('x', Limits.SdpBytesMax), out _, out var bytes).ShouldBeFalse();
        bytes.ShouldBe(SdpRejection.TooLarge);
    }

    [Fact]
    public void Cut_at_every_length_it_is_read_or_rejected_by_name()
    {
        var whole = Encoding.ASCII.GetBytes(Minimal);
        for (var length = 0; length < whole.Length; length++)
        {
            var read = SdpParser.TryParse(whole.AsSpan(0, length), out var session, out var rejection);
            (session is not null).ShouldBe(read);
            read.ShouldBe(length >= 3);
            (rejection == SdpRejection.None).ShouldBe(read);
        }
    }

    [Theory]
    [InlineData("v=0\no=- 1 2 IN IP4 a\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n\n")]
    [InlineData("v=0 \r\no=-  1 2 IN IP4 a\r\nc=IN IP4 192.0.2.1 \r\nm=audio 4000 RTP/AVP 0 ")]
    public void Sloppy_line_ends_and_missing_lines_are_tolerated(string text)
    {
        SdpParser.TryParse(text, out var session, out _).ShouldBeTrue();
        session!.ToString().ShouldBe("v=0\r\no=- 1 2 IN IP4 a\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n");
    }
}
