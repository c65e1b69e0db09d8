using System.Collections.Immutable;
using System.Net.Sockets;
using Cti.Actors.Resources;
using Cti.Actors.Runtime;
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

/// <summary>The inbound half: their INVITE, from the offer to the ACK.</summary>
internal sealed partial class CallLeg
{
    private ServerTransaction? serverTransaction;

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
    public static CallLeg? ForInvite(CallServices services, CallCell cell, ActorSystem system, ServerTransaction transaction, ResourceId id, LocalAudio local,
        string? trunkName, ImmutableDictionary<string, string> hosts, out SipResponse? refusal)
    {
        var tag = DialogTag.Create(id, services.Random);
        var contact = tag.ToContact(services.Sip.LocalAddress(transaction.Flow), transaction.Flow.Kind);
        var begun = InviteServerUsage.Begin(transaction.Request, tag.ToString(), contact, DialogFlow.Format(transaction.Flow), out refusal, hosts);
        if (begun is null) return null;
        var trunk = services.Trunks.Named(trunkName);
        services.Sip.CountCall(transaction.Flow, 1);
        var leg = new LegContext(services, cell, system, local, trunk);
        var usages = new LegUsages { Server = begun };
        var route = new LegRoute(leg, usages) { CallerAllowance = AllowanceOf(transaction, trunk), Flow = transaction.Flow };
        return new CallLeg(leg, usages, route, hosts) { carrier = transaction.Flow, serverTransaction = transaction };
    }

    private static SourceAllowance? AllowanceOf(ServerTransaction transaction, Trunk? trunk)
    {
        if (transaction.Origin is null || trunk is not null || transaction.Flow.IsReliable) return transaction.Allowance;
        // The node that has the transaction keeps count of what it answers; here it is what we ask.
        var elsewhere = new SourceAllowance();
        elsewhere.Came(SipMessageWriter.GetLength(transaction.Request));
        return elsewhere;
    }

    /// <summary>The dialog of their INVITE.</summary>
    public DialogState ServerDialog => usages.Server!.Dialog;

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
        if (isIPv6 ? speaks(AddressFamily.InterNetworkV6) : speaks(AddressFamily.InterNetwork)) return isIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        return isIPv6 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
    }

    private ResourceCommand? ServeStep(InviteServerInput input)
    {
        if (usages.Server is null) return null;
        var step = InviteServerUsage.Step(ReferenceEquals(usages.Server.Hosts, hosts.Known) ? usages.Server : usages.Server with { Hosts = hosts.Known }, input, NowMillis, services.SipTimers);
        var isElsewhere = usages.Server.Dialog.RemoteTarget != step.State.Dialog.RemoteTarget;
        usages.Server = step.State;
        ResourceCommand? command = isElsewhere ? new TargetMoved(usages.Server.Dialog) : null;
        NegotiatedAudio? agreed = null;
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case SendResponse response when response.Request.Method == SipMethods.Update:
                    AnswerUpdate(response, isHeld: isElsewhere);
                    break;
                case SendResponse response:
                    services.Sip.Respond(serverTransaction!, response.Response);
                    CountAnswers(response.Repeated);
                    break;
                case MediaAgreed media:
                    agreed = media.Media;
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

    /// <summary>Each UPDATE is answered in the step that takes it; one that moves the far end waits until that is durable.</summary>
    private void AnswerUpdate(SendResponse answer, bool isHeld)
    {
        if (isHeld) held.Hold(update!, answer.Response);
        else services.Sip.Respond(update!, answer.Response);
    }

    private AckArrived Confirmed(DialogState dialog, NegotiatedAudio? agreed)
    {
        var serving = usages.Server!;
        route.CallerIsShown();
        // One that was made before the ACK came has told the far end where we are already.
        usages.Session ??= new ReInviteState { Dialog = dialog, Local = local, LocalSdp = serving.LocalSdp!, Credentials = Credentials, AllowsUpdate = serving.AllowsUpdate }
            .WithTimer(serving.Timer, NowMillis);
        return new AckArrived(serving.Offer is not null && agreed is null ? null : agreed);
    }

    private ResourceCommand? CallerGaveUp(SipRequest cancel, CallState state)
    {
        // Once we have decided to answer, the 200 wins; the caller hangs up with a BYE (RFC 3261 section 9.2).
        if (usages.Server is not { Phase: InviteServerPhase.Offered } || state.Phase == CallPhase.Answer) return null;
        ServeStep(new InviteServerInput.Cancelled(cancel));
        return new CallerCancelled();
    }

    private void Refuse(SendRefusal refusal)
    {
        var contact = refusal.Contact is { } uri ? new NameAddr(SipUri.Parse(uri)) : null;
        ServeStep(new InviteServerInput.Refuse(refusal.Status, null, contact));
        // The transaction repeats the response until its ACK by itself; a journal entry per ACK would buy nothing.
        cell.Actor.Tell(new Decide(new FarEndSettled()));
    }
}
