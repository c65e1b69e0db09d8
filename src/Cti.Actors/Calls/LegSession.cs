using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;
using Usage = Cti.Sip.Dialog;

namespace Cti.Actors.Calls;

/// <summary>
/// The session of the confirmed dialog, in front of <see cref="ReInviteUsage"/>: their changes, whose answers wait until the change is durable, and our own
/// requests to change, move or refresh it.
/// </summary>
internal sealed class LegSession(LegContext leg, LegUsages usages, LegRoute route, LegHosts hosts, HeldAnswers held, LegEnding ending)
{
    /// <summary>Re-INVITEs that may still be answered: the last one, and those before it whose ACK is outstanding.</summary>
    public const int ChangesMax = 4;

    private readonly Queue<ServerTransaction> _changes = new();
    private RequestHandle? _request;

    /// <summary>Whether a re-INVITE or an UPDATE of ours is on its way.</summary>
    public bool IsAsking => usages.Session?.IsAsking == true;

    /// <summary>Whether a request is our last re-INVITE or UPDATE.</summary>
    public bool Is(RequestHandle handle) => handle == _request;

    /// <summary>Whether a response that belongs to no transaction any more answers our last re-INVITE or UPDATE.</summary>
    public bool IsAnsweredBy(SipResponse response) => _request is not null && response.CSeq.Number == _request.Request.CSeq.Number;

    /// <summary>A re-INVITE or UPDATE of theirs.</summary>
    public ResourceCommand? Change(ServerTransaction transaction)
    {
        _changes.Enqueue(transaction);
        if (_changes.Count > ChangesMax) _changes.Dequeue();
        return Step(new ReInviteInput.Received(transaction.Request, leg.Services.Random.Next(11)));
    }

    public ResourceCommand? Responded(ResponseCame came)
    {
        if (usages.Session is not { } running) return AcknowledgeAfterAll(came.Response);
        var random = leg.Services.Random;
        return Step(new ReInviteInput.Responded(came.Response, random.NextHex(16), random.Next(1 << 20)) { Answer = leg.AnswerTo(came, running.Digest) });
    }

    public ResourceCommand? Repeated(SipResponse response) =>
        usages.Session is null ? AcknowledgeAfterAll(response) : Step(new ReInviteInput.Responded(response, "", 0));

    /// <summary>Our request ended without a final response.</summary>
    public ResourceCommand? NotAnswered(int status) => usages.Session is null ? null : Step(new ReInviteInput.Failed(status));

    public ResourceCommand? Acknowledged(SipRequest ack) => usages.Session is null ? null : Step(new ReInviteInput.Acknowledged(ack));

    public ResourceCommand? Step(ReInviteInput input)
    {
        var before = usages.Session!;
        var running = ReferenceEquals(before.Hosts, hosts.Known) ? before : before with { Hosts = hosts.Known };
        var step = ReInviteUsage.Step(running, input, leg.NowMillis, leg.Services.SipTimers);
        var session = usages.Session = step.State;
        ResourceCommand? command = null;
        var over = step.Actions.Any(static action => action is DialogOver);
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case SendResponse response when _changes.FirstOrDefault(change => change.Request == response.Request) is { } transaction:
                    // A 2xx that changes the session waits until the change is durable; a refusal changes nothing.
                    if (command is not null && !response.Repeated) held.Hold(transaction, response.Response);
                    else leg.Services.Sip.Respond(transaction, response.Response);
                    break;
                case SendRequest request when !over:
                    _request = route.Start(request.Request);
                    break;
                case Usage.SendAck ack:
                    route.Acknowledge(ack.Ack);
                    break;
                case TargetRefreshed:
                    command = new TargetMoved(session.Dialog);
                    break;
                case MediaAgreed agreed:
                    SettleAnswer();
                    command = new DialogChanged(session.Dialog, agreed.Media, agreed.Local.ToJournal()) { Timer = session.Timer };
                    break;
                case ReInviteRefused refused when leg.Cell.State!.InterruptedMillis is not null:
                    command = new TakeoverRefused(refused.Status);
                    break;
                case DialogOver lost:
                    command = IsTakeoverLost(lost.Status) ? new TakeoverRefused(lost.Status) : new DialogLost(lost.Status);
                    break;
            }
        }
        return command;
    }

    /// <summary>Another node has the call now.</summary>
    public void Abandon()
    {
        if (_request is not null) _request.IsGivenUp = true;
    }

    /// <summary>A 2xx to a re-INVITE of ours that comes when the call is over already (RFC 3261 section 13.2.2.4 knows no exception).</summary>
    private ResourceCommand? AcknowledgeAfterAll(SipResponse response)
    {
        if (response.IsSuccess && _request is { Request: { Method: SipMethods.Invite } invite } && (ending.Dialog ?? leg.Cell.State?.Dialog) is { } dialog)
            route.Acknowledge(DialogRequests.Ack(dialog, invite));
        return null;
    }

    /// <summary>Who agrees on a change has seen our 2xx.</summary>
    private void SettleAnswer()
    {
        if (leg.IsRestored && usages.Server is { Phase: InviteServerPhase.Accepted } serving)
            usages.Server = serving with { Phase = InviteServerPhase.Confirmed, ResendAt = long.MaxValue, EndAt = long.MaxValue };
    }

    /// <summary>Only a far end that has lost the call, or is gone, ends it in the usual way.</summary>
    private bool IsTakeoverLost(int status) => leg.Cell.State!.InterruptedMillis is not null && status is not (408 or 481);
}
