using Cti.Media.Files;
using Cti.Media.Session;

namespace Cti.Media.Session.Mix;

/// <summary>The recording of a bridge or conference: one at a time, and without a beep.</summary>
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
            Recording.Drop(recorder, _abandoned);
            return;
        }
        if (!recording.TryOpen(recorder)) return;
        recording.Run();
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
    public void Stop() => _recording?.Stop();

    /// <summary>Lets go of whatever runs: the file stays as it is, nothing is reported.</summary>
    public void Abandon()
    {
        _abandoned = true;
        _recording?.Abandon();
        _recording = null;
    }

    /// <summary>How many samples a frame of the file has; 0 where there is none.</summary>
    public int FrameSamples => _recording?.FrameSamples ?? 0;

    public void Write(ReadOnlySpan<short> frame) => _recording?.Write(frame);

    public void Write(ReadOnlySpan<short> left, ReadOnlySpan<short> right) => _recording?.Write(left, right);

    /// <summary>Reports the end once the file is complete.</summary>
    public void Poll()
    {
        if (_recording is not { } recording || !recording.TryEnd(out var ended)) return;
        _recording = null;
        report(ended);
    }
}
