using System.Collections.Immutable;
using System.Globalization;
using Cti.Sip.Auth;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Dialog;

/*
   The client of an INVITE, RFC 3261 section 13.2 above RFC 6026's transaction

                        | Begin: INVITE
                        V
                  +-----------+  1xx: progress, early dialogs; a reliable one: PRACK
                  |  Inviting |-----+   401, 407: INVITE again, once a realm
                  |           |<----+   3xx: INVITE to the Contacts, at most 5
                  +-----------+         422: INVITE again, once
       2xx: answered |   | 300-699, no answer, transport: failed
       ACK           |   | Cancel: CANCEL, then 487, or
                     |   |         2xx that crossed: ACK, BYE, failed with 487
                     V   V
             +----------+ +-------+
             | Answered | | Ended |  both: 2xx of the winner again: ACK again
             +----------+ +-------+        2xx of another fork: ACK, BYE
*/

/// <summary>Where the client of an INVITE stands.</summary>
public enum InviteClientPhase
{
    /// <summary>No final outcome yet.</summary>
    Inviting,
    /// <summary>The first 2xx came: the call is up.</summary>
    Answered,
    /// <summary>Failed or cancelled.</summary>
    Ended,
}

/// <summary>What the client of an INVITE may do by itself.</summary>
/// <param name="Credentials">For challenges; null to take a 401 or 407 as final.</param>
/// <param name="RedirectAnywhere">Whether a 3xx may lead to another host than that of the first Request-URI.</param>
public sealed record InviteClientPolicy(DigestCredentials? Credentials = null, bool RedirectAnywhere = false);

/// <summary>The client of an INVITE.</summary>
public sealed record InviteClientState
{
    /// <summary>Where it stands.</summary>
    public required InviteClientPhase Phase { get; init; }
    /// <summary>The INVITE sent last.</summary>
    public required SipRequest Invite { get; init; }
    /// <summary>Our offer.</summary>
    public required SdpSession Offer { get; init; }
    /// <summary>What it went by.</summary>
    public required string Flow { get; init; }
    /// <summary>What it may do by itself.</summary>
    public required InviteClientPolicy Policy { get; init; }
    /// <summary>Challenges answered so far; the dialog goes on with it.</summary>
    public DigestSession Digest { get; init; } = DigestSession.Empty;
    /// <summary>The dialog of the first 2xx.</summary>
    public DialogState? Dialog { get; init; }
    /// <summary>The session timer that the 2xx agreed to.</summary>
    public SessionTimer? Timer { get; init; }
    /// <summary>The shortest interval between refreshes that the dialog has heard of, in seconds (RFC 4028 section 7.4).</summary>
    public int LeastSeconds => SessionTimer.LeastOf(Invite);
    /// <summary>Whether the 2xx says that the far end takes UPDATE.</summary>
    public bool AllowsUpdate { get; init; }
    /// <summary>The number of our last request in any dialog of this call: what a retry goes on from.</summary>
    public uint LastCSeq { get; init; }
    /// <summary>When <see cref="InviteClientInput.Tick"/> is due; <see cref="long.MaxValue"/> for never.</summary>
    public long Deadline { get; init; } = long.MaxValue;

    /// <summary>What was looked up of the host names in their descriptions (RFC 8866 section 5.7): addresses by name.</summary>
    public ImmutableDictionary<string, string> Hosts { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>
    /// How many numbers a node that is gone may have used in early dialogs of this INVITE, which is taken over only to be cancelled; 0 for one of this node's.
    /// </summary>
    public uint Reserved { get; init; }

    internal ImmutableDictionary<string, EarlyDialog> Early { get; init; } = ImmutableDictionary<string, EarlyDialog>.Empty;
    internal ImmutableDictionary<string, SipRequest> Acks { get; init; } = ImmutableDictionary<string, SipRequest>.Empty;
    internal ImmutableList<SipUri> Tried { get; init; } = [];
    internal ImmutableList<SipUri> Targets { get; init; } = [];
    internal bool CancelRequested { get; init; }
    internal int LastStatus { get; init; }
    internal bool IntervalRaised { get; init; }

    /// <summary>
    /// Whether the INVITE may go to the next of those that its host leads to (RFC 3263 section 4.3): it had no answer, or a 503, and nobody rings for it.
    /// </summary>
    /// <param name="response">The 503; null where no answer came.</param>
    public bool MayGoElsewhere(SipResponse? response) => this is { Phase: InviteClientPhase.Inviting, CancelRequested: false }
        && (response is null ? LastStatus == 0 : response.Status == 503 && response.CSeq == Invite.CSeq && LastStatus <= 100);

    internal sealed record EarlyDialog(DialogState Dialog, SdpSession? Remote, bool HasTarget)
    {
        /// <summary>The RSeq of its last reliable response; 0 before the first.</summary>
        public uint LastRSeq { get; init; }

        /// <summary>What acknowledged it.</summary>
        public SipRequest? Prack { get; init; }
    }
}

/// <summary>What can happen to the client of an INVITE.</summary>
public abstract record InviteClientInput
{
    private InviteClientInput()
    {
    }

    /// <summary>A response to an INVITE of this call came, also a repeated, stray or forked one.</summary>
    /// <param name="Response">The response.</param>
    /// <param name="Cnonce">Fresh random text of at least 16 hexadecimal digits, for a challenge.</param>
    public sealed record Responded(SipResponse Response, string Cnonce) : InviteClientInput
    {
        /// <summary>What a 401 or 407 is to be answered with, as <see cref="DigestTrust.Judge"/> says; null to take it as final.</summary>
        public DigestSession? Answer { get; init; }
    }

    /// <summary>The transaction of our last INVITE ended without a final response.</summary>
    /// <param name="Status">408 for no answer in time, 503 for a transport error (RFC 3261 section 8.1.3.1).</param>
    public sealed record Failed(int Status) : InviteClientInput;

    /// <summary>The same INVITE goes to another of those that its host leads to, where <see cref="InviteClientState.MayGoElsewhere"/> says so.</summary>
    /// <param name="Flow">By what.</param>
    public sealed record Elsewhere(string Flow) : InviteClientInput;

    /// <summary>The call is not wanted any more.</summary>
    /// <param name="Reason">Told to the far end, or null.</param>
    public sealed record Cancel(SipReason? Reason = null) : InviteClientInput;

    /// <summary>An UPDATE of the far end's came before its final response (RFC 3311).</summary>
    /// <param name="Request">The UPDATE.</param>
    /// <param name="RetryAfterSeconds">0..10, random: for a 500.</param>
    public sealed record Updated(SipRequest Request, int RetryAfterSeconds) : InviteClientInput;

    /// <summary><see cref="InviteClientState.Deadline"/> has come.</summary>
    public sealed record Tick : InviteClientInput;
}

/// <summary>The client of an INVITE: pure.</summary>
public static class InviteClientUsage
{
    private const int RedirectsMax = 5;
    private const int ForksMax = 16;

    /// <summary>Begins with a request of <see cref="InitialRequests.Invite"/> that carries <paramref name="offer"/>; the first action sends it.</summary>
    public static UsageStep<InviteClientState> Begin(SipRequest invite, SdpSession offer, string flow, InviteClientPolicy policy) => new(new InviteClientState
    {
        Phase = InviteClientPhase.Inviting, Invite = invite, Offer = offer, Flow = flow, Policy = policy, LastCSeq = invite.CSeq.Number, Tried = [invite.Uri],
    }, [new SendRequest(invite)]);

    /// <summary>One step. What does not fit the phase changes nothing.</summary>
    public static UsageStep<InviteClientState> Step(InviteClientState state, InviteClientInput input, long nowMillis, SipTimers timers) => input switch
    {
        InviteClientInput.Responded { Response: { Status: 401 or 407, CSeq.Method: SipMethods.Prack }, Answer: not null } challenged =>
            PrackAgain(state, challenged),
        InviteClientInput.Responded { Response.CSeq.Method: not SipMethods.Invite } => new(state, []),
        InviteClientInput.Responded { Response: { IsSuccess: true } success } => Succeeded(state, success, nowMillis, timers),
        InviteClientInput.Responded responded when state.Phase == InviteClientPhase.Inviting && responded.Response.CSeq.Number == state.Invite.CSeq.Number =>
            responded.Response.IsProvisional ? Progressed(state, responded.Response) : Refused(state, responded.Response, responded),
        InviteClientInput.Failed failed when state.Phase == InviteClientPhase.Inviting =>
            NextTarget(state, state.CancelRequested ? 487 : failed.Status, null, []),
        InviteClientInput.Elsewhere elsewhere when state is { Phase: InviteClientPhase.Inviting, CancelRequested: false } =>
            Again(state with { Flow = elsewhere.Flow, Digest = DigestSession.Empty }, InitialRequests.Again(state.Invite, state.Invite.CSeq.Number)),
        InviteClientInput.Cancel cancel when state is { Phase: InviteClientPhase.Inviting, CancelRequested: false } =>
            new(state with { CancelRequested = true }, [new CancelInvite(cancel.Reason?.ToString())]),
        InviteClientInput.Updated updated => Updated(state, updated.Request, updated.RetryAfterSeconds),
        InviteClientInput.Tick when nowMillis >= state.Deadline => new(state with { Deadline = long.MaxValue }, [new UsageEnded()]),
        _ => new(state, []),
    };

    private static UsageStep<InviteClientState> Progressed(InviteClientState state, SipResponse response)
    {
        state = state with { LastStatus = Math.Max(state.LastStatus, response.Status) };
        if (response.Status == 100) return new(state, []);
        var remote = InviteResponses.FindSdp(response, state.Hosts);
        var sound = remote is null ? null : SdpNegotiator.ApplyAnswer(state.Offer, remote).Audio;
        if (!DialogState.TryCreateAsUac(state.Invite, response, state.Flow, out var made))
            return new(state, [new InviteProgressed(response.Status, null, sound)]);
        if (state.Reserved > 0) made = made with { LocalCSeq = made.LocalCSeq + state.Reserved };
        var known = state.Early.GetValueOrDefault(made.RemoteTag);
        // Whoever is cancelled needs no PRACK, and which numbers it knows is not known here.
        var number = state.Reserved > 0 ? null : ReliableResponse.NumberOf(response);
        // One that came before, or whose predecessor is missing, means nothing yet: it comes again (RFC 3262 section 4).
        if (number is not null && known is { LastRSeq: > 0 } && number != known.LastRSeq + 1) return new(state, []);
        var dialog = known?.Dialog.RefreshTarget(response) ?? made;
        var progressed = new InviteProgressed(response.Status, dialog, sound);
        if (known is null && state.Early.Count >= ForksMax) return new(state, [progressed]);
        var kept = new InviteClientState.EarlyDialog(dialog, remote ?? known?.Remote, known?.HasTarget == true || response.Contact is not null)
        {
            LastRSeq = number ?? known?.LastRSeq ?? 0, Prack = known?.Prack,
        };
        if (number is null) return new(state with { Early = state.Early.SetItem(made.RemoteTag, kept) }, [progressed]);
        var prack = DialogRequests.Prack(dialog, string.Create(CultureInfo.InvariantCulture, $"{number} {response.CSeq}"), out var counted);
        return new(Counted(state, kept with { Dialog = counted, Prack = prack }), [new SendRequest(prack), progressed with { Dialog = counted }]);
    }

    /// <summary>The early dialog has sent a request; what follows in any of this call's has a number beyond.</summary>
    private static InviteClientState Counted(InviteClientState state, InviteClientState.EarlyDialog early) => state with
    {
        Early = state.Early.SetItem(early.Dialog.RemoteTag, early),
        LastCSeq = Math.Max(state.LastCSeq, early.Dialog.LocalCSeq),
    };

    private static UsageStep<InviteClientState> PrackAgain(InviteClientState state, InviteClientInput.Responded challenged)
    {
        var response = challenged.Response;
        if (state.Policy.Credentials is not { } credentials || !state.Early.TryGetValue(response.To.Tag ?? "", out var early)
            || early.Prack?.CSeq.Number != response.CSeq.Number)
            return new(state, []);
        var again = DialogRequests.Prack(early.Dialog, early.Prack.Get(HeaderId.RAck)!, out var dialog);
        var digest = DigestChallenges.AddTo(again, challenged.Answer!, credentials, challenged.Cnonce);
        return new(Counted(state with { Digest = digest }, early with { Dialog = dialog, Prack = again }), [new SendRequest(again)]);
    }

    /// <summary>
    /// RFC 3311 section 5.2: an UPDATE in an early dialog may move the far end's target. A session it cannot change, because our offer is open
    /// until the final response: 491.
    /// </summary>
    private static UsageStep<InviteClientState> Updated(InviteClientState state, SipRequest request, int retryAfterSeconds)
    {
        if (request.From.Tag is not { } tag || !state.Early.TryGetValue(tag, out var early))
            return new(state, [new SendResponse(request, DialogChecks.NoSuchDialog(request))]);
        var answer = EarlyUpdate.Answer(early.Dialog, request, retryAfterSeconds, isOurOfferOpen: true, out var next);
        var known = early with { Dialog = next, HasTarget = early.HasTarget || request.Contact is not null };
        return new(state with { Early = state.Early.SetItem(tag, known) }, [new SendResponse(request, answer)]);
    }

    private static UsageStep<InviteClientState> Succeeded(InviteClientState state, SipResponse success, long now, SipTimers timers)
    {
        var tag = success.To.Tag ?? "";
        if (state.Acks.TryGetValue(tag, out var earlier)) return new(state, [new SendAck(earlier, Repeated: true)]);
        // No INVITE of ours has that number; and past the bound of forks somebody plays games.
        if (success.CSeq.Number > state.Invite.CSeq.Number || state.Acks.Count == ForksMax) return new(state, []);
        // A branch of an INVITE that was tried before: what was said to the others of that one led to another INVITE, so it is one fork too many.
        var isOlder = success.CSeq.Number < state.Invite.CSeq.Number;
        var invite = isOlder ? InitialRequests.Again(state.Invite, success.CSeq.Number) : state.Invite;
        var early = isOlder ? null : state.Early.GetValueOrDefault(tag);
        var dialog = DialogOf(success, invite, state, early);
        var ack = DialogRequests.Ack(dialog, invite);
        var next = state with { Acks = state.Acks.Add(tag, ack) };
        if (state.Phase != InviteClientPhase.Inviting || isOlder) return HangUp(next, dialog, ack);

        next = next with { Deadline = now + timers.Limit };
        if (state.CancelRequested) return HangUp(next with { Phase = InviteClientPhase.Ended }, dialog, ack, new InviteFailed(487, success));
        // It does not say where the far end is: as from a broken gateway.
        if (!DialogState.CanBeUsed(success, early is { HasTarget: true } ? early.Dialog : null))
            return HangUp(next with { Phase = InviteClientPhase.Ended }, dialog, ack, new InviteFailed(502, success));
        // Some far ends put the answer only into the 183; RFC 3261 section 13.2.1 lets a 2xx repeat it, not replace it.
        var remote = InviteResponses.FindSdp(success, state.Hosts) ?? early?.Remote;
        var media = remote is null ? null : SdpNegotiator.ApplyAnswer(state.Offer, remote).Audio;
        if (media is null) return HangUp(next with { Phase = InviteClientPhase.Ended }, dialog, ack, new InviteFailed(488, success));
        next = next with
        {
            Phase = InviteClientPhase.Answered,
            Dialog = dialog,
            Digest = state.Digest.Accept(),
            Timer = SessionTimer.FromResponse(success),
            AllowsUpdate = SipCapabilities.AllowsUpdate(success) == true,
        };
        return new(next, [new InviteAnswered(dialog, media, remote!), new SendAck(ack, Repeated: false)]);
    }

    /// <summary>
    /// The dialog of a 2xx. Where it does not say where the far end is, the early dialog is better than the Request-URI; what was counted there goes on.
    /// </summary>
    public static DialogState DialogOf(SipResponse success, InviteClientState state) =>
        DialogOf(success, state.Invite, state, state.Early.GetValueOrDefault(success.To.Tag ?? ""));

    private static DialogState DialogOf(SipResponse success, SipRequest invite, InviteClientState state, InviteClientState.EarlyDialog? early)
    {
        if (!DialogState.TryCreateAsUac(invite, success, state.Flow, out var dialog)) throw new ArgumentException("no 2xx", nameof(success));
        if (state.Reserved > 0) dialog = dialog with { LocalCSeq = dialog.LocalCSeq + state.Reserved };
        if (early is null) return dialog;
        return success.Contact is null
            ? early.Dialog.Confirm(success)
            : dialog with { RemoteCSeq = early.Dialog.RemoteCSeq, LocalCSeq = Math.Max(dialog.LocalCSeq, early.Dialog.LocalCSeq) };
    }

    private static UsageStep<InviteClientState> HangUp(InviteClientState state, DialogState dialog, SipRequest ack, params ReadOnlySpan<UsageAction> then)
    {
        var bye = DialogRequests.Bye(dialog, out _, state.Phase == InviteClientPhase.Answered ? SipReason.AnsweredElsewhere : null);
        return new(state, [new SendAck(ack, Repeated: false), new SendRequest(bye), .. then]);
    }

    private static UsageStep<InviteClientState> Refused(InviteClientState state, SipResponse response, InviteClientInput.Responded responded)
    {
        if (state.CancelRequested) return End(state, response.Status, response);
        switch (response.Status)
        {
            case 300 or 301 or 302:
                return Redirected(state, response);
            case 401 or 407 when state.Policy.Credentials is { } credentials && responded.Answer is { } digest:
                var answered = InitialRequests.Again(state.Invite, state.LastCSeq + 1);
                digest = DigestChallenges.AddTo(answered, digest, credentials, responded.Cnonce);
                return Again(state with { Digest = digest }, answered);
            case 422 when !state.IntervalRaised:
                // The credentials stay out: they are for the old number; a challenge to this one is answered anew.
                var raised = InitialRequests.Again(state.Invite, state.LastCSeq + 1);
                if (!SessionTimer.TryRetry(response, raised)) break;
                return Again(state with { IntervalRaised = true, Digest = state.Digest.Accept() }, raised);
        }
        return NextTarget(state, response.Status, response, []);
    }

    private static UsageStep<InviteClientState> Redirected(InviteClientState state, SipResponse response)
    {
        var refused = ImmutableArray.CreateBuilder<SipUri>();
        var targets = state.Targets;
        foreach (var contact in response.Contacts.OrderByDescending(Preference))
        {
            var target = DialogRequests.AsRequestUri(contact.Uri);
            if (targets.Count + refused.Count >= RedirectsMax) break;
            // Where we have been is a loop; where we shall go anyway needs no second entry.
            if (state.Tried.Exists(target.IsEquivalentTo) || targets.Exists(target.IsEquivalentTo)) continue;
            if (MayFollow(state, target)) targets = targets.Add(target);
            else refused.Add(target);
        }
        ImmutableArray<UsageAction> first = refused.Count == 0 ? [] : [new RedirectRefused(refused.DrainToImmutable())];
        return NextTarget(state with { Targets = targets }, response.Status, response, first);
    }

    private static bool MayFollow(InviteClientState state, SipUri target)
    {
        var origin = state.Tried[0];
        // A sips target would need TLS all the way, which the route to the trunk does not promise.
        if (target.Scheme != origin.Scheme || !target.IsSip) return false;
        return state.Policy.RedirectAnywhere || target.Host.Equals(origin.Host, StringComparison.OrdinalIgnoreCase);
    }

    private static double Preference(NameAddr contact) =>
        double.TryParse(contact.Params["q"], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var q) ? q : 1;

    /// <summary>Goes on with the next target of a redirection, or ends with the status that was got last. A 6xx holds for all targets (section 21.6).</summary>
    private static UsageStep<InviteClientState> NextTarget(InviteClientState state, int status, SipResponse? response, ImmutableArray<UsageAction> first)
    {
        if (state.Targets.IsEmpty || status >= 600 || state.CancelRequested || state.Tried.Count > RedirectsMax)
        {
            var ended = End(state, status, response);
            return ended with { Actions = [.. first, .. ended.Actions] };
        }
        var target = state.Targets[0];
        var invite = InitialRequests.Again(state.Invite, state.LastCSeq + 1, target);
        var step = Again(state with { Targets = state.Targets.RemoveAt(0), Tried = state.Tried.Add(target), Digest = DigestSession.Empty }, invite);
        return step with { Actions = [.. first, new InviteRedirected(target), .. step.Actions] };
    }

    private static UsageStep<InviteClientState> Again(InviteClientState state, SipRequest invite) => new(state with
    {
        Invite = invite,
        LastCSeq = Math.Max(state.LastCSeq, invite.CSeq.Number),
        LastStatus = 0,
        Early = ImmutableDictionary<string, InviteClientState.EarlyDialog>.Empty,
    }, [new SendRequest(invite)]);

    private static UsageStep<InviteClientState> End(InviteClientState state, int status, SipResponse? response) =>
        new(state with { Phase = InviteClientPhase.Ended }, [new InviteFailed(status, response)]);
}
