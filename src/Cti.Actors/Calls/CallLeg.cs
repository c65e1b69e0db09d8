using System.Net;
using Cti.Actors.Resources;
using Cti.Actors.Runtime;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;
using Usage = Cti.Sip.Dialog;

namespace Cti.Actors.Calls;

/// <summary>
/// A call's SIP side: holds the usages of its dialog (the INVITE's server or client, then the session) and carries what they say between the
/// SIP actor and the call's decisions. What a decision must be durable for waits here for its effect; repetitions do not.
/// </summary>
internal sealed partial class CallLeg : ICallLeg
{
    /// <summary>Re-INVITEs that may still be answered: the last one, and those before it whose ACK is outstanding.</summary>
    private const int ChangesMax = 4;

    private readonly LegContext leg;
    private readonly LegUsages usages;
    private readonly LegRoute route;
    private readonly HeldAnswers held;
    private readonly LegTimer timer;
    private readonly CallServices services;
    private readonly CallCell cell;
    private readonly ITimers timers;
    private readonly LocalAudio local;
    private readonly Trunk? trunk;
    private ServerTransaction? update;
    private readonly Queue<ServerTransaction> changes = new();
    private RequestHandle? sessionRequest;
    private RequestHandle? byeRequest;
    private DialogState? byeDialog;
    private int byeCause;
    private DigestSession byeDigest = DigestSession.Empty;
    private SipFlow? carrier;
    private SendBye? byeWhenAcknowledged;
    private bool hasFarEndHungUp;
    private ByeArrived? answeredBye;

    private CallLeg(LegContext leg, LegUsages usages, LegRoute route)
    {
        this.leg = leg;
        this.usages = usages;
        this.route = route;
        services = leg.Services;
        cell = leg.Cell;
        timers = leg.Timers;
        local = leg.Local;
        trunk = leg.Trunk;
        held = new HeldAnswers(services);
        timer = new LegTimer(leg, usages);
    }

    private long NowMillis => leg.NowMillis;

    private DigestCredentials? Credentials => leg.Credentials;

    public void Perform(ResourceEffect effect, CallState state)
    {
        switch (effect)
        {
            case SendInvite: BeginInvite(state); break;
            case Cti.Calls.Call.SendAck: ReleaseAck(); break;
            case SendCancel: CancelInvite(state); break;
            case SendRinging: ServeStep(new InviteServerInput.Provide(180)); break;
            case SendOk: ServeStep(new InviteServerInput.Accept(local)); break;
            case SendRefusal refusal: Refuse(refusal); break;
            case SendBye bye: HangUp(bye, state); break;
            case ConfirmChange: held.Release(); break;
            case SendReInvite: TellWhereWeAre(state); break;
            case RepeatAck again: AcknowledgeOnceMore(again.CSeq, state); break;
            default: throw new InvalidOperationException($"no SIP effect: {effect.GetType().Name}");
        }
        timer.Arm();
    }

    public ResourceCommand? Translate(object message, CallState state, out bool accepted)
    {
        accepted = true;
        var command = message switch
        {
            HostLookedUp found => HostKnown(found, state),
            WaitingIsDue => NextWaiting(state),
            _ when WaitsForHost(message) => null,
            _ => Carry(message, state, out accepted),
        };
        timer.Arm();
        return command;
    }

    private ResourceCommand? Carry(object message, CallState state, out bool accepted)
    {
        accepted = true;
        return message switch
        {
            LegTick => Tick(),
            InDialogRequest request => InDialog(request.Transaction, state),
            InviteJoined joined => Joined(joined.Transaction, state),
            InviteWasCancelled cancelled when IsOlderBranch(cancelled.Transaction) => null,
            InviteWasCancelled cancelled => CallerGaveUp(cancelled.Cancel, state),
            CancelCameLate cancelled => CallerGaveUp(cancelled.Cancel, state),
            AckCame ack => Acknowledged(ack),
            ResponseCame came => Responded(came),
            StrayResponseCame stray => Stray(stray.Response),
            RequestTimedOut timedOut => NotAnswered(timedOut.Handle, 408),
            RequestNotSent notSent => NotAnswered(notSent.Handle, 503),
            TargetResolved resolved => Resolved(resolved),
            InfoKeyDue => SendNextInfoKey(),
            ReInviteDue => Offer(state),
            ResponseSettled => null,
            _ => Unknown(out accepted),
        };
    }

    public bool IsQuiet => usages.Session is { IsSettled: true } && held.IsEmpty && pendingAck is null && byeRequest is null && infoRequest is null && byeWhenAcknowledged is null
        && waiting.Count == 0 && usages.Server is null or { Phase: InviteServerPhase.Confirmed };

    public void Dispose()
    {
        if (carrier is { } carried) services.Sip.CountCall(carried, -1);
        carrier = null;
        while (early.TryDequeue(out var before)) services.Sip.GiveBack(before);
        GiveBackWaiting();
        timer.Stop();
    }

    /// <summary>Another node has the call now: it answers what came here.</summary>
    public void LetGo()
    {
        if (usages.Server is { Phase: InviteServerPhase.Offered } && serverTransaction is not null)
            services.Sip.LetGo(serverTransaction, usages.Server.Dialog.LocalTag, services.Settings.OfferTimeoutMillis + services.SipTimers.Limit);
        // Its far end has hung up and was told so, which nobody else would learn: kept here until the call's new owner has it.
        if (answeredBye is not null && cell.Durable is { IsReleased: false } call) services.ToldByes.Deliver(call.Id.ToString(), answeredBye);
        foreach (var handle in new[] { byeRequest, infoRequest, sessionRequest })
        {
            if (handle is not null) handle.IsGivenUp = true;
        }
        Dispose();
    }

    private static ResourceCommand? Unknown(out bool accepted)
    {
        accepted = false;
        return null;
    }

    private ResourceCommand? Tick()
    {
        timer.Came();
        if (usages.Server is { } serving && serving.Deadline <= NowMillis) return ServeStep(new InviteServerInput.Tick());
        if (usages.Client is { } inviting && inviting.Deadline <= NowMillis) return ClientStep(new InviteClientInput.Tick());
        if (usages.Session is { } running && running.Deadline <= NowMillis) return SessionStep(new ReInviteInput.Tick());
        return null;
    }

    // ---- the confirmed dialog ----

    private ResourceCommand? InDialog(ServerTransaction transaction, CallState state)
    {
        var request = transaction.Request;
        Heard(request, transaction.Flow);
        switch (request.Method)
        {
            case SipMethods.Bye:
                return ByeCame(transaction, state);
            // While the answer to one change waits for the disk, the next one has to wait as well.
            case SipMethods.Invite or SipMethods.Update when usages.Session is not null && state.Phase != CallPhase.Released && held.IsEmpty:
                changes.Enqueue(transaction);
                if (changes.Count > ChangesMax) changes.Dequeue();
                return SessionStep(new ReInviteInput.Received(request, services.Random.Next(11)));
            case SipMethods.Invite or SipMethods.Update when IsNotYetHere(state) && early.Count < ChangesMax:
                early.Enqueue(transaction);
                return null;
            case SipMethods.Update when state.Phase != CallPhase.Released && held.IsEmpty && usages.IsServing:
                update = transaction;
                return ServeStep(new InviteServerInput.Overlapped(request, services.Random.Next(11)));
            case SipMethods.Update when state.Phase != CallPhase.Released && usages.Client is { Phase: InviteClientPhase.Inviting }:
                update = transaction;
                return ClientStep(new InviteClientInput.Updated(request, services.Random.Next(11)));
            case SipMethods.Invite or SipMethods.Update:
                services.Sip.Respond(transaction, DialogChecks.TryLater(request, 1 + services.Random.Next(10)));
                return null;
            case SipMethods.Info:
                return InfoCame(transaction);
            case SipMethods.Options:
                if (Passes(transaction)) services.Sip.Respond(transaction, SipCapabilities.AnswerOptions(request, null));
                return null;
            default:
                services.Sip.Respond(transaction, SipCapabilities.RefuseMethod(request, null));
                return null;
        }
    }

    /// <summary>Answered at once while the journal can be written, and when the node's own disk has it while it cannot: what was answered is not forgotten.</summary>
    private ResourceCommand? ByeCame(ServerTransaction transaction, CallState state)
    {
        var request = transaction.Request;
        if (!Passes(transaction)) return null;
        hasFarEndHungUp = true;
        var bye = new ByeArrived(SipReason.SipCause(request)) { AtMillis = leg.Clock.UnixMillis };
        if (cell.Journal.IsStalled && cell.Durable is { IsReleased: false } call)
            services.ToldByes.Keep(call.Id.ToString(), bye, () => services.Sip.Respond(transaction, SipResponse.For(request, 200)));
        else services.Sip.Respond(transaction, SipResponse.For(request, 200));
        if (usages.IsServing)
        {
            ServeStep(new InviteServerInput.Cancelled(request));
            byeWhenAcknowledged = null;
            if (state.Phase == CallPhase.Initiated) return new CallerCancelled();
        }
        usages.Session = null;
        return answeredBye = bye;
    }

    private ResourceCommand? InfoCame(ServerTransaction transaction)
    {
        var request = transaction.Request;
        if (!Passes(transaction)) return null;
        if (!InfoDtmf.IsDtmf(request))
        {
            var status = request.Body.IsEmpty ? 200 : 415;
            var response = SipResponse.For(request, status);
            if (status == 415) response.Add(HeaderId.Accept, InfoDtmf.RelayType);
            services.Sip.Respond(transaction, response);
            return null;
        }
        var key = InfoDtmf.Read(request);
        services.Sip.Respond(transaction, SipResponse.For(request, key is null ? 400 : 200));
        return key is null ? null : new KeyArrived(key.Key) { Press = new KeyPress(null, request.CSeq.Number) };
    }

    /// <summary>Checks a request against the dialog, takes over its CSeq, and answers it where it does not fit.</summary>
    private bool Passes(ServerTransaction transaction)
    {
        var dialog = usages.Dialog ?? cell.State?.Dialog;
        var check = dialog is null
            ? new DialogCheck(null, DialogChecks.NoSuchDialog(transaction.Request))
            : DialogChecks.Check(dialog, transaction.Request, 1);
        if (check.Refusal is { } refusal)
        {
            services.Sip.Respond(transaction, refusal);
            return false;
        }
        // It knows our tag, so what we sent has reached it.
        route.CallerIsShown();
        usages.CountOn(check.Next!);
        return true;
    }

    private ResourceCommand? SessionStep(ReInviteInput input)
    {
        var step = ReInviteUsage.Step(ReferenceEquals(usages.Session!.Hosts, hosts) ? usages.Session : usages.Session with { Hosts = hosts }, input, NowMillis, services.SipTimers);
        usages.Session = step.State;
        ResourceCommand? command = null;
        var over = step.Actions.Any(static action => action is DialogOver);
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case SendResponse response when changes.FirstOrDefault(change => change.Request == response.Request) is { } transaction:
                    // A 2xx that changes the session waits until the change is durable; a refusal changes nothing.
                    if (command is not null && !response.Repeated) held.Hold(transaction, response.Response);
                    else services.Sip.Respond(transaction, response.Response);
                    break;
                case SendRequest request when !over:
                    sessionRequest = route.Start(request.Request);
                    break;
                case Usage.SendAck ack:
                    route.Acknowledge(ack.Ack);
                    break;
                case TargetRefreshed:
                    command = new TargetMoved(usages.Session.Dialog);
                    break;
                case MediaAgreed agreed:
                    SettleAnswer();
                    command = new DialogChanged(usages.Session.Dialog, agreed.Media, agreed.Local.ToString());
                    break;
                case ReInviteRefused refused when cell.State!.InterruptedMillis is not null:
                    command = new TakeoverRefused(refused.Status);
                    break;
                case DialogOver lost:
                    command = IsTakeoverLost(lost.Status) ? new TakeoverRefused(lost.Status) : new DialogLost(lost.Status);
                    break;
            }
        }
        return command;
    }

    private ResourceCommand? Acknowledged(AckCame came)
    {
        var ack = came.Ack;
        Heard(ack, came.Flow);
        if (usages.Server is { Phase: InviteServerPhase.Accepted }) return ServeStep(new InviteServerInput.Acknowledged(ack));
        return usages.Session is null ? null : SessionStep(new ReInviteInput.Acknowledged(ack));
    }

    private ResourceCommand? Responded(ResponseCame came)
    {
        var (handle, response) = (came.Handle, came.Response);
        route.Answered(handle);
        if (handle == byeRequest) return ByeAnswered(came);
        if (handle == infoRequest) return InfoAnswered(response);
        if (handle == sessionRequest && usages.Session is null) return AcknowledgeAfterAll(response);
        if (handle == sessionRequest && usages.Session is { } running)
            return SessionStep(new ReInviteInput.Responded(response, services.Random.NextHex(16), services.Random.Next(1 << 20)) { Answer = leg.AnswerTo(came, running.Digest) });
        return IsInviteOfOurs(handle) ? ClientStep(new InviteClientInput.Responded(response, services.Random.NextHex(16)) { Answer = leg.AnswerTo(came, usages.Client?.Digest) }) : null;
    }

    private ResourceCommand? Stray(SipResponse response)
    {
        if (sessionRequest is not null && response.CSeq.Number == sessionRequest.Request.CSeq.Number)
            return usages.Session is null ? AcknowledgeAfterAll(response) : SessionStep(new ReInviteInput.Responded(response, "", 0));
        return usages.Client is null ? AcknowledgeForTheDead(response) : ClientStep(new InviteClientInput.Responded(response, services.Random.NextHex(16)));
    }

    /// <summary>A 2xx to a re-INVITE of ours that comes when the call is over already (RFC 3261 section 13.2.2.4 knows no exception).</summary>
    private ResourceCommand? AcknowledgeAfterAll(SipResponse response)
    {
        if (response.IsSuccess && sessionRequest is { Request: { Method: SipMethods.Invite } invite } && (byeDialog ?? cell.State?.Dialog) is { } dialog)
            route.Acknowledge(DialogRequests.Ack(dialog, invite));
        return null;
    }

    private ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        if (handle == byeRequest) return ByeNotSent(status);
        if (handle == infoRequest) return InfoFailed();
        if (handle == sessionRequest && usages.Session is not null) return SessionStep(new ReInviteInput.Failed(status));
        if (!IsInviteOfOurs(handle)) return null;
        if (status == 503 && trunk is not null) services.Trunks.SetUp(trunk.Name, trunk.OptionsIntervalMillis == 0);
        return ClientStep(new InviteClientInput.Failed(status));
    }

    // ---- hanging up ----

    private void HangUp(SendBye bye, CallState state)
    {
        if (hasFarEndHungUp)
        {
            // Its BYE came while the release was on its way to the disk: the dialog is over (RFC 3261 section 15.1.2), and nobody is left to be told.
            cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        if (usages.Server is { Phase: InviteServerPhase.Accepted })
        {
            // The callee may not hang up before it has seen the ACK (RFC 3261 section 15).
            byeWhenAcknowledged = bye;
            return;
        }
        var dialog = usages.Dialog ?? state.Dialog;
        usages.Session = null;
        // A BYE of theirs that came while ours waited for the disk: there is nobody left to hang up on.
        if (dialog is null || answeredBye is not null)
        {
            cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        route.UseFlowOf(dialog);
        if (bye.IsUnwritten) dialog = dialog with { LocalCSeq = Math.Max(dialog.LocalCSeq, Limits.SipCSeqOfLastWord) };
        byeRequest = route.Start(DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(bye.Cause)));
        byeCause = bye.Cause;
    }

    /// <summary>A BYE whose connection was gone is sent once more by a new one.</summary>
    private FarEndSettled? ByeNotSent(int status)
    {
        if (status != 503 || route.Flow.Connection == 0 || byeDialog is not { } dialog) return new FarEndSettled();
        route.Flow = route.Flow with { Connection = 0 };
        byeRequest = route.Start(DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(byeCause)));
        return null;
    }

    private FarEndSettled? ByeAnswered(ResponseCame came)
    {
        if (came.Response.IsProvisional) return null;
        if (Credentials is { } credentials && byeDialog is { } dialog && leg.AnswerTo(came, byeDigest) is { } digest)
        {
            var again = DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(byeCause));
            byeDigest = DigestChallenges.AddTo(again, digest, credentials, services.Random.NextHex(16));
            byeRequest = route.Start(again);
            return null;
        }
        return new FarEndSettled();
    }
}
