using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

public sealed class TrunkTests
{
    private static Trunk Carrier(string name = "carrier", string host = "10.0.0.1") => new() { Name = name, Host = host };

    [Fact]
    public void A_registration_answers_the_challenge_and_is_refreshed_before_it_expires()
    {
        var bench = new NodeBench([Carrier() with { User = "4930", Password = "secret", Register = true, RegisterSeconds = 300 }]);
        var registrar = bench.Peer("10.0.0.1");
        var first = registrar.Request("REGISTER");
        first.Uri.Host.ShouldBe("10.0.0.1");
        first.To.Uri.User.ShouldBe("4930");
        first.Expires.ShouldBe(300);
        first.Has(HeaderId.Authorization).ShouldBeFalse();
        registrar.Respond(first, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"");
        var second = registrar.Request("REGISTER");
        second.CSeq.Number.ShouldBe(first.CSeq.Number + 1);
        second.CallId.ShouldBe(first.CallId);
        second.Get(HeaderId.Authorization)!.ShouldContain("username=\"4930\"");
        second.Get(HeaderId.Authorization)!.ShouldNotContain("secret");
        registrar.Respond(second, 200, $"Contact: {second.Get(HeaderId.Contact)};expires=100");
        registrar.Hears("REGISTER", 79_000).ShouldBeFalse();
        registrar.Request("REGISTER", 2_000).CSeq.Number.ShouldBe(second.CSeq.Number + 1);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunk_that_does_not_answer_OPTIONS_takes_no_calls_until_it_does()
    {
        var bench = new NodeBench([Carrier() with { OptionsIntervalMillis = 10_000 }], dialAny: false);
        var carrier = bench.Peer("10.0.0.1");
        carrier.Request("OPTIONS");
        bench.Runtime.Advance(33_000);
        var refused = bench.Ask("sys.call.construct", ("to_uri", "sip:1@carrier"), ("max_answer_seconds", 60));
        refused.Error!.Code.ShouldBe(ErrorCodes.NoGateway);
        ((string[])refused.Error.Data!["gateways"]).ShouldBe(["carrier: down"]);
        bench.Runtime.Advance(10_000);
        SipRequest? last = null;
        while (carrier.Hears("OPTIONS", 0)) last = carrier.Request("OPTIONS");
        carrier.Respond(last!, 200);
        bench.Construct("sip:1@carrier").ShouldNotBeEmpty();
        carrier.Request("INVITE").Uri.ToString().ShouldStartWith("sip:1@10.0.0.1");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunk_begins_so_many_calls_a_second_in_both_directions_and_more_go_elsewhere_or_come_again()
    {
        var bench = new NodeBench([Carrier() with { CallsPerSecond = 2 }, Carrier("other", "10.0.0.2")], dialAny: false);
        var (carrier, other) = (bench.Peer("10.0.0.1"), bench.Peer("10.0.0.2"));
        carrier.Invite("100", "Contact: <sip:caller@10.0.0.1>");
        bench.Expect("sys.call.on_incoming");
        bench.Construct("sip:1@carrier");
        carrier.Request("INVITE");
        bench.Ask("sys.call.construct", ("to_uri", "sip:2@carrier"), ("max_answer_seconds", 60)).Error!.Data!["gateways"]
            .ShouldBe(new[] { "carrier: full, 2 calls a second" });
        bench.Ask("sys.call.construct", ("to_uri", new[] { "sip:2@carrier", "sip:2@other" }), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        other.Request("INVITE");
        carrier.Send("""
            INVITE sip:101@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKsecond
            Max-Forwards: 70
            From: <sip:caller@10.0.0.1>;tag=second
            To: <sip:101@10.0.0.100>
            Call-ID: second
            CSeq: 1 INVITE
            Contact: <sip:caller@10.0.0.1>
            Content-Type: application/sdp
            """, carrier.Sdp());
        var refusal = carrier.Response(503);
        (refusal.Reason, refusal.Get(HeaderId.RetryAfter)).ShouldBe(("Too many calls in a second", "1"));
        bench.Server.Trunks.TooFastOn(bench.Server.Trunks.Named("carrier")!).ShouldBe(3);
        bench.Runtime.Advance(600);
        bench.Construct("sip:3@carrier").ShouldNotBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_refusal_names_the_host_and_the_port_that_were_looked_for()
    {
        var bench = new NodeBench([Carrier("carrier", "10.0.0.1") with { Port = 5080, MaxCalls = 1 }], dialAny: false);
        bench.Peer("10.0.0.1", 5080);
        string[] Gateways(params string[] uris) =>
            (string[])bench.Ask("sys.call.construct", ("to_uri", uris), ("max_answer_seconds", 60)).Error!.Data!["gateways"];
        Gateways("sip:1@10.0.0.1", "1@10.0.0.1:5090", "1@[2001:db8::1]:5070", "1@carier").ShouldBe(
            ["10.0.0.1:5060: unknown", "10.0.0.1:5090: unknown", "[2001:db8::1]:5070: unknown", "carier:5060: unknown"]);
        bench.Construct("sip:1@10.0.0.1:5080").ShouldNotBeEmpty();
        Gateways("sip:1@10.0.0.1:5080", "sip:1@carrier").ShouldBe(["10.0.0.1:5080: full", "carrier: full"]);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_full_gateway_gives_way_to_the_next_of_the_list_and_is_free_again_after_the_call()
    {
        var bench = new NodeBench([Carrier("a", "10.0.0.1") with { MaxCalls = 1 }, Carrier("b", "10.0.0.2") with { MaxCalls = 1 }], dialAny: false);
        var first = bench.Peer("10.0.0.1");
        var second = bench.Peer("10.0.0.2");
        string[] list = ["sip:1@a", "sip:1@b"];
        bench.Ask("sys.call.construct", ("to_uri", list), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        bench.Ask("sys.call.construct", ("to_uri", list), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var invite = first.Request("INVITE");
        second.Request("INVITE");
        var full = bench.Ask("sys.call.construct", ("to_uri", list), ("max_answer_seconds", 60)).Error!;
        full.Code.ShouldBe(ErrorCodes.NoGateway);
        ((string[])full.Data!["gateways"]).ShouldBe(["a: full", "b: full"]);
        first.Respond(invite, 486);
        bench.Expect("sys.call.on_released");
        bench.Ask("sys.call.construct", ("to_uri", list), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        first.Request("INVITE").CallId.ShouldNotBe(invite.CallId);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_INVITE_answers_a_challenge_with_the_trunks_credentials_and_asserts_the_caller()
    {
        var bench = new NodeBench([Carrier() with { User = "u", Password = "p", AssertIdentity = true, FromDomain = "our.example" }]);
        var carrier = bench.Peer("10.0.0.1");
        bench.Construct("sip:49301@carrier", ("from_uri", "4711"));
        var first = carrier.Request("INVITE");
        first.From.Uri.ToString().ShouldStartWith("sip:4711@our.example");
        first.Get(HeaderId.PAssertedIdentity)!.ShouldContain("sip:4711@our.example");
        carrier.Respond(first, 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"");
        carrier.Request("ACK");
        var second = carrier.Request("INVITE");
        second.Get(HeaderId.ProxyAuthorization)!.ShouldContain("algorithm=SHA-256");
        second.CSeq.Number.ShouldBe(first.CSeq.Number + 1);
        carrier.Respond(second, 200, "Contact: <sip:49301@10.0.0.1>\nContent-Type: application/sdp", carrier.Sdp());
        carrier.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_hidden_caller_is_anonymous_with_Privacy()
    {
        var bench = new NodeBench([Carrier()]);
        var carrier = bench.Peer("10.0.0.1");
        bench.Construct("sip:1@carrier", ("from_uri", "anonymous"));
        var invite = carrier.Request("INVITE");
        invite.From.Uri.ToString().ShouldBe("sip:anonymous@anonymous.invalid");
        invite.Get(HeaderId.Privacy).ShouldBe("id");
    }

    [Fact]
    public void An_unknown_host_is_no_gateway_unless_any_may_be_dialled()
    {
        var strict = new NodeBench(dialAny: false);
        strict.Ask("sys.call.construct", ("to_uri", "sip:1@10.0.0.9"), ("max_answer_seconds", 60)).Error!.Code.ShouldBe(ErrorCodes.NoGateway);
        var open = new NodeBench();
        var peer = open.Peer("10.0.0.9");
        open.Construct("sip:1@10.0.0.9");
        peer.Request("INVITE");
    }

    [Fact]
    public void A_host_that_does_not_resolve_fails_the_dialling()
    {
        var bench = new NodeBench();
        var call = bench.Construct("sip:1@nowhere.example");
        var completed = bench.Expect("sys.call.on_dial_completed");
        completed.GetProperty("res_id").GetString().ShouldBe(call);
        completed.GetProperty("error").GetProperty("code").GetInt32().ShouldBe(503);
        completed.GetProperty("error").GetProperty("message").GetString()!.ShouldContain("nowhere.example");
        bench.Expect("sys.call.on_released").GetProperty("cause").GetInt32().ShouldBe(503);
        bench.Runtime.Advance(40_000);
        bench.Server.CallCount.ShouldBe(0);
        bench.Media.OpenSessions.ShouldBe(0);
    }
}
