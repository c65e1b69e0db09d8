using Cti.Actors.Instances;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Testing;

namespace Cti.Actors.Tests.Nodes;

public sealed class InboundTests
{
    private static (NodeBench Bench, RawPeer Phone, string Call, SipResponse Ok) Answered(string more, string phone = "192.0.2.10",
        ScriptedStoreFaults? faults = null)
    {
        var bench = new NodeBench(faults: faults);
        var peer = bench.Peer(phone);
        peer.Invite("100", more);
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        peer.Response(180);
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var ok = peer.Response(200);
        peer.Send($"""
            ACK {ok.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bKack
            Max-Forwards: 70
            From: <sip:caller@{peer.Local.Address}>;tag=caller
            To: {ok.Get(HeaderId.To)}
            Call-ID: {ok.CallId}
            CSeq: 1 ACK
            """);
        bench.Expect("sys.call.on_answer_completed");
        return (bench, peer, call, ok);
    }

    [Fact]
    public void Our_BYE_goes_to_the_Contact_where_there_is_no_route()
    {
        var (bench, _, call, _) = Answered("Contact: <sip:caller@192.0.2.11:5070>");
        var elsewhere = bench.Peer("192.0.2.11", 5070);
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = elsewhere.Request("BYE");
        bye.Uri.ToString().ShouldBe("sip:caller@192.0.2.11:5070");
        elsewhere.Respond(bye, 200);
        bench.Expect("sys.call.on_released").GetProperty("cause").GetInt32().ShouldBe(603);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_far_end_that_hangs_up_while_the_release_is_being_stored_is_not_hung_up_again()
    {
        var faults = new ScriptedStoreFaults();
        var (bench, phone, call, ok) = Answered("Contact: <sip:caller@192.0.2.10>", faults: faults);
        var gate = faults.HoldNext(StoreOperation.Append);
        Task<RpcReply> dropped = null!;
        ManualRuntime.Inline(() => dropped = bench.AskLater("sys.call.drop", ("res_id", call)));
        bench.Runtime.Advance(50);
        phone.SendAsCaller(ok, "BYE", 2);
        phone.Response(200).CSeq.Method.ShouldBe("BYE");
        ManualRuntime.Inline(gate.SetResult);
        bench.Runtime.Advance(5_000);
        (await dropped.WaitAsync(TimeSpan.FromSeconds(5))).Error.ShouldBeNull();
        phone.Rest().ShouldBeEmpty();
        bench.Expect("sys.call.on_released").GetProperty("cause").GetInt32().ShouldBe(603);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Our_BYE_goes_to_the_recorded_route_with_the_Contact_as_its_target()
    {
        var (bench, proxy, call, _) = Answered("Record-Route: <sip:192.0.2.10;lr>\nContact: <sip:caller@192.0.2.99>");
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        var bye = proxy.Request("BYE");
        bye.Uri.ToString().ShouldBe("sip:caller@192.0.2.99");
        bye.Routes[0].Uri.Host.ShouldBe("192.0.2.10");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_private_Contact_behind_a_public_address_is_reached_by_the_way_it_came()
    {
        var (bench, nat, call, _) = Answered("Contact: <sip:caller@192.168.1.5:5060>");
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        nat.Request("BYE").Uri.Host.ShouldBe("192.168.1.5");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Hold_is_answered_once_the_change_is_durable_and_resumed_by_the_next_offer()
    {
        var (bench, phone, _, ok) = Answered("Contact: <sip:caller@192.0.2.10>");
        phone.SendAsCaller(ok, "INVITE", 2, "Content-Type: application/sdp", phone.Sdp("sendonly"));
        var held = phone.Response(200);
        System.Text.Encoding.ASCII.GetString(held.Body.Span).ShouldContain("a=recvonly");
        phone.SendAsCaller(ok, "ACK", 2);
        phone.SendAsCaller(ok, "INVITE", 3, "Content-Type: application/sdp", phone.Sdp());
        System.Text.Encoding.ASCII.GetString(phone.Response(200).Body.Span).ShouldContain("a=sendrecv");
        phone.SendAsCaller(ok, "ACK", 3);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Keys_come_by_INFO_and_a_body_of_another_type_is_refused()
    {
        var (bench, phone, call, ok) = Answered("Contact: <sip:caller@192.0.2.10>");
        bench.Ask("sys.call.receive_dtmf_start", ("res_id", call), ("max_keys", 2)).Error.ShouldBeNull();
        phone.SendAsCaller(ok, "INFO", 2, "Content-Type: application/dtmf-relay", "Signal=4\r\nDuration=160\r\n");
        phone.Response(200);
        phone.SendAsCaller(ok, "INFO", 3, "Content-Type: text/plain", "hello");
        phone.Response(415);
        phone.SendAsCaller(ok, "INFO", 4, "Content-Type: application/dtmf", "2");
        bench.Expect("sys.call.on_receive_dtmf_completed").GetProperty("keys").GetString().ShouldBe("42");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_request_with_a_guessed_tag_finds_nothing()
    {
        var (bench, phone, _, ok) = Answered("Contact: <sip:caller@192.0.2.10>");
        var tag = ok.To.Tag!;
        var guessed = tag[..^1] + (tag[^1] == '0' ? '1' : '0');
        phone.Send($"""
            BYE {ok.Contact!.Uri} SIP/2.0
            Via: SIP/2.0/UDP {phone.Local};branch=z9hG4bKguess
            Max-Forwards: 70
            From: <sip:caller@{phone.Local.Address}>;tag=caller
            To: <sip:100@10.0.0.100>;tag={guessed}
            Call-ID: {ok.CallId}
            CSeq: 2 BYE
            """);
        phone.Response(481);
        bench.Server.CallCount.ShouldBe(1);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Only_trunks_may_call_in_and_the_routes_pick_the_application()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.1" }],
            new InboundPolicy([new InboundRoute("49*", "*", "carrier", NodeBench.App), new InboundRoute("110", "*", null, "other")], false, "default", false));
        var carrier = bench.Peer("192.0.2.1");
        carrier.Invite("4930", "Contact: <sip:caller@192.0.2.1>");
        bench.Expect("sys.call.on_incoming").GetProperty("to_uri").GetString()!.ShouldStartWith("sip:4930@");
        carrier.Send("""
            INVITE sip:5555@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother
            Max-Forwards: 70
            From: <sip:caller@192.0.2.1>;tag=x
            To: <sip:5555@10.0.0.100>
            Call-ID: other
            CSeq: 1 INVITE
            Contact: <sip:caller@192.0.2.1>
            """);
        carrier.Response(404);
        var stranger = bench.Peer("192.0.2.66");
        stranger.Invite("4930", "Contact: <sip:caller@192.0.2.66>");
        stranger.Response(403);
        bench.Server.CallCount.ShouldBe(1);
    }

    [Fact]
    public void The_demo_is_reached_from_near_and_nothing_else_is()
    {
        var policy = new InboundPolicy([], false, "default", true);
        var bench = new NodeBench(inbound: policy);
        bench.Hub.Open("demo").ShouldNotBeNull();
        var near = bench.Peer("10.0.0.5");
        near.Invite("demo", "Contact: <sip:caller@10.0.0.5>");
        near.Response(180);
        var far = bench.Peer("198.51.100.7");
        far.Invite("demo", "Contact: <sip:caller@198.51.100.7>");
        far.Response(403);
        var other = bench.Peer("10.0.0.6");
        other.Invite("100", "Contact: <sip:caller@10.0.0.6>");
        other.Response(403);
    }

    [Fact]
    public void A_draining_node_takes_no_call_and_says_so_to_OPTIONS()
    {
        var bench = new NodeBench();
        bench.Server.Drain();
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        phone.Response(503);
        phone.Send("""
            OPTIONS sip:10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKopt
            Max-Forwards: 70
            From: <sip:probe@192.0.2.10>;tag=p
            To: <sip:10.0.0.100>
            Call-ID: probe
            CSeq: 1 OPTIONS
            """);
        phone.Response(503);
        bench.Ask("sys.call.construct", ("to_uri", "sip:1@192.0.2.10"), ("max_answer_seconds", 60)).Error!.Code.ShouldBe(ErrorCodes.Unavailable);
    }

    [Fact]
    public void Past_its_limit_of_calls_the_node_refuses_and_takes_again_when_one_ends()
    {
        var log = new CountedLog();
        var bench = new NodeBench(callsMax: 1, log: log);
        var first = bench.Peer("192.0.2.10");
        first.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        var second = bench.Peer("192.0.2.11");
        second.Invite("100", "Contact: <sip:caller@192.0.2.11>");
        second.Response(503);
        var error = bench.Ask("sys.call.construct", ("to_uri", "sip:1@192.0.2.10"), ("max_answer_seconds", 60)).Error.ShouldNotBeNull();
        (error.Code, error.Data!.ContainsKey("retry_after_ms"), error.Message.Contains("cti.node.calls-max", StringComparison.Ordinal))
            .ShouldBe((ErrorCodes.Unavailable, true, true));
        log.Count(LogEvents.CallsMaxReached).ShouldBe(2, "each is told to the log, which sums them up");
        bench.Server.CallsRefusedForMax.ShouldBe(2);
        LogEvents.CallsMaxReached.SummedAs.ShouldNotBeNull();
        bench.Ask("sys.call.reject", ("res_id", call), ("cause", 486)).Error.ShouldBeNull();
        first.Response(486);
        bench.Runtime.Advance(100);
        var third = bench.Peer("192.0.2.12");
        third.Invite("100", "Contact: <sip:caller@192.0.2.12>");
        third.Response(180);
        bench.Server.CallsRefusedForMax.ShouldBe(2);
    }

    [Fact]
    public void No_codec_in_common_is_488_and_no_application_is_bothered()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        phone.Send("""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKg729
            Max-Forwards: 70
            From: <sip:caller@192.0.2.10>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: g729
            CSeq: 1 INVITE
            Contact: <sip:caller@192.0.2.10>
            Content-Type: application/sdp
            """, "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\n");
        phone.Response(488);
        bench.Runtime.Advance(100);
        bench.Media.OpenSessions.ShouldBe(0);
        bench.Server.CallCount.ShouldBe(0);
        bench.Crashes.ShouldBeEmpty();
    }
}
