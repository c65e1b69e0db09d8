using System.Net;
using Cti.Actors.Trunks;
using Cti.Sip;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>An INVITE goes to the next of those that a name leads to, and never to two at once (RFC 3263 section 4.3).</summary>
public sealed class FailOverTests
{
    private static readonly string[] Addresses = ["192.0.2.21", "192.0.2.22", "192.0.2.23"];

    private static NodeBench Bench(Trunk? trunk = null)
    {
        var resolver = new VirtualResolver();
        resolver.Ways["carrier.example"] = [.. Addresses.Select(address => new IPEndPoint(IPAddress.Parse(address), 5060))];
        return new NodeBench(trunks: trunk is null ? [] : [trunk], resolver: resolver);
    }

    private static Trunk Carrier() => new() { Name = "carrier", Host = "carrier.example", Port = 0, User = "us", Password = "secret" };

    private static void Answer(NodeBench bench, RawPeer peer, SipRequest invite)
    {
        peer.Respond(invite, 200, $"Contact: <sip:far@{peer.Local}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
    }

    [Fact]
    public void A_503_leads_to_the_next_with_the_same_call_and_another_branch()
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier.example");
        var invite = first.Request("INVITE");
        first.Respond(invite, 100);
        first.Respond(invite, 503, "Retry-After: 20");
        first.Request("ACK").TopVia.Branch.ShouldBe(invite.TopVia.Branch, "the 503 is acknowledged");
        var again = second.Request("INVITE");
        (again.CallId, again.CSeq, again.From.Tag, again.Uri.Text).ShouldBe((invite.CallId, invite.CSeq, invite.From.Tag, invite.Uri.Text));
        again.TopVia.Branch.ShouldNotBe(invite.TopVia.Branch);
        Answer(bench, second, again);
        first.Rest().ShouldBeEmpty();
        // The next call does not begin where there is no room; a third does again once it has.
        bench.Construct("sip:201@carrier.example");
        second.Request("INVITE");
        first.Rest().ShouldBeEmpty();
        bench.Runtime.Advance(21_000);
        bench.Construct("sip:202@carrier.example");
        first.Request("INVITE");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Silence_leads_to_the_next_and_all_of_them_are_tried_once()
    {
        var bench = Bench();
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        bench.Construct("sip:200@carrier.example", ("max_ring_seconds", 100));
        peers[0].Request("INVITE");
        peers[1].Rest().ShouldBeEmpty();
        bench.Runtime.Advance(32_000);
        Answer(bench, peers[1], peers[1].Request("INVITE"));
        bench.Runtime.Advance(5_000);
        peers[2].Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void When_all_refuse_the_dialling_ends_with_the_last_one_and_no_call_keeps_another_from_them()
    {
        var bench = Bench();
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        for (var call = 0; call < 2; call++)
        {
            bench.Construct($"sip:20{call}@carrier.example");
            foreach (var peer in peers)
            {
                peer.Respond(peer.Request("INVITE"), 503);
                peer.Request("ACK");
            }
            bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(503);
        }
        peers.SelectMany(static peer => peer.Rest()).ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(404)]
    [InlineData(422)]
    [InlineData(480)]
    [InlineData(486)]
    [InlineData(500)]
    [InlineData(603)]
    public void Any_other_refusal_is_the_answer(int status)
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier.example");
        first.Respond(first.Request("INVITE"), status);
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(status);
        second.Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Where_it_rang_no_second_INVITE_goes_out()
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier.example");
        var invite = first.Request("INVITE");
        first.Respond(invite, 180);
        first.Respond(invite, 503);
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(503);
        second.Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void One_that_is_dropped_meanwhile_goes_nowhere_else()
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        var call = bench.Construct("sip:200@carrier.example");
        var invite = first.Request("INVITE");
        first.Respond(invite, 100);
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        first.Respond(first.Request("CANCEL"), 200);
        first.Respond(invite, 503);
        bench.Expect("sys.call.on_released");
        second.Rest().ShouldBeEmpty();
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_of_one_that_was_given_up_wins_and_whoever_was_asked_after_it_is_cancelled()
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier.example", ("max_ring_seconds", 100));
        var invite = first.Request("INVITE");
        bench.Runtime.Advance(32_100);
        var other = second.Request("INVITE");
        second.Respond(other, 180, "", "", "second");
        first.Respond(invite, 200, $"Contact: <sip:far@{first.Local}>\nContent-Type: application/sdp", first.Sdp());
        first.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        var cancel = second.Request("CANCEL");
        cancel.Get(HeaderId.Reason).ShouldBe("SIP;cause=200;text=\"Call completed elsewhere\"", "so that it is none that was missed there");
        second.Respond(cancel, 200);
        second.Respond(other, 487, "", "", "second");
        second.Request("ACK");
        bench.Runtime.Advance(1_000);
        bench.Server.CallCount.ShouldBe(1);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_within_the_call_that_cannot_be_sent_goes_to_the_next_once_each()
    {
        var resolver = new VirtualResolver();
        resolver.Ways["proxy.example"] = [.. Addresses.Select(address => new IPEndPoint(IPAddress.Parse(address), 5060))];
        var bench = new NodeBench(resolver: resolver);
        var (far, proxy) = (bench.Peer("192.0.2.10"), bench.Peer(Addresses[1]));
        var call = bench.Construct("sip:10@192.0.2.10");
        far.Respond(far.Request("INVITE"), 200, "Record-Route: <sip:proxy.example;lr>\nContact: <sip:10@192.0.2.10>\nContent-Type: application/sdp", far.Sdp());
        // Nobody listens at the first of the proxy's addresses; an ACK has no transaction that would tell.
        bench.Expect("sys.call.on_dial_completed");
        proxy.Rest().ShouldBeEmpty();
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = proxy.Request("BYE");
        bye.Vias.Count.ShouldBe(1, "it is sent anew");
        bye.Uri.Host.ShouldBe("192.0.2.10");
        proxy.Respond(bye, 200);
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Where_none_of_them_can_be_reached_the_call_ends_at_once()
    {
        var resolver = new VirtualResolver();
        resolver.Ways["proxy.example"] = [.. Addresses.Select(address => new IPEndPoint(IPAddress.Parse(address), 5060))];
        var bench = new NodeBench(resolver: resolver);
        var far = bench.Peer("192.0.2.10");
        var call = bench.Construct("sip:10@192.0.2.10");
        far.Respond(far.Request("INVITE"), 200, "Record-Route: <sip:proxy.example;lr>\nContact: <sip:10@192.0.2.10>\nContent-Type: application/sdp", far.Sdp());
        bench.Expect("sys.call.on_dial_completed");
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        bench.Runtime.Advance(500);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunks_password_goes_to_whichever_of_its_addresses_asks()
    {
        var bench = Bench(Carrier());
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier");
        first.Respond(first.Request("INVITE"), 503);
        first.Request("ACK");
        var invite = second.Request("INVITE");
        second.Respond(invite, 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        second.Request("ACK");
        var answered = second.Request("INVITE");
        answered.Get(HeaderId.ProxyAuthorization)!.ShouldContain("username=\"us\"");
        answered.CSeq.Number.ShouldBe(2u);
        Answer(bench, second, answered);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void After_a_crash_the_INVITE_that_went_out_last_is_cancelled()
    {
        var bench = Bench();
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        bench.Construct("sip:200@carrier.example");
        first.Respond(first.Request("INVITE"), 503);
        first.Request("ACK");
        var invite = second.Request("INVITE");
        second.Respond(invite, 180);
        bench.KillAndRestart();
        second.Request("CANCEL").TopVia.Branch.ShouldBe(invite.TopVia.Branch);
        first.Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void OPTIONS_and_REGISTER_move_on_too_and_the_trunk_is_down_only_when_all_are_silent()
    {
        var resolver = new VirtualResolver();
        resolver.Ways["carrier.example"] = [.. Addresses.Take(2).Select(address => new IPEndPoint(IPAddress.Parse(address), 5060))];
        var bench = new NodeBench(trunks: [Carrier() with { OptionsIntervalMillis = 60_000, Register = true }], resolver: resolver);
        // Bound after the start: what went out before was lost, and is repeated.
        var (first, second) = (bench.Peer(Addresses[0]), bench.Peer(Addresses[1]));
        first.Respond(first.Request("OPTIONS"), 200);
        first.Respond(first.Request("REGISTER"), 503);
        var register = second.Request("REGISTER");
        second.Respond(register, 200, $"Contact: {register.Get(HeaderId.Contact)};expires=600");
        bench.Runtime.Advance(100);
        bench.Log.ShouldContain(line => line.Contains("carrier", StringComparison.Ordinal) && line.Contains("register", StringComparison.OrdinalIgnoreCase));
        // Where it is registered now it is asked whether it is up.
        second.Request("OPTIONS", 61_000);
        first.Request("OPTIONS", 33_000);
        bench.Log.ShouldNotContain(line => line.Contains("OPTIONS was not answered", StringComparison.Ordinal));
        bench.Runtime.Advance(33_000);
        bench.Log.ShouldContain(line => line.Contains("OPTIONS was not answered", StringComparison.Ordinal));
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("<sip:192.0.2.30;lr>, <sip:deep.example;lr>", true)]
    [InlineData("<sip:192.0.2.30>", false)]
    [InlineData("<sip:192.0.2.30;lr", false)]
    public void Calls_go_by_the_service_route_that_the_registrar_names(string routes, bool isFollowed)
    {
        var resolver = new VirtualResolver();
        resolver.Names["carrier.example"] = new IPEndPoint(IPAddress.Parse("192.0.2.21"), 5060);
        var bench = new NodeBench(trunks: [Carrier() with { Register = true }], resolver: resolver);
        var (registrar, proxy) = (bench.Peer("192.0.2.21"), bench.Peer("192.0.2.30"));
        var register = registrar.Request("REGISTER");
        register.Get(HeaderId.Supported).ShouldBe("path");
        registrar.Respond(register, 200, $"Contact: {register.Get(HeaderId.Contact)};expires=600\nService-Route: {routes}\nPath: <sip:edge.example;lr>");
        bench.Construct("sip:200@carrier");
        var peer = isFollowed ? proxy : registrar;
        var invite = peer.Request("INVITE");
        invite.Uri.Host.ShouldBe("carrier.example");
        invite.Routes.Select(static route => route.Uri.Host).ShouldBe(isFollowed ? ["192.0.2.30", "deep.example"] : []);
        peer.Respond(invite, 180);
        bench.KillAndRestart();
        peer.Request("CANCEL").Routes.Count.ShouldBe(isFollowed ? 2 : 0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_password_does_not_go_to_a_proxy_that_the_registrar_names()
    {
        var resolver = new VirtualResolver();
        resolver.Names["carrier.example"] = new IPEndPoint(IPAddress.Parse("192.0.2.21"), 5060);
        var bench = new NodeBench(trunks: [Carrier() with { Register = true }], resolver: resolver);
        var (registrar, proxy) = (bench.Peer("192.0.2.21"), bench.Peer("192.0.2.30"));
        var register = registrar.Request("REGISTER");
        registrar.Respond(register, 200, $"Contact: {register.Get(HeaderId.Contact)};expires=600\nService-Route: <sip:192.0.2.30;lr>");
        bench.Construct("sip:200@carrier");
        proxy.Respond(proxy.Request("INVITE"), 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(407);
        bench.Crashes.ShouldBeEmpty();
    }
}
