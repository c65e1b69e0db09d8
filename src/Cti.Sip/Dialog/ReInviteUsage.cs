using System.Collections.Immutable;
using Cti.Sip.Auth;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Dialog;

/*
   Changing a session, RFC 3261 section 14, RFC 3311, RFC 4028; the two halves exclude each other

                                     +------+
          re-INVITE: 200             | Idle |             Offer, refresh due: INVITE
        +--------------------------- |      | ---------------------------+   (a refresh is an UPDATE where they take one)
        V                            +------+                            V
   +----------+  T1 … T2: 200 again   ^ ^  ^    2xx: ACK, changed   +----------+
   | Incoming |-----+                 | |  +------------------------| Outgoing | 401, 407: INVITE again
   |          |<----+                 | |       refused for good    |          | theirs: 491
   +----------+                       | |                           +----------+
        | ACK (with their answer) ----+ |                                | 491, 500 with Retry-After
        | new re-INVITE: 200, unless    |                                V
        |   our offer is open: 491      |  its time has come        +---------+
        | 64 T1: BYE, over with 408     +-------------------------- | Waiting |  theirs: taken, as when idle
        V                                  INVITE again, <= 4 tries +---------+
      over                                                          408, 481, no answer: over
*/

/// <summary>
/// Changes of the session in a confirmed dialog, from either side: pure. An owner that holds a 2xx back until it is durable feeds the next
/// request after that, or refuses it meanwhile with <see cref="DialogChecks.TryLater"/> (RFC 3261 section 14.2).
/// </summary>
public static class ReInviteUsage
{
    private const int TriesMax = 4;
    /// <summary>An offer of theirs that went to a node which is gone stays open for 64 T1; then one more wait.</summary>
    private const int GlareMillisMax = 36_000;
    private const int RetryAfterSecondsMax = 32;

    /// <summary>One step. What does not fit the state changes nothing.</summary>
    public static UsageStep<ReInviteState> Step(ReInviteState state, ReInviteInput input, long nowMillis, SipTimers timers) => input switch
    {
        ReInviteInput.Received received => Received(state, received.Request, received.RetryAfterSeconds, nowMillis, timers),
        ReInviteInput.Acknowledged acknowledged => Acknowledged(state, acknowledged.Request),
        ReInviteInput.Offer offer => Offer(state, offer.Local, nowMillis),
        ReInviteInput.Refresh when state.Outgoing is null => Refresh(state, nowMillis),
        ReInviteInput.Responded { Response: { IsProvisional: false, CSeq.Method: SipMethods.Update } } responded
            when state.Outgoing?.Request?.Method == SipMethods.Update =>
            Updated(state, responded, nowMillis),
        ReInviteInput.Responded { Response: { IsProvisional: false, CSeq.Method: SipMethods.Invite } } responded => Responded(state, responded, nowMillis),
        ReInviteInput.Failed failed when state.Outgoing?.Request is not null =>
            failed.Status == 408 ? Over(state, 408) : Refused(state, failed.Status),
        ReInviteInput.Tick => Tick(state, nowMillis, timers),
        _ => new(state, []),
    };

    private static UsageStep<ReInviteState> Received(ReInviteState state, SipRequest request, int retryAfterSeconds, long now, SipTimers timers)
    {
        var check = DialogChecks.Check(state.Dialog, request, retryAfterSeconds);
        if (check.Refusal is not null) return Answer(state, request, check.Refusal);
        state = state with { Dialog = check.Next! };
        SdpSession? offer = null;
        SessionTimer? timer = null;
        var refusal = SipCapabilities.RefuseExtensions(request, null)
            ?? InviteResponses.ReadSdp(request, null, state.Hosts, out offer)
            ?? SessionTimer.Answer(request, null, state.TimerRules, out timer)
            ?? Collision(state, request, offer is not null, retryAfterSeconds);
        if (refusal is not null) return Answer(state, request, refusal);
        var isElsewhere = state.Dialog.RefreshTarget(request) != state.Dialog;
        state = state with
        {
            Dialog = state.Dialog.RefreshTarget(request),
            AllowsUpdate = SipCapabilities.AllowsUpdate(request) ?? state.AllowsUpdate,
            LeastSeconds = Math.Max(state.LeastSeconds, SessionTimer.LeastOf(request)),
        };
        return request.Method == SipMethods.Update
            ? Updated(state, request, offer, timer, isElsewhere, now)
            : Invited(state, request, offer, timer, now, timers);
    }

    /// <summary>
    /// Two offers at once: 491 when ours is open, in a re-INVITE or in a 2xx that waits for the ACK with its answer (RFC 3261 section 14.2,
    /// RFC 3311 section 5.2); an INVITE that has no final response yet: 500.
    /// </summary>
    private static SipResponse? Collision(ReInviteState state, SipRequest request, bool offers, int retryAfterSeconds)
    {
        var isInvite = request.Method == SipMethods.Invite;
        if (!isInvite && !offers) return null;
        if (state.Outgoing is { Request: not null, Offer: not null } || state.Incoming is { WeOffered: true }) return SipResponse.For(request, 491);
        // An UPDATE with an offer between our answer and its ACK is not a collision, only early: the session is agreed already.
        return isInvite && state.Incoming is { } open && open.Request.CSeq.Number == request.CSeq.Number
            ? DialogChecks.TryLater(request, retryAfterSeconds)
            : null;
    }

    private static UsageStep<ReInviteState> Invited(ReInviteState state, SipRequest request, SdpSession? offer, SessionTimer? timer, long now, SipTimers timers)
    {
        var actions = ImmutableArray.CreateBuilder<UsageAction>(2);
        SdpSession sdp;
        if (offer is null)
        {
            sdp = SdpNegotiator.CreateOffer(state.Local, state.LocalSdp);
        }
        else
        {
            var outcome = SdpNegotiator.Answer(offer, state.Local, state.LocalSdp);
            if (outcome.Local is null) return Answer(state, request, InviteResponses.NotAcceptable(request, null, outcome.Refusal));
            sdp = outcome.Local;
            actions.Add(new MediaAgreed(outcome.Audio!, sdp));
            state = state with { LocalSdp = sdp };
        }
        var success = InviteResponses.Build(request, 200, null, state.Dialog, sdp, timer);
        actions.Add(new SendResponse(request, success));
        var incoming = new ReInviteState.IncomingChange(request, success, offer is null, sdp, now + timers.T1, timers.T1, now + timers.Limit);
        return new((state with { Incoming = incoming }).WithTimer(timer, now), actions.DrainToImmutable());
    }

    private static UsageStep<ReInviteState> Updated(ReInviteState state, SipRequest request, SdpSession? offer, SessionTimer? timer, bool isElsewhere, long now)
    {
        if (offer is null)
        {
            var refreshed = new SendResponse(request, InviteResponses.Build(request, 200, null, state.Dialog, null, timer));
            return new(state.WithTimer(timer, now), isElsewhere ? [new TargetRefreshed(), refreshed] : [refreshed]);
        }
        var outcome = SdpNegotiator.Answer(offer, state.Local, state.LocalSdp);
        if (outcome.Local is null) return Answer(state, request, InviteResponses.NotAcceptable(request, null, outcome.Refusal));
        var success = InviteResponses.Build(request, 200, null, state.Dialog, outcome.Local, timer);
        return new((state with { LocalSdp = outcome.Local }).WithTimer(timer, now),
            [new MediaAgreed(outcome.Audio!, outcome.Local), new SendResponse(request, success)]);
    }

    private static UsageStep<ReInviteState> Acknowledged(ReInviteState state, SipRequest ack)
    {
        if (state.Incoming is not { } incoming || !state.Dialog.Owns(ack) || ack.CSeq.Number != incoming.Request.CSeq.Number) return new(state, []);
        state = state with { Incoming = null };
        if (!incoming.WeOffered) return new(state, []);
        var outcome = InviteResponses.FindSdp(ack, state.Hosts) is { } answer ? SdpNegotiator.ApplyAnswer(incoming.Sdp, answer) : null;
        return outcome?.Audio is null
            ? HangUp(state, 488)
            : new(state with { LocalSdp = incoming.Sdp }, [new MediaAgreed(outcome.Audio, incoming.Sdp)]);
    }

    private static UsageStep<ReInviteState> Offer(ReInviteState state, LocalAudio local, long now)
    {
        // One at a time: the newest wish counts, and goes out when what is under way has ended.
        if (state.Outgoing is { } open)
            return new(state with { Outgoing = open.Request is null ? open with { Local = local, RefreshesOnly = false } : open with { Next = local } }, []);
        var waiting = new ReInviteState.OutgoingChange(null, null, local, null, 0, now);
        return state.Incoming is null ? Send(state, waiting) : new(state with { Outgoing = waiting }, []);
    }

    private static UsageStep<ReInviteState> Refresh(ReInviteState state, long now)
    {
        var waiting = new ReInviteState.OutgoingChange(null, null, null, null, 0, now);
        return state.Incoming is null ? Send(state, waiting) : new(state with { Outgoing = waiting }, []);
    }

    private static UsageStep<ReInviteState> Send(ReInviteState state, ReInviteState.OutgoingChange change, string? cnonce = null)
    {
        if (change.RefreshesOnly && state.AllowsUpdate) return SendUpdate(state, change, cnonce);
        // A refresh repeats what holds, also a hold of theirs (RFC 4028 section 7.4).
        var offer = change.Local is null && !state.LocalSdp.LacksKeys ? state.LocalSdp : SdpNegotiator.CreateOffer(change.Local ?? state.Local, state.LocalSdp);
        var request = DialogRequests.ReInvite(state.Dialog, offer.ToBytes(), out var dialog);
        state.Timer?.AddTo(request, state.LeastSeconds);
        if (cnonce is not null && state.Credentials is { } credentials)
            state = state with { Digest = DigestChallenges.AddTo(request, state.Digest, credentials, cnonce) };
        var sent = change with { Request = request, Offer = offer, Tries = change.Tries + 1, RetryAt = long.MaxValue };
        return new(state with { Dialog = dialog, Outgoing = sent }, [new SendRequest(request)]);
    }

    /// <summary>A refresh without an offer: nothing of the session can be lost by it, and it meets no offer of theirs (RFC 4028 section 7.4).</summary>
    private static UsageStep<ReInviteState> SendUpdate(ReInviteState state, ReInviteState.OutgoingChange change, string? cnonce)
    {
        var request = DialogRequests.Update(state.Dialog, default, out var dialog);
        state.Timer?.AddTo(request, state.LeastSeconds);
        if (cnonce is not null && state.Credentials is { } credentials)
            state = state with { Digest = DigestChallenges.AddTo(request, state.Digest, credentials, cnonce) };
        var sent = change with { Request = request, Offer = null, Tries = change.Tries + 1, RetryAt = long.MaxValue };
        return new(state with { Dialog = dialog, Outgoing = sent }, [new SendRequest(request)]);
    }

    private static UsageStep<ReInviteState> Updated(ReInviteState state, ReInviteInput.Responded responded, long now)
    {
        var response = responded.Response;
        var change = state.Outgoing!;
        if (response.CSeq.Number != change.Request!.CSeq.Number) return new(state, []);
        if (response.IsSuccess)
        {
            state = state with
            {
                Dialog = state.Dialog.RefreshTarget(response),
                Digest = state.Digest.Accept(),
                AllowsUpdate = SipCapabilities.AllowsUpdate(response) ?? true,
            };
            return ThenNext(state.WithTimer(SessionTimer.FromResponse(response), now), change);
        }
        switch (response.Status)
        {
            case 408 or 481:
                return Over(state, response.Status);
            case 401 or 407 when state.Credentials is not null && responded.Answer is { } digest:
                return Send(state with { Digest = digest }, change with { Tries = change.Tries - 1 }, responded.Cnonce);
            case 422 when Raised(state, change, response) is { } raised:
                return Send(raised, change with { IsRaised = true });
            case 491 or 500 when change.Tries < TriesMax && (InviteResponses.RetryAfterSeconds(response) ?? 1) is var seconds and <= RetryAfterSecondsMax:
                return new(state with { Outgoing = change with { Request = null, RetryAt = now + (seconds * 1000L) } }, []);
            default:
                // Whatever it has against an UPDATE, a re-INVITE does the same.
                state = state with { AllowsUpdate = false };
                return state.Incoming is null ? Send(state, change) : new(state with { Outgoing = change with { Request = null, RetryAt = now } }, []);
        }
    }

    private static UsageStep<ReInviteState> Responded(ReInviteState state, ReInviteInput.Responded responded, long now)
    {
        var response = responded.Response;
        if (state.LastAck is { } acked && response.IsSuccess && response.CSeq.Number == acked.CSeq.Number)
            return new(state, [new SendAck(acked, Repeated: true)]);
        if (state.Outgoing is not { Request: { Method: SipMethods.Invite } request } change || response.CSeq.Number != request.CSeq.Number)
            return new(state, []);
        if (response.IsSuccess) return Succeeded(state, change, request, response, now);
        switch (response.Status)
        {
            case 408 or 481:
                return Over(state, response.Status);
            case 491 when now - (change.GlareSince ?? now) < GlareMillisMax:
                // Whoever made the Call-ID waits longer, so that the other goes first (section 14.1).
                var glareMillis = state.Dialog.IsUac ? 2_100 + (responded.Random % 191 * 10) : responded.Random % 201 * 10;
                return new(state with { Outgoing = change with { Request = null, RetryAt = now + glareMillis, GlareSince = change.GlareSince ?? now } }, []);
            case 500 when change.Tries < TriesMax && InviteResponses.RetryAfterSeconds(response) is { } seconds and <= RetryAfterSecondsMax:
                return new(state with { Outgoing = change with { Request = null, RetryAt = now + (seconds * 1000L) } }, []);
            case 401 or 407 when state.Credentials is not null && responded.Answer is { } digest:
                return Send(state with { Digest = digest }, change with { Tries = change.Tries - 1 }, responded.Cnonce);
            case 422 when Raised(state, change, response) is { } raised:
                return Send(raised, change with { IsRaised = true });
            default:
                return Refused(state, response.Status);
        }
    }

    /// <summary>With the interval that a 422 asks for, which may come in any request (RFC 4028 section 7.3); null where it was obeyed once.</summary>
    private static ReInviteState? Raised(ReInviteState state, ReInviteState.OutgoingChange change, SipResponse tooSmall)
    {
        if (change.IsRaised || state.Timer is not { } timer || SessionTimer.LeastIn(tooSmall) is not { } least) return null;
        // The credentials are for the old number: a challenge to this one is answered anew.
        return state with
        {
            Timer = timer with { IntervalSeconds = Math.Max(timer.IntervalSeconds, least) },
            LeastSeconds = Math.Max(state.LeastSeconds, least),
            Digest = state.Digest.Accept(),
        };
    }

    private static UsageStep<ReInviteState> Succeeded(ReInviteState state, ReInviteState.OutgoingChange change, SipRequest request,
        SipResponse response, long now)
    {
        var dialog = state.Dialog.RefreshTarget(response);
        var ack = DialogRequests.Ack(dialog, request);
        state = state with
        {
            Dialog = dialog,
            LastAck = ack,
            Outgoing = null,
            Digest = state.Digest.Accept(),
            Local = change.Local ?? state.Local,
            AllowsUpdate = SipCapabilities.AllowsUpdate(response) ?? state.AllowsUpdate,
        };
        var outcome = InviteResponses.FindSdp(response, state.Hosts) is { } answer ? SdpNegotiator.ApplyAnswer(change.Offer!, answer) : null;
        if (outcome?.Audio is null)
        {
            var over = HangUp(state, 488);
            return over with { Actions = [new SendAck(ack, Repeated: false), .. over.Actions] };
        }
        state = (state with { LocalSdp = change.Offer! }).WithTimer(SessionTimer.FromResponse(response), now);
        return ThenNext(state, change, new SendAck(ack, Repeated: false), new MediaAgreed(outcome.Audio, change.Offer!), new ReInviteCompleted());
    }

    private static UsageStep<ReInviteState> Tick(ReInviteState state, long now, SipTimers timers)
    {
        if (state.Incoming is { } incoming)
        {
            if (now >= incoming.EndAt) return HangUp(state with { Incoming = null }, 408);
            if (now >= incoming.ResendAt)
            {
                var interval = Math.Min(incoming.Interval * 2, timers.T2);
                return new(state with { Incoming = incoming with { Interval = interval, ResendAt = now + interval } },
                    [new SendResponse(incoming.Request, incoming.Success, Repeated: true)]);
            }
        }
        else if (state.Outgoing is { Request: null } waiting && now >= waiting.RetryAt)
        {
            return Send(state, waiting);
        }
        if (now >= state.ExpireAt) return HangUp(state, 408);
        if (now < state.RefreshAt) return new(state, []);
        // Tried once: if it fails, the session ends with the interval. A change that is under way refreshes as well.
        state = state with { RefreshAt = long.MaxValue };
        return state.Outgoing is null && state.Incoming is null
            ? Send(state, new ReInviteState.OutgoingChange(null, null, null, null, 0, now) { RefreshesOnly = true })
            : new(state, []);
    }

    private static UsageStep<ReInviteState> Answer(ReInviteState state, SipRequest request, SipResponse response) =>
        new(state, [new SendResponse(request, response)]);

    private static UsageStep<ReInviteState> Refused(ReInviteState state, int status) => ThenNext(state, state.Outgoing!, new ReInviteRefused(status));

    /// <summary>What was under way has ended; a wish that came meanwhile goes out now.</summary>
    private static UsageStep<ReInviteState> ThenNext(ReInviteState state, ReInviteState.OutgoingChange ended, params ReadOnlySpan<UsageAction> actions)
    {
        state = state with { Outgoing = null };
        if (ended.Next is null) return new(state, [.. actions]);
        var next = new ReInviteState.OutgoingChange(null, null, ended.Next, null, 0, 0);
        // An UPDATE of ours may cross a re-INVITE of theirs, whose ACK comes first.
        if (state.Incoming is not null) return new(state with { Outgoing = next }, [.. actions]);
        var step = Send(state, next);
        return step with { Actions = [.. actions, .. step.Actions] };
    }

    /// <summary>The far end does not know the dialog any more (481), or does not answer: a BYE may still reach it (RFC 3261 section 12.2.1.2).</summary>
    private static UsageStep<ReInviteState> Over(ReInviteState state, int status) =>
        status == 481 ? new(Stopped(state), [new DialogOver(481)]) : HangUp(state, status);

    private static UsageStep<ReInviteState> HangUp(ReInviteState state, int status)
    {
        var bye = DialogRequests.Bye(state.Dialog, out var dialog, SipReason.Sip(status));
        return new(Stopped(state) with { Dialog = dialog }, [new SendRequest(bye), new DialogOver(status)]);
    }

    private static ReInviteState Stopped(ReInviteState state) =>
        state with { Incoming = null, Outgoing = null, Timer = null, RefreshAt = long.MaxValue, ExpireAt = long.MaxValue };
}
