using System.Net;
using System.Text;
using Cti.Actors.Instances;
using Cti.Actors.SipNode;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Session descriptions that name a host (RFC 8866 section 5.7): looked up once an offer, for those who may call, within a bound on time.</summary>
public sealed class HostNameTests
{
    private static readonly IPAddress Media = IPAddress.Parse("198.51.100.9");

    private readonly NodeBench _bench;
    private readonly RawPeer _phone;

    public HostNameTests()
    {
        _bench = new NodeBench();
        _phone = _bench.Peer("192.0.2.10");
        _bench.Resolver.Hosts["media.example"] = [Media];
    }

    private static string Named(RawPeer peer, string host = "media.example", string type = "IP4") =>
        peer.Sdp().Replace($"c=IN IP4 {peer.Local.Address}", $"c=IN {type} {host}", StringComparison.Ordinal);

    private void Invite(string body, string branch = "z9hG4bK1") => _phone.Send($"""
        INVITE sip:100@10.0.0.100 SIP/2.0
        Via: SIP/2.0/UDP {_phone.Local};branch={branch}
        Max-Forwards: 70
        From: <sip:caller@192.0.2.10>;tag=caller
        To: <sip:100@10.0.0.100>
        Call-ID: call-1
        CSeq: 1 INVITE
        Contact: <sip:caller@192.0.2.10>
        {(body.Length == 0 ? "" : "Content-Type: application/sdp")}
        """.Trim(), body);

    private void InDialog(SipResponse ok, string method, int number, string body = "") => _phone.Send($"""
        {method} {ok.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {_phone.Local};branch=z9hG4bK{method}{number}
        Max-Forwards: 70
        From: <sip:caller@192.0.2.10>;tag=caller
        To: {ok.Get(HeaderId.To)}
        Call-ID: call-1
        CSeq: {number} {method}
        Contact: <sip:caller@192.0.2.10>
        {(body.Length == 0 ? "" : "Content-Type: application/sdp")}
        """.Trim(), body);

    private (string Call, SipResponse Ok) Answer()
    {
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        return (call, _phone.Response(200));
    }

    private void Open()
    {
        _bench.Resolver.AnswerHosts();
        _bench.Runtime.Advance(20);
    }

    [Fact]
    public void The_named_host_is_where_sound_goes()
    {
        Invite(Named(_phone));
        var (_, ok) = Answer();
        InDialog(ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        _bench.Media.Described.ShouldHaveSingleItem().Remote.ShouldBe(new IPEndPoint(Media, 40000));
        _bench.Resolver.Asked.ShouldBe(["media.example"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("unknown.example")]
    [InlineData("local.example")]
    [InlineData("link.example")]
    [InlineData("group.example")]
    [InlineData("nowhere.example")]
    public void A_name_that_leads_nowhere_a_caller_may_name_is_refused_with_its_reason(string host)
    {
        _bench.Resolver.Hosts["local.example"] = [IPAddress.Loopback];
        _bench.Resolver.Hosts["link.example"] = [IPAddress.Parse("169.254.169.254"), IPAddress.Parse("fe80::1"), IPAddress.Parse("::ffff:127.0.0.1")];
        _bench.Resolver.Hosts["group.example"] = [IPAddress.Parse("224.0.1.1"), IPAddress.Parse("ff02::1")];
        _bench.Resolver.Hosts["nowhere.example"] = [IPAddress.Any, IPAddress.IPv6Any, IPAddress.Broadcast];
        Invite(Named(_phone, host));
        var refusal = _phone.Response(488);
        refusal.Get(HeaderId.Warning).ShouldBe("301 cti \"Incompatible network address formats\"");
        _bench.Runtime.Advance(100);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Media.OpenSessions.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_resolver_that_does_not_answer_costs_two_seconds_and_then_488()
    {
        _bench.Resolver.HoldHosts();
        Invite(Named(_phone));
        _phone.Rest().ShouldNotContain("488");
        _bench.Runtime.Advance(Limits.SdpHostMillisMax - 300);
        _phone.Rest().ShouldNotContain("488");
        _bench.Runtime.Advance(200);
        _phone.Response(488);
        Open();
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_who_gives_up_meanwhile_gets_487_and_no_call_comes_of_it()
    {
        _bench.Resolver.HoldHosts();
        Invite(Named(_phone));
        _phone.Send($"""
            CANCEL sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {_phone.Local};branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@192.0.2.10>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: call-1
            CSeq: 1 CANCEL
            """);
        _phone.Response(200).CSeq.Method.ShouldBe("CANCEL");
        _phone.Response(487);
        Open();
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_same_INVITE_by_another_path_meanwhile_is_the_one_that_is_answered()
    {
        _bench.Resolver.HoldHosts();
        Invite(Named(_phone));
        Invite(Named(_phone), "z9hG4bK2");
        _phone.Response(482).TopVia.Branch.ShouldBe("z9hG4bK1");
        Open();
        var (_, ok) = Answer();
        ok.TopVia.Branch.ShouldBe("z9hG4bK2");
        _bench.Resolver.Asked.ShouldBe(["media.example"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_that_was_looked_up_for_too_long_finds_the_node_full()
    {
        var full = new NodeBench(callsMax: 1);
        full.Resolver.Hosts["media.example"] = [Media];
        full.Resolver.HoldHosts();
        var (first, second) = (full.Peer("192.0.2.10"), full.Peer("192.0.2.11"));
        foreach (var peer in (RawPeer[])[first, second])
        {
            peer.Send($"""
                INVITE sip:100@10.0.0.100 SIP/2.0
                Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bK1
                Max-Forwards: 70
                From: <sip:caller@{peer.Local.Address}>;tag=caller
                To: <sip:100@10.0.0.100>
                Call-ID: call-{peer.Local.Address}
                CSeq: 1 INVITE
                Contact: <sip:caller@{peer.Local}>
                Content-Type: application/sdp
                """, Named(peer));
        }
        full.Resolver.AnswerHosts();
        full.Runtime.Advance(20);
        string.Join(' ', first.Rest()).ShouldContain("180");
        string.Join(' ', second.Rest()).ShouldContain("503");
        full.Server.CallCount.ShouldBe(1);
        full.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_stranger_causes_no_look_up()
    {
        var closed = new NodeBench(inbound: new InboundPolicy([], false, NodeBench.App, false));
        closed.Peer("192.0.2.10").Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var peer = closed.Peer("192.0.2.66");
        peer.Send($"""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@192.0.2.66>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: stranger
            CSeq: 1 INVITE
            Contact: <sip:caller@192.0.2.66>
            Content-Type: application/sdp
            """, Named(peer));
        peer.Response(403);
        closed.Resolver.Asked.ShouldBeEmpty();
    }

    [Fact]
    public void The_answer_to_our_offer_may_name_a_host_and_is_looked_up_once()
    {
        _bench.Resolver.HoldHosts();
        _bench.Construct("sip:far@192.0.2.10");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 183, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp", Named(_phone));
        _phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp", Named(_phone));
        _bench.Runtime.Advance(500);
        _phone.Rest().ShouldBeEmpty();
        Open();
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        _phone.Request("ACK");
        _bench.Media.Described.ShouldHaveSingleItem().Remote.ShouldBe(new IPEndPoint(Media, 40000));
        _bench.Resolver.Asked.ShouldBe(["media.example"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_whose_host_is_unknown_ends_the_dialling_as_one_that_cannot_be_used()
    {
        _bench.Construct("sip:far@192.0.2.10");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp", Named(_phone, "unknown.example"));
        _phone.Request("ACK");
        _phone.Respond(_phone.Request("BYE"), 200);
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(488);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_behind_an_answer_that_waits_ends_the_call_after_it()
    {
        _bench.Resolver.HoldHosts();
        _bench.Construct("sip:far@192.0.2.10");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 200, "Contact: <sip:far@192.0.2.10>\nContent-Type: application/sdp", Named(_phone));
        _phone.SendInDialog(invite, "BYE", 2);
        Open();
        _phone.Request("ACK");
        _phone.Response(200).CSeq.Method.ShouldBe("BYE");
        _bench.Expect("sys.call.on_released");
        _bench.Runtime.Advance(1_000);
        _bench.Server.CallCount.ShouldBe(0);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_re_INVITE_may_name_another_host_and_a_BYE_does_not_wait_for_it()
    {
        _bench.Resolver.Hosts["other.example"] = [IPAddress.Parse("198.51.100.10")];
        Invite(Named(_phone));
        var (_, ok) = Answer();
        InDialog(ok, "ACK", 1);
        InDialog(ok, "INVITE", 2, Named(_phone, "other.example"));
        _phone.Response(200);
        InDialog(ok, "ACK", 2);
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(IPAddress.Parse("198.51.100.10"));
        InDialog(ok, "INVITE", 3, Named(_phone, "unknown.example"));
        _phone.Response(488);
        InDialog(ok, "ACK", 3);
        _bench.Resolver.HoldHosts();
        InDialog(ok, "INVITE", 4, Named(_phone, "slow.example"));
        InDialog(ok, "BYE", 5);
        _phone.Response(200).CSeq.Method.ShouldBe("BYE");
        Open();
        _bench.Expect("sys.call.on_released");
        _bench.Resolver.Asked.ShouldBe(["media.example", "other.example", "unknown.example", "slow.example"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_answer_in_an_ACK_may_name_a_host()
    {
        Invite("");
        var (_, ok) = Answer();
        InDialog(ok, "ACK", 1, Named(_phone));
        _bench.Expect("sys.call.on_answer_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(Media);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_new_owner_of_an_unanswered_call_need_not_ask_again()
    {
        Invite(Named(_phone));
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _bench.KillAndRestart();
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        InDialog(_phone.Response(200), "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(Media);
        _bench.Resolver.Asked.ShouldBe(["media.example"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("IP4", "198.51.100.9")]
    [InlineData("IP6", "2001:db8::9")]
    public void The_family_is_that_of_the_line_where_the_host_has_both(string type, string address)
    {
        _bench.Resolver.Hosts["both.example"] = [IPAddress.Parse("2001:db8::9"), Media];
        Invite(Named(_phone, "both.example", type));
        var (_, ok) = Answer();
        Encoding.ASCII.GetString(ok.Body.Span).ShouldContain($"c=IN {type} ");
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(IPAddress.Parse(address));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_other_family_will_do_where_the_node_has_only_that()
    {
        _bench.Media.Families = (true, false);
        _bench.Resolver.Hosts["both.example"] = [IPAddress.Parse("2001:db8::9"), Media];
        Invite(Named(_phone, "both.example", "IP6"));
        Answer();
        _bench.Media.Described.ShouldHaveSingleItem().Remote.Address.ShouldBe(Media);
        _bench.Crashes.ShouldBeEmpty();
    }
}
