using System.Text;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Fuzz.Targets;

/// <summary>
/// What transfers hang on: Refer-To, Replaces, Referred-By, reports. Whatever is taken can be written again, says the same when it is read again, and breaks
/// out of no line.
/// </summary>
public sealed class SipReferTarget : IFuzzTarget
{
    private static readonly DialogState Dialog = new("c1", "u1", "b1", "<sip:u@192.0.2.1>", "<sip:b@192.0.2.7>", "<sip:us@192.0.2.1:5060>",
        "sip:b@192.0.2.7", [], 5, 1, "", false, true, true);

    private static readonly string[] Odd =
    [
        "Refer-To: <sip:carol@example.com;method=INVITE?Replaces=12345%40192.0.2.9%3Bto-tag%3D12%3Bfrom-tag%3D5FFE&Require=replaces>\r\n"
            + "Referred-By: <sip:b@192.0.2.7>\r\nRefer-Sub: false\r\n",
        "r: \"C\" <tel:+49-30-1;ext=7>\r\nb: sip:b@192.0.2.7;cid=\"x\"\r\n", "Refer-To: <sip:a@b?replaces=%0d%0aX:%20y;to-tag=1;from-tag=2>\r\n",
        "Refer-To: <sip:a@b>\r\nRefer-To: <sip:a@b>\r\n",
        "Replaces: 98732@x;from-tag=r33;to-tag=ff;early-only\r\n", "Replaces: ;to-tag==;from-tag\r\nReplaces: x;to-tag=1;from-tag=2\r\n",
        "Event: refer;id=7\r\nSubscription-State: terminated;reason=noresource\r\n",
        "o: refer;id=99999999999\r\nSubscription-State: ;;reason=\r\n", "Event: presence\r\n",
    ];

    public string Name => "sip-refer";

    public IEnumerable<byte[]> Seeds =>
        from odd in Odd
        from method in (string[])["REFER", "NOTIFY", "INVITE"]
        from body in (string[])["SIP/2.0 180 Ringing\r\n", "\r\nsip/2.0 200\r\nContact: <x>\r\n", "SIP/2.0 \u0001 x"]
        select Encoding.UTF8.GetBytes($"{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa\r\n"
            + $"From: <sip:b@192.0.2.7>;tag=b1\r\nTo: <sip:u@192.0.2.1>;tag=u1\r\n"
            + $"Call-ID: c1\r\nCSeq: 7 {method}\r\n{odd}Content-Type: message/sipfrag\r\n\r\n{body}");

    public void Run(ReadOnlySpan<byte> input)
    {
        Fragment(ReferReport.ReadFragment(input));
        Replaced(Encoding.UTF8.GetString(input));
        if (SipParser.ParseDatagram(input) is not { Outcome: SipParseOutcome.Message, Message: SipRequest request }) return;
        if (ReplacedDialog.Of(request, out _) is { } replaced) Replaced(replaced.ToString());
        var status = ReferTarget.Read(request, out var target);
        if (status == 0 != (target is not null)) throw new InvalidOperationException($"a REFER is taken and refused with {status}");
        if (target is not null) Taken(target);
        if (ReferReport.Read(request, out var refusal) is { } report)
        {
            Fragment((report.Status, report.Reason));
            Written(ReferRequests.Report(Dialog, report.EventId ?? 1, report.Status ?? 100, report.IsLast ? "noresource" : null, 60, out _));
        }
        else
        {
            Written(refusal!);
        }
    }

    private static void Taken(ReferTarget target)
    {
        var refer = ReferRequests.Refer(Dialog, ReferTarget.Format(target.Uri, target.Replaces), target.WantsReports, out _);
        Written(refer);
        var status = ReferTarget.Read(refer, out var again);
        if (again != target with { ReferredBy = "sip:u@192.0.2.1" }) throw new InvalidOperationException($"{target} comes back as {again} ({status})");
    }

    private static void Replaced(string text)
    {
        if (!ReplacedDialog.TryParse(text, out var replaced)) return;
        if (replaced.ToString().AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0) throw new InvalidOperationException($"{replaced} breaks out of its line");
        if (!ReplacedDialog.TryParse(replaced.ToString(), out var again) || again != replaced)
            throw new InvalidOperationException($"{replaced} is not read again");
    }

    private static void Fragment((int? Status, string Reason) told)
    {
        if (told.Status is < 100 or > 699) throw new InvalidOperationException($"{told.Status} is no status");
        if (told.Reason.Any(char.IsControl)) throw new InvalidOperationException("the words of a report steer a terminal");
    }

    private static void Written(SipMessage sent)
    {
        if (sent is SipRequest && !sent.Has(HeaderId.Via)) sent.AddFirst(HeaderId.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
        var bytes = SipMessageWriter.ToArray(sent);
        if (sent is SipRequest && SipParser.ParseDatagram(bytes) is { Outcome: not SipParseOutcome.Message } refused)
            throw new InvalidOperationException($"what we send is {refused.Rejection}: {Encoding.UTF8.GetString(bytes)}");
    }
}
