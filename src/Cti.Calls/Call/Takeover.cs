using Cti.Calls.Call.Sagas;
using Cti.Kernel;
using Cti.Sip.Dialog;

namespace Cti.Calls.Call;

/// <summary>
/// What becomes of a call whose node is gone, told by its journal alone, whoever held it before.
/// <code>
///   answered     ──taken over──► interrupted ──re-INVITE answered──► goes on where it was
///                                    └──refused for good──► released with 503
///   being answered ──► the 2xx again ──ACK──► interrupted (as above)
///   offered        ──► stays offered
///   dialling       ──► CANCEL, released with 503
///   released       ──► what the far end is still owed
/// </code>
/// </summary>
internal static class Takeover
{
    /// <summary>Far ends repeat a 2xx for 64 T1 when its ACK is missing; past that nobody waits for one.</summary>
    private const long AckOwedMillis = 32_000;

    private const long HeardTwiceMillis = 1_000;

    /// <summary>
    /// Whether a call goes on after its node is gone: then the new owner opens a media session and gives it <see cref="TakenOver"/>; for any other there is
    /// <see cref="CallDecider.Resume"/>.
    /// </summary>
    public static bool GoesOn(CallState call)
    {
        if (call.WasReleased || call.IsDialling) return false;
        return call.AnswerMillis is not null ? call.Dialog is not null : call.TheirInvite is not null;
    }

    public static CallDecision Lost(CallDraft decision, ByeArrived? told = null)
    {
        // Its parent may have agreed, and lost its answer with the node: it is not to wait for ever.
        if (decision.State.Parent is { Stage: ParentStage.Asked } parent) decision.Do(new TellDone(parent.Resource));
        OwnerNotices.Resume(decision);
        if (told is not null) return FarEnd.HungUp(decision, told);
        return Ending.Interrupted(decision, "interrupted by the loss of a node", BeyondTheDead(decision.State.Dialog));
    }

    public static CallDecision Begins(CallDraft decision, TakenOver taken)
    {
        if (!GoesOn(decision.State)) return Lost(decision);
        var dialog = BeyondTheDead(decision.State.Dialog)! with { LocalContact = taken.Contact };
        decision.Add(new Recovered(Math.Min(taken.LostAtMillis, decision.Now), dialog, taken.LocalSdp));
        var call = decision.State;
        if (call.IsOffered) return decision.Do(new SendRinging()).Build();
        if (!call.IsUp)
        {
            if (call.Audio is { } audio) decision.Do(new ConfigureMedia(audio));
            return decision.Do(new SendOk(call.AnswerHeaders)).Build();
        }
        if (call is { AnsweredCSeq: { } number, AnswerMillis: { } answered } && taken.LostAtMillis - answered < AckOwedMillis)
            decision.Do(new RepeatAck(number));
        EndWhatCannotGoOn(decision, taken);
        OwnerNotices.Resume(decision);
        Bridging.GiveUpUnanswered(decision);
        Entering.GiveUpUnanswered(decision);
        if (!taken.AsksLater) AskWhoSharesTheSound(decision, taken.LostAtMillis);
        if (call.Dialling is { } dialling) decision.Do(new LookForChild(dialling.Child));
        GoOnRecording(decision).Do(new SendReInvite());
        // Reports go by the session that the re-INVITE will use, and before it.
        Referring.GoOn(decision);
        BeingReferred.GoOn(decision);
        Replacing.EndReplaced(decision);
        return decision.Build();
    }

    public static CallDraft AskWhoSharesTheSound(CallDraft decision, long lostAtMillis)
    {
        Bridging.AskAfterTakeover(decision, lostAtMillis);
        Entering.AskAfterTakeover(decision);
        return decision;
    }

    public static CallDecision DialogHasChanged(CallDraft decision, DialogChanged changed)
    {
        decision.Add(new DialogUpdated(changed.Dialog, changed.Audio, changed.LocalSdp, changed.Timer));
        decision.Do(new ConfigureMedia(changed.Audio)).Do(new ConfirmChange());
        if (decision.State.InterruptedMillis is not { } lost) return decision.Build();
        var isConfirmed = decision.State.IsUp;
        // A far end that agrees on a change has seen our 2xx, whatever became of its ACK.
        if (!isConfirmed) decision.Add(new AnswerConfirmed(null));
        decision.Add(new Resumed());
        if (!isConfirmed)
        {
            decision.Emit("sys.call.on_answer_completed", CallEvents.AnswerCompleted(decision.State, decision.Now, null, null));
            Replacing.EndReplaced(decision);
        }
        // Since it was handed over it was heard elsewhere, but how far it had come there is not known exactly: rather hear a second twice than miss a word.
        GoOn(decision, changed.WasHeardUntilNow ? Math.Max(lost, decision.Now - HeardTwiceMillis) : lost);
        return decision.Build();
    }

    // Where the ACK is still awaited, that decides.
    public static CallDecision IsRefused(CallDraft decision, TakeoverRefused refused) => decision.State is { InterruptedMillis: null } or { IsUp: false }
        ? decision.Build()
        : Ending.Release(decision, new Ending(true, ErrorCodes.Unavailable, SipClosing.Bye, ErrorCodes.Unavailable,
        $"the far end refused ({refused.Status}) to go on after the loss of a node"));

    /// <summary>
    /// The dead process may have sent requests that are not in the journal (keys by INFO, refreshes, the BYE itself): a number that it used would be refused,
    /// so each recovery journals that it goes on beyond all that it may have used.
    /// </summary>
    public static DialogState? BeyondTheDead(DialogState? dialog) =>
        dialog is null ? null : dialog with { LocalCSeq = dialog.LocalCSeq + Limits.SipCSeqReserve };

    private static void EndWhatCannotGoOn(CallDraft decision, TakenOver taken)
    {
        switch (decision.State.Action)
        {
            case SendKeysAction send:
                Actions.End(decision, send, new ActionEnding(ErrorCodes.Unavailable, "interrupted by the loss of a node; which keys were sent is not known"));
                break;
            case RecordAction { Ending: { } ending } record:
                Actions.End(decision, record, ending);
                break;
            case RecordAction { BeganMillis: not null } record when !taken.SeesRecording:
                Actions.End(decision, record, new ActionEnding(ErrorCodes.Unavailable,
                    "interrupted by the loss of a node; the file cannot be continued from here"));
                break;
        }
        if (decision.State.SideRecord is null || taken.SeesSideRecording) return;
        decision.Add(new SideRecordEnded());
        decision.Emit("sys.call.on_record_completed", CallEvents.SideRecordCompleted(decision.State,
            new ActionEnding(ErrorCodes.Unavailable, "interrupted by the loss of a node; the file cannot be continued from here"), decision.Now));
    }

    /// <summary>A recording goes on at once, in the file that is there: silence until the far end sends to here belongs to it as well.</summary>
    private static CallDraft GoOnRecording(CallDraft decision)
    {
        if (decision.State.Action is RecordAction record)
            decision.Do(new StartMediaRecord(record.Number, record.FullPath, record.Format,
                record.Beep && record.BeganMillis is null, Append: record.BeganMillis is not null, TakesOver: true));
        if (decision.State.SideRecord is { } side)
            decision.Do(new StartMediaRecord(side.Number, side.FullPath, side.Format, Beep: false, Channels: 2, Append: true));
        return decision;
    }

    private static void GoOn(CallDraft decision, long lost)
    {
        switch (decision.State.Action)
        {
            case PlayAction play:
                var played = play with { HeardMillis = HeardUntil(play, lost), HeardFromMillis = decision.Now };
                decision.Add(new ActionChanged(played)).Do(new StartMediaPlay(played.Number, played.Files, played.Repeat, played.HeardMillis));
                break;
            case ReceiveKeysAction { Prompting: true } receive:
                var prompted = receive with { HeardMillis = HeardUntil(receive, lost), HeardFromMillis = decision.Now };
                decision.Add(new ActionChanged(prompted)).Do(new StartMediaPlay(prompted.Number, prompted.Spec.Files, 0, prompted.HeardMillis));
                break;
            case SendKeysAction send:
                decision.Do(new StartMediaKeys(send.Number, send.Keys));
                break;
        }
    }

    /// <summary>
    /// Nothing of it is lost; what was heard since the dead node was last known alive, and while its sound was about to begin, is heard twice.
    /// </summary>
    private static long HeardUntil(CallAction action, long lost) =>
        action.HeardMillis + Math.Max(0, lost - (action.HeardFromMillis ?? action.BeginMillis) - Limits.SoundBeginsMillis);
}
