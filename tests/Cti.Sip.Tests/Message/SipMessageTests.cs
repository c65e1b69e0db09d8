using System.Buffers;
using Cti.Sip.Message;
using Cti.Sip.Tests.Transaction;

namespace Cti.Sip.Tests.Message;

public sealed class SipMessageTests
{
    /// <summary>What reading a typical INVITE, asking for what every layer asks for, and writing it took when this was recorded, in bytes.</summary>
    private const long RecordedBytes = 4_300;

    private const string Invite = """
        INVITE sip:+493012345@192.0.2.1 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK74bf9;rport
        Via: SIP/2.0/UDP 198.51.100.3:5060;branch=z9hG4bKnashds8;received=198.51.100.3
        Max-Forwards: 69
        Record-Route: <sip:192.0.2.9;lr;ftag=9fxced76sl>
        From: "Alice" <sip:alice@example.com>;tag=9fxced76sl
        To: <sip:+493012345@example.com>
        Call-ID: 3848276298220188511@example.com
        CSeq: 1 INVITE
        Contact: <sip:alice@198.51.100.3:5060;transport=udp>
        Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE
        Supported: 100rel, timer
        User-Agent: phone/1.0
        Content-Type: application/sdp
        Content-Length: 9

        v=0
        o=-0
        """;

    [Fact]
    public void A_built_request_is_written_in_the_order_of_its_fields()
    {
        var request = new SipRequest("INVITE", SipUri.Parse("sip:bob@example.com"));
        request.Add(HeaderId.From, "<sip:a@b>;tag=1");
        request.Add("X-Trace", "7");
        request.Add("v", "SIP/2.0/UDP one;branch=z9hG4bK1");
        request.AddFirst(HeaderId.Via, "SIP/2.0/UDP two;branch=z9hG4bK2");
        request.Set(HeaderId.From, "<sip:c@d>;tag=2");
        request.Set(HeaderId.Subject, "Grüße");
        request.Add(HeaderId.Route, "<sip:x>");
        request.Remove(HeaderId.Route);
        request.SetBody("application/sdp", "v=0\r\n"u8.ToArray());
        var expected = "INVITE sip:bob@example.com SIP/2.0\r\nFrom: <sip:c@d>;tag=2\r\nX-Trace: 7\r\nVia: SIP/2.0/UDP two;branch=z9hG4bK2\r\n"
            + "Via: SIP/2.0/UDP one;branch=z9hG4bK1\r\nSubject: Grüße\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
        Texts.Of(request).ShouldBe(expected);
        SipMessageWriter.GetLength(request).ShouldBe(System.Text.Encoding.UTF8.GetByteCount(expected));
        var writer = new ArrayBufferWriter<byte>();
        SipMessageWriter.Write(request, writer);
        Texts.Of(writer.WrittenMemory).ShouldBe(expected);
        request.SetBody("", default);
        Texts.Of(request).ShouldEndWith("Subject: Grüße\r\nContent-Length: 0\r\n\r\n");
    }

    [Fact]
    public void A_line_end_cannot_be_smuggled_into_a_message()
    {
        var request = new SipRequest("INVITE", SipUri.Parse("sip:bob@example.com"));
        Should.Throw<ArgumentException>(() => request.Add(HeaderId.Subject, "a\r\nEvil: b"));
        Should.Throw<ArgumentException>(() => request.Set(HeaderId.Subject, "a\nb"));
        Should.Throw<ArgumentException>(() => request.Add("Evil: b\r\nX", "a"));
        Should.Throw<ArgumentException>(() => new SipResponse(200, "OK\r\nEvil: b"));
        Should.Throw<ArgumentException>(() => new SipRequest("A B", request.Uri));
        Should.Throw<ArgumentOutOfRangeException>(() => new SipResponse(99));
    }

    [Fact]
    public void A_response_copies_what_the_RFC_wants()
    {
        var request = Read();
        Texts.Of(SipResponse.For(request, 180, null, "ours")).ShouldBe("""
            SIP/2.0 180 Ringing
            Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK74bf9;rport
            Via: SIP/2.0/UDP 198.51.100.3:5060;branch=z9hG4bKnashds8;received=198.51.100.3
            Record-Route: <sip:192.0.2.9;lr;ftag=9fxced76sl>
            From: "Alice" <sip:alice@example.com>;tag=9fxced76sl
            To: <sip:+493012345@example.com>;tag=ours
            Call-ID: 3848276298220188511@example.com
            CSeq: 1 INVITE
            Content-Length: 0


            """.ReplaceLineEndings("\r\n"));
        var trying = SipResponse.For(request, 100);
        trying.Has(HeaderId.RecordRoute).ShouldBeFalse();
        trying.To.Tag.ShouldBeNull();
        SipResponse.For(request, 486, "Mittagspause", "ours").Has(HeaderId.RecordRoute).ShouldBeFalse();
    }

    [Fact]
    public void A_To_that_has_a_tag_keeps_it()
    {
        var request = Read();
        request.Set(HeaderId.To, "sip:b@c;tag=old");
        SipResponse.For(request, 200, null, "new").To.Tag.ShouldBe("old");
    }

    [Fact]
    public void Short_cuts_follow_changes()
    {
        var request = Read();
        request.Vias.Count.ShouldBe(2);
        request.From.Tag.ShouldBe("9fxced76sl");
        request.Supported.ShouldBe(["100rel", "timer"]);
        request.RecordRoutes.Single().Uri.IsLooseRouter.ShouldBeTrue();
        request.ContentType!.Is("application", "sdp").ShouldBeTrue();
        request.AddFirst(HeaderId.Via, "SIP/2.0/TCP x;branch=z9hG4bKnew");
        request.TopVia.Transport.ShouldBe("TCP");
        request.Set(HeaderId.From, "<sip:z@z>;tag=z");
        request.From.Tag.ShouldBe("z");
        request.Remove(HeaderId.CSeq);
        Should.Throw<InvalidOperationException>(() => request.CSeq);
        request.Expires.ShouldBeNull();
        request.Add(HeaderId.Expires, "60");
        request.Expires.ShouldBe(60);
    }

    [Fact]
    public void The_top_Via_of_several_in_one_field_is_replaced_alone()
    {
        var text = Texts.Request("OPTIONS", via: "SIP/2.0/UDP one;branch=z9hG4bK1 , SIP/2.0/UDP two");
        var request = (SipRequest)SipParser.ParseDatagram(Texts.Bytes(text)).Message!;
        request.ReplaceTopVia(request.TopVia.With("received", "192.0.2.4"));
        request.Get(HeaderId.Via).ShouldBe("SIP/2.0/UDP one;branch=z9hG4bK1;received=192.0.2.4, SIP/2.0/UDP two;branch=z9hG4bKfar1");
        request.Vias.Count.ShouldBe(2);
    }

    [Fact]
    public void Reading_and_writing_a_typical_INVITE_allocates_no_more_than_recorded()
    {
        var bytes = Texts.Bytes(Invite);
        var output = new byte[2048];
        for (var i = 0; i < 200; i++) RoundTrip(bytes, output);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) RoundTrip(bytes, output);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;
        each.ShouldBeInRange(RecordedBytes / 2, RecordedBytes);
    }

    [Fact]
    public void Writing_allocates_nothing()
    {
        var request = Read();
        var output = new byte[2048];
        for (var i = 0; i < 50; i++) SipMessageWriter.Write(request, output);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) SipMessageWriter.Write(request, output);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private static void RoundTrip(byte[] bytes, byte[] output)
    {
        var message = SipParser.ParseDatagram(bytes.AsSpan()).Message!;
        _ = message.TopVia.Branch;
        _ = message.CallId;
        _ = message.Contact;
        _ = message.RecordRoutes;
        SipMessageWriter.Write(message, output);
    }

    private static SipRequest Read()
    {
        var result = SipParser.ParseDatagram(Texts.Bytes(Invite));
        result.Outcome.ShouldBe(SipParseOutcome.Message, result.Rejection.ToString());
        return (SipRequest)result.Message!;
    }
}
