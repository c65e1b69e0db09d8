using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cti.Calls.Speech;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Dialling on a parent, with far ends that send 180, and 183 with SDP.</summary>
public sealed partial class DialTests
{
    private readonly NodeBench _bench = new();
    private readonly Dictionary<string, (RawPeer Peer, SipRequest Invite)> _phones = [];

    public DialTests() => _bench.Media.Files["f.wav"] = 3000;

    private string Up(int number)
    {
        var peer = _bench.Peer($"192.0.2.{number}");
        var call = _bench.Construct($"sip:{number}@192.0.2.{number}");
        var invite = peer.Request("INVITE");
        Answer(peer, invite);
        _bench.Expect("sys.call.on_dial_completed");
        _phones[call] = (peer, invite);
        return call;
    }

    private static void Answer(RawPeer peer, SipRequest invite, string tag = "far")
    {
        peer.Respond(invite, 200, $"Contact: <sip:x@{peer.Local.Address}>\nContent-Type: application/sdp", peer.Sdp(), tag);
        peer.Request("ACK");
    }

    private static void Early(RawPeer peer, SipRequest invite, string tag = "far", int port = 40000) =>
        peer.Respond(invite, 183, $"Contact: <sip:x@{peer.Local.Address}>\nContent-Type: application/sdp",
            peer.Sdp().Replace("40000", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal), tag);

    private (string Child, RawPeer Peer) Dial(string parent, string? file = null, int mode = 0, int number = 9)
    {
        var peer = _bench.Peer($"192.0.2.{number}");
        return (_bench.Construct($"sip:{number}@192.0.2.{number}", ("parent_call_res_id", parent), ("ring_play_file", file), ("ring_play_mode", mode)), peer);
    }

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    private string? Heard(string parent)
    {
        _bench.Runtime.Advance(10);
        var port = MediaPort().Match(System.Text.Encoding.ASCII.GetString(_phones[parent].Invite.Body.Span)).Groups[1].Value;
        return _bench.Media.HeardAt(new IPEndPoint(NodeBench.Node.Address, int.Parse(port, CultureInfo.InvariantCulture)));
    }

    private void HangUp(string call)
    {
        var (peer, invite) = _phones[call];
        peer.SendInDialog(invite, "BYE", 7);
        peer.Response(200);
    }

    [GeneratedRegex("m=audio (\\d+) ")]
    private static partial Regex MediaPort();

    [Theory]
    [InlineData(null, 0, null, "tone CN", "line 192.0.2.9:40000")]
    [InlineData(null, 3, null, "tone CN", "line 192.0.2.9:40000")]
    [InlineData("f.wav", 0, null, "loop f.wav", "loop f.wav")]
    [InlineData("f.wav", 1, "loop f.wav", "tone CN", "line 192.0.2.9:40000")]
    [InlineData("f.wav", 2, "loop f.wav", "loop f.wav", "loop f.wav")]
    [InlineData("f.wav", 3, null, "tone CN", "line 192.0.2.9:40000")]
    public void The_parent_hears_each_stage_of_the_dialling(string? file, int mode, string? dialling, string ringing, string early)
    {
        var parent = Up(1);
        var (child, peer) = Dial(parent, file, mode);
        (State(parent), State(child)).ShouldBe(("Dial", "Initiated"));
        if (file is not null && mode == 3)
        {
            Heard(parent).ShouldBe("file f.wav");
            peer.Hears("INVITE", 2000).ShouldBeFalse("the file is played to its end first");
        }
        var invite = peer.Request("INVITE");
        Heard(parent).ShouldBe(dialling);
        peer.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing");
        Heard(parent).ShouldBe(ringing);
        Early(peer, invite);
        Heard(parent).ShouldBe(early);
        Answer(peer, invite);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        Heard(parent).ShouldBeNull();
        (State(parent), State(child)).ShouldBe(("Idle", "Idle"));
        _bench.Ask("sys.call.connect_start", ("res_id", parent), ("call_res_id", child), ("max_seconds", 60)).Error.ShouldBeNull("answering joined nothing");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Of_forked_early_dialogs_the_newest_is_heard_and_the_answer_of_another_counts()
    {
        var parent = Up(1);
        var (child, peer) = Dial(parent);
        var invite = peer.Request("INVITE");
        Early(peer, invite, "one", 41000);
        Heard(parent).ShouldBe("line 192.0.2.9:41000");
        Early(peer, invite, "two", 42000);
        Heard(parent).ShouldBe("line 192.0.2.9:42000");
        peer.Respond(invite, 180, tag: "one");
        Heard(parent).ShouldBe("line 192.0.2.9:42000", "a response without SDP changes nothing");
        // The answer without SDP: what its fork said early holds.
        peer.Respond(invite, 200, "Contact: <sip:x@192.0.2.9>", tag: "one");
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        State(child).ShouldBe("Idle");
        _bench.Ask("sys.call.send_dtmf_start", ("res_id", child), ("keys", "1")).Error.ShouldBeNull();
        var sentTo = new List<IPEndPoint>();
        _bench.Media.KeySent = (remote, _) => sentTo.Add(remote);
        _bench.Expect("sys.call.on_send_dtmf_completed");
        sentTo.ShouldBe([new IPEndPoint(IPAddress.Parse("192.0.2.9"), 41000)]);
    }

    [Fact]
    public void A_refusal_a_drop_and_a_time_out_bring_the_parent_back()
    {
        var parent = Up(1);
        var (_, busy) = Dial(parent, "f.wav", 2, 2);
        busy.Respond(busy.Request("INVITE"), 486);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(486);
        (State(parent), Heard(parent)).ShouldBe(("Idle", null));
        var (dropped, third) = Dial(parent, "f.wav", 2, 3);
        third.Respond(third.Request("INVITE"), 180);
        Heard(parent).ShouldBe("loop f.wav");
        _bench.Ask("sys.call.drop", ("res_id", dropped)).Error.ShouldBeNull();
        third.Request("CANCEL");
        (State(parent), Heard(parent)).ShouldBe(("Idle", null));
        _bench.Ask("sys.call.drop", ("res_id", parent));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_busy_parent_and_one_that_is_gone_refuse_and_nothing_is_left_of_the_child()
    {
        var parent = Up(1);
        _bench.Ask("sys.call.receive_dtmf_start", ("res_id", parent)).Error.ShouldBeNull();
        var refused = _bench.Ask("sys.call.construct", ("to_uri", "sip:9@192.0.2.9"), ("max_answer_seconds", 60), ("parent_call_res_id", parent)).Error!;
        (refused.Code, refused.Data!["state"]).ShouldBe((ErrorCodes.Conflict, "ReceiveDtmf"));
        _bench.Ask("sys.call.construct", ("to_uri", "sip:9@192.0.2.9"), ("max_answer_seconds", 60), ("parent_call_res_id", "0.0.1-sys.call-9999"))
            .Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Peer("192.0.2.9").Hears("INVITE", 500).ShouldBeFalse();
        _bench.Server.CallCount.ShouldBe(1);
        _bench.Media.OpenSessions.ShouldBe(1);
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_released", 100));
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.on_chan_closed", 100));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_repeat_is_answered_as_the_first_request_was_whatever_became_of_the_parent()
    {
        var parent = Up(1);
        var far = _bench.Peer("192.0.2.9");
        var (id, refused) = (Guid.NewGuid(), Guid.NewGuid());
        var first = Repeat(id, parent);
        var again = Repeat(id, parent);
        again.Result.Span.SequenceEqual(first.Result.Span).ShouldBeTrue();
        Repeat(refused, parent).Error!.Code.ShouldBe(ErrorCodes.Conflict, "it is in Dial");
        far.Request("INVITE");
        HangUp(parent);
        _bench.Expect("sys.call.on_released");
        Repeat(id, parent).Result.Span.SequenceEqual(first.Result.Span).ShouldBeTrue();
        Repeat(refused, parent).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        Repeat(Guid.NewGuid(), parent).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        far.Hears("INVITE", 100).ShouldBeFalse("one request, one call");
    }

    private RpcReply Repeat(Guid id, string parent)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(new { to_uri = "sip:9@192.0.2.9", max_answer_seconds = 60, parent_call_res_id = parent });
        ArgumentBinder.TryBind(Catalogue.Find("sys.call.construct")!, ApiGeneration.V2, json, SpokenRules.WithoutRoots, out var bound).ShouldBeNull();
        Task<RpcReply>? reply = null;
        Cti.Testing.ManualRuntime.Inline(() => reply = _bench.Server.Router.AskAsync(
            new RpcRequest(NodeBench.App, true, ApiGeneration.V2, "sys.call.construct", bound, id, 7), CancellationToken.None).AsTask());
        for (var i = 0; i < 100 && !reply!.IsCompleted; i++) _bench.Runtime.Advance(1);
        reply!.Wait(5000).ShouldBeTrue();
        return reply.Result;
    }

    [Fact]
    public void A_refused_child_gives_its_place_on_the_trunk_back()
    {
        var carrier = new Cti.Actors.Trunks.Trunk { Name = "a", Host = "10.0.0.1", MaxCalls = 1 };
        var small = new NodeBench([carrier]);
        var peer = small.Peer("192.0.2.1");
        var parent = small.Construct("sip:1@192.0.2.1");
        peer.Request("INVITE");
        for (var i = 0; i < 2; i++)
        {
            var refusal = small.Ask("sys.call.construct", ("to_uri", "sip:9@a"), ("max_answer_seconds", 60), ("parent_call_res_id", parent)).Error!;
            (refusal.Code, refusal.Data!["state"]).ShouldBe((ErrorCodes.Conflict, "Initiated"));
            small.Runtime.Advance(100);
        }
    }

    [Fact]
    public void In_Dial_only_drop_is_allowed_and_a_second_child_is_refused()
    {
        var parent = Up(1);
        Dial(parent).Peer.Request("INVITE");
        foreach (var (method, arguments) in new (string, (string, object?)[])[]
        {
            ("sys.call.play_start", [("res_id", parent), ("content", "f.wav")]),
            ("sys.call.connect_stop", [("res_id", parent)]),
            ("sys.call.construct", [("to_uri", "sip:8@192.0.2.8"), ("max_answer_seconds", 60), ("parent_call_res_id", parent)]),
        })
        {
            var refusal = _bench.Ask(method, arguments).Error!;
            (refusal.Code, refusal.Data!["state"]).ShouldBe((ErrorCodes.Conflict, "Dial"), method);
        }
        _bench.Ask("sys.call.drop", ("res_id", parent)).Error.ShouldBeNull();
        _phones[parent].Peer.Request("BYE");
    }

    [Fact]
    public void A_parent_that_hangs_up_leaves_the_child_ringing()
    {
        var parent = Up(1);
        var (child, peer) = Dial(parent, "f.wav", 2);
        var invite = peer.Request("INVITE");
        HangUp(parent);
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(parent);
        peer.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing").GetProperty("res_id").GetString().ShouldBe(child);
        Answer(peer, invite);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("res_id").GetString().ShouldBe(child);
        State(child).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_parent_that_hangs_up_during_the_file_lets_the_child_dial_at_once()
    {
        var parent = Up(1);
        var (_, peer) = Dial(parent, "f.wav", 3);
        _bench.Runtime.Advance(500);
        HangUp(parent);
        peer.Request("INVITE", 200);
    }

    [Fact]
    public void A_missing_file_is_passed_over()
    {
        var parent = Up(1);
        var (_, peer) = Dial(parent, "missing.wav", 3);
        var invite = peer.Request("INVITE", 500);
        peer.Respond(invite, 180);
        Heard(parent).ShouldBe("tone CN");
    }

    [Fact]
    public void Beneath_the_dialling_the_bridge_stays_up()
    {
        var (parent, other) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", parent), ("call_res_id", other), ("max_seconds", 60)).Error.ShouldBeNull();
        var (_, peer) = Dial(parent);
        var invite = peer.Request("INVITE");
        (State(parent), State(other)).ShouldBe(("Dial", "Connect"));
        Early(peer, invite);
        Heard(parent).ShouldBe("line 192.0.2.9:40000");
        _bench.Media.Bridges.ShouldHaveSingleItem();
        Answer(peer, invite);
        _bench.Expect("sys.call.on_dial_completed");
        (State(parent), State(other), Heard(parent)).ShouldBe(("Connect", "Connect", null));
        _bench.Media.Bridges.ShouldHaveSingleItem();
        // A second dialling, beneath which the peer hangs up.
        var (second, third) = Dial(parent, null, 0, 3);
        var again = third.Request("INVITE");
        HangUp(other);
        _bench.Expect("sys.call.on_connect_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        State(parent).ShouldBe("Dial");
        third.Respond(again, 603);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("res_id").GetString().ShouldBe(second);
        State(parent).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Without_room_to_listen_the_tone_is_heard()
    {
        var parent = Up(1);
        _bench.Media.NoRoomToListen = true;
        var (_, peer) = Dial(parent);
        Early(peer, peer.Request("INVITE"));
        Heard(parent).ShouldBe("tone CN");
    }

    [Fact]
    public void Everything_ends_and_nothing_is_left()
    {
        var parent = Up(1);
        var (child, peer) = Dial(parent, "f.wav", 3);
        _bench.AskTogether(("sys.call.drop", [("res_id", parent)]), ("sys.call.drop", [("res_id", child)])).ShouldAllBe(reply => reply.Error == null);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(ErrorCodes.Terminated);
        _bench.Runtime.Advance(70_000);
        peer.Hears("CANCEL", 0).ShouldBeFalse("where no INVITE went nothing is cancelled");
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }
}
