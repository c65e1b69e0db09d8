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

    private readonly CallServices services;
    private readonly CallCell cell;
    private readonly IClock clock;
    private readonly ITimers timers;
    private readonly LocalAudio local;
    private readonly Trunk? trunk;
    private readonly Queue<(ServerTransaction Transaction, SipResponse Response)> held = new();
    private ReInviteState? session;
    private ServerTransaction? update;
    private readonly Queue<ServerTransaction> changes = new();
    private RequestHandle? sessionRequest;
    private RequestHandle? byeRequest;
    private DialogState? byeDialog;
    private int byeCause;
    private DigestSession byeDigest = DigestSession.Empty;
    private SipFlow flow;
    private SipFlow? carrier;
    private SourceAllowance? elsewhere;
    private IPAddress? answeringTarget;
    private ITimerHandle? timer;
    private long armed = long.MaxValue;
    private SendBye? byeWhenAcknowledged;
    private bool hasFarEndHungUp;
    private bool disposed;
    private ByeArrived? answeredBye;

    private CallLeg(CallServices services, CallCell cell, ActorSystem system, LocalAudio local, Trunk? trunk)
    {
        this.services = services;
        this.cell = cell;
        this.local = local;
        this.trunk = trunk;
        clock = system.Clock;
        timers = system.Timers;
        log = system.Log;
    }

    private long NowMillis => clock.MonotonicNanos / 1_000_000;

    private readonly ILog log;
    private DigestCredentials? Credentials => trunk is { User: { } user, Password: { } password } ? new DigestCredentials(user, password) : null;

    /// <summary>What was agreed with the trunk by challenges.</summary>
    private DigestAgreement? Agreement => trunk is null ? null : services.Trunks.Of(trunk).Agreement;

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
            case ConfirmChange: ReleaseHeld(); break;
            case SendReInvite: TellWhereWeAre(state); break;
            case RepeatAck again: AcknowledgeOnceMore(again.CSeq, state); break;
            default: throw new InvalidOperationException($"no SIP effect: {effect.GetType().Name}");
        }
        Arm();
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
        Arm();
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

    public bool IsQuiet => session is { IsSettled: true } && held.Count == 0 && pendingAck is null && byeRequest is null && infoRequest is null && byeWhenAcknowledged is null
        && waiting.Count == 0 && server is null or { Phase: InviteServerPhase.Confirmed };

    public void Dispose()
    {
        if (carrier is { } carried) services.Sip.CountCall(carried, -1);
        carrier = null;
        disposed = true;
        while (early.TryDequeue(out var before)) services.Sip.GiveBack(before);
        GiveBackWaiting();
        timer?.Cancel();
    }

    /// <summary>Another node has the call now: it answers what came here.</summary>
    public void LetGo()
    {
        if (server is { Phase: InviteServerPhase.Offered } && serverTransaction is not null)
            services.Sip.LetGo(serverTransaction, server.Dialog.LocalTag, services.Settings.OfferTimeoutMillis + services.SipTimers.Limit);
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

    private void Arm()
    {
        if (disposed) return;
        var due = Math.Min(server?.Deadline ?? long.MaxValue, Math.Min(client?.Deadline ?? long.MaxValue, session?.Deadline ?? long.MaxValue));
        if (due == armed) return;
        armed = due;
        timer?.Cancel();
        timer = due == long.MaxValue ? null
            : timers.Schedule(Math.Max(0, due - NowMillis), static state => ((ActorRef)state!).Tell(new LegTick()), cell.Actor);
    }

    private ResourceCommand? Tick()
    {
        armed = long.MaxValue;
        if (server is { } serving && serving.Deadline <= NowMillis) return ServeStep(new InviteServerInput.Tick());
        if (client is { } inviting && inviting.Deadline <= NowMillis) return ClientStep(new InviteClientInput.Tick());
        if (session is { } running && running.Deadline <= NowMillis) return SessionStep(new ReInviteInput.Tick());
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
            case SipMethods.Invite or SipMethods.Update when session is not null && state.Phase != CallPhase.Released && held.Count == 0:
                changes.Enqueue(transaction);
                if (changes.Count > ChangesMax) changes.Dequeue();
                return SessionStep(new ReInviteInput.Received(request, services.Random.Next(11)));
            case SipMethods.Invite or SipMethods.Update when IsNotYetHere(state) && early.Count < ChangesMax:
                early.Enqueue(transaction);
                return null;
            case SipMethods.Update when state.Phase != CallPhase.Released && held.Count == 0 && server is { Phase: InviteServerPhase.Offered or InviteServerPhase.Accepted }:
                update = transaction;
                return ServeStep(new InviteServerInput.Overlapped(request, services.Random.Next(11)));
            case SipMethods.Update when state.Phase != CallPhase.Released && client is { Phase: InviteClientPhase.Inviting }:
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
        var bye = new ByeArrived(SipReason.SipCause(request)) { AtMillis = clock.UnixMillis };
        if (cell.Journal.IsStalled && cell.Durable is { IsReleased: false } call)
            services.ToldByes.Keep(call.Id.ToString(), bye, () => services.Sip.Respond(transaction, SipResponse.For(request, 200)));
        else services.Sip.Respond(transaction, SipResponse.For(request, 200));
        if (server is { Phase: InviteServerPhase.Offered or InviteServerPhase.Accepted })
        {
            ServeStep(new InviteServerInput.Cancelled(request));
            byeWhenAcknowledged = null;
            if (state.Phase == CallPhase.Initiated) return new CallerCancelled();
        }
        session = null;
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
        var dialog = session?.Dialog ?? server?.Dialog ?? client?.Dialog ?? cell.State?.Dialog;
        var check = dialog is null
            ? new DialogCheck(null, DialogChecks.NoSuchDialog(transaction.Request))
            : DialogChecks.Check(dialog, transaction.Request, 1);
        if (check.Refusal is { } refusal)
        {
            services.Sip.Respond(transaction, refusal);
            return false;
        }
        // It knows our tag, so what we sent has reached it.
        allowance = null;
        if (session is not null) session = session with { Dialog = check.Next! };
        else if (server is not null) server = server with { Dialog = check.Next! };
        return true;
    }

    private ResourceCommand? SessionStep(ReInviteInput input)
    {
        var step = ReInviteUsage.Step(ReferenceEquals(session!.Hosts, hosts) ? session : session with { Hosts = hosts }, input, NowMillis, services.SipTimers);
        session = step.State;
        ResourceCommand? command = null;
        var over = step.Actions.Any(static action => action is DialogOver);
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case SendResponse response when changes.FirstOrDefault(change => change.Request == response.Request) is { } transaction:
                    // A 2xx that changes the session waits until the change is durable; a refusal changes nothing.
                    if (command is not null && !response.Repeated) held.Enqueue((transaction, response.Response));
                    else services.Sip.Respond(transaction, response.Response);
                    break;
                case SendRequest request when !over:
                    sessionRequest = Start(request.Request);
                    break;
                case Usage.SendAck ack:
                    Acknowledge(ack.Ack);
                    break;
                case TargetRefreshed:
                    command = new TargetMoved(session.Dialog);
                    break;
                case MediaAgreed agreed:
                    SettleAnswer();
                    command = new DialogChanged(session.Dialog, agreed.Media, agreed.Local.ToString());
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

    private void ReleaseHeld()
    {
        while (held.TryDequeue(out var change)) services.Sip.Respond(change.Transaction, change.Response);
    }

    private ResourceCommand? Acknowledged(AckCame came)
    {
        var ack = came.Ack;
        Heard(ack, came.Flow);
        if (server is { Phase: InviteServerPhase.Accepted }) return ServeStep(new InviteServerInput.Acknowledged(ack));
        return session is null ? null : SessionStep(new ReInviteInput.Acknowledged(ack));
    }

    private ResourceCommand? Responded(ResponseCame came)
    {
        var (handle, response) = (came.Handle, came.Response);
        if (handle.Target is { } target) answeringTarget = target.Address;
        if (handle == byeRequest) return ByeAnswered(came);
        if (handle == infoRequest) return InfoAnswered(response);
        if (handle == sessionRequest && session is null) return AcknowledgeAfterAll(response);
        if (handle == sessionRequest && session is { } running)
            return SessionStep(new ReInviteInput.Responded(response, services.Random.NextHex(16), services.Random.Next(1 << 20)) { Answer = AnswerTo(came, running.Digest) });
        return IsInviteOfOurs(handle) ? ClientStep(new InviteClientInput.Responded(response, services.Random.NextHex(16)) { Answer = AnswerTo(came, client?.Digest) }) : null;
    }

    /// <summary>What a challenge is answered with; null where this call's trunk has no credentials, or they are not for whoever asks.</summary>
    private DigestSession? AnswerTo(ResponseCame came, DigestSession? soFar)
    {
        if (trunk is null || soFar is null || Credentials is null || came.Response.Status is not (401 or 407)) return null;
        var verdict = services.Trunks.Of(trunk).Judge(soFar, came.Handle.Request, came.Response, came.Sent, came.Came, NowMillis, out var isNews);
        if (isNews) ChallengeLog.Refused(log, trunk, came, verdict.Refusal);
        return verdict.Answer;
    }

    /// <summary>An answer to a challenge does not go elsewhere: neither to a far end's Contact with an ACK, nor where a name leads by now.</summary>
    private void KeepCredentials(SipRequest request, SipFlow way)
    {
        if (!request.Has(HeaderId.Authorization) && !request.Has(HeaderId.ProxyAuthorization)) return;
        if (trunk is not null && services.Trunks.Of(trunk).Owns(way)) return;
        request.Remove(HeaderId.Authorization);
        request.Remove(HeaderId.ProxyAuthorization);
    }

    private ResourceCommand? Stray(SipResponse response)
    {
        if (sessionRequest is not null && response.CSeq.Number == sessionRequest.Request.CSeq.Number)
            return session is null ? AcknowledgeAfterAll(response) : SessionStep(new ReInviteInput.Responded(response, "", 0));
        return client is null ? AcknowledgeForTheDead(response) : ClientStep(new InviteClientInput.Responded(response, services.Random.NextHex(16)));
    }

    /// <summary>A 2xx to a re-INVITE of ours that comes when the call is over already (RFC 3261 section 13.2.2.4 knows no exception).</summary>
    private ResourceCommand? AcknowledgeAfterAll(SipResponse response)
    {
        if (response.IsSuccess && sessionRequest is { Request: { Method: SipMethods.Invite } invite } && (byeDialog ?? cell.State?.Dialog) is { } dialog)
            Acknowledge(DialogRequests.Ack(dialog, invite));
        return null;
    }

    private ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        if (handle == byeRequest) return ByeNotSent(status);
        if (handle == infoRequest) return InfoFailed();
        if (handle == sessionRequest && session is not null) return SessionStep(new ReInviteInput.Failed(status));
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
        if (server is { Phase: InviteServerPhase.Accepted })
        {
            // The callee may not hang up before it has seen the ACK (RFC 3261 section 15).
            byeWhenAcknowledged = bye;
            return;
        }
        var dialog = session?.Dialog ?? server?.Dialog ?? client?.Dialog ?? state.Dialog;
        session = null;
        // A BYE of theirs that came while ours waited for the disk: there is nobody left to hang up on.
        if (dialog is null || answeredBye is not null)
        {
            cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        UseFlowOf(dialog);
        if (bye.IsUnwritten) dialog = dialog with { LocalCSeq = Math.Max(dialog.LocalCSeq, Limits.SipCSeqOfLastWord) };
        byeRequest = Start(DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(bye.Cause)));
        byeCause = bye.Cause;
    }

    /// <summary>A BYE whose connection was gone is sent once more by a new one.</summary>
    private FarEndSettled? ByeNotSent(int status)
    {
        if (status != 503 || flow.Connection == 0 || byeDialog is not { } dialog) return new FarEndSettled();
        flow = flow with { Connection = 0 };
        byeRequest = Start(DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(byeCause)));
        return null;
    }

    private FarEndSettled? ByeAnswered(ResponseCame came)
    {
        if (came.Response.IsProvisional) return null;
        if (Credentials is { } credentials && byeDialog is { } dialog && AnswerTo(came, byeDigest) is { } digest)
        {
            var again = DialogRequests.Bye(dialog, out byeDialog, SipReason.Sip(byeCause));
            byeDigest = DigestChallenges.AddTo(again, digest, credentials, services.Random.NextHex(16));
            byeRequest = Start(again);
            return null;
        }
        return new FarEndSettled();
    }

    /// <summary>Sends a request within the dialog; news of it comes with the answered handle.</summary>
    private RequestHandle Start(SipRequest request)
    {
        var handle = new RequestHandle(cell.Actor, request);
        Route(request, way =>
        {
            KeepCredentials(request, way);
            handle.Target = way.Remote;
            handle.Allowance = allowance ?? AllowanceTowards(way);
            services.Sip.Start(request, way, handle);
        });
        return handle;
    }

    /// <summary>
    /// A far end that is no trunk has sent us to an address that is not its own: as long as nothing has answered there, what it costs that address is the far end's doing.
    /// </summary>
    private SourceAllowance? AllowanceTowards(SipFlow way)
    {
        if (trunk is not null || way.IsReliable || way.Remote.Address.Equals(flow.Remote.Address) || way.Remote.Address.Equals(answeringTarget)) return null;
        if (elsewhere is { } known) return known;
        var fresh = new SourceAllowance();
        fresh.Came(server is { } serving ? SipMessageWriter.GetLength(serving.Invite) : Limits.SipDatagramRequestBytesMax / 2);
        return elsewhere = fresh;
    }

    private void Acknowledge(SipRequest ack) => Route(ack, way =>
    {
        KeepCredentials(ack, way);
        services.Sip.Acknowledge(ack, way);
    });

    /// <summary>
    /// Where a request within the dialog goes (RFC 3261 section 12.2.1.1): to the first route, else to the far end's Contact. What the call came by is
    /// used where that says the same, and where the policy lets this far end not say so: behind a public address a private one is reached by nothing but that way.
    /// </summary>
    private void Route(SipRequest request, Action<SipFlow> send)
    {
        var hop = request.Routes.Count > 0 ? request.Routes[0].Uri : request.Uri;
        if (KnownWay(hop) is { } known)
        {
            send(known);
            return;
        }
        var lookup = services.Sip.ResolveAsync(hop);
        if (lookup.IsCompletedSuccessfully) send(Permitted(lookup.Result));
        else _ = RouteLaterAsync(lookup, send);
    }

    private async Task RouteLaterAsync(ValueTask<SipFlow?> lookup, Action<SipFlow> send)
    {
        SipFlow? found = null;
        try
        {
            found = await lookup.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The way that the call came by is better than none.
        }
        send(Permitted(found));
    }

    private SipFlow Permitted(SipFlow? found) => found is { } way && services.DialPolicy.Allows(way.Remote, flow.Remote) ? way : flow;

    private SipFlow? KnownWay(SipUri hop)
    {
        if (!IPAddress.TryParse(hop.Host.Trim('[', ']'), out var address)) return null;
        var source = flow.Remote.Address.IsIPv4MappedToIPv6 ? flow.Remote.Address.MapToIPv4() : flow.Remote.Address;
        var port = hop.Port == 0 ? 5060 : hop.Port;
        if (!services.DialPolicy.Allows(new IPEndPoint(address, port), flow.Remote)) return flow;
        if (!address.Equals(source)) return null;
        return (flow.IsReliable && !IsConnectionLost) || port == flow.Remote.Port ? flow : flow with { Remote = new IPEndPoint(flow.Remote.Address, port) };
    }

    private void UseFlowOf(DialogState dialog)
    {
        // After a restart: the connection of that time is gone, one to the same peer may be opened.
        if (flow.Remote is null && DialogFlow.TryParse(dialog.Flow, out var parsed)) flow = parsed with { Connection = 0 };
    }
}

/// <summary>The leg's earliest deadline came.</summary>
internal sealed record LegTick : ISystemMessage;

/// <summary>A next hop was looked up.</summary>
internal sealed record TargetResolved(SipRequest Invite, SipFlow? Flow) : ISystemMessage;

/// <summary>The next key may be sent by INFO.</summary>
internal sealed record InfoKeyDue : ISystemMessage;
