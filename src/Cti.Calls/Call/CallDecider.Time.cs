using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Limits on time. Deadlines are functions of the state, so a recovery cannot forget one.</summary>
public static partial class CallDecider
{
    /// <summary>When the call next needs <see cref="TimeReached"/>, in Unix milliseconds, or null.</summary>
    public static long? NextDeadline(CallState call, CallSettings settings)
    {
        if (call.Phase == CallPhase.Released) return null;
        long? next = null;
        if (call.AnswerMillis is { } answered) next = Earlier(next, answered + (call.MaxAnswerSeconds * 1000L));
        if (call.IsOffered) next = Earlier(next, call.BeginMillis + settings.OfferTimeoutMillis);
        // What is above the dialling (a conference entered early) does not stop its clocks.
        if (ParentDeadline(call, settings) is { } waited) next = Earlier(next, waited);
        else if (call.IsDialling) next = Earlier(next, call.RingMillis is { } rang ? rang + (call.MaxRingSeconds * 1000L) : SetupDeadline(call, settings));
        if (call.Phase == CallPhase.Idle && settings.IdleReleaseMillis > 0) next = Earlier(next, call.IdleSinceMillis + settings.IdleReleaseMillis);
        if (SeatLimitOf(call) is { } seatTime) next = Earlier(next, seatTime);
        if (call.Bridge is { } bridge && BridgeDeadline(bridge) is { } bridgeTime) next = Earlier(next, bridgeTime);
        return call.Action switch
        {
            RecordAction { Ending: null, BeganMillis: { } began } record => Earlier(next, began + (record.MaxSeconds * 1000L)),
            ReceiveKeysAction { DeadlineMillis: { } deadline } => Earlier(next, deadline),
            _ => next,
        };
    }

    private static CallDecision TimeHasCome(CallDraft decision)
    {
        var call = decision.State;
        var now = decision.Now;
        if (call.AnswerMillis is { } answered && now >= answered + (call.MaxAnswerSeconds * 1000L))
            return Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "max_answer_seconds is over"));
        if (call.IsOffered && now >= call.BeginMillis + decision.Settings.OfferTimeoutMillis) return Unoffered(decision);
        if (ParentDeadline(call, decision.Settings) is { } waited)
        {
            if (now >= waited) return ParentTime(decision, call.Parent!.Stage);
        }
        else if (call.IsDialling)
        {
            if (call.RingMillis is { } rang && now >= rang + (call.MaxRingSeconds * 1000L)) return DialTimedOut(decision, "max_ring_seconds is over");
            if (call.RingMillis is null && now >= SetupDeadline(call, decision.Settings)) return DialTimedOut(decision, "no ringing and no answer came");
        }
        if (SeatLimitOf(call) is { } leaveAt && now >= leaveAt) return LeaveSeat(decision, call.Seat!, new ActionEnding()).Build();
        if (call.Bridge is { IsFirst: true, Stage: not BridgeStage.Requested } bridge) return BridgeTime(decision, bridge);
        switch (call.Phase)
        {
            case CallPhase.Idle:
                if (decision.Settings.IdleReleaseMillis > 0 && now >= call.IdleSinceMillis + decision.Settings.IdleReleaseMillis)
                    return Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "idle for too long"));
                break;
            case CallPhase.Record when call.Action is RecordAction { Ending: null, BeganMillis: { } began } record && now >= began + (record.MaxSeconds * 1000L):
                return StopRecording(decision, record, new ActionEnding(ErrorCodes.Timeout, "max_seconds is over")).Build();
            case CallPhase.ReceiveDtmf when call.Action is ReceiveKeysAction { DeadlineMillis: { } deadline } receive && now >= deadline:
                return KeyWaitIsOver(decision, receive);
        }
        return decision.Build();
    }

    /// <summary>It counts from the INVITE, which waits for a parent.</summary>
    private static long SetupDeadline(CallState call, CallSettings settings) => (call.InviteMillis ?? call.BeginMillis) + settings.SetupTimeoutMillis;

    private static CallDecision DialTimedOut(CallDraft decision, string message) =>
        Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Cancel, ErrorCodes.Timeout, message));

    private static long Earlier(long? first, long second) => first is { } value && value < second ? value : second;
}
