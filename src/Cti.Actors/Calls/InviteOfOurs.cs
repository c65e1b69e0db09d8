using System.Collections.Immutable;
using Cti.Actors.Resources;
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
using Cti.Sip.Transaction;
using Usage = Cti.Sip.Dialog;

namespace Cti.Actors.Calls;

/*
   Our INVITE between the call's decisions and its usage

   placed --- SendInvite ---> INVITE out --- 2xx: its ACK waits until the answer is durable ---> answered
                                | ^
      another number is needed  | | once the journal has it
      (challenge, redirection)  V |
                        INVITE not yet out --- redirected to another host: once that is looked up
*/

/// <summary>The INVITE of an outbound call, from the look-up of its host to the ACK, in front of <see cref="InviteClientUsage"/>.</summary>
internal sealed class InviteOfOurs(LegContext leg, LegUsages usages, LegRoute route, LegHosts hosts)
{
    private readonly List<RequestHandle> _invites = [];
    private readonly List<RequestHandle> _pracks = [];
    private readonly Queue<SipFlow> _others = new();
    private SipUri _target = null!;
    private SdpSession _offer = null!;
    private string _fromUri = "";
    private string? _headers;
    private ImmutableArray<string> _routes = [];
    private bool _isResolved;
    private bool _isCancelled;
    private string? _branch;
    private SipRequest? _pendingInvite;
    private SipRequest? _pendingAck;
    private ServerTransaction? _update;

    /// <summary>Our offer as it stands in the INVITE, but for its keys.</summary>
    public string OfferText => _offer.ToJournal();

    /// <summary>Whether the answer is not durable yet, and its 2xx therefore not acknowledged.</summary>
    public bool OwesAck => _pendingAck is not null;

    /// <summary>Whether a request is one of its INVITEs, or acknowledges a provisional response to one.</summary>
    public bool Is(RequestHandle handle) => (_invites.Count > 0 && _invites.Contains(handle)) || _pracks.Contains(handle);

    /// <summary>Where it is to go; nothing is sent before <see cref="Begin"/>.</summary>
    public void Place(Placement placement, string? fromUri, string? headers)
    {
        _headers = headers;
        _offer = SdpNegotiator.CreateOffer(leg.Local);
        _target = placement.NextHop;
        _fromUri = fromUri ?? "";
        _routes = placement.Routes;
        _isResolved = placement.Flow is not null;
        foreach (var other in placement.Others) _others.Enqueue(other);
    }

    /// <summary>Takes over our INVITE: it can be cancelled, and an answer that crosses that is acknowledged and hung up.</summary>
    public void TakeOver(OutboundInvite sent, CallState call)
    {
        var invite = sent.ToRequest(call.SipCallId, call.LocalTag);
        _target = invite.Uri;
        _isResolved = true;
        _offer = JournaledSdp.Of(call) ?? SdpNegotiator.CreateOffer(leg.Local);
        usages.Client = InviteClientUsage.Begin(invite, _offer, sent.Flow, new InviteClientPolicy()).State with { Reserved = Limits.SipCSeqReserve };
        var handle = new RequestHandle(leg.Cell.Actor, invite);
        _invites.Add(handle);
        leg.Services.Sip.AdoptOutbound(handle, route.Flow);
    }

    /// <summary>The INVITE as it will go out, for the journal; null where its host is unknown.</summary>
    public OutboundInvite? Describe(DialogTag tag)
    {
        if (!_isResolved) return null;
        var address = leg.Services.Sip.LocalAddress(route.Flow);
        var via = leg.Services.Sip.ViaOf(route.Flow, NewBranch());
        return new OutboundInvite(1, _target.Text, via, IdentityAt(address).From.ToString(), new NameAddr(_target).ToString(),
            tag.ToContact(address, route.Flow.Kind).ToString(), DialogFlow.Format(route.Flow))
        { Routes = JournaledRoutes };
    }

    private ImmutableArray<string>? JournaledRoutes => _routes.IsEmpty ? null : _routes;

    private string NewBranch() => _branch = ViaValue.MagicCookie + leg.Services.Random.NextHex(8);

    /// <summary>The journal knows how the next INVITE goes out.</summary>
    public void Begin(CallState state)
    {
        if (_pendingInvite is { } again)
        {
            _pendingInvite = null;
            StartInvite(again);
        }
        else if (!_isResolved)
        {
            leg.Cell.Actor.Tell(new Decide(new DialFailed(503, $"host {_target.Host} does not resolve, or no listener has its transport")));
        }
        else if (usages.Client is null)
        {
            // The first one: its journaled branch is used.
            Act(InviteClientUsage.Begin(BuildInvite(state), _offer, DialogFlow.Format(route.Flow), new InviteClientPolicy(leg.Credentials)), isFirst: true);
        }
    }

    /// <summary>A redirection's host is looked up away from the actor; the result comes back as a message.</summary>
    private async Task ReportAsync(ValueTask<IReadOnlyList<SipFlow>> lookup, SipRequest invite)
    {
        IReadOnlyList<SipFlow> found = [];
        try
        {
            found = leg.Services.Silent.InOrder(await lookup.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // A look-up that took too long found nothing.
        }
        leg.Cell.Actor.Tell(new TargetResolved(invite, found));
    }

    /// <summary>The host of a redirection was looked up.</summary>
    public ResourceCommand? Resolved(TargetResolved resolved)
    {
        if (_isCancelled) return new DialFailed(487, "cancelled before the INVITE was sent");
        if (resolved.Ways.Count == 0) return new DialFailed(503, $"host {_target.Host} does not resolve, or no listener has its transport");
        _others.Clear();
        foreach (var way in resolved.Ways.Where(way => leg.Services.DialPolicy.Allows(way.Remote, route.Flow.Remote))) _others.Enqueue(way);
        if (!_others.TryDequeue(out var found))
            return new DialFailed(403, $"the far end redirects to {resolved.Ways[0].Remote}, which cti.sip.dial-policy does not allow it");
        route.Flow = found;
        return Retry(resolved.Invite);
    }

    /// <summary>An INVITE of another number: it goes out once the journal knows how.</summary>
    private InviteRetried Retry(SipRequest invite)
    {
        _pendingInvite = invite;
        // Another transport has another Contact.
        if (DialogTag.TryParse(leg.Cell.State!.LocalTag, out var tag))
            invite.Set(HeaderId.Contact, tag.ToContact(leg.Services.Sip.LocalAddress(route.Flow), route.Flow.Kind).ToString());
        var via = leg.Services.Sip.ViaOf(route.Flow, NewBranch());
        return new InviteRetried(new OutboundInvite(invite.CSeq.Number, invite.Uri.Text, via, invite.From.WithoutTag().ToString(),
            invite.Get(HeaderId.To)!, invite.Get(HeaderId.Contact)!, DialogFlow.Format(route.Flow))
        { Routes = JournaledRoutes });
    }

    private SipRequest BuildInvite(CallState state)
    {
        var address = leg.Services.Sip.LocalAddress(route.Flow);
        var identity = IdentityAt(address);
        if (!DialogTag.TryParse(state.LocalTag, out var tag)) throw new InvalidOperationException($"{state.LocalTag} is no tag of ours");
        var contact = tag.ToContact(address, route.Flow.Kind);
        var initial = new InitialRequest(_target, identity.From, new NameAddr(_target), contact, state.SipCallId, state.LocalTag, 1, _routes);
        return CarriedHeaders.With(InitialRequests.Invite(initial, _offer.ToBytes(), identity, leg.Profile), _headers);
    }

    private CallerIdentity IdentityAt(SipHostPort address)
    {
        var domain = leg.Trunk?.FromDomain ?? address.Host;
        var rules = leg.Trunk?.CallerId ?? CallerIdRules.None;
        var line = (leg.Trunk?.FromUser ?? leg.Trunk?.User) is { } user ? rules.Outbound(SipUri.Create(user, domain, 0, null)) : null;
        return CallerIdentity.Of(rules.Outbound(CallerUri(domain)), leg.Trunk?.AssertIdentity ?? false, line) with { Form = rules.Anonymous };
    }

    /// <summary>The From URI: what the application gave, a bare number at our domain, or the line's own.</summary>
    private SipUri CallerUri(string domain)
    {
        if (_fromUri.Length == 0) return SipUri.Create(leg.Trunk?.FromUser ?? leg.Trunk?.User ?? "cti", domain, 0, null);
        var isUri = _fromUri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase) || _fromUri.StartsWith("sips:", StringComparison.OrdinalIgnoreCase);
        var text = isUri ? _fromUri
            : _fromUri.Contains('@', StringComparison.Ordinal) ? $"sip:{_fromUri}"
            : $"sip:{_fromUri}@{domain}";
        return SipUri.TryParse(text, out var uri) ? uri : SipUri.Create("cti", domain, 0, null);
    }

    public ResourceCommand? Step(InviteClientInput input)
    {
        if (usages.Client is not { } before) return null;
        var client = ReferenceEquals(before.Hosts, hosts.Known) ? before : before with { Hosts = hosts.Known };
        return Act(InviteClientUsage.Step(client, input, leg.NowMillis, leg.Services.SipTimers));
    }

    public ResourceCommand? Responded(ResponseCame came)
    {
        if (came.Response.IsFinal) _pracks.Remove(came.Handle);
        if (IsLast(came.Handle) && came.Response.Status == 503)
        {
            leg.Services.Silent.Note(came.Sent.Remote, InviteResponses.RetryAfterSeconds(came.Response));
            if (usages.Client?.MayGoElsewhere(came.Response) == true && TryElsewhere() is { } elsewhere) return elsewhere;
        }
        else
        {
            leg.Services.Silent.Forget(came.Sent.Remote);
        }
        var input = new InviteClientInput.Responded(came.Response, leg.Services.Random.NextHex(16)) { Answer = leg.AnswerTo(came, usages.Client?.Digest) };
        return Step(input) switch
        {
            FarEndRings rings => rings with { Headers = leg.Heard(came.Response) },
            FarEndAnswered answered => answered with { Headers = leg.Heard(came.Response) },
            DialFailed failed => failed with { Headers = leg.Heard(came.Response) },
            var other => other,
        };
    }

    /// <summary>A response that belongs to no transaction any more: a 2xx again, or that of another fork.</summary>
    public ResourceCommand? Repeated(SipResponse response) => Step(new InviteClientInput.Responded(response, leg.Services.Random.NextHex(16)));

    /// <summary>It ended without a final response.</summary>
    public ResourceCommand? NotAnswered(RequestHandle handle, int status)
    {
        // Who gets no PRACK refuses the INVITE by itself.
        if (_pracks.Remove(handle)) return null;
        if (IsLast(handle)) leg.Services.Silent.Note(route.Flow.Remote, null);
        if (IsLast(handle) && usages.Client?.MayGoElsewhere(null) == true && TryElsewhere() is { } elsewhere) return elsewhere;
        if (status == 503 && leg.Trunk is { } trunk) leg.Services.Trunks.NotReached(trunk, route.Flow.Remote);
        return Step(new InviteClientInput.Failed(status));
    }

    private bool IsLast(RequestHandle handle) => _invites.Count > 0 && _invites[^1] == handle;

    /// <summary>
    /// The INVITE goes to the next of those that its host leads to, in a transaction of its own (RFC 3263 section 4.3); null where there is none.
    /// </summary>
    private ResourceCommand? TryElsewhere()
    {
        if (_isCancelled || !_others.TryDequeue(out var next)) return null;
        route.Flow = next;
        return Step(new InviteClientInput.Elsewhere(DialogFlow.Format(next)));
    }

    /// <summary>An UPDATE came before the final response.</summary>
    public ResourceCommand? Update(ServerTransaction transaction)
    {
        _update = transaction;
        return Step(new InviteClientInput.Updated(transaction.Request, leg.Services.Random.Next(11)));
    }

    private ResourceCommand? Act(UsageStep<InviteClientState> step, bool isFirst = false)
    {
        usages.Client = step.State;
        var command = Unusable(step);
        foreach (var action in step.Actions)
        {
            switch (action)
            {
                case Usage.SendAck ack when command is FarEndUnusable:
                    _pendingAck = ack.Ack;
                    break;
                case SendRequest or InviteFailed when command is FarEndUnusable:
                    break;
                case SendRequest { Request.Method: SipMethods.Invite } invite:
                    if (isFirst) StartInvite(invite.Request);
                    else command = SendInviteTo(invite.Request);
                    break;
                case SendRequest { Request.Method: SipMethods.Prack } prack:
                    _pracks.Add(route.Start(prack.Request));
                    break;
                case SendRequest other:
                    route.Start(other.Request);
                    break;
                case SendResponse answer:
                    leg.Services.Sip.Respond(_update!, answer.Response);
                    break;
                case CancelInvite cancel:
                    if (_invites.Count > 0) leg.Services.Sip.Cancel(_invites[^1], cancel.Reason, leg.Cell.State?.ClosingHeaders);
                    break;
                case Usage.SendAck ack when command is FarEndAnswered:
                    _pendingAck = ack.Ack;
                    break;
                case Usage.SendAck ack when ack.Ack != _pendingAck:
                    route.Acknowledge(ack.Ack);
                    break;
                case InviteProgressed { Status: > 100 } progressed:
                    command = new FarEndRings(progressed.Early) { Tag = progressed.Dialog?.RemoteTag };
                    break;
                case InviteAnswered answered:
                    // Where one that was given up has answered after all, whoever was asked after it is not to ring.
                    if (_invites.Count > 1) leg.Services.Sip.Cancel(_invites[^1], SipReason.AnsweredElsewhere.ToString());
                    usages.Session = SessionOf(answered, step.State);
                    var agreement = step.State.Digest == DigestSession.Empty ? null : leg.Agreement;
                    command = new FarEndAnswered(answered.Dialog, answered.Media) { Agreement = agreement, Timer = step.State.Timer };
                    break;
                case InviteFailed failed:
                    command = new DialFailed(failed.Status, failed.Response?.Reason ?? ReasonOf(failed.Status));
                    break;
            }
        }
        return command;
    }

    private ReInviteState SessionOf(InviteAnswered answered, InviteClientState client) => new ReInviteState
    {
        Dialog = answered.Dialog,
        Local = leg.Local,
        LocalSdp = _offer,
        Credentials = leg.Credentials,
        Digest = client.Digest,
        AllowsUpdate = client.AllowsUpdate,
        TimerRules = leg.Profile.Timer,
        LeastSeconds = client.LeastSeconds,
    }.WithTimer(client.Timer, leg.NowMillis);

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
        if (invite.Uri.Host.Equals(_target.Host, StringComparison.OrdinalIgnoreCase) && invite.Uri.Port == _target.Port) return Retry(invite);
        _target = invite.Uri;
        _ = ReportAsync(leg.Services.Sip.ResolveAllAsync(invite.Uri), invite);
        return null;
    }

    private void StartInvite(SipRequest invite)
    {
        // The first INVITE, and each after a redirection, goes where the look-up led.
        var handle = new RequestHandle(leg.Cell.Actor, invite) { Branch = _branch };
        _invites.Add(handle);
        route.KeepCredentials(invite, route.Flow);
        leg.Services.Sip.Start(invite, route.Flow, handle);
    }

    /// <summary>The first 2xx is acknowledged once the answer is durable: what we tell the far end, we know after a crash.</summary>
    public void ReleaseAck()
    {
        if (_pendingAck is not { } ack) return;
        _pendingAck = null;
        route.Acknowledge(ack);
    }

    /// <summary>The call is not wanted any more.</summary>
    public void Cancel(CallState state)
    {
        _isCancelled = true;
        if (_pendingInvite is not null || usages.Client is null)
        {
            // Nothing is under way that could be cancelled: the last INVITE has its final response, the next one was not sent.
            _pendingInvite = null;
            leg.Cell.Actor.Tell(new Decide(new FarEndSettled()));
            return;
        }
        Step(new InviteClientInput.Cancel(SipReason.Sip(state.ClosingCause)));
    }
}
