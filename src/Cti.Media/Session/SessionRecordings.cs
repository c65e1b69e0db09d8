using Cti.Media.Files;
using Cti.Media.Tones;

namespace Cti.Media.Session;

/// <summary>What is being recorded of the far end: any number of recordings, and the one beep that comes before one.</summary>
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
            Drop(recorder);
            return;
        }
        if (!recording.TryOpen(recorder)) return;
        if (beep)
        {
            recording.Beep();
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
        foreach (var recording in recordings) recording.Abandon();
        recordings.Clear();
    }

    /// <summary>A recorder that came too late.</summary>
    public void Drop(SoundRecorder recorder) => Recording.Drop(recorder, reports.IsAbandoned);

    /// <summary>Reports the ends of those whose files are complete.</summary>
    public void Poll()
    {
        for (var i = recordings.Count - 1; i >= 0; i--)
        {
            if (!recordings[i].TryEnd(out var ended)) continue;
            recordings.RemoveAt(i);
            reports.Report(ended);
        }
    }

    /// <summary>Takes the next frame of the beep; its recording begins with the last one.</summary>
    /// <returns>False where none is due.</returns>
    public bool TryTakeBeep(Outgoing sound)
    {
        if (!_beep.IsActive || FindBeeping() is not { } recording) return false;
        _beep.Take(sound);
        if (!_beep.IsActive) Begin(recording);
        return true;
    }

    private void Stop(Recording recording)
    {
        if (recording.Phase == RecordingPhase.Beeping) _beep.Stop();
        recording.Stop();
    }

    private void Begin(Recording recording)
    {
        audio.BeginRecording();
        recording.Run();
        reports.Report(new RecordStarted(recording.Action));
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
