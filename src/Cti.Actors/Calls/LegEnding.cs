using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/*
   How the dialog ends by a BYE

                    hang up, our 2xx has no ACK      +---------+  the ACK came, or will not
             +-------------------------------------> | Waiting | ----------------+
             |                                       +---------+                 V
          +------+  hang up                                                  +------+   answered, or nothing came
          | Open | --------------------------------------------------------> | Sent | ---------------------------> settled
          +------+                                                           +------+ --+
             |      their BYE          +--------+  hang up                       ^      |  challenged, or the connection was gone: once more
             +-----------------------> | Theirs | ----------> settled            +------+
                                       +--------+
*/

/// <summary>The end of a call's dialog: our BYE until it is answered, and theirs once it was.</summary>
internal sealed class LegEnding(LegContext leg, LegUsages usages, LegRoute route)
{
    private RequestHandle? _request;
    private DialogState? _dialog;
    private int _cause;
    private string? _headers;
    private DigestSession _digest = DigestSession.Empty;
    private SendBye? _whenAcknowledged;
    private bool _hasFarEndHungUp;
    private ByeArrived? _theirs;

    /// <summary>Whether we have hung up, or are about to.</summary>
    public bool IsOurs => _request is not null || _whenAcknowledged is not null;

    /// <summary>The dialog after our BYE; null where we sent none.</summary>
    public DialogState? Dialog => _dialog;

    /// <summary>Whether a request is our BYE.</summary>
    public bool Is(RequestHandle handle) => handle == _request;

    public void HangUp(SendBye bye, CallState state)
    {
        if (_hasFarEndHungUp)
        {
            // Its BYE came while the release was on its way to the disk: the dialog is over (RFC 3261 section 15.1.2), and nobody is left to be told.
            leg.Cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        if (usages.Server is { Phase: InviteServerPhase.Accepted })
        {
            // The callee may not hang up before it has seen the ACK (RFC 3261 section 15).
            _whenAcknowledged = bye;
            return;
        }
        var dialog = usages.Dialog ?? state.Dialog;
        usages.Session = null;
        // A BYE of theirs that came while ours waited for the disk: there is nobody left to hang up on.
        if (dialog is null || _theirs is not null)
        {
            leg.Cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        route.UseFlowOf(dialog);
        if (bye.IsUnwritten) dialog = dialog with { LocalCSeq = Math.Max(dialog.LocalCSeq, Limits.SipCSeqOfLastWord) };
        (_cause, _headers) = (bye.Cause, bye.Headers);
        _request = route.Start(Bye(dialog));
    }

    private SipRequest Bye(DialogState dialog) => CarriedHeaders.With(DialogRequests.Bye(dialog, out _dialog, SipReason.Sip(_cause)), _headers);

    /// <summary>Where our BYE waits for the ACK it goes out now, and what came of waiting is not decided on.</summary>
    public ResourceCommand? InsteadOf(ResourceCommand? command)
    {
        if (_whenAcknowledged is not { } bye || command is not (AckArrived or AckMissing or AckUnusable)) return command;
        _whenAcknowledged = null;
        HangUp(bye, leg.Cell.State!);
        return null;
    }

    /// <summary>A BYE that waits for the ACK is not needed any more.</summary>
    public void WaitNoMore() => _whenAcknowledged = null;

    /// <summary>A BYE whose connection was gone is sent once more by a new one.</summary>
    public FarEndSettled? NotSent(int status)
    {
        if (status != 503 || route.Flow.Connection == 0 || _dialog is not { } dialog) return new FarEndSettled();
        route.Flow = route.Flow with { Connection = 0 };
        _request = route.Start(Bye(dialog));
        return null;
    }

    public FarEndSettled? Answered(ResponseCame came)
    {
        if (came.Response.IsProvisional) return null;
        if (leg.Credentials is { } credentials && _dialog is { } dialog && leg.AnswerTo(came, _digest) is { } digest)
        {
            var again = Bye(dialog);
            _digest = DigestChallenges.AddTo(again, digest, credentials, leg.Services.Random.NextHex(16));
            _request = route.Start(again);
            return null;
        }
        return new FarEndSettled();
    }

    /// <summary>
    /// Answered at once while the journal can be written, and when the node's own disk has it while it cannot: what was answered is not forgotten.
    /// </summary>
    public ByeArrived Answer(ServerTransaction transaction)
    {
        var request = transaction.Request;
        _hasFarEndHungUp = true;
        var bye = new ByeArrived(SipReason.SipCause(request)) { AtMillis = leg.Clock.UnixMillis, Headers = leg.Heard(request) };
        if (leg.Cell.Journal.IsStalled && leg.Cell.Durable is { IsReleased: false } call)
            leg.Services.ToldByes.Keep(call.Id.ToString(), bye, () => leg.Services.Sip.Respond(transaction, SipResponse.For(request, 200)));
        else leg.Services.Sip.Respond(transaction, SipResponse.For(request, 200));
        return bye;
    }

    /// <summary>Their BYE ends the session; in an INVITE that nobody has answered there is none.</summary>
    public ByeArrived Over(ByeArrived bye)
    {
        usages.Session = null;
        return _theirs = bye;
    }

    /// <summary>Another node has the call now.</summary>
    public void Abandon()
    {
        // Its far end has hung up and was told so, which nobody else would learn: kept here until the call's new owner has it.
        if (_theirs is not null && leg.Cell.Durable is { IsReleased: false } call) leg.Services.ToldByes.Deliver(call.Id.ToString(), _theirs);
        if (_request is not null) _request.IsGivenUp = true;
    }
}
