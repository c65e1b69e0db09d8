using System.Text;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Tests.Dialog;

/// <summary>RFC 3262, as server and as client of an INVITE.</summary>
public sealed class ReliableProvisionalTests
{
    private static readonly SipTimers Timers = new();
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));
    private static readonly SdpSession Offer = SdpNegotiator.CreateOffer(Sdps.Us);
    private readonly List<string> _trace = [];
    private InviteServerState _server = null!;
    private InviteClientState _client = null!;

    private static SipRequest Invite(string? sdp, params string[] headers)
    {
        var text = new StringBuilder("INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n" +
            "From: <sip:bob@198.51.100.7>;tag=b1\r\nTo: <sip:100@192.0.2.1>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:bob@198.51.100.7:5070>\r\n");
        foreach (var header in headers) text.Append(header).Append("\r\n");
        if (sdp is not null) text.Append("Content-Type: application/sdp\r\n");
        return Wire.Request(text.Append("\r\n").Append(sdp).ToString());
    }

    private static SipRequest Prack(uint number, string? rack, string? sdp = null)
    {
        var text = $"PRACK sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKp{number}\r\nMax-Forwards: 70\r\n" +
            $"From: <sip:bob@198.51.100.7>;tag=b1\r\nTo: <sip:100@192.0.2.1>;tag=t1\r\nCall-ID: c1\r\nCSeq: {number} PRACK\r\n" +
            $"{(rack is null ? "" : $"RAck: {rack}\r\n")}";
        return Wire.Request(sdp is null ? text + "\r\n" : text + "Content-Type: application/sdp\r\n\r\n" + sdp);
    }

    private void Serve(string? sdp, string header, ReliableProvisionals policy = ReliableProvisionals.Supported) =>
        _server = InviteServerUsage.Begin(Invite(sdp, header), "t1", Contact, "flow", out _, null, new SipProfile { Reliable = policy }).ShouldNotBeNull();

    private UsageAction[] Serve(InviteServerInput input, long now)
    {
        var step = InviteServerUsage.Step(_server, input, now, Timers);
        _server = step.State;
        foreach (var action in step.Actions) _trace.Add($"{now} {InviteServerUsageTests.Describe(action)}");
        return [.. step.Actions];
    }

    private void TickUntil(long end)
    {
        while (_server.Deadline <= end) Serve(new InviteServerInput.Tick(), _server.Deadline);
    }

    private static SipResponse Response(IEnumerable<UsageAction> actions) => actions.OfType<SendResponse>().Last().Response;

    private uint First => ReliableResponse.FirstNumber("t1");

    private void Acknowledge(uint cseq, uint rseq, long now, string? sdp = null) =>
        Serve(new InviteServerInput.ProvisionalAcknowledged(Prack(cseq, $"{rseq} 7 INVITE", sdp)), now);

    [Fact]
    public void Who_requires_it_gets_180_with_a_number_until_the_PRACK()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        var ringing = Response(Serve(new InviteServerInput.Provide(180), 0));
        (ringing.Status, ringing.Get(HeaderId.Require), ringing.Get(HeaderId.RSeq)).ShouldBe((180, "100rel", $"{First}"));
        ringing.Contact!.Uri.Text.ShouldBe(Contact.Uri.Text);
        TickUntil(4_000);
        Acknowledge(8, First, 4_000);
        TickUntil(100_000);
        _trace.ShouldBe(["0 180", "500 180 again", "1500 180 again", "3500 180 again", "4000 200"]);
        Serve(new InviteServerInput.Accept(Sdps.Us), 5_000);
        _trace.Last().ShouldBe("5000 200+sdp");
    }

    [Fact]
    public void Without_a_PRACK_it_is_repeated_ever_more_seldom_for_64_T1_and_the_owner_is_told_once()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        TickUntil(200_000);
        _trace.ShouldBe(["0 180", "500 180 again", "1500 180 again", "3500 180 again", "7500 180 again", "15500 180 again", "31500 180 again",
            "32000 ProvisionalNotAcknowledged"]);
        Serve(new InviteServerInput.Refuse(504), 32_001);
        _trace.Last().ShouldBe("32001 504");
    }

    [Fact]
    public void The_numbers_are_within_the_RFCs_bounds_and_go_up_by_one()
    {
        for (var i = 0; i < 1_000; i++) ReliableResponse.FirstNumber($"tag{i}").ShouldBeInRange(1u, 1u << 30);
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(183), 0);
        // Of two that wait for the first one's PRACK the newer counts.
        Serve(new InviteServerInput.Provide(181), 1);
        Serve(new InviteServerInput.Provide(180), 2);
        _trace.ShouldBe(["0 183"]);
        var next = Response(Serve(new InviteServerInput.ProvisionalAcknowledged(Prack(8, $"{First} 7 INVITE")), 10));
        (next.Status, next.Get(HeaderId.RSeq)).ShouldBe((180, $"{First + 1}"));
        _trace.ShouldBe(["0 183", "10 200", "10 180"]);
        Acknowledge(9, First, 20);
        _trace.Last().ShouldBe("20 481", "the first one's PRACK again, as a new request");
        Acknowledge(10, First + 1, 30);
        _trace.Last().ShouldBe("30 200");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("x 7 INVITE")]
    [InlineData("{0}")]
    [InlineData("{0} 7")]
    [InlineData("{0} 8 INVITE")]
    [InlineData("{0} 7 UPDATE")]
    [InlineData("{1} 7 INVITE")]
    [InlineData("99999999999 7 INVITE")]
    public void A_PRACK_of_something_else_gets_481_and_the_180_goes_on(string? rack)
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        var text = rack is null ? null : string.Format(System.Globalization.CultureInfo.InvariantCulture, rack, First, First + 1);
        Serve(new InviteServerInput.ProvisionalAcknowledged(Prack(8, text)), 10);
        TickUntil(500);
        _trace.ShouldBe(["0 180", "10 481", "500 180 again"]);
    }

    [Theory]
    [InlineData("Supported: 100rel", ReliableProvisionals.Supported, false)]
    [InlineData("Supported: 100rel", ReliableProvisionals.Required, true)]
    [InlineData("Supported: timer, 100REL", ReliableProvisionals.Required, true)]
    [InlineData("Require: 100rel", ReliableProvisionals.Supported, true)]
    [InlineData("Supported: 100rel", ReliableProvisionals.Off, false)]
    public void The_policy_says_who_gets_it(string header, ReliableProvisionals policy, bool isReliable)
    {
        Serve(Sdps.Theirs(), header, policy);
        Response(Serve(new InviteServerInput.Provide(180), 0)).Has(HeaderId.RSeq).ShouldBe(isReliable);
    }

    [Theory]
    [InlineData("Require: 100rel", ReliableProvisionals.Off, 420, "Unsupported")]
    [InlineData("Supported: timer", ReliableProvisionals.Required, 421, "Require")]
    public void And_who_is_refused(string header, ReliableProvisionals policy, int status, string name)
    {
        InviteServerUsage.Begin(Invite(Sdps.Theirs(), header), "t1", Contact, "flow", out var refusal, null, new SipProfile { Reliable = policy })
            .ShouldBeNull();
        (refusal!.Status, refusal.Get(name)).ShouldBe((status, "100rel"));
    }

    [Fact]
    public void The_200_waits_for_the_PRACK_of_a_response_with_an_answer()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(183, Sdps.Us), 0);
        Serve(new InviteServerInput.Accept(Sdps.Us), 10);
        TickUntil(500);
        Acknowledge(8, First, 600);
        _trace.ShouldBe(["0 media PCMA 198.51.100.7:4000 send receive", "0 183+sdp", "500 183+sdp again", "600 200", "600 200+sdp"]);
        _server.Phase.ShouldBe(InviteServerPhase.Accepted);
    }

    [Fact]
    public void A_second_offer_in_the_PRACK_is_refused_and_the_183_is_acknowledged_all_the_same()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(183, Sdps.Us), 0);
        Serve(new InviteServerInput.Accept(Sdps.Us), 10);
        Acknowledge(8, First, 20, Sdps.Theirs());
        _trace.Skip(2).ShouldBe(["20 488", "20 200+sdp"]);
    }

    [Fact]
    public void The_200_does_not_wait_for_one_without_and_its_late_PRACK_is_right()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        Serve(new InviteServerInput.Accept(Sdps.Us), 10);
        _trace.Clear();
        Acknowledge(8, First, 20);
        TickUntil(600);
        _trace.ShouldBe(["20 200", "510 200+sdp again"]);
    }

    [Fact]
    public void A_CANCEL_or_refusal_ends_the_repetition_and_the_PRACK_that_crosses_is_right()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        Serve(new InviteServerInput.Provide(183), 1);
        Serve(new InviteServerInput.Cancelled(Invite(null)), 10);
        Acknowledge(8, First, 20);
        Acknowledge(9, First, 30);
        TickUntil(100_000);
        _trace.ShouldBe(["0 180", "10 487", "10 cancelled", "20 200", "30 481"]);
    }

    [Fact]
    public void An_INVITE_without_an_offer_that_requires_it_hears_nothing_before_the_answer()
    {
        Serve(null, "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        Serve(new InviteServerInput.Accept(Sdps.Us), 10);
        _trace.ShouldBe(["10 200+sdp"]);
        Serve(null, "Supported: 100rel", ReliableProvisionals.Required);
        Response(Serve(new InviteServerInput.Provide(180), 0)).Has(HeaderId.RSeq).ShouldBeFalse();
    }

    [Fact]
    public void A_new_owner_repeats_what_was_sent_under_its_number_and_asks_nobody_who_has_acknowledged_it()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        var first = Response(Serve(new InviteServerInput.Provide(180), 0));
        _server = InviteServerUsage.Restore(_server.Invite, _server.Dialog, Offer, isAnswered: false, 1_000, Timers);
        var again = Response(Serve(new InviteServerInput.Provide(180), 1_000));
        (again.Get(HeaderId.RSeq), again.Body.IsEmpty).ShouldBe((first.Get(HeaderId.RSeq), true));
        TickUntil(200_000);
        _trace.ShouldNotContain(line => line.Contains("NotAcknowledged", StringComparison.Ordinal));
        Acknowledge(8, First, 200_000);
        _trace.Last().ShouldBe("200000 200");
    }

    [Fact]
    public void Another_branch_of_the_INVITE_gets_the_same_response()
    {
        Serve(Sdps.Theirs(), "Require: 100rel");
        Serve(new InviteServerInput.Provide(180), 0);
        var other = Wire.Request(Wire.Text(_server.Invite).Replace("z9hG4bKa", "z9hG4bKb", StringComparison.Ordinal));
        _server = InviteServerUsage.Join(_server, other).ShouldNotBeNull();
        var again = Response(Serve(new InviteServerInput.Tick(), 10));
        (again.TopVia.Branch, again.Get(HeaderId.RSeq)).ShouldBe(("z9hG4bKb", $"{First}"));
    }

    // ---- as client ----

    private void Call(InviteClientPolicy? policy = null)
    {
        var initial = new InitialRequest(SipUri.Parse("sip:200@198.51.100.7"), new NameAddr(SipUri.Parse("sip:100@192.0.2.1")),
            new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), Contact, "c1", "u1", 1, []);
        _client = InviteClientUsage.Begin(InitialRequests.Invite(initial, Offer.ToBytes()), Offer, "flow", policy ?? new InviteClientPolicy()).State;
    }

    private UsageAction[] Hear(SipResponse response)
    {
        var input = new InviteClientInput.Responded(response, "0123456789abcdef")
        {
            Answer = response.Status is 401 or 407 && _client.Digest.TryChallenge(DigestChallenges.Read(response), out var answer) ? answer : null,
        };
        var step = InviteClientUsage.Step(_client, input, 0, Timers);
        _client = step.State;
        foreach (var action in step.Actions) _trace.Add(InviteServerUsageTests.Describe(action));
        return [.. step.Actions];
    }

    private UsageAction[] Hear(int status, string tag, uint? rseq, string? sdp = null, params string[] more) =>
        Hear(Wire.Answer(_client.Invite, status, tag, sdp, rseq is null ? more : ["Require: 100rel", $"RSeq: {rseq}", .. more]));

    private static SipRequest PrackOf(UsageAction[] actions) => actions.OfType<SendRequest>().Single().Request;

    [Fact]
    public void An_INVITE_lists_it_or_requires_it_as_configured()
    {
        Call();
        (_client.Invite.Get(HeaderId.Supported), _client.Invite.Has(HeaderId.Require)).ShouldBe(("timer, 100rel, replaces, norefersub", false));
        var initial = new InitialRequest(SipUri.Parse("sip:a@b"), Contact, Contact, Contact, "c1", "u1", 1, []);
        InitialRequests.Invite(initial, default, null, new SipProfile { Reliable = ReliableProvisionals.Required }).Get(HeaderId.Require).ShouldBe("100rel");
        InitialRequests.Invite(initial, default, null, new SipProfile { Reliable = ReliableProvisionals.Off }).Get(HeaderId.Supported)
            .ShouldBe("timer, replaces, norefersub");
    }

    [Fact]
    public void Each_reliable_response_gets_a_PRACK_by_its_route_and_the_dialog_counts_on()
    {
        Call();
        var prack = PrackOf(Hear(183, "b1", 17, Sdps.Theirs(), "Record-Route: <sip:p2;lr>", "Record-Route: <sip:p1;lr>"));
        (prack.Uri.Text, prack.Get(HeaderId.RAck), prack.CSeq.Number, prack.To.Tag).ShouldBe(("sip:bob@198.51.100.7:5070", "17 1 INVITE", 2u, "b1"));
        prack.Routes.Select(route => route.Uri.Host).ShouldBe(["p1", "p2"]);
        PrackOf(Hear(180, "b1", 18)).Get(HeaderId.RAck).ShouldBe("18 1 INVITE");
        // What comes again, and what misses its predecessor, is neither acknowledged nor heard.
        Hear(180, "b1", 18).ShouldBeEmpty();
        Hear(183, "b1", 17, Sdps.Theirs()).ShouldBeEmpty();
        Hear(180, "b1", 20).ShouldBeEmpty();
        // The answer was in the 183 alone.
        Hear(200, "b1", null);
        _trace.ShouldBe(["PRACK 2 sip:bob@198.51.100.7:5070", "progress 183 b1 early", "PRACK 3 sip:bob@198.51.100.7:5070", "progress 180 b1",
            "answered PCMA 4000", "ACK 1 sip:bob@198.51.100.7:5070"]);
        _client.Dialog!.LocalCSeq.ShouldBe(3u, "the BYE is 4");
    }

    [Fact]
    public void Forks_count_each_for_itself()
    {
        Call();
        PrackOf(Hear(180, "b1", 7)).CSeq.Number.ShouldBe(2u);
        PrackOf(Hear(180, "b2", 900)).CSeq.Number.ShouldBe(2u);
        PrackOf(Hear(183, "b2", 901)).CSeq.Number.ShouldBe(3u);
        PrackOf(Hear(183, "b1", 8)).CSeq.Number.ShouldBe(3u);
        Hear(200, "b2", null, Sdps.Theirs());
        (_client.Dialog!.RemoteTag, _client.Dialog.LocalCSeq).ShouldBe(("b2", 3u));
        var other = Hear(200, "b1", null, Sdps.Theirs());
        other.OfType<SendRequest>().Single().Request.CSeq.ShouldBe(new CSeqValue(4, "BYE"));
    }

    [Theory]
    [InlineData("RSeq: 0")]
    [InlineData("RSeq: x")]
    [InlineData("RSeq: 4294967296")]
    [InlineData("X-None: 1")]
    public void A_number_that_cannot_be_read_makes_it_a_plain_response(string header)
    {
        Call();
        Hear(180, "b1", null, null, "Require: 100rel", header);
        _trace.ShouldBe(["progress 180 b1"]);
    }

    [Fact]
    public void A_retry_after_PRACKs_has_a_number_beyond_theirs()
    {
        Call(new InviteClientPolicy(new DigestCredentials("u", "p")));
        Hear(180, "b1", 5);
        Hear(180, "b1", 6);
        Hear(Wire.Answer(_client.Invite, 407, "b1", null, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\""));
        _trace.Last().ShouldBe("INVITE 4 sip:200@198.51.100.7");
        PrackOf(Hear(180, "b1", 99)).Get(HeaderId.RAck).ShouldBe("99 4 INVITE", "another INVITE, another series");
    }

    [Fact]
    public void A_PRACK_that_a_proxy_challenges_is_sent_once_more_with_the_answer()
    {
        Call(new InviteClientPolicy(new DigestCredentials("u", "p")));
        var prack = PrackOf(Hear(180, "b1", 5));
        var challenge = Wire.Answer(prack, 407, null, null, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
        var again = PrackOf(Hear(challenge));
        (again.CSeq.Number, again.Get(HeaderId.RAck)).ShouldBe((3u, "5 1 INVITE"));
        again.Get(HeaderId.ProxyAuthorization)!.ShouldContain("username=\"u\"");
        Hear(Wire.Answer(again, 407, null, null, "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n2\", qop=\"auth\"")).ShouldBeEmpty();
    }

    [Fact]
    public void What_comes_after_the_final_response_is_not_acknowledged()
    {
        Call();
        Hear(200, "b1", null, Sdps.Theirs());
        Hear(180, "b1", 5).ShouldBeEmpty();
    }

    [Fact]
    public void A_cancelled_INVITE_still_acknowledges_what_crosses()
    {
        Call();
        Hear(180, "b1", 5);
        _client = InviteClientUsage.Step(_client, new InviteClientInput.Cancel(), 0, Timers).State;
        PrackOf(Hear(183, "b1", 6)).Get(HeaderId.RAck).ShouldBe("6 1 INVITE");
        Hear(487, "b1", null);
        _trace.Last().ShouldBe("failed 487");
    }
}
