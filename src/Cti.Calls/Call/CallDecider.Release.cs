using Cti.Calls.Resources;
using Cti.Kernel;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call;

/// <summary>Ending: one decision completes what runs, releases, and says what the far end is still owed.</summary>
public static partial class CallDecider
{
    /// <summary>How a call ends.</summary>
    /// <param name="BySystem"><c>dropped_by</c>: by a method or a limit of ours.</param>
    /// <param name="Cause">The SIP status of <c>on_released</c>.</param>
    /// <param name="Closing">What the far end is owed.</param>
    /// <param name="Error">The error of the completion that this cuts short.</param>
    /// <param name="Message">Its message.</param>
    private sealed record Ending(bool BySystem, int Cause, SipClosing Closing, int Error, string Message)
    {
        public DialogState? Dialog { get; init; }

        public string? Contact { get; init; }

        /// <summary>What the far end is told, where that is not <see cref="Cause"/>.</summary>
        public int? Told { get; init; }

        /// <summary>Its node is gone or stops: so is everything else there.</summary>
        public bool IsNodeGone { get; init; }

        /// <summary>When it ended, where that is known only now: Unix milliseconds.</summary>
        public long? AtMillis { get; init; }
    }

    private static CallDecision HungUp(CallDraft decision, ByeArrived bye)
    {
        var call = decision.State;
        var cause = bye.ReasonCause ?? 200;
        if (call.IsOffered)
        {
            // A BYE on the early dialog ends it; the INVITE still needs its final response (RFC 3261 section 15.1.2).
            decision.Do(new SendRefusal(ErrorCodes.Terminated));
            return Release(decision, new Ending(false, cause, SipClosing.Refusal, ErrorCodes.Gone, "the far end hung up") { Told = ErrorCodes.Terminated, AtMillis = bye.AtMillis });
        }
        // A far end whose 200 was lost may hang up first; our INVITE is then still pending.
        var closing = call.IsDialling ? SipClosing.Cancel : SipClosing.None;
        return Release(decision, new Ending(false, cause, closing, ErrorCodes.Gone, "the far end hung up") { AtMillis = bye.AtMillis });
    }

    private static CallDecision SoundLost(CallDraft decision) => decision.State.IsUp
        ? Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Bye, ErrorCodes.Gone, "no sound came from the far end for too long"))
        : decision.Build();

    private static CallDecision LostDialog(CallDraft decision, DialogLost lost)
    {
        var call = decision.State;
        if (call.IsOffered) return decision.Build();
        // Without an answer (408) the far end may still be there, only deaf: it gets a BYE (RFC 3261 section 12.2.1.2).
        var closing = call.IsDialling ? SipClosing.Cancel : lost.Status == 481 ? SipClosing.None : SipClosing.Bye;
        return Release(decision, new Ending(false, lost.Status, closing, ErrorCodes.Gone, "the far end lost the call"));
    }

    private static CallDecision Interrupted(CallDraft decision, string message, DialogState? dialog = null)
    {
        var call = decision.State;
        var closing = call.IsDialling ? SipClosing.Cancel
            : call.IsOffered ? SipClosing.Refusal
            : SipClosing.Bye;
        if (closing == SipClosing.Refusal) decision.Do(new SendRefusal(ErrorCodes.Unavailable));
        return Release(decision, new Ending(true, ErrorCodes.Unavailable, closing, ErrorCodes.Unavailable, message) { IsNodeGone = true, Dialog = dialog });
    }

    /// <summary>
    /// The dead process may have sent requests that are not in the journal (keys by INFO, refreshes, the BYE itself): a number that it used would be refused, so each
    /// recovery journals that it goes on beyond all that it may have used.
    /// </summary>
    private static DialogState? BeyondTheDead(DialogState? dialog) => dialog is null ? null : dialog with { LocalCSeq = dialog.LocalCSeq + Limits.SipCSeqReserve };

    private static CallDecision Release(CallDraft decision, Ending ending)
    {
        var before = decision.State;
        if (before.Parent is { Stage: ParentStage.Asked })
            return Withdraw(decision, new RpcError(ending.Error, ending.Message));
        // A child that waits for its parent's file has sent nothing that could be cancelled.
        if (before.IsAwaitingParent) ending = ending with { Closing = SipClosing.None };
        if (before.Dialling is { Stage: DiallingStage.Announcing } announcing && !ending.IsNodeGone) decision.Do(new ReleaseChild(announcing.Child));
        if (before.Seat is { } seat) LeaveSeat(decision, seat, SeatEndingOf(ending));
        if (before.Bridge is { } bridge) LeaveBridge(decision, bridge, new ActionEnding(ending.Error, ending.Message));
        if (before.Action is { } action) EndAction(decision, action, new ActionEnding(ending.Error, ending.Message));
        switch (ending.Closing)
        {
            case SipClosing.Cancel: decision.Do(new SendCancel()); break;
            case SipClosing.Bye: decision.Do(new SendBye(ending.Cause)); break;
        }
        decision.Add(new CallReleased(ending.Closing, ending.Told ?? ending.Cause, ending.Dialog, ending.Contact)).Do(new CloseMedia());
        if (before.IsDialling)
            decision.Emit("sys.call.on_dial_completed", CallEvents.DialCompleted(before, decision.Now, ending.Error, ending.Message));
        if (before.Phase == CallPhase.Answer)
            decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(before, decision.Now, ending.Error, ending.Message));
        var call = decision.State;
        var ended = Math.Clamp(ending.AtMillis ?? decision.Now, Math.Min(call.AnswerMillis ?? call.BeginMillis, decision.Now), decision.Now);
        decision.Emit("sys.call.on_released", CallEvents.Released(call, ended, ending.BySystem ? "sys" : "usr", ending.Cause));
        var record = CallRecords.Build(call, ended, ending.BySystem, ending.Cause, decision.Settings);
        decision.Record(record);
        return decision.EmitAlways("sys.on_chan_closed", CallEvents.ChannelClosed(record)).Build();
    }
}
