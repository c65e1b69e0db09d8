using System.Runtime.CompilerServices;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Torture;

/// <summary>
/// RFC 4475: every message with the outcome that the RFC names; where it leaves a choice, the comment says what was chosen: to take it where what is wrong
/// is nothing that is needed, and to refuse it where a needed field would have to be guessed.
/// </summary>
public sealed class TortureTests
{
    private static readonly SipRequestRules Rules = new(
        ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "MESSAGE"], ["timer", "100rel"], ["application/sdp", "multipart/mixed"]);

    public static TheoryData<string, int, int> Rows => new()
    {
        // name, what the parser answers (0 accepted, -1 dropped, else status), what the validator answers (0 accepted)
        { "wsinv", 0, 0 },
        { "intmeth", 0, 501 },
        { "esc01", 0, 0 },
        { "escnull", 0, 0 },
        { "esc02", 0, 501 }, // the escaped name is another method than REGISTER
        { "lwsdisp", 0, 0 },
        { "longreq", 0, 0 },
        { "dblreq", 0, 0 },
        { "semiuri", 0, 0 },
        { "transports", 0, 0 },
        { "mpart01", 0, 0 },
        { "unreason", 0, 0 },
        { "noreason", 0, 0 },
        { "badinv01", 400, 0 }, // by its Via; separators too many elsewhere cost nothing
        { "clerr", 400, 0 },
        { "ncl", 400, 0 },
        { "scalar02", 400, 0 }, // by its CSeq
        { "scalarlg", -1, 0 },
        { "quotbal", 400, 0 },
        { "ltgtruri", 400, 0 }, // may be accepted by ignoring the brackets; rejected
        { "lwsruri", 400, 0 },
        { "lwsstart", 400, 0 },
        { "trws", 400, 0 },
        { "escruri", 400, 0 },
        { "baddate", 0, 0 }, // may be rejected; a Date is of no use here, so it is ignored
        { "regbadct", 400, 0 },
        { "badaspec", 0, 0 }, // may be accepted by trimming; accepted, because callers who write blanks cannot call otherwise
        { "baddn", 400, 0 }, // may be accepted by guessing; rejected
        { "badvers", 505, 0 },
        { "mismatch01", 400, 0 },
        { "mismatch02", 400, 0 }, // 400 or 501
        { "bigcode", -1, 0 },
        { "badbranch", 0, 0 },
        { "insuf", 400, 0 },
        { "unkscm", 0, 416 },
        { "novelsc", 0, 416 },
        { "unksm2", 0, 0 }, // unknown schemes in To, From and Contact are the registrar's business
        { "bext01", 0, 420 },
        { "invut", 0, 415 },
        { "regaut01", 0, 0 }, // an unknown scheme of authentication is as if there were none
        { "multi01", 400, 0 }, // by CSeq, Call-ID, From and To, which say two things
        { "mcl01", 400, 0 },
        { "bcast", 0, 0 }, // a response for someone else: the transaction layer drops it
        { "zeromf", 0, 0 }, // an endpoint goes on; an element that forwards says 483
        { "cparam01", 0, 0 },
        { "cparam02", 0, 0 },
        { "regescrt", 0, 0 },
        { "sdp01", 0, 406 },
        { "inv2543", 0, 0 },
    };

    public static TheoryData<string> Names
    {
        get
        {
            var names = new TheoryData<string>();
            foreach (var file in Directory.GetFiles(Folder(), "*.dat").Order(StringComparer.Ordinal)) names.Add(Path.GetFileNameWithoutExtension(file));
            return names;
        }
    }

    [Fact]
    public void Every_message_has_its_row() =>
        ((IEnumerable<object[]>)Rows).Select(r => (string)r[0]).Order(StringComparer.Ordinal)
            .ShouldBe(((IEnumerable<object[]>)Names).Select(r => (string)r[0]));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Each_message_leads_to_what_the_RFC_says(string name, int parser, int validator)
    {
        var result = SipParser.ParseDatagram(Load(name));
        if (parser != 0)
        {
            result.Outcome.ShouldBe(SipParseOutcome.Rejected);
            result.Status.ShouldBe(parser < 0 ? 0 : parser, result.Rejection.ToString());
            return;
        }
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        result.Rejection.ShouldBe(SipRejection.None);
        if (result.Message is SipRequest request) (SipRequestValidator.Find(request, Rules)?.Status ?? 0).ShouldBe(validator);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_accepted_can_be_written_and_read_again(string name)
    {
        var result = SipParser.ParseDatagram(Load(name));
        if (result.Outcome != SipParseOutcome.Message) return;
        var again = SipParser.ParseStream(SipMessageWriter.ToArray(result.Message!));
        again.Outcome.ShouldBe(SipParseOutcome.Message, again.Rejection.ToString());
        again.Message!.ToString().ShouldBe(result.Message!.ToString());
        again.Message.Body.ToArray().ShouldBe(result.Message.Body.ToArray());
        Fields(again.Message).ShouldBe(Fields(result.Message));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Cut_at_any_length_a_datagram_is_never_taken_for_whole(string name)
    {
        var bytes = Load(name);
        var whole = WholeLength(bytes);
        for (var length = 0; length < bytes.Length; length++)
        {
            var result = SipParser.ParseDatagram(bytes.AsSpan(0, length));
            result.Outcome.ShouldNotBe(SipParseOutcome.NeedMore);
            if (result.Outcome != SipParseOutcome.Message) continue;
            if (result.Message is SipRequest) length.ShouldBeGreaterThanOrEqualTo(whole, $"{name} cut at {length}");
            // A response is taken while it tells whose it is; no line of it that was cut is.
            else Fields(result.Message!).ShouldBeSubsetOf(Fields(SipParser.ParseDatagram(bytes).Message!), $"{name} cut at {length}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Cut_at_any_length_a_streams_message_waits_for_the_rest(string name)
    {
        var bytes = Load(name);
        var full = SipParser.ParseStream(bytes);
        for (var length = 0; length < bytes.Length; length++)
        {
            var result = SipParser.ParseStream(bytes.AsSpan(0, length));
            if (result.Outcome == SipParseOutcome.NeedMore) result.Consumed.ShouldBe(0);
            if (full.IsFatal) result.Outcome.ShouldNotBe(SipParseOutcome.Message);
            else if (length < full.Consumed) result.Outcome.ShouldBe(SipParseOutcome.NeedMore, $"{name} cut at {length}");
            else result.Outcome.ShouldBe(full.Outcome);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Byte_by_byte_a_stream_gives_the_same_as_at_once(string name)
    {
        var bytes = Load(name);
        Feed(bytes, 1).ShouldBe(Feed(bytes, bytes.Length));
        Feed(bytes, 7).ShouldBe(Feed(bytes, bytes.Length));
    }

    [Fact]
    public void A_short_tortuous_INVITE()
    {
        var invite = Read("wsinv");
        invite.Uri.Params.Has("unknownparam").ShouldBeTrue();
        invite.To.Tag.ShouldBe("1918181833n");
        invite.From.Display.ShouldBe("J Rosenberg \\\"");
        invite.From.Tag.ShouldBe("98asjd8");
        invite.MaxForwards.ShouldBe(68);
        invite.CSeq.ShouldBe(new CSeqValue(9, "INVITE"));
        invite.Vias.Select(v => v.ToString()).ShouldBe(["SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8", "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239"]);
        invite.TopVia.HasMagicCookie.ShouldBeFalse();
        invite.Get(HeaderId.Subject).ShouldBe("");
        invite.Get("NewFangledHeader").ShouldBe("newfangled value continued newfangled value");
        invite.Routes.Single().Uri.Params["unknownwith"].ShouldBe("value");
        invite.Contact!.Display.ShouldBe("Quoted string \"\"");
        invite.Contact.Params["q"].ShouldBe("0.33");
        invite.Contact.Params["newparam"].ShouldBe("newvalue");
        invite.Body.Length.ShouldBe(150);
    }

    [Fact]
    public void Wide_range_of_valid_characters()
    {
        var request = Read("intmeth");
        request.Method.ShouldBe("!interesting-Method0123456789_*+`.%indeed'~");
        request.Uri.User.ShouldBe("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
        request.Uri.Password.ShouldBe("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
        request.Uri.Host.ShouldBe("example.com");
        request.To.Display.ShouldBe("BEL:\a NUL:\0 DEL:\x7f");
        request.From.Display.ShouldBe("token1~` token2'+_ token3*%!.-");
        request.From.Params["fromParam''~+*_!.-%"].ShouldBe("работающий");
        request.From.Tag.ShouldBe("_token~1'+`*%!-.");
        request.Get("extensionHeader-!.%*+_`'~")!.TrimStart('\ufeff').ShouldBe("大停電");
    }

    [Fact]
    public void Escapes_in_URIs()
    {
        var request = Read("esc01");
        request.Uri.UserUnescaped.ShouldBe("sips:user@example.com");
        request.Uri.Host.ShouldBe("example.net");
        request.To.Uri.UserUnescaped.ShouldBe("user");
        request.Contact!.Uri.UserUnescaped.ShouldBe("caller");
        request.Contact.Uri.Params["n%61me"].ShouldBe("v%61lue%25%34%31");
        Read("escnull").Contacts.Select(c => c.Uri.UserUnescaped).ShouldBe(["\0", "\0\0"]);
        Read("esc02").Contacts.Count.ShouldBe(2, "an escaped name is another header field");
        Read("semiuri").Uri.User.ShouldBe("user;par=u%40example.net");
        Read("cparam01").Contact!.Params.Has("unknownparam").ShouldBeTrue();
        Read("cparam02").Contact!.Uri.Params.Has("unknownparam").ShouldBeTrue();
        Read("regescrt").Contact!.Uri.HeadersText.ShouldBe("Route=%3Csip:sip.example.com%3E");
    }

    [Fact]
    public void Many_Vias_whatever_the_case_of_their_names_and_transports_of_any_name()
    {
        var request = Read("longreq");
        request.Vias.Count.ShouldBe(34);
        request.Vias[32].Host.ShouldBe("sip1.example.com");
        request.Vias[33].Received.ShouldBe("192.0.2.5");
        Read("transports").Vias.Select(v => v.Transport).ShouldBe(["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    }

    [Fact]
    public void What_follows_a_datagrams_message_is_ignored_and_a_stream_brings_both()
    {
        Read("dblreq").Method.ShouldBe("REGISTER");
        var bytes = Load("dblreq");
        var first = SipParser.ParseStream(bytes);
        var second = SipParser.ParseStream(bytes.AsSpan(first.Consumed));
        second.Message.ShouldBeOfType<SipRequest>().Method.ShouldBe("INVITE");
    }

    [Fact]
    public void Reasons_of_any_kind()
    {
        var odd = (SipResponse)SipParser.ParseDatagram(Load("unreason")).Message!;
        odd.Status.ShouldBe(200);
        odd.Reason.ShouldBe("= 2**3 * 5**2 но сто девяносто девять - простое");
        var none = (SipResponse)SipParser.ParseDatagram(Load("noreason")).Message!;
        none.Status.ShouldBe(100);
        none.Reason.ShouldBe("");
    }

    [Fact]
    public void Refusals_say_what_would_be_right()
    {
        SipRequestValidator.Find(Read("bext01"), Rules)!
            .Value.ShouldBe(new SipRefusal(420, HeaderId.Unsupported, "nothingSupportsThis, nothingSupportsThisEither"));
        SipRequestValidator.Find(Read("invut"), Rules)!.Value.ShouldBe(new SipRefusal(415, HeaderId.Accept, "application/sdp, multipart/mixed"));
        SipRequestValidator.Find(Read("zeromf"), Rules with { Forwards = true })!.Value.Status.ShouldBe(483);
        SipRequestValidator.Find(Read("cparam01"), Rules with { Methods = ["INVITE", "BYE"] })!
            .Value.ShouldBe(new SipRefusal(405, HeaderId.Allow, "INVITE, BYE"));
        var response = SipRequestValidator.Find(Read("bext01"), Rules)!.Value.ToResponse(Read("bext01"), "t");
        response.Get("Unsupported").ShouldBe("nothingSupportsThis, nothingSupportsThisEither");
        response.To.Tag.ShouldBe("t");
    }

    [Fact]
    public void A_request_of_RFC_2543_is_accepted()
    {
        var invite = Read("inv2543");
        invite.From.Tag.ShouldBeNull();
        invite.MaxForwards.ShouldBeNull();
        invite.TopVia.Branch.ShouldBeNull();
        invite.RecordRoutes.Single().Uri.Params["maddr"].ShouldBe("ss1.example.com");
        invite.Body.Length.ShouldBeGreaterThan(0);
        Read("badbranch").TopVia.HasMagicCookie.ShouldBeFalse();
    }

    private static List<string> Fields(SipMessage message)
    {
        var fields = new List<string>();
        foreach (var header in message.Headers)
        {
            if (header.Id != HeaderId.ContentLength) fields.Add($"{header.Name}: {header.Value}");
        }
        return fields;
    }

    // Where the datagram's message ends; without Content-Length any end of the body will do.
    private static int WholeLength(byte[] bytes)
    {
        var stream = SipParser.ParseStream(bytes);
        return stream.Rejection == SipRejection.NoContentLength ? bytes.AsSpan().IndexOf("\r\n\r\n"u8) + 4 : stream.Consumed;
    }

    private static List<string> Feed(byte[] bytes, int piece)
    {
        var seen = new List<string>();
        var buffer = new List<byte>();
        for (var at = 0; at < bytes.Length; at += piece)
        {
            buffer.AddRange(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
            while (true)
            {
                var result = SipParser.ParseStream(buffer.ToArray());
                if (result.Outcome == SipParseOutcome.NeedMore) break;
                seen.Add($"{result.Outcome} {result.Rejection} {result.Status} {result.Message}");
                if (result.IsFatal) return seen;
                buffer.RemoveRange(0, result.Consumed);
            }
        }
        return seen;
    }

    private static SipRequest Read(string name)
    {
        var result = SipParser.ParseDatagram(Load(name));
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        return (SipRequest)result.Message!;
    }

    private static byte[] Load(string name) => File.ReadAllBytes(Path.Combine(Folder(), name + ".dat"));

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "rfc4475");
}
