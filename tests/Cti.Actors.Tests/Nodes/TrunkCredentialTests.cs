using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A trunk's password answers that trunk, and nobody else.</summary>
public sealed class TrunkCredentialTests
{
    private const string Ok = "Content-Type: application/sdp\nContact: ";
    private const string ThroughProxy = "Record-Route: <sip:10.0.0.1;lr>\n";

    private static Trunk Carrier(string host = "10.0.0.1") => new() { Name = "carrier", Host = host, User = "us", Password = "secret" };

    private static string Challenge(string realm = "carrier", string algorithm = "MD5", string kind = "WWW", string nonce = "n") =>
        $"{kind}-Authenticate: Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"";

    private static bool HasCredentials(SipRequest request) => request.Has(HeaderId.Authorization) || request.Has(HeaderId.ProxyAuthorization);

    /// <summary>
    /// A call over the carrier, answered with that Contact; the carrier has asked for the password before where <paramref name="challenged"/>.
    /// </summary>
    private static (SipRequest Invite, SipRequest Ack) Up(NodeBench bench, RawPeer carrier, string contact, bool challenged = true, string more = "",
        RawPeer? ackTo = null)
    {
        bench.Construct("sip:200@carrier");
        var invite = carrier.Request("INVITE");
        if (challenged)
        {
            carrier.Respond(invite, 401, Challenge());
            carrier.Request("ACK");
            invite = carrier.Request("INVITE");
            HasCredentials(invite).ShouldBeTrue();
        }
        carrier.Respond(invite, 200, $"{more}{Ok}{contact}", carrier.Sdp());
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        return (invite, (ackTo ?? carrier).Request("ACK"));
    }

    private static void HangUp(NodeBench bench)
    {
        var list = bench.Ask("sys.call.list");
        var id = System.Text.Json.JsonDocument.Parse(list.Result).RootElement.GetProperty("items")[0].GetProperty("res_id").GetString();
        bench.Ask("sys.call.drop", ("res_id", id)).Error.ShouldBeNull();
    }

    [Fact]
    public void A_stranger_who_knows_the_transaction_gets_nothing_for_a_401_from_its_own_address()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var stranger = bench.Peer("10.0.0.66");
        bench.Construct("sip:200@carrier");
        var invite = carrier.Request("INVITE");
        stranger.Respond(invite, 401, Challenge());
        carrier.Request("ACK");
        carrier.Take("INVITE", 2000).ShouldBeEmpty();
        stranger.Rest().ShouldBeEmpty();
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(401);
        bench.Log.ShouldContain(line => line.Contains("10.0.0.66", StringComparison.Ordinal) && line.Contains("not the trunk's", StringComparison.Ordinal));
        bench.Log.ShouldNotContain(line => line.Contains("secret", StringComparison.Ordinal));
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_ends_Contact_gets_no_credentials_with_the_ACK_nor_for_a_challenge_to_the_BYE()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var far = bench.Peer("10.0.0.9");
        var (_, ack) = Up(bench, carrier, "<sip:bob@10.0.0.9>", ackTo: far);
        HasCredentials(ack).ShouldBeFalse();
        HangUp(bench);
        var bye = far.Request("BYE");
        HasCredentials(bye).ShouldBeFalse();
        far.Respond(bye, 407, Challenge(kind: "Proxy"));
        far.Take("BYE", 40_000).ShouldBeEmpty();
        carrier.Take("BYE", 0).ShouldBeEmpty();
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_ACK_to_the_trunk_carries_the_credentials_of_its_INVITE()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var (invite, ack) = Up(bench, carrier, "<sip:bob@10.0.0.1>");
        ack.Get(HeaderId.Authorization).ShouldBe(invite.Get(HeaderId.Authorization));
    }

    [Fact]
    public void Another_port_of_the_trunks_address_is_somebody_else()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var far = bench.Peer("10.0.0.1", 5090);
        Up(bench, carrier, "<sip:bob@10.0.0.1:5090>", ackTo: far);
        HangUp(bench);
        far.Respond(far.Request("BYE"), 401, Challenge());
        far.Take("BYE", 40_000).ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("WWW", 401, "<sip:bob@10.0.0.1>", "", true)]
    [InlineData("Proxy", 407, "<sip:bob@10.0.0.9>", ThroughProxy, true)]
    [InlineData("WWW", 401, "<sip:bob@10.0.0.9>", ThroughProxy, false)]
    public void A_BYE_through_the_trunk_answers_the_trunk_and_not_who_is_behind_it(string kind, int status, string contact, string more, bool answered)
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        Up(bench, carrier, contact, more: more);
        HangUp(bench);
        carrier.Respond(carrier.Request("BYE"), status, Challenge(kind: kind, nonce: "n2"));
        var again = carrier.Take("BYE", 300);
        again.Length.ShouldBe(answered ? 1 : 0);
        if (answered) HasCredentials(again[0]).ShouldBeTrue();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("<sip:bob@10.0.0.1>", "", "carrier", true)]
    [InlineData("<sip:bob@10.0.0.9>", ThroughProxy, "carrier", true)]
    [InlineData("<sip:bob@10.0.0.9>", ThroughProxy, "other", false)]
    public void After_a_restart_the_re_INVITE_answers_the_realm_that_the_call_was_set_up_with(string contact, string more, string realm, bool answered)
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        Up(bench, carrier, contact, more: more);
        bench.KillAndRestart();
        carrier.Respond(carrier.Request("INVITE"), 407, Challenge(realm, kind: "Proxy", nonce: "n2"));
        carrier.Request("ACK");
        var next = carrier.Take(answered ? "INVITE" : "BYE", 300);
        next.Length.ShouldBe(1);
        HasCredentials(next[0]).ShouldBe(answered);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void After_a_restart_MD5_is_not_answered_where_the_call_was_set_up_with_SHA_256()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, Challenge(algorithm: "SHA-256"));
        carrier.Request("ACK");
        carrier.Respond(carrier.Request("INVITE"), 200, $"{Ok}<sip:bob@10.0.0.1>", carrier.Sdp());
        carrier.Request("ACK");
        bench.KillAndRestart();
        carrier.Respond(carrier.Request("INVITE"), 401, Challenge(algorithm: "MD5", nonce: "n2"));
        carrier.Request("ACK");
        carrier.Request("BYE");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_re_INVITE_to_a_far_end_that_challenges_gets_none()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var far = bench.Peer("10.0.0.9");
        Up(bench, carrier, "<sip:bob@10.0.0.9>", ackTo: far);
        bench.KillAndRestart();
        far.Respond(far.Request("INVITE"), 401, Challenge());
        far.Request("ACK");
        HasCredentials(far.Request("BYE")).ShouldBeFalse();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_inbound_calls_BYE_answers_its_trunk_and_no_far_end()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        var far = bench.Peer("10.0.0.9");
        carrier.Invite("100", "Contact: <sip:caller@10.0.0.9>");
        var res = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString();
        bench.Ask("sys.call.answer", ("res_id", res), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var answered = carrier.Response(200);
        carrier.Send($"ACK {answered.Contact!.Uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKack\nMax-Forwards: 70\n"
            + $"From: {answered.Get(HeaderId.From)}\nTo: {answered.Get(HeaderId.To)}\nCall-ID: {answered.CallId}\nCSeq: 1 ACK");
        bench.Expect("sys.call.on_answer_completed");
        bench.Ask("sys.call.drop", ("res_id", res)).Error.ShouldBeNull();
        far.Respond(far.Request("BYE"), 401, Challenge());
        far.Take("BYE", 40_000).ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("<sip:200@10.0.0.1;maddr=10.0.0.66>", "10.0.0.66", 5060)]
    [InlineData("<sip:200@10.0.0.1:5099>", "10.0.0.1", 5099)]
    public void A_redirection_away_from_the_trunk_takes_no_credentials_along(string contact, string address, int port)
    {
        var bench = new NodeBench([Carrier()]);
        bench.Resolver.Maddr = true;
        var carrier = bench.Peer("10.0.0.1");
        var other = bench.Peer(address, port);
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 302, $"Contact: {contact}");
        carrier.Request("ACK");
        other.Respond(other.Request("INVITE"), 401, Challenge());
        other.Request("ACK");
        other.Take("INVITE", 2000).ShouldBeEmpty();
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(401);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_second_realm_is_not_answered_whatever_is_asked_by_whom()
    {
        var bench = new NodeBench([Carrier() with { Register = true, OptionsIntervalMillis = 30_000 }]);
        var carrier = bench.Peer("10.0.0.1");
        var register = carrier.Request("REGISTER");
        carrier.Respond(register, 401, Challenge());
        carrier.Respond(carrier.Request("REGISTER"), 200, $"Contact: {register.Get(HeaderId.Contact)};expires=3600");
        carrier.Respond(carrier.Request("OPTIONS"), 401, Challenge("other"));
        carrier.Hears("OPTIONS", 1000).ShouldBeFalse();
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 407, Challenge("other", kind: "Proxy"));
        carrier.Request("ACK");
        carrier.Take("INVITE", 1000).ShouldBeEmpty();
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(407);
        bench.Log.Count(line => line.Contains("realm \"other\" is not the trunk's", StringComparison.Ordinal)).ShouldBe(1);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void OPTIONS_answers_its_trunk_once_a_round()
    {
        var bench = new NodeBench([Carrier() with { OptionsIntervalMillis = 30_000 }]);
        var carrier = bench.Peer("10.0.0.1");
        for (var round = 1; round < 3; round++)
        {
            var asked = carrier.Request("OPTIONS", 31_000);
            HasCredentials(asked).ShouldBeFalse();
            carrier.Respond(asked, 401, Challenge());
            var again = carrier.Request("OPTIONS");
            HasCredentials(again).ShouldBeTrue();
            carrier.Respond(again, 401, Challenge(nonce: "n2"));
            carrier.Hears("OPTIONS", 20_000).ShouldBeFalse();
        }
        bench.Server.Trunks.IsUp(bench.Server.Trunks.All[0]).ShouldBeTrue();
    }

    [Fact]
    public void A_configured_realm_counts_from_the_first_challenge_on()
    {
        var bench = new NodeBench([Carrier() with { Realms = ["mine", "also"] }]);
        var carrier = bench.Peer("10.0.0.1");
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, Challenge("carrier"));
        carrier.Request("ACK");
        carrier.Take("INVITE", 1000).ShouldBeEmpty();
        bench.Construct("sip:201@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, $"{Challenge("carrier", "SHA-256")}\n{Challenge("also")}");
        carrier.Request("ACK");
        carrier.Request("INVITE").Get(HeaderId.Authorization)!.ShouldContain("realm=\"also\"");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void MD5_is_refused_to_every_request_once_SHA_256_was_agreed_with_one()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, $"{Challenge(algorithm: "MD5")}\n{Challenge(algorithm: "SHA-256")}");
        carrier.Request("ACK");
        var strong = carrier.Request("INVITE");
        strong.Get(HeaderId.Authorization)!.ShouldContain("SHA-256");
        carrier.Respond(strong, 486);
        carrier.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        bench.Construct("sip:201@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, Challenge(algorithm: "MD5"));
        carrier.Request("ACK");
        carrier.Take("INVITE", 1000).ShouldBeEmpty();
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(401);
        bench.Log.ShouldContain(line => line.Contains("asks for MD5", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_trunks_at_one_address_keep_their_passwords_apart()
    {
        var bench = new NodeBench([Carrier(), Carrier() with { Name = "second", Port = 5090, User = "them", Password = "hidden" }]);
        var carrier = bench.Peer("10.0.0.1");
        var second = bench.Peer("10.0.0.1", 5090);
        bench.Construct("sip:200@second");
        var invite = second.Request("INVITE");
        // The first trunk's server answers a request of the second's.
        carrier.Respond(invite, 401, Challenge());
        second.Request("ACK");
        second.Take("INVITE", 1000).ShouldBeEmpty();
        bench.Construct("sip:200@second");
        second.Respond(second.Request("INVITE"), 401, Challenge("second"));
        second.Request("ACK");
        second.Request("INVITE").Get(HeaderId.Authorization)!.ShouldContain("username=\"them\"");
        bench.Construct("sip:200@carrier");
        carrier.Respond(carrier.Request("INVITE"), 401, Challenge());
        carrier.Request("ACK");
        carrier.Request("INVITE").Get(HeaderId.Authorization)!.ShouldContain("username=\"us\"");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunk_with_a_name_is_wherever_that_has_lately_led_and_calls_from_there_are_its()
    {
        var resolver = new Cti.Testing.VirtualResolver();
        resolver.Names["sip.carrier.example"] = new(System.Net.IPAddress.Parse("10.0.0.1"), 5060);
        var bench = new NodeBench([Carrier("sip.carrier.example")], new Cti.Actors.Instances.InboundPolicy([], false, NodeBench.App, false),
            resolver: resolver);
        var before = bench.Peer("10.0.0.1");
        var after = bench.Peer("10.0.0.2");
        void CallFrom(RawPeer peer, string id) =>
            peer.Send($"INVITE sip:100@10.0.0.100 SIP/2.0\nVia: SIP/2.0/UDP {peer.Local};branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: <sip:x@x>;tag=x\n"
                + $"To: <sip:100@10.0.0.100>\nCall-ID: {id}\nCSeq: 1 INVITE\nContact: <sip:x@{peer.Local}>\nContent-Type: application/sdp", peer.Sdp());
        resolver.Names["sip.carrier.example"] = new(System.Net.IPAddress.Parse("10.0.0.2"), 5060);
        CallFrom(after, "a");
        after.Response(403);
        bench.Construct("sip:200@carrier");
        after.Respond(after.Request("INVITE"), 401, Challenge());
        after.Request("ACK");
        HasCredentials(after.Request("INVITE")).ShouldBeTrue();
        CallFrom(after, "b");
        bench.Expect("sys.call.on_incoming");
        CallFrom(before, "c");
        bench.Expect("sys.call.on_incoming");
        // Where it has not led for ten minutes is somebody else.
        bench.Runtime.Advance(700_000);
        CallFrom(before, "d");
        before.Response(403);
        bench.Crashes.ShouldBeEmpty();
    }
}
