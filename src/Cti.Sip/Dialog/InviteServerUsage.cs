using System.Collections.Immutable;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Dialog;

/*
   The server of an INVITE, RFC 3261 section 13.3 above RFC 6026's transaction

                    | INVITE: dialog made, offer read (400, 415, 420, 421, 422 at once)
                    V
               +---------+  Provide: 1xx (InviteServerProvisions)
               | Offered |-------+          CANCEL, BYE: 487; a second INVITE: 500; UPDATE: 200
               |         |<------+   +----------------------------+
               +---------+-----------+  Refuse: 3xx-6xx           |
                    | Accept: 200 with answer, or our offer       |
                    |         (488 when there is nothing to agree)|
                    V                                             |
               +----------+ T1, 2 T1, 4 T1 … T2: 200 again        |
               | Accepted |-------+                               |
               |          |<------+  64 T1: BYE, failed with 408  |
               +----------+-------------------------------------->|
                    | ACK (with the answer to our offer:          |
                    |      488 and BYE when it cannot be)         V
               +-----------+                                  +-------+
               | Confirmed |                                  | Ended |
               +-----------+                                  +-------+
*/

/// <summary>Where the server of an INVITE stands.</summary>
public enum InviteServerPhase
{
    /// <summary>Not answered.</summary>
    Offered,
    /// <summary>2xx sent, waiting for the ACK.</summary>
    Accepted,
    /// <summary>ACK seen: the call is up.</summary>
    Confirmed,
    /// <summary>Refused, cancelled or failed.</summary>
    Ended,
}

/// <summary>The server of an INVITE.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="Invite">Their INVITE.</param>
/// <param name="Dialog">The dialog, early until accepted.</param>
/// <param name="Offer">Their SDP; null when we make the offer.</param>
/// <param name="LocalSdp">Ours, once sent.</param>
/// <param name="Timer">The session timer that the 2xx agrees to; null for none.</param>
/// <param name="Success">The 2xx, for repeating.</param>
/// <param name="ResendAt">When it is repeated, in milliseconds of the monotonic clock; <see cref="long.MaxValue"/> for never.</param>
/// <param name="Interval">What <paramref name="ResendAt"/> ends.</param>
/// <param name="EndAt">When waiting for the ACK ends; <see cref="long.MaxValue"/> for never.</param>
public sealed record InviteServerState(InviteServerPhase Phase, SipRequest Invite, DialogState Dialog, SdpSession? Offer, SdpSession? LocalSdp,
    SessionTimer? Timer, SipResponse? Success, long ResendAt, int Interval, long EndAt)
{
    /// <summary>What the application adds to the 2xx: <see cref="CarriedHeaders"/>.</summary>
    public string? Headers { get; init; }

    /// <summary>Whether their INVITE says that they take UPDATE.</summary>
    public bool AllowsUpdate => SipCapabilities.AllowsUpdate(Invite) == true;

    /// <summary>The shortest interval between refreshes that the dialog has heard of, in seconds (RFC 4028 section 7.4).</summary>
    public int LeastSeconds => SessionTimer.LeastOf(Invite);

    /// <summary>When <see cref="InviteServerInput.Tick"/> is due; <see cref="long.MaxValue"/> for never.</summary>
    public long Deadline => Math.Min(Math.Min(ResendAt, EndAt), Unacknowledged?.Deadline ?? long.MaxValue);

    /// <summary>Whether provisional responses are to be acknowledged (RFC 3262).</summary>
    public bool IsReliable { get; init; }

    /// <summary>The provisional response whose PRACK has not come; null for none.</summary>
    public ReliableResponse? Unacknowledged { get; init; }

    internal uint LastRSeq { get; init; }
    internal bool MayBeAcknowledged { get; init; }
    internal InviteServerInput.Provide? NextProvide { get; init; }
    internal InviteServerInput.Accept? WaitingAccept { get; init; }

    /// <summary>What was looked up of the host names in their descriptions (RFC 8866 section 5.7): addresses by name.</summary>
    public ImmutableDictionary<string, string> Hosts { get; init; } = ImmutableDictionary<string, string>.Empty;
}

/// <summary>What can happen to the server of an INVITE.</summary>
public abstract record InviteServerInput
{
    private InviteServerInput()
    {
    }

    /// <summary>Send a provisional response.</summary>
    /// <param name="Status">101..199.</param>
    /// <param name="EarlyMedia">Our side, to send the answer early; null for none. Of no effect where they made no offer.</param>
    public sealed record Provide(int Status, LocalAudio? EarlyMedia = null) : InviteServerInput;

    /// <summary>Answer the call.</summary>
    /// <param name="Local">Our side.</param>
    /// <param name="Headers">What the application adds to the 2xx: <see cref="CarriedHeaders"/>.</param>
    public sealed record Accept(LocalAudio Local, string? Headers = null) : InviteServerInput;

    /// <summary>Refuse or redirect it.</summary>
    /// <param name="Status">300..699.</param>
    /// <param name="Phrase">The reason phrase; null for the RFC's.</param>
    /// <param name="Contact">Where to, for a 3xx.</param>
    /// <param name="Headers">What the application adds to it: <see cref="CarriedHeaders"/>.</param>
    public sealed record Refuse(int Status, string? Phrase = null, NameAddr? Contact = null, string? Headers = null) : InviteServerInput;

    /// <summary>A CANCEL came (and was answered by the layer), or a BYE in the early dialog (which the owner answers with 200).</summary>
    /// <param name="Request">The CANCEL or BYE.</param>
    public sealed record Cancelled(SipRequest Request) : InviteServerInput;

    /// <summary>A re-INVITE or UPDATE came before the ACK: a re-INVITE too early (RFC 3261 section 14.2), an UPDATE to be answered (RFC 3311).</summary>
    /// <param name="Request">It.</param>
    /// <param name="RetryAfterSeconds">0..10, random.</param>
    public sealed record Overlapped(SipRequest Request, int RetryAfterSeconds) : InviteServerInput;

    /// <summary>An ACK came.</summary>
    /// <param name="Request">The ACK.</param>
    public sealed record Acknowledged(SipRequest Request) : InviteServerInput;

    /// <summary>A PRACK came (RFC 3262), which its owner has checked against the dialog.</summary>
    /// <param name="Request">The PRACK.</param>
    public sealed record ProvisionalAcknowledged(SipRequest Request) : InviteServerInput;

    /// <summary><see cref="InviteServerState.Deadline"/> has come.</summary>
    public sealed record Tick : InviteServerInput;
}

/// <summary>The server of an INVITE: pure.</summary>
public static class InviteServerUsage
{
    /// <summary>
    /// Takes an INVITE outside any dialog.
    /// </summary>
    /// <param name="invite">Theirs.</param>
    /// <param name="localTag">Our tag.</param>
    /// <param name="contact">Our Contact.</param>
    /// <param name="flow">What it came by.</param>
    /// <param name="refusal">The response where it must be refused at once: 400, 415, 420, 421 or 422.</param>
    /// <param name="hosts">What was looked up of its description's host names; null for nothing.</param>
    /// <param name="profile">What is granted; null for what there is by default.</param>
    /// <returns>The usage, or null with a refusal.</returns>
    public static InviteServerState? Begin(SipRequest invite, string localTag, NameAddr contact, string flow, out SipResponse? refusal,
        ImmutableDictionary<string, string>? hosts = null, SipProfile? profile = null)
    {
        profile ??= new SipProfile();
        hosts ??= ImmutableDictionary<string, string>.Empty;
        SdpSession? offer = null;
        SessionTimer? timer = null;
        refusal = SipCapabilities.RefuseExtensions(invite, localTag, profile.Reliable)
            ?? InviteResponses.ReadSdp(invite, localTag, hosts, out offer)
            ?? SessionTimer.Answer(invite, localTag, profile.Timer, out timer);
        if (refusal is not null) return null;
        if (!DialogState.TryCreateAsUas(invite, localTag, contact, flow, out var dialog))
        {
            refusal = SipResponse.For(invite, 400, "Missing Contact or bad tag", localTag);
            return null;
        }
        return new InviteServerState(InviteServerPhase.Offered, invite, dialog, offer, null, timer, null, long.MaxValue, 0, long.MaxValue)
        {
            Hosts = hosts, IsReliable = InviteServerProvisions.AreReliable(invite, profile.Reliable),
        };
    }

    /// <summary>
    /// The usage of an INVITE that came to a node which is gone, as its journal tells it: not answered, or answered without an ACK that was seen. Then its
    /// first tick, which is due at once, sends the 2xx again, with <paramref name="local"/>; a far end that has seen it takes it for a repetition.
    /// </summary>
    /// <param name="invite">Theirs.</param>
    /// <param name="dialog">The dialog.</param>
    /// <param name="local">Our answer, or our offer where they made none.</param>
    /// <param name="isAnswered">Whether a 2xx was intended.</param>
    /// <param name="nowMillis">The monotonic clock.</param>
    /// <param name="timers">The timers.</param>
    /// <param name="headers">What the application adds to the 2xx: <see cref="CarriedHeaders"/>.</param>
    /// <param name="profile">What is granted; null for what there is by default.</param>
    public static InviteServerState Restore(SipRequest invite, DialogState dialog, SdpSession local, bool isAnswered, long nowMillis, SipTimers timers,
        string? headers = null, SipProfile? profile = null)
    {
        profile ??= new SipProfile();
        _ = InviteResponses.ReadSdp(invite, dialog.LocalTag, ImmutableDictionary<string, string>.Empty, out var offer);
        _ = SessionTimer.Answer(invite, dialog.LocalTag, profile.Timer, out var timer);
        var state = new InviteServerState(InviteServerPhase.Offered, invite, dialog, offer, local, timer, null, long.MaxValue, 0, long.MaxValue)
        {
            Headers = headers, IsReliable = InviteServerProvisions.AreReliable(invite, profile.Reliable), MayBeAcknowledged = true,
        };
        return isAnswered ? Answered(state, dialog.Confirm(), local, nowMillis, 0, timers) : state;
    }

    /// <summary>
    /// The same INVITE came by another path (RFC 3261 section 8.2.2.2): from now on that one is answered, and its path is the dialog's. Null when it was
    /// answered already.
    /// </summary>
    /// <param name="state">The usage.</param>
    /// <param name="invite">The INVITE that came later.</param>
    public static InviteServerState? Join(InviteServerState state, SipRequest invite)
    {
        if (state.Phase != InviteServerPhase.Offered || invite.Contact is not { } contact) return null;
        var dialog = state.Dialog with { RemoteTarget = contact.Uri.Text, RouteSet = [.. invite.RecordRoutes.Select(DialogState.Text)] };
        var joined = state with { Invite = invite, Dialog = dialog };
        return joined with { Unacknowledged = InviteServerProvisions.Again(joined, state.Unacknowledged) };
    }

    /// <summary>One step. What does not fit the phase changes nothing.</summary>
    public static UsageStep<InviteServerState> Step(InviteServerState state, InviteServerInput input, long nowMillis, SipTimers timers) =>
        (state.Phase, input) switch
        {
            (_, InviteServerInput.ProvisionalAcknowledged prack) => InviteServerProvisions.Acknowledged(state, prack.Request, nowMillis, timers),
            (InviteServerPhase.Offered, InviteServerInput.Provide provide) => InviteServerProvisions.Provide(state, provide, nowMillis, timers),
            (InviteServerPhase.Offered, InviteServerInput.Tick) => InviteServerProvisions.Tick(state, nowMillis),
            // A session that a provisional response has agreed on is known at the far end before the call is up (RFC 3262 section 3).
            (InviteServerPhase.Offered, InviteServerInput.Accept accept) when state.Unacknowledged is { IsOver: false, HasSession: true } =>
                new(state with { WaitingAccept = accept }, []),
            (InviteServerPhase.Offered, InviteServerInput.Accept accept) => Accept(state with { Headers = accept.Headers }, accept.Local, nowMillis, timers),
            (InviteServerPhase.Offered, InviteServerInput.Refuse refuse) => Refuse(state, refuse),
            (InviteServerPhase.Offered, InviteServerInput.Cancelled cancelled) => End(state,
                new SendResponse(state.Invite, SipResponse.For(state.Invite, 487, null, state.Dialog.LocalTag)),
                new InviteCancelled(SipReason.SipCause(cancelled.Request))),
            (InviteServerPhase.Offered or InviteServerPhase.Accepted, InviteServerInput.Overlapped overlapped) =>
                Overlapped(state, overlapped.Request, overlapped.RetryAfterSeconds),
            (InviteServerPhase.Accepted, InviteServerInput.Acknowledged ack) => Acknowledged(state, ack.Request),
            // A BYE that overtook the ACK: the far end has seen our 2xx. A CANCEL that crossed it has no effect (RFC 3261 section 9.2).
            (InviteServerPhase.Accepted, InviteServerInput.Cancelled { Request.Method: SipMethods.Bye }) => End(state),
            (InviteServerPhase.Accepted, InviteServerInput.Tick) => Tick(state, nowMillis, timers),
            _ => new(state, []),
        };

    private static UsageStep<InviteServerState> Overlapped(InviteServerState state, SipRequest request, int retryAfterSeconds)
    {
        if (request.Method != SipMethods.Update) return new(state, [new SendResponse(request, DialogChecks.TryLater(request, retryAfterSeconds))]);
        // Theirs is open until the 2xx, and until the ACK the 2xx may not have arrived; where they made none, ours is open from the 2xx to the ACK.
        var isOurs = state is { Offer: null, Phase: InviteServerPhase.Accepted };
        var answer = EarlyUpdate.Answer(state.Dialog, request, retryAfterSeconds, isOurs, out var dialog);
        return new(state with { Dialog = dialog }, [new SendResponse(request, answer)]);
    }

    private static UsageStep<InviteServerState> Accept(InviteServerState state, LocalAudio local, long now, SipTimers timers)
    {
        var actions = ImmutableArray.CreateBuilder<UsageAction>(2);
        var sdp = state.LocalSdp;
        if (state.Offer is null)
        {
            sdp ??= SdpNegotiator.CreateOffer(local);
        }
        else if (sdp is null)
        {
            var outcome = SdpNegotiator.Answer(state.Offer, local);
            if (outcome.Local is null) return NotAcceptable(state, outcome.Refusal);
            sdp = outcome.Local;
            actions.Add(new MediaAgreed(outcome.Audio!, sdp));
        }
        var next = Answered(state, state.Dialog.Confirm(), sdp, now, timers.T1, timers);
        actions.Add(new SendResponse(state.Invite, next.Success!));
        return new(next, actions.DrainToImmutable());
    }

    // The 2xx is repeated end to end over every transport: the next hop's being reliable says nothing about those behind it.
    private static InviteServerState Answered(InviteServerState state, DialogState dialog, SdpSession sdp, long now, int first, SipTimers timers) => state with
    {
        Phase = InviteServerPhase.Accepted,
        Dialog = dialog,
        LocalSdp = sdp,
        Unacknowledged = state.Unacknowledged?.Stopped(),
        NextProvide = null,
        Success = CarriedHeaders.With(InviteResponses.Build(state.Invite, 200, null, dialog, sdp, state.Timer), state.Headers),
        ResendAt = now + first,
        Interval = first == 0 ? timers.T1 / 2 : timers.T1,
        EndAt = now + timers.Limit,
    };

    private static UsageStep<InviteServerState> Refuse(InviteServerState state, InviteServerInput.Refuse refuse)
    {
        var response = SipResponse.For(state.Invite, refuse.Status, refuse.Phrase, state.Dialog.LocalTag);
        if (refuse.Contact is not null) response.Add(HeaderId.Contact, refuse.Contact.ToString());
        return End(state, new SendResponse(state.Invite, CarriedHeaders.With(response, refuse.Headers)));
    }

    internal static UsageStep<InviteServerState> NotAcceptable(InviteServerState state, SdpRefusal refusal) =>
        End(state, new SendResponse(state.Invite, InviteResponses.NotAcceptable(state.Invite, state.Dialog.LocalTag, refusal)), new InviteFailed(488));

    private static UsageStep<InviteServerState> Acknowledged(InviteServerState state, SipRequest ack)
    {
        if (!state.Dialog.Owns(ack) || ack.CSeq.Number != state.Invite.CSeq.Number) return new(state, []);
        var confirmed = state with { Phase = InviteServerPhase.Confirmed, ResendAt = long.MaxValue, EndAt = long.MaxValue };
        if (state.Offer is not null) return new(confirmed, [new InviteConfirmed(state.Dialog)]);
        var answer = InviteResponses.FindSdp(ack, state.Hosts);
        var outcome = answer is null ? null : SdpNegotiator.ApplyAnswer(state.LocalSdp!, answer);
        if (outcome?.Audio is null) return HangUp(state, 488);
        return new(confirmed with { Offer = answer }, [new MediaAgreed(outcome.Audio, state.LocalSdp!), new InviteConfirmed(state.Dialog)]);
    }

    private static UsageStep<InviteServerState> Tick(InviteServerState state, long now, SipTimers timers)
    {
        // Without an ACK the dialog exists, yet the session must end (RFC 3261 section 13.3.1.4).
        if (now >= state.EndAt) return HangUp(state, 408);
        if (now < state.ResendAt) return new(state, []);
        var interval = Math.Min(state.Interval * 2, timers.T2);
        return new(state with { Interval = interval, ResendAt = now + interval }, [new SendResponse(state.Invite, state.Success!, Repeated: true)]);
    }

    private static UsageStep<InviteServerState> HangUp(InviteServerState state, int status)
    {
        var bye = DialogRequests.Bye(state.Dialog, out var dialog, SipReason.Sip(status));
        return End(state with { Dialog = dialog }, new SendRequest(bye), new InviteFailed(status));
    }

    private static UsageStep<InviteServerState> End(InviteServerState state, params ReadOnlySpan<UsageAction> actions) =>
        new(state with
        {
            Phase = InviteServerPhase.Ended,
            ResendAt = long.MaxValue,
            EndAt = long.MaxValue,
            Unacknowledged = state.Unacknowledged?.Stopped(),
            NextProvide = null,
            WaitingAccept = null,
        }, [.. actions]);
}
