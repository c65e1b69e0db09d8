using System.Globalization;
using System.Text;
using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Media;
using Cti.Media.Srtp;
using Cti.Persistence.Memory;
using Cti.Sip.Message;
using Cti.Sip.Sdp;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Calls whose sound is protected by keys in their descriptions: what the media side is told, and what a takeover does without the keys.</summary>
public sealed class SrtpCallTests
{
    private const string Suite = "AES_CM_128_HMAC_SHA1_80";

    private readonly MemoryDisk _disk = new();
    private readonly NodeBench _bench;
    private readonly RawPeer _phone;
    private SipResponse? _ringing;

    public SrtpCallTests()
    {
        _bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.10", Srtp = SrtpMode.Required }], disk: _disk);
        _phone = _bench.Peer("192.0.2.10");
    }

    private static string KeyOf(byte fill) => Convert.ToBase64String(Enumerable.Repeat(fill, 30).ToArray());

    private string Sdp(byte key, string profile = "RTP/SAVP") =>
        _phone.Sdp().Replace("RTP/AVP", profile, StringComparison.Ordinal) + $"a=crypto:1 {Suite} inline:{KeyOf(key)}\r\n";

    private static SdpMedia MediaOf(SipMessage message)
    {
        SdpParser.TryParse(message.Body.ToArray(), out var sdp, out _).ShouldBeTrue();
        return sdp!.Media[0];
    }

    /// <summary>The key that we sent for the suite.</summary>
    private static SrtpKey KeyIn(SipMessage message)
    {
        var line = MediaOf(message).Attributes.Single(static attribute =>
            attribute.Name == "crypto" && attribute.Value!.Contains(Suite, StringComparison.Ordinal)).Value!;
        return SrtpKey.Parse(SrtpSuite.AesCm80, line[(line.IndexOf("inline:", StringComparison.Ordinal) + 7)..]).ShouldNotBeNull();
    }

    private MediaDescription? Described => _bench.Media.CallSessions.ShouldHaveSingleItem().Description;

    private static SrtpKeys Keys(SrtpKey ours, byte theirs) => new(ours, SrtpKey.Parse(SrtpSuite.AesCm80, KeyOf(theirs)));

    private void NothingIsKept(params SrtpKey[] ours)
    {
        var store = new MemoryJournalStore(_disk);
        NodeBench.Done(store.OpenAsync(4));
        var entries = NodeBench.Done(store.ReadJournalsAsync([0, 1, 2, 3])).Values.SelectMany(static entries => entries);
        var whole = string.Join('\n', entries.Select(static entry => Encoding.UTF8.GetString(entry.Payload.Span)))
            .Replace("\\u002B", "+", StringComparison.Ordinal);
        whole.ShouldContain("RTP/SAVP");
        foreach (var key in ours) whole.ShouldNotContain(key.ToBase64());
        for (byte theirs = 1; theirs < 6; theirs++) whole.ShouldNotContain(KeyOf(theirs));
        string.Join('\n', _bench.Log).ShouldNotContain("inline:");
        _bench.Crashes.ShouldBeEmpty();
    }

    private (string Call, SipRequest Invite) Up(byte key = 1)
    {
        var call = _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        MediaOf(invite).Protocol.ShouldBe("RTP/SAVP");
        _phone.Respond(invite, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", Sdp(key));
        _phone.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, invite);
    }

    private string Offered(byte key = 1, string more = "")
    {
        _phone.Send($"""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {_phone.Local};branch=z9hG4bK1
            Max-Forwards: 70
            From: <sip:caller@{_phone.Local.Address}>;tag=caller
            To: <sip:100@10.0.0.100>
            Call-ID: in
            CSeq: 1 INVITE
            Contact: <sip:caller@{_phone.Local}>{more}
            Content-Type: application/sdp
            """, Sdp(key));
        var call = _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
        _ringing = _phone.Response(180);
        return call;
    }

    private SipResponse Answered(string call)
    {
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60)).Error.ShouldBeNull();
        return _phone.Response(200);
    }

    private SipRequest Agree(byte key)
    {
        var request = _phone.Request("INVITE");
        _phone.Respond(request, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", Sdp(key));
        _phone.Request("ACK");
        return request;
    }

    private string State(string call) => JsonDocument.Parse(_bench.Ask("sys.call.get", ("res_id", call)).Result).RootElement.GetProperty("state").GetString()!;

    [Fact]
    public void A_call_out_is_protected_by_both_sides_keys_and_latches_by_them()
    {
        var (_, invite) = Up();
        Described!.Srtp.ShouldBe(Keys(KeyIn(invite), 1));
        Described.FarEnd.Latch.ShouldBe(LatchMode.Authenticated);
        NothingIsKept(KeyIn(invite));
    }

    [Fact]
    public void A_call_in_is_protected_by_both_sides_keys()
    {
        var ok = Answered(Offered());
        MediaOf(ok).Protocol.ShouldBe("RTP/SAVP");
        _phone.SendAsCaller(ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        Described!.Srtp.ShouldBe(Keys(KeyIn(ok), 1));
        NothingIsKept(KeyIn(ok));
    }

    [Fact]
    public void What_is_not_protected_is_refused_with_the_reason()
    {
        _phone.Invite("100", "Contact: <sip:caller@192.0.2.10>");
        _phone.Response(488).Get(HeaderId.Warning)!.ShouldContain("SRTP is required here");
        _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", _phone.Sdp());
        _phone.Request("ACK");
        _phone.Request("BYE");
        _bench.Expect("sys.call.on_dial_completed").GetProperty("error").GetProperty("code").GetInt32().ShouldBe(488);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Another_key_in_their_re_invite_counts_from_then_on_and_ours_stays()
    {
        var (_, invite) = Up();
        _phone.SendInDialog(invite, "INVITE", 7, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", Sdp(2));
        var ok = _phone.Response(200);
        _phone.SendInDialog(invite, "ACK", 7);
        KeyIn(ok).ShouldBe(KeyIn(invite));
        Described!.Srtp.ShouldBe(Keys(KeyIn(invite), 2));
        NothingIsKept(KeyIn(invite));
    }

    [Fact]
    public void A_takeover_is_silent_until_its_re_invite_has_brought_new_keys()
    {
        var (call, invite) = Up();
        _bench.KillAndRestart();
        Described.ShouldBeNull();
        var again = Agree(2);
        MediaOf(again).Protocol.ShouldBe("RTP/SAVP");
        KeyIn(again).ShouldNotBe(KeyIn(invite));
        ulong.Parse(SessionVersion(again), CultureInfo.InvariantCulture).ShouldBeGreaterThan(ulong.Parse(SessionVersion(invite), CultureInfo.InvariantCulture));
        Described!.Srtp.ShouldBe(Keys(KeyIn(again), 2));
        State(call).ShouldBe("Idle");
        NothingIsKept(KeyIn(invite), KeyIn(again));
    }

    [Fact]
    public void A_caller_who_waited_meanwhile_is_answered_with_a_new_key_and_asked_for_his()
    {
        var call = Offered();
        _bench.KillAndRestart();
        _phone.Response(180);
        var ok = Answered(call);
        Described.ShouldBeNull();
        _phone.SendAsCaller(ok, "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        var again = Agree(3);
        KeyIn(again).ShouldBe(KeyIn(ok));
        Described!.Srtp.ShouldBe(Keys(KeyIn(ok), 3));
        State(call).ShouldBe("Idle");
        NothingIsKept(KeyIn(ok));
    }

    [Fact]
    public void A_caller_who_has_acknowledged_that_it_rings_is_rung_on_and_offered_nothing_before_he_is_answered()
    {
        var call = Offered(more: "\nRequire: 100rel");
        _phone.SendAsCaller(_ringing!, "PRACK", 2, $"RAck: {_ringing!.Get(HeaderId.RSeq)} 1 INVITE");
        _phone.Response(200).CSeq.Method.ShouldBe("PRACK");
        _bench.KillAndRestart();
        _phone.Response(180);
        // More repetitions of it than an answer has before a re-INVITE goes out.
        _bench.Runtime.Advance(20_000);
        _phone.Rest().Distinct().ShouldBe(["180"]);
        _phone.SendAsCaller(Answered(call), "ACK", 1);
        _bench.Expect("sys.call.on_answer_completed");
        Agree(3);
        State(call).ShouldBe("Idle");
    }

    [Fact]
    public void An_answer_whose_ACK_was_lost_with_the_node_is_repeated_with_a_new_key()
    {
        var call = Offered();
        var first = Answered(call);
        _bench.KillAndRestart(100);
        var ok = _phone.Response(200);
        KeyIn(ok).ShouldNotBe(KeyIn(first));
        Described.ShouldBeNull();
        _phone.SendAsCaller(ok, "ACK", 1);
        var again = Agree(4);
        Described!.Srtp.ShouldBe(Keys(KeyIn(again), 4));
        State(call).ShouldBe("Idle");
        NothingIsKept(KeyIn(first), KeyIn(ok));
    }

    [Fact]
    public void Best_effort_is_offered_where_it_is_optional_and_a_plain_answer_is_a_plain_call()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.10", Srtp = SrtpMode.Optional }]);
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:far@carrier");
        var invite = phone.Request("INVITE");
        var media = MediaOf(invite);
        (media.Protocol, media.Attributes.Count(static attribute => attribute.Name == "crypto")).ShouldBe(("RTP/AVP", 4));
        phone.Respond(invite, 200, $"Contact: <sip:far@{phone.Local}>\nContent-Type: application/sdp", phone.Sdp());
        phone.Request("ACK");
        bench.Expect("sys.call.on_dial_completed").GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        bench.Media.CallSessions.ShouldHaveSingleItem().Description!.Srtp.ShouldBeNull();
        bench.Crashes.ShouldBeEmpty();
    }

    private static string SessionVersion(SipMessage message)
    {
        SdpParser.TryParse(message.Body.ToArray(), out var sdp, out _).ShouldBeTrue();
        return sdp!.Origin.Version;
    }
}
