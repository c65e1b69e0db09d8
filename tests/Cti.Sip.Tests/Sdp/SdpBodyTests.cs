using System.Text;
using Cti.Kernel;
using Cti.Sip.Sdp;

namespace Cti.Sip.Tests.Sdp;

public sealed class SdpBodyTests
{
    private const string Sdp = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    private const string Other = "v=0\r\nm=audio 9 RTP/AVP 9\r\n";

    private static string Find(string? type, string body) => Encoding.UTF8.GetString(SdpBody.Find(type, Encoding.UTF8.GetBytes(body)));

    private static string Part(string body, string? type = "application/sdp", string more = "") =>
        $"--b\r\n{(type is null ? "" : $"Content-Type: {type}\r\n")}{more}\r\n{body}\r\n";

    [Theory]
    [InlineData("application/sdp", true)]
    [InlineData("Application/SDP ; charset=utf-8", true)]
    [InlineData("application/sdp;", true)]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData(" ", true)]
    [InlineData("application/isup", false)]
    [InlineData("text/plain", false)]
    public void A_body_that_is_SDP_is_found_by_its_type_or_its_beginning(string? type, bool isFound) => Find(type, Sdp).ShouldBe(isFound ? Sdp : "");

    [Theory]
    [InlineData("\r\n" + Sdp)]
    [InlineData("\n \n" + Sdp)]
    [InlineData("\uFEFF" + Sdp)]
    public void What_stands_before_it_does_not_hide_it(string body) => Find(null, body).ShouldBe(body);

    [Theory]
    [InlineData("hello")]
    [InlineData("o=- 1 1 IN IP4 a")]
    [InlineData("\r\n\r\n")]
    [InlineData("")]
    public void What_is_no_SDP_is_none(string body)
    {
        Find(null, body).ShouldBe("");
        Find("multipart/mixed;boundary=b", body).ShouldBe("");
    }

    [Theory]
    [InlineData("mixed")]
    [InlineData("related")]
    [InlineData("alternative")]
    [InlineData("signed")]
    [InlineData("x-unheard-of")]
    public void Every_kind_of_multipart_is_searched(string subtype)
    {
        var body = Part("abc", "application/isup") + Part(Sdp) + "--b--\r\n";
        Find($"multipart/{subtype};boundary=b", body).ShouldBe(Sdp);
        Find($"Multipart/{subtype.ToUpperInvariant()} ; type=\"application/sdp\" ; Boundary = b", body).ShouldBe(Sdp);
    }

    [Theory]
    [InlineData("multipart/mixed;boundary=\"x y\"", "x y")]
    [InlineData("multipart/mixed; boundary=\"a;b=c\"; type=\"x;boundary=no\"", "a;b=c")]
    [InlineData("multipart/mixed; type=\"x;boundary=no\"; boundary=yes", "yes")]
    [InlineData("multipart/mixed; boundary=\"q\\\"q\"", "q\"q")]
    [InlineData("multipart/mixed", "unnamed")]
    [InlineData("multipart/mixed; boundary=", "unnamed")]
    public void A_boundary_is_found_however_it_is_written(string type, string boundary) =>
        Find(type, Part(Sdp).Replace("--b", "--" + boundary, StringComparison.Ordinal) + $"--{boundary}--").ShouldBe(Sdp);

    [Theory]
    [InlineData("preamble --b\r\n--bc\r\n", "\r\n--b--\r\nepilogue\r\n--b\r\n")]
    [InlineData("", "\r\n--b \t\r\nContent-Type: x/y\r\n\r\n")]
    [InlineData("", "\r\n--b--")]
    [InlineData("", "")]
    public void Preamble_epilogue_and_a_missing_end_do_no_harm(string before, string behind) =>
        Find("multipart/mixed;boundary=b", before + $"--b\r\nContent-Type: application/sdp\r\n\r\n{Sdp}" + behind).ShouldBe(Sdp);

    [Fact]
    public void Lines_may_end_with_LF_alone()
    {
        var body = (Part("abc", "application/isup") + Part(Sdp) + "--b--\r\n").Replace("\r\n", "\n", StringComparison.Ordinal);
        Find("multipart/related;boundary=b", body).ShouldBe(Sdp.Replace("\r\n", "\n", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--b\r\n\r\n" + Sdp + "--b--")]
    [InlineData("--b\r\n" + Sdp + "--b--")]
    [InlineData("--b\r\nContent-ID: <1@a>\r\n\r\n" + Sdp + "--b--")]
    [InlineData("--b\r\nContent-Type:\r\n\r\n" + Sdp + "--b--")]
    public void A_part_without_a_type_is_judged_by_its_beginning(string body) => Find("multipart/mixed;boundary=b", body).ShouldBe(Sdp[..^2]);

    [Fact]
    public void Headers_of_a_part_may_be_folded_and_of_any_case() =>
        Find("multipart/mixed;boundary=b", $"--b\r\nCONTENT-TYPE :\r\n application/sdp\r\nContent-Disposition: session;\r\n\thandling=optional\r\n\r\n{Sdp}\r\n"
            + "--b--").ShouldBe(Sdp);

    [Fact]
    public void Parts_within_parts_are_searched_to_a_bound()
    {
        var body = Sdp;
        var type = "application/sdp";
        for (var depth = 1; depth <= Limits.SipBodyDepthMax + 1; depth++)
        {
            body = $"--b{depth}x\r\nContent-Type: {type}\r\n\r\n{body}\r\n--b{depth}x--\r\n";
            type = $"multipart/mixed;boundary=b{depth}x";
            Find(type, body).ShouldBe(depth <= Limits.SipBodyDepthMax ? Sdp : "");
        }
    }

    [Fact]
    public void An_inner_end_that_is_missing_ends_with_the_outer_part() =>
        Find("multipart/mixed;boundary=b",
            Part($"--i\r\nContent-Type: application/sdp\r\n\r\n{Sdp}", "multipart/alternative;boundary=i") + Part("x", "text/plain") + "--b--").ShouldBe(Sdp);

    [Fact]
    public void Of_alternatives_the_last_counts_and_of_others_the_first()
    {
        var body = Part(Other) + Part(Sdp) + Part("x", "text/plain") + "--b--";
        Find("multipart/alternative;boundary=b", body).ShouldBe(Sdp);
        Find("multipart/mixed;boundary=b", body).ShouldBe(Other);
    }

    [Fact]
    public void Early_media_of_another_session_is_not_taken_for_it() =>
        Find("multipart/mixed;boundary=b", Part(Other, more: "Content-Disposition: early-session\r\n") + Part(Sdp) + "--b--").ShouldBe(Sdp);

    [Fact]
    public void Parts_are_counted()
    {
        string Parts(int others) => string.Concat(Enumerable.Repeat(Part("x", "text/plain"), others)) + Part(Sdp) + "--b--";
        Find("multipart/mixed;boundary=b", Parts(Limits.SipBodyPartsMax - 1)).ShouldBe(Sdp);
        Find("multipart/mixed;boundary=b", Parts(Limits.SipBodyPartsMax)).ShouldBe("");
    }

    [Theory]
    [InlineData("base64")]
    [InlineData("BASE64")]
    [InlineData("quoted-printable")]
    [InlineData("8bit")]
    [InlineData("binary")]
    [InlineData("7bit")]
    public void A_part_that_was_made_fit_for_mail_is_read(string encoding)
    {
        var content = encoding.ToUpperInvariant() switch
        {
            "BASE64" => Convert.ToBase64String(Encoding.ASCII.GetBytes(Sdp), Base64FormattingOptions.InsertLineBreaks),
            "QUOTED-PRINTABLE" => Sdp.Replace("=", "=3D", StringComparison.Ordinal).Replace("IN IP4", "IN=20I=\r\nP4", StringComparison.Ordinal),
            _ => Sdp,
        };
        var found = Find("multipart/mixed;boundary=b", Part(content, more: $"Content-Transfer-Encoding: {encoding}\r\n") + "--b--");
        found.ReplaceLineEndings("\n").ShouldBe(Sdp.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("base64", "dj0wDQo=x=")]
    [InlineData("base64", "***")]
    [InlineData("quoted-printable", "=")]
    public void A_broken_or_endless_encoding_is_nothing(string encoding, string content)
    {
        _ = Find("multipart/mixed;boundary=b", Part(content, more: $"Content-Transfer-Encoding: {encoding}\r\n") + "--b--");
        var endless = Convert.ToBase64String(new byte[3 * Limits.SdpBytesMax]);
        Find("multipart/mixed;boundary=b", Part(endless, more: "Content-Transfer-Encoding: base64\r\n") + "--b--").ShouldBe("");
    }

    [Fact]
    public void Cut_at_every_length_nothing_breaks()
    {
        var body = Encoding.ASCII.GetBytes(Part("abc", "application/isup") + Part("--i\r\n\r\n" + Sdp + "--i--", "multipart/alternative;boundary=\"i\"")
            + "--b--\r\n");
        var found = 0;
        for (var length = 0; length <= body.Length; length++)
        {
            if (!SdpBody.Find("multipart/mixed;boundary=b", body.AsSpan(0, length)).IsEmpty) found++;
        }
        found.ShouldBeGreaterThan(Sdp.Length);
    }
}
