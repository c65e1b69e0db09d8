using System.Net.Sockets;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Transaction;

/// <summary>What comes back for what cannot be read, over UDP, to whoever the packet says has sent it.</summary>
public sealed class StatelessAnswerTests
{
    [Theory]
    [InlineData("INVITE sip:a SIP/2.0\r\nVia:x\r\n\r\n")]
    [InlineData("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n")]
    [InlineData("INVITE sip:a SIP/3.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n")]
    [InlineData("A a: SIP/2.0\r\nv:SIP/2.0/UDP a\r\n\r\n")]
    [InlineData("A sip:a SIP/2.0\r\nv:SIP/2.0/UDP a\r\nf:b:\r\n\r\n")]
    [InlineData("BYE sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;rport\r\nl:5\r\n\r\n")]
    [InlineData("INVITE sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nFrom: <sip:a@b>;tag=1\r\n"
        + "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n")]
    public void A_message_that_is_none_gets_no_more_than_three_times_its_bytes(string message)
    {
        var counting = new CountingTransport();
        var bench = new TransactionBench();
        var layer = new TransactionLayer(counting, bench, bench, bench) { IsKnown = static _ => false };
        var bytes = System.Text.Encoding.ASCII.GetBytes(message);
        var result = SipParser.ParseDatagram(bytes);
        if (result.Outcome == SipParseOutcome.Message) layer.Receive(new ReceivedMessage(result.Message!, TransactionBench.Udp, 0) { Length = bytes.Length });
        else layer.ReceiveRejected(result, TransactionBench.Udp);
        counting.Bytes.ShouldBeLessThanOrEqualTo(3 * bytes.Length);
        counting.Count.ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public void A_503_says_when_to_come_again_whatever_it_answers()
    {
        foreach (var method in new[] { "INVITE", "OPTIONS", "BYE", "SUBSCRIBE" })
            SipResponse.For(TransactionBench.Request(method), 503).Tokens(HeaderId.RetryAfter).ShouldBe(["1"]);
        SipResponse.For(TransactionBench.Request("INVITE"), 500).Has(HeaderId.RetryAfter).ShouldBeFalse();
    }

    [Fact]
    public void What_is_answered_without_state_is_answered_again_with_the_same_tag_and_not_repeated_by_itself()
    {
        var bench = new TransactionBench { Stateless = (request, layer) => SipResponse.For(request, 403, null, layer.TokenFor(request)) };
        bench.Receive(Texts.Request("INVITE"));
        bench.RunUntil(40_000);
        bench.Receive(Texts.Request("INVITE"));
        bench.Trace.ShouldBe(["0 > 403 INVITE", "40000 > 403 INVITE"]);
        bench.Sent[0].Message.To.Tag.ShouldNotBeNull().ShouldBe(bench.Sent[1].Message.To.Tag);
        bench.Layer.Count.ShouldBe(0);
    }

    private sealed class CountingTransport : ISipTransport
    {
        public int Bytes { get; private set; }

        public int Count { get; private set; }

        public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
        {
            Bytes += message.Length;
            Count++;
        }

        public int FindListener(SipTransportKind kind, AddressFamily family) => 0;

        public SipHostPort LocalAddress(SipTransportKind kind, int listener) => new("192.0.2.1", 5060);
    }
}
