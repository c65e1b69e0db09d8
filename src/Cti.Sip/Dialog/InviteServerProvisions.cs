using System.Collections.Immutable;
using Cti.Sip.Message;
using Cti.Sip.Sdp;
using Cti.Sip.Transaction;

namespace Cti.Sip.Dialog;

/*
   Provisional responses of the server of an INVITE; reliable ones one at a time (RFC 3262 section 3)

          Provide: 1xx                       Provide: 1xx with RSeq
        +-------------+ plain            +-------------------------------+
        |             V                  |                               V
      +-----------------+ ---------------+              +----------------+  T1, 2 T1, 4 T1 …: 1xx again
      |      Free       |                               | Unacknowledged |-----+
      +-----------------+ <---------------------------- |                |<----+  Provide: waits, the newest counts
                              PRACK: 200, what waits    +----------------+        Accept: waits where the 1xx has a session
                                                                 | 64 T1: the owner is told
*/

/// <summary>Provisional responses: part of <see cref="InviteServerUsage"/>.</summary>
internal static class InviteServerProvisions
{
    /// <summary>Whether a caller is to get reliable ones.</summary>
    public static bool AreReliable(SipRequest invite, ReliableProvisionals policy) => policy switch
    {
        ReliableProvisionals.Off => false,
        // Ours carry no session, so a lost one costs nothing that the next would not mend: who only lists it is not made to acknowledge.
        ReliableProvisionals.Supported => ReliableResponse.IsRequired(invite),
        _ => ReliableResponse.IsListed(invite),
    };

    public static UsageStep<InviteServerState> Provide(InviteServerState state, InviteServerInput.Provide provide, long now, SipTimers timers)
    {
        if (state.Unacknowledged is { IsOver: false }) return new(state with { NextProvide = provide }, []);
        // The first reliable response to an INVITE without an offer has to carry ours (section 5), and no session is agreed here before the call is
        // answered: who insists hears nothing but the 100.
        if (state is { IsReliable: true, Offer: null } && ReliableResponse.IsRequired(state.Invite)) return new(state, []);
        var isReliable = state is { IsReliable: true, Offer: not null };
        if (provide.EarlyMedia is null || state.Offer is null || state.LocalSdp is not null)
            return Send(state, provide.Status, isReliable ? null : state.LocalSdp, isReliable, now, timers);
        var outcome = SdpNegotiator.Answer(state.Offer, provide.EarlyMedia);
        if (outcome.Local is null) return InviteServerUsage.NotAcceptable(state, outcome.Refusal);
        var step = Send(state with { LocalSdp = outcome.Local }, provide.Status, outcome.Local, isReliable, now, timers);
        return step with { Actions = [new MediaAgreed(outcome.Audio!, outcome.Local), .. step.Actions] };
    }

    /// <summary>A PRACK, which fits the dialog. One that comes after the final response is right all the same (section 3).</summary>
    public static UsageStep<InviteServerState> Acknowledged(InviteServerState state, SipRequest prack, long now, SipTimers timers)
    {
        if (state is { Unacknowledged: null, LastRSeq: 0, MayBeAcknowledged: true, IsReliable: true })
        {
            // The dead node has sent one that is not repeated here yet: it had the number that it would have here.
            var number = ReliableResponse.FirstNumber(state.Dialog.LocalTag);
            var sent = new ReliableResponse(SipResponse.For(state.Invite, 180), number, long.MaxValue, 0, long.MaxValue);
            state = state with { LastRSeq = number, Unacknowledged = sent };
        }
        if (state.Unacknowledged is not { } open || !open.IsAcknowledgedBy(prack, state.Invite))
            return new(state, [new SendResponse(prack, DialogChecks.NoSuchDialog(prack))]);
        // An offer may follow an answer that it acknowledges; one that meets none has no meaning (section 5).
        var isOffer = open.HasSession && !SdpBody.IsBlank(prack.Body.Span);
        var answer = new SendResponse(prack, isOffer ? InviteResponses.NotAcceptable(prack, null, SdpRefusal.NoAudio) : SipResponse.For(prack, 200));
        var next = state with { Unacknowledged = null, NextProvide = null, WaitingAccept = null };
        if (state.Phase != InviteServerPhase.Offered) return new(next, [answer]);
        var step = state switch
        {
            { WaitingAccept: { } accept } => InviteServerUsage.Step(next, accept, now, timers),
            { NextProvide: { } provide } => Provide(next, provide, now, timers),
            _ => new(next, []),
        };
        return step with { Actions = [answer, .. step.Actions] };
    }

    public static UsageStep<InviteServerState> Tick(InviteServerState state, long now)
    {
        if (state.Unacknowledged is not { } open) return new(state, []);
        if (now >= open.EndAt)
        {
            // The PRACK may have come to the node that is gone: a far end that has sent it is not asked twice.
            return new(state with { Unacknowledged = open.Stopped() }, state.MayBeAcknowledged ? [] : [new ProvisionalNotAcknowledged()]);
        }
        if (now < open.ResendAt) return new(state, []);
        var interval = open.Interval * 2;
        return new(state with { Unacknowledged = open with { Interval = interval, ResendAt = now + interval } },
            [new SendResponse(state.Invite, open.Response, Repeated: true)]);
    }

    /// <summary>What is not acknowledged goes out by the path that the INVITE came by last, under its number.</summary>
    public static ReliableResponse? Again(InviteServerState joined, ReliableResponse? open) => open is not { IsOver: false } ? open : open with
    {
        Response = Reliable(joined, open.Response.Status, open.HasSession ? joined.LocalSdp : null, open.Number),
        ResendAt = 0,
    };

    private static UsageStep<InviteServerState> Send(InviteServerState state, int status, SdpSession? sdp, bool isReliable, long now, SipTimers timers)
    {
        if (!isReliable) return new(state, [new SendResponse(state.Invite, InviteResponses.Build(state.Invite, status, null, state.Dialog, sdp))]);
        var number = state.LastRSeq == 0 ? ReliableResponse.FirstNumber(state.Dialog.LocalTag) : state.LastRSeq + 1;
        var response = Reliable(state, status, sdp, number);
        var open = new ReliableResponse(response, number, now + timers.T1, timers.T1, now + timers.Limit);
        return new(state with { LastRSeq = number, Unacknowledged = open }, [new SendResponse(state.Invite, response)]);
    }

    private static SipResponse Reliable(InviteServerState state, int status, SdpSession? sdp, uint number) =>
        ReliableResponse.Mark(InviteResponses.Build(state.Invite, status, null, state.Dialog, sdp), number);
}
