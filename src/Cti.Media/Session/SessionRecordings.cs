using Cti.Media.Codecs;
using Cti.Media.Files;
using Cti.Media.Tones;

namespace Cti.Media.Session;

/// <summary>
/// What is being recorded of the far end: any number of recordings, and the one beep that comes before one.
/// <code>
///   Preparing ─Start─► Beeping ─last frame of the beep─► Running (RecordStarted) ─Stop─► Finishing ─file complete─► (RecordEnded)
///        └────────────Start without a beep──────────────────▲
/// </code>
/// A stop that comes before the file is open finishes it as soon as it is.
/// </summary>
/// <param name="recordings">Those that are open; what is received goes into the ones that run.</param>
/// <param name="audio">What is received.</param>
/// <param name="reports">Where their beginnings and ends are told.</param>
internal sealed class SessionRecordings(List<Recording> recordings, AudioReceiver audio, SessionReports reports)
{
    private readonly PlayCursor _beep = new();

    /// <summary>True while none is open.</summary>
    public bool IsEmpty => recordings.Count == 0;

    /// <summary>True while there is a beep to be sent.</summary>
    public bool HasBeep => _beep.IsActive;

    public void Prepare(long action) => recordings.Add(new Recording(action));

    public void Start(long action, SoundRecorder recorder, bool beep)
    {
        if (Find(action) is not { Phase: RecordingPhase.Preparing } recording)
        {
            GiveBack(recorder);
            return;
        }
        recording.Recorder = recorder;
        if (recording.IsStopAsked) Finish(recording);
        else if (beep)
        {
            recording.Phase = RecordingPhase.Beeping;
            _beep.Start(new PlayList([Cadence.Beep]));
        }
        else
        {
            Begin(recording);
        }
    }

    public void Fail(in MediaCommand command)
    {
        if (Find(command.Action) is not { } recording) return;
        recordings.Remove(recording);
        reports.Report(new RecordEnded(command.Action, command.Outcome, 0, (string?)command.Payload));
    }

    public void Stop(long action)
    {
        if (Find(action) is { } recording) Stop(recording);
    }

    /// <summary>Stops whatever runs.</summary>
    public void Stop()
    {
        foreach (var recording in recordings) Stop(recording);
        _beep.Stop();
    }

    /// <summary>Lets go of whatever runs: the files stay as they are, nothing is reported.</summary>
    public void Abandon()
    {
        foreach (var recording in recordings) recording.Recorder?.Abandon();
        recordings.Clear();
    }

    /// <summary>A recorder that came too late.</summary>
    public void GiveBack(SoundRecorder recorder)
    {
        if (reports.IsAbandoned) recorder.Abandon();
        else recorder.Discard();
    }

    /// <summary>Reports the ends of those whose files are complete.</summary>
    public void Poll()
    {
        for (var i = recordings.Count - 1; i >= 0; i--)
        {
            var recording = recordings[i];
            if (recording.Recorder is not { IsDone: true } recorder) continue;
            recordings.RemoveAt(i);
            reports.Report(new RecordEnded(recording.Action, recorder.Failure is null ? MediaOutcome.Stopped : MediaOutcome.Failed,
                recorder.DurationMillis, recorder.Failure));
        }
    }

    /// <summary>Takes the next frame of the beep, encoded; its recording begins with the last one.</summary>
    /// <returns>False where none is due.</returns>
    public bool TryTakeBeep(Span<byte> payload, AudioCodec codec)
    {
        if (!_beep.IsActive || FindBeeping() is not { } recording) return false;
        _beep.Take(payload, codec);
        if (!_beep.IsActive) Begin(recording);
        return true;
    }

    private void Stop(Recording recording)
    {
        recording.IsStopAsked = true;
        if (recording.Phase == RecordingPhase.Beeping) _beep.Stop();
        if (recording.Recorder is not null) Finish(recording);
    }

    private void Begin(Recording recording)
    {
        audio.BeginRecording();
        recording.Phase = RecordingPhase.Running;
        reports.Report(new RecordStarted(recording.Action));
    }

    private static void Finish(Recording recording)
    {
        recording.Phase = RecordingPhase.Finishing;
        recording.Recorder!.Finish();
    }

    private Recording? Find(long action)
    {
        foreach (var recording in recordings)
        {
            if (recording.Action == action) return recording;
        }
        return null;
    }

    /// <summary>The one that the beep is for: the last that asked for it.</summary>
    private Recording? FindBeeping()
    {
        Recording? found = null;
        foreach (var recording in recordings)
        {
            if (recording.Phase == RecordingPhase.Beeping) found = recording;
        }
        return found;
    }
}
