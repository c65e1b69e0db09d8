using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

public sealed class BridgeTests
{
    private readonly NodeBench _bench = new();
    private readonly List<(RawPeer Peer, SipRequest Invite)> _phones = [];

    /// <summary>An outbound call that is up.</summary>
    private string Up(int number)
    {
        var (call, peer, invite) = _bench.Up(number);
        _phones.Add((peer, invite));
        return call;
    }

    private RpcReply Connect(string first, string second, params (string, object?)[] more) => ConnectFor(60, first, second, more);

    private RpcReply ConnectFor(int seconds, string first, string second, params (string, object?)[] more) =>
        _bench.Ask("sys.call.connect_start", [("res_id", first), ("call_res_id", second), ("max_seconds", seconds), .. more]);

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    private void HangUp(int index)
    {
        var (peer, invite) = _phones[index];
        peer.SendInDialog(invite, "BYE", 7);
        peer.Response(200);
    }

    [Fact]
    public void Two_idle_calls_are_bridged_with_what_was_asked_for_and_parted_by_connect_stop()
    {
        var (first, second) = (Up(1), Up(2));
        Connect(first, second, ("connect_mode", 2), ("local_volume", -3), ("remote_volume", 5), ("record_file", "both")).Error.ShouldBeNull();
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        var bridge = _bench.Media.Bridges.ShouldHaveSingleItem().Request;
        bridge.ShouldBe(new BridgeRequest(bridge.Action, BridgeMode.SecondHears, -3, 5,
            new BridgeRecording("/recordings/both.wav", RecordFormat.Alaw, Application: NodeBench.App)));
        _bench.Ask("sys.call.play_start", ("res_id", second), ("content", "a.wav")).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        _bench.Ask("sys.call.connect_stop", ("res_id", second)).Error!.Code.ShouldBe(ErrorCodes.Conflict, "only the first party ends it");
        _bench.Ask("sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        var completed = _bench.Expect("sys.call.on_connect_completed");
        completed.EnumerateObject().Select(member => member.Name).ShouldBe(["res_id", "error", "begin_time", "end_time", "user_data"]);
        completed.GetProperty("res_id").GetString().ShouldBe(first);
        completed.GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        _bench.Runtime.Advance(50);
        (State(first), State(second)).ShouldBe(("Idle", "Idle"));
        _bench.Media.Bridges.ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void When_the_second_party_hangs_up_the_first_is_idle_again_without_error()
    {
        var (first, second) = (Up(1), Up(2));
        Connect(first, second).Error.ShouldBeNull();
        HangUp(1);
        _bench.Expect("sys.call.on_connect_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(second);
        State(first).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void When_the_first_party_hangs_up_the_bridge_completes_with_410_and_the_second_is_idle_again()
    {
        var (first, second) = (Up(1), Up(2));
        Connect(first, second).Error.ShouldBeNull();
        HangUp(0);
        _bench.Expect("sys.call.on_connect_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Gone);
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(first);
        _bench.Runtime.Advance(50);
        State(second).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_limit_on_time_ends_it_without_error()
    {
        var (first, second) = (Up(1), Up(2));
        ConnectFor(5, first, second).Error.ShouldBeNull();
        var completed = _bench.Expect("sys.call.on_connect_completed", 6000);
        completed.GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        (completed.GetProperty("end_time").GetInt64() - completed.GetProperty("begin_time").GetInt64()).ShouldBe(5);
        _bench.Runtime.Advance(50);
        State(second).ShouldBe("Idle");
    }

    [Fact]
    public void A_second_party_that_is_busy_or_unknown_refuses_the_request_and_nothing_completes()
    {
        var (first, second) = (Up(1), Up(2));
        Connect(first, "0.0.1-sys.call-99999").Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Ask("sys.call.receive_dtmf_start", ("res_id", second)).Error.ShouldBeNull();
        var refused = Connect(first, second).Error!;
        refused.Code.ShouldBe(ErrorCodes.Conflict);
        refused.Data!["state"].ShouldBe("ReceiveDtmf");
        State(first).ShouldBe("Idle");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_connect_completed", 100));
    }

    [Fact]
    public void Of_two_opposing_connects_the_smaller_resource_id_wins()
    {
        var (first, second) = (Up(1), Up(2));
        var replies = _bench.AskTogether(("sys.call.connect_start", [("res_id", second), ("call_res_id", first), ("max_seconds", 60)]),
            ("sys.call.connect_start", [("res_id", first), ("call_res_id", second), ("max_seconds", 60)]));
        replies.Count(reply => reply.Error is null).ShouldBe(1);
        replies.Single(reply => reply.Error is not null).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        _bench.Media.Bridges.ShouldHaveSingleItem();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Dropping_both_at_once_leaves_nothing()
    {
        var (first, second) = (Up(1), Up(2));
        Connect(first, second).Error.ShouldBeNull();
        _bench.AskTogether(("sys.call.drop", [("res_id", first)]), ("sys.call.drop", [("res_id", second)])).ShouldAllBe(reply => reply.Error == null);
        _bench.Expect("sys.call.on_connect_completed");
        _bench.Expect("sys.call.on_released");
        _bench.Expect("sys.call.on_released");
        _bench.Runtime.Advance(70_000);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }
}
