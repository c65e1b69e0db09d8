using System.Text;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Dialog;

public sealed class InitialRequestsTests
{
    private static readonly NameAddr Contact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));

    private static InitialRequest Initial(NameAddr from) => new(SipUri.Parse("sip:200@198.51.100.7"), from,
        new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), Contact, "c2", "u1", 1, ["<sip:proxy.example.com;lr>"]);

    [Fact]
    public void An_INVITE_to_a_trunk_that_wants_to_know_the_number()
    {
        var identity = CallerIdentity.Of(SipUri.Parse("sip:100@192.0.2.1"), asserted: true);
        Wire.Text(InitialRequests.Invite(Initial(identity.From), "v=0\r\n"u8.ToArray(), identity)).ShouldBe("""
            INVITE sip:200@198.51.100.7 SIP/2.0
            Max-Forwards: 70
            Route: <sip:proxy.example.com;lr>
            From: <sip:100@192.0.2.1>;tag=u1
            To: <sip:200@198.51.100.7>
            Call-ID: c2
            CSeq: 1 INVITE
            Contact: <sip:us@192.0.2.1:5060>
            Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY
            Accept: application/sdp
            Supported: timer, 100rel, replaces, norefersub
            P-Asserted-Identity: <sip:100@192.0.2.1>
            Content-Type: application/sdp
            Content-Length: 5

            v=0

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_hidden_number_is_anonymous_with_Privacy()
    {
        var identity = CallerIdentity.Of(SipUri.Parse("sip:anonymous@192.0.2.1"), asserted: true);
        var invite = InitialRequests.Invite(Initial(identity.From), default, identity);
        invite.Get(HeaderId.From).ShouldBe("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=u1");
        invite.Get(HeaderId.Privacy).ShouldBe("id");
        invite.Has(HeaderId.PAssertedIdentity).ShouldBeFalse();
        var known = new CallerIdentity(new NameAddr(SipUri.Parse("sip:100@192.0.2.1")), true, true);
        InitialRequests.Invite(Initial(known.From), default, known).Get(HeaderId.PAssertedIdentity).ShouldBe("<sip:100@192.0.2.1>");
    }

    [Fact]
    public void A_REGISTER()
    {
        var aor = new NameAddr(SipUri.Parse("sip:trunk@example.com"));
        var register = InitialRequests.Register(new InitialRequest(SipUri.Parse("sip:example.com"), aor, aor, Contact, "r1", "t1", 5, []), 300);
        Wire.Text(register).ShouldBe("""
            REGISTER sip:example.com SIP/2.0
            Max-Forwards: 70
            From: <sip:trunk@example.com>;tag=t1
            To: <sip:trunk@example.com>
            Call-ID: r1
            CSeq: 5 REGISTER
            Contact: <sip:us@192.0.2.1:5060>
            Expires: 300
            Supported: path
            Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY
            Content-Length: 0


            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void OPTIONS_asks_what_a_peer_takes()
    {
        var options = InitialRequests.Options(Initial(new NameAddr(SipUri.Parse("sip:node@192.0.2.1"))));
        (options.Method, options.Get(HeaderId.CSeq), options.Get(HeaderId.Accept)).ShouldBe(("OPTIONS", "1 OPTIONS", "application/sdp"));
    }

    [Theory]
    [InlineData("precondition", "precondition")]
    [InlineData("100rel", null)]
    [InlineData("timer, precondition, 100rel, x", "precondition, x")]
    [InlineData("timer", null)]
    public void What_is_required_and_not_supported_is_refused_with_420(string require, string? unsupported)
    {
        var invite = InitialRequests.Invite(Initial(Contact), default);
        invite.Add(HeaderId.Require, require);
        var refusal = SipCapabilities.RefuseExtensions(invite, "t");
        refusal?.Get(HeaderId.Unsupported).ShouldBe(unsupported);
        refusal?.Status.ShouldBe(420);
        (refusal is null).ShouldBe(unsupported is null);
    }

    [Theory]
    [InlineData("SIP;cause=600;text=\"Busy, \\\"really\\\"\"", 600)]
    [InlineData("Q.850;cause=16;text=\"Terminated\", SIP ; cause=200", 200)]
    [InlineData("Q.850;cause=16", null)]
    [InlineData("SIP;cause=1000", null)]
    [InlineData("SIP", null)]
    [InlineData(";;;", null)]
    public void The_reason_of_a_BYE_is_read(string value, int? cause)
    {
        var bye = new SipRequest(SipMethods.Bye, SipUri.Parse("sip:a@b"));
        bye.Add(HeaderId.Reason, value);
        SipReason.SipCause(bye).ShouldBe(cause);
    }

    [Fact]
    public void Reasons_are_read_and_written()
    {
        var bye = new SipRequest(SipMethods.Bye, SipUri.Parse("sip:a@b"));
        var reason = new SipReason("Q.850", 17, "User \"busy\"");
        bye.Add(HeaderId.Reason, reason.ToString());
        bye.Add(HeaderId.Reason, SipReason.Sip(486).ToString());
        SipReason.ReadAll(bye).ShouldBe([reason, new SipReason("SIP", 486)]);
    }

    [Theory]
    [InlineData("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160)]
    [InlineData("application/dtmf-relay", "signal = # \nduration = 999999", '#', 250)]
    [InlineData("application/dtmf-relay", "Signal=11", '#', 250)]
    [InlineData("Application/DTMF", "d\r\n", 'D', 250)]
    [InlineData("application/dtmf", "10", '*', 250)]
    [InlineData("application/dtmf-relay", "Signal=E", null, 0)]
    [InlineData("application/dtmf-relay", "Signal=16", null, 0)]
    [InlineData("application/dtmf-relay", "Duration=160", null, 0)]
    [InlineData("application/dtmf", "", null, 0)]
    [InlineData("text/plain", "5", null, 0)]
    public void Keys_in_INFO_are_read(string type, string body, char? key, int millis)
    {
        var info = new SipRequest(SipMethods.Info, SipUri.Parse("sip:a@b"));
        info.Add(HeaderId.ContentType, type);
        if (body.Length > 0) info.SetBody(type, Encoding.ASCII.GetBytes(body));
        InfoDtmf.Read(info).ShouldBe(key is null ? null : new InfoDtmf(key.Value, millis));
        new InfoDtmf('7', 100).ToString().ShouldNotContain("7");
    }
}
