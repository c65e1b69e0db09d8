using System.Text.Json;
using Cti.Media.Session.Mix;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Bridges, conferences and flows of a node that is killed and started again.</summary>
public sealed class SagaRecoveryTests
{
    private readonly NodeBench _bench = new();

    private (string Call, RawPeer Peer) Up(int number)
    {
        var peer = _bench.Peer($"192.0.2.{number}");
        var call = _bench.Construct($"sip:{number}@192.0.2.{number}");
        Answer(peer, peer.Request("INVITE"));
        _bench.Expect("sys.call.on_dial_completed");
        return (call, peer);
    }

    private static void Answer(RawPeer peer, SipRequest invite)
    {
        peer.Respond(invite, 200, $"Contact: <sip:far@{peer.Local}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
    }

    /// <summary>The far end is told where the call is now, and agrees.</summary>
    private static void GoesOn(params RawPeer[] peers)
    {
        foreach (var peer in peers) Answer(peer, peer.Request("INVITE"));
    }

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    private static int? Error(JsonElement told) =>
        told.GetProperty("error") is { ValueKind: JsonValueKind.Object } error ? error.GetProperty("code").GetInt32() : null;

    private void Never(string method) => Should.Throw<InvalidOperationException>(() => _bench.Expect(method, 500), $"no {method}");

    [Fact]
    public void A_bridge_stands_again_and_its_recording_goes_on_in_its_file()
    {
        var (first, firstPeer) = Up(1);
        var (second, secondPeer) = Up(2);
        _bench.Ask("sys.call.connect_start", ("res_id", first), ("call_res_id", second), ("max_seconds", 50), ("connect_mode", 2), ("local_volume", -3),
            ("record_file", "both")).Error.ShouldBeNull();
        var before = _bench.Media.Bridges.ShouldHaveSingleItem().Request;
        _bench.KillAndRestart();
        GoesOn(firstPeer, secondPeer);
        (State(first), State(second)).ShouldBe(("Connect", "Connect"));
        var after = _bench.Media.Bridges.ShouldHaveSingleItem().Request;
        after.Action.ShouldBeGreaterThan(before.Action);
        after.ShouldBe(before with { Action = after.Action, Record = before.Record! with { Append = true } });
        Never("sys.call.on_connect_completed");
        _bench.Ask("sys.call.connect_stop", ("res_id", first)).Error.ShouldBeNull();
        Error(_bench.Expect("sys.call.on_connect_completed")).ShouldBeNull();
        Never("sys.call.on_connect_completed");
        (State(first), State(second)).ShouldBe(("Idle", "Idle"));
        _bench.Media.Bridges.ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_bridges_limit_on_time_is_not_stopped_by_a_restart()
    {
        var (first, firstPeer) = Up(1);
        var (second, secondPeer) = Up(2);
        _bench.Ask("sys.call.connect_start", ("res_id", first), ("call_res_id", second), ("max_seconds", 8)).Error.ShouldBeNull();
        _bench.KillAndRestart(3000);
        GoesOn(firstPeer, secondPeer);
        var completed = _bench.Expect("sys.call.on_connect_completed", 9000);
        (completed.GetProperty("end_time").GetInt64() - completed.GetProperty("begin_time").GetInt64()).ShouldBe(8);
        State(second).ShouldBe("Idle");
    }

    [Fact]
    public void A_conference_of_three_is_whole_again_with_its_play_and_its_recording()
    {
        _bench.Media.Files["music.wav"] = 60_000;
        var peers = Enumerable.Range(1, 3).Select(Up).ToList();
        var conference = JsonDocument.Parse(_bench.Ask("sys.conf.construct", ("max_seconds", 600)).Result).RootElement.GetProperty("res_id").GetString()!;
        foreach (var (call, _) in peers)
            _bench.Ask("sys.call.conf_enter", ("res_id", call), ("conf_res_id", conference), ("max_seconds", 300),
                ("voice_mode", call == peers[1].Call ? 2 : 1)).Error.ShouldBeNull();
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("content", "music.wav")).Error.ShouldBeNull();
        _bench.Ask("sys.conf.record_start", ("res_id", conference), ("max_seconds", 100), ("record_file", "all")).Error.ShouldBeNull();
        _bench.Runtime.Advance(4000);
        _bench.KillAndRestart();
        GoesOn([.. peers.Select(up => up.Peer)]);
        _bench.Runtime.Advance(500);
        var room = _bench.Media.Conferences.ShouldHaveSingleItem();
        room.Members.Values.Select(member => member.Mode).Order().ShouldBe([VoiceMode.TalkAndHear, VoiceMode.TalkAndHear, VoiceMode.Hear]);
        room.Play!.OffsetMillis.ShouldBeInRange(2000, 4500);
        room.Record!.Append.ShouldBeTrue();
        foreach (var (call, _) in peers) State(call).ShouldBe("Conf");
        Never("sys.call.on_conf_completed");
        Never("sys.conf.on_play_completed");
        _bench.Ask("sys.conf.release", ("res_id", conference)).Error.ShouldBeNull();
        foreach (var (call, _) in peers)
        {
            Error(_bench.Expect("sys.call.on_conf_completed")).ShouldBeNull();
            State(call).ShouldBe("Idle");
        }
        _bench.Expect("sys.conf.on_released");
        Never("sys.call.on_conf_completed");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_message_goes_on_and_its_flow_ends_once()
    {
        _bench.Media.Files["message.wav"] = 5000;
        var peer = _bench.Peer("192.0.2.1");
        _bench.Ask("ext.notify_call.construct", ("to_uri", "sip:1@192.0.2.1"), ("play_content", "message.wav")).Error.ShouldBeNull();
        Answer(peer, peer.Request("INVITE"));
        _bench.Runtime.Advance(2000);
        _bench.KillAndRestart();
        GoesOn(peer);
        // It is said twice, ten seconds; of the two that were heard, those since the last heartbeat are heard again.
        peer.Respond(peer.Request("BYE", 9_500), 200);
        var over = _bench.Expect("ext.notify_call.on_released");
        (Error(over), over.GetProperty("dropped_by").GetString()).ShouldBe((null, "sys"));
        Never("ext.notify_call.on_released");
        NothingIsLeft();
    }

    [Fact]
    public void A_flow_whose_call_was_ringing_ends_with_503()
    {
        _bench.Media.Files["message.wav"] = 5000;
        var peer = _bench.Peer("192.0.2.1");
        _bench.Ask("ext.notify_call.construct", ("to_uri", "sip:1@192.0.2.1"), ("play_content", "message.wav")).Error.ShouldBeNull();
        var invite = peer.Request("INVITE");
        peer.Respond(invite, 180);
        _bench.KillAndRestart();
        var cancel = peer.Request("CANCEL");
        peer.Respond(cancel, 200);
        peer.Respond(invite, 487);
        Error(_bench.Expect("ext.notify_call.on_released")).ShouldBe(503);
        Never("ext.notify_call.on_released");
        NothingIsLeft();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_of_two_goes_on_and_ends_at_its_limit(bool beforeTheSecondAnswers)
    {
        var first = _bench.Peer("192.0.2.1");
        var second = _bench.Peer("192.0.2.2");
        _bench.Ask("ext.duo_callback.construct", ("to1_uri", "sip:1@192.0.2.1"), ("to2_uri", "sip:2@192.0.2.2"), ("max_connect_seconds", 20))
            .Error.ShouldBeNull();
        Answer(first, first.Request("INVITE"));
        var invite = second.Request("INVITE");
        if (beforeTheSecondAnswers)
        {
            second.Respond(invite, 180);
            _bench.KillAndRestart();
            second.Respond(second.Request("CANCEL"), 200);
            second.Respond(invite, 487);
            Error(_bench.Expect("ext.duo_callback.on_dial2_completed")).ShouldBe(503);
        }
        else
        {
            Answer(second, invite);
            _bench.Runtime.Advance(3000);
            _bench.KillAndRestart();
            GoesOn(first, second);
            _bench.Media.Bridges.ShouldHaveSingleItem();
            Never("ext.duo_callback.on_released");
            second.Respond(second.Request("BYE", 25_000), 200);
        }
        first.Respond(first.Request("BYE", 5000), 200);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBe(beforeTheSecondAnswers ? 503 : null);
        Never("ext.duo_callback.on_released");
        NothingIsLeft();
    }

    private void NothingIsLeft()
    {
        _bench.Runtime.Advance(70_000);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }
}
