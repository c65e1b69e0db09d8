using System.Text.Json;

namespace Cti.Actors.Tests.Nodes;

/// <summary>
/// A bug in a call's actor, met in each state: it goes on in the state that its journal shows, with its far end and its media, and ends as any call does.
/// </summary>
public sealed class CrashTests
{
    private readonly NodeBench _bench = new();

    [Theory]
    [InlineData("Initiated")]
    [InlineData("Ring")]
    [InlineData("Answer")]
    [InlineData("Idle")]
    [InlineData("Play")]
    [InlineData("Record")]
    [InlineData("SendDtmf")]
    [InlineData("ReceiveDtmf")]
    [InlineData("Dial")]
    [InlineData("Connect")]
    [InlineData("Conf")]
    public void A_crash_leaves_the_call_in_its_state(string state)
    {
        var call = In(state);
        State(call).ShouldBe(state);
        var sessions = _bench.Media.OpenSessions;
        var actor = _bench.Server.Resources.Find(call).ShouldNotBeNull().Actor;
        actor.Tell(new Unheard()).ShouldBeTrue();
        _bench.Runtime.Advance(10);
        _bench.Crashes.ShouldHaveSingleItem().ShouldContain(nameof(Unheard));
        actor.IsStopped.ShouldBeFalse();
        State(call).ShouldBe(state);
        _bench.Media.OpenSessions.ShouldBe(sessions);
        // An answered caller who acknowledges nothing is released by itself.
        if (state != "Answer") _bench.Ask(state == "Initiated" ? "sys.call.reject" : "sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        _bench.Expect("sys.call.on_released", 60_000).GetProperty("res_id").GetString().ShouldBe(call);
        // Its far end answers nothing.
        _bench.Runtime.Advance(40_000);
        actor.IsStopped.ShouldBeTrue();
        _bench.Crashes.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("Play")]
    [InlineData("Connect")]
    public void The_sixth_crash_stops_it_and_what_waits_is_answered(string state)
    {
        var call = In(state);
        var actor = _bench.Server.Resources.Find(call).ShouldNotBeNull().Actor;
        for (var i = 0; i < 6; i++) actor.Tell(new Unheard()).ShouldBeTrue();
        var asked = _bench.AskLater("sys.call.get", ("res_id", call));
        _bench.Runtime.Advance(100);
        _bench.Crashes.Count.ShouldBe(6);
        actor.IsStopped.ShouldBeTrue();
        actor.Tell(new Unheard()).ShouldBeFalse();
        asked.IsCompleted.ShouldBeTrue();
    }

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    private string In(string state)
    {
        switch (state)
        {
            case "Initiated": return Offered();
            case "Ring":
                var peer = _bench.Peer("192.0.2.1");
                var ringing = _bench.Construct("sip:1@192.0.2.1");
                peer.Respond(peer.Request("INVITE"), 180);
                return ringing;
            case "Answer":
                var answered = Offered();
                _bench.Ask("sys.call.answer", ("res_id", answered), ("max_answer_seconds", 60)).Error.ShouldBeNull();
                return answered;
            case "Dial":
                var parent = _bench.Up(1).Call;
                var child = _bench.Peer("192.0.2.2");
                _bench.Construct("sip:2@192.0.2.2", ("parent_call_res_id", parent));
                child.Request("INVITE");
                return parent;
        }
        var call = _bench.Up(1).Call;
        _bench.Media.Files["long.wav"] = 60_000;
        var reply = state switch
        {
            "Play" => _bench.Ask("sys.call.play_start", ("res_id", call), ("content", "long.wav")),
            "Record" => _bench.Ask("sys.call.record_start", ("res_id", call), ("record_file", "note"), ("max_seconds", 100)),
            "SendDtmf" => _bench.Ask("sys.call.send_dtmf_start", ("res_id", call), ("keys", "1234567890")),
            "ReceiveDtmf" => _bench.Ask("sys.call.receive_dtmf_start", ("res_id", call)),
            "Connect" => _bench.Ask("sys.call.connect_start", ("res_id", call), ("call_res_id", _bench.Up(2).Call), ("max_seconds", 60)),
            "Conf" => _bench.Ask("sys.call.conf_enter", ("res_id", call), ("conf_res_id", Conference()), ("max_seconds", 60)),
            _ => default,
        };
        reply.Error.ShouldBeNull();
        _bench.Runtime.Advance(50);
        return call;
    }

    private string Offered()
    {
        var peer = _bench.Peer("192.0.2.10");
        peer.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        return _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
    }

    private string Conference() =>
        JsonDocument.Parse(_bench.Ask("sys.conf.construct", ("max_seconds", 600)).Result).RootElement.GetProperty("res_id").GetString()!;

    private sealed record Unheard;
}
