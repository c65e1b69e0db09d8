using Cti.Calls.Call;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;

namespace Cti.Simulation;

/// <summary>
/// Write-ahead, seen from the wire: what a far end is told must be durable before it leaves (INVITE, final responses, ACK of a 2xx, BYE, CANCEL); and no number
/// of a dialog is used twice, whichever life of the node used it first.
/// </summary>
internal sealed class WireChecks(VirtualWorld world)
{
    private readonly HashSet<string> _inviteBranches = new(StringComparer.Ordinal);
    private readonly HashSet<(string CallId, string? Tag, uint Number)> _invites = [];
    private readonly Dictionary<(string CallId, string? Tag), SortedDictionary<uint, (string Method, string Branch)>> _numbers = [];

    public void Leaves(ReadOnlyMemory<byte> bytes, NodeProcess process)
    {
        var message = SipParser.ParseDatagram(bytes).Message ?? throw new InvalidOperationException("the node sends what is no message");
        world.Trace.Add($"> {Describe(message)}", bytes.Span);
        world.Sent(message, process);
        if (message is SipResponse response) Check(response);
        else Check((SipRequest)message, process);
    }

    private static string Describe(SipMessage message) => message switch
    {
        SipRequest request => $"{request.Method} {request.CSeq.Number} {request.CallId}",
        SipResponse response => $"{response.Status} {response.CSeq.Number} {response.CSeq.Method} {response.CallId}",
        _ => "?",
    };

    private void Check(SipResponse response)
    {
        if (response.CSeq.Method != SipMethods.Invite || response.Status < 200 || !DialogTag.TryParse(response.To.Tag, out var tag)) return;
        var book = world.Ledger.Find<CallBook>(tag.Resource.ToString());
        if (book is null)
        {
            // Refused before a call existed: nothing was promised.
            if (response.Status < 300) world.Fail($"a 200 for {tag.Resource}, of which nothing is durable");
            return;
        }
        if (book.First is not Offered offered || response.CSeq.Number != offered.Dialog.RemoteCSeq) return;
        if (response.Status < 300 && !book.WasAnswerRequested) world.Fail($"{book.Id}: a 200 before the answer is durable");
        // 487 answers a far end that has given up, as the 200 to its BYE does: it promises nothing.
        if (response.Status >= 300 && response.Status != 487 && book.Release is null) world.Fail($"{book.Id}: {response.Status} before the release is durable");
    }

    private void CheckNumber(SipRequest request)
    {
        var dialog = (request.CallId, request.From.Tag);
        if (request.Method == SipMethods.Invite) _invites.Add((request.CallId, request.From.Tag, request.CSeq.Number));
        if (request.Method is SipMethods.Ack or SipMethods.Cancel || request.To.Tag is null) return;
        if (!_numbers.TryGetValue(dialog, out var known)) _numbers.Add(dialog, known = []);
        var (number, branch) = (request.CSeq.Number, request.TopVia.Branch!);
        if (known.TryGetValue(number, out var used) ? used.Branch != branch : known.Count > 0 && known.Keys.Last() > number)
        {
            if (EndsLateAnswer(request, known.Values)) return;
            world.Fail($"{request.CallId}: {request.Method} with CSeq {number} after {known.Keys.Last()}");
        }
        // A BYE that no journal knows of is far beyond the rest: whoever heard it knows the dialog no more, whoever did not compares with what went before.
        if (request.Method != SipMethods.Bye || number <= Limits.SipCSeqOfLastWord) known[number] = (request.Method, branch);
    }

    /// <summary>
    /// A 2xx that comes again, or late, is answered by ACK and BYE, whose number is the next after the 2xx's and not the dialog's: so says whoever knows the
    /// call no more, and the call itself where nothing was ever said in that dialog but BYE.
    /// </summary>
    private bool EndsLateAnswer(SipRequest request, IReadOnlyCollection<(string Method, string Branch)> known) =>
        request.Method == SipMethods.Bye && _invites.Contains((request.CallId, request.From.Tag, request.CSeq.Number - 1))
        && (request.Get(HeaderId.Reason)?.Contains("Call does not exist", StringComparison.Ordinal) == true
            || known.All(static said => said.Method == SipMethods.Bye));

    private void Check(SipRequest request, NodeProcess process)
    {
        CheckNumber(request);
        if (!DialogTag.TryParse(request.From.Tag, out var tag)) return;
        var book = world.Ledger.Find<CallBook>(tag.Resource.ToString());
        switch (request.Method)
        {
            case SipMethods.Invite when request.To.Tag is null:
                _inviteBranches.Add(request.TopVia.Branch!);
                if (book is null) world.Fail($"an INVITE of {tag.Resource}, which is not durable");
                break;
            case SipMethods.Cancel:
                if (book?.Release is null) world.Fail($"{tag.Resource}: a CANCEL before the release is durable");
                break;
            case SipMethods.Bye:
                if (book is { Release: null } && !world.MayHangUpUnwritten(book, process)) world.Fail($"{tag.Resource}: a BYE before the release is durable");
                break;
            case SipMethods.Ack when !_inviteBranches.Contains(request.TopVia.Branch!) && book is { First: Constructed, WasDialAnswered: false, Release: null }:
                world.Fail($"{tag.Resource}: the ACK of a 2xx before the answer is durable");
                break;
        }
    }
}
