using System.Text;
using Cti.Actors.Resources;
using Cti.Actors.Runtime;
using Cti.Actors.SipNode;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Actors.Calls;

/// <summary>The leg of a call whose node is gone, built from what its journal tells; it does not matter whether that node was this one.</summary>
internal sealed partial class CallLeg
{
    /// <summary>How often the 2xx goes out here before the far end is told without having acknowledged: the ACK may go to the dead node for ever.</summary>
    private const int AnswersBeforeOffer = 3;

    /// <summary>Changes that the far end asked for before the takeover was durable: a refusal would be final to most telephones.</summary>
    private readonly Queue<ServerTransaction> early = new();

    private int answers;

    /// <summary>The leg of a call that goes on here, at <paramref name="local"/>; null where the journal does not tell enough.</summary>
    /// <param name="services">The node's.</param>
    /// <param name="cell">The call.</param>
    /// <param name="system">The runtime.</param>
    /// <param name="local">Our side of the audio, new.</param>
    /// <param name="taken">What is to be decided on, but for the time.</param>
    public static CallLeg? ForTakenOver(CallServices services, CallCell cell, ActorSystem system, LocalAudio local, out TakenOver? taken)
    {
        taken = null;
        var call = cell.State!;
        if (call.Dialog is not { } dialog || !DialogFlow.TryParse(dialog.Flow, out var dead) || !DialogTag.TryParse(call.LocalTag, out var tag)) return null;
        var leg = Restored(services, cell, system, local, dead);
        var contact = tag.ToContact(services.Sip.LocalAddress(leg.route.Flow), leg.route.Flow.Kind).ToString();
        if (call.TheirInvite is null)
        {
            taken = new TakenOver(0, Raised(ReOffer(call, local), call).ToString(), contact);
            return leg;
        }
        if (!StoredInvite.TryRead(call.TheirInvite, out var invite)) return null;
        var theirs = SdpParser.TryParse(SdpBody.Find(invite.Get(HeaderId.ContentType), invite.Body.Span), out var offer, out _) ? offer : null;
        if ((theirs is null ? ReOffer(call, local) : SdpNegotiator.Answer(theirs, local, Described(call)).Local) is not { } answer) return null;
        answer = Raised(answer, call);
        var reserved = dialog with { LocalCSeq = dialog.LocalCSeq + Limits.SipCSeqReserve, LocalContact = contact };
        leg.Serve(invite, dead, reserved, answer, call.AnswerRequestedMillis is not null);
        taken = new TakenOver(0, answer.ToString(), contact);
        return leg;
    }

    /// <summary>The leg of a call that ends here: it can send what the far end is owed.</summary>
    public static CallLeg ForLost(CallServices services, CallCell cell, ActorSystem system)
    {
        var call = cell.State!;
        var nowhere = new LocalAudio("127.0.0.1", 9, 0, 0, services.MediaProfile.Codecs);
        var leg = Restored(services, cell, system, nowhere, DialogFlow.TryParse(call.Dialog?.Flow ?? call.Invite?.Flow, out var dead) ? dead : default);
        var isCalling = call is { IsDialling: true, IsAwaitingParent: false } || call.Closing == SipClosing.Cancel;
        if (isCalling && call.Invite is { } sent) leg.Inherit(sent, call);
        else if (call.Closing == SipClosing.Refusal && call.Dialog is { } dialog && StoredInvite.TryRead(call.TheirInvite, out var invite))
            leg.Serve(invite, dead, dialog, SdpNegotiator.CreateOffer(nowhere), isAnswered: false);
        return leg;
    }

    private static CallLeg Restored(CallServices services, CallCell cell, ActorSystem system, LocalAudio local, SipFlow dead)
    {
        var trunk = services.Trunks.Named(cell.State?.Trunk);
        // The far end may ask for the password again, and this node may never have been asked before.
        if (trunk is not null && cell.State?.Agreement is { } agreement) services.Trunks.Of(trunk).Remember(agreement);
        var leg = new LegContext(services, cell, system, local, trunk) { IsRestored = true };
        var usages = new LegUsages();
        return new CallLeg(leg, usages, new LegRoute(leg, usages) { Flow = dead.Remote is null ? default : services.Sip.Facing(dead) });
    }

    private static SdpSession? Described(CallState call) => SdpParser.TryParse(Encoding.UTF8.GetBytes(call.LocalSdp ?? ""), out var sdp, out _) ? sdp : null;

    /// <summary>What held, at our new place: who was on hold stays there.</summary>
    private static SdpSession ReOffer(CallState call, LocalAudio local)
    {
        var previous = Described(call);
        var live = previous?.Media.FirstOrDefault(static media => media.Port != 0);
        return SdpNegotiator.CreateOffer(live is null ? local : local with { Direction = previous!.DirectionOf(live) }, previous);
    }

    /// <summary>The version rises even where the same port was free again: sequence numbers and source are new.</summary>
    private static SdpSession Raised(SdpSession sdp, CallState call)
    {
        if (Described(call) is not { } previous || previous.Origin.Version != sdp.Origin.Version || !ulong.TryParse(sdp.Origin.Version, out var version)) return sdp;
        return sdp with { Origin = sdp.Origin with { Version = (version + 1).ToString(System.Globalization.CultureInfo.InvariantCulture) } };
    }

    /// <summary>Takes over their INVITE.</summary>
    private void Serve(SipRequest invite, SipFlow dead, DialogState dialog, SdpSession sdp, bool isAnswered)
    {
        usages.Server = InviteServerUsage.Restore(invite, dialog, sdp, isAnswered, NowMillis, services.SipTimers);
        serverTransaction = ServerTransaction.Detached(invite, services.Sip.Facing(dead));
        services.Sip.AdoptInbound(serverTransaction, cell.Actor);
    }

    /// <summary>Takes over our INVITE: it can be cancelled, and an answer that crosses that is acknowledged and hung up.</summary>
    private void Inherit(OutboundInvite sent, CallState call)
    {
        var invite = sent.ToRequest(call.SipCallId, call.LocalTag);
        target = invite.Uri;
        isResolved = true;
        offer = Described(call) ?? SdpNegotiator.CreateOffer(local);
        usages.Client = InviteClientUsage.Begin(invite, offer, sent.Flow, new InviteClientPolicy()).State;
        var handle = new RequestHandle(cell.Actor, invite);
        invites.Add(handle);
        services.Sip.AdoptOutbound(handle, route.Flow);
    }

    /// <summary>The journal does not know yet that the call goes on here.</summary>
    private bool IsNotYetHere(CallState state) => leg.IsRestored && usages.Session is null && usages.Server is null or { Phase: InviteServerPhase.Confirmed } && state.IsUp;

    /// <summary>The re-INVITE waits for its turn: many calls may have the same far end.</summary>
    private void TellWhereWeAre(CallState state)
    {
        usages.Session ??= SessionOf(state);
        while (early.TryDequeue(out var before)) cell.Actor.Tell(new InDialogRequest(before));
        services.ReInvites.Queue(route.Flow.Remote.Address, cell.Actor);
    }

    private ReInviteState SessionOf(CallState state) => new()
    {
        Dialog = state.Dialog!, Local = local, LocalSdp = Described(state) ?? SdpNegotiator.CreateOffer(local), Credentials = Credentials,
    };

    private ResourceCommand? Offer(CallState state)
    {
        // A change of theirs may have told them meanwhile.
        if (state.InterruptedMillis is null || state.WasReleased || usages.Session is null) return null;
        return SessionStep(new ReInviteInput.Refresh());
    }

    private void CountAnswers(bool isRepeated)
    {
        if (!isRepeated || !leg.IsRestored || ++answers != AnswersBeforeOffer || cell.State is not { InterruptedMillis: not null } state) return;
        TellWhereWeAre(state);
    }

    /// <summary>Who agrees on a change has seen our 2xx.</summary>
    private void SettleAnswer()
    {
        if (leg.IsRestored && usages.Server is { Phase: InviteServerPhase.Accepted } serving)
            usages.Server = serving with { Phase = InviteServerPhase.Confirmed, ResendAt = long.MaxValue, EndAt = long.MaxValue };
    }

    /// <summary>Only a far end that has lost the call, or is gone, ends it in the usual way.</summary>
    private bool IsTakeoverLost(int status) => cell.State!.InterruptedMillis is not null && status is not (408 or 481);

    private void AcknowledgeOnceMore(uint number, CallState state)
    {
        var dialog = state.Dialog!;
        var invite = new SipRequest(SipMethods.Invite, DialogRequests.TargetOf(dialog));
        invite.Add(HeaderId.CSeq, new CSeqValue(number, SipMethods.Invite).ToString());
        route.Acknowledge(DialogRequests.Ack(dialog, invite));
    }

    /// <summary>A 2xx to an INVITE or re-INVITE that the dead node sent comes again, because nobody has acknowledged it.</summary>
    private ResourceCommand? AcknowledgeForTheDead(SipResponse response)
    {
        if (leg.IsRestored && cell.State is { IsUp: true, Dialog: { } dialog } state && dialog.Owns(response)) AcknowledgeOnceMore(response.CSeq.Number, state);
        return null;
    }
}
