using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Persistence.Memory;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

public sealed class FlowTests
{
    private readonly MemoryDisk _disk = new();
    private readonly NodeBench _bench;

    public FlowTests()
    {
        _bench = new NodeBench([Gateway("a", 1), Gateway("b", 2)], disk: _disk, dialAny: false);
        foreach (var file in (string[])["message.wav", "enter.wav", "ring.wav"]) _bench.Media.Files[file] = 1000;
    }

    private static Trunk Gateway(string name, int number) => new() { Name = name, Host = $"192.0.2.{number}", MaxCalls = 1 };

    private RawPeer Phone(int number) => _bench.Peer($"192.0.2.{number}");

    private string Begin(string module, params (string, object?)[] arguments)
    {
        var reply = _bench.Ask($"ext.{module}.construct", arguments);
        reply.Error.ShouldBeNull();
        return JsonDocument.Parse(reply.Result).RootElement.GetProperty("res_id").GetString()!;
    }

    private string Notify() => Begin("notify_call", ("to_uri", "sip:1@a"), ("play_content", "message.wav"), ("user_data", "mine"));

    private string Duo(params (string, object?)[] more) =>
        Begin("duo_callback",
            [("to1_uri", "sip:1@a"), ("to2_uri", "sip:2@b"), ("max_connect_seconds", 30), ("user_data1", "one"), ("user_data2", "two"), .. more]);

    private (RawPeer Peer, SipRequest Invite) Answer(int number)
    {
        var peer = Phone(number);
        var invite = peer.Request("INVITE");
        peer.Respond(invite, 200, $"Contact: <sip:{number}@192.0.2.{number}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        return (peer, invite);
    }

    private static void HangUp((RawPeer Peer, SipRequest Invite) up)
    {
        up.Peer.SendInDialog(up.Invite, "BYE", 7);
        up.Peer.Response(200);
    }

    private static void IsHungUp((RawPeer Peer, SipRequest Invite) up, int millis = 5000) => up.Peer.Respond(up.Peer.Request("BYE", millis), 200);

    private static int? Error(JsonElement told) =>
        told.GetProperty("error") is { ValueKind: JsonValueKind.Object } error ? error.GetProperty("code").GetInt32() : null;

    /// <summary>Nothing of it is left: no call, no session, no permit, nothing in the journal.</summary>
    private void NothingIsLeft(string flow)
    {
        _bench.Runtime.Advance(70_000);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        JsonDocument.Parse(_bench.Ask($"{flow.Split('-')[1]}.exists", ("res_id", flow)).Result).RootElement.GetBoolean().ShouldBeFalse();
        var again = _bench.Ask("sys.call.construct", ("to_uri", "sip:1@a"), ("max_answer_seconds", 60));
        again.Error.ShouldBeNull("the gateways' permits are free again");
        _bench.Ask("sys.call.construct", ("to_uri", "sip:1@b"), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_message_is_played_twice_and_the_call_record_is_in_the_flows_name()
    {
        var flow = Notify();
        var up = Answer(1);
        IsHungUp(up);
        var closed = _bench.Expect("sys.on_chan_closed").GetProperty("data").EnumerateArray().ToList();
        (closed[13].GetString(), closed[22].GetString(), closed[23].GetString(), closed[24].GetString(), closed[25].GetString())
            .ShouldBe(("ext.notify_call", "ext", "notify_call", flow, "mine"));
        var over = _bench.Expect("ext.notify_call.on_released");
        over.EnumerateObject().Select(member => member.Name).ShouldBe(["res_id", "error", "begin_time", "answer_time", "end_time", "dropped_by", "user_data"]);
        (Error(over), over.GetProperty("dropped_by").GetString()).ShouldBe((null, "sys"));
        (over.GetProperty("end_time").GetInt64() - over.GetProperty("answer_time").GetInt64()).ShouldBeInRange(2, 3);
        NothingIsLeft(flow);
    }

    [Fact]
    public void Its_call_is_invisible()
    {
        var flow = Begin("notify_call", ("to_uri", "sip:1@a"), ("play_content", "message.wav"), ("play_repeat", 1000));
        var up = Answer(1);
        var items = JsonDocument.Parse(_bench.Ask("sys.call.list").Result).RootElement.GetProperty("items");
        items.GetArrayLength().ShouldBe(0);
        ResourceId.TryParse(flow, out var id).ShouldBeTrue();
        foreach (var process in Enumerable.Range(1, 60).Select(step => id.ProcessId + step))
        {
            var hidden = (id with { Module = Modules.Call, ProcessId = process }).ToString();
            _bench.Ask("sys.call.get", ("res_id", hidden)).Error!.Code.ShouldBe(ErrorCodes.NotFound);
            _bench.Ask("sys.call.drop", ("res_id", hidden)).Error!.Code.ShouldBe(ErrorCodes.NotFound);
            JsonDocument.Parse(_bench.Ask("sys.call.exists", ("res_id", hidden)).Result).RootElement.GetBoolean().ShouldBeFalse();
        }
        _bench.Server.CallCount.ShouldBe(1);
        var told = JsonDocument.Parse(_bench.Ask("ext.notify_call.get", ("res_id", flow)).Result).RootElement;
        told.GetProperty("state").GetString().ShouldBe("Answered");
        _bench.Ask("ext.captcha_call.drop", ("res_id", flow)).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        HangUp(up);
        Error(_bench.Expect("ext.notify_call.on_released")).ShouldBeNull();
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_released", 100));
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_busy_far_end_ends_it_with_its_status()
    {
        var flow = Notify();
        var peer = Phone(1);
        peer.Respond(peer.Request("INVITE"), 486);
        var over = _bench.Expect("ext.notify_call.on_released");
        (Error(over), over.GetProperty("dropped_by").GetString(), over.GetProperty("answer_time").ValueKind).ShouldBe((486, "usr", JsonValueKind.Null));
        NothingIsLeft(flow);
    }

    [Fact]
    public void No_gateway_and_no_room_refuse_the_construct_and_no_media_ends_the_flow()
    {
        _bench.Ask("ext.notify_call.construct", ("to_uri", "sip:1@nowhere"), ("play_content", "message.wav")).Error!.Code.ShouldBe(ErrorCodes.NoGateway);
        _bench.Media.NoPort = true;
        var flow = Notify();
        Error(_bench.Expect("ext.notify_call.on_released")).ShouldBe(503);
        _bench.Media.NoPort = false;
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_missing_file_ends_it_with_404()
    {
        var flow = Begin("notify_call", ("to_uri", "sip:1@a"), ("play_content", "missing.wav"));
        IsHungUp(Answer(1));
        Error(_bench.Expect("ext.notify_call.on_released")).ShouldBe(404);
        NothingIsLeft(flow);
    }

    [Fact]
    public void Keys_are_collected_until_the_finish_key()
    {
        var flow = Begin("captcha_call", ("to_uri", "sip:1@a"), ("play_content", "enter.wav"));
        var up = Answer(1);
        _bench.Runtime.Advance(1500);
        Press(up, "12#");
        IsHungUp(up);
        var over = _bench.Expect("ext.captcha_call.on_released");
        over.EnumerateObject().Select(member => member.Name)
            .ShouldBe(["res_id", "error", "begin_time", "answer_time", "end_time", "dropped_by", "keys", "user_data"]);
        (Error(over), over.GetProperty("keys").GetString(), over.GetProperty("dropped_by").GetString()).ShouldBe((null, "12", "sys"));
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_timeout_and_a_hang_up_keep_the_keys()
    {
        var flow = Begin("captcha_call", ("to_uri", "sip:1@a"), ("continues_keys_timeout", 2));
        var up = Answer(1);
        _bench.Runtime.Advance(100);
        Press(up, "7");
        IsHungUp(up);
        var over = _bench.Expect("ext.captcha_call.on_released");
        (Error(over), over.GetProperty("keys").GetString()).ShouldBe((408, "7"));
        Begin("captcha_call", ("to_uri", "sip:1@a"));
        up = Answer(1);
        _bench.Runtime.Advance(100);
        Press(up, "89");
        HangUp(up);
        over = _bench.Expect("ext.captcha_call.on_released");
        (Error(over), over.GetProperty("keys").GetString(), over.GetProperty("dropped_by").GetString()).ShouldBe((410, "89", "usr"));
        NothingIsLeft(flow);
    }

    private void Press((RawPeer Peer, SipRequest Invite) up, string keys)
    {
        var sdp = System.Text.Encoding.ASCII.GetString(up.Invite.Body.Span);
        var port = int.Parse(sdp.Split("m=audio ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        foreach (var key in keys) _bench.Media.Press(new(NodeBench.Node.Address, port), key).ShouldBeTrue();
        _bench.Runtime.Advance(20);
    }

    [Fact]
    public void Two_parties_are_called_hear_the_ring_back_are_connected_and_recorded()
    {
        var flow = Duo(("ring_play_file", "ring.wav"), ("ring_play_mode", 2), ("record_file", "both"), ("record_mode", 1));
        var first = Phone(1);
        var invite1 = first.Request("INVITE");
        _bench.Runtime.Advance(50);
        _bench.Media.Recordings.ShouldContainKey("/recordings/both.wav", "it is recorded before the first party answers");
        first.Respond(invite1, 200, "Contact: <sip:1@192.0.2.1>\nContent-Type: application/sdp", first.Sdp());
        first.Request("ACK");
        Error(_bench.Expect("ext.duo_callback.on_dial1_completed")).ShouldBeNull();
        _bench.Expect("ext.duo_callback.on_dial2_started").EnumerateObject().Select(member => member.Name)
            .ShouldBe(["res_id", "begin_time", "user_data1", "user_data2"]);
        var invite2 = Phone(2).Request("INVITE");
        _bench.Runtime.Advance(50);
        HeardBy(invite1).ShouldBe("loop ring.wav");
        State(flow).ShouldBe("Answered");
        _bench.Runtime.Advance(3000);
        Phone(2).Respond(invite2, 200, "Contact: <sip:2@192.0.2.2>\nContent-Type: application/sdp", Phone(2).Sdp());
        Phone(2).Request("ACK");
        Error(_bench.Expect("ext.duo_callback.on_dial2_completed")).ShouldBeNull();
        _bench.Runtime.Advance(100);
        State(flow).ShouldBe("Connected");
        HeardBy(invite1).ShouldBeNull();
        _bench.Media.Bridges.ShouldHaveSingleItem()
            .Request.Record.ShouldBe(new BridgeRecording("/recordings/both.wav", RecordFormat.Alaw, Append: true, Application: NodeBench.App));
        _bench.Ask("ext.duo_callback.cancel", ("res_id", flow)).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        HangUp((Phone(2), invite2));
        IsHungUp((first, invite1));
        var over = _bench.Expect("ext.duo_callback.on_released");
        _bench.Media.Recordings["/recordings/both.wav"].IsComplete.ShouldBeTrue();
        over.EnumerateObject().Select(member => member.Name)
            .ShouldBe(["res_id", "error", "begin_time", "answer_time", "connect_time", "end_time", "user_data", "user_data1", "user_data2"]);
        Error(over).ShouldBeNull();
        (over.GetProperty("connect_time").GetInt64() - over.GetProperty("answer_time").GetInt64()).ShouldBeInRange(3, 4);
        var records = new[] { _bench.Expect("sys.on_chan_closed"), _bench.Expect("sys.on_chan_closed") }.Select(told => told.GetProperty("data")
            .EnumerateArray().ToList()).ToList();
        records.Select(record => record[24].GetString()).ShouldBe([flow, flow]);
        records.Select(record => record[25].GetString()).Order().ShouldBe(["one", "two"]);
        NothingIsLeft(flow);
    }

    [Fact]
    public void The_limit_on_the_connection_hangs_up_both_without_error()
    {
        var flow = Duo();
        var (first, second) = (Answer(1), Answer(2));
        _bench.Media.Bridges.Count.ShouldBe(1);
        IsHungUp(first, 31_000);
        IsHungUp(second);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBeNull();
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_second_party_without_gateway_ends_it_and_hangs_up_the_first()
    {
        var flow = Begin("duo_callback", ("to1_uri", "sip:1@a"), ("to2_uri", "sip:2@a"), ("max_connect_seconds", 30));
        var first = Answer(1);
        Error(_bench.Expect("ext.duo_callback.on_dial1_completed")).ShouldBeNull();
        Error(_bench.Expect("ext.duo_callback.on_dial2_completed")).ShouldBe(480);
        IsHungUp(first);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBe(480);
        NothingIsLeft(flow);
    }

    [Fact]
    public void The_first_party_hanging_up_while_the_second_rings_cancels_that_and_is_410()
    {
        var flow = Duo();
        var first = Answer(1);
        var invite = Phone(2).Request("INVITE");
        Phone(2).Respond(invite, 180);
        HangUp(first);
        Phone(2).Respond(Phone(2).Request("CANCEL"), 200);
        Phone(2).Respond(invite, 487);
        Error(_bench.Expect("ext.duo_callback.on_dial2_completed")).ShouldBe(487);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBe(410);
        NothingIsLeft(flow);
    }

    [Fact]
    public void Cancel_while_the_second_rings_ends_both_with_487()
    {
        var flow = Duo();
        var first = Answer(1);
        var invite = Phone(2).Request("INVITE");
        Phone(2).Respond(invite, 180);
        _bench.Ask("ext.duo_callback.cancel", ("res_id", flow)).Error.ShouldBeNull();
        IsHungUp(first);
        Phone(2).Respond(Phone(2).Request("CANCEL"), 200);
        Phone(2).Respond(invite, 487);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBe(487);
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_drop_at_once_leaves_nothing_and_a_far_end_that_answers_no_BYE_does_not_delay_it()
    {
        var flow = Duo();
        _bench.Ask("ext.duo_callback.drop", ("res_id", flow)).Error.ShouldBeNull();
        Error(_bench.Expect("ext.duo_callback.on_released", 500)).ShouldBe(487);
        _bench.Runtime.Advance(70_000);
        flow = Duo();
        var invite = Phone(1).Request("INVITE");
        if (!Phone(1).Hears("ACK", 0)) Phone(1).Respond(invite, 200, "Contact: <sip:1@192.0.2.1>\nContent-Type: application/sdp", Phone(1).Sdp());
        _bench.Runtime.Advance(100);
        _bench.Ask("ext.duo_callback.drop", ("res_id", flow)).Error.ShouldBeNull();
        Error(_bench.Expect("ext.duo_callback.on_released", 500)).ShouldBe(487);
        NothingIsLeft(flow);
    }

    [Fact]
    public void A_node_that_stops_releases_flow_and_calls()
    {
        var flow = Duo();
        var (first, second) = (Answer(1), Answer(2));
        ManualStop();
        IsHungUp(first);
        IsHungUp(second);
        Error(_bench.Expect("ext.duo_callback.on_released")).ShouldBe(503);
        _bench.Crashes.ShouldBeEmpty();
        flow.ShouldNotBeNull();
    }

    private void ManualStop()
    {
        Cti.Testing.ManualRuntime.Inline(_bench.Server.DropAll);
        _bench.Runtime.Advance(20);
    }

    [Fact]
    public void After_a_restart_it_is_released_with_503_once()
    {
        var flow = Duo();
        Answer(1);
        Phone(2).Request("INVITE");
        _bench.Expect("ext.duo_callback.on_dial2_started");
        _bench.Media.Crash();
        var second = new NodeBench([Gateway("a", 1), Gateway("b", 2)], disk: _disk, dialAny: false);
        Error(second.Expect("ext.duo_callback.on_dial2_completed")).ShouldBe(503);
        var over = second.Expect("ext.duo_callback.on_released");
        (Error(over), over.GetProperty("res_id").GetString()).ShouldBe((503, flow));
        second.Expect("sys.on_chan_closed");
        second.Expect("sys.on_chan_closed");
        Should.Throw<InvalidOperationException>(() => second.Expect("ext.duo_callback.on_released", 1000));
        second.Crashes.ShouldBeEmpty();
    }

    private string State(string flow) =>
        JsonDocument.Parse(_bench.Ask("ext.duo_callback.get", ("res_id", flow)).Result).RootElement.GetProperty("state").GetString()!;

    private string? HeardBy(SipRequest invite)
    {
        var sdp = System.Text.Encoding.ASCII.GetString(invite.Body.Span);
        var port = int.Parse(sdp.Split("m=audio ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        return _bench.Media.HeardAt(new(NodeBench.Node.Address, port));
    }
}
