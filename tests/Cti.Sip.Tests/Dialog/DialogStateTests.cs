using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Dialog;

public sealed class DialogStateTests
{
    private const string TheirInvite = """
        INVITE sip:100@192.0.2.1 SIP/2.0
        Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKp
        Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa
        Record-Route: <sip:p2.example.com;lr>
        Record-Route: <sip:p1.example.com;lr;x=1>
        Max-Forwards: 68
        From: "Alice" <sip:alice@example.com>;tag=a1
        To: <sip:100@192.0.2.1>
        Call-ID: c1
        CSeq: 314 INVITE
        Contact: <sip:alice@198.51.100.7:5070;transport=udp>
        """;

    private static readonly NameAddr OurContact = new(SipUri.Parse("sip:us@192.0.2.1:5060"));

    private static readonly InitialRequest Initial = new(SipUri.Parse("sip:200@198.51.100.7"), new NameAddr(SipUri.Parse("sip:100@192.0.2.1")),
        new NameAddr(SipUri.Parse("sip:200@198.51.100.7")), OurContact, "c2", "u1", 1, []);

    private static DialogState AsUas()
    {
        DialogState.TryCreateAsUas(Wire.Request(TheirInvite), "t1", OurContact, "udp/0/198.51.100.9:5060/0", out var dialog).ShouldBeTrue();
        return dialog!;
    }

    private static DialogState AsUac(params string[] recordRoutes)
    {
        var invite = InitialRequests.Invite(Initial, default);
        var ok = Wire.Answer(invite, 200, "b1", null, [.. recordRoutes.Select(r => "Record-Route: " + r)]);
        DialogState.TryCreateAsUac(invite, ok, "", out var dialog).ShouldBeTrue();
        return dialog!;
    }

    [Fact]
    public void An_INVITE_to_us_makes_a_dialog_with_the_routes_in_their_order()
    {
        var dialog = AsUas();
        (dialog.CallId, dialog.LocalTag, dialog.RemoteTag, dialog.IsUac, dialog.IsConfirmed, dialog.Secure).ShouldBe(("c1", "t1", "a1", false, false, false));
        (dialog.LocalCSeq, dialog.RemoteCSeq).ShouldBe((0u, 314u));
        Wire.Text(DialogRequests.Bye(dialog, out var next, SipReason.Sip(603, "Declined"))).ShouldBe("""
            BYE sip:alice@198.51.100.7:5070;transport=udp SIP/2.0
            Max-Forwards: 70
            Route: <sip:p2.example.com;lr>
            Route: <sip:p1.example.com;lr;x=1>
            From: <sip:100@192.0.2.1>;tag=t1
            To: "Alice" <sip:alice@example.com>;tag=a1
            Call-ID: c1
            CSeq: 1 BYE
            Reason: SIP;cause=603;text="Declined"
            Content-Length: 0


            """.ReplaceLineEndings("\n"));
        next.LocalCSeq.ShouldBe(1u);
    }

    [Fact]
    public void An_INVITE_without_Contact_makes_no_dialog() =>
        DialogState.TryCreateAsUas(Wire.Request(TheirInvite.Replace("Contact", "X-Contact", StringComparison.Ordinal)), "t", OurContact, "", out _)
            .ShouldBeFalse();

    [Fact]
    public void Our_INVITE_makes_a_dialog_with_the_routes_reversed()
    {
        var dialog = AsUac("<sip:p3.example.com;lr>, <sip:p2.example.com;lr>", "<sip:p1.example.com;lr>");
        dialog.RouteSet.ShouldBe(["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"]);
        (dialog.LocalTag, dialog.RemoteTag, dialog.LocalCSeq, dialog.RemoteTarget, dialog.IsConfirmed)
            .ShouldBe(("u1", "b1", 1u, "sip:bob@198.51.100.7:5070", true));
        Wire.Text(DialogRequests.ReInvite(dialog, "v=0\n"u8.ToArray(), out _)).ShouldBe("""
            INVITE sip:bob@198.51.100.7:5070 SIP/2.0
            Max-Forwards: 70
            Route: <sip:p1.example.com;lr>
            Route: <sip:p2.example.com;lr>
            Route: <sip:p3.example.com;lr>
            From: <sip:100@192.0.2.1>;tag=u1
            To: <sip:200@198.51.100.7>;tag=b1
            Call-ID: c2
            CSeq: 2 INVITE
            Contact: <sip:us@192.0.2.1:5060>
            Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY
            Content-Type: application/sdp
            Content-Length: 4

            v=0

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_strict_router_takes_the_Request_URI_and_the_target_goes_last()
    {
        var dialog = AsUac("<sip:p2.example.com;lr>", "<sip:p1.example.com;method=INVITE?x=y>");
        Wire.Text(DialogRequests.Info(dialog, InfoDtmf.RelayType, new InfoDtmf('5', 160).ToBody(), out _)).ShouldBe("""
            INFO sip:p1.example.com SIP/2.0
            Max-Forwards: 70
            Route: <sip:p2.example.com;lr>
            Route: <sip:bob@198.51.100.7:5070>
            From: <sip:100@192.0.2.1>;tag=u1
            To: <sip:200@198.51.100.7>;tag=b1
            Call-ID: c2
            CSeq: 2 INFO
            Content-Type: application/dtmf-relay
            Content-Length: 24

            Signal=5
            Duration=160

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void The_ACK_has_the_number_and_the_credentials_of_the_INVITE()
    {
        var invite = InitialRequests.Invite(Initial, "v=0\r\n"u8.ToArray());
        invite.Add(HeaderId.ProxyAuthorization, "Digest x");
        DialogState.TryCreateAsUac(invite, Wire.Answer(invite, 200, "b1"), "", out var dialog).ShouldBeTrue();
        DialogRequests.Options(dialog!, out var later);
        Wire.Text(DialogRequests.Ack(later, invite)).ShouldBe("""
            ACK sip:bob@198.51.100.7:5070 SIP/2.0
            Max-Forwards: 70
            From: <sip:100@192.0.2.1>;tag=u1
            To: <sip:200@198.51.100.7>;tag=b1
            Call-ID: c2
            CSeq: 1 ACK
            Proxy-Authorization: Digest x
            Content-Length: 0


            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Early_becomes_confirmed_with_the_target_and_routes_of_the_2xx()
    {
        var invite = InitialRequests.Invite(Initial, default);
        DialogState.TryCreateAsUac(invite, Wire.Answer(invite, 100), "", out _).ShouldBeFalse();
        DialogState.TryCreateAsUac(invite, Wire.Answer(invite, 180), "", out _).ShouldBeFalse();
        DialogState.TryCreateAsUac(invite, Wire.Answer(invite, 486, "b1"), "", out _).ShouldBeFalse();
        DialogState.TryCreateAsUac(invite, Wire.Answer(invite, 180, "b1", null, "Record-Route: <sip:old;lr>"), "", out var early).ShouldBeTrue();
        early!.IsConfirmed.ShouldBeFalse();
        var ok = Wire.Answer(invite, 200, "b1", null, "Record-Route: <sip:new;lr>");
        ok.Set(HeaderId.Contact, "<sip:elsewhere@198.51.100.8>");
        var confirmed = early.Confirm(ok);
        (confirmed.IsConfirmed, confirmed.RemoteTarget, confirmed.RouteSet.Single()).ShouldBe((true, "sip:elsewhere@198.51.100.8", "<sip:new;lr>"));
        ok.Set(HeaderId.RecordRoute, "<sip:newer;lr>");
        confirmed.Confirm(ok).RouteSet.ShouldBe(confirmed.RouteSet);
    }

    [Fact]
    public void A_target_refresh_changes_the_target_only()
    {
        var dialog = AsUas();
        var reinvite = Wire.Request(TheirInvite.Replace("198.51.100.7:5070", "198.51.100.99", StringComparison.Ordinal)
            .Replace("p2", "p9", StringComparison.Ordinal));
        dialog.RefreshTarget(reinvite).ShouldBe(dialog with { RemoteTarget = "sip:alice@198.51.100.99;transport=udp" });
        dialog.RefreshTarget(Wire.Request(TheirInvite)).ShouldBeSameAs(dialog);
    }

    [Fact]
    public void A_dialog_survives_the_journal()
    {
        var dialog = AsUas();
        var json = JsonSerializer.Serialize(dialog);
        var read = JsonSerializer.Deserialize<DialogState>(json)!;
        JsonSerializer.Serialize(read).ShouldBe(json);
        (read with { RouteSet = dialog.RouteSet }).ShouldBe(dialog);
        read.RouteSet.ShouldBe(dialog.RouteSet);
    }

    [Theory]
    [InlineData("t1", "a1", "c1", 315u, 0)]
    [InlineData("t1", "a1", "c1", 314u, 0)]
    [InlineData("t1", "a1", "c1", 313u, 500)]
    [InlineData("t2", "a1", "c1", 315u, 481)]
    [InlineData("t1", "a2", "c1", 315u, 481)]
    [InlineData("t1", "a1", "c2", 315u, 481)]
    public void Requests_in_the_dialog_are_checked_by_tags_and_number(string to, string from, string callId, uint number, int status)
    {
        var request = Wire.Request($"""
            INFO sip:us@192.0.2.1 SIP/2.0
            Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKb
            From: <sip:alice@example.com>;tag={from}
            To: <sip:100@192.0.2.1>;tag={to}
            Call-ID: {callId}
            CSeq: {number} INFO
            Max-Forwards: 70
            """);
        var check = DialogChecks.Check(AsUas(), request, 7);
        if (status == 0)
        {
            check.Refusal.ShouldBeNull();
            check.Next!.RemoteCSeq.ShouldBe(number);
            return;
        }
        check.Next.ShouldBeNull();
        check.Refusal!.Status.ShouldBe(status);
        check.Refusal.Get(HeaderId.RetryAfter).ShouldBe(status == 500 ? "7" : null);
        check.Refusal.Get(HeaderId.To).ShouldBe($"<sip:100@192.0.2.1>;tag={to}");
    }

    [Fact]
    public void A_tag_names_its_resource_and_is_not_guessed()
    {
        ResourceId.TryParse("0.0.7-sys.call-23479873432234", out var id).ShouldBeTrue();
        var tag = new DialogTag(id, 0x0123456789abcdef);
        tag.ToString().ShouldBe("0.0.7-sys.call-23479873432234-0123456789abcdef");
        DialogTag.TryParse(tag.ToString(), out var read).ShouldBeTrue();
        read.ShouldBe(tag);
        read.Matches(tag).ShouldBeTrue();
        read.Matches(tag with { Secret = tag.Secret ^ 1 }).ShouldBeFalse();
        read.Matches(tag with { Resource = id with { ProcessId = 1 } }).ShouldBeFalse();
        tag.ToContact(new SipHostPort("[2001:db8::1]", 5060), SipTransportKind.Tcp).ToString()
            .ShouldBe("<sip:0.0.7-sys.call-23479873432234-0123456789abcdef@[2001:db8::1]:5060;transport=tcp>");
        foreach (var bad in new[] { null, "", "x", "-0123456789abcdef", "0.0.7-sys.call-23479873432234", "0.0.7-sys.call-1-0123456789ABCDEF",
            "0.0.7-sys.x-1-0123456789abcdef" })
            DialogTag.TryParse(bad, out _).ShouldBeFalse(bad);
        tag.ToContact(new SipHostPort("192.0.2.1", 5061), SipTransportKind.Tls).ToString().ShouldBe($"<sip:{tag}@192.0.2.1:5061;transport=tls>");
        tag.ToContact(new SipHostPort("192.0.2.1", 5061), SipTransportKind.Tls, isSecure: true).ToString().ShouldBe($"<sips:{tag}@192.0.2.1:5061>");
    }

    [Theory]
    [InlineData("0.0.7-sys.call-5-0123456789abcdef", "0.0.7-sys.call-5-0123456789abcdef", true)]
    [InlineData("100", "0.0.7-sys.call-5-0123456789abcdef", true)]
    [InlineData("0.0.7-sys.call-5-0123456789abcdee", "0.0.7-sys.call-5-0123456789abcdef", false)]
    [InlineData("0.0.7-sys.call-5-0123456789abcdef", "x", false)]
    public void An_in_dialog_request_is_found_by_tag_and_Contact(string user, string tag, bool found) =>
        DialogTag.TryFind(Wire.Request($"""
            BYE sip:{user}@192.0.2.1 SIP/2.0
            Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKb
            From: <sip:alice@example.com>;tag=a
            To: <sip:100@192.0.2.1>;tag={tag}
            Call-ID: c
            CSeq: 2 BYE
            Max-Forwards: 70
            """), out _).ShouldBe(found);

    [Theory]
    [InlineData("192.0.2.9:5060", SipTransportKind.Udp, 0, "udp/0/192.0.2.9:5060/0")]
    [InlineData("[2001:db8::1]:5061", SipTransportKind.Tls, 12, "tls/2/[2001:db8::1]:5061/12")]
    public void A_flow_is_kept_as_text(string remote, SipTransportKind kind, long connection, string text)
    {
        var flow = new SipFlow(kind, kind == SipTransportKind.Tls ? 2 : 0, IPEndPoint.Parse(remote), connection);
        DialogFlow.Format(flow).ShouldBe(text);
        DialogFlow.TryParse(text, out var read).ShouldBeTrue();
        read.ShouldBe(flow);
        DialogFlow.TryParse("udp/0/x/0", out _).ShouldBeFalse();
        DialogFlow.TryParse(null, out _).ShouldBeFalse();
    }
}
