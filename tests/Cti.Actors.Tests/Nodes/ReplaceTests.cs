using System.Globalization;
using Cti.Actors.Instances;
using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>INVITEs that are to take the place of a call of ours (RFC 3891).</summary>
public sealed class ReplaceTests
{
    private static string Replaces(SipRequest invite, string more = "", string? callId = null, string? to = null, string from = "far") =>
        $"Replaces: {callId ?? invite.CallId};to-tag={to ?? invite.From.Tag};from-tag={from}{more}";

    private static void Invite(RawPeer peer, string headers, int number = 1) =>
        peer.Invite("100", $"Contact: <sip:carol@{peer.Local.Address}>\n{headers}", string.Create(CultureInfo.InvariantCulture, $"z9hG4bKr{number}"));

    internal static void Ack(RawPeer peer, SipResponse success) => peer.Send($"""
        ACK {success.Contact!.Uri} SIP/2.0
        Via: SIP/2.0/UDP {peer.Local};branch=z9hG4bKack
        Max-Forwards: 70
        From: {success.Get(HeaderId.From)}
        To: {success.Get(HeaderId.To)}
        Call-ID: {success.CallId}
        CSeq: 1 ACK
        """);

    [Fact]
    public void It_is_a_call_of_its_own_and_once_it_is_up_the_other_one_is_hung_up()
    {
        var bench = new NodeBench();
        var (call, far, invite) = bench.Up(10);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite) + "\nRequire: replaces\nReferred-By: <sip:boss@example.com>");
        var asked = bench.Expect("sys.call.on_replace");
        asked.GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
        asked.GetProperty("referred_by").GetString().ShouldBe("sip:boss@example.com");
        var own = asked.GetProperty("res_id").GetString()!;
        own.ShouldNotBe(call);
        own.Split('.')[2].ShouldBe(call.Split('.')[2], "in the same instance");
        carol.Response(180);
        bench.Ask("sys.call.answer", ("res_id", own), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = carol.Response(200);
        success.Supported.ShouldContain("replaces");
        far.Rest().ShouldBeEmpty("not before it is up");
        Ack(carol, success);
        bench.Expect("sys.call.on_answer_completed");
        far.Respond(far.Request("BYE"), 200);
        var released = bench.Expect("sys.call.on_released");
        (released.GetProperty("res_id").GetString(), released.GetProperty("dropped_by").GetString()).ShouldBe((call, "sys"));
        bench.Ask("sys.call.get", ("res_id", own)).Error.ShouldBeNull();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void By_default_it_is_refused_with_603_and_the_other_one_stays()
    {
        var bench = new NodeBench();
        var (call, far, invite) = bench.Up(10);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite));
        bench.Expect("sys.call.on_replace");
        carol.Response(603, 31_000);
        bench.Ask("sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        far.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void A_call_that_came_in_is_replaced_as_well()
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = phone.Response(200);
        var carol = bench.Peer("192.0.2.20");
        string replaces = $"Replaces: {success.CallId};to-tag={success.To.Tag};from-tag=caller";
        Invite(carol, replaces);
        carol.Response(481);
        Ack(phone, success);
        bench.Expect("sys.call.on_answer_completed");
        var dora = bench.Peer("192.0.2.30");
        Invite(dora, replaces);
        bench.Expect("sys.call.on_replace").GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
    }

    [Fact]
    public void What_is_not_exactly_a_dialog_of_ours_is_none()
    {
        var bench = new NodeBench();
        var (_, far, invite) = bench.Up(10);
        var tag = invite.From.Tag!;
        var almost = tag[..^1] + (tag[^1] == '0' ? '1' : '0');
        var number = 20;
        foreach (var (headers, status) in new[]
        {
            (Replaces(invite, callId: "x"), 481), (Replaces(invite, to: almost), 481), (Replaces(invite, from: "near"), 481),
            (Replaces(invite, to: "far", from: tag), 481),
            (Replaces(invite, to: tag.Replace("sys.call-", "sys.call-9", StringComparison.Ordinal)), 481), (Replaces(invite, ";early-only"), 486),
            (Replaces(invite) + "\n" + Replaces(invite), 400), ("Replaces: nonsense", 400),
        })
        {
            var carol = bench.Peer($"192.0.2.{number++}");
            Invite(carol, headers);
            carol.Response(status);
        }
        Should.Throw<InvalidOperationException>(() => bench.Expect("sys.call.on_replace", 100));
        Should.Throw<InvalidOperationException>(() => bench.Expect("sys.call.on_incoming", 100));
        far.SendInDialog(invite, "BYE", 7);
        bench.Expect("sys.call.on_released");
        var late = bench.Peer("192.0.2.99");
        Invite(late, Replaces(invite));
        late.Response(481);
        bench.Crashes.ShouldBeEmpty();
    }

    private static (string Call, RawPeer Far, SipRequest Invite) Ringing(NodeBench bench)
    {
        var far = bench.Peer("192.0.2.10");
        var call = bench.Construct("sip:10@192.0.2.10");
        var invite = far.Request("INVITE");
        far.Respond(invite, 180);
        bench.Expect("sys.call.on_ringing");
        return (call, far, invite);
    }

    [Theory]
    [InlineData("")]
    [InlineData(";early-only")]
    public void A_call_of_ours_that_still_rings_is_taken_by_somebody_else_and_cancelled(string more)
    {
        var bench = new NodeBench();
        var (call, far, invite) = Ringing(bench);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite, more));
        var asked = bench.Expect("sys.call.on_replace");
        asked.GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
        bench.Ask("sys.call.answer", ("res_id", asked.GetProperty("res_id").GetString()), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        var success = carol.Response(200);
        far.Rest().ShouldBeEmpty("not before it is up");
        Ack(carol, success);
        bench.Expect("sys.call.on_answer_completed");
        var cancel = far.Request("CANCEL");
        cancel.Get(HeaderId.Reason).ShouldBe("SIP;cause=200", "none that was missed there");
        far.Respond(cancel, 200);
        far.Respond(invite, 487);
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("message").GetString()!.ShouldContain("taken the place");
        bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(call);
        bench.Runtime.Advance(100);
        bench.Server.CallCount.ShouldBe(1);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Where_it_is_answered_before_it_is_taken_it_is_hung_up()
    {
        var bench = new NodeBench();
        var (call, far, invite) = Ringing(bench);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite));
        var own = bench.Expect("sys.call.on_replace").GetProperty("res_id").GetString();
        far.Respond(invite, 200, "Contact: <sip:10@192.0.2.10>\nContent-Type: application/sdp", far.Sdp());
        far.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        bench.Ask("sys.call.answer", ("res_id", own), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        Ack(carol, carol.Response(200));
        far.Request("BYE");
        bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(call);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void By_default_one_that_rings_goes_on_ringing_and_what_is_not_exactly_its_early_dialog_is_none()
    {
        var bench = new NodeBench();
        var (_, far, invite) = Ringing(bench);
        var (carol, dora) = (bench.Peer("192.0.2.20"), bench.Peer("192.0.2.30"));
        Invite(dora, Replaces(invite, from: "near"));
        dora.Response(481);
        Invite(carol, Replaces(invite));
        bench.Expect("sys.call.on_replace");
        carol.Response(603, 31_000);
        far.Rest().ShouldBeEmpty();
        far.Respond(invite, 200, "Contact: <sip:10@192.0.2.10>\nContent-Type: application/sdp", far.Sdp());
        far.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("")]
    [InlineData(";early-only")]
    public void A_call_that_came_in_and_still_rings_is_nobodys_to_replace(string more)
    {
        var bench = new NodeBench();
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        var ringing = phone.Response(180);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, $"Replaces: {ringing.CallId};to-tag={ringing.To.Tag};from-tag=caller{more}");
        carol.Response(481);
        phone.Rest().ShouldBeEmpty();
        bench.Ask("sys.call.get", ("res_id", call)).Error.ShouldBeNull();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_whose_BYE_is_on_its_way_is_declined()
    {
        var bench = new NodeBench();
        var (call, far, invite) = bench.Up(10);
        bench.Ask("sys.call.drop", ("res_id", call)).Error.ShouldBeNull();
        far.Request("BYE");
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite));
        carol.Response(603);
    }

    [Fact]
    public void Who_may_not_call_in_may_not_replace_either_and_whoever_may_need_not_be_routed()
    {
        Trunk[] trunks = [new() { Name = "carrier", Host = "192.0.2.10" }];
        var bench = new NodeBench(trunks, new InboundPolicy([new InboundRoute("900", "*", "carrier", "app")], false, "app", true));
        var phone = bench.Peer("192.0.2.10");
        var call = bench.Construct("sip:far@carrier");
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        var stranger = bench.Peer("192.0.2.66");
        Invite(stranger, Replaces(invite));
        stranger.Response(403);
        Invite(phone, Replaces(invite));
        bench.Expect("sys.call.on_replace").GetProperty("replaces_call_res_id").GetString().ShouldBe(call);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_killed_before_the_other_one_is_hung_up_does_that_afterwards()
    {
        var bench = new NodeBench();
        var (call, far, invite) = bench.Up(10);
        var carol = bench.Peer("192.0.2.20");
        Invite(carol, Replaces(invite));
        var own = bench.Expect("sys.call.on_replace").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", own), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        carol.Response(200);
        bench.KillAndRestart(200);
        Ack(carol, carol.Response(200));
        far.Request("BYE");
        bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(call);
        bench.Crashes.ShouldBeEmpty();
    }
}
