using System.Text;
using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Requests of ours that arrive after a later one, as they may behind a proxy: the far end refuses them for their number.</summary>
public sealed class OvertakenRequestTests
{
    private readonly NodeBench _bench = new([new Trunk { Name = "carrier", Host = "192.0.2.10", Dtmf = TrunkDtmf.Info }]);
    private readonly string _call;
    private readonly RawPeer _far;
    private readonly SipRequest _invite;

    public OvertakenRequestTests()
    {
        _far = _bench.Peer("192.0.2.10");
        _call = _bench.Construct("sip:100@carrier");
        _invite = _far.Request("INVITE");
        _far.Respond(_invite, 200, "Contact: <sip:100@192.0.2.10>\nContent-Type: application/sdp", _far.Sdp());
        _far.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
    }

    private void Ask(string method, params (string Name, object? Value)[] more) => _bench.Ask(method, [("res_id", _call), .. more]).Error.ShouldBeNull();

    private static string Key(SipRequest info) => Encoding.ASCII.GetString(info.Body.Span).Split('\r')[0];

    private static string Fragment(SipRequest notify) => Encoding.ASCII.GetString(notify.Body.Span).TrimEnd();

    /// <summary>The far end asks for a transfer that is accepted; its first report is not answered yet.</summary>
    private SipRequest Accepted()
    {
        _far.SendInDialog(_invite, "REFER", 7, "Contact: <sip:100@192.0.2.10>\nRefer-To: <sip:carol@example.com>");
        _bench.Expect("sys.call.on_refer");
        Ask("sys.call.refer_accept");
        _far.Response(202);
        return _far.Request("NOTIFY");
    }

    [Fact]
    public void They_go_out_again_with_a_number_of_their_own()
    {
        var first = Accepted();
        Ask("sys.call.send_dtmf_start", ("keys", "12"));
        var key = _far.Request("INFO");
        key.CSeq.Number.ShouldBeGreaterThan(first.CSeq.Number);
        _far.Respond(first, 500);
        var again = _far.Request("NOTIFY");
        again.CSeq.Number.ShouldBeGreaterThan(key.CSeq.Number);
        Fragment(again).ShouldBe("SIP/2.0 100 Trying");
        _far.Respond(again, 200);
        _far.Respond(key, 500);
        var keyAgain = _far.Request("INFO");
        Key(keyAgain).ShouldBe("Signal=1");
        _far.Respond(keyAgain, 200);
        var second = _far.Request("INFO");
        Key(second).ShouldBe("Signal=2");
        _far.Respond(second, 200);
        _bench.Expect("sys.call.on_send_dtmf_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        _far.Rest().ShouldBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_refuses_everything_so_is_not_asked_for_ever()
    {
        var report = Accepted();
        Ask("sys.call.send_dtmf_start", ("keys", "1"));
        var key = _far.Request("INFO");
        for (var i = 0; i < 2; i++)
        {
            _far.Respond(report, 500);
            report = _far.Request("NOTIFY");
            _far.Respond(key, 500);
            key = _far.Request("INFO");
        }
        _far.Respond(report, 500);
        _far.Respond(key, 500);
        _bench.Expect("sys.call.on_send_dtmf_completed").GetProperty("error").ValueKind.ShouldNotBe(JsonValueKind.Null);
        _far.Rest().ShouldBeEmpty();
        Ask("sys.call.nop");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_refusal_that_no_later_one_explains_is_one()
    {
        Ask("sys.call.send_dtmf_start", ("keys", "1"));
        _far.Respond(_far.Request("INFO"), 500);
        _bench.Expect("sys.call.on_send_dtmf_completed").GetProperty("error").ValueKind.ShouldNotBe(JsonValueKind.Null);
        _far.Rest().ShouldBeEmpty();
    }

    [Fact]
    public void Reports_wait_for_each_other_and_the_newest_tells_what_those_before_it_did()
    {
        var first = Accepted();
        foreach (var status in (int[])[180, 183, 200]) Ask("sys.call.refer_notify", ("status", status));
        _far.Take("NOTIFY", 300).ShouldAllBe(notify => notify.CSeq.Number == first.CSeq.Number, "the first is not answered");
        _far.Respond(first, 200);
        var last = _far.Request("NOTIFY");
        (Fragment(last), last.Get(HeaderId.SubscriptionState)).ShouldBe(("SIP/2.0 200 OK", "terminated;reason=noresource"));
        _far.Respond(last, 200);
        _far.Rest().ShouldBeEmpty();
        Ask("sys.call.nop");
    }

    [Fact]
    public void A_last_report_that_waits_goes_out_before_the_BYE_too()
    {
        var first = Accepted();
        Ask("sys.call.refer_notify", ("status", 200));
        Ask("sys.call.drop");
        var last = _far.Request("NOTIFY");
        (Fragment(last), last.CSeq.Number).ShouldBe(("SIP/2.0 200 OK", first.CSeq.Number + 1));
        _far.Rest().ShouldBe(["BYE"]);
    }

    [Fact]
    public void The_last_report_goes_out_before_the_BYE_whatever_is_under_way()
    {
        Accepted();
        _bench.Ask("sys.call.drop", ("res_id", _call)).Error.ShouldBeNull();
        _far.Rest().ShouldBe(["NOTIFY", "BYE"]);
    }
}
