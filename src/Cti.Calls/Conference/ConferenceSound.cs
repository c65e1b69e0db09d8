using System.Text.Json;
using Cti.Calls.Call;
using Cti.Calls.Resources;
using Cti.Kernel;

namespace Cti.Calls.Conference;

/// <summary>The play and the recording: one of each at a time, exactly one completion per accepted start.</summary>
internal static class ConferenceSound
{
    public static ConferenceDecision PlayStart(ConferenceDraft decision, StartConferencePlay start)
    {
        if (decision.State.Play is not null) return ConferenceBehaviour.Refuse(decision, start, "something is played already; play_stop ends it");
        var play = new ConferencePlay(decision.State.ActionCount + 1, decision.Now, start.Files, start.IsLoop);
        decision.Add(new PlayBegan(play)).ReplyNull();
        if (play.Files.IsEmpty) EndPlay(decision, play, new ActionEnding());
        else decision.Do(new StartConferenceSound(play.Number, play.Files, play.IsLoop));
        return decision.Build();
    }

    public static ConferenceDecision PlayStop(ConferenceDraft decision, StopConferencePlay stop)
    {
        if (decision.State.Play is not { } play) return ConferenceBehaviour.Refuse(decision, stop, "nothing is played");
        decision.ReplyNull().Do(new StopConferenceSound(play.Number));
        EndPlay(decision, play, new ActionEnding());
        return decision.Build();
    }

    public static ConferenceDecision PlayHasFinished(ConferenceDraft decision, PlayFinished played)
    {
        if (decision.State.Play is { } play && play.Number == played.Number) EndPlay(decision, play, Actions.EndingOf(played.End, played.Detail));
        return decision.Build();
    }

    public static void EndPlay(ConferenceDraft decision, ConferencePlay play, ActionEnding ending)
    {
        decision.Add(new PlayEnded());
        decision.Emit("sys.conf.on_play_completed", ConferenceEvents.PlayCompleted(decision.State, play, ending, decision.Now));
    }

    public static ConferenceDecision RecordStart(ConferenceDraft decision, StartConferenceRecord start)
    {
        if (decision.State.Recording is { } running)
        {
            return ConferenceBehaviour.Refuse(decision, start, running.Ending is null
                ? "it is recorded already; record_stop ends that"
                : "the file of the recording before is not complete yet; on_record_completed says when");
        }
        BeginRecording(decision, start.FullPath, start.Format, start.MaxSeconds);
        return decision.Reply(JsonSerializer.SerializeToUtf8Bytes(start.FullPath, Call.States.RecordJson.Default.String)).Build();
    }

    public static void BeginRecording(ConferenceDraft decision, string path, string format, int? maxSeconds)
    {
        var record = new ConferenceRecording
        {
            Number = decision.State.ActionCount + 1, BeginMillis = decision.Now, FullPath = path, Format = format, MaxSeconds = maxSeconds,
        };
        decision.Add(new RecordingSet(record)).Do(new StartMixRecord(record.Number, path, format));
    }

    public static ConferenceDecision RecordStop(ConferenceDraft decision, StopConferenceRecord stop)
    {
        if (decision.State.Recording is not { } record) return ConferenceBehaviour.Refuse(decision, stop, "it is not recorded");
        // A second stop while the file is being completed changes nothing: the first one's ending stands.
        if (record.Ending is null) StopRecording(decision, record, new ActionEnding(ErrorCodes.Terminated, "stopped by record_stop"));
        return decision.ReplyNull().Build();
    }

    /// <summary>The completion waits for the media side's report, so that the file is complete when the application hears of it.</summary>
    public static void StopRecording(ConferenceDraft decision, ConferenceRecording record, ActionEnding ending) =>
        decision.Add(new RecordingSet(record with { Ending = ending })).Do(new StopMixRecord(record.Number));

    public static ConferenceDecision RecordHasBegun(ConferenceDraft decision, RecordBegan began)
    {
        if (decision.State.Recording is { BeganMillis: null } record && record.Number == began.Number)
            decision.Add(new RecordingSet(record with { BeganMillis = decision.Now }));
        return decision.Build();
    }

    public static ConferenceDecision RecordHasFinished(ConferenceDraft decision, RecordFinished finished)
    {
        if (decision.State.Recording is not { } record || record.Number != finished.Number) return decision.Build();
        var failure = finished.End is MediaEnd.Completed or MediaEnd.Stopped ? null : Actions.EndingOf(finished.End, finished.Detail);
        EndRecording(decision, record, failure ?? record.Ending ?? new ActionEnding());
        return decision.Build();
    }

    public static void EndRecording(ConferenceDraft decision, ConferenceRecording record, ActionEnding ending)
    {
        decision.Add(new RecordingEnded());
        decision.Emit("sys.conf.on_record_completed", ConferenceEvents.RecordCompleted(decision.State, record, ending, decision.Now));
    }
}
