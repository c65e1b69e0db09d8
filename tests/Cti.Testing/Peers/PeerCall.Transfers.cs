using System.Net;
using System.Text;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>Transfers, of both sides.</summary>
public sealed partial class PeerCall
{
    private uint _refer;

    /// <summary>How their REFER is answered, and what is reported after a 202; null: such a thing is not known here (405).</summary>
    public Func<(int AfterMillis, int Status)[]>? Refers { get; set; }

    /// <summary>REFERs of theirs that were taken.</summary>
    public int Referred { get; private set; }

    /// <summary>What they reported on our REFERs, in order.</summary>
    public List<int> Reports { get; } = [];

    /// <summary>Asks to be connected with somebody else.</summary>
    public void Refer(string to, bool wantsReports = true)
    {
        if (Phase != PeerPhase.Up) return;
        var refer = NewRequest(SipMethods.Refer, ++_localCSeq);
        refer.Add(HeaderId.ReferTo, $"<{to}>");
        if (!wantsReports) refer.Add("Refer-Sub", "false");
        _refer = _localCSeq;
        Start(refer);
    }

    private void ReceiveRefer(IPEndPoint from, SipRequest refer)
    {
        if (Refers?.Invoke() is not [var answer, .. var reports])
        {
            Answer(from, refer, 405);
            return;
        }
        if (refer.Get(HeaderId.ReferTo) is not { } target || !NameAddr.TryParse(target, out _)) Violated("a REFER without a Refer-To that can be read");
        if (refer.Contact is null) Violated("a REFER without Contact");
        Referred++;
        var number = refer.CSeq.Number;
        // Until then a repetition is not answered.
        _answered[Key(refer)] = null;
        _peer.Runtime.After(answer.AfterMillis, () =>
        {
            Answer(from, refer, answer.Status);
            if (answer.Status < 300) Report(number, reports);
        });
    }

    private void Report(uint refer, (int AfterMillis, int Status)[] reports)
    {
        if (reports.Length == 0) return;
        _peer.Runtime.After(reports[0].AfterMillis, () =>
        {
            if (Phase != PeerPhase.Up) return;
            var notify = NewRequest(SipMethods.Notify, ++_localCSeq);
            notify.Add(HeaderId.Event, $"refer;id={refer}");
            notify.Add(HeaderId.SubscriptionState, reports[0].Status < 200 ? "active;expires=60" : "terminated;reason=noresource");
            notify.SetBody("message/sipfrag;version=2.0", Encoding.ASCII.GetBytes($"SIP/2.0 {reports[0].Status} Words\r\n"));
            Start(notify);
            Report(refer, reports[1..]);
        });
    }

    private void ReceiveReport(IPEndPoint from, SipRequest notify)
    {
        var text = Encoding.ASCII.GetString(notify.Body.Span);
        if (_refer == 0 || notify.Get(HeaderId.Event) is not { } about || !about.StartsWith("refer;id=", StringComparison.Ordinal))
            Violated("a report that nobody has asked for");
        if (notify.Get(HeaderId.SubscriptionState) is null) Violated("a report that does not say whether it is the last one");
        if (!text.StartsWith("SIP/2.0 ", StringComparison.Ordinal)) Violated($"a report of nothing: {text}");
        else Reports.Add(int.Parse(text.AsSpan(8, 3), System.Globalization.CultureInfo.InvariantCulture));
        Answer(from, notify, 200);
    }
}
