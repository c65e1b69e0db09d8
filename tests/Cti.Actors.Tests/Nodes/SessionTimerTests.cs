using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Session timers (RFC 4028) with far ends written by hand, and over the death of a node.</summary>
public sealed class SessionTimerTests
{
    private const string Contact = "Contact: <sip:far@192.0.2.10:5060>";
    private const string Takes = $"{Contact}\nAllow: INVITE, ACK, BYE, UPDATE\nContent-Type: application/sdp";

    private static string Construct(NodeBench bench)
    {
        var reply = bench.Ask("sys.call.construct", ("to_uri", "sip:200@192.0.2.10"), ("max_answer_seconds", 3600));
        reply.Error.ShouldBeNull();
        return System.Text.Json.JsonDocument.Parse(reply.Result).RootElement.GetProperty("res_id").GetString()!;
    }

    private static SipProfile Asking(int seconds = 600) => new() { Timer = new SessionTimerRules(seconds) };

    private static (string Call, RawPeer Phone, SipRequest Invite) Dialled(NodeBench bench, string answer)
    {
        var phone = bench.Peer("192.0.2.10");
        var call = Construct(bench);
        var invite = phone.Request("INVITE");
        phone.Respond(invite, 200, $"{answer}\n{Takes}", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        return (call, phone, invite);
    }

    private static (string Call, RawPeer Phone, SipResponse Ok) Called(NodeBench bench, string more)
    {
        var phone = bench.Peer("192.0.2.10");
        phone.Invite("100", $"Contact: <sip:caller@192.0.2.10>\nAllow: INVITE, ACK, BYE, UPDATE\n{more}");
        var call = bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 3600)).Error.ShouldBeNull();
        var ok = phone.Response(200);
        phone.SendAsCaller(ok, "ACK", 1);
        bench.Expect("sys.call.on_answer_completed");
        return (call, phone, ok);
    }

    [Fact]
    public void We_refresh_what_we_asked_for_where_the_far_end_says_so_and_hang_up_on_one_that_is_gone()
    {
        var bench = new NodeBench(profile: Asking());
        var (_, phone, invite) = Dialled(bench, "Session-Expires: 600;refresher=uac");
        invite.Get(HeaderId.SessionExpires).ShouldBe("600");
        var refresh = phone.Request("UPDATE", 301_000);
        refresh.Get(HeaderId.SessionExpires).ShouldBe("600;refresher=uac");
        phone.Respond(refresh, 200, $"{Contact}\nSession-Expires: 600;refresher=uac");
        // The next one is not answered any more.
        phone.Request("UPDATE", 301_000);
        phone.Request("BYE", 33_000);
        bench.Expect("sys.call.on_released").GetProperty("cause").GetInt32().ShouldBe(408);
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_far_end_that_is_to_refresh_and_does_not_gets_a_BYE()
    {
        var bench = new NodeBench(profile: Asking(90));
        var (_, phone, invite) = Dialled(bench, "Session-Expires: 90;refresher=uas\nRequire: timer");
        bench.Runtime.Advance(40_000);
        phone.SendInDialog(invite, "UPDATE", 1, $"{Contact}\nSession-Expires: 90;refresher=uac\nSupported: timer");
        phone.Response(200).Get(HeaderId.SessionExpires).ShouldBe("90;refresher=uac");
        bench.Runtime.Advance(55_000);
        phone.Rest().ShouldBeEmpty();
        phone.Request("BYE", 10_000).Get(HeaderId.Reason)!.ShouldContain("408");
        bench.Expect("sys.call.on_released");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_422_is_obeyed_once_and_what_it_asks_for_is_kept_to()
    {
        var bench = new NodeBench(profile: Asking(90));
        var phone = bench.Peer("192.0.2.10");
        Construct(bench);
        phone.Respond(phone.Request("INVITE"), 422, "Min-SE: 300");
        phone.Request("ACK");
        var again = phone.Request("INVITE");
        (again.CSeq.Number, again.Get(HeaderId.MinSE)).ShouldBe((2u, "300"));
        again.Get(HeaderId.SessionExpires)!.ShouldStartWith("300");
        phone.Respond(again, 200, $"Session-Expires: 300;refresher=uac\n{Takes}", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed");
        var refresh = phone.Request("UPDATE", 151_000);
        (refresh.Get(HeaderId.SessionExpires), refresh.Get(HeaderId.MinSE)).ShouldBe(("300;refresher=uac", "300"));
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Two_422_in_a_row_end_the_dialling()
    {
        var bench = new NodeBench(profile: Asking(90));
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:200@192.0.2.10");
        phone.Respond(phone.Request("INVITE"), 422, "Min-SE: 300");
        phone.Request("ACK");
        phone.Respond(phone.Request("INVITE"), 422, "Min-SE: 400");
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(422);
        phone.Rest().ShouldBeEmpty();
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_caller_without_timers_for_whom_a_proxy_asks_is_refreshed_by_us()
    {
        var bench = new NodeBench();
        var (_, phone, ok) = Called(bench, "Session-Expires: 90");
        (ok.Get(HeaderId.SessionExpires), ok.Has(HeaderId.Require)).ShouldBe(("90;refresher=uas", false));
        phone.Request("UPDATE", 46_000).Get(HeaderId.SessionExpires).ShouldBe("90;refresher=uac");
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_trunk_may_be_asked_for_timers_alone()
    {
        var bench = new NodeBench(trunks: [new Trunk { Name = "carrier", Host = "192.0.2.10", SessionSeconds = 120 }]);
        var (_, phone, ok) = Called(bench, "Supported: timer");
        ok.Get(HeaderId.SessionExpires).ShouldBe("120;refresher=uas");
        phone.Request("UPDATE", 61_000);
        var other = bench.Peer("192.0.2.11");
        bench.Construct("sip:200@192.0.2.11");
        other.Request("INVITE").Has(HeaderId.SessionExpires).ShouldBeFalse();
        bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("uac")]
    [InlineData("uas")]
    public void A_takeover_keeps_the_timer_and_who_refreshes(string refresher)
    {
        var bench = new NodeBench();
        var (_, phone, _) = Called(bench, $"Supported: timer\nSession-Expires: 120;refresher={refresher}");
        bench.KillAndRestart();
        var told = phone.Request("INVITE");
        // Who was the server of the first INVITE is the client of this one.
        var now = refresher == "uas" ? "uac" : "uas";
        told.Get(HeaderId.SessionExpires).ShouldBe($"120;refresher={now}");
        phone.Respond(told, 200, $"Session-Expires: 120;refresher={now}\n{Takes}", phone.Sdp());
        phone.Request("ACK");
        if (refresher == "uas")
        {
            phone.Request("UPDATE", 61_000).Get(HeaderId.SessionExpires).ShouldBe("120;refresher=uac");
        }
        else
        {
            phone.Request("BYE", 90_000).Get(HeaderId.Reason)!.ShouldContain("408");
        }
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_dialled_call_keeps_its_timer_over_a_takeover_too()
    {
        var bench = new NodeBench(profile: Asking(200));
        var (_, phone, _) = Dialled(bench, "Session-Expires: 200;refresher=uac");
        bench.KillAndRestart();
        var told = phone.AgreeOnReInvite(more: "Session-Expires: 200;refresher=uac");
        told.Get(HeaderId.SessionExpires).ShouldBe("200;refresher=uac");
        told.CSeq.Number.ShouldBeGreaterThan(Limits.SipCSeqReserve);
        // It is in the journal as the re-INVITE left it.
        bench.KillAndRestart();
        phone.AgreeOnReInvite().Get(HeaderId.SessionExpires).ShouldBe("200;refresher=uac");
        // That answer had none: it is switched off.
        bench.KillAndRestart();
        phone.AgreeOnReInvite().Has(HeaderId.SessionExpires).ShouldBeFalse();
        bench.Crashes.ShouldBeEmpty();
    }
}
