using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Tests.Transaction;

namespace Cti.Sip.Tests.Message;

/// <summary>A field that a message's purpose does not need never costs the message; what identifies transaction and dialog does.</summary>
public sealed class ToleranceTests
{
    /// <summary>Lines that no message is in need of, as devices send them, or worse.</summary>
    public static TheoryData<string> Needless =>
    [
        "Expires: 60\nExpires: 60", "Expires: 60\nExpires: 61", "Expires: soon", "Session-Expires: 1800;refresher=uac\nSession-Expires: 1800;refresher=uac",
        "Session-Expires: much;;",
        "Min-SE: 90\nMin-SE: 90", "Max-Forwards: 69\nMax-Forwards: 70", "Max-Forwards: 256", "Max-Forwards: -1", "Max-Forwards:", "Content-Type:",
        "Content-Type: text", "Content-Type: a/b\nc: a/c",
        "X-Junk", "X-Junk without a colon", ": no name", "X Junk: y", "(): y", "X-Empty:", "RSeq: x\nRSeq: 1", "RAck: 1", "Supported: ,,;", "Allow: <>",
        "Require: \"x y\"", "Date: yesterday\nDate: tomorrow",
        "Route: sip:a@b>", "Route: <>", "Alert-Info: <", "Reason: SIP;cause=", "P-Asserted-Identity: \"", "Timestamp: \t", "Warning: 399",
        "Content-Disposition: ;;;", "Accept:", "Accept: x",
        "User-Agent: \u0001\u0002", "Privacy: ;", "Replaces: x;to-tag", "Content-Encoding:", "Content-Length: 0", "l: 0\nContent-Length: 0",
        "Subject: a\n b\n\tc", "X-Long: " + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];

    /// <summary>What would be needed elsewhere, but is not in a response, an ACK or a BYE.</summary>
    public static TheoryData<string> NeedlessOfWhatEnds =>
    [
        "Contact:", "Contact: ;", "Contact: <sip:bob@192.0.2.7>;", "Contact: <sip:bob@192.0.2.7:0>", "Contact: <sip:bob@192.0.2.7:99999>", "Contact: <<>>",
        "Contact: \"Bob", "Contact: *, *", "Contact: sip:a?b",
        "Record-Route: <", "Record-Route: <sip:p;lr>,,", "Content-Length: 7", "Content-Length: -1", "Content-Length: 99999999999999999999",
        "Content-Length: 0\nContent-Length: 1",
        "Via: nonsense", "Via: SIP/2.0/UDP", "Via:", "From: <sip:carol@192.0.2.9>;tag=far", "Require: nothing",
    ];

    private static SipParseResult Datagram(string text) => SipParser.ParseDatagram(Texts.Bytes(text));

    private static string Request(string method, string lines) => Texts.Request(method).Replace("Content-Length: 0", lines, StringComparison.Ordinal);

    private static string Response(string lines)
    {
        var text = Texts.Request("INVITE");
        return "SIP/2.0 200 OK" + text[text.IndexOf('\n', StringComparison.Ordinal)..].Replace("Content-Length: 0", lines, StringComparison.Ordinal);
    }

    private static SipMessage Taken(string text)
    {
        var result = Datagram(text);
        result.Outcome.ShouldBe(SipParseOutcome.Message, $"{result.Rejection}: {text}");
        var again = SipParser.ParseDatagram(SipMessageWriter.ToArray(result.Message!));
        again.Outcome.ShouldBe(SipParseOutcome.Message, $"written: {again.Rejection}");
        return result.Message!;
    }

    [Theory]
    [MemberData(nameof(Needless))]
    public void Nobody_loses_a_call_by_a_field_that_nobody_needs(string lines)
    {
        foreach (var method in new[] { "INVITE", "OPTIONS", "INFO", "UPDATE", "CANCEL" }) Taken(Request(method, lines)).CallId.ShouldBe("far-call");
        foreach (var text in new[] { Request("BYE", lines), Request("ACK", lines), Response(lines) }) Taken(text).CSeq.Number.ShouldBe(1u);
        var rules = new SipRequestRules(["INVITE"], [], ["application/sdp"]);
        SipRequestValidator.Find((SipRequest)Taken(Request("INVITE", lines)), rules).ShouldBeNull();
    }

    [Theory]
    [MemberData(nameof(NeedlessOfWhatEnds))]
    public void A_response_an_ACK_and_a_BYE_are_taken_while_they_tell_whose_they_are(string lines)
    {
        foreach (var text in new[] { Request("BYE", lines), Request("ACK", lines), Response(lines) }) Taken(text).TopVia.Branch.ShouldBe("z9hG4bKfar1");
    }

    [Theory]
    [InlineData("From: <sip:carol@192.0.2.9>;tag=far", "From: <sip:x@y>;tag=other", SipRejection.RepeatedHeader)]
    [InlineData("Call-ID: far-call", "Call-ID: other", SipRejection.RepeatedHeader)]
    [InlineData("CSeq: 1 ", "CSeq: 2 BYE", SipRejection.RepeatedHeader)]
    public void What_identifies_may_not_say_two_things(string line, string other, SipRejection rejection)
    {
        foreach (var text in new[] { Texts.Request("BYE"), Texts.Request("ACK"), Response("") })
        {
            text.ShouldContain(line);
            Datagram(text.Replace("Max-Forwards: 70", other, StringComparison.Ordinal)).Rejection.ShouldBe(rejection);
        }
    }

    [Theory]
    [InlineData("BYE bob SIP/2.0")]
    [InlineData("BYE  <sip:bob@192.0.2.1>  SIP/2.0")]
    [InlineData("BYE sip:bob@192.0.2.1;a=\"b c\" SIP/2.0")]
    [InlineData("BYE sip:bob@192.0.2.1 SIP/2.0 ")]
    public void A_BYE_ends_a_call_whatever_its_Request_URI(string line)
    {
        var text = Texts.Request("BYE");
        Taken(line + text[text.IndexOf('\n', StringComparison.Ordinal)..]).ShouldBeOfType<SipRequest>().Method.ShouldBe("BYE");
        var invite = Texts.Request("INVITE");
        var strict = Datagram(line.Replace("BYE", "INVITE", StringComparison.Ordinal) + invite[invite.IndexOf('\n', StringComparison.Ordinal)..]);
        if (!line.Contains('"', StringComparison.Ordinal)) strict.Status.ShouldBe(400);
    }

    [Theory]
    [InlineData("From: Bell, Alexander <sip:a@b>;tag=far", "far")]
    [InlineData("From: \"Bell <sip:a@b>;tag=far", "far")]
    [InlineData("From: sip:a?b;tag=far", "far")]
    [InlineData("From: <sip:a@b;x=y>;tag=\"a b\"", "\"a b\"")]
    [InlineData("From: <sip:a@b>;tag=a<b>,c d", "a<b>,c d")]
    [InlineData("From: <sip:a@b>;;TAG=far;", "far")]
    [InlineData("From: <nobody>;tag=far", "far")]
    [InlineData("From: nobody;tag=far", "far")]
    public void A_tag_is_found_and_compared_as_text(string from, string tag)
    {
        var taken = Taken(Texts.Request("BYE").Replace(Texts.Line(Texts.Request("BYE"), "From"), from, StringComparison.Ordinal));
        taken.From.Tag.ShouldBe(tag);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("Gespräch 7 @ Büro")]
    [InlineData("<\"@@{}>")]
    [InlineData(",;=")]
    public void A_Call_ID_is_any_text(string callId)
    {
        Taken(Texts.Request("INVITE").Replace("far-call", callId, StringComparison.Ordinal)).CallId.ShouldBe(callId);
        Taken(Response("").Replace("far-call", callId, StringComparison.Ordinal)).CallId.ShouldBe(callId);
    }

    [Theory]
    [InlineData("From: <sip:@192.0.2.7>;tag=1", "sip:@192.0.2.7")]
    [InlineData("From: \"A\" <sip: a@192.0.2.7 >;tag=1", "sip: a@192.0.2.7 ")]
    [InlineData("From: <sip:u@192.0.2.7;thinfo=\"a>1\";>;tag=1", "sip:u@192.0.2.7;thinfo=\"a>1\";")]
    [InlineData("From: Jim (home) <sip:u@192.0.2.7>;tag=1", "sip:u@192.0.2.7")]
    [InlineData("From: <unavailable>;tag=1", "unavailable")]
    [InlineData("From: <sip:>;tag=1", "sip:")]
    [InlineData("From: <>;tag=1", "")]
    [InlineData("From: Anonymous;tag=1", "Anonymous")]
    public void Whoever_withholds_or_garbles_the_number_can_call(string from, string uri)
    {
        var invite = Taken(Texts.Request("INVITE").Replace(Texts.Line(Texts.Request("INVITE"), "From"), from, StringComparison.Ordinal));
        (invite.From.Uri.Text, invite.From.Tag).ShouldBe((uri, "1"));
    }

    [Theory]
    [InlineData("Contact: <sip:u@192.0.2.7;thinfo=\"a1b2=\">", "sip:u@192.0.2.7;thinfo=\"a1b2=\"")]
    [InlineData("Contact: <sip:u@192.0.2.7;;x;>;;", "sip:u@192.0.2.7;;x;")]
    [InlineData("Contact: < sip:u @192.0.2.7 ;x=\"a b\" >", "sip:u@192.0.2.7;x=\"a b\"")]
    [InlineData("Contact: <sip:u@192.0.2.7:0?X=y>;q=", "sip:u@192.0.2.7:0")]
    [InlineData("Contact: garbage, <sip:@192.0.2.7>", "sip:@192.0.2.7")]
    [InlineData("Contact: <sip:u@192.0.2.7;method=INVITE;x=\"y\">", "sip:u@192.0.2.7;x=\"y\"")]
    public void A_Contact_goes_back_letter_for_letter_in_the_Request_URI(string contact, string requestUri)
    {
        var invite = (SipRequest)Taken(Request("INVITE", contact + "\nRecord-Route: <sip:p;lr;th=\"q=1\">;x=\"y z\", ,<sip:q;lr>"));
        DialogState.TryCreateAsUas(invite, "us", new NameAddr(SipUri.Parse("sip:us@192.0.2.1")), "", out var dialog).ShouldBeTrue();
        var bye = DialogRequests.Bye(dialog, out _);
        bye.Uri.Text.ShouldBe(requestUri);
        bye.Tokens(HeaderId.Route).ShouldBe(["<sip:p;lr;th=\"q=1\">;x=\"y z\"", "<sip:q;lr>"]);
        bye.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
        SipParser.ParseDatagram(SipMessageWriter.ToArray(bye)).Rejection.ShouldBe(SipRejection.None);
    }

    [Theory]
    [InlineData("INVITE", "Contact: <")]
    [InlineData("INVITE", "Contact: <sip:bob@192.0.2.7:99999>")]
    [InlineData("INVITE", "Contact: <sip:a@b>\nRecord-Route: <")]
    [InlineData("REGISTER", "Contact: sip:a@b?c")]
    public void What_a_dialog_is_made_of_has_to_be_there(string method, string lines) => Datagram(Request(method, lines)).Status.ShouldBe(400);

    [Fact]
    public void Garbage_in_the_Vias_below_costs_nothing_in_the_field_on_top_it_does()
    {
        var below = (SipRequest)Taken(Request("INVITE", "Via: no Via at all"));
        (below.Vias.Count, below.TopVia.Branch).ShouldBe((2, "z9hG4bKfar1"));
        SipResponse.For(below, 180, null, "t").Headers[1].Value.ShouldBe("no Via at all");
        Datagram(Texts.Request("INVITE", via: "SIP/2.0/UDP 192.0.2.9,, x")).Status.ShouldBe(400);
    }

    [Fact]
    public void More_fields_than_are_read_cost_only_what_is_not_over()
    {
        var many = string.Concat(Enumerable.Repeat("X: y\n", Cti.Kernel.Limits.SipHeadersMax));
        Datagram(Request("INVITE", many.TrimEnd())).Rejection.ShouldBe(SipRejection.TooManyHeaders);
        Taken(Request("BYE", many.TrimEnd())).Headers.Length.ShouldBe(Cti.Kernel.Limits.SipHeadersMax);
    }

    [Fact]
    public void A_datagram_without_the_empty_line_at_its_end_is_whole_if_it_ends_or_answers_a_call()
    {
        foreach (var text in new[] { Texts.Request("BYE"), Texts.Request("ACK"), Response("X: y") })
        {
            var bytes = Texts.Bytes(text);
            SipParser.ParseDatagram(bytes.AsSpan(0, bytes.Length - 2)).Outcome.ShouldBe(SipParseOutcome.Message);
            SipParser.ParseDatagram(bytes.AsSpan(0, bytes.Length - 4)).Outcome.ShouldBe(SipParseOutcome.Message);
        }
        var invite = Texts.Bytes(Texts.Request("INVITE"));
        SipParser.ParseDatagram(invite.AsSpan(0, invite.Length - 2)).Rejection.ShouldBe(SipRejection.Unterminated);
        var cut = Texts.Bytes("BYE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: c\nCSeq: 12 BYE");
        SipParser.ParseDatagram(cut.AsSpan(0, cut.Length - 6)).Rejection.ShouldBe(SipRejection.MissingHeader);
    }

    [Fact]
    public void On_a_stream_a_BYE_and_a_response_may_lack_their_length_but_not_have_two()
    {
        foreach (var text in new[] { Request("BYE", "X: y"), Response("X: y") })
        {
            var result = SipParser.ParseStream(Texts.Bytes(text));
            (result.Outcome, result.IsFatal, result.Consumed).ShouldBe((SipParseOutcome.Message, false, Texts.Bytes(text).Length));
        }
        SipParser.ParseStream(Texts.Bytes(Request("BYE", "Content-Length: 0\nl: 0"))).Outcome.ShouldBe(SipParseOutcome.Message);
        var two = SipParser.ParseStream(Texts.Bytes(Request("BYE", "Content-Length: 0\nl: 1")));
        (two.Outcome, two.Rejection, two.IsFatal).ShouldBe((SipParseOutcome.Rejected, SipRejection.BadContentLength, true));
    }

    [Fact]
    public void What_can_be_read_of_Require_is_still_refused()
    {
        var request = (SipRequest)Taken(Request("INVITE", "Require: \"x y\", , foo, <>;"));
        SipCapabilities.RefuseExtensions(request, "t")!.Get(HeaderId.Unsupported).ShouldBe("foo");
        SipRequestValidator.Find(request, new SipRequestRules(["INVITE"], ["timer"], []))!.Value.Value.ShouldBe("foo");
    }
}
