using System.Text.Json;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Session.Mix;
using Cti.Persistence.Memory;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

public sealed class ConferenceTests
{
    private readonly MemoryDisk _disk = new();
    private readonly NodeBench _bench;
    private readonly Dictionary<string, (RawPeer Peer, SipRequest Invite, int Port)> _phones = [];

    public ConferenceTests()
    {
        _bench = new NodeBench(disk: _disk);
        foreach (var file in new[] { "a.wav", "ding.wav" }) _bench.Media.Files[file] = 2000;
    }

    private string Dial(int number, out RawPeer peer, out SipRequest invite)
    {
        peer = _bench.Peer($"192.0.2.{number}");
        var call = _bench.Construct($"sip:{number}@192.0.2.{number}", ("user_data", $"data {number}"));
        invite = peer.Request("INVITE");
        _phones[call] = (peer, invite, Port(invite));
        return call;
    }

    private static void Answer(RawPeer peer, SipRequest invite) =>
        peer.Respond(invite, 200, $"Contact: <sip:far@{peer.Local.Address}>\nContent-Type: application/sdp", peer.Sdp());

    /// <summary>An outbound call that is up.</summary>
    private string Up(int number)
    {
        var call = Dial(number, out var peer, out var invite);
        Answer(peer, invite);
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return call;
    }

    private static int Port(SipRequest invite)
    {
        var sdp = System.Text.Encoding.ASCII.GetString(invite.Body.Span);
        return int.Parse(sdp[(sdp.IndexOf("m=audio ", StringComparison.Ordinal) + 8)..].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private string Conference(params (string, object?)[] more)
    {
        var reply = _bench.Ask("sys.conf.construct", [("max_seconds", 3600), .. more]);
        reply.Error.ShouldBeNull();
        return JsonDocument.Parse(reply.Result).RootElement.GetProperty("res_id").GetString()!;
    }

    private RpcReply Enter(string call, string conference, params (string, object?)[] more) =>
        _bench.Ask("sys.call.conf_enter", [("res_id", call), ("conf_res_id", conference), ("max_seconds", 600), .. more]);

    private string State(string resource) =>
        JsonDocument.Parse(_bench.Ask(resource.Contains("conf", StringComparison.Ordinal) ? "sys.conf.get" : "sys.call.get", ("res_id", resource)).Result)
            .RootElement.GetProperty("state").GetString()!;

    private int[] Hears(string call) => _bench.Media.HeardBy(_phones[call].Port);

    private int[] Ports(params string[] calls) => [.. calls.Select(call => _phones[call].Port).Order()];

    private void HangUp(string call)
    {
        var (peer, invite, _) = _phones[call];
        peer.SendInDialog(invite, "BYE", 7);
        peer.Response(200);
    }

    private static int? ErrorOf(JsonElement happened) =>
        happened.GetProperty("error") is { ValueKind: JsonValueKind.Object } error ? error.GetProperty("code").GetInt32() : null;

    private static string ResOf(JsonElement happened) => happened.GetProperty("res_id").GetString()!;

    private void NothingIsLeft()
    {
        _bench.Runtime.Advance(70_000);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Server.ConferenceCount.ShouldBe(0);
        _bench.Media.Conferences.ShouldBeEmpty();
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Three_calls_enter_hear_each_other_as_their_modes_say_and_leave_by_every_way()
    {
        var (ann, bob, cid) = (Up(1), Up(2), Up(3));
        var conference = Conference(("user_data", "room"), ("bg_file", "a.wav"));
        State(conference).ShouldBe("Initiated");
        _bench.Media.Conferences.Single().Options.Background.ShouldBe(["a.wav"]);
        Enter(ann, conference, ("play_file", "ding.wav")).Error.ShouldBeNull();
        var entered = _bench.Expect("sys.conf.on_entered");
        (ResOf(entered), entered.GetProperty("call_res_id").GetString(), entered.GetProperty("user_data").GetString()).ShouldBe((conference, ann, "room"));
        _bench.Media.Conferences.Single().Sounds.ShouldBe(["ding.wav"]);
        Enter(bob, conference, ("voice_mode", 2)).Error.ShouldBeNull();
        Enter(cid, conference, ("volume", -6)).Error.ShouldBeNull();
        (State(ann), State(conference)).ShouldBe(("Conf", "Active"));
        Hears(ann).ShouldBe(Ports(cid));
        Hears(bob).ShouldBe(Ports(ann, cid));
        _bench.Ask("sys.conf.set_part_voice_mode", ("res_id", conference), ("call_res_id", bob), ("mode", 3)).Error.ShouldBeNull();
        _bench.Ask("sys.conf.set_part_volume", ("res_id", conference), ("call_res_id", bob), ("volume", 4)).Error.ShouldBeNull();
        Hears(bob).ShouldBeEmpty();
        Hears(ann).ShouldBe(Ports(bob, cid));
        _bench.Media.Conferences.Single().Members.Values.ShouldContain(new ConferenceMember(VoiceMode.Talk, 4));
        var parts = JsonDocument.Parse(_bench.Ask("sys.conf.get_parts", ("res_id", conference)).Result).RootElement.EnumerateArray().ToList();
        parts.Select(part => part.GetProperty("res_id").GetString()).ShouldBe([ann, bob, cid]);
        parts[1].GetProperty("voice_mode").GetInt32().ShouldBe(3);
        parts[2].GetProperty("user_data").GetString().ShouldBe("data 3");
        _bench.Ask("sys.call.conf_exit", ("res_id", ann), ("conf_res_id", conference)).Error.ShouldBeNull();
        _bench.Expect("sys.conf.on_exited").GetProperty("call_res_id").GetString().ShouldBe(ann);
        ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBeNull();
        State(ann).ShouldBe("Idle");
        Hears(cid).ShouldBe(Ports(bob));
        HangUp(bob);
        ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBe(410);
        var last = _bench.Expect("sys.call.on_conf_completed");
        (ResOf(last), ErrorOf(last)).ShouldBe((cid, null), "with one left the conference is released");
        ResOf(_bench.Expect("sys.conf.on_released")).ShouldBe(conference);
        State(cid).ShouldBe("Idle");
        _bench.Ask("sys.conf.get", ("res_id", conference)).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        HangUp(ann);
        HangUp(cid);
        NothingIsLeft();
    }

    [Fact]
    public void Play_and_recording_run_once_at_a_time_and_are_completed_as_they_end()
    {
        var conference = Conference(("record_file", "all"), ("user_data", "room"));
        _bench.Runtime.Advance(100);
        _bench.Ask("sys.conf.record_start", ("res_id", conference), ("max_seconds", 5), ("record_file", "more")).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        _bench.Ask("sys.conf.record_stop", ("res_id", conference)).Error.ShouldBeNull();
        var recorded = _bench.Expect("sys.conf.on_record_completed");
        (ErrorOf(recorded), recorded.GetProperty("record_file").GetString()).ShouldBe((487, "/recordings/all.wav"));
        _bench.Media.Recordings["/recordings/all.wav"].IsComplete.ShouldBeTrue();
        JsonDocument.Parse(_bench.Ask("sys.conf.record_start", ("res_id", conference), ("max_seconds", 5), ("record_file", "more")).Result)
            .RootElement.GetString().ShouldBe("/recordings/more.wav");
        ErrorOf(_bench.Expect("sys.conf.on_record_completed", 6000)).ShouldBe(408);
        _bench.Media.Recordings["/recordings/more.wav"].DurationMillis.ShouldBeInRange(4990, 5010);
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("file", "a.wav|ding.wav")).Error.ShouldBeNull();
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("content", "a.wav")).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        ErrorOf(_bench.Expect("sys.conf.on_play_completed")).ShouldBeNull();
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("content", "a.wav"), ("is_loop", true)).Error.ShouldBeNull();
        _bench.Runtime.Advance(20_000);
        _bench.Ask("sys.conf.play_stop", ("res_id", conference)).Error.ShouldBeNull();
        _bench.Expect("sys.conf.on_play_completed", 0).GetProperty("user_data").GetString().ShouldBe("room");
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("content", "none.wav")).Error.ShouldBeNull();
        ErrorOf(_bench.Expect("sys.conf.on_play_completed")).ShouldBe(404);
        _bench.Ask("sys.conf.play_start", ("res_id", conference), ("content", "a.wav")).Error.ShouldBeNull();
        _bench.Ask("sys.conf.release", ("res_id", conference)).Error.ShouldBeNull();
        ErrorOf(_bench.Expect("sys.conf.on_play_completed")).ShouldBe(410);
        _bench.Expect("sys.conf.on_released");
        NothingIsLeft();
    }

    [Fact]
    public void A_ringing_call_may_enter_and_is_a_full_member_once_it_is_answered()
    {
        var ann = Up(1);
        var early = Dial(2, out var peer, out var invite);
        peer.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing");
        var conference = Conference();
        Enter(ann, conference).Error.ShouldBeNull();
        Enter(early, conference).Error.ShouldBeNull();
        State(early).ShouldBe("Conf");
        Hears(early).ShouldBe(Ports(ann));
        Answer(peer, invite);
        ResOf(_bench.Expect("sys.call.on_dial_completed")).ShouldBe(early);
        State(early).ShouldBe("Conf");
        _bench.Ask("sys.call.conf_exit", ("res_id", early), ("conf_res_id", conference)).Error.ShouldBeNull();
        _bench.Runtime.Advance(20);
        State(early).ShouldBe("Idle");
        State(ann).ShouldBe("Idle", "one was left, the conference is over");
    }

    [Fact]
    public void When_an_early_member_is_refused_it_leaves_and_is_released()
    {
        var early = Dial(2, out var peer, out var invite);
        peer.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing");
        var conference = Conference();
        Enter(early, conference).Error.ShouldBeNull();
        peer.Respond(invite, 486);
        ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBe(410);
        ErrorOf(_bench.Expect("sys.call.on_dial_completed")).ShouldBe(486);
        _bench.Expect("sys.call.on_released");
        _bench.Expect("sys.conf.on_exited").GetProperty("call_res_id").GetString().ShouldBe(early);
        State(conference).ShouldBe("Initiated");
    }

    [Fact]
    public void Entering_from_a_play_stops_it_with_487()
    {
        var (ann, conference) = (Up(1), Conference());
        _bench.Ask("sys.call.play_start", ("res_id", ann), ("content", "a.wav")).Error.ShouldBeNull();
        _bench.Runtime.Advance(50);
        Enter(ann, conference).Error.ShouldBeNull();
        ErrorOf(_bench.Expect("sys.call.on_play_completed", 0)).ShouldBe(487);
        _bench.Media.RunningActions.ShouldBe(0);
        State(ann).ShouldBe("Conf");
    }

    [Fact]
    public void A_member_for_whom_there_is_no_room_is_refused_with_503_and_nobody_hears_of_it()
    {
        var (ann, conference) = (Up(1), Conference());
        _bench.Media.NoMember = true;
        Enter(ann, conference).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
        State(ann).ShouldBe("Idle");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.conf.on_entered", 100));
        _bench.Media.NoMember = false;
        Enter(ann, conference).Error.ShouldBeNull();
        _bench.Media.NoConference = true;
        _bench.Ask("sys.conf.construct", ("max_seconds", 60)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
    }

    [Fact]
    public void What_names_no_conference_or_no_member_is_refused()
    {
        var (ann, bob, conference) = (Up(1), Up(2), Conference());
        Enter(ann, "0.0.1-sys.conf-99999").Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Ask("sys.call.conf_exit", ("res_id", ann), ("conf_res_id", conference)).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        _bench.Ask("sys.conf.set_part_volume", ("res_id", conference), ("call_res_id", "0.0.1-sys.call-99999"), ("volume", 1))
            .Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Ask("sys.conf.set_part_volume", ("res_id", conference), ("call_res_id", bob), ("volume", 1)).Error!.Code.ShouldBe(ErrorCodes.Conflict);
        _bench.Ask("sys.conf.exists", ("res_id", conference)).Result.Span.SequenceEqual("true"u8).ShouldBeTrue();
        JsonDocument.Parse(_bench.Ask("sys.conf.list").Result).RootElement.GetProperty("items")[0].GetProperty("res_id").GetString().ShouldBe(conference);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_release_of_a_conference_and_an_entry_at_once_end_well_in_either_order(bool releaseFirst)
    {
        var (ann, conference) = (Up(1), Conference());
        (string, (string, object?)[]) release = ("sys.conf.release", [("res_id", conference)]);
        (string, (string, object?)[]) enter = ("sys.call.conf_enter", [("res_id", ann), ("conf_res_id", conference), ("max_seconds", 60)]);
        var replies = releaseFirst ? _bench.AskTogether(release, enter) : _bench.AskTogether(enter, release);
        var entered = replies[releaseFirst ? 1 : 0];
        replies[releaseFirst ? 0 : 1].Error.ShouldBeNull();
        _bench.Expect("sys.conf.on_released");
        _bench.Runtime.Advance(50);
        if (entered.Error is null) ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBeNull();
        else entered.Error.Code.ShouldBe(ErrorCodes.NotFound);
        State(ann).ShouldBe("Idle");
        HangUp(ann);
        NothingIsLeft();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_hang_up_and_an_entry_at_once_leave_nobody_in_the_mix(bool dropFirst)
    {
        var (ann, conference) = (Up(1), Conference());
        (string, (string, object?)[]) drop = ("sys.call.drop", [("res_id", ann)]);
        (string, (string, object?)[]) enter = ("sys.call.conf_enter", [("res_id", ann), ("conf_res_id", conference), ("max_seconds", 60)]);
        var replies = dropFirst ? _bench.AskTogether(drop, enter) : _bench.AskTogether(enter, drop);
        replies.Single(reply => reply.Error is not null).Error!.Code.ShouldBe(ErrorCodes.NotFound);
        _bench.Expect("sys.call.on_released");
        _bench.Runtime.Advance(50);
        _bench.Media.Conferences.Single().Members.ShouldBeEmpty();
        _bench.Ask("sys.conf.get_parts", ("res_id", conference)).Result.Span.SequenceEqual("[]"u8).ShouldBeTrue();
        _bench.Ask("sys.conf.release", ("res_id", conference)).Error.ShouldBeNull();
        NothingIsLeft();
    }

    [Fact]
    public void Of_two_entries_at_once_one_is_refused()
    {
        var (ann, first, second) = (Up(1), Conference(), Conference());
        var replies = _bench.AskTogether(("sys.call.conf_enter", [("res_id", ann), ("conf_res_id", first), ("max_seconds", 60)]),
            ("sys.call.conf_enter", [("res_id", ann), ("conf_res_id", second), ("max_seconds", 60)]));
        replies[0].Error.ShouldBeNull();
        replies[1].Error!.Code.ShouldBe(ErrorCodes.Conflict);
        _bench.Media.Conferences.Select(room => room.Members.Count).ShouldBe([1, 0]);
    }

    [Fact]
    public void Leaving_and_entering_again_at_once_keeps_the_member_in_the_mix()
    {
        var (ann, conference) = (Up(1), Conference());
        Enter(ann, conference).Error.ShouldBeNull();
        var replies = _bench.AskTogether(("sys.call.conf_exit", [("res_id", ann), ("conf_res_id", conference)]),
            ("sys.call.conf_enter", [("res_id", ann), ("conf_res_id", conference), ("max_seconds", 60)]));
        replies.ShouldAllBe(reply => reply.Error == null);
        _bench.Runtime.Advance(50);
        _bench.Media.Conferences.Single().Members.Count.ShouldBe(1);
        State(ann).ShouldBe("Conf");
    }

    [Fact]
    public void Limits_on_time_put_a_member_out_and_end_an_empty_conference()
    {
        var (ann, conference) = (Up(1), Conference());
        _bench.Ask("sys.call.conf_enter", ("res_id", ann), ("conf_res_id", conference), ("max_seconds", 5)).Error.ShouldBeNull();
        var completed = _bench.Expect("sys.call.on_conf_completed", 6000);
        (ErrorOf(completed), completed.GetProperty("end_time").GetInt64() - completed.GetProperty("begin_time").GetInt64()).ShouldBe((null, 5L));
        _bench.Expect("sys.conf.on_exited");
        _bench.Runtime.Advance(179_000);
        State(conference).ShouldBe("Initiated");
        _bench.Expect("sys.conf.on_released", 2000);
    }

    [Fact]
    public void Everyone_in_the_conference_hears_a_child_ring_until_it_is_answered()
    {
        var (ann, conference) = (Up(1), Conference());
        Enter(ann, conference).Error.ShouldBeNull();
        var room = _bench.Media.Conferences.Single();
        var peer = _bench.Peer("192.0.2.2");
        var child = _bench.Construct("sip:2@192.0.2.2", ("parent_conf_res_id", conference));
        var invite = peer.Request("INVITE");
        _phones[child] = (peer, invite, Port(invite));
        room.RingBack.ShouldBeNull();
        peer.Respond(invite, 180);
        _bench.Expect("sys.call.on_ringing");
        room.RingBack.ShouldBe("CN");
        peer.Respond(invite, 183, "Content-Type: application/sdp", peer.Sdp());
        _bench.Runtime.Advance(20);
        room.RingBack.ShouldBeNull("its line brings sound of its own");
        Hears(ann).ShouldBe(Ports(child));
        _bench.Ask("sys.conf.get_parts", ("res_id", conference)).Result.Length.ShouldBeLessThan(200, "the child is no member");
        Answer(peer, invite);
        _bench.Expect("sys.call.on_dial_completed", 5000);
        _bench.Runtime.Advance(20);
        Hears(ann).ShouldBeEmpty();
        room.Members.Count.ShouldBe(1);
        State(child).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Who_talks_is_told_where_it_was_asked_for()
    {
        var (ann, conference) = (Up(1), Conference(("talker_events", true)));
        Enter(ann, conference).Error.ShouldBeNull();
        _bench.Media.Talk(_phones[ann].Port, true);
        var talker = _bench.Expect("sys.conf.on_talker");
        (ResOf(talker), talker.GetProperty("call_res_id").GetString(), talker.GetProperty("talking").GetBoolean()).ShouldBe((conference, ann, true));
        talker.EnumerateObject().Select(member => member.Name).ShouldBe(["res_id", "call_res_id", "talking"]);
        HangUp(ann);
        _bench.Expect("sys.conf.on_talker").GetProperty("talking").GetBoolean().ShouldBeFalse();
        _bench.Expect("sys.conf.on_exited");
    }

    [Fact]
    public void A_fault_of_the_media_side_ends_the_conference_and_the_members_go_on()
    {
        var (ann, conference) = (Up(1), Conference());
        Enter(ann, conference).Error.ShouldBeNull();
        _bench.Media.Break(_bench.Media.Conferences.Single());
        ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBe(500);
        ResOf(_bench.Expect("sys.conf.on_released")).ShouldBe(conference);
        State(ann).ShouldBe("Idle");
        HangUp(ann);
        NothingIsLeft();
    }

    [Fact]
    public void A_node_that_stops_ends_conferences_and_calls_with_503()
    {
        var (ann, conference) = (Up(1), Conference());
        Enter(ann, conference).Error.ShouldBeNull();
        ManualRuntime.Inline(_bench.Server.DropAll);
        ErrorOf(_bench.Expect("sys.call.on_conf_completed")).ShouldBe(503);
        _bench.Expect("sys.call.on_released");
        _bench.Expect("sys.conf.on_released");
        NothingIsLeft();
    }
}
