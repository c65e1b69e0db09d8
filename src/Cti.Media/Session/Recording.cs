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

/// <summary>A recording of a session.</summary>
internal sealed class Recording(long action)
{
    public long Action { get; } = action;

    public RecordingPhase Phase { get; set; }

    public bool IsStopAsked { get; set; }

    public SoundRecorder? Recorder { get; set; }
}
