using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>
/// What one resource's event tells, its partner's <c>get</c> knows: here the partner is asked at the very moment in which the event is delivered, before
/// any message can have gone from one to the other.
/// </summary>
public sealed class PartnerNewsTests
{
    private readonly NodeBench _bench = new();

    private (string Call, RawPeer Peer, SipRequest Invite) Dial(int number, params (string, object?)[] more)
    {
        var peer = _bench.Peer($"192.0.2.{number}");
        var call = _bench.Construct($"sip:{number}@192.0.2.{number}", more);
        return (call, peer, peer.Request("INVITE"));
    }

    private static void Answer(RawPeer peer, SipRequest invite)
    {
        peer.Respond(invite, 200, $"Contact: <sip:x@{peer.Local.Address}>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
    }

    private (string Call, RawPeer Peer, SipRequest Invite) Up(int number)
    {
        var one = Dial(number);
        Answer(one.Peer, one.Invite);
        _bench.Expect("sys.call.on_dial_completed");
        return one;
    }

    private static void HangUp((string Call, RawPeer Peer, SipRequest Invite) call)
    {
        call.Peer.SendInDialog(call.Invite, "BYE", 7);
        call.Peer.Response(200);
    }

    /// <summary>The state that is answered to who asks as the event is delivered.</summary>
    private string StateAt(string happened, string of, string get, string resource, Action cause)
    {
        Task<RpcReply>? asked = null;
        _bench.Heard = (method, @params) =>
        {
            if (asked is null && method == happened && @params.GetProperty("res_id").GetString() == of) asked = _bench.AskLater(get, ("res_id", resource));
        };
        cause();
        for (var i = 0; i < 3000 && asked?.IsCompleted != true; i++) _bench.Runtime.Advance(1);
        _bench.Heard = null;
        asked.ShouldNotBeNull($"{happened} came");
        asked.Wait(5000).ShouldBeTrue("answered");
        asked.Result.Error.ShouldBeNull();
        return JsonDocument.Parse(asked.Result.Result).RootElement.GetProperty("state").GetString()!;
    }

    [Fact]
    public void The_second_party_is_idle_when_the_end_of_the_bridge_is_told()
    {
        var (first, second) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        StateAt("sys.call.on_connect_completed", first.Call, "sys.call.get", second.Call, () =>
            _ = _bench.AskLater("sys.call.connect_stop", ("res_id", first.Call))).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_second_party_is_idle_when_the_first_is_told_to_have_hung_up()
    {
        var (first, second) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        StateAt("sys.call.on_connect_completed", first.Call, "sys.call.get", second.Call, () => HangUp(first)).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_first_party_is_idle_when_the_second_is_told_to_be_gone()
    {
        var (first, second) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        StateAt("sys.call.on_released", second.Call, "sys.call.get", first.Call, () => HangUp(second)).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(200)]
    [InlineData(486)]
    public void A_parent_is_idle_when_the_end_of_its_childs_dialling_is_told(int status)
    {
        var parent = Up(1);
        var child = Dial(2, ("parent_call_res_id", parent.Call));
        _bench.Ask("sys.call.get", ("res_id", parent.Call)).Error.ShouldBeNull();
        StateAt("sys.call.on_dial_completed", child.Call, "sys.call.get", parent.Call, () =>
        {
            if (status == 200)
                child.Peer.Respond(child.Invite, 200, $"Contact: <sip:x@{child.Peer.Local.Address}>\nContent-Type: application/sdp", child.Peer.Sdp());
            else child.Peer.Respond(child.Invite, status);
        }).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("sys.conf.on_released")]
    [InlineData("sys.conf.on_exited")]
    public void A_call_is_idle_when_its_conference_tells_that_it_is_out(string happened)
    {
        var call = Up(1);
        var conference = Conference(call.Call);
        StateAt(happened, conference, "sys.call.get", call.Call, () => _ = _bench.AskLater("sys.conf.release", ("res_id", conference))).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_conference_is_empty_when_its_last_member_tells_that_it_has_left()
    {
        var call = Up(1);
        var conference = Conference(call.Call);
        StateAt("sys.call.on_conf_completed", call.Call, "sys.conf.get", conference,
            () => _ = _bench.AskLater("sys.call.conf_exit", ("res_id", call.Call), ("conf_res_id", conference))).ShouldBe("Initiated");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_stands_is_answered_at_once()
    {
        var (first, second) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        foreach (var call in (string[])[first.Call, second.Call])
        {
            var asked = _bench.AskLater("sys.call.get", ("res_id", call));
            asked.IsCompleted.ShouldBeTrue("no time has to pass");
            JsonDocument.Parse((await asked).Result).RootElement.GetProperty("state").GetString().ShouldBe("Connect");
        }
    }

    [Fact]
    public void A_refusal_names_whose_state_it_means()
    {
        var (first, second, third) = (Up(1), Up(2), Up(3));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        Is(_bench.Ask("sys.call.play_start", ("res_id", first.Call), ("content", "a.wav")).Error!, first.Call, "Connect");
        Is(_bench.Ask("sys.call.connect_start", ("res_id", third.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error!, second.Call, "Connect");
        var parent = Up(4);
        Dial(5, ("parent_call_res_id", parent.Call));
        Is(_bench.Ask("sys.call.construct", ("to_uri", "sip:6@192.0.2.6"), ("max_answer_seconds", 60), ("parent_call_res_id", parent.Call)).Error!, parent.Call,
            "Dial");
        var conference = Conference(third.Call);
        Is(_bench.Ask("sys.conf.play_stop", ("res_id", conference)).Error!, conference, "Active");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_second_party_is_told_that_it_is_the_second_and_who_is_the_first()
    {
        var (first, second) = (Up(1), Up(2));
        _bench.Ask("sys.call.connect_start", ("res_id", first.Call), ("call_res_id", second.Call), ("max_seconds", 60)).Error.ShouldBeNull();
        var refused = _bench.Ask("sys.call.connect_stop", ("res_id", second.Call)).Error!;
        refused.Code.ShouldBe(ErrorCodes.Conflict);
        refused.Message.ShouldBe($"{second.Call}: sys.call.connect_stop is for the first party, {first.Call}; this call is the second");
    }

    private static void Is(RpcError refused, string resource, string state)
    {
        refused.Code.ShouldBe(ErrorCodes.Conflict);
        refused.Message.ShouldStartWith(resource + ": ");
        refused.Data!["res_id"].ShouldBe(resource);
        refused.Data["state"].ShouldBe(state);
        ResourceId.TryParse(resource, out var id).ShouldBeTrue();
        ((IReadOnlyDictionary<string, object>)refused.Data["ipsc_info"])["process_id"].ShouldBe(id.ProcessId);
    }

    private string Conference(string member)
    {
        var made = _bench.Ask("sys.conf.construct", ("max_seconds", 3600), ("parts_threshold", 0));
        var conference = JsonDocument.Parse(made.Result).RootElement.GetProperty("res_id").GetString()!;
        _bench.Ask("sys.call.conf_enter", ("res_id", member), ("conf_res_id", conference), ("max_seconds", 600)).Error.ShouldBeNull();
        _bench.Expect("sys.conf.on_entered");
        return conference;
    }
}
