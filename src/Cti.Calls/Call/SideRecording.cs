using Cti.Calls.Resources;

namespace Cti.Calls.Call;

/// <summary>
/// A recording of what the call's far end says beside whatever the call does: no action, so it runs before the answer and beneath Dial. Only the flow that
/// drives the call starts it; with two channels, so that a bridge's recording can go on in its file.
/// </summary>
/// <param name="Number">Its number in the media side.</param>
/// <param name="FullPath">The file.</param>
/// <param name="Format">Its format's internal name.</param>
public sealed record SideRecording(long Number, string FullPath, string Format);

/// <summary>Starts such a recording.</summary>
public sealed record StartSideRecord(string FullPath, string Format) : ResourceRequest("sys.call.record_start");

/// <summary>Ends it; the owner is told once its file is complete.</summary>
public sealed record StopSideRecord() : ResourceRequest("sys.call.record_stop");

/// <summary>A recording beside everything else began.</summary>
public sealed record SideRecordBegan(SideRecording Recording) : CallEntry
{
    private protected override CallState Change(CallState state) =>
        state with { SideRecord = Recording, ActionCount = Math.Max(state.ActionCount, Recording.Number) };
}

/// <summary>It ended: its file is complete, or could not be written.</summary>
public sealed record SideRecordEnded : CallEntry
{
    private protected override CallState Change(CallState state) => state with { SideRecord = null };
}

/// <summary>What becomes of it.</summary>
internal static class SideRecordings
{
    public static CallDecision Start(CallDraft decision, StartSideRecord start)
    {
        if (decision.State.SideRecord is not null) return Refusals.WrongState(decision.State, start);
        var recording = new SideRecording(Actions.NextNumber(decision), start.FullPath, start.Format);
        return decision.Add(new SideRecordBegan(recording)).ReplyNull()
            .Do(new StartMediaRecord(recording.Number, recording.FullPath, recording.Format, Beep: false, Channels: 2)).Build();
    }

    public static CallDecision Stop(CallDraft decision)
    {
        decision.ReplyNull();
        return (decision.State.SideRecord is { } running ? decision.Do(new StopMediaRecord(running.Number)) : decision).Build();
    }

    public static CallDecision? HasEnded(CallDraft decision, RecordFinished finished)
    {
        if (decision.State.SideRecord?.Number != finished.Number) return null;
        var ending = finished.End is MediaEnd.Completed or MediaEnd.Stopped ? new ActionEnding() : Actions.EndingOf(finished.End, finished.Detail);
        return decision.Add(new SideRecordEnded()).Emit("sys.call.on_record_completed",
            CallEvents.SideRecordCompleted(decision.State, ending, decision.Now)).Build();
    }
}
