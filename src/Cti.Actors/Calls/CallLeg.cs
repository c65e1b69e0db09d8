using System.Collections.Immutable;
using System.Net.Sockets;
using Cti.Actors.Hosting;
using Cti.Actors.Resources;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Media;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/*
   A call's SIP side and its parts; each uses those below it, and all of them what a leg has at hand (LegContext) and its usages (LegUsages)

                                   CallLeg
        +-----------+----------------+---------------+--------------+-----------+
   LegFarEnd   InviteOfTheirs   InviteOfOurs    LegTakeover <-LegKeysByInfo  LegTimer
        |           |                |               |        LegReferrals
        |           |                |               |              |
        +---------->|                |           LegSession         |
                    |                |               |              |
                    +----------------+--> LegHosts <-+              |
                    |                         |      |              |
                    +---> HeldAnswers <-------|------+              |
                    |                         V                     |
                    +-------------------> LegEnding                 |
                                              |                     |
                                              +----> LegRoute <-----+
*/

/// <summary>
/// A call's SIP side: carries what the usages of its dialog say between the SIP actor and the call's decisions. What a decision must be durable for waits here
/// for its effect; repetitions do not.
/// </summary>
internal sealed class CallLeg : ICallLeg
{
    private readonly LegContext _leg;
    private readonly LegUsages _usages;
    private readonly LegRoute _route;
    private readonly LegEnding _ending;
    private readonly LegHosts _hosts;
    private readonly HeldAnswers _held;
    private readonly LegSession _session;
    private readonly LegTakeover _takeover;
    private readonly InviteOfTheirs _theirs;
    private readonly InviteOfOurs _ours;
    private readonly LegKeysByInfo _keysByInfo;
    private readonly LegReferrals _referrals;
    private readonly LegFarEnd _farEnd;
    private readonly LegTimer _timer;

    private CallLeg(LegContext leg, LegUsages usages, LegRoute route, ImmutableDictionary<string, string> known)
    {
        _leg = leg;
        _usages = usages;
        _route = route;
        _ending = new LegEnding(leg, usages, route);
        _hosts = new LegHosts(leg, usages, route, _ending) { Known = known };
        _held = new HeldAnswers(leg.Services);
        _session = new LegSession(leg, usages, route, _hosts, _held, _ending);
        _takeover = new LegTakeover(leg, usages, route, _session);
        _theirs = new InviteOfTheirs(leg, usages, route, _hosts, _held, _ending, _takeover);
        _ours = new InviteOfOurs(leg, usages, route, _hosts);
        _keysByInfo = new LegKeysByInfo(leg, usages, route, _takeover);
        _referrals = new LegReferrals(leg, usages, route, _takeover);
        _farEnd = new LegFarEnd(leg, usages, route, _theirs);
        _timer = new LegTimer(leg, usages);
    }

    /// <summary>
    /// Makes the leg of an INVITE. The dialog's tag carries the resource id, so this runs when that is known.
    /// </summary>
    /// <param name="services">The node's.</param>
    /// <param name="cell">The call.</param>
    /// <param name="system">The runtime.</param>
    /// <param name="transaction">Their INVITE.</param>
    /// <param name="id">The new resource.</param>
    /// <param name="local">Our side of the audio.</param>
    /// <param name="trunkName">The trunk that it came over.</param>
    /// <param name="hosts">What was looked up of its description's host names.</param>
    /// <param name="refusal">The response where it must be refused at once.</param>
    public static CallLeg? ForInvite(CallServices services, CallCell cell, ActorHost system, ServerTransaction transaction, ResourceId id, LocalAudio local,
        string? trunkName, ImmutableDictionary<string, string> hosts, out SipResponse? refusal)
    {
        var trunk = services.Trunks.Named(trunkName);
        var leg = new LegContext(services, cell, system, local, trunk);
        var tag = DialogTag.Create(id, services.Random);
        var contact = tag.ToContact(services.Sip.LocalAddress(transaction.Flow), transaction.Flow.Kind, transaction.Request.Uri.Scheme == "sips");
        var begun = InviteServerUsage.Begin(transaction.Request, tag.ToString(), contact, DialogFlow.Format(transaction.Flow), out refusal, hosts,
            leg.Profile);
        if (begun is null) return null;
        var usages = new LegUsages { Server = begun };
        var route = new LegRoute(leg, usages) { CallerAllowance = InviteOfTheirs.AllowanceOf(transaction, trunk), Flow = transaction.Flow };
        var made = new CallLeg(leg, usages, route, hosts);
        made._theirs.Begin(transaction);
        return made;
    }

    /// <summary>The leg of an outbound call; nothing is sent before its <see cref="SendInvite"/>.</summary>
    public static CallLeg ForPlacement(CallServices services, CallCell cell, ActorHost system, Placement placement, string? fromUri, LocalAudio local,
        string? headers)
    {
        var leg = new LegContext(services, cell, system, local, placement.Trunk);
        var usages = new LegUsages();
        var made = new CallLeg(leg, usages, new LegRoute(leg, usages) { Flow = placement.Flow ?? default }, HostNames.None);
        made._ours.Place(placement, fromUri, headers);
        return made;
    }

    /// <summary>The leg of a call that goes on here, at <paramref name="local"/>; null where the journal does not tell enough.</summary>
    /// <param name="services">The node's.</param>
    /// <param name="cell">The call.</param>
    /// <param name="system">The runtime.</param>
    /// <param name="local">Our side of the audio, new.</param>
    /// <param name="taken">What is to be decided on, but for the time.</param>
    public static CallLeg? ForTakenOver(CallServices services, CallCell cell, ActorHost system, LocalAudio local, out TakenOver? taken)
    {
        taken = null;
        var call = cell.State!;
        if (call.Dialog is not { } dialog || !DialogFlow.TryParse(dialog.Flow, out var dead) || !DialogTag.TryParse(call.LocalTag, out var tag)) return null;
        var made = Restored(services, cell, system, local, dead);
        var contact = tag.ToContact(services.Sip.LocalAddress(made._route.Flow), made._route.Flow.Kind, dialog.Secure).ToString();
        if (call.TheirInvite is null)
        {
            taken = new TakenOver(0, JournaledSdp.Raised(JournaledSdp.Offer(call, local), call).ToJournal(), contact);
            return made;
        }
        if (!StoredInvite.TryRead(call.TheirInvite, out var invite)) return null;
        var theirs = SdpParser.TryParse(SdpBody.Find(invite.Get(HeaderId.ContentType), invite.Body.Span), out var offer, out _) ? offer : null;
        var described = theirs is null ? JournaledSdp.Offer(call, local) : SdpNegotiator.Answer(theirs, local, JournaledSdp.Of(call), isJournaled: true).Local;
        if (described is not { } answer) return null;
        answer = JournaledSdp.Raised(answer, call);
        var reserved = dialog with { LocalCSeq = dialog.LocalCSeq + Limits.SipCSeqReserve, LocalContact = contact };
        made._theirs.TakeOver(invite, dead, reserved, answer, call.AnswerRequestedMillis is not null, call.AnswerHeaders);
        taken = new TakenOver(0, answer.ToJournal(), contact);
        return made;
    }

    /// <summary>The leg of a call that ends here: it can send what the far end is owed.</summary>
    public static CallLeg ForLost(CallServices services, CallCell cell, ActorHost system)
    {
        var call = cell.State!;
        var nowhere = new LocalAudio("127.0.0.1", 9, 0, 0, services.MediaProfile.Codecs);
        var made = Restored(services, cell, system, nowhere, DialogFlow.TryParse(call.Dialog?.Flow ?? call.Invite?.Flow, out var dead) ? dead : default);
        var isCalling = call is { IsDialling: true, IsAwaitingParent: false } || call.Closing == SipClosing.Cancel;
        if (isCalling && call.Invite is { } sent) made._ours.TakeOver(sent, call);
        else if (call.Closing == SipClosing.Refusal && call.Dialog is { } dialog && StoredInvite.TryRead(call.TheirInvite, out var invite))
            made._theirs.TakeOver(invite, dead, dialog, SdpNegotiator.CreateOffer(nowhere), isAnswered: false);
        return made;
    }

    /// <summary>Built from what the journal of a node that is gone tells; it does not matter whether that node was this one.</summary>
    private static CallLeg Restored(CallServices services, CallCell cell, ActorHost system, LocalAudio local, SipFlow dead)
    {
        var trunk = services.Trunks.Named(cell.State?.Trunk);
        // The far end may ask for the password again, and this node may never have been asked before.
        if (trunk is not null && cell.State?.Agreement is { } agreement) services.Trunks.Of(trunk).Remember(agreement);
        var leg = new LegContext(services, cell, system, local, trunk) { IsRestored = true };
        var usages = new LegUsages();
        var route = new LegRoute(leg, usages) { Flow = dead.Remote is null ? default : services.Sip.Facing(dead) };
        return new CallLeg(leg, usages, route, HostNames.None);
    }

    /// <summary>
    /// The address family that our answer must have: what their offer asks for, whether we have it or not; else that of the way it came, else what we have.
    /// </summary>
    public static AddressFamily FamilyFor(SdpSession? offer, SipFlow flow, Func<AddressFamily, bool> speaks)
    {
        if (offer is not null && SdpNegotiator.PreferredFamily(offer, speaks) is { } asked) return asked;
        return FamilyTowards(flow, speaks);
    }

    /// <summary>The address family of our offer: that of the way it goes, where we have it.</summary>
    public static AddressFamily FamilyTowards(SipFlow? flow, Func<AddressFamily, bool> speaks)
    {
        var isIPv6 = flow?.Remote is { AddressFamily: AddressFamily.InterNetworkV6, Address.IsIPv4MappedToIPv6: false };
        var (ours, other) = isIPv6 ? (AddressFamily.InterNetworkV6, AddressFamily.InterNetwork) : (AddressFamily.InterNetwork, AddressFamily.InterNetworkV6);
        return speaks(ours) ? ours : other;
    }

    /// <summary>The dialog of their INVITE.</summary>
    public DialogState ServerDialog => _usages.Server!.Dialog;

    /// <summary>Our offer as it stands in the INVITE.</summary>
    public string OfferText => _ours.OfferText;

    /// <summary>The INVITE as it will go out, for the journal; null where its host is unknown.</summary>
    public OutboundInvite? Describe(DialogTag tag) => _ours.Describe(tag);

    /// <summary>Whether this call's trunk takes keys by SIP INFO.</summary>
    public bool SendsKeysByInfo => _leg.Trunk?.Dtmf == TrunkDtmf.Info;

    /// <summary>Whether this call's trunk takes keys as tones only.</summary>
    public bool SendsKeysInBand => _leg.Trunk?.Dtmf == TrunkDtmf.InBand;

    /// <summary>Sends keys one INFO after the other.</summary>
    public void SendKeysByInfo(long number, string keys) => _keysByInfo.Send(number, keys);

    /// <inheritdoc/>
    public bool HasShownItself => _farEnd.HasShownItself;

    /// <inheritdoc/>
    public FarEnd FarEndOf(CallState state) => _farEnd.Describe(state);

    /// <inheritdoc/>
    public bool IsQuiet => _usages.Session is { IsSettled: true } && _held.IsEmpty && !_ours.OwesAck && !_ending.IsOurs && !_keysByInfo.IsAsking
        && _referrals.IsQuiet && _hosts.IsEmpty && _usages.Server is null or { Phase: InviteServerPhase.Confirmed };

    /// <inheritdoc/>
    public void Perform(ResourceEffect effect, CallState state)
    {
        switch (effect)
        {
            case SendInvite: _ours.Begin(state); break;
            case Cti.Calls.Call.SendAck: _ours.ReleaseAck(); break;
            case SendCancel: _ours.Cancel(state); break;
            case SendRinging: _theirs.Step(new InviteServerInput.Provide(180)); break;
            case SendOk ok: _theirs.Step(new InviteServerInput.Accept(_leg.Local, ok.Headers)); break;
            case SendRefusal refusal: _theirs.Refuse(refusal); break;
            case SendBye bye:
                _referrals.ReportNow();
                _ending.HangUp(bye, state);
                break;
            case ConfirmChange: _held.Release(); break;
            case SendReInvite: _takeover.TellWhereWeAre(state); break;
            case TransferEffect transfer: _referrals.Perform(transfer, state); break;
            case RepeatAck again: _takeover.AcknowledgeOnceMore(again.CSeq, state); break;
            default: throw new InvalidOperationException($"no SIP effect: {effect.GetType().Name}");
        }
        GoOn();
    }

    /// <inheritdoc/>
    public ResourceCommand? Translate(object message, CallState state, out bool accepted)
    {
        accepted = true;
        var command = message switch
        {
            HostLookedUp found => Resume(_hosts.Found(found), state),
            WaitingIsDue => Resume(_hosts.Next(), state),
            _ when _hosts.Holds(message) => null,
            _ => Carry(message, state, out accepted),
        };
        GoOn();
        return command;
    }

    /// <inheritdoc/>
    public void Abandon()
    {
        _theirs.Abandon();
        _ending.Abandon();
        _keysByInfo.Abandon();
        _referrals.Abandon();
        _session.Abandon();
        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _theirs.Forget();
        _takeover.GiveBack();
        _referrals.GiveBack();
        _hosts.GiveBack();
        _timer.Stop();
    }

    /// <summary>After each step: what waited for it, and the next deadline.</summary>
    private void GoOn()
    {
        _keysByInfo.GoOn();
        _referrals.GoOn();
        _timer.Arm();
    }

    private ResourceCommand? Resume(object? waited, CallState state) => waited is null ? null : Carry(waited, state, out _);

    private ResourceCommand? Carry(object message, CallState state, out bool accepted)
    {
        accepted = true;
        return message switch
        {
            LegTick => Tick(),
            InDialogRequest request => InDialog(request.Transaction, state),
            InviteJoined joined => _theirs.Join(joined.Transaction, state),
            InviteWasCancelled cancelled when _theirs.IsOlderBranch(cancelled.Transaction) => null,
            InviteWasCancelled cancelled => _theirs.Cancelled(cancelled.Cancel, state),
            CancelCameLate cancelled => _theirs.Cancelled(cancelled.Cancel, state),
            AckCame ack => Acknowledged(ack),
            ResponseCame came => Responded(came),
            StrayResponseCame stray => Stray(stray.Response),
            RequestTimedOut timedOut => NotAnswered(timedOut.Handle, 408),
            RequestNotSent notSent => _route.TryElsewhere(notSent.Handle) ? null : NotAnswered(notSent.Handle, 503),
            TargetResolved resolved => _ours.Resolved(resolved),
            InfoKeyDue => _keysByInfo.SendNext(),
            ReInviteDue => _takeover.Offer(state),
            ResponseSettled => null,
            _ => Unknown(out accepted),
        };
    }

    private static ResourceCommand? Unknown(out bool accepted)
    {
        accepted = false;
        return null;
    }

    private ResourceCommand? Tick()
    {
        _timer.Came();
        if (_usages.Server is { } serving && serving.Deadline <= _leg.NowMillis) return _theirs.Step(new InviteServerInput.Tick());
        if (_usages.Client is { } inviting && inviting.Deadline <= _leg.NowMillis) return _ours.Step(new InviteClientInput.Tick());
        if (_usages.Session is { } running && running.Deadline <= _leg.NowMillis) return _session.Step(new ReInviteInput.Tick());
        return null;
    }

    private ResourceCommand? InDialog(ServerTransaction transaction, CallState state)
    {
        var (request, sip) = (transaction.Request, _leg.Services.Sip);
        _farEnd.Note(request, transaction.Flow);
        switch (request.Method)
        {
            case SipMethods.Bye:
                return Passes(transaction) ? ByeCame(transaction, state) : null;
            // While the answer to one change waits for the disk, the next one has to wait as well.
            case SipMethods.Invite or SipMethods.Update when _usages.Session is not null && state.Phase != CallPhase.Released && _held.IsEmpty:
                return _session.Change(transaction);
            case SipMethods.Invite or SipMethods.Update when _takeover.IsTooEarly(state):
                _takeover.Postpone(transaction);
                return null;
            case SipMethods.Update when state.Phase != CallPhase.Released && _held.IsEmpty && _usages.IsServing:
                return _theirs.Update(transaction);
            case SipMethods.Update when state.Phase != CallPhase.Released && _usages.Client is { Phase: InviteClientPhase.Inviting }:
                return _ours.Update(transaction);
            case SipMethods.Invite or SipMethods.Update:
                sip.Respond(transaction, DialogChecks.TryLater(request, 1 + _leg.Services.Random.Next(10)));
                return null;
            case SipMethods.Info:
                return Passes(transaction) ? _keysByInfo.Came(transaction) : null;
            case SipMethods.Refer:
                return Passes(transaction) ? _referrals.Came(transaction, state) : null;
            case SipMethods.Notify:
                return Passes(transaction) ? _referrals.Reported(transaction, state) : null;
            case SipMethods.Subscribe:
                if (Passes(transaction)) sip.Respond(transaction, SipCapabilities.RefuseSubscription(request, null));
                return null;
            case SipMethods.Options:
                if (Passes(transaction)) sip.Respond(transaction, SipCapabilities.AnswerOptions(request, null, reliable: _leg.Profile.Reliable));
                return null;
            case SipMethods.Prack:
                return Passes(transaction) ? _theirs.Acknowledged(transaction) : null;
            default:
                sip.Respond(transaction, SipCapabilities.RefuseMethod(request, null));
                return null;
        }
    }

    private ResourceCommand? ByeCame(ServerTransaction transaction, CallState state)
    {
        var bye = _ending.Answer(transaction);
        if (_usages.IsServing)
        {
            _theirs.Step(new InviteServerInput.Cancelled(transaction.Request));
            _ending.WaitNoMore();
            if (state.Phase == CallPhase.Initiated) return new CallerCancelled { Headers = bye.Headers };
        }
        return _ending.Over(bye);
    }

    /// <summary>Checks a request against the dialog, takes over its CSeq, and answers it where it does not fit.</summary>
    private bool Passes(ServerTransaction transaction)
    {
        var dialog = _usages.Dialog ?? _leg.Cell.State?.Dialog;
        var check = dialog is null
            ? new DialogCheck(null, DialogChecks.NoSuchDialog(transaction.Request))
            : DialogChecks.Check(dialog, transaction.Request, 1);
        if (check.Refusal is { } refusal)
        {
            _leg.Services.Sip.Respond(transaction, refusal);
            return false;
        }
        // It knows our tag, so what we sent has reached it.
        _route.CallerIsShown();
        _usages.CountOn(check.Next!);
        return true;
    }

    private ResourceCommand? Acknowledged(AckCame came)
    {
        _farEnd.Note(came.Ack, came.Flow);
        if (_usages.Server is { Phase: InviteServerPhase.Accepted }) return _theirs.Step(new InviteServerInput.Acknowledged(came.Ack));
        return _session.Acknowledged(came.Ack);
    }

    private ResourceCommand? Responded(ResponseCame came)
    {
        var handle = came.Handle;
        _route.Answered(handle);
        if (_ending.Is(handle)) return _ending.Answered(came);
        if (_keysByInfo.Is(handle)) return _keysByInfo.Answered(came.Response);
        if (_referrals.Is(handle)) return _referrals.Responded(came);
        if (_session.Is(handle)) return _session.Responded(came);
        return _ours.Is(handle) ? _ours.Responded(came) : null;
    }

    /// <summary>A response that belongs to no transaction any more.</summary>
    private ResourceCommand? Stray(SipResponse response)
    {
        if (_session.IsAnsweredBy(response)) return _session.Repeated(response);
        return _usages.Client is null ? _takeover.AcknowledgeForTheDead(response) : _ours.Repeated(response);
    }

    private ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        if (_ending.Is(handle)) return _ending.NotSent(status);
        if (_keysByInfo.Is(handle)) return _keysByInfo.Failed();
        if (_referrals.Is(handle)) return _referrals.NotAnswered(handle, status);
        if (_session.Is(handle)) return _session.NotAnswered(status);
        return _ours.Is(handle) ? _ours.NotAnswered(handle, status) : null;
    }
}
