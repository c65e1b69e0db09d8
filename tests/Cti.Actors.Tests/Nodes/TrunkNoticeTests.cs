using System.Text;
using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What operators are told of trunks: at once, and when they ask.</summary>
public sealed class TrunkNoticeTests
{
    private static readonly Trunk Carrier = new()
    {
        Name = "carrier", Host = "10.0.0.1", Targets = [new TrunkTarget("10.0.0.1"), new TrunkTarget("10.0.0.2", Priority: 2)],
        User = "us", Password = "secret",
        Register = true, OptionsIntervalMillis = 10_000, MaxCalls = 30, CallsPerSecond = 5,
    };

    private readonly List<string> _told = [];
    private NodeBench _bench;
    private IDisposable _listening;

    public TrunkNoticeTests()
    {
        _bench = new([Carrier], dialAny: false);
        _listening = Listen();
    }

    private IDisposable Listen() => _bench.Server.Notices.Listen(notice =>
    {
        notice.Method.ShouldBe("sys.trunk.on_state");
        var told = JsonDocument.Parse(notice.Params).RootElement;
        told.GetProperty("node").GetString().ShouldBe("n1");
        told.GetProperty("since").GetInt64().ShouldBe(_bench.Runtime.UnixMillis / 1000);
        _told.Add($"{told.GetProperty("trunk")} {told.GetProperty("target")} {told.GetProperty("state")} {told.GetProperty("code")}");
    });

    private JsonElement Trunk => JsonDocument.Parse(_bench.Ask("sys.trunk.list").Result).RootElement[0];

    private void Answer(RawPeer peer, int status)
    {
        peer.Respond(peer.Request("OPTIONS", 40_000), status);
        _bench.Runtime.Advance(100);
    }

    [Fact]
    public void A_target_that_goes_down_and_up_again_is_told_once_each()
    {
        var first = _bench.Peer("10.0.0.1");
        Answer(first, 200);
        _told.ShouldBeEmpty("it counted as up");
        Answer(first, 503);
        Answer(first, 503);
        Answer(first, 404);
        _told.ShouldBe(["carrier 10.0.0.1:5060 down 503", "carrier 10.0.0.1:5060 up 404"]);
        _listening.Dispose();
        Answer(first, 503);
        _told.Count.ShouldBe(2);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_registration_that_holds_fails_and_runs_out_is_told()
    {
        _bench = new([Carrier with { OptionsIntervalMillis = 0 }], dialAny: false);
        _listening = Listen();
        var (first, second) = (_bench.Peer("10.0.0.1"), _bench.Peer("10.0.0.2"));
        first.Respond(first.Request("REGISTER"), 403);
        _bench.Runtime.Advance(100);
        _told.ShouldBe(["carrier 10.0.0.1:5060 unregistered 403"]);
        first.Respond(first.Request("REGISTER", 310_000), 200, "Expires: 100");
        _bench.Runtime.Advance(100);
        _told.ShouldBe(["carrier 10.0.0.1:5060 unregistered 403", "carrier 10.0.0.1:5060 registered 200"]);
        // The refresh is refused: what was granted still holds, until it runs out.
        first.Respond(first.Request("REGISTER", 82_000), 403);
        _bench.Runtime.Advance(100);
        _told.Count.ShouldBe(2);
        _bench.Runtime.Advance(25_000);
        _told[2..].ShouldBe(["carrier 10.0.0.1:5060 unregistered 403"]);
        second.Take("REGISTER", 0).ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Who_drains_is_unregistered()
    {
        var first = _bench.Peer("10.0.0.1");
        first.Respond(first.Request("REGISTER"), 200, "Expires: 600");
        _bench.Runtime.Advance(100);
        _told.Clear();
        _bench.Server.Drain();
        first.Respond(first.Request("REGISTER"), 200);
        _bench.Runtime.Advance(100);
        _told.ShouldBe(["carrier 10.0.0.1:5060 unregistered 0"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_list_says_how_each_target_stands_and_what_is_used()
    {
        var (first, second) = (_bench.Peer("10.0.0.1"), _bench.Peer("10.0.0.2"));
        Answer(first, 200);
        Answer(second, 503);
        first.Respond(first.Request("REGISTER"), 200, "Expires: 600");
        _bench.Construct("sip:1@carrier");
        first.Request("INVITE");
        var trunk = Trunk;
        (trunk.GetProperty("node").GetString(), trunk.GetProperty("name").GetString(), trunk.GetProperty("up").GetBoolean()).ShouldBe(("n1", "carrier", true));
        (trunk.GetProperty("calls").GetInt32(), trunk.GetProperty("max_calls").GetInt32(), trunk.GetProperty("calls_per_second").GetInt32(),
            trunk.GetProperty("too_fast").GetInt64()).ShouldBe((1, 30, 5, 0));
        trunk.GetProperty("registered").GetBoolean().ShouldBeTrue();
        trunk.GetProperty("registered_until").GetInt64().ShouldBeInRange((_bench.Runtime.UnixMillis / 1000) + 590, (_bench.Runtime.UnixMillis / 1000) + 600);
        var targets = trunk.GetProperty("targets").EnumerateArray().ToList();
        targets.Select(static target => (target.GetProperty("target").GetString(), target.GetProperty("up").GetBoolean(), target.GetProperty("code").GetInt32(),
            target.GetProperty("priority").GetInt32())).ShouldBe([("10.0.0.1:5060", true, 200, 1), ("10.0.0.2:5060", false, 503, 2)]);
        targets[1].GetProperty("since").GetInt64().ShouldBeInRange((_bench.Runtime.UnixMillis / 1000) - 60, _bench.Runtime.UnixMillis / 1000);
        _bench.Server.CallsByTrunk().ShouldBe(new Dictionary<string, int> { ["carrier"] = 1 });
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Every_node_hears_what_each_of_them_sees_and_lists_it_too()
    {
        var bench = new ClusterBench(trunks: new Trunk { Name = "carrier", Host = "10.9.0.1", OptionsIntervalMillis = 10_000 });
        var heard = new List<string>();
        bench["n2"].Server.Notices.Listen(notice =>
        {
            var told = JsonDocument.Parse(notice.Params).RootElement;
            heard.Add($"{told.GetProperty("node")} {told.GetProperty("state")}");
        });
        // Nobody was there when the nodes began, so that it counts as down.
        Listed(200).ShouldBe(["n1 False", "n2 False", "n3 False"]);
        var carrier = bench.Peer("10.9.0.1", bench["n1"]);
        for (var i = 0; i < 3; i++)
        {
            var asked = carrier.Request("OPTIONS", 15_000);
            carrier.Towards = bench.Nodes.Single(node => node.Address.Address.ToString() == asked.TopVia.Host).Address;
            carrier.Respond(asked, 200);
        }
        bench.Runtime.Advance(100);
        heard.Order().ShouldBe(["n1 up", "n2 up", "n3 up"]);
        Listed(200).ShouldBe(["n1 True", "n2 True", "n3 True"]);
        bench.Links.Cut("n1", "n2");
        bench.Runtime.Advance(4000);
        Listed(3000).ShouldBe(["n2 True", "n3 True"], "of who does not answer nothing is known");
        bench.Crashes.ShouldBeEmpty();

        IEnumerable<string> Listed(int millis) => bench.Result(bench.Wait(bench.Begin(bench["n2"], null, "sys.trunk.list"), millis)).EnumerateArray()
            .Select(static trunk => $"{trunk.GetProperty("node")} {trunk.GetProperty("up").GetBoolean()}").ToList();
    }

    [Fact]
    public void What_another_node_tells_goes_to_those_who_listen_here_and_nothing_else_does()
    {
        var received = new List<string>();
        var notices = new TrunkNotices("n2", static () => null!, null, NullLog.Instance);
        notices.Listen(notice => received.Add(Encoding.UTF8.GetString(notice.Params.Span)));
        notices.OnMessage("n1", new byte[] { 1, (byte)'{', (byte)'}' });
        notices.OnMessage("n1", new byte[] { 2, (byte)'{', (byte)'}' });
        notices.OnMessage("n1", new byte[] { 1, (byte)'{' });
        notices.OnMessage("n1", ReadOnlyMemory<byte>.Empty);
        received.ShouldBe(["{}"]);
    }
}
