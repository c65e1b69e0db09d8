using System.Net;
using Cti.Actors.Instances;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Media;
using Cti.Persistence.Memory;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>What the media side is told of a far end beside its SDP.</summary>
public sealed class FarEndTests
{
    private static Trunk Carrier(LatchMode? latch = null, IdleSending? idle = null) =>
        new() { Name = "carrier", Host = "10.9.9.9", Latch = latch, Idle = idle };

    private static (MediaSessionOptions Options, FarEnd FarEnd) Told(NodeBench bench)
    {
        var (options, description) = bench.Media.CallSessions.ShouldHaveSingleItem();
        return (options, description.ShouldNotBeNull().FarEnd);
    }

    private static SipResponse Answer(NodeBench bench, RawPeer peer, string more = "")
    {
        peer.Invite("100", $"Contact: <sip:caller@{peer.Local}>\n{more}".Trim());
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180);
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        return peer.Response(200);
    }

    private static void Send(RawPeer peer, SipResponse ok, RawPeer dialog, string method = "ACK", int number = 1, string body = "") => peer.Send($"""
        {method} {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <sip:caller@{dialog.Local.Address}>;tag=caller
        To: {ok.Get(HeaderId.To)}
        Call-ID: {ok.CallId}
        CSeq: {number} {method}
        Contact: <sip:caller@{peer.Local}>
        {(body.Length > 0 ? "Content-Type: application/sdp" : "")}
        """.Trim(), body);

    [Fact]
    public void A_stranger_has_shown_itself_with_the_ACK_from_where_its_INVITE_came_and_not_before()
    {
        var bench = new NodeBench();
        var peer = bench.Peer("192.0.2.10");
        var ok = Answer(bench, peer);
        var (_, before) = Told(bench);
        before.Shown.ShouldBeNull();
        before.IsTrusted.ShouldBeFalse();
        Send(peer, ok, peer);
        var (_, after) = Told(bench);
        after.Shown.ShouldBe(IPAddress.Parse("192.0.2.10"));
        after.IsTrusted.ShouldBeFalse();
        after.Sources.ShouldBe([IPAddress.Parse("192.0.2.10")]);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_ACK_from_elsewhere_shows_nothing_until_a_request_comes_from_where_the_INVITE_did()
    {
        var bench = new NodeBench();
        var (peer, elsewhere) = (bench.Peer("192.0.2.10"), bench.Peer("198.51.100.5"));
        var ok = Answer(bench, peer);
        Send(elsewhere, ok, peer);
        bench.Expect("sys.call.on_answer_completed");
        var (_, farEnd) = Told(bench);
        farEnd.Shown.ShouldBeNull();
        Send(peer, ok, peer, "OPTIONS", 2);
        peer.Response(200).CSeq.Method.ShouldBe("OPTIONS");
        Told(bench).FarEnd.Shown.ShouldBe(IPAddress.Parse("192.0.2.10"));
    }

    [Fact]
    public void A_trunk_is_trusted_before_its_ACK_and_its_settings_go_before_those_of_all()
    {
        var bench = new NodeBench([Carrier(LatchMode.Nat, IdleSending.Silence)], new InboundPolicy([], false, NodeBench.App, false));
        var trunk = bench.Peer("10.9.9.9");
        Answer(bench, trunk);
        var (options, farEnd) = Told(bench);
        options.Idle.ShouldBe(IdleSending.Silence);
        farEnd.IsTrusted.ShouldBeTrue();
        farEnd.Latch.ShouldBe(LatchMode.Nat);
    }

    [Fact]
    public void Without_settings_of_a_trunk_those_of_all_hold()
    {
        var bench = new NodeBench();
        Answer(bench, bench.Peer("192.0.2.10"));
        var (options, farEnd) = Told(bench);
        options.Idle.ShouldBe(IdleSending.Keepalive);
        farEnd.Latch.ShouldBe(LatchMode.Strict);
    }

    [Fact]
    public void A_reinvite_from_a_new_place_adds_it_to_where_SIP_comes_from()
    {
        var bench = new NodeBench();
        var (peer, moved) = (bench.Peer("192.0.2.10"), bench.Peer("198.51.100.5"));
        var ok = Answer(bench, peer);
        Send(peer, ok, peer);
        Send(moved, ok, peer, "INVITE", 2, peer.Sdp());
        moved.Response(200);
        Told(bench).FarEnd.Sources.ShouldBe([IPAddress.Parse("192.0.2.10"), IPAddress.Parse("198.51.100.5")]);
        Told(bench).FarEnd.Shown.ShouldBe(IPAddress.Parse("192.0.2.10"));
    }

    [Theory]
    [InlineData("203.0.113.50", true)]
    [InlineData("192.168.1.50", false)]
    public void Behind_a_proxy_a_public_Contact_is_where_the_far_end_is_too(string contact, bool counts)
    {
        var bench = new NodeBench();
        var peer = bench.Peer("192.0.2.10");
        peer.Invite("100", $"Contact: <sip:caller@{contact}:5060>\nRecord-Route: <sip:192.0.2.10;lr>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        peer.Response(200);
        Told(bench).FarEnd.Sources.Contains(IPAddress.Parse(contact)).ShouldBe(counts);
    }

    [Fact]
    public void What_was_known_survives_a_takeover()
    {
        var bench = new NodeBench(disk: new MemoryDisk());
        var peer = bench.Peer("192.0.2.10");
        var ok = Answer(bench, peer);
        Send(peer, ok, peer);
        bench.Expect("sys.call.on_answer_completed");
        var known = Told(bench).FarEnd;
        bench.KillAndRestart();
        peer.Respond(peer.Request("INVITE"), 200, "Contact: <sip:caller@192.0.2.10>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        var (options, farEnd) = Told(bench);
        options.Idle.ShouldBe(IdleSending.Keepalive);
        farEnd.Shown.ShouldBe(known.Shown);
        farEnd.Sources.ShouldBe(known.Sources);
        farEnd.IsTrusted.ShouldBeFalse();
    }

    [Fact]
    public void A_takeover_before_the_ACK_shows_nothing()
    {
        var bench = new NodeBench(disk: new MemoryDisk());
        var peer = bench.Peer("192.0.2.10");
        Answer(bench, peer);
        bench.KillAndRestart();
        bench.Runtime.Advance(2_000);
        bench.Media.CallSessions.ShouldAllBe(session => session.Description == null || session.Description.FarEnd.Shown == null);
    }

    [Fact]
    public void Whom_an_application_calls_is_trusted()
    {
        var bench = new NodeBench();
        var peer = bench.Peer("192.0.2.10");
        bench.Ask("sys.call.construct", ("to_uri", "sip:100@192.0.2.10"), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        peer.Respond(peer.Request("INVITE"), 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp", peer.Sdp());
        peer.Request("ACK");
        var (_, farEnd) = Told(bench);
        farEnd.IsTrusted.ShouldBeTrue();
        farEnd.Sources.ShouldBe([IPAddress.Parse("192.0.2.10")]);
    }

    [Fact]
    public void A_busy_media_side_answers_503_that_says_why_and_when_to_come_again()
    {
        var bench = new NodeBench();
        bench.Media.IsBusy = true;
        var peer = bench.Peer("192.0.2.10");
        peer.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var refusal = peer.Response(503);
        refusal.Reason.ShouldBe($"No capacity: {MediaRefusal.OwnWork.Text()}");
        int.Parse(refusal.Get(HeaderId.RetryAfter)!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeInRange(2, 5);
        var error = bench.Ask("sys.call.construct", ("to_uri", "sip:100@192.0.2.10"), ("max_answer_seconds", 60)).Error.ShouldNotBeNull();
        error.Message.ShouldContain(MediaRefusal.OwnWork.Text());
        bench.Media.IsBusy = false;
        bench.Media.NoPort = true;
        bench.Ask("sys.call.construct", ("to_uri", "sip:100@192.0.2.10"), ("max_answer_seconds", 60)).Error.ShouldNotBeNull()
            .Message.ShouldContain(MediaRefusal.NoPort.Text());
    }
}
