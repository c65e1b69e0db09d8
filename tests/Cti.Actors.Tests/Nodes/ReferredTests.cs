using System.Text;
using System.Text.Json;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>REFERs of the far end's: the application decides, and says how it went.</summary>
public sealed class ReferredTests
{
    private readonly NodeBench _bench = new(heard: ["X-*"]);
    private readonly string _call;
    private readonly RawPeer _far;
    private readonly SipRequest _invite;

    public ReferredTests() => (_call, _far, _invite) = _bench.Up(10);

    private void Refer(uint number = 7, string more = "Refer-To: <sip:carol@example.com>\nReferred-By: <sip:boss@example.com>") =>
        _far.SendInDialog(_invite, "REFER", number, $"Contact: <sip:10@192.0.2.10>\n{more}");

    private void Ask(string method, params (string Name, object? Value)[] more) => _bench.Ask(method, [("res_id", _call), .. more]).Error.ShouldBeNull();

    private string Asked()
    {
        var asked = _bench.Expect("sys.call.on_refer");
        asked.GetProperty("res_id").GetString().ShouldBe(_call);
        return asked.GetProperty("to_uri").GetString()!;
    }

    private SipRequest Reported(string fragment, string state, int status = 200)
    {
        var notify = _far.Request("NOTIFY");
        (Encoding.ASCII.GetString(notify.Body.Span), notify.Get(HeaderId.SubscriptionState)!.Split(';')[0]).ShouldBe((fragment + "\r\n", state));
        notify.Get(HeaderId.ContentType).ShouldBe("message/sipfrag;version=2.0");
        _far.Respond(notify, status);
        return notify;
    }

    [Fact]
    public void It_is_accepted_and_reported_on_in_the_right_order()
    {
        Refer();
        var asked = _bench.Expect("sys.call.on_refer");
        (asked.GetProperty("to_uri").GetString(), asked.GetProperty("referred_by").GetString()).ShouldBe(("sip:carol@example.com", "sip:boss@example.com"));
        (asked.GetProperty("replaces").ValueKind, asked.GetProperty("replaces_call_res_id").ValueKind).ShouldBe((JsonValueKind.Null, JsonValueKind.Null));
        _far.Rest().ShouldBeEmpty("nobody has decided");
        Ask("sys.call.refer_accept");
        var accepted = _far.Response(202);
        accepted.Contact.ShouldNotBeNull();
        var first = Reported("SIP/2.0 100 Trying", "active");
        first.Get(HeaderId.Event).ShouldBe("refer;id=7");
        first.Contact.ShouldNotBeNull();
        Ask("sys.call.refer_notify", ("status", 180));
        Reported("SIP/2.0 180 Ringing", "active").CSeq.Number.ShouldBeGreaterThan(first.CSeq.Number);
        Ask("sys.call.refer_notify", ("status", 200));
        Reported("SIP/2.0 200 OK", "terminated").Get(HeaderId.SubscriptionState).ShouldBe("terminated;reason=noresource");
        _bench.Ask("sys.call.refer_notify", ("res_id", _call), ("status", 200)).Error!.Code.ShouldBe(409);
        Ask("sys.call.nop");
        Refer(8);
        Asked();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void By_default_it_is_refused_with_603_and_a_refusal_is_what_the_application_says()
    {
        Refer();
        Asked();
        _far.Response(603, 9_000);
        Refer(8);
        Asked();
        Ask("sys.call.refer_reject", ("cause", 486));
        _far.Response(486);
        _bench.Ask("sys.call.refer_accept", ("res_id", _call)).Error!.Code.ShouldBe(409);
        _far.Rest().ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("Refer-To: <sip:a@b.example>\nRefer-To: <sip:c@d.example>", 400)]
    [InlineData("Refer-To: <http://example.com>", 416)]
    [InlineData("Refer-To: <sip:a@b.example;method=MESSAGE>", 501)]
    [InlineData("Refer-To: <sip:a@b.example>\nRequire: unheard-of", 420)]
    public void What_cannot_be_done_asks_nobody(string headers, int status)
    {
        Refer(7, headers);
        _far.Response(status);
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
    }

    [Fact]
    public void A_repetition_asks_nobody_a_second_time_and_another_one_is_refused()
    {
        Refer();
        Asked();
        Refer();
        Refer(8);
        _far.Response(603).CSeq.Number.ShouldBe(8u);
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
        Ask("sys.call.refer_accept");
        _far.Response(202).CSeq.Number.ShouldBe(7u);
    }

    [Fact]
    public void Outside_of_a_dialog_it_is_refused_and_nothing_is_kept()
    {
        foreach (var (method, status) in new[] { ("REFER", 603), ("NOTIFY", 481) })
        {
            _far.Send($"""
                {method} sip:anyone@10.0.0.100 SIP/2.0
                Via: SIP/2.0/UDP {_far.Local};branch=z9hG4bK{method}
                Max-Forwards: 70
                From: <sip:x@y>;tag=1
                To: <sip:anyone@10.0.0.100>
                Call-ID: stranger{method}
                CSeq: 1 {method}
                Contact: <sip:10@192.0.2.10>
                Refer-To: <sip:carol@example.com>
                Event: refer
                Subscription-State: active
                """);
            _far.Response(status);
        }
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
        _far.SendInDialog(_invite, "NOTIFY", 7, "Event: refer\nSubscription-State: active", "SIP/2.0 200 OK\r\n");
        _far.Response(481);
    }

    [Fact]
    public void Who_wants_no_reports_gets_none()
    {
        Refer(7, "Refer-To: <sip:carol@example.com>\nRefer-Sub: false\nSupported: norefersub");
        Asked();
        Ask("sys.call.refer_accept");
        _far.Response(202).Get("Refer-Sub").ShouldBe("false");
        Ask("sys.call.refer_notify", ("status", 180));
        Ask("sys.call.refer_notify", ("status", 200));
        _far.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void Who_does_not_know_the_reports_gets_no_more()
    {
        Refer();
        Asked();
        Ask("sys.call.refer_accept");
        _far.Response(202);
        Reported("SIP/2.0 100 Trying", "active", 481);
        _bench.Runtime.Advance(20);
        Ask("sys.call.refer_notify", ("status", 180));
        Ask("sys.call.refer_notify", ("status", 200));
        _far.Rest().ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_hang_up_of_ours_ends_the_reports_first_and_so_does_silence_of_the_application()
    {
        Refer();
        Asked();
        Ask("sys.call.refer_accept");
        _far.Response(202);
        Reported("SIP/2.0 100 Trying", "active");
        Ask("sys.call.drop");
        Reported("SIP/2.0 100 Trying", "terminated");
        _far.Respond(_far.Request("BYE"), 200);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_application_that_forgets_it_is_not_waited_for_without_end()
    {
        var (call, far, invite) = _bench.Up(20);
        far.SendInDialog(invite, "REFER", 7, "Refer-To: <sip:carol@example.com>");
        _bench.Expect("sys.call.on_refer");
        _bench.Ask("sys.call.refer_accept", ("res_id", call)).Error.ShouldBeNull();
        far.Respond(far.Request("NOTIFY"), 200);
        // The call's own limit comes before: 60 s.
        _bench.Expect("sys.call.on_released", 70_000);
        far.Request("NOTIFY").Get(HeaderId.SubscriptionState).ShouldBe("terminated;reason=noresource");
    }

    [Fact]
    public void A_far_end_that_hangs_up_after_its_202_hears_no_more()
    {
        Refer();
        Asked();
        Ask("sys.call.refer_accept");
        _far.Response(202);
        Reported("SIP/2.0 100 Trying", "active");
        _far.SendInDialog(_invite, "BYE", 8);
        _far.Response(200);
        _bench.Expect("sys.call.on_released");
        _bench.Ask("sys.call.refer_notify", ("res_id", _call), ("status", 200)).Error!.Code.ShouldBe(404);
        _far.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void Hanging_up_while_it_waits_answers_it()
    {
        Refer();
        Asked();
        _far.SendInDialog(_invite, "BYE", 8);
        _far.Response(603).CSeq.Method.ShouldBe("REFER");
        _bench.Expect("sys.call.on_released");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void The_call_of_ours_that_it_names_is_told_where_it_is_that()
    {
        var (other, _, second) = _bench.Up(20);
        var replaces = $"{second.CallId}%3Bto-tag%3D{second.From.Tag}%3Bfrom-tag%3D";
        Refer(7, $"Refer-To: <sip:20@192.0.2.20?Replaces={replaces}far>");
        var asked = _bench.Expect("sys.call.on_refer");
        asked.GetProperty("replaces_call_res_id").GetString().ShouldBe(other);
        asked.GetProperty("replaces").GetString().ShouldBe($"{second.CallId};to-tag={second.From.Tag};from-tag=far");
        Ask("sys.call.refer_reject");
        Refer(8, $"Refer-To: <sip:20@192.0.2.20?Replaces={replaces}near>");
        asked = _bench.Expect("sys.call.on_refer");
        asked.GetProperty("replaces_call_res_id").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public void Where_no_application_listens_it_is_refused_at_once()
    {
        NodeBench.Done(_bench.Feed.DisposeAsync());
        _bench.Runtime.Advance(6_000);
        Refer();
        _far.Response(603, 100);
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
    }

    [Fact]
    public void The_application_calls_in_the_place_that_it_was_told_of()
    {
        var carol = _bench.Peer("192.0.2.30");
        var headers = new Dictionary<string, string> { ["Replaces"] = "c@d;to-tag=a;from-tag=b", ["Referred-By"] = "<sip:10@192.0.2.10>" };
        _bench.Construct("sip:carol@192.0.2.30", ("headers", headers));
        var invite = carol.Request("INVITE");
        (invite.Get(HeaderId.Replaces), invite.Get(HeaderId.ReferredBy)).ShouldBe(("c@d;to-tag=a;from-tag=b", "<sip:10@192.0.2.10>"));
    }

    [Fact]
    public void A_node_killed_between_its_202_and_the_first_report_sends_that()
    {
        Refer();
        Asked();
        Ask("sys.call.refer_accept");
        _far.Response(202);
        _far.Rest();
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        Reported("SIP/2.0 100 Trying", "active").Get(HeaderId.Event).ShouldBe("refer;id=7");
        // It did not hear the 202: it asks again, and is answered the same.
        Refer();
        _far.Response(202);
        Ask("sys.call.refer_notify", ("status", 200));
        Reported("SIP/2.0 200 OK", "terminated");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_node_killed_before_the_application_answers_knows_the_repetition()
    {
        Refer();
        Asked();
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        Refer();
        Ask("sys.call.refer_accept");
        _far.Response(202);
        Reported("SIP/2.0 100 Trying", "active");
        Should.Throw<InvalidOperationException>(() => _bench.Expect("sys.call.on_refer", 100));
    }

    [Fact]
    public void A_node_killed_before_the_last_report_is_answered_sends_it_again()
    {
        Refer();
        Asked();
        Ask("sys.call.refer_accept");
        Reported("SIP/2.0 100 Trying", "active");
        Ask("sys.call.refer_notify", ("status", 486));
        _far.Request("NOTIFY");
        _bench.KillAndRestart(300);
        var first = _far.AgreeOnReInvite();
        Reported("SIP/2.0 486 Busy Here", "terminated").CSeq.Number.ShouldBeGreaterThan(first.CSeq.Number);
        _bench.KillAndRestart(300);
        _far.AgreeOnReInvite();
        _far.Hears("NOTIFY", 1000).ShouldBeFalse("that was answered");
        _bench.Crashes.ShouldBeEmpty();
    }
}
