using Cti.Actors.Resources;
using Cti.Actors.Runtime;
using Cti.Actors.SipNode;
using Cti.Actors.Trunks;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip;
using Cti.Sip.Auth;
using Cti.Sip.Dialog;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Usage = Cti.Sip.Dialog;

namespace Cti.Actors.Calls;

/// <summary>The outbound half: our INVITE, from the look-up of its host to the ACK; keys by INFO.</summary>
internal sealed partial class CallLeg
{
    private readonly List<RequestHandle> invites = [];
    private SipUri target = null!;
    private SipRequest? pendingAck;
    private SdpSession offer = null!;
    private string fromUri = "";
    private bool inviteCancelled;
    private bool isResolved;
    private SipRequest? pendingInvite;
    private string? branch;

    /// <summary>The leg of an outbound call; nothing is sent before its <see cref="SendInvite"/>.</summary>
    public static CallLeg ForPlacement(CallServices services, CallCell cell, ActorSystem system, Placement placement, string? fromUri, LocalAudio local)
    {
        var leg = new LegContext(services, cell, system, local, placement.Trunk);
        var usages = new LegUsages();
        return new CallLeg(leg, usages, new LegRoute(leg, usages) { Flow = placement.Flow ?? default })
        {
            offer = SdpNegotiator.CreateOffer(local),
            target = placement.NextHop,
            fromUri = fromUri ?? "",
            isResolved = placement.Flow is not null,
        };
    }

    /// <summary>Our offer as it stands in the INVITE.</summary>
    public string OfferText => offer.ToString();

    /// <summary>The INVITE as it will go out, for the journal; null where its host is unknown.</summary>
    public OutboundInvite? Describe(DialogTag tag)
    {
        if (!isResolved) return null;
        var address = services.Sip.LocalAddress(route.Flow);
        return new OutboundInvite(1, target.Text, services.Sip.ViaOf(route.Flow, NewBranch()), IdentityAt(address).From.ToString(), new NameAddr(target).ToString(),
            tag.ToContact(address, route.Flow.Kind).ToString(), DialogFlow.Format(route.Flow));
    }

    private string NewBranch() => branch = ViaValue.MagicCookie + services.Random.NextHex(8);

    private void BeginInvite(CallState state)
    {
        if (pendingInvite is { } again)
        {
            pendingInvite = null;
            StartInvite(again);
        }
        else if (!isResolved)
        {
            cell.Actor.Tell(new Decide(new DialFailed(503, $"host {target.Host} does not resolve, or no listener has its transport")));
        }
        else if (usages.Client is null)
        {
            // The first one: its journaled branch is used.
            ClientActions(InviteClientUsage.Begin(BuildInvite(state), offer, DialogFlow.Format(route.Flow), new InviteClientPolicy(Credentials)), isFirst: true);
        }
    }

    /// <summary>A redirection's host is looked up away from the actor; the result comes back as a message.</summary>
    private async Task ReportAsync(ValueTask<SipFlow?> lookup, SipRequest invite)
    {
        SipFlow? found = null;
        try
        {
            found = await lookup.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A look-up that took too long found nothing.
        }
        cell.Actor.Tell(new TargetResolved(invite, found));
    }

    private ResourceCommand? Resolved(TargetResolved resolved)
    {
        if (inviteCancelled) return new DialFailed(487, "cancelled before the INVITE was sent");
        if (resolved.Flow is not { } found) return new DialFailed(503, $"host {target.Host} does not resolve, or no listener has its transport");
        if (!services.DialPolicy.Allows(found.Remote, route.Flow.Remote)) return new DialFailed(403, $"the far end redirects to {found.Remote}, which cti.sip.dial-policy does not allow it");
        route.Flow = found;
        return Retry(resolved.Invite);
    }

    /// <summary>An INVITE of another number: it goes out once the journal knows how.</summary>
    private InviteRetried Retry(SipRequest invite)
    {
        pendingInvite = invite;
        return new InviteRetried(new OutboundInvite(invite.CSeq.Number, invite.Uri.Text, services.Sip.ViaOf(route.Flow, NewBranch()), invite.From.WithoutTag().ToString(),
            invite.Get(HeaderId.To)!, invite.Get(HeaderId.Contact)!, DialogFlow.Format(route.Flow)));
    }

    private SipRequest BuildInvite(CallState state)
    {
        var address = services.Sip.LocalAddress(route.Flow);
        var identity = IdentityAt(address);
        if (!DialogTag.TryParse(state.LocalTag, out var tag)) throw new InvalidOperationException($"{state.LocalTag} is no tag of ours");
        var initial = new InitialRequest(target, identity.From, new NameAddr(target), tag.ToContact(address, route.Flow.Kind), state.SipCallId, state.LocalTag, 1, []);
        return InitialRequests.Invite(initial, offer.ToBytes(), identity);
    }

    private CallerIdentity IdentityAt(SipHostPort address) => CallerIdentity.Of(CallerUri(address), trunk?.AssertIdentity ?? false);

    /// <summary>The From URI: what the application gave, a bare number at our domain, or the line's own.</summary>
    private SipUri CallerUri(SipHostPort address)
    {
        var domain = trunk?.FromDomain ?? address.Host;
        if (fromUri.Length == 0) return SipUri.Create(trunk?.FromUser ?? trunk?.User ?? "cti", domain, 0, null);
        var text = fromUri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || fromUri.StartsWith("sips:", StringComparison.OrdinalIgnoreCase) ? fromUri
            : fromUri.Contains('@', StringComparison.Ordinal) ? $"sip:{fromUri}"
            : $"sip:{fromUri}@{domain}";
        return SipUri.TryParse(text, out var uri) ? uri : SipUri.Create("cti", domain, 0, null);
    }

    private ResourceCommand? ClientStep(InviteClientInput input) =>
        usages.Client is null ? null : ClientActions(InviteClientUsage.Step(ReferenceEquals(usages.Client.Hosts, hosts.Known) ? usages.Client : usages.Client with { Hosts = hosts.Known }, input, NowMillis, services.SipTimers));

    private ResourceCommand? ClientActions(UsageStep<InviteClientState> step, bool isFirst = false)
    {
        usages.Client = step.State;
        var command = Unusable(step);
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case Usage.SendAck ack when command is FarEndUnusable:
                    pendingAck = ack.Ack;
                    break;
                case SendRequest or InviteFailed when command is FarEndUnusable:
                    break;
                case SendRequest { Request.Method: SipMethods.Invite } invite:
                    if (isFirst) StartInvite(invite.Request);
                    else command = SendInviteTo(invite.Request);
                    break;
                case SendRequest other:
                    route.Start(other.Request);
                    break;
                case SendResponse answer:
                    AnswerUpdate(answer, isHeld: false);
                    break;
                case CancelInvite cancel:
                    if (invites.Count > 0) services.Sip.Cancel(invites[^1], cancel.Reason);
                    break;
                case Usage.SendAck ack when command is FarEndAnswered:
                    pendingAck = ack.Ack;
                    break;
                case Usage.SendAck ack when ack.Ack != pendingAck:
                    route.Acknowledge(ack.Ack);
                    break;
                case InviteProgressed { Status: > 100 } progressed:
                    command = new FarEndRings(progressed.Early);
                    break;
                case InviteAnswered answered:
                    usages.Session = new ReInviteState { Dialog = answered.Dialog, Local = local, LocalSdp = offer, Credentials = Credentials, Digest = usages.Client.Digest, AllowsUpdate = usages.Client.AllowsUpdate }
                        .WithTimer(usages.Client.Timer, NowMillis);
                    command = new FarEndAnswered(answered.Dialog, answered.Media) { Agreement = usages.Client.Digest == DigestSession.Empty ? null : leg.Agreement };
                    break;
                case InviteFailed failed:
                    command = new DialFailed(failed.Status, failed.Response?.Reason ?? ReasonOf(failed.Status));
                    break;
            }
        }
        return command;
    }

    /// <summary>
    /// A 2xx that we cannot use or do not want any more (it crossed our CANCEL). The usage would acknowledge it and hang up at once; that waits for the
    /// decision, so that a crash in between leaves a BYE that is owed.
    /// </summary>
    private static ResourceCommand? Unusable(UsageStep<InviteClientState> step)
    {
        var failed = step.Actions.OfType<InviteFailed>().FirstOrDefault(static failed => failed.Response is { IsSuccess: true });
        return failed?.Response is { } success
            ? new FarEndUnusable(InviteClientUsage.DialogOf(success, step.State), failed.Status, ReasonOf(failed.Status))
            : null;
    }

    private static string ReasonOf(int status) => status switch
    {
        408 => "no answer from the gateway",
        488 => "the far end's answer has no audio that we can do",
        502 => "the far end's answer does not say where to reach it",
        503 => "the gateway cannot be reached",
        _ => "failed",
    };

    private InviteRetried? SendInviteTo(SipRequest invite)
    {
        if (invite.Uri.Host.Equals(target.Host, StringComparison.OrdinalIgnoreCase) && invite.Uri.Port == target.Port) return Retry(invite);
        target = invite.Uri;
        _ = ReportAsync(services.Sip.ResolveAsync(invite.Uri), invite);
        return null;
    }

    private void StartInvite(SipRequest invite)
    {
        // The first INVITE, and each after a redirection, goes where the look-up led.
        var handle = new RequestHandle(cell.Actor, invite) { Branch = branch };
        invites.Add(handle);
        route.KeepCredentials(invite, route.Flow);
        services.Sip.Start(invite, route.Flow, handle);
    }

    private bool IsInviteOfOurs(RequestHandle handle) => invites.Count > 0 && invites.Contains(handle);

    /// <summary>The first 2xx is acknowledged once the answer is durable: what we tell the far end, we know after a crash.</summary>
    private void ReleaseAck()
    {
        if (pendingAck is not { } ack) return;
        pendingAck = null;
        route.Acknowledge(ack);
    }

    private void CancelInvite(CallState state)
    {
        inviteCancelled = true;
        if (pendingInvite is not null || usages.Client is null)
        {
            // Nothing is under way that could be cancelled: the last INVITE has its final response, the next one was not sent.
            pendingInvite = null;
            cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        ClientStep(new InviteClientInput.Cancel(SipReason.Sip(state.ClosingCause)));
    }

    // ---- keys by INFO ----

    /// <summary>Whether this call's trunk takes keys by SIP INFO.</summary>
    public bool SendsKeysByInfo => trunk?.Dtmf == TrunkDtmf.Info;

    /// <summary>Whether this call's trunk takes keys as tones only.</summary>
    public bool SendsKeysInBand => trunk?.Dtmf == TrunkDtmf.InBand;

    /// <summary>Sends keys one INFO after the other.</summary>
    public void SendKeysByInfo(long number, string keys) => keysByInfo.Send(number, keys);
}
