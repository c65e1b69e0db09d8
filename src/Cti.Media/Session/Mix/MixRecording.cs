using Cti.Media.Files;
using Cti.Media.Session;

namespace Cti.Media.Session.Mix;

/// <summary>The recording of a bridge or conference, one at a time: the same life as a session's (see <see cref="MediaCommand"/>), without a beep.</summary>
internal sealed class MixRecording(Action<MediaEvent> report)
{
    private Recording? _recording;
    private bool _abandoned;

    /// <summary>True until its end is reported.</summary>
    public bool IsOpen => _recording is not null;

    /// <summary>True while it takes sound.</summary>
    public bool IsRunning => _recording is { Phase: RecordingPhase.Running };

    public void Prepare(long action)
    {
        if (_recording is null) _recording = new Recording(action);
        else report(new RecordEnded(action, MediaOutcome.Failed, 0, "a recording runs already"));
    }

    public void Start(long action, SoundRecorder recorder)
    {
        if (_recording is not { Phase: RecordingPhase.Preparing } recording || recording.Action != action)
        {
            if (_abandoned) recorder.Abandon();
            else recorder.Discard();
            return;
        }
        recording.Recorder = recorder;
        if (recording.IsStopAsked)
        {
            Finish(recording);
            return;
        }
        recording.Phase = RecordingPhase.Running;
        report(new RecordStarted(action));
    }

    public void Fail(long action, MediaOutcome outcome, string? detail)
    {
        if (_recording?.Action != action) return;
        _recording = null;
        report(new RecordEnded(action, outcome, 0, detail));
    }

    /// <summary>Stops that action's recording.</summary>
    public void Stop(long action)
    {
        if (_recording?.Action == action) Stop();
    }

    /// <summary>Stops whatever runs.</summary>
    public void Stop()
    {
        if (_recording is not { } recording) return;
        recording.IsStopAsked = true;
        if (recording.Phase == RecordingPhase.Running) Finish(recording);
    }

    /// <summary>Lets go of whatever runs: the file stays as it is, nothing is reported.</summary>
    public void Abandon()
    {
        _abandoned = true;
        _recording?.Recorder?.Abandon();
        _recording = null;
    }

    public void Write(ReadOnlySpan<short> samples)
    {
        if (IsRunning) _recording!.Recorder!.Write(samples);
    }

    /// <summary>Reports the end once the file is complete.</summary>
    public void Poll()
    {
        if (_recording?.Recorder is not { IsDone: true } recorder) return;
        var action = _recording.Action;
        _recording = null;
        report(new RecordEnded(action, recorder.Failure is null ? MediaOutcome.Stopped : MediaOutcome.Failed, recorder.DurationMillis, recorder.Failure));
    }

    private static void Finish(Recording recording)
    {
        recording.Phase = RecordingPhase.Finishing;
        recording.Recorder!.Finish();
    }
}
