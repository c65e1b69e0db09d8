using Cti.Sip.Message;

namespace Cti.Sip.Tests.Message;

public sealed class SipUriTests
{
    [Theory]
    [InlineData("sip:alice@example.com", "sip", "alice", "example.com", 0)]
    [InlineData("SIP:alice:secret@example.com:5070;transport=tcp", "sip", "alice", "example.com", 5070)]
    [InlineData("sips:[2001:db8::1]:5061", "sips", null, "[2001:db8::1]", 5061)]
    [InlineData("sip:+49123;phone-context=x@10.0.0.1;user=phone", "sip", "+49123;phone-context=x", "10.0.0.1", 0)]
    [InlineData("tel:+1-212-555-0101;ext=7", "tel", "+1-212-555-0101", "", 0)]
    [InlineData("sip:%2A21%23@example.com", "sip", "%2A21%23", "example.com", 0)]
    [InlineData("urn:service:sos", "urn", null, "", 0)]
    public void A_URI_is_taken_apart(string text, string scheme, string? user, string host, int port)
    {
        var uri = SipUri.Parse(text);
        uri.Scheme.ShouldBe(scheme);
        uri.User.ShouldBe(user);
        uri.Host.ShouldBe(host);
        uri.Port.ShouldBe(port);
        uri.ToString().ShouldBe(text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sip")]
    [InlineData("sip:")]
    [InlineData("sip:@example.com")]
    [InlineData("sip:alice@")]
    [InlineData("sip:alice@example.com:0")]
    [InlineData("sip:alice@example.com:70000")]
    [InlineData("sip:alice@example.com:")]
    [InlineData("sip:al ice@example.com")]
    [InlineData("sip:alice%4@example.com")]
    [InlineData("sip:alice@[2001:zz::1]")]
    [InlineData("sip:alice@[2001:db8::1")]
    [InlineData("sip:alice@example.com;")]
    [InlineData("sip:alice@example.com;;lr")]
    [InlineData("sip:alice@example.com?")]
    [InlineData("sip:alice@example.com\r\nX: y")]
    [InlineData("<sip:alice@example.com>")]
    [InlineData("1sip:alice@example.com")]
    [InlineData("tel:alice")]
    public void A_malformed_URI_is_refused(string text) => SipUri.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData("sip:@example.com", null, "example.com", 0, "")]
    [InlineData("sip: a@192.0.2.7 ", "a", "192.0.2.7", 0, "")]
    [InlineData(" sip:a @ 192.0.2.7 : 5070 ; lr", "a", "192.0.2.7", 5070, "lr")]
    [InlineData("sip:a@192.0.2.7:0", "a", "192.0.2.7", 0, "")]
    [InlineData("sip:a@192.0.2.7:", "a", "192.0.2.7", 0, "")]
    [InlineData("sip:a@192.0.2.7;", "a", "192.0.2.7", 0, "")]
    [InlineData("sip:a@192.0.2.7;;lr;;transport=tcp;", "a", "192.0.2.7", 0, "lr transport=tcp")]
    [InlineData("sip:u@192.0.2.7;thinfo=\"a1b2=\"", "u", "192.0.2.7", 0, "thinfo=a1b2=")]
    [InlineData("sip:u@192.0.2.7;x=\"a;b?c>d@e\\\"f\";lr", "u", "192.0.2.7", 0, "x=a;b?c>d@e\"f lr")]
    [InlineData("sip:u@192.0.2.7;gr=urn:uuid|{1};x=é", "u", "192.0.2.7", 0, "gr=urn:uuid|{1} x=é")]
    [InlineData("sip:50%@192.0.2.7", "50%", "192.0.2.7", 0, "")]
    [InlineData("sip:John Smith@192.0.2.7", "John Smith", "192.0.2.7", 0, "")]
    [InlineData("sip:user@[2001:db8:::192.0.2.1]:5070", "user", "[2001:db8::192.0.2.1]", 5070, "")]
    [InlineData("tel:alice;", "alice", "", 0, "")]
    public void What_others_write_is_read_and_kept_letter_for_letter(string text, string? user, string host, int port, string parameters)
    {
        SipUri.TryParse(text, out _).ShouldBeFalse("the grammar has it otherwise");
        SipUri.TryRead(text, out var uri).ShouldBeTrue();
        (uri.User, uri.Host, uri.Port, uri.Text).ShouldBe((user, host, port, text));
        uri.Params.Items.ToArray().Select(item => item.Value is null ? item.Name : $"{item.Name}={item.Value}")
            .ShouldBe(parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        uri.IsEquivalentTo(uri).ShouldBeTrue();
    }

    [Theory]
    [InlineData("")]
    [InlineData("sip:")]
    [InlineData("sip:alice@")]
    [InlineData("alice@example.com")]
    [InlineData("sip:alice@example.com:70000")]
    [InlineData("sip:alice@[2001:zz::1]")]
    [InlineData("sip:alice@2001:db8::1")]
    [InlineData("<sip:alice@example.com>")]
    [InlineData("sip:alice@example.com;x=<y>")]
    [InlineData("sip:alice@example.com\r\nX: y")]
    [InlineData("sip:alice@exa\0mple.com")]
    public void Of_what_leads_nowhere_no_URI_is_made(string text) => SipUri.TryRead(text, out _).ShouldBeFalse();

    // RFC 3261 section 19.1.4 gives these.
    [Theory]
    [InlineData("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp")]
    [InlineData("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5")]
    [InlineData("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5")]
    [InlineData("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com")]
    [InlineData("sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x")]
    [InlineData("tel:+1-212-555-0101", "tel:+12125550101")]
    public void These_are_equivalent(string a, string b)
    {
        SipUri.Parse(a).IsEquivalentTo(SipUri.Parse(b)).ShouldBeTrue();
        SipUri.Parse(b).IsEquivalentTo(SipUri.Parse(a)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP")]
    [InlineData("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060")]
    [InlineData("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp")]
    [InlineData("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp")]
    [InlineData("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting")]
    [InlineData("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4")]
    [InlineData("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off")]
    [InlineData("sip:bob@biloxi.com", "sips:bob@biloxi.com")]
    [InlineData("sip:biloxi.com", "sip:bob@biloxi.com")]
    public void These_are_not_equivalent(string a, string b)
    {
        SipUri.Parse(a).IsEquivalentTo(SipUri.Parse(b)).ShouldBeFalse();
        SipUri.Parse(b).IsEquivalentTo(SipUri.Parse(a)).ShouldBeFalse();
    }

    [Fact]
    public void A_made_URI_escapes_its_user()
    {
        var uri = SipUri.Create("a b@c:ä#", "example.com", 5070, ";transport=tcp");
        uri.Text.ShouldBe("sip:a%20b%40c%3A%C3%A4%23@example.com:5070;transport=tcp");
        uri.UserUnescaped.ShouldBe("a b@c:ä#");
        Should.Throw<ArgumentException>(() => SipUri.Create("a", "exam ple.com"));
    }
}
