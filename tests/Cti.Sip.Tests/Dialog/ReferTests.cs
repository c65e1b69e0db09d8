using System.Text;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Sip.Tests.Dialog;

/// <summary>REFER, Replaces and the reports of transfers, as they are read and written.</summary>
public sealed class ReferTests
{
    private static readonly DialogState Dialog = new("c1", "ours", "theirs", "<sip:us@192.0.2.1>", "<sip:b@192.0.2.7>", "<sip:ours@192.0.2.1:5060>",
        "sip:b@192.0.2.7", [], 5, 1, "", false, true, true);

    private static SipRequest Read(string method, string headers, string body = "")
    {
        var text = $"{method} sip:ours@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
            + $"From: <sip:b@192.0.2.7>;tag=theirs\r\nTo: <sip:us@192.0.2.1>;tag=ours\r\n"
            + $"Call-ID: c1\r\nCSeq: 7 {method}\r\n{headers}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";
        return SipParser.ParseDatagram(Encoding.UTF8.GetBytes(text)).Message.ShouldBeOfType<SipRequest>();
    }

    private static int Status(string headers) => ReferTarget.Read(Read("REFER", headers), out _);

    private static ReferTarget Target(string headers)
    {
        ReferTarget.Read(Read("REFER", headers), out var target).ShouldBe(0);
        return target.ShouldNotBeNull();
    }

    private static string Round(SipMessage message)
    {
        message.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
        var bytes = SipMessageWriter.ToArray(message);
        SipParser.ParseDatagram(bytes).Outcome.ShouldBe(SipParseOutcome.Message);
        return Encoding.UTF8.GetString(bytes);
    }

    [Theory]
    [InlineData("Refer-To: <sip:carol@example.com>", "sip:carol@example.com")]
    [InlineData("r: sip:carol@example.com", "sip:carol@example.com")]
    [InlineData("Refer-To: \"Carol\" <sips:carol@example.com:5061;transport=tcp>", "sips:carol@example.com:5061;transport=tcp")]
    [InlineData("Refer-To: <sip:carol@example.com;method=INVITE?Subject=x>", "sip:carol@example.com")]
    [InlineData("Refer-To: <tel:+4930123>", "tel:+4930123")]
    public void Whom_to_call_is_read(string header, string uri)
    {
        var target = Target(header + "\r\n");
        (target.Uri, target.Replaces, target.ReferredBy, target.WantsReports).ShouldBe((uri, null, null, true));
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("Refer-To: <sip:a@b.example>\r\nRefer-To: <sip:c@d.example>\r\n", 400)]
    [InlineData("Refer-To: <sip:a@b.example>, <sip:c@d.example>\r\n", 400)]
    [InlineData("Refer-To: <sip:a@b.example\r\n", 400)]
    [InlineData("Refer-To: <http://example.com/>\r\n", 416)]
    [InlineData("Refer-To: <sip:a@b.example;method=BYE>\r\n", 501)]
    [InlineData("Refer-To: <sip:a@b.example?Replaces=x%3Bto-tag%3D1>\r\n", 400)]
    [InlineData("Refer-To: <sip:a@b.example?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=y%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n", 400)]
    public void What_cannot_be_done_is_refused(string headers, int status) => Status(headers).ShouldBe(status);

    [Fact]
    public void What_is_too_long_is_refused()
    {
        Status($"Refer-To: <sip:{new string('a', Limits.UriCharsMax)}@b.example>\r\n").ShouldBe(400);
        Status($"Refer-To: <sip:a@b.example?Replaces={new string('a', 4000)}>\r\n").ShouldBe(400);
    }

    [Theory]
    [InlineData("Replaces=12345%40192.0.2.9%3Bto-tag%3D12%3Bfrom-tag%3D5FFE-3994")]
    [InlineData("Subject=x&replaces=12345%40192.0.2.9%3bfrom-tag%3d5FFE-3994%3bto-tag%3d12&Require=replaces")]
    [InlineData("Replaces=12345@192.0.2.9;to-tag=12;from-tag=5FFE-3994")]
    public void What_is_to_be_replaced_is_read(string headers) =>
        Target($"Refer-To: <sip:a@b.example?{headers}>\r\nReferred-By: <sip:b@192.0.2.7>;cid=\"x\"\r\n")
        .ShouldBe(new ReferTarget("sip:a@b.example", new ReplacedDialog("12345@192.0.2.9", "12", "5FFE-3994"), "sip:b@192.0.2.7", true));

    [Theory]
    [InlineData("Refer-Sub: false", false)]
    [InlineData("refer-sub: FALSE;x=y", false)]
    [InlineData("Refer-Sub: true", true)]
    [InlineData("Refer-Sub: nonsense", true)]
    public void Who_wants_no_reports_says_so(string header, bool wants) => Target($"Refer-To: <sip:a@b.example>\r\n{header}\r\n").WantsReports.ShouldBe(wants);

    [Theory]
    [InlineData("425928@bobster.example.org;to-tag=7743;from-tag=6472", "425928@bobster.example.org", "7743", "6472", false)]
    [InlineData(" 98732@sip.example.com ; from-tag=r33th4x0r;to-tag=ff87ff;x=y;early-only", "98732@sip.example.com", "ff87ff", "r33th4x0r", true)]
    public void A_replaced_dialog_is_read(string text, string callId, string to, string from, bool isEarlyOnly)
    {
        ReplacedDialog.TryParse(text, out var read).ShouldBeTrue();
        read.ShouldBe(new ReplacedDialog(callId, to, from, isEarlyOnly));
        ReplacedDialog.TryParse(read!.ToString(), out var again).ShouldBeTrue();
        again.ShouldBe(read);
    }

    [Theory]
    [InlineData("")]
    [InlineData(";to-tag=1;from-tag=2")]
    [InlineData("x;to-tag=1")]
    [InlineData("x;to-tag=1;to-tag=1;from-tag=2")]
    [InlineData("x;to-tag=;from-tag=2")]
    [InlineData("x;to-tag=1 2;from-tag=2")]
    [InlineData("x y;to-tag=1;from-tag=2")]
    [InlineData("x,y;to-tag=1;from-tag=2")]
    [InlineData("x\r\nX: y;to-tag=1;from-tag=2")]
    public void What_does_not_name_a_dialog_is_malformed(string text) => ReplacedDialog.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Two_of_them_are_malformed_and_none_is_none()
    {
        ReplacedDialog.Of(Read("INVITE", "Replaces: x;to-tag=1;from-tag=2\r\nReplaces: y;to-tag=1;from-tag=2\r\n"), out var isMalformed).ShouldBeNull();
        isMalformed.ShouldBeTrue();
        ReplacedDialog.Of(Read("INVITE", ""), out isMalformed).ShouldBeNull();
        isMalformed.ShouldBeFalse();
        ReplacedDialog.Of(Read("INVITE", "Replaces: x;to-tag=1;from-tag=2\r\n"), out isMalformed).ShouldBe(new ReplacedDialog("x", "1", "2"));
    }

    [Fact]
    public void A_dialog_is_that_one_by_call_id_and_both_tags_from_this_end()
    {
        new ReplacedDialog("c1", "ours", "theirs").Is(Dialog).ShouldBeTrue();
        new ReplacedDialog("c1", "theirs", "ours").Is(Dialog).ShouldBeFalse();
        new ReplacedDialog("c2", "ours", "theirs").Is(Dialog).ShouldBeFalse();
        new ReplacedDialog("c1", "our", "theirs").Is(Dialog).ShouldBeFalse();
        new ReplacedDialog("c1", "ours", "their").Is(Dialog).ShouldBeFalse();
        new ReplacedDialog("c1", "ours", "0").Is(Dialog with { RemoteTag = "" }).ShouldBeTrue("RFC 2543");
        ReplacedDialog.AtTheFarEndOf(Dialog).ShouldBe(new ReplacedDialog("c1", "theirs", "ours"));
    }

    [Fact]
    public void A_refer_has_what_its_rfcs_want_and_is_read_again()
    {
        var target = ReferTarget.Format("sip:carol@example.com", new ReplacedDialog("c@2", "to", "from"));
        var refer = ReferRequests.Refer(Dialog, target, wantsReports: false, out var next);
        next.LocalCSeq.ShouldBe(6u);
        Round(refer).ShouldContain("Refer-To: <sip:carol@example.com?Replaces=c%402%3Bto-tag%3Dto%3Bfrom-tag%3Dfrom>\r\n"
            + "Referred-By: <sip:us@192.0.2.1>\r\nRefer-Sub: false\r\n");
        ReferTarget.Read(refer, out var read).ShouldBe(0);
        read.ShouldBe(new ReferTarget("sip:carol@example.com", new ReplacedDialog("c@2", "to", "from"), "sip:us@192.0.2.1", false));
    }

    [Theory]
    [InlineData("SIP/2.0 100 Trying\r\n", 100, "Trying")]
    [InlineData("\r\nSIP/2.0 200 OK\r\nContact: <sip:x@y>\r\n\r\nbody", 200, "OK")]
    [InlineData("sip/2.0  486  Busy Here", 486, "Busy Here")]
    [InlineData("SIP/2.0 200", 200, "")]
    [InlineData("SIP/2.0 180 Bad\u001bwords\r\n", 180, "Bad\\u001bwords")]
    [InlineData("SIP/2.0 99 Low", null, "")]
    [InlineData("SIP/2.0 700 High", null, "")]
    [InlineData("SIP/2.0 2x0 Odd", null, "")]
    [InlineData("HTTP/1.1 200 OK", null, "")]
    [InlineData("", null, "")]
    public void A_fragment_is_read(string body, int? status, string reason) =>
        ReferReport.ReadFragment(Encoding.UTF8.GetBytes(body)).ShouldBe((status, reason));

    [Theory]
    [InlineData("Event: refer\r\nSubscription-State: active;expires=60\r\n", false, null, null)]
    [InlineData("o: REFER;id=93809824\r\nSubscription-State: terminated;reason=noresource\r\n", true, "noresource", 93809824u)]
    [InlineData("Event: refer;id=x\r\n", false, null, uint.MaxValue)]
    [InlineData("Event: refer\r\nSubscription-State: TERMINATED;retry-after=1;Reason=giveup\r\n", true, "giveup", null)]
    public void A_report_is_read(string headers, bool isLast, string? why, uint? id) =>
        ReferReport.Read(Read("NOTIFY", headers, "SIP/2.0 180 Ringing\r\n"), out _).ShouldBe(new ReferReport(180, "Ringing", isLast, why, id));

    [Theory]
    [InlineData("")]
    [InlineData("Event: presence\r\n")]
    [InlineData("Event: refers\r\n")]
    public void A_report_of_something_else_is_refused(string headers)
    {
        ReferReport.Read(Read("NOTIFY", headers), out var refusal).ShouldBeNull();
        (refusal!.Status, refusal.Get(HeaderId.AllowEvents)).ShouldBe((489, "refer"));
    }

    [Fact]
    public void A_report_has_what_its_rfc_wants()
    {
        var text = Round(ReferRequests.Report(Dialog, 7, 180, null, 299, out _));
        text.ShouldContain("Event: refer;id=7\r\nSubscription-State: active;expires=299\r\nContent-Type: message/sipfrag;version=2.0\r\n");
        text.ShouldEndWith("\r\n\r\nSIP/2.0 180 Ringing\r\n");
        Round(ReferRequests.Report(Dialog, 7, 603, "noresource", 0, out _)).ShouldContain("Subscription-State: terminated;reason=noresource\r\n");
        var accepted = ReferRequests.Accept(Read("REFER", ""), Dialog.LocalContact, reports: false);
        (accepted.Status, accepted.Get(HeaderId.Contact), accepted.Get("Refer-Sub")).ShouldBe((202, "<sip:ours@192.0.2.1:5060>", "false"));
    }
}
