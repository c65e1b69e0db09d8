using Cti.Calls.Call.Sagas;
using Cti.Calls.Resources;
using Cti.Contract;
using Cti.Kernel;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call;

/// <summary>How a call ends: one decision completes what runs, releases, and says what the far end is still owed.</summary>
/// <param name="BySystem"><c>dropped_by</c>: by a method or a limit of ours.</param>
/// <param name="Cause">The SIP status of <c>on_released</c>.</param>
/// <param name="Closing">What the far end is owed.</param>
/// <param name="Error">The error of the completion that this cuts short.</param>
/// <param name="Message">Its message.</param>
internal sealed record Ending(bool BySystem, int Cause, SipClosing Closing, int Error, string Message)
{
    public DialogState? Dialog { get; init; }

    public string? Contact { get; init; }

    /// <summary>What the application adds to what the far end is owed: <see cref="CarriedHeaders"/>.</summary>
    public string? Headers { get; init; }

    /// <summary>
    /// What <c>on_released</c> tells of the far end's BYE or CANCEL, or <c>on_dial_completed</c> of its refusal: <see cref="CarriedHeaders"/>.
    /// </summary>
    public string? Heard { get; init; }

    /// <summary>What the far end is told, where that is not <see cref="Cause"/>.</summary>
    public int? Told { get; init; }

    /// <summary>Whether it is the far end's BYE.</summary>
    public bool IsTheirBye { get; init; }

    /// <summary>Its node is gone or stops: so is everything else there.</summary>
    public bool IsNodeGone { get; init; }

    /// <summary>When it ended, where that is known only now: Unix milliseconds.</summary>
    public long? AtMillis { get; init; }

    public static CallDecision Release(CallDraft decision, Ending ending)
    {
        var before = decision.State;
        if (before.Parent is { Stage: ParentStage.Asked })
            return Dialling.Withdraw(decision, new RpcError(ending.Error, ending.Message));
        // A child that waits for its parent's file has sent nothing that could be cancelled.
        if (before.IsAwaitingParent) ending = ending with { Closing = SipClosing.None };
        if (before.Dialling is { Stage: DiallingStage.Announcing } announcing && !ending.IsNodeGone) decision.Do(new ReleaseChild(announcing.Child));
        if (before.Seat is { } seat) Entering.LeaveSeat(decision, seat, ending.OfSeat());
        if (before.Bridge is { } bridge) Bridging.LeaveBridge(decision, bridge, new ActionEnding(ending.Error, ending.Message));
        if (before.Action is { } action) Actions.End(decision, action, new ActionEnding(ending.Error, ending.Message));
        Referring.EndWithCall(decision, ending);
        BeingReferred.EndWithCall(decision, ending);
        switch (ending.Closing)
        {
            case SipClosing.Cancel: decision.Do(new SendCancel()); break;
            case SipClosing.Bye: decision.Do(new SendBye(ending.Cause, ending.Headers)); break;
        }
        decision.Add(new CallReleased(ending.Closing, ending.Told ?? ending.Cause, ending.Dialog, ending.Contact, ending.Headers)).Do(new CloseMedia());
        if (before.IsDialling)
            decision.Emit("sys.call.on_dial_completed", CallEvents.DialCompleted(before, decision.Now, ending.Error, ending.Message, ending.Heard));
        if (before.Phase == CallPhase.Answer)
            decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(before, decision.Now, ending.Error, ending.Message));
        var call = decision.State;
        var ended = Math.Clamp(ending.AtMillis ?? decision.Now, Math.Min(call.AnswerMillis ?? call.BeginMillis, decision.Now), decision.Now);
        decision.Emit("sys.call.on_released", CallEvents.Released(call, ended, ending.BySystem ? "sys" : "usr", ending.Cause, ending.Heard));
        var record = CallRecords.Build(call, ended, ending.BySystem, ending.Cause, decision.Settings);
        decision.Record(record);
        return decision.EmitAlways("sys.on_chan_closed", CallEvents.ChannelClosed(record)).Build();
    }

    /// <summary>What ends it is the node's end or its owner's, whatever state it is in.</summary>
    public static CallDecision Interrupted(CallDraft decision, string message, DialogState? dialog = null)
    {
        var call = decision.State;
        var closing = call.IsDialling ? SipClosing.Cancel
            : call.IsOffered ? SipClosing.Refusal
            : SipClosing.Bye;
        if (closing == SipClosing.Refusal) decision.Do(new SendRefusal(ErrorCodes.Unavailable));
        return Release(decision, new Ending(true, ErrorCodes.Unavailable, closing, ErrorCodes.Unavailable, message) { IsNodeGone = true, Dialog = dialog });
    }

    /// <summary><c>drop</c> of a call that is answered, or about to be.</summary>
    public static CallDecision HangUp(CallDraft decision, DropCall drop) =>
        Release(decision.ReplyNull(), new Ending(true, drop.Cause, SipClosing.Bye, ErrorCodes.Gone, "the call was hung up") { Headers = drop.Headers });

    /// <summary><c>drop</c> of a call whose far end has not answered.</summary>
    public static CallDecision GiveUpDialling(CallDraft decision, DropCall drop) =>
        Release(decision.ReplyNull(),
            new Ending(true, drop.Cause, SipClosing.Cancel, ErrorCodes.Terminated, "the dialling was dropped") { Headers = drop.Headers });

    /// <summary>The dialling took too long.</summary>
    public static CallDecision DiallingTimedOut(CallDraft decision, string message) =>
        Release(decision, new Ending(true, ErrorCodes.Timeout, SipClosing.Cancel, ErrorCodes.Timeout, message));

    /// <summary>The SIP effect that a released call still owes after a recovery.</summary>
    public static ResourceEffect? Owed(CallState state) => state.Closing switch
    {
        SipClosing.Bye => new SendBye(state.ClosingCause, state.ClosingHeaders),
        SipClosing.Cancel => new SendCancel(),
        SipClosing.Refusal => new SendRefusal(state.ClosingCause, state.ClosingContact, state.ClosingHeaders),
        _ => null,
    };

    /// <summary>How it ends the seat: to the conference a failed dialling is a hang-up too; only the loss of a node is told as such.</summary>
    private ActionEnding OfSeat() => IsNodeGone ? new ActionEnding(Error, Message) : new ActionEnding(ErrorCodes.Gone, Message);
}
