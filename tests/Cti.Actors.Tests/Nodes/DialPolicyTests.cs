using System.Net;
using Cti.Actors.SipNode;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Where a far end may send this node.</summary>
public sealed class DialPolicyTests
{
    [Theory]
    // What a message came from may always be named; its address at another port, too.
    [InlineData("198.51.100.7:5060", "198.51.100.7:5060", true)]
    [InlineData("198.51.100.7:5060", "198.51.100.7:5070", true)]
    [InlineData("198.51.100.7:53", "198.51.100.7:53", true)]
    [InlineData("198.51.100.7:5060", "203.0.113.9:5060", true)]
    // Privileged ports.
    [InlineData("198.51.100.7:5060", "198.51.100.7:53", false)]
    [InlineData("198.51.100.7:5060", "203.0.113.9:80", false)]
    [InlineData("127.0.0.1:5060", "127.0.0.1:22", false)]
    // From outside to within.
    [InlineData("198.51.100.7:5060", "127.0.0.1:5060", false)]
    [InlineData("198.51.100.7:5060", "127.9.9.9:8080", false)]
    [InlineData("198.51.100.7:5060", "169.254.169.254:8080", false)]
    [InlineData("198.51.100.7:5060", "10.1.2.3:5060", false)]
    [InlineData("198.51.100.7:5060", "172.16.0.1:5060", false)]
    [InlineData("198.51.100.7:5060", "192.168.0.1:5060", false)]
    [InlineData("198.51.100.7:5060", "100.64.0.1:5060", false)]
    [InlineData("198.51.100.7:5060", "[::1]:5060", false)]
    [InlineData("198.51.100.7:5060", "[::ffff:127.0.0.1]:5060", false)]
    [InlineData("198.51.100.7:5060", "[fe80::1]:5060", false)]
    [InlineData("198.51.100.7:5060", "[fd00::1]:5060", false)]
    [InlineData("[2001:db8::7]:5060", "10.0.0.1:5060", false)]
    // Nowhere.
    [InlineData("127.0.0.1:5060", "0.0.0.0:5060", false)]
    [InlineData("127.0.0.1:5060", "224.0.1.75:5060", false)]
    [InlineData("10.0.0.5:5060", "255.255.255.255:5060", false)]
    [InlineData("127.0.0.1:5060", "[ff02::1]:5060", false)]
    [InlineData("127.0.0.1:5060", "[::]:5060", false)]
    // From within.
    [InlineData("127.0.0.1:40000", "127.0.0.1:40001", true)]
    [InlineData("127.0.0.1:40000", "192.168.0.1:5060", true)]
    [InlineData("127.0.0.1:40000", "169.254.169.254:8080", false)]
    [InlineData("10.0.0.5:5060", "192.168.0.1:5060", true)]
    [InlineData("10.0.0.5:5060", "127.0.0.1:5060", false)]
    [InlineData("10.0.0.5:5060", "169.254.169.254:8080", false)]
    [InlineData("169.254.1.2:5060", "169.254.1.3:5060", true)]
    [InlineData("[fe80::2]:5060", "[fe80::3]:5060", true)]
    [InlineData("[::ffff:10.0.0.5]:5060", "10.0.0.6:5060", true)]
    [InlineData("100.64.0.9:5060", "100.64.0.10:5060", true)]
    [InlineData("10.0.0.5:5060", "203.0.113.9:5060", true)]
    public void An_address_is_reached_from_one_that_is_as_near(string source, string target, bool allowed) =>
        new DialPolicy().Allows(IPEndPoint.Parse(target), IPEndPoint.Parse(source)).ShouldBe(allowed);

    [Fact]
    public void Networks_that_are_denied_go_before_those_that_are_allowed()
    {
        var policy = new DialPolicy
        {
            Allow = [IPNetwork.Parse("10.0.0.0/8")], Deny = [IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("203.0.113.0/24")], Ports = [(5060, 5061)],
        };
        var source = IPEndPoint.Parse("198.51.100.7:5060");
        policy.Allows(IPEndPoint.Parse("10.2.0.1:5060"), source).ShouldBeTrue();
        policy.Allows(IPEndPoint.Parse("10.1.0.1:5060"), source).ShouldBeFalse();
        policy.Allows(IPEndPoint.Parse("203.0.113.1:5060"), source).ShouldBeFalse();
        policy.Allows(IPEndPoint.Parse("198.51.100.8:5062"), source).ShouldBeFalse();
    }

    [Theory]
    [InlineData("sip:x@127.0.0.1:5070")]
    [InlineData("sip:x@169.254.169.254:8080")]
    [InlineData("sip:x@192.0.2.10:53")]
    [InlineData("sip:x@evil.example")]
    public void A_Contact_that_the_policy_does_not_allow_is_reached_by_the_way_the_call_came(string contact)
    {
        var bench = new NodeBench();
        bench.Resolver.Names["evil.example"] = IPEndPoint.Parse("127.0.0.1:5060");
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", $"Contact: <{contact}>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        phone.Send($"""
            ACK {ok.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKack
            Max-Forwards: 70
            From: <sip:caller@{phone.Local.Address}>;tag=caller
            To: {ok.Get(HeaderId.To)}
            Call-ID: {ok.CallId}
            CSeq: 1 ACK
            """);
        bench.Expect("sys.call.on_answer_completed");
        var elsewhere = 0;
        bench.Network.Drop = (from, to, _) =>
        {
            if (from.Equals(NodeBench.Node) && !to.Equals(phone.Local)) elsewhere++;
            return false;
        };
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        phone.Request("BYE").Uri.Text.ShouldBe(contact);
        elsewhere.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("sip:1@192.0.2.10:22", 403)]
    [InlineData("sip:1@127.0.0.1:5070", 302)]
    public void A_redirection_to_a_port_that_may_not_be_named_ends_the_dialling_and_one_to_another_host_is_never_followed(string contact, int code)
    {
        var bench = new NodeBench();
        var gateway = bench.Peer("192.0.2.10");
        bench.Construct("sip:1@192.0.2.10");
        gateway.Respond(gateway.Request("INVITE"), 302, $"Contact: <{contact}>");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(code);
        bench.Crashes.ShouldBeEmpty();
    }
}
