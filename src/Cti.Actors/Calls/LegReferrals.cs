using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>
/// REFER and its reports within the dialog, of both sides: what comes waits here for what is decided on it, what goes out is known again when it is answered.
/// What goes out does so one after the other and not beside a re-INVITE of ours, since the far end refuses what a later request has overtaken. Of the reports
/// that wait only the newest is worth sending: each tells all there is.
/// </summary>
internal sealed class LegReferrals(LegContext leg, LegUsages usages, LegRoute route, LegTakeover takeover)
{
    /// <summary>REFERs and reports of theirs that may wait for the disk: more than one of each at once is somebody else's mistake.</summary>
    private const int WaitingMax = 8;

    private readonly List<ServerTransaction> _asked = [];
    private readonly Queue<ServerTransaction> _reports = new();
    private readonly List<Sent> _sent = [];
    private Sent? _waitingRefer, _waitingReport;

    /// <summary>Whether nothing of it is under way.</summary>
    public bool IsQuiet => _asked.Count == 0 && _reports.Count == 0 && _sent.Count == 0 && _waitingRefer is null && _waitingReport is null;

    /// <summary>Whether a request is one of ours.</summary>
    public bool Is(RequestHandle handle) => Find(handle) is not null;

    /// <summary>Carries out what was decided on.</summary>
    public void Perform(TransferEffect effect, CallState state)
    {
        switch (effect)
        {
            case SendRefer refer: Refer(refer.Referral); break;
            case SendReport report: Report(report.Referred); break;
            case AnswerRefer answer: Answer(answer, state); break;
            case AnswerReport when _reports.TryDequeue(out var report): leg.Services.Sip.Respond(report, SipResponse.For(report.Request, 200)); break;
        }
    }

    /// <summary>A REFER of theirs, which fits the dialog.</summary>
    public ResourceCommand? Came(ServerTransaction transaction, CallState state)
    {
        var request = transaction.Request;
        if (SipCapabilities.RefuseExtensions(request, null) is { } refusal) return Refuse(transaction, refusal);
        if (_asked.Count >= WaitingMax) return Refuse(transaction, DialogChecks.TryLater(request, 1));
        // It was answered by a node that is gone, or that node did not come to it: its sender repeats it.
        if (state.Referred is { } known && known.CSeq == request.CSeq.Number)
        {
            _asked.Add(transaction);
            if (known.Stage is ReferredStage.Accepted or ReferredStage.Ending) Answer(new AnswerRefer(known.CSeq, 202, !known.IsSilent), state);
            return null;
        }
        var status = ReferTarget.Read(request, out var target);
        if (target is null) return Refuse(transaction, SipResponse.For(request, status));
        if (state.WasReleased || leg.Services.Subscribers.IsUnattended(state.Application))
            return Refuse(transaction, SipResponse.For(request, 603));
        _asked.Add(transaction);
        return new ReferArrived(request.CSeq.Number, target.Uri, target.Replaces?.ToString(), target.ReferredBy, target.WantsReports)
        {
            Headers = leg.Heard(request),
        };
    }

    /// <summary>A NOTIFY of theirs, which fits the dialog.</summary>
    public ResourceCommand? Reported(ServerTransaction transaction, CallState state)
    {
        var request = transaction.Request;
        if (SipCapabilities.RefuseExtensions(request, null) is { } refusal) return Refuse(transaction, refusal);
        if (ReferReport.Read(request, out var other) is not { } report) return Refuse(transaction, other!);
        // A subscription that is over, or was another REFER's, is none (RFC 6665 section 4.1.3).
        if (state.Referral is not { Stage: not ReferStage.Asking } referral
            || (report.EventId is { } id && (referral.EventId ?? NumberOf(referral) ?? id) != id))
            return Refuse(transaction, DialogChecks.NoSuchDialog(request));
        if (_reports.Count >= WaitingMax) return Refuse(transaction, DialogChecks.TryLater(request, 1));
        _reports.Enqueue(transaction);
        return new ReferReported(report.Status, report.Reason, report.IsLast, report.EndReason, report.EventId);
    }

    /// <summary>What waited goes out once nothing stands before it.</summary>
    public void GoOn()
    {
        if (takeover.IsFirst || _sent.Count > 0) return;
        if (_waitingRefer is { } refer)
        {
            _waitingRefer = null;
            Start(refer);
        }
        else
        {
            ReportNow();
        }
    }

    /// <summary>A report that waits goes out, whatever is under way: a BYE follows, which waits for nobody.</summary>
    public void ReportNow()
    {
        if (_waitingReport is not { } report) return;
        _waitingReport = null;
        Start(report);
    }

    public ResourceCommand? Responded(ResponseCame came)
    {
        if (came.Response.IsProvisional || Find(came.Handle) is not { } sent) return null;
        _sent.Remove(sent);
        if (sent.Tries < LegUsages.TriesMax && usages.WasOvertaken(came.Response))
        {
            var again = sent with { Tries = sent.Tries + 1, Digest = DigestSession.Empty };
            if (sent.Op is not null) _waitingRefer = again;
            else _waitingReport ??= again;
            return null;
        }
        if (leg.Credentials is { } credentials && usages.Session is { } session && leg.AnswerTo(came, sent.Digest) is { } digest)
        {
            var answered = sent.Build(session.Dialog, out var next);
            Start(sent with { Digest = DigestChallenges.AddTo(answered, digest, credentials, leg.Services.Random.NextHex(16)) }, answered, next);
            return null;
        }
        return sent.Ended(came.Handle.Request, came.Response.Status, VisibleText.Of(came.Response.Reason, Limits.HeaderValueCharsMax),
            !ReferReports.Declines(came.Response));
    }

    /// <summary>A request of ours ended without a final response.</summary>
    public ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        if (Find(handle) is not { } sent) return null;
        _sent.Remove(sent);
        return sent.Ended(handle.Request, status, status == 408 ? "the far end did not answer" : "the far end cannot be reached", true);
    }

    /// <summary>Another node has the call now: what is answered there it asks for itself.</summary>
    public void Abandon()
    {
        foreach (var sent in _sent) sent.Handle!.IsGivenUp = true;
    }

    /// <summary>The call is gone from here: what nobody has answered is another node's, or nobody's.</summary>
    public void GiveBack()
    {
        foreach (var waiting in (ServerTransaction[])[.. _asked, .. _reports]) leg.Services.Sip.GiveBack(waiting);
        _asked.Clear();
        _reports.Clear();
    }

    private void Refer(Referral referral)
    {
        var wanted = !referral.IsSilent;
        var replaces = ReplacedDialog.TryParse(referral.Replaces, out var read) ? read : null;
        _waitingRefer = new Sent
        {
            Op = referral.Op,
            Build = (DialogState dialog, out DialogState next) =>
                CarriedHeaders.With(ReferRequests.Refer(dialog, ReferTarget.Format(referral.Uri!, replaces), wanted, out next), referral.Headers),
            Ended = (request, status, reason, reports) => new ReferAnswered(referral.Op, status, reason, request.CSeq.Number, reports),
        };
    }

    private void Report(ReferOfTheirs referred)
    {
        var seconds = (referred.DeadlineMillis - leg.Clock.UnixMillis) / 1000;
        _waitingReport = new Sent
        {
            Build = (DialogState dialog, out DialogState next) =>
                ReferRequests.Report(dialog, referred.CSeq, referred.Status, referred.EndReason, seconds, out next),
            Ended = (_, status, _, _) => new ReportAnswered(status, referred.EndReason is not null),
        };
    }

    private void Answer(AnswerRefer answer, CallState state)
    {
        var at = _asked.FindIndex(asked => asked.Request.CSeq.Number == answer.CSeq);
        // It came to a node that is gone: its sender repeats it, or hears the first report.
        if (at < 0) return;
        var asked = _asked[at];
        _asked.RemoveAt(at);
        var contact = (usages.Dialog ?? state.Dialog)?.LocalContact ?? "";
        leg.Services.Sip.Respond(asked, answer.Status < 300 ? ReferRequests.Accept(asked.Request, contact, answer.Reports)
            : SipResponse.For(asked.Request, answer.Status));
    }

    /// <summary>The number of the REFER while it is not answered.</summary>
    private uint? NumberOf(Referral referral) => _sent.Find(sent => sent.Op == referral.Op)?.Handle?.Request.CSeq.Number;

    private Sent? Find(RequestHandle handle) => _sent.Find(sent => sent.Handle == handle);

    private ResourceCommand? Refuse(ServerTransaction transaction, SipResponse response)
    {
        leg.Services.Sip.Respond(transaction, response);
        return null;
    }

    private void Start(Sent sent)
    {
        if (usages.Session is not { } session)
        {
            // The call is ending: nobody is asked any more.
            return;
        }
        Start(sent, sent.Build(session.Dialog, out var next), next);
    }

    private void Start(Sent sent, SipRequest request, DialogState next)
    {
        usages.Session = usages.Session! with { Dialog = next };
        _sent.Add(sent with { Handle = route.Start(request) });
    }

    private delegate SipRequest Builder(DialogState dialog, out DialogState next);

    /// <summary>A REFER of ours, or a report, that is not answered yet.</summary>
    private sealed record Sent
    {
        /// <summary>The REFER's name; null for a report.</summary>
        public string? Op { get; init; }
        public required Builder Build { get; init; }
        /// <summary>What its answer means: the request, the status, its words, whether the far end will report.</summary>
        public required Func<SipRequest, int, string, bool, ResourceCommand> Ended { get; init; }
        public RequestHandle? Handle { get; init; }
        public DigestSession Digest { get; init; } = DigestSession.Empty;
        /// <summary>The how manieth it is, where others were overtaken.</summary>
        public int Tries { get; init; } = 1;
    }
}
