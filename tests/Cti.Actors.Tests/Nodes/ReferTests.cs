using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>REFERs of ours, with far ends that do as they please.</summary>
public sealed class ReferTests
{
    private const string Active = "Event: refer\nSubscription-State: active;expires=60\nContent-Type: message/sipfrag";
    private const string Over = "Event: refer\nSubscription-State: terminated;reason=noresource\nContent-Type: message/sipfrag";

    private readonly NodeBench _bench = new(heard: ["X-*"]);
    private readonly string _call;
    private readonly RawPeer _far;
    private readonly SipRequest _invite;

    public ReferTests() => (_call, _far, _invite) = _bench.Up(10);

    private SipRequest Refer(params (string Name, object? Value)[] more)
    {
        _bench.Ask("sys.call.refer", [("res_id", _call), ("to_uri", "carol@example.com"), .. more]).Error.ShouldBeNull();
        return _far.Request("REFER");
    }

    private void Report(uint number, string headers, string fragment, int answer = 200)
    {
        _far.SendInDialog(_invite, "NOTIFY", number, headers, fragment);
        _far.Response(answer).CSeq.ShouldBe(new CSeqValue(number, "NOTIFY"));
    }

    private void Completes(int? error, int? status)
    {
        var completed = _bench.Expect("sys.call.on_refer_completed", 60_000);
        completed.GetProperty("res_id").GetString().ShouldBe(_call);
        Number(completed, "status").ShouldBe(status);
        (completed.GetProperty("error") is { ValueKind: JsonValueKind.Object } told ? Number(told, "code") : null).ShouldBe(error, completed.ToString());
        _bench.Crashes.ShouldBeEmpty();
    }

    private static int? Number(JsonElement json, string name) =>
        json.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null;

    [Fact]
    public void A_blind_transfer_is_told_from_step_to_step_and_the_call_stays()
    {
        var refer = Refer(("headers", new Dictionary<string, string> { ["X-Why"] = "lunch" }));
        (refer.Get(HeaderId.ReferTo), refer.Get("X-Why"), refer.Get("Refer-Sub")).ShouldBe(("<sip:carol@example.com>", "lunch", null));
        refer.Get(HeaderId.ReferredBy).ShouldNotBeNull();
        refer.Contact.ShouldNotBeNull().Uri.User.ShouldBe(refer.From.Tag);
        _far.Respond(refer, 202);
        Report(7, Active, "SIP/2.0 100 Trying\r\n");
        _bench.Expect("sys.call.on_refer_progress").GetProperty("status").GetInt32().ShouldBe(100);
        Report(8, $"Event: refer;id={refer.CSeq.Number}\nSubscription-State: active;expires=50\nContent-Type: message/sipfrag", "SIP/2.0 180 Ringing\r\n");
        _bench.Expect("sys.call.on_refer_progress").GetProperty("reason").GetString().ShouldBe("Ringing");
        Report(9, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
        _bench.Ask("sys.call.get", ("res_id", _call)).Error.ShouldBeNull();
        Report(10, Over, "SIP/2.0 200 OK\r\n", 481);
    }

    [Theory]
    [InlineData(405)]
    [InlineData(481)]
    [InlineData(500)]
    [InlineData(603)]
    public void A_refusal_is_told_and_the_call_stays(int status)
    {
        _far.Respond(Refer(), status);
        Completes(status, null);
        _far.Rest().ShouldBeEmpty();
        _bench.Ask("sys.call.drop", ("res_id", _call)).Error.ShouldBeNull();
        _far.Request("BYE");
    }

    [Fact]
    public void A_far_end_that_is_asked_to_report_nothing_may_do_so_and_may_not()
    {
        var refer = Refer(("reports", false));
        (refer.Get("Refer-Sub"), refer.Supported.Contains("norefersub")).ShouldBe(("false", true));
        _far.Respond(refer, 200, "Refer-Sub: false");
        Completes(null, 200);
        _far.Respond(Refer(("reports", false)), 202);
        Report(7, Over, "SIP/2.0 486 Busy Here\r\n");
        Completes(486, 486);
    }

    [Fact]
    public void A_far_end_that_never_answers_is_not_waited_for_without_end()
    {
        Refer();
        Completes(408, null);
    }

    [Fact]
    public void A_far_end_that_never_reports_is_not_waited_for_without_end()
    {
        _far.Respond(Refer(), 202);
        Completes(408, null);
        Refer();
    }

    [Fact]
    public void Reports_that_end_with_nothing_said_are_an_error_and_so_are_those_that_cannot_be_read()
    {
        _far.Respond(Refer(), 202);
        Report(7, Active, "SIP/2.0 100 Trying\r\n");
        Report(8, "Event: refer\nSubscription-State: terminated;reason=noresource", "");
        Completes(487, 100);
        _far.Respond(Refer(), 202);
        Report(9, Over, "nonsense");
        Completes(487, null);
    }

    [Fact]
    public void A_far_end_that_hangs_up_after_its_202_has_gone()
    {
        _far.Respond(Refer(), 202);
        _far.SendInDialog(_invite, "BYE", 7);
        Completes(null, null);
        _bench.Expect("sys.call.on_released").GetProperty("dropped_by").GetString().ShouldBe("usr");
        Report(8, Over, "SIP/2.0 200 OK\r\n", 481);
    }

    [Fact]
    public void A_report_may_come_before_the_202_and_answer_for_it()
    {
        var refer = Refer();
        Report(7, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
        _far.Respond(refer, 202);
        _far.Rest().ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Reports_of_something_else_are_refused()
    {
        var refer = Refer();
        Report(7, $"Event: refer;id={refer.CSeq.Number + 1}\nSubscription-State: active\nContent-Type: message/sipfrag", "SIP/2.0 180 Ringing\r\n", 481);
        _far.Respond(refer, 202);
        Report(8, $"Event: refer;id={refer.CSeq.Number + 1}\nSubscription-State: active\nContent-Type: message/sipfrag", "SIP/2.0 180 Ringing\r\n", 481);
        Report(9, "Event: message-summary\nSubscription-State: active", "", 489);
        Report(10, "Event: refer\nSubscription-State: active\nRequire: unheard-of", "", 420);
        Report(11, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
    }

    [Fact]
    public void A_flood_of_reports_tells_only_so_much()
    {
        _far.Respond(Refer(), 202);
        for (var i = 0; i < 60; i++) Report((uint)(7 + i), Active, $"SIP/2.0 18{i % 2} Again\r\n");
        var told = 0;
        _bench.Heard = (_, _) => told++;
        Report(100, Over, "SIP/2.0 200 OK\r\n");
        for (var i = 0; i < Kernel.Limits.ReferReportsMax; i++) _bench.Expect("sys.call.on_refer_progress");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer_progress", 100));
        told.ShouldBe(1);
    }

    [Fact]
    public void A_password_is_given_to_who_asks_for_it()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.10", User = "u", Password = "p" }]);
        var phone = bench.Peer("192.0.2.10");
        var call = bench.Construct("sip:far@carrier");
        phone.Respond(phone.Request("INVITE"), 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Ask("sys.call.refer", ("res_id", call), ("to_uri", "carol@example.com")).Error.ShouldBeNull();
        var first = phone.Request("REFER");
        phone.Respond(first, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5");
        var again = phone.Request("REFER");
        (again.Has(HeaderId.Authorization), again.Get(HeaderId.ReferTo), again.CSeq.Number).ShouldBe((true, "<sip:carol@example.com>", first.CSeq.Number + 1));
        phone.Respond(again, 202);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_attended_transfer_names_the_other_calls_dialog_as_its_far_end_knows_it()
    {
        var (other, carol, invite) = _bench.Up(20);
        _bench.Ask("sys.call.refer", ("res_id", _call), ("replaces_call_res_id", other)).Error.ShouldBeNull();
        var refer = _far.Request("REFER");
        SipUri.Unescape(refer.Get(HeaderId.ReferTo)!).ShouldBe($"<sip:20@192.0.2.20?Replaces={invite.CallId};to-tag=far;from-tag={invite.From.Tag}>");
        _far.Respond(refer, 202);
        Report(7, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
        carol.SendInDialog(invite, "BYE", 7);
        _bench.Expect("sys.call.on_released").GetProperty("res_id").GetString().ShouldBe(other);
    }

    [Fact]
    public void A_call_that_is_not_there_not_up_or_not_the_applications_own_is_refused()
    {
        _bench.Ask("sys.call.refer", ("res_id", _call), ("replaces_call_res_id", "0.0.1-sys.call-999")).Error!.Code.ShouldBe(404);
        _bench.Ask("sys.call.refer", ("res_id", _call)).Error!.Code.ShouldBe(-32602);
        _bench.Peer("192.0.2.30");
        var ringing = _bench.Construct("sip:x@192.0.2.30");
        _bench.Ask("sys.call.refer", ("res_id", ringing), ("to_uri", "x@y")).Error!.Code.ShouldBe(409);
        _bench.Ask("sys.call.refer", ("res_id", _call), ("to_uri", "carol@example.com"), ("replaces_call_res_id", ringing)).Error.ShouldBeNull();
        Completes(409, null);
        _far.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void A_node_killed_after_the_202_hears_the_reports_all_the_same()
    {
        var refer = Refer();
        _far.Respond(refer, 202);
        _bench.Runtime.Advance(20);
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        Report(7, $"Event: refer;id={refer.CSeq.Number}\nSubscription-State: active\nContent-Type: message/sipfrag", "SIP/2.0 180 Ringing\r\n");
        _bench.Expect("sys.call.on_refer_progress");
        Report(8, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
        _far.Rest().ShouldNotContain("REFER", "nothing is asked for twice");
    }

    [Fact]
    public void A_node_killed_before_the_202_does_not_ask_again_and_believes_a_report()
    {
        Refer();
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        _far.Hears("REFER", 2000).ShouldBeFalse();
        Report(7, Over, "SIP/2.0 200 OK\r\n");
        Completes(null, 200);
        Refer();
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        Completes(408, null);
    }
}
