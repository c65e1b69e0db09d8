using System.Collections.Immutable;
using System.Text.Json;
using Cti.Actors.Trunks;
using Cti.Kernel;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Header fields that applications add to messages, and hear of messages.</summary>
public sealed class HeaderTests
{
    private static readonly ImmutableArray<string> Wanted = ["X-*", "User-to-User", "Diversion", "Reason", "Subject"];

    private readonly NodeBench _bench = new([new Trunk { Name = "carrier", Host = "192.0.2.10", AssertIdentity = true }], heard: Wanted);
    private readonly RawPeer _phone;

    public HeaderTests() => _phone = _bench.Peer("192.0.2.10");

    private static (string Name, object? Value) Headers(object headers) => ("headers", headers);

    private static string[] All(SipMessage message, string name)
    {
        var values = new List<string>();
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) values.Add(header.Value);
        }
        return [.. values];
    }

    private static string Heard(JsonElement happened) => happened.TryGetProperty("headers", out var headers) ? headers.GetRawText() : "none";

    private string Offered(string more = "")
    {
        _phone.Invite("100", $"Contact: <sip:caller@192.0.2.10>\n{more}".Trim());
        return _bench.Expect("sys.call.on_incoming").GetProperty("res_id").GetString()!;
    }

    [Fact]
    public void An_invite_has_what_the_application_adds_and_its_repetition_with_a_password_too()
    {
        var bench = new NodeBench([new Trunk { Name = "carrier", Host = "192.0.2.10", User = "u", Password = "p" }]);
        var phone = bench.Peer("192.0.2.10");
        bench.Construct("sip:far@carrier", Headers(new Dictionary<string, object>
        {
            ["X-Account"] = "42", ["User-to-User"] = new[] { "00c0;encoding=hex", "01" },
        }));
        var invite = phone.Request("INVITE");
        (All(invite, "X-Account"), All(invite, "User-to-User")).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldBe(["42"]), found => found.Item2.ShouldBe(["00c0;encoding=hex", "01"]));
        phone.Respond(invite, 401, "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5");
        phone.Request("ACK");
        var again = phone.Request("INVITE");
        (All(again, "X-Account"), again.Has(HeaderId.Authorization)).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldBe(["42"]), found => found.Item2.ShouldBeTrue());
        bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_identity_is_asserted_by_the_application_where_the_line_asserts_identities_and_nowhere_else()
    {
        _bench.Construct("sip:far@carrier", ("from_uri", "sip:1000@example.com"), Headers(new Dictionary<string, object>
        {
            ["p-asserted-identity"] = "<tel:+4930123>",
        }));
        All(_phone.Request("INVITE"), "P-Asserted-Identity").ShouldBe(["<tel:+4930123>"]);
        var refused = _bench.Ask("sys.call.construct", ("to_uri", "sip:far@192.0.2.77"), ("max_answer_seconds", 60),
            Headers(new Dictionary<string, object> { ["P-Asserted-Identity"] = "<tel:+4930123>" }));
        refused.Error!.Message.ShouldContain("assert-identity");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_has_them_and_so_has_its_repetition_by_another_process()
    {
        var call = Offered();
        _bench.Ask("sys.call.answer", ("res_id", call), ("max_answer_seconds", 60), Headers(new Dictionary<string, object> { ["X-Queue"] = "7" }))
            .Error.ShouldBeNull();
        All(_phone.Response(200), "X-Queue").ShouldBe(["7"]);
        _bench.KillAndRestart(100);
        All(_phone.Response(200), "X-Queue").ShouldBe(["7"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("sys.call.reject", "cause", 486, 486)]
    [InlineData("sys.call.redirect", "redirect_uri", "sip:elsewhere.example.com", 302)]
    public void A_refusal_and_a_redirection_have_them(string method, string name, object value, int status)
    {
        var call = Offered();
        _bench.Ask(method, ("res_id", call), (name, value),
            Headers(new Dictionary<string, object> { ["X-Why"] = "closed", ["Diversion"] = "<sip:1@example.com>" })).Error.ShouldBeNull();
        var refusal = _phone.Response(status);
        (All(refusal, "X-Why"), All(refusal, "Diversion")).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldBe(["closed"]), found => found.Item2.ShouldBe(["<sip:1@example.com>"]));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_BYE_has_them_and_so_has_the_one_that_another_process_owes()
    {
        var (call, _, _) = Up();
        _bench.Ask("sys.call.drop", ("res_id", call), Headers(new Dictionary<string, object> { ["X-Why"] = "done" })).Error.ShouldBeNull();
        All(_phone.Request("BYE"), "X-Why").ShouldBe(["done"]);
        _bench.KillAndRestart(100);
        All(_phone.Request("BYE"), "X-Why").ShouldBe(["done"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_CANCEL_has_them_beside_its_reason_and_so_has_the_one_that_another_process_owes(bool isKilled)
    {
        var call = _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 180);
        _bench.Ask("sys.call.drop", ("res_id", call), ("cause", 408), Headers(new Dictionary<string, object> { ["X-Why"] = new[] { "late", "gone" } }))
            .Error.ShouldBeNull();
        var cancel = _phone.Request("CANCEL");
        if (isKilled)
        {
            _bench.KillAndRestart(100);
            cancel = _phone.Request("CANCEL");
        }
        (All(cancel, "X-Why"), cancel.Get(HeaderId.Reason)).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldBe(["late", "gone"]), found => found.Item2.ShouldBe("SIP;cause=408"));
        // Where the answer has crossed it, they go with the BYE.
        _phone.Respond(invite, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", _phone.Sdp());
        _phone.Request("ACK");
        All(_phone.Request("BYE"), "X-Why").ShouldBe(["late", "gone"]);
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_CANCEL_for_want_of_an_answer_tells_that()
    {
        _bench.Construct("sip:far@carrier", ("max_ring_seconds", 5));
        _phone.Respond(_phone.Request("INVITE"), 180);
        var cancel = _phone.Request("CANCEL", 6_000);
        (All(cancel, "X-Why"), cancel.Get(HeaderId.Reason)).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldBeEmpty(), found => found.Item2.ShouldBe("SIP;cause=408"));
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void What_came_is_told_where_the_application_wants_it_in_the_messages_order()
    {
        _phone.Invite("100", "Contact: <sip:caller@192.0.2.10>\nX-One: 1\nx-two: a, b\nX-One: 2\ns: about\nUser-Agent: somebody\n"
            + "Diversion: <sip:9@example.com>;reason=no-answer");
        Heard(_bench.Expect("sys.call.on_incoming"))
            .ShouldBe("""{"X-One":["1","2"],"x-two":["a, b"],"Subject":["about"],"Diversion":["\u003Csip:9@example.com\u003E;reason=no-answer"]}""");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Ringing_answer_and_end_tell_theirs()
    {
        var call = _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 180, "X-Place: kitchen");
        Heard(_bench.Expect("sys.call.on_ringing")).ShouldBe("""{"X-Place":["kitchen"]}""");
        _phone.Respond(invite, 200, $"X-Agent: 7\nContact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", _phone.Sdp());
        _phone.Request("ACK");
        Heard(_bench.Expect("sys.call.on_dial_completed")).ShouldBe("""{"X-Agent":["7"]}""");
        _phone.SendInDialog(invite, "BYE", 7, "Reason: Q.850;cause=16;text=\"Normal\"");
        Heard(_bench.Expect("sys.call.on_released")).ShouldBe("""{"Reason":["Q.850;cause=16;text=\u0022Normal\u0022"]}""");
        call.ShouldNotBeEmpty();
        _bench.Crashes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("CANCEL", "")]
    [InlineData("BYE", ";tag=")]
    public void A_caller_that_gives_up_tells_why(string method, string tagged)
    {
        Offered();
        // Rung, it knows our tag.
        var ringing = _phone.Response(180);
        _phone.Send($"""
            {method} sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP {_phone.Local};branch=z9hG4bK{(tagged.Length == 0 ? "1" : "2")}
            Max-Forwards: 70
            From: <sip:caller@192.0.2.10>;tag=caller
            To: {(tagged.Length == 0 ? "<sip:100@10.0.0.100>" : ringing.Get(HeaderId.To))}
            Call-ID: call-192.0.2.10
            CSeq: {(tagged.Length == 0 ? 1 : 2)} {method}
            Reason: SIP;cause=200;text="Call completed elsewhere"
            X-Why: taken
            """);
        Heard(_bench.Expect("sys.call.on_released")).ShouldBe("""{"Reason":["SIP;cause=200;text=\u0022Call completed elsewhere\u0022"],"X-Why":["taken"]}""");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void A_refusal_of_theirs_tells_its_own_and_one_without_any_tells_that()
    {
        _bench.Construct("sip:far@carrier");
        _phone.Respond(_phone.Request("INVITE"), 486, "Reason: Q.850;cause=17");
        Heard(_bench.Expect("sys.call.on_dial_completed")).ShouldBe("""{"Reason":["Q.850;cause=17"]}""");
        Offered();
        _bench.Construct("sip:far@carrier");
        _phone.Request("ACK");
        _phone.Respond(_phone.Request("INVITE"), 486);
        Heard(_bench.Expect("sys.call.on_dial_completed")).ShouldBe("{}");
        _bench.Crashes.ShouldBeEmpty();
    }

    [Fact]
    public void Nothing_is_told_where_nothing_is_wanted_and_too_much_is_cut()
    {
        var bench = new NodeBench();
        bench.Peer("192.0.2.10").Invite("100", "Contact: <sip:caller@192.0.2.10>\nX-One: 1");
        Heard(bench.Expect("sys.call.on_incoming")).ShouldBe("none");
        _phone.Invite("100",
            "Contact: <sip:caller@192.0.2.10>\n" + string.Join('\n', Enumerable.Range(0, 40).Select(static number => $"X-{number}: {new string('x', 300)}")));
        var heard = _bench.Expect("sys.call.on_incoming").GetProperty("headers").EnumerateObject().ToList();
        heard.Count.ShouldBeInRange(10, Limits.HeaderFieldsMax);
        heard.Sum(static field => field.Name.Length + field.Value[0].GetString()!.Length).ShouldBeLessThanOrEqualTo(Limits.HeaderCharsMax);
        _bench.Crashes.ShouldBeEmpty();
    }

    private (string Call, RawPeer Peer, SipRequest Invite) Up()
    {
        var call = _bench.Construct("sip:far@carrier");
        var invite = _phone.Request("INVITE");
        _phone.Respond(invite, 200, $"Contact: <sip:far@{_phone.Local}>\nContent-Type: application/sdp", _phone.Sdp());
        _phone.Request("ACK");
        _bench.Expect("sys.call.on_dial_completed");
        return (call, _phone, invite);
    }
}
