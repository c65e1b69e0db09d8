using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Bridges and conferences whose parties live on different nodes, and what becomes of them when one of those dies.</summary>
public sealed class CrossNodeTests : ClusterNodeTests
{
    private (string First, RawPeer FirstPeer, string Second, RawPeer SecondPeer) Bridged(params (string, object?)[] more)
    {
        var (first, firstPeer) = Up(name => name == "n1");
        var (second, secondPeer) = Up(name => name == "n2");
        bench.Ask(bench["n3"], "sys.call.connect_start", [("res_id", first), ("call_res_id", second), ("max_seconds", 500), .. more]).Error.ShouldBeNull();
        return (first, firstPeer, second, secondPeer);
    }

    /// <summary>The owner of a killed node's call tells the far end, which agrees.</summary>
    private void Moves(string call, RawPeer peer)
    {
        ResourceId.TryParse(call, out var id).ShouldBeTrue();
        var watcher = bench.Nodes.First(node => node.IsAlive);
        bool IsOwned() => watcher.Server.Cluster.View.OwnerOf(id.Instance) is { } owner && bench[owner.Name].IsAlive;
        for (var i = 0; i < 1000 && !IsOwned(); i++) bench.Runtime.Advance(10);
        peer.Towards = bench.OwnerOf(call).Address;
        Answer(peer, peer.Request("INVITE"));
        bench.Runtime.Advance(200);
    }

    private void AreLinked(string one, string other)
    {
        var here = bench[one].Media.LinkSessions.ShouldHaveSingleItem();
        var there = bench[other].Media.LinkSessions.ShouldHaveSingleItem();
        (here.Remote, there.Remote).ShouldBe((there.Local, here.Local), "each sends to the other");
        here.Keys.ShouldBe(new Cti.Media.Srtp.SrtpKeys(there.Keys!.Remote!, there.Keys.Local));
    }

    [Fact]
    public void Two_calls_on_different_nodes_hear_each_other_over_a_protected_link()
    {
        var (first, _, second, _) = Bridged(("connect_mode", 2), ("local_volume", -3), ("record_file", "both"));
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        AreLinked("n1", "n2");
        var atFirst = bench["n1"].Media.Bridges.ShouldHaveSingleItem().Request;
        ((int)atFirst.Mode, atFirst.FirstVolume).ShouldBe((2, -3));
        atFirst.Record!.FullPath.ShouldBe("/n1/both.wav", "what was asked for is done where the first party is");
        var atSecond = bench["n2"].Media.Bridges.ShouldHaveSingleItem().Request;
        ((int)atSecond.Mode, atSecond.FirstVolume, atSecond.Record).ShouldBe((1, 0, null));
        bench.Ask(bench["n2"], "sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        bench.Expect("sys.call.on_connect_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        bench.Runtime.Advance(200);
        (State(first), State(second)).ShouldBe(("Idle", "Idle"));
        foreach (var node in bench.Nodes)
        {
            node.Media.Bridges.ShouldBeEmpty();
            node.Media.LinkSessions.ShouldBeEmpty();
        }
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_party_on_another_node_is_idle_for_who_asks_as_the_end_of_the_bridge_is_told(bool asksItsOwner)
    {
        var (first, _, second, _) = Bridged();
        Task<RpcReply>? asked = null;
        bench.Heard = (method, _) =>
        {
            if (method == "sys.call.on_connect_completed") asked ??= bench.Begin(bench[asksItsOwner ? "n2" : "n1"], null, "sys.call.get", ("res_id", second));
        };
        bench.Ask(bench["n1"], "sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        bench.Result(bench.Wait(asked.ShouldNotBeNull(), 1500)).GetProperty("state").GetString().ShouldBe("Idle");
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_first_party_that_has_not_heard_that_it_began_does_not_answer_Connect_once_the_second_is_told_to_be_gone(bool asksItsOwner)
    {
        var (first, _) = Up(name => name == "n1");
        var (second, secondPeer, invite) = UpAt("n2");
        bench["n1"].SlowWordMillis = 400;
        var start = bench.Begin(bench["n3"], null, "sys.call.connect_start", ("res_id", first), ("call_res_id", second), ("max_seconds", 500));
        bench.Runtime.Advance(550);
        start.IsCompleted.ShouldBeFalse("the second has joined, the first is on its way to know that it began");
        Task<RpcReply>? asked = null;
        bench.Heard = (method, news) =>
        {
            if (method == "sys.call.on_released" && news.GetProperty("res_id").GetString() == second)
                asked ??= bench.Begin(bench[asksItsOwner ? "n1" : "n2"], null, "sys.call.get", ("res_id", first));
        };
        secondPeer.SendInDialog(invite, "BYE", 7);
        bench.Runtime.Advance(100);
        bench.Result(bench.Wait(asked.ShouldNotBeNull(), 2500)).GetProperty("state").GetString().ShouldBe("Idle");
        bench.Wait(start, 2500);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_partner_whose_node_is_dead_holds_nobody_up_for_longer_than_a_second()
    {
        var (_, _, second, _) = Bridged();
        bench.Kill(bench["n1"]);
        bench.Result(bench.Wait(bench.Begin(bench["n2"], null, "sys.call.get", ("res_id", second)), 1100)).GetProperty("state").GetString().ShouldBe("Connect");
    }

    [Fact]
    public void A_second_party_that_is_gone_is_404_and_a_busy_one_409()
    {
        var (first, _) = Up(name => name == "n1");
        var (second, _) = Up(name => name == "n2");
        bench.Ask(bench["n1"], "sys.call.receive_dtmf_start", ("res_id", second)).Error.ShouldBeNull();
        bench.Ask(bench["n1"], "sys.call.connect_start", ("res_id", first), ("call_res_id", second), ("max_seconds", 60))
            .Error!.Code.ShouldBe(ErrorCodes.Conflict);
        bench.Ask(bench["n1"], "sys.call.drop", ("res_id", second)).Error.ShouldBeNull();
        bench.Runtime.Advance(100);
        bench.Ask(bench["n1"], "sys.call.connect_start", ("res_id", first), ("call_res_id", second), ("max_seconds", 60))
            .Error!.Code.ShouldBe(ErrorCodes.NotFound);
        State(first).ShouldBe("Idle");
        bench["n1"].Media.LinkSessions.ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("n1", false)]
    [InlineData("n2", false)]
    [InlineData("n1", true)]
    [InlineData("n2", true)]
    public void When_the_node_of_either_party_dies_the_bridge_stands_again_and_completes_once(string victim, bool isBusy)
    {
        var (first, firstPeer, second, secondPeer) = Bridged(("record_file", "both"));
        var keys = bench[victim == "n1" ? "n2" : "n1"].Media.LinkSessions.Single().Keys;
        bench.Kill(bench[victim]);
        // Whoever takes it over may have too much to do already, or have stood still for a second: that is for new calls to hear.
        foreach (var node in bench.Nodes) node.Media.IsBusy = isBusy;
        var (moved, peer) = victim == "n1" ? (first, firstPeer) : (second, secondPeer);
        Moves(moved, peer);
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        bench.Count("sys.call.on_connect_completed").ShouldBe(0);
        var (at, other) = (bench.OwnerOf(first), bench.OwnerOf(second));
        at.Media.Bridges.Select(bridge => bridge.Request.Record).OfType<Cti.Media.Session.Mix.BridgeRecording>()
            .ShouldHaveSingleItem().Append.ShouldBeTrue("the recording goes on");
        if (at != other)
        {
            AreLinked(at.Name, other.Name);
            at.Media.LinkSessions.Single().Keys.ShouldNotBe(keys, "no key is used twice");
        }
        else
        {
            at.Media.LinkSessions.ShouldBeEmpty();
        }
        bench.Ask(at, "sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        bench.Expect("sys.call.on_connect_completed");
        bench.Runtime.Advance(500);
        bench.Count("sys.call.on_connect_completed").ShouldBe(0);
        (State(first), State(second)).ShouldBe(("Idle", "Idle"));
        foreach (var node in bench.Nodes.Where(node => node.IsAlive)) node.Media.LinkSessions.ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void A_conference_over_three_nodes_is_whole_again_when_its_own_or_a_members_node_dies(bool itsOwn, bool isBusy)
    {
        string conference;
        do conference = bench.Result(bench.Ask(bench["n1"], "sys.conf.construct", ("max_seconds", 600))).GetProperty("res_id").GetString()!;
        while (bench.OwnerOf(conference).Name != "n1");
        var members = new[] { "n1", "n2", "n3" }.Select(name => Up(owner => owner == name)).ToList();
        foreach (var (call, _) in members)
            bench.Ask(bench["n2"], "sys.call.conf_enter", ("res_id", call), ("conf_res_id", conference), ("max_seconds", 300)).Error.ShouldBeNull();
        bench["n1"].Media.Conferences.Single().Members.Count.ShouldBe(3);
        bench["n1"].Media.LinkSessions.Count.ShouldBe(2, "two members are elsewhere");
        AreAllHeard(conference, members.Select(up => up.Call));
        var victim = itsOwn ? "n1" : "n2";
        var lost = members.Where(up => bench.OwnerOf(up.Call).Name == victim).ToList();
        bench.Kill(bench[victim]);
        foreach (var node in bench.Nodes) node.Media.IsBusy = isBusy;
        foreach (var (call, peer) in lost) Moves(call, peer);
        bench.Runtime.Advance(2000);
        AreAllHeard(conference, members.Select(up => up.Call));
        (bench.Count("sys.call.on_conf_completed"), bench.Count("sys.conf.on_exited")).ShouldBe((0, 0));
        bench.Ask(bench["n3"], "sys.conf.release", ("res_id", conference)).Error.ShouldBeNull();
        foreach (var _ in members) bench.Expect("sys.call.on_conf_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        bench.Runtime.Advance(500);
        foreach (var (call, _) in members) State(call).ShouldBe("Idle");
        foreach (var node in bench.Nodes.Where(node => node.IsAlive)) node.Media.LinkSessions.ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }
}
