using System.Net;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A trunk of several targets: who is tried in which order, who is left out, and where it is registered.</summary>
public sealed class TrunkTargetTests
{
    private static readonly string[] Addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

    private static Trunk Carrier(params TrunkTarget[] targets) => new()
    {
        Name = "carrier", Host = "carrier.example", Targets = [.. targets.Length > 0 ? targets : Addresses.Select(static (address, place) =>
            new TrunkTarget(address, 5060, place + 1))],
    };

    private static void Refuse(RawPeer peer)
    {
        peer.Respond(peer.Request("INVITE"), 503);
        peer.Request("ACK");
    }

    /// <summary>Answers every OPTIONS for so long.</summary>
    private static void Live(NodeBench bench, int millis, params RawPeer[] peers)
    {
        for (var passed = 0; passed < millis; passed += 500)
        {
            foreach (var peer in peers)
            {
                while (peer.Hears("OPTIONS", 0)) peer.Respond(peer.Request("OPTIONS"), 200);
            }
            bench.Runtime.Advance(500);
        }
    }

    [Fact]
    public void Calls_go_to_the_least_priority_and_on_to_the_next_by_the_same_URI()
    {
        var bench = new NodeBench([Carrier()], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        bench.Construct("sip:200@carrier");
        var invite = peers[0].Request("INVITE");
        invite.Uri.Text.ShouldBe("sip:200@carrier.example:5060");
        peers[0].Respond(invite, 503);
        peers[0].Request("ACK");
        var again = peers[1].Request("INVITE");
        (again.CallId, again.Uri.Text).ShouldBe((invite.CallId, invite.Uri.Text));
        peers[1].Respond(again, 200, $"Contact: <sip:far@{peers[1].Local}>\nContent-Type: application/sdp", peers[1].Sdp());
        peers[1].Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        peers[2].Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Any_of_its_hosts_in_a_URI_is_the_trunk_and_when_all_refuse_the_last_one_counts()
    {
        var bench = new NodeBench([Carrier()], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        bench.Construct("sip:200@10.0.0.3");
        foreach (var peer in peers) Refuse(peer);
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(503);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Within_a_priority_calls_are_spread_by_weight()
    {
        var (heavy, light) = (new TrunkTarget("10.0.0.1", Weight: 3), new TrunkTarget("10.0.0.2"));
        var later = new TrunkTarget("10.0.0.3", Priority: 2, Weight: 1000);
        var random = new SeededRandom(7);
        var orders = Enumerable.Range(0, 4000).Select(_ => TrunkTarget.InOrder([later, light, heavy], static _ => true, random)).ToList();
        orders.ShouldAllBe(static order => order.Count == 3 && order[2] == 0);
        // Three of four, give or take what chance does to 4000 draws (RFC 2782 draws from 0 to the sum, which favours neither by more than that).
        orders.Count(static order => order[0] == 2).ShouldBeInRange(2200, 3200);
        TrunkTarget.InOrder([later, light, heavy], static place => place != 2, random).ShouldBe([1, 0]);
        TrunkTarget.InOrder([later, light], static _ => false, random).ShouldBe([1, 0], "where all are down all are tried");
    }

    [Fact]
    public void One_that_does_not_answer_OPTIONS_is_left_out_until_it_does_and_the_trunk_stays_up()
    {
        var bench = new NodeBench([Carrier() with { OptionsIntervalMillis = 10_000 }], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        var trunk = bench.Server.Trunks.All[0];
        Live(bench, 45_000, peers[1], peers[2]);
        bench.Server.Trunks.IsUp(trunk).ShouldBeTrue();
        bench.Server.Trunks.TargetsOf(trunk).Select(static target => (target.State.IsUp, target.State.Code)).ShouldBe([(false, 408), (true, 200), (true, 200)]);
        bench.Log.ShouldContain(line => line.Contains("carrier (10.0.0.1:5060) is down", StringComparison.Ordinal));
        bench.Construct("sip:200@carrier");
        peers[1].Request("INVITE").Uri.Host.ShouldBe("carrier.example");
        peers[0].Take("INVITE", 0).ShouldBeEmpty();
        Live(bench, 45_000, peers);
        bench.Server.Trunks.TargetsOf(trunk).ShouldAllBe(static target => target.State.IsUp);
        bench.Construct("sip:201@carrier");
        peers[0].Request("INVITE");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Each_is_asked_by_its_own_name_and_503_is_down()
    {
        var bench = new NodeBench([Carrier() with { OptionsIntervalMillis = 10_000 }], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        foreach (var peer in peers)
        {
            var options = peer.Request("OPTIONS");
            options.Uri.Host.ShouldBe(peer.Local.Address.ToString());
            peer.Respond(options, 503);
        }
        bench.Runtime.Advance(100);
        bench.Server.Trunks.IsUp(bench.Server.Trunks.All[0]).ShouldBeFalse();
        var refused = bench.Ask("sys.call.construct", ("to_uri", "sip:1@carrier"), ("max_answer_seconds", 60));
        ((string[])refused.Error!.Data!["gateways"]).ShouldBe(["carrier: down"]);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Calls_from_any_of_them_are_the_trunks()
    {
        var resolver = new VirtualResolver();
        resolver.Ways["sbc.example"] = [new IPEndPoint(IPAddress.Parse("10.0.0.7"), 5060), new IPEndPoint(IPAddress.Parse("10.0.0.8"), 5060)];
        var bench = new NodeBench([Carrier(new TrunkTarget("10.0.0.1"), new TrunkTarget("sbc.example", 0))], resolver: resolver,
            inbound: new Instances.InboundPolicy([], false, NodeBench.App, false));
        foreach (var address in (string[])["10.0.0.1", "10.0.0.7", "10.0.0.8"])
        {
            bench.Peer(address).Invite("100", $"Contact: <sip:caller@{address}>");
            bench.Expect("sys.call.on_incoming");
        }
        bench.Peer("10.0.0.2").Invite("100", "Contact: <sip:caller@10.0.0.2>");
        bench.Peer("10.0.0.2").Response(403);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_password_answers_each_of_them()
    {
        var bench = new NodeBench([Carrier() with { User = "us", Password = "secret" }], dialAny: false);
        var (first, second) = (bench.Peer("10.0.0.1"), bench.Peer("10.0.0.2"));
        bench.Construct("sip:200@carrier");
        Refuse(first);
        second.Respond(second.Request("INVITE"), 407, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        second.Request("ACK");
        second.Request("INVITE").Get(HeaderId.ProxyAuthorization)!.ShouldContain("username=\"us\"");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_registration_goes_to_the_first_that_answers_and_stays_there()
    {
        var bench = new NodeBench([Carrier() with { User = "us", Password = "secret", Register = true, RegisterSeconds = 100 }], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        peers[0].Request("REGISTER");
        bench.Runtime.Advance(32_500);
        var second = peers[1].Request("REGISTER");
        second.Uri.Host.ShouldBe("carrier.example", "it is the registrar's domain, whoever answers for it");
        peers[1].Respond(second, 503);
        var third = peers[2].Request("REGISTER");
        peers[2].Respond(third, 200, "Expires: 100");
        bench.Runtime.Advance(100);
        bench.Server.IsRegisteredAt(bench.Server.Trunks.All[0]).ShouldBeTrue();
        peers[0].Rest();
        peers[2].Respond(peers[2].Request("REGISTER", 81_000), 200, "Expires: 100");
        peers[0].Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_registrar_that_is_down_is_left_at_once_for_one_that_is_up()
    {
        var bench = new NodeBench([Carrier() with { User = "us", Password = "secret", Register = true, OptionsIntervalMillis = 10_000 }], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        peers[0].Respond(peers[0].Request("REGISTER"), 200, "Expires: 600");
        Live(bench, 45_000, peers[1], peers[2]);
        var moved = peers[1].Request("REGISTER");
        peers[1].Respond(moved, 200, "Expires: 600");
        bench.Runtime.Advance(100);
        bench.Server.IsRegisteredAt(bench.Server.Trunks.All[0]).ShouldBeTrue();
        peers[2].Take("REGISTER", 0).ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_round_in_which_all_fail_is_one_failure_and_the_next_begins_with_the_best()
    {
        var bench = new NodeBench([Carrier() with { User = "us", Password = "secret", Register = true }], dialAny: false);
        var peers = Addresses.Select(address => bench.Peer(address)).ToArray();
        foreach (var peer in peers) peer.Respond(peer.Request("REGISTER"), 503);
        bench.Runtime.Advance(100);
        bench.Server.Trunks.RegisterFailuresAt(bench.Server.Trunks.All[0]).ShouldBe(new Dictionary<int, long> { [503] = 1 });
        peers[0].Request("REGISTER", 31_000);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_common_host_each_certificate_has_to_name_its_own_target()
    {
        var named = Carrier();
        var table = new TrunkTable([named, named with { Name = "own", IsNamedByTargets = true, Host = "10.0.0.1" }]);
        var second = IPEndPoint.Parse("10.0.0.2:5060");
        table.TlsNameAt(table.All[0], second).ShouldBe("carrier.example");
        table.TlsNameAt(table.All[1], second).ShouldBe("10.0.0.2");
        table.TlsNameAt(table.All[1] with { OwnTlsName = "tls.example" }, second).ShouldBe("tls.example");
    }
}
