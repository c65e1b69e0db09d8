using System.Collections.Immutable;
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
    private readonly LegEnding ending;
    private readonly LegHosts hosts;
    private readonly LegKeysByInfo keysByInfo;
    private readonly HeldAnswers held;
    private readonly LegTimer timer;
    private readonly CallServices services;
    private readonly CallCell cell;
    private readonly LocalAudio local;
    private readonly Trunk? trunk;
    private ServerTransaction? update;
    private readonly Queue<ServerTransaction> changes = new();
    private RequestHandle? sessionRequest;
    private SipFlow? carrier;

    private CallLeg(LegContext leg, LegUsages usages, LegRoute route, ImmutableDictionary<string, string>? known = null)
    {
        this.leg = leg;
        this.usages = usages;
        this.route = route;
        services = leg.Services;
        cell = leg.Cell;
        local = leg.Local;
        trunk = leg.Trunk;
        held = new HeldAnswers(services);
        ending = new LegEnding(leg, usages, route);
        hosts = new LegHosts(leg, usages, route, ending) { Known = known ?? HostNames.None };
        keysByInfo = new LegKeysByInfo(leg, usages, route);
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
            case SendBye bye: ending.HangUp(bye, state); break;
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
            HostLookedUp found => Resume(hosts.Found(found), state),
            WaitingIsDue => Resume(hosts.Next(), state),
            _ when hosts.Holds(message) => null,
            _ => Carry(message, state, out accepted),
        };
        timer.Arm();
        return command;
    }

    private ResourceCommand? Resume(object? waited, CallState state) => waited is null ? null : Carry(waited, state, out _);

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
            InfoKeyDue => keysByInfo.SendNext(),
            ReInviteDue => Offer(state),
            ResponseSettled => null,
            _ => Unknown(out accepted),
        };
    }

    public bool IsQuiet => usages.Session is { IsSettled: true } && held.IsEmpty && pendingAck is null && !ending.IsOurs && !keysByInfo.IsAsking && hosts.IsEmpty
        && usages.Server is null or { Phase: InviteServerPhase.Confirmed };

    public void Dispose()
    {
        if (carrier is { } carried) services.Sip.CountCall(carried, -1);
        carrier = null;
        while (early.TryDequeue(out var before)) services.Sip.GiveBack(before);
        hosts.GiveBack();
        timer.Stop();
    }

    /// <summary>Another node has the call now: it answers what came here.</summary>
    public void LetGo()
    {
        if (usages.Server is { Phase: InviteServerPhase.Offered } && serverTransaction is not null)
            services.Sip.LetGo(serverTransaction, usages.Server.Dialog.LocalTag, services.Settings.OfferTimeoutMillis + services.SipTimers.Limit);
        ending.LetGo();
        keysByInfo.LetGo();
        if (sessionRequest is not null) sessionRequest.IsGivenUp = true;
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
                return Passes(transaction) ? ByeCame(transaction, state) : null;
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
                return Passes(transaction) ? keysByInfo.Came(transaction) : null;
            case SipMethods.Options:
                if (Passes(transaction)) services.Sip.Respond(transaction, SipCapabilities.AnswerOptions(request, null));
                return null;
            default:
                services.Sip.Respond(transaction, SipCapabilities.RefuseMethod(request, null));
                return null;
        }
    }

    private ResourceCommand? ByeCame(ServerTransaction transaction, CallState state)
    {
        var bye = ending.Answer(transaction);
        if (usages.IsServing)
        {
            ServeStep(new InviteServerInput.Cancelled(transaction.Request));
            ending.WaitNoMore();
            if (state.Phase == CallPhase.Initiated) return new CallerCancelled();
        }
        return ending.Over(bye);
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
        var step = ReInviteUsage.Step(ReferenceEquals(usages.Session!.Hosts, hosts.Known) ? usages.Session : usages.Session with { Hosts = hosts.Known }, input, NowMillis, services.SipTimers);
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
        if (ending.Is(handle)) return ending.Answered(came);
        if (keysByInfo.Is(handle)) return keysByInfo.Answered(response);
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
        if (response.IsSuccess && sessionRequest is { Request: { Method: SipMethods.Invite } invite } && (ending.Dialog ?? cell.State?.Dialog) is { } dialog)
            route.Acknowledge(DialogRequests.Ack(dialog, invite));
        return null;
    }

    private ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        if (ending.Is(handle)) return ending.NotSent(status);
        if (keysByInfo.Is(handle)) return keysByInfo.Failed();
        if (handle == sessionRequest && usages.Session is not null) return SessionStep(new ReInviteInput.Failed(status));
        if (!IsInviteOfOurs(handle)) return null;
        if (status == 503 && trunk is not null) services.Trunks.SetUp(trunk.Name, trunk.OptionsIntervalMillis == 0);
        return ClientStep(new InviteClientInput.Failed(status));
    }
}
