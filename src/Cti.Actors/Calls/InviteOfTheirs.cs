using Cti.Actors.Resources;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>
/// The INVITE of an inbound call, from the offer to the ACK, in front of <see cref="InviteServerUsage"/>: its transaction, which is that of the newest branch
/// where the same INVITE comes by several paths, and the UPDATE or PRACK that is being answered.
/// </summary>
internal sealed class InviteOfTheirs(LegContext leg, LegUsages usages, LegRoute route, LegHosts hosts, HeldAnswers held, LegEnding ending, LegTakeover takeover)
{
    private ServerTransaction? _transaction;
    private ServerTransaction? _asked;
    private SipFlow? _carrier;

    /// <summary>What it came by; null for an outbound call.</summary>
    public SipFlow? Flow => _transaction?.Flow;

    /// <summary>What may be sent to a caller that has not shown itself; null for any other.</summary>
    public static SourceAllowance? AllowanceOf(ServerTransaction transaction, Trunk? trunk)
    {
        if (transaction.Origin is null || trunk is not null || transaction.Flow.IsReliable) return transaction.Allowance;
        // The node that has the transaction keeps count of what it answers; here it is what we ask.
        var elsewhere = new SourceAllowance();
        elsewhere.Came(SipMessageWriter.GetLength(transaction.Request));
        return elsewhere;
    }

    /// <summary>It came here: its connection is kept open as long as the call lives.</summary>
    public void Begin(ServerTransaction transaction)
    {
        _transaction = transaction;
        _carrier = transaction.Flow;
        leg.Services.Sip.CountCall(transaction.Flow, 1);
    }

    /// <summary>It came to a node that is gone.</summary>
    public void TakeOver(SipRequest invite, SipFlow dead, DialogState dialog, SdpSession sdp, bool isAnswered, string? headers = null)
    {
        usages.Server = InviteServerUsage.Restore(invite, dialog, sdp, isAnswered, leg.NowMillis, leg.Services.SipTimers, headers,
            leg.Profile);
        _transaction = ServerTransaction.Detached(invite, leg.Services.Sip.Facing(dead));
        leg.Services.Sip.AdoptInbound(_transaction, leg.Cell.Actor);
    }

    public ResourceCommand? Step(InviteServerInput input)
    {
        if (usages.Server is not { } before) return null;
        var serving = ReferenceEquals(before.Hosts, hosts.Known) ? before : before with { Hosts = hosts.Known };
        var step = InviteServerUsage.Step(serving, input, leg.NowMillis, leg.Services.SipTimers);
        var isElsewhere = before.Dialog.RemoteTarget != step.State.Dialog.RemoteTarget;
        usages.Server = step.State;
        ResourceCommand? command = isElsewhere ? new TargetMoved(step.State.Dialog) : null;
        NegotiatedAudio? agreed = null;
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case SendResponse response when response.Request.Method is SipMethods.Update or SipMethods.Prack:
                    AnswerInDialog(response, isHeld: isElsewhere);
                    break;
                case SendResponse response:
                    leg.Services.Sip.Respond(_transaction!, response.Response);
                    if (response.Response.IsSuccess) takeover.CountAnswers(response.Repeated);
                    break;
                case MediaAgreed media:
                    agreed = media.Media;
                    break;
                case ProvisionalNotAcknowledged:
                    command = new PrackMissing();
                    break;
                case InviteConfirmed confirmed:
                    command = Confirmed(confirmed.Dialog, agreed);
                    break;
                case InviteFailed failed:
                    if (failed.Status != 408) route.CallerIsShown();
                    // The BYE that the usage proposes is left to the decision, which is journaled before it goes out.
                    command = failed.Status == 408 ? new AckMissing() : new AckUnusable();
                    break;
            }
        }
        return ending.InsteadOf(command);
    }

    /// <summary>An UPDATE came before the ACK.</summary>
    public ResourceCommand? Update(ServerTransaction transaction)
    {
        _asked = transaction;
        return Step(new InviteServerInput.Overlapped(transaction.Request, leg.Services.Random.Next(11)));
    }

    /// <summary>A PRACK, which fits the dialog.</summary>
    public ResourceCommand? Acknowledged(ServerTransaction transaction)
    {
        _asked = transaction;
        if (usages.Server is not null) return Step(new InviteServerInput.ProvisionalAcknowledged(transaction.Request));
        leg.Services.Sip.Respond(transaction, DialogChecks.NoSuchDialog(transaction.Request));
        return null;
    }

    public ResourceCommand? Cancelled(SipRequest cancel, CallState state)
    {
        // Once we have decided to answer, the 200 wins; the caller hangs up with a BYE (RFC 3261 section 9.2).
        if (usages.Server is not { Phase: InviteServerPhase.Offered } || state.Phase == CallPhase.Answer) return null;
        Step(new InviteServerInput.Cancelled(cancel));
        return new CallerCancelled { Headers = leg.Heard(cancel) };
    }

    public void Refuse(SendRefusal refusal)
    {
        var contact = refusal.Contact is { } uri ? new NameAddr(SipUri.Parse(uri)) : null;
        Step(new InviteServerInput.Refuse(refusal.Status, null, contact, refusal.Headers));
        // The transaction repeats the response until its ACK by itself; a journal entry per ACK would buy nothing.
        leg.Cell.Actor.Tell(new Decide(new FarEndSettled()));
    }

    /// <summary>
    /// A proxy that asks again cancels the branch before: the caller has not given up. Compared by their Via, as an INVITE may have been taken over.
    /// </summary>
    public bool IsOlderBranch(ServerTransaction cancelled) =>
        _transaction is { } newest && newest != cancelled && newest.Request.TopVia.Branch != cancelled.Request.TopVia.Branch;

    /// <summary>The same INVITE by another path: the older branch is refused as merged; the newer hears what the older had heard.</summary>
    public ResourceCommand? Join(ServerTransaction arrived, CallState state)
    {
        if (usages.Server is null || _transaction is not { } before || InviteServerUsage.Join(usages.Server, arrived.Request) is not { } joined)
        {
            leg.Services.Sip.Respond(arrived, SipResponse.For(arrived.Request, 482, null, leg.Services.Random.NextHex(8)));
            return null;
        }
        leg.Services.Sip.Respond(before, SipResponse.For(before.Request, 482, null, leg.Services.Random.NextHex(8)));
        usages.Server = joined;
        _transaction = arrived;
        // The older one rings since the call is durable; a reliable response goes on by the new path.
        if (joined.Unacknowledged is not { IsOver: false } && state.Phase == CallPhase.Initiated && leg.Cell.Durable is not null)
            Step(new InviteServerInput.Provide(180));
        return null;
    }

    /// <summary>Another node has the call now, and answers what is not answered yet.</summary>
    public void Abandon()
    {
        if (usages.Server is { Phase: InviteServerPhase.Offered } serving && _transaction is not null)
            leg.Services.Sip.HandOff(_transaction, serving.Dialog.LocalTag, leg.Services.Settings.OfferTimeoutMillis + leg.Services.SipTimers.Limit);
    }

    /// <summary>The call is gone: its connection may be closed.</summary>
    public void Forget()
    {
        if (_carrier is { } carried) leg.Services.Sip.CountCall(carried, -1);
        _carrier = null;
    }

    /// <summary>Each UPDATE and PRACK is answered in the step that takes it; one that moves the far end waits until that is durable.</summary>
    private void AnswerInDialog(SendResponse answer, bool isHeld)
    {
        if (isHeld) held.Hold(_asked!, answer.Response);
        else leg.Services.Sip.Respond(_asked!, answer.Response);
    }

    private AckArrived Confirmed(DialogState dialog, NegotiatedAudio? agreed)
    {
        var serving = usages.Server!;
        route.CallerIsShown();
        // One that was made before the ACK came has told the far end where we are already.
        usages.Session ??= new ReInviteState
        {
            Dialog = dialog,
            Local = leg.Local,
            LocalSdp = serving.LocalSdp!,
            Credentials = leg.Credentials,
            AllowsUpdate = serving.AllowsUpdate,
            TimerRules = leg.Profile.Timer,
            LeastSeconds = serving.LeastSeconds,
        }.WithTimer(serving.Timer, leg.NowMillis);
        return new AckArrived(serving.Offer is not null && agreed is null ? null : agreed) { Timer = serving.Timer };
    }
}
