using System.Text.Json;
using Cti.Kernel;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Requests that come to a node which does not own what they are about.</summary>
public sealed class ForwardedRequestTests
{
    private readonly ClusterBench _bench = new();
    private int _phones;

    private (string Call, RawPeer Peer) Up(ClusterNodeBench node)
    {
        var address = $"192.0.2.{++_phones}";
        var peer = _bench.Peer(address, node);
        var call = _bench.Construct(node, $"sip:phone@{address}");
        var invite = peer.Request("INVITE");
        peer.Towards = _bench.OwnerOf(call).Address;
        peer.Respond(invite, 200, $"Contact: <sip:phone@{address}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, peer);
    }

    private static string State(JsonElement resource) => resource.GetProperty("state").GetString()!;

    [Fact]
    public void A_call_is_made_seen_and_driven_through_any_node()
    {
        var (call, _) = Up(_bench["n1"]);
        foreach (var node in _bench.Nodes)
        {
            State(_bench.Result(_bench.Ask(node, "sys.call.get", ("res_id", call)))).ShouldBe("Idle");
            _bench.Ask(node, "sys.call.exists", ("res_id", call)).Result.ToArray().ShouldBe("true"u8.ToArray());
        }
        var other = _bench.OtherThan(call);
        _bench.Ask(other, "sys.call.play_start", ("res_id", call),
            ("content", new object[] { new object[] { "a.wav", 0, "" }, new object[] { "12", 1, "lang=en-US" } })).Error.ShouldBeNull();
        State(_bench.Result(_bench.Ask(other, "sys.call.get", ("res_id", call)))).ShouldBe("Play");
        var refused = _bench.Ask(other, "sys.call.play_start", ("res_id", call), ("content", "a.wav")).Error.ShouldNotBeNull();
        refused.Code.ShouldBe(ErrorCodes.Conflict);
        refused.Data!["state"].ShouldBe("Play");
        refused.Data!["allowed"].ShouldBeOfType<string[]>().ShouldContain("Idle");
        _bench.Ask(other, "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        _bench.Expect("sys.call.on_released");
        _bench.Ask(other, "sys.call.get", ("res_id", call)).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_file_is_recorded_where_its_call_is()
    {
        var (call, _) = Up(_bench["n1"]);
        var reply = _bench.Result(_bench.Ask(_bench.OtherThan(call), "sys.call.record_start", ("res_id", call), ("max_seconds", 5), ("record_file", "mine")));
        reply.GetString().ShouldBe($"/{_bench.OwnerOf(call).Name}/mine.wav");
        _bench.Ask(_bench.OtherThan(call), "sys.call.record_stop", ("res_id", call));
    }

    [Fact]
    public void A_repeat_through_another_node_answers_the_first_result_and_dials_once()
    {
        var id = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");
        var peer = _bench.Peer("192.0.2.99", _bench["n1"]);
        (string, object?)[] arguments = [("to_uri", "sip:phone@192.0.2.99"), ("max_answer_seconds", 60)];
        var first = _bench.Wait(_bench.Begin(_bench["n1"], id, "sys.call.construct", arguments));
        var second = _bench.Wait(_bench.Begin(_bench["n2"], id, "sys.call.construct", arguments));
        second.Result.ToArray().ShouldBe(first.Result.ToArray());
        var both = new[] { _bench["n2"], _bench["n3"] }.Select(node =>
            _bench.Begin(node, Guid.Parse("1f8fad5b-d9cb-469f-a165-70867728950e"), "sys.call.construct", arguments)).ToList();
        _bench.Wait(both[0]).Result.ToArray().ShouldBe(_bench.Wait(both[1]).Result.ToArray());
        peer.Request("INVITE");
        peer.Request("INVITE");
        peer.Hears("nothing", 300).ShouldBeFalse();
        var other = _bench.Wait(_bench.Begin(_bench["n3"], id, "sys.call.construct", ("to_uri", "sip:other@192.0.2.99"), ("max_answer_seconds", 60)));
        other.Error!.Code.ShouldBe(ErrorCodes.InvalidParams);
    }

    [Fact]
    public void Lists_of_all_nodes_are_one_list_in_pages()
    {
        var calls = new List<string>();
        for (var i = 1; i <= 12; i++)
        {
            _bench.Peer($"198.51.100.{i}", _bench["n1"]);
            calls.Add(_bench.Construct(_bench["n2"], $"sip:x@198.51.100.{i}"));
        }
        calls.Select(call => _bench.OwnerOf(call).Name).Distinct().Count().ShouldBe(3);
        var listed = new List<string>();
        string? after = null;
        do
        {
            var page = _bench.Result(_bench.Ask(_bench["n1"], "sys.call.list", ("limit", 5), ("after", after)));
            listed.AddRange(page.GetProperty("items").EnumerateArray().Select(static item => item.GetProperty("res_id").GetString()!));
            after = page.GetProperty("next").GetString();
        }
        while (after is not null);
        listed.ShouldBe(calls.OrderBy(static call => ResourceId.TryParse(call, out var id) ? id.ProcessId : 0));
        _bench.Ask(_bench["n1"], "sys.call.list", ("after", "rubbish")).Error!.Code.ShouldBe(ErrorCodes.InvalidParams);
    }

    [Fact]
    public void The_nodes_tell_of_themselves_and_one_that_cannot_be_reached_is_listed_all_the_same()
    {
        Up(_bench["n1"]);
        var nodes = _bench.Result(_bench.Ask(_bench["n2"], "sys.node.list")).EnumerateArray().ToList();
        nodes.Select(static node => node.GetProperty("name").GetString()).ShouldBe(["n1", "n2", "n3"]);
        nodes.Sum(static node => node.GetProperty("instances").GetInt32()).ShouldBe(24);
        nodes.Sum(static node => node.GetProperty("calls").GetInt32()).ShouldBe(1);
        _bench.Links.Cut("n1", "n2");
        _bench.Runtime.Advance(4000);
        var apart = _bench.Result(_bench.Wait(_bench.Begin(_bench["n2"], null, "sys.node.list"), 3000)).EnumerateArray().ToList();
        apart.Count.ShouldBe(3);
        apart[0].GetProperty("calls").ValueKind.ShouldBe(JsonValueKind.Null);
        apart[0].GetProperty("instances").GetInt32().ShouldBe(_bench["n1"].Server.InstanceCount);
    }

    [Fact]
    public void A_second_resource_is_looked_for_where_it_would_be()
    {
        var (call, _) = Up(_bench["n1"]);
        _bench.Peer("198.51.100.9", _bench["n1"]);
        var stranger = _bench.Result(
            _bench.Wait(_bench.BeginAs("other", _bench["n2"], null, "sys.call.construct", ("to_uri", "sip:x@198.51.100.9"), ("max_answer_seconds", 60))))
            .GetProperty("res_id").GetString()!;
        foreach (var node in _bench.Nodes)
        {
            foreach (var missing in new[] { stranger, "0.0.3-sys.call-99999", "0.0.4-sys.call-99999", "9.9.9-sys.call-1", "rubbish" })
            {
                var refused = _bench.Ask(node, "sys.call.connect_start", ("res_id", call), ("call_res_id", missing), ("max_seconds", 60))
                    .Error.ShouldNotBeNull();
                (refused.Code, refused.Data!["res_id"]).ShouldBe((ErrorCodes.NotFound, missing));
            }
            _bench.Ask(node, "sys.call.construct", ("to_uri", "sip:x@198.51.100.8"), ("max_answer_seconds", 60), ("parent_call_res_id", stranger))
                .Error!.Code.ShouldBe(ErrorCodes.NotFound);
        }
        State(_bench.Result(_bench.Ask(_bench["n3"], "sys.call.get", ("res_id", call)))).ShouldBe("Idle");
        _bench.Wait(_bench.BeginAs("other", _bench["n1"], null, "sys.call.exists", ("res_id", stranger))).Result.ToArray().ShouldBe("true"u8.ToArray());
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_for_a_dead_nodes_instance_waits_for_its_new_owner()
    {
        var view = _bench["n1"].Server.Cluster.View;
        var instance = Enumerable.Range(0, 24).First(index => view.OwnerOf(index)!.Name == "n3");
        _bench.Kill(_bench["n3"]);
        var began = _bench.Runtime.ElapsedMillis;
        var asked = _bench.Begin(_bench["n1"], null, "sys.call.get", ("res_id", $"0.0.{instance}-sys.call-{(24 * 5000) + instance}"));
        _bench.Runtime.Advance(5);
        asked.IsCompleted.ShouldBeFalse("nobody knows whether the call exists");
        _bench.Wait(asked, 4000).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        (_bench.Runtime.ElapsedMillis - began).ShouldBeLessThan(1500, "the link broke and its address refuses: no need to wait for the lease");
        _bench["n1"].Server.Cluster.View.OwnerOf(instance).ShouldNotBeNull().Name.ShouldNotBe("n3");
    }

    [Fact]
    public void A_request_that_was_on_its_way_to_a_node_that_died_is_repeated_only_where_that_is_safe()
    {
        var (call, _) = Up(_bench["n1"]);
        var owner = _bench.OwnerOf(call);
        var gateway = _bench.OtherThan(call);
        var safe = _bench.Begin(gateway, Guid.NewGuid(), "sys.call.play_start", ("res_id", call), ("content", "a.wav"));
        var unsafely = _bench.Begin(gateway, null, "sys.call.receive_dtmf_start", ("res_id", call));
        _bench.Kill(owner);
        _bench.Wait(unsafely).Error!.Code.ShouldBe(ErrorCodes.OwnerTimeout);
        _bench.Wait(safe, 6000);
    }

    [Fact]
    public void A_partition_between_two_nodes_answers_503_in_the_end_and_deposes_nobody()
    {
        var (call, _) = Up(_bench["n1"]);
        var (owner, other) = (_bench.OwnerOf(call), _bench.OtherThan(call));
        _bench.Links.Cut(owner.Name, other.Name);
        _bench.Runtime.Advance(4000);
        var refused = _bench.Wait(_bench.Begin(other, null, "sys.call.get", ("res_id", call)), 6000).Error.ShouldNotBeNull();
        refused.Code.ShouldBe(ErrorCodes.Unavailable);
        refused.Data!.ShouldContainKey("retry_after_ms");
        _bench.Links.Heal();
        _bench.Runtime.Advance(6000);
        State(_bench.Result(_bench.Ask(other, "sys.call.get", ("res_id", call)))).ShouldBe("Idle");
        _bench.OwnerOf(call).ShouldBe(owner);
    }
}
