using System.Diagnostics.CodeAnalysis;
using Cti.Media.Files;

namespace Cti.Media.Session;

/// <summary>How far a recording is.</summary>
internal enum RecordingPhase
{
    /// <summary>Its file is being opened elsewhere.</summary>
    Preparing,
    /// <summary>The tone before it is heard.</summary>
    Beeping,
    /// <summary>Sound goes into it.</summary>
    Running,
    /// <summary>Its file is being completed elsewhere.</summary>
    Finishing,
}

/// <summary>
/// One recording of a session, a bridge or a conference, from the moment in which it was asked for until its file is complete:
/// <code>
///   Preparing ─TryOpen, Beep─► Beeping ─Run─► Running ─Stop─► Finishing ─file complete─► (TryEnd)
///        └────────TryOpen, Run──────────────────▲
/// </code>
/// A stop that comes before the file is open finishes it as soon as it is.
/// </summary>
internal sealed class Recording(long action)
{
    private SoundRecorder? _recorder;
    private bool _isStopAsked;

    public long Action { get; } = action;

    public RecordingPhase Phase { get; private set; }

    /// <summary>How many samples a frame of its file has; 0 while it is not open.</summary>
    public int FrameSamples => _recorder?.FrameSamples ?? 0;

    /// <summary>A recorder that came too late: its file goes, unless whoever goes on with it elsewhere is to find it.</summary>
    public static void Drop(SoundRecorder recorder, bool isAbandoned)
    {
        if (isAbandoned) recorder.Abandon();
        else recorder.Discard();
    }

    /// <summary>Its file is open.</summary>
    /// <returns>Whether it is to begin: not where a stop came before.</returns>
    public bool TryOpen(SoundRecorder recorder)
    {
        _recorder = recorder;
        if (_isStopAsked) Finish();
        return !_isStopAsked;
    }

    /// <summary>The tone before it is heard from now on.</summary>
    public void Beep() => Phase = RecordingPhase.Beeping;

    /// <summary>Sound goes into it from now on.</summary>
    public void Run() => Phase = RecordingPhase.Running;

    /// <summary>Takes a frame of any rate, while it runs.</summary>
    public void Write(ReadOnlySpan<short> frame)
    {
        if (Phase == RecordingPhase.Running) _recorder!.WriteFrame(frame);
    }

    /// <summary>The same of two channels, each of its rate.</summary>
    public void Write(ReadOnlySpan<short> left, ReadOnlySpan<short> right)
    {
        if (Phase == RecordingPhase.Running) _recorder!.WriteFrame(left, right);
    }

    public void Stop()
    {
        _isStopAsked = true;
        if (_recorder is not null) Finish();
    }

    /// <summary>Lets go of the file as it is.</summary>
    public void Abandon() => _recorder?.Abandon();

    /// <summary>Tells the end once the file is complete.</summary>
    public bool TryEnd([NotNullWhen(true)] out RecordEnded? ended)
    {
        ended = _recorder is { IsDone: true } recorder
            ? new RecordEnded(Action, recorder.Failure is null ? MediaOutcome.Stopped : MediaOutcome.Failed, recorder.DurationMillis, recorder.Failure)
            : null;
        return ended is not null;
    }

    private void Finish()
    {
        Phase = RecordingPhase.Finishing;
        _recorder!.Finish();
    }
}
