using Cti.Actors.Instances;
using Cti.Actors.Trunks;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Actors.Tests.Nodes;

/// <summary>Callers' numbers as a carrier writes them, and as applications do.</summary>
public sealed class CallerIdTests
{
    private static readonly Trunk Carrier = new()
    {
        Name = "carrier", Host = "10.0.0.1", FromDomain = "our.example", FromUser = "030999999", AssertIdentity = true,
        CallerId = new CallerIdRules { Format = NumberFormat.E164, Country = "49", NationalPrefix = "0" },
    };

    private static SipRequest InviteOf(Trunk trunk, string? from)
    {
        var bench = new NodeBench([trunk], dialAny: false);
        bench.Construct("sip:1@carrier", ("from_uri", from));
        return bench.Peer("10.0.0.1").Request("INVITE");
    }

    [Theory]
    [InlineData("030123456", "sip:+4930123456@our.example")]
    [InlineData("sip:030123456@elsewhere.example", "sip:+4930123456@elsewhere.example")]
    [InlineData("4711", "sip:4711@our.example")]
    [InlineData(null, "sip:+4930999999@our.example")]
    public void From_and_the_asserted_identity_are_written_as_the_carrier_wants_them(string? from, string written)
    {
        var invite = InviteOf(Carrier, from);
        invite.From.Uri.Text.ShouldBe(written);
        invite.Get(HeaderId.PAssertedIdentity).ShouldBe($"<{written}>");
        invite.Has(HeaderId.Privacy).ShouldBeFalse();
    }

    [Theory]
    [InlineData(AnonymousForm.Both, "sip:anonymous@anonymous.invalid", "id")]
    [InlineData(AnonymousForm.From, "sip:anonymous@anonymous.invalid", null)]
    [InlineData(AnonymousForm.Privacy, "sip:+4930999999@our.example", "id")]
    public void Who_hides_is_shown_as_the_carrier_bears_it_and_asserted_where_it_is_trusted(AnonymousForm form, string shown, string? privacy)
    {
        var trunk = Carrier with { CallerId = Carrier.CallerId with { Anonymous = form } };
        var trusted = InviteOf(trunk, "anonymous");
        (trusted.From.Uri.Text, trusted.Get(HeaderId.Privacy)).ShouldBe((shown, privacy));
        trusted.Get(HeaderId.PAssertedIdentity).ShouldBe("<sip:+4930999999@our.example>");
        var other = InviteOf(trunk with { AssertIdentity = false }, "anonymous");
        (other.From.Uri.Text, other.Get(HeaderId.Privacy), other.Get(HeaderId.PAssertedIdentity)).ShouldBe((shown, privacy, null));
    }

    [Fact]
    public void Without_a_number_of_the_line_who_hides_is_anonymous_whatever_the_form()
    {
        var rules = new CallerIdRules { Anonymous = AnonymousForm.Privacy };
        var invite = InviteOf(new Trunk { Name = "carrier", Host = "10.0.0.1", AssertIdentity = true, CallerId = rules }, "anonymous");
        (invite.From.Uri.Text, invite.Get(HeaderId.Privacy), invite.Has(HeaderId.PAssertedIdentity)).ShouldBe(("sip:anonymous@anonymous.invalid", "id", false));
    }

    [Fact]
    public void Inbound_numbers_are_E164_to_applications_and_routes()
    {
        var bench = new NodeBench([Carrier], new InboundPolicy([new InboundRoute("*", "+4930*", "carrier", NodeBench.App)], false, "other", false));
        var carrier = bench.Peer("10.0.0.1");
        carrier.Send("""
            INVITE sip:100@10.0.0.100 SIP/2.0
            Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnational
            Max-Forwards: 70
            From: <sip:030123456@10.0.0.1>;tag=national
            To: <sip:100@10.0.0.100>
            Call-ID: national
            CSeq: 1 INVITE
            Contact: <sip:caller@10.0.0.1>
            Content-Type: application/sdp
            """, carrier.Sdp());
        bench.Expect("sys.call.on_incoming").GetProperty("from_uri").GetString().ShouldBe("sip:+4930123456@10.0.0.1");
        carrier.Response(180).From.Uri.Text.ShouldBe("sip:030123456@10.0.0.1", "the dialog has what the far end wrote");
        bench.Crashes.ShouldBeEmpty();
    }
}
