using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Call;

/// <summary>Playing, recording and sending keys: exactly one completion per accepted start.</summary>
public static partial class CallDecider
{
    private static CallDecision PlayStart(CallDraft decision, StartPlay play)
    {
        if (decision.State.Phase != CallPhase.Idle) return Refuse(decision, play, "Idle");
        var action = new PlayAction
        {
            Number = decision.State.ActionCount + 1, BeginMillis = decision.Now, Files = play.Files, Repeat = play.Repeat, FinishKeys = play.FinishKeys,
        };
        decision.Add(new ActionStarted(action)).ReplyNull();
        if (play.Files.IsEmpty) EndAction(decision, action, new ActionEnding());
        else Sound(decision, new StartMediaPlay(action.Number, play.Files, play.Repeat));
        return decision.Build();
    }

    private static CallDecision PlayStop(CallDraft decision, StopPlay stop)
    {
        if (decision.State is not { Phase: CallPhase.Play, Action: PlayAction play }) return Refuse(decision, stop, "Play");
        decision.Do(new StopMediaPlay(play.Number)).ReplyNull();
        EndAction(decision, play, new ActionEnding());
        return decision.Build();
    }

    private static CallDecision PlayHasFinished(CallDraft decision, PlayFinished played)
    {
        if (decision.State.Dialling is { } dialling && dialling.Number == played.Number && HeardBy(decision.State) is RingBackFile or RingBackTone)
            return RingBackHasEnded(decision, dialling, played);
        switch (decision.State.Action)
        {
            case PlayAction play when play.Number == played.Number:
                EndAction(decision, play, EndingOf(played.End, played.Detail));
                break;
            case ReceiveKeysAction receive when receive.Number == played.Number && receive.Prompting:
                return PromptHasEnded(decision, receive, played);
        }
        return decision.Build();
    }

    private static CallDecision RecordStart(CallDraft decision, StartRecord record)
    {
        if (decision.State.Phase != CallPhase.Idle) return Refuse(decision, record, "Idle");
        var action = new RecordAction
        {
            Number = decision.State.ActionCount + 1, BeginMillis = decision.Now, FullPath = record.FullPath, Format = record.Format,
            Beep = record.Beep, MaxSeconds = record.MaxSeconds, FinishKeys = record.FinishKeys,
        };
        decision.Add(new ActionStarted(action)).Do(new StartMediaRecord(action.Number, record.FullPath, record.Format, record.Beep));
        return decision.Reply(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(record.FullPath, RecordJson.Default.String)).Build();
    }

    private static CallDecision RecordStop(CallDraft decision, StopRecord stop)
    {
        if (decision.State.Action is not RecordAction record) return Refuse(decision, stop, "Record");
        // A second stop while the file is being completed changes nothing: the first one's ending stands.
        if (record.Ending is null) StopRecording(decision, record, new ActionEnding(ErrorCodes.Terminated, "stopped by record_stop"));
        return decision.ReplyNull().Build();
    }

    /// <summary>The completion waits for the media side's report, so that the file is complete when the application hears of it.</summary>
    private static CallDraft StopRecording(CallDraft decision, RecordAction record, ActionEnding ending, KeyPress? press = null) =>
        decision.Add(new ActionChanged(record with { Ending = ending }, press)).Do(new StopMediaRecord(record.Number));

    private static CallDecision RecordHasBegun(CallDraft decision, RecordBegan began)
    {
        if (decision.State.Action is RecordAction { BeganMillis: null } record && record.Number == began.Number)
            decision.Add(new ActionChanged(record with { BeganMillis = decision.Now }));
        return decision.Build();
    }

    private static CallDecision RecordHasFinished(CallDraft decision, RecordFinished finished)
    {
        if (decision.State.SideRecord?.Number == finished.Number) return SideRecordHasEnded(decision, finished);
        if (decision.State.Action is not RecordAction record || record.Number != finished.Number) return decision.Build();
        var failure = finished.End is MediaEnd.Completed or MediaEnd.Stopped ? null : EndingOf(finished.End, finished.Detail);
        EndAction(decision, record, failure ?? record.Ending ?? new ActionEnding());
        return decision.Build();
    }

    private static CallDecision SendKeysStart(CallDraft decision, StartSendKeys send)
    {
        if (decision.State.Phase != CallPhase.Idle) return Refuse(decision, send, "Idle");
        var action = new SendKeysAction { Number = decision.State.ActionCount + 1, BeginMillis = decision.Now, Keys = send.Keys };
        return Sound(decision.Add(new ActionStarted(action)), new StartMediaKeys(action.Number, send.Keys)).ReplyNull().Build();
    }

    private static CallDecision KeysWereSent(CallDraft decision, KeysSent sent)
    {
        if (decision.State.Action is SendKeysAction action && action.Number == sent.Number)
            EndAction(decision, action, EndingOf(sent.End, null));
        return decision.Build();
    }

    private static CallDecision KeyHasArrived(CallDraft decision, KeyArrived arrived)
    {
        // Another node, or this call before its node was lost, has counted it; or it was sent after the call twice.
        if (arrived.Press is { } press && decision.State.KnownKeys.Contains(press)) return decision.Build();
        var key = arrived.Key;
        switch (decision.State.Action)
        {
            case PlayAction play when play.FinishKeys.Contains(key, StringComparison.Ordinal):
                decision.Do(new StopMediaPlay(play.Number));
                EndAction(decision, play, new ActionEnding(FinishKey: key.ToString()), arrived.Press);
                break;
            case RecordAction { Ending: null } record when record.FinishKeys.Contains(key, StringComparison.Ordinal):
                StopRecording(decision, record, new ActionEnding(FinishKey: key.ToString()), arrived.Press);
                break;
            case ReceiveKeysAction receive when receive.Spec.ValidKeys.Contains(key, StringComparison.Ordinal):
                return KeyCollected(decision, receive, arrived);
        }
        return decision.Build();
    }

    private static void EndAction(CallDraft decision, CallAction action, ActionEnding ending, KeyPress? press = null)
    {
        decision.Add(new ActionEnded(press));
        decision.Emit(CallEvents.CompletionOf(action), CallEvents.ActionCompleted(decision.State, action, ending, decision.Now));
    }

    internal static ActionEnding EndingOf(MediaEnd end, string? detail) => end switch
    {
        MediaEnd.Completed or MediaEnd.Stopped => new ActionEnding(),
        MediaEnd.NotFound => new ActionEnding(ErrorCodes.NotFound, detail ?? "file not found"),
        MediaEnd.Unsupported => new ActionEnding(ErrorCodes.Unsupported, detail ?? "format not supported"),
        _ => new ActionEnding(ErrorCodes.ServerError, detail ?? "a fault in the media side"),
    };
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class RecordJson : System.Text.Json.Serialization.JsonSerializerContext;
