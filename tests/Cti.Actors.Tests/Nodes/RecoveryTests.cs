using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

/// <summary>A node that is killed and started again over the same journal: what its far ends see, message by message, and what goes on.</summary>
public sealed partial class RecoveryTests
{
    private readonly NodeBench _bench = new();

    [GeneratedRegex("o=- (\\d+) (\\d+) ")]
    private static partial Regex Origin();

    [GeneratedRegex("m=audio (\\d+) ")]
    private static partial Regex MediaPort();

    private static (string Id, ulong Version) VersionOf(SipMessage message)
    {
        var match = Origin().Match(Encoding.ASCII.GetString(message.Body.Span));
        return (match.Groups[1].Value, ulong.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
    }

    private static int PortOf(SipMessage message) =>
        int.Parse(MediaPort().Match(Encoding.ASCII.GetString(message.Body.Span)).Groups[1].Value, CultureInfo.InvariantCulture);

    private (string Call, RawPeer Peer, SipRequest Invite) Up(string address = "192.0.2.10", string more = "", string direction = "sendrecv")
    {
        var peer = _bench.Peer(address);
        var call = _bench.Construct($"sip:far@{peer.Local}");
        var invite = peer.Request("INVITE");
        peer.Respond(invite, 200, $"Contact: <sip:far@{peer.Local}>\nContent-Type: application/sdp{more}", peer.Sdp(direction));
        peer.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, peer, invite);
    }

    private (string Call, RawPeer Peer) Ringing(string address = "192.0.2.10", string more = "Contact: <sip:caller@192.0.2.10>")
    {
        var peer = _bench.Peer(address);
        peer.Invite("100", more);
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180);
        return (call, peer);
    }

    private static void Acknowledge(RawPeer peer, SipResponse ok, string body = "") => peer.Send($"""
        ACK {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bKack
        Max-Forwards: 70
        From: <sip:caller@{peer.Local.Address}>;tag=caller
        To: {ok.Get(HeaderId.To)}
        Call-ID: {ok.CallId}
        CSeq: 1 ACK
        """, body);

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    private static int? Error(JsonElement happened) =>
        happened.GetProperty("error") is { ValueKind: JsonValueKind.Object } error ? error.GetProperty("code").GetInt32() : null;

    private static (string By, int Cause) How(JsonElement released) =>
        (released.GetProperty("dropped_by").GetString()!, released.GetProperty("cause").GetInt32());

    [Fact]
    public void An_answered_call_tells_its_far_end_where_it_is_now_and_goes_on()
    {
        var (call, phone, invite) = Up();
        _bench.KillAndRestart();
        // Whether the dead process acknowledged the answer is not known.
        var ack = phone.Request("ACK");
        ack.CSeq.Number.ShouldBe(1u);
        var again = phone.AgreeOnReInvite();
        again.To.Tag.ShouldBe("far");
        again.From.Tag.ShouldBe(invite.From.Tag);
        again.CallId.ShouldBe(invite.CallId);
        again.CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        again.Contact!.Uri.User.ShouldBe(invite.From.Tag);
        PortOf(again).ShouldNotBe(PortOf(invite));
        VersionOf(again).ShouldBe((VersionOf(invite).Id, VersionOf(invite).Version + 1));
        phone.Rest().ShouldBeEmpty();
        State(call).ShouldBe("Idle");
        _bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = phone.Request("BYE");
        bye.CSeq.Number.ShouldBe(again.CSeq.Number + 1);
        phone.Respond(bye, 200);
        How(_bench.Expect("sys.call.on_released")).ShouldBe(("sys", 603));
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Three_crashes_in_a_row_use_three_ranges_of_numbers()
    {
        var (call, phone, _) = Up();
        uint last = 1;
        for (var crash = 1u; crash <= 3; crash++)
        {
            _bench.KillAndRestart();
            var again = phone.AgreeOnReInvite();
            again.CSeq.Number.ShouldBeGreaterThan(last + Limits.SipCSeqReserve - 1);
            last = again.CSeq.Number;
        }
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_crash_before_the_far_end_has_agreed_is_made_up_for_by_the_next_process()
    {
        _bench.Media.Files["long.wav"] = 30_000;
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.play_start", ("res_id", call), ("content", "long.wav")).Error.ShouldBeNull();
        _bench.KillAndRestart();
        phone.Request("INVITE");
        _bench.KillAndRestart();
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(100);
        State(call).ShouldBe("Play");
        Error(_bench.Expect("sys.call.on_play_completed", 40_000)).ShouldBeNull();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_play_goes_on_where_it_was()
    {
        _bench.Media.Files["long.wav"] = 30_000;
        var (call, phone, _) = Up();
        var (other, second, _) = Up("192.0.2.11");
        _bench.Ask("sys.call.play_start", ("res_id", call), ("content", "long.wav")).Error.ShouldBeNull();
        _bench.Runtime.Advance(12_000);
        _bench.KillAndRestart(5000);
        _bench.Media.RunningActions.ShouldBe(0, "nothing is lost to a far end that does not hear us yet");
        second.AgreeOnReInvite();
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(17_500);
        State(call).ShouldBe("Play");
        // Nothing is lost; what was heard since the last heartbeat is heard twice.
        Error(_bench.Expect("sys.call.on_play_completed", 1_700)).ShouldBeNull();
        State(other).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_is_skipped_of_a_play_that_began_late()
    {
        _bench.Media.Files["long.wav"] = 30_000;
        _bench.Media.LoadMillis = 3_000;
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.play_start", ("res_id", call), ("content", "long.wav")).Error.ShouldBeNull();
        // Nine of these twelve seconds were heard.
        _bench.Runtime.Advance(12_000);
        _bench.KillAndRestart(5000);
        _bench.Media.LoadMillis = 5;
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(20_900);
        State(call).ShouldBe("Play");
        Error(_bench.Expect("sys.call.on_play_completed", 1_700)).ShouldBeNull();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_recording_is_continued_in_its_file_and_keeps_its_limit()
    {
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.record_start", ("res_id", call), ("max_seconds", 20), ("beep", false), ("record_file", "r")).Error.ShouldBeNull();
        _bench.Runtime.Advance(8_000);
        _bench.KeptRecordings.ShouldBeEmpty("nothing was recorded when the first process began");
        _bench.KillAndRestart(2000);
        _bench.KeptRecordings.ShouldBe(["/recordings/r.wav"], "completed at start, it could not go on");
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(9_500);
        State(call).ShouldBe("Record");
        var completed = _bench.Expect("sys.call.on_record_completed", 1_000);
        Error(completed).ShouldBe(408);
        var file = _bench.Media.Recordings["/recordings/r.wav"];
        file.IsComplete.ShouldBeTrue();
        file.DurationMillis.ShouldBeInRange(17_500, 18_200, "all but the two seconds without a process");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_recording_whose_file_is_not_to_be_seen_completes_with_503_and_the_call_goes_on()
    {
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.record_start", ("res_id", call), ("max_seconds", 20), ("beep", false), ("record_file", "r")).Error.ShouldBeNull();
        _bench.Runtime.Advance(2_000);
        _bench.SeesRecordings = false;
        _bench.KillAndRestart();
        phone.AgreeOnReInvite();
        var completed = _bench.Expect("sys.call.on_record_completed");
        (Error(completed), completed.GetProperty("record_file").GetString()).ShouldBe((503, "/recordings/r.wav"));
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Keys_that_were_collected_count_and_the_wait_goes_on()
    {
        var (call, phone, invite) = Up();
        _bench.Ask("sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 3)).Error.ShouldBeNull();
        _bench.Media.Press(new IPEndPoint(NodeBench.Node.Address, PortOf(invite)), '1');
        _bench.Runtime.Advance(500);
        _bench.Media.Press(new IPEndPoint(NodeBench.Node.Address, PortOf(invite)), '2');
        _bench.Runtime.Advance(500);
        _bench.KillAndRestart();
        var again = phone.AgreeOnReInvite();
        _bench.Runtime.Advance(100);
        _bench.Media.Press(new IPEndPoint(NodeBench.Node.Address, PortOf(again)), '3').ShouldBeTrue();
        var completed = _bench.Expect("sys.call.on_receive_dtmf_completed");
        (Error(completed), completed.GetProperty("keys").GetString()).ShouldBe((null, "123"));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_key_that_is_held_while_the_node_dies_is_one_key()
    {
        var (call, phone, invite) = Up();
        _bench.Ask("sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 3)).Error.ShouldBeNull();
        _bench.Media.Press(new IPEndPoint(NodeBench.Node.Address, PortOf(invite)), '1', new KeyEvent(9, 1600));
        _bench.Runtime.Advance(500);
        _bench.KillAndRestart();
        var there = new IPEndPoint(NodeBench.Node.Address, PortOf(phone.AgreeOnReInvite()));
        _bench.Runtime.Advance(100);
        _bench.Media.Press(there, '1', new KeyEvent(9, 1600)).ShouldBeTrue();
        _bench.Media.Press(there, '1', new KeyEvent(9, 48_000)).ShouldBeTrue();
        _bench.Media.Press(there, '2', new KeyEvent(9, 64_000)).ShouldBeTrue();
        _bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("112");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_INFO_that_is_repeated_because_the_node_died_before_its_answer_arrived_is_one_key()
    {
        var (call, phone, invite) = Up();
        _bench.Ask("sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 2)).Error.ShouldBeNull();
        Info(phone, invite, 7, '5');
        phone.Response(200);
        _bench.Runtime.Advance(100);
        _bench.KillAndRestart();
        phone.AgreeOnReInvite();
        Info(phone, invite, 7, '5');
        phone.Response(200);
        Info(phone, invite, 8, '6');
        phone.Response(200);
        _bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("56");
        _bench.Crashes.ShouldBeEmpty();
    }

    private static void Info(RawPeer phone, SipRequest invite, uint number, char key) =>
        phone.SendInDialog(invite, "INFO", number, "Content-Type: application/dtmf-relay", $"Signal={key}\r\nDuration=100\r\n");

    [Fact]
    public void Keys_that_were_being_sent_complete_with_503_once()
    {
        var (call, phone, _) = Up();
        _bench.Ask("sys.call.send_dtmf_start", ("res_id", call), ("keys", "1234567890")).Error.ShouldBeNull();
        _bench.Runtime.Advance(500);
        _bench.KillAndRestart();
        Error(_bench.Expect("sys.call.on_send_dtmf_completed")).ShouldBe(503);
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(3000);
        State(call).ShouldBe("Idle");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_send_dtmf_completed", 100));
    }

    [Fact]
    public void The_limit_on_the_answered_time_survives()
    {
        var (_, phone, _) = Up();
        _bench.Runtime.Advance(30_000);
        _bench.KillAndRestart(5000);
        phone.AgreeOnReInvite();
        phone.Rest();
        _bench.Runtime.Advance(24_000);
        phone.Rest().ShouldBeEmpty();
        phone.Request("BYE", 2000);
        How(_bench.Expect("sys.call.on_released")).ShouldBe(("sys", 408));
    }

    [Fact]
    public void An_action_that_starts_before_the_far_end_has_agreed_is_heard_from_its_beginning()
    {
        _bench.Media.Files["short.wav"] = 2_000;
        var (call, phone, _) = Up();
        _bench.KillAndRestart();
        var again = phone.Request("INVITE");
        _bench.Ask("sys.call.play_start", ("res_id", call), ("content", "short.wav")).Error.ShouldBeNull();
        _bench.Runtime.Advance(3_000);
        State(call).ShouldBe("Play");
        phone.Respond(again, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        _bench.Runtime.Advance(1_900);
        State(call).ShouldBe("Play");
        Error(_bench.Expect("sys.call.on_play_completed", 300)).ShouldBeNull();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(481, "usr", 481, false)]
    [InlineData(408, "usr", 408, true)]
    [InlineData(488, "sys", 503, true)]
    [InlineData(403, "sys", 503, true)]
    public void A_far_end_that_refuses_to_go_on_ends_the_call(int status, string by, int cause, bool isHungUp)
    {
        var (_, phone, _) = Up();
        _bench.KillAndRestart();
        phone.Respond(phone.Request("INVITE"), status);
        if (isHungUp) phone.Respond(phone.Request("BYE"), 200);
        How(_bench.Expect("sys.call.on_released")).ShouldBe((by, cause));
        _bench.Runtime.Advance(200);
        phone.Rest().ShouldNotContain("BYE");
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_is_gone_ends_the_call_with_408()
    {
        Up();
        _bench.KillAndRestart();
        How(_bench.Expect("sys.call.on_released", 40_000)).ShouldBe(("usr", 408));
    }

    [Theory]
    [InlineData(491, "")]
    [InlineData(500, "Retry-After: 3")]
    public void A_far_end_that_is_busy_with_a_change_of_its_own_is_asked_again(int status, string more)
    {
        var (call, phone, _) = Up();
        _bench.KillAndRestart();
        phone.Respond(phone.Request("INVITE"), status, more);
        phone.AgreeOnReInvite();
        _bench.Runtime.Advance(200);
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_challenge_is_answered()
    {
        var trunk = new Trunk { Name = "carrier", Host = "192.0.2.10", User = "us", Password = "secret" };
        var own = new NodeBench(trunks: [trunk]);
        var phone = own.Peer("192.0.2.10");
        var call = own.Construct("sip:200@192.0.2.10");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        own.Expect("sys.call.on_dial_completed");
        own.KillAndRestart();
        phone.Respond(phone.Request("INVITE"), 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5");
        phone.Request("INVITE").Get(HeaderId.Authorization).ShouldNotBeNull().ShouldContain("username=\"us\"");
        own.Crashes.ShouldBeEmpty();
        call.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("sendonly", "recvonly")]
    [InlineData("inactive", "inactive")]
    public void Who_was_on_hold_stays_there_and_may_resume(string theirs, string ours)
    {
        var (call, phone, invite) = Up();
        Change(phone, invite, theirs, 7);
        _bench.KillAndRestart();
        var again = phone.Request("INVITE");
        Encoding.ASCII.GetString(again.Body.Span).ShouldContain($"a={ours}");
        phone.Respond(again, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp(theirs));
        phone.Request("ACK");
        Encoding.ASCII.GetString(Change(phone, again, "sendrecv", 8).Body.Span).ShouldContain("a=sendrecv");
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    private static void AskFor(RawPeer phone, SipRequest invite, string direction, int number) => phone.Send($"""
        INVITE {invite.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKchange{number}
        Max-Forwards: 70
        From: <sip:far@{phone.Local}>;tag=far
        To: {invite.Get(HeaderId.From)}
        Call-ID: {invite.CallId}
        CSeq: {number} INVITE
        Contact: <sip:far@{phone.Local}>
        Content-Type: application/sdp
        """, phone.Sdp(direction));

    private static SipResponse Change(RawPeer phone, SipRequest invite, string direction, int number)
    {
        AskFor(phone, invite, direction, number);
        var ok = phone.Response(200);
        phone.Send($"""
            ACK {invite.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKchangeack{number}
            Max-Forwards: 70
            From: <sip:far@{phone.Local}>;tag=far
            To: {invite.Get(HeaderId.From)}
            Call-ID: {invite.CallId}
            CSeq: {number} ACK
            """);
        return ok;
    }

    [Fact]
    public void A_far_end_that_changes_the_session_first_is_where_we_are_and_our_own_change_is_not_needed()
    {
        var (call, phone, invite) = Up();
        _bench.KillAndRestart();
        // Theirs overtakes ours by a hair: both have an offer open.
        var again = phone.Request("INVITE");
        phone.Send($"""
            INVITE {invite.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKglare
            Max-Forwards: 70
            From: <sip:far@{phone.Local}>;tag=far
            To: {invite.Get(HeaderId.From)}
            Call-ID: {invite.CallId}
            CSeq: 9 INVITE
            Contact: <sip:far@{phone.Local}>
            Content-Type: application/sdp
            """, phone.Sdp());
        phone.Response(491);
        phone.Respond(again, 491);
        var ok = Change(phone, invite, "sendrecv", 10);
        PortOf(ok).ShouldBe(PortOf(again));
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_that_comes_before_the_takeover_is_durable_waits_for_it()
    {
        var faults = new ScriptedStoreFaults();
        var held = new NodeBench(faults: faults);
        var phone = held.Peer("192.0.2.10");
        held.Construct($"sip:far@{phone.Local}");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        held.Expect("sys.call.on_dial_completed");
        Change(phone, invite, "sendonly", 7);
        var gate = faults.HoldNext(StoreOperation.Append);
        held.KillAndRestart();
        AskFor(phone, invite, "sendrecv", 8);
        held.Runtime.Advance(50);
        phone.Rest().ShouldBeEmpty();
        ManualRuntime.Inline(gate.SetResult);
        Encoding.ASCII.GetString(phone.Response(200).Body.Span).ShouldContain("a=sendrecv");
        held.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_over_IPv6_stays_there()
    {
        var (call, phone, invite) = Up("fd00::10");
        _bench.KillAndRestart();
        var again = phone.AgreeOnReInvite();
        Encoding.ASCII.GetString(again.Body.Span).ShouldContain("c=IN IP6 ");
        again.Contact!.Uri.Host.ShouldBe(invite.Contact!.Uri.Host);
        State(call).ShouldBe("Idle");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Four_hundred_calls_of_one_far_end_are_told_in_turn_and_within_a_second()
    {
        for (var i = 0; i < 400; i++) Up();
        var phone = _bench.Peer("192.0.2.10");
        _bench.KillAndRestart(0);
        var told = new List<(long At, string CallId)>();
        for (var at = 0; at < 1_000; at += 20) told.AddRange(phone.Take("INVITE", 20).Select(request => ((long)at, request.CallId)));
        told.Count(static one => one.At < 20).ShouldBeInRange(1, 70, "a burst first");
        told.Where(static one => one.At < 700).Select(static one => one.CallId).Distinct().Count().ShouldBe(400);
        _bench.Server.CallCount.ShouldBe(400);
        _bench.Crashes.ShouldBeEmpty();
    }
}
