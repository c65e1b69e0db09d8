using System.Net;
using System.Text;
using Cti.Actors.Instances;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What a source that is no trunk gets over UDP: whose address its packets bear, nobody knows.</summary>
public sealed class StrangerTests
{
    private const string Stranger = "192.0.2.66";
    private const long LongEnough = 100_000;

    /// <summary>A node that counts what a source and it send each other.</summary>
    private sealed class Scales
    {
        private readonly IPAddress _watched;

        internal Scales(NodeBench bench, string address = Stranger)
        {
            _watched = IPAddress.Parse(address);
            bench.Network.Drop = (from, to, bytes) =>
            {
                if (from.Address.Equals(_watched)) In += bytes.Length;
                if (to.Address.Equals(_watched))
                {
                    Out += bytes.Length;
                    Messages.Add(Encoding.UTF8.GetString(bytes.Span));
                }
                return false;
            };
        }

        internal long In { get; private set; }

        internal long Out { get; private set; }

        internal List<string> Messages { get; } = [];

        internal int Count(string first) => Messages.Count(message => message.StartsWith(first, StringComparison.Ordinal));
    }

    private static readonly InboundPolicy Closed = new([], false, NodeBench.App, false);

    private static readonly InboundPolicy Open = new([], true, NodeBench.App, false);

    private static string Request(string method, string more = "", string toTag = "", string branch = "z9hG4bKs") => $"""
        {method} sip:100@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {Stranger}:5060;rport;branch={branch}
        Max-Forwards: 70
        From: <sip:x@{Stranger}>;tag=x
        To: <sip:100@10.0.0.100>{toTag}
        Call-ID: stranger
        CSeq: 1 {method}
        {more}
        """.Trim();

    private static string Small(string method) =>
        $"{method} sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK\r\nf:sip:a;tag=1\r\nt:sip:a\r\ni:1\r\nCSeq:1 {method}\r\n\r\n";

    private static void SendRaw(NodeBench bench, byte[] bytes)
    {
        bench.Network.Send(new IPEndPoint(IPAddress.Parse(Stranger), 5060), NodeBench.Node, bytes);
        bench.Runtime.Advance(5);
    }

    public static TheoryData<string> Unwanted => new()
    {
        Request("INVITE", "Contact: <sip:x@192.0.2.66>"), Request("OPTIONS"), Request("REGISTER", "Contact: <sip:x@192.0.2.66>"), Request("MESSAGE"),
        Request("SUBSCRIBE"),
        Request("NOTIFY"), Request("PUBLISH"), Request("REFER"), Request("PRACK"), Request("UPDATE"), Request("INFO"), Request("BYE"), Request("CANCEL"),
        Request("NEWMETHOD"),
        Request("BYE", "", ";tag=unknown"), Request("INVITE", "", ";tag=unknown"), Request("OPTIONS", "", ";tag=unknown"),
        Request("MESSAGE", "", ";tag=unknown"),
        Request("BYE", "", ";tag=0.0.1-sys.call-5-0123456789abcdef"), Request("INVITE", "", ";tag=0.0.1-sys.call-5-0123456789abcdef"),
        Request("INVITE", "Require: 100rel, x, y, z"), Request("INVITE", "Accept: text/plain"),
        Small("INVITE"), Small("OPTIONS"), Small("REGISTER"), Small("BYE"), Small("CANCEL"), Small("X"),
        "garbage", "\r\n\r\n", "INVITE",
    };

    [Theory]
    [MemberData(nameof(Unwanted))]
    public void What_nobody_wants_is_answered_once_in_no_more_than_three_times_its_bytes_and_nothing_is_kept_of_it(string message)
    {
        var bench = new NodeBench(inbound: Closed);
        var scales = new Scales(bench);
        var bytes = Encoding.ASCII.GetBytes(message.ReplaceLineEndings("\r\n"));
        SendRaw(bench, message.EndsWith('\n') ? bytes : [.. bytes, .. "\r\n\r\n"u8]);
        bench.Server.TransactionCount.ShouldBe(0);
        bench.Runtime.Advance(LongEnough);
        scales.Messages.Count.ShouldBeLessThanOrEqualTo(1);
        scales.Out.ShouldBeLessThanOrEqualTo(3 * scales.In);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_datagram_that_is_too_large_gets_no_more_than_it_brought()
    {
        var bench = new NodeBench(inbound: Closed);
        var scales = new Scales(bench);
        SendRaw(bench, Encoding.ASCII.GetBytes(Request("INVITE", "X: " + new string('x', 66_000)).ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        bench.Runtime.Advance(LongEnough);
        scales.Out.ShouldBeLessThanOrEqualTo(scales.In);
    }

    [Fact]
    public void A_refused_INVITE_that_comes_again_gets_the_same_tag_and_its_ACK_no_word()
    {
        var bench = new NodeBench(inbound: Closed);
        var peer = bench.Peer(Stranger);
        peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        var first = peer.Response(403);
        peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        var again = peer.Response(403);
        again.To.Tag.ShouldNotBeNull().ShouldBe(first.To.Tag);
        peer.Send(Request("ACK", "", $";tag={first.To.Tag}"));
        peer.Rest().ShouldBeEmpty();
        bench.Server.TransactionCount.ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_call_that_is_answered_and_never_acknowledged_costs_its_source_three_times_its_bytes_at_most(bool hasOffer)
    {
        var bench = new NodeBench(inbound: Open);
        var scales = new Scales(bench);
        var peer = bench.Peer(Stranger);
        if (hasOffer) peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        else peer.Send(Request("INVITE", "Contact: <sip:x@192.0.2.66>"));
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        scales.Count("SIP/2.0 200").ShouldBe(1);
        bench.Expect("sys.call.on_released", 70_000);
        bench.Runtime.Advance(LongEnough);
        scales.Out.ShouldBeLessThanOrEqualTo(3 * scales.In);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_that_names_a_third_party_as_its_Contact_costs_that_one_three_times_its_own_bytes_at_most()
    {
        const string Victim = "198.51.100.99";
        var bench = new NodeBench(inbound: Open);
        var caller = new Scales(bench);
        var peer = bench.Peer(Stranger);
        peer.Invite("100", $"Contact: <sip:x@{Victim}>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        peer.Send(Request("ACK", "", $";tag={peer.Response(200).To.Tag}").Replace("Call-ID: stranger", $"Call-ID: call-{Stranger}", StringComparison.Ordinal)
            .Replace("tag=x", "tag=caller", StringComparison.Ordinal));
        bench.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        var sent = caller.In;
        var victim = new Scales(bench, Victim);
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        bench.Runtime.Advance(LongEnough);
        victim.Count("BYE").ShouldBeGreaterThan(0);
        victim.Out.ShouldBeLessThanOrEqualTo(3 * sent);
        bench.Server.CallCount.ShouldBe(0);
    }

    [Fact]
    public void Each_repetition_of_a_strangers_INVITE_lets_its_answer_be_repeated()
    {
        var bench = new NodeBench(inbound: Open);
        var scales = new Scales(bench);
        var peer = bench.Peer(Stranger);
        peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        bench.Runtime.Advance(20_000);
        var before = scales.Count("SIP/2.0 200");
        peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        bench.Runtime.Advance(10_000);
        scales.Count("SIP/2.0 200").ShouldBeGreaterThan(before);
        scales.Out.ShouldBeLessThanOrEqualTo(3 * scales.In);
    }

    [Fact]
    public void A_call_that_the_application_rejects_and_nobody_acknowledges_costs_three_times_its_bytes_at_most()
    {
        var bench = new NodeBench(inbound: Open);
        var scales = new Scales(bench);
        bench.Peer(Stranger).Invite("100", "Contact: <sip:x@192.0.2.66>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.reject", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
        bench.Runtime.Advance(LongEnough);
        scales.Count("SIP/2.0 486").ShouldBeGreaterThan(0);
        scales.Out.ShouldBeLessThanOrEqualTo(3 * scales.In);
    }

    [Fact]
    public void A_trunks_answers_are_repeated_until_its_ACK()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.1" }], Closed);
        var scales = new Scales(bench, "192.0.2.1");
        var carrier = bench.Peer("192.0.2.1");
        carrier.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        bench.Runtime.Advance(31_000);
        scales.Count("SIP/2.0 200").ShouldBe(10);
    }

    [Fact]
    public void An_answer_to_a_call_that_was_never_made_is_hung_up_with_no_more_bytes_than_three_times_its_own()
    {
        var bench = new NodeBench(inbound: Closed);
        var scales = new Scales(bench);
        foreach (var tag in new[] { "0.0.1-sys.call-5-0123456789abcdef", "anything" })
        {
            SendRaw(bench, Encoding.ASCII.GetBytes($"""
                SIP/2.0 200 OK
                Via: SIP/2.0/UDP 10.0.0.100:5060;branch=z9hG4bKnever
                From: <sip:a@b>;tag={tag}
                To: <sip:b@c>;tag=far
                Call-ID: never
                CSeq: 1 INVITE
                Contact: <sip:far@192.0.2.66>


                """.ReplaceLineEndings("\r\n")));
            bench.Runtime.Advance(LongEnough);
            scales.Out.ShouldBeLessThanOrEqualTo(3 * scales.In);
        }
        scales.Count("BYE").ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public void A_stranger_reaches_the_default_application_whatever_the_routes_say_of_others()
    {
        var routes = new[] { new InboundRoute("100", "*", null, "other"), new InboundRoute("*", "*", null, "another") };
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.1" }], new InboundPolicy(routes, true, NodeBench.App, false));
        bench.Hub.Open("other").ShouldNotBeNull();
        bench.Peer(Stranger).Invite("100", "Contact: <sip:x@192.0.2.66>");
        bench.Expect("sys.call.on_incoming").GetProperty("to_uri").GetString()!.ShouldStartWith("sip:100@");
        var carrier = bench.Peer("192.0.2.1");
        carrier.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        carrier.Response(180);
        bench.Runtime.Advance(1_000);
        Should.Throw<InvalidOperationException>(() => bench.Expect("sys.call.on_incoming", 100));
    }

    [Fact]
    public void A_stranger_is_refused_with_503_and_nothing_is_kept_while_a_trunks_call_is_told_within_its_transaction()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.1" }], Open, callsMax: 0);
        var peer = bench.Peer(Stranger);
        peer.Invite("100", "Contact: <sip:x@192.0.2.66>");
        peer.Response(503).Get(HeaderId.RetryAfter).ShouldNotBeNull();
        bench.Server.TransactionCount.ShouldBe(0);
        var carrier = bench.Peer("192.0.2.1");
        carrier.Invite("100", "Contact: <sip:caller@192.0.2.1>");
        carrier.Response(503).Get(HeaderId.RetryAfter).ShouldNotBeNull();
        bench.Server.TransactionCount.ShouldBe(1);
    }
}
