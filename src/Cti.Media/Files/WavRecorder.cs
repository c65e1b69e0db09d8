namespace Cti.Media.Files;

/// <summary>How the opening of a recording ended.</summary>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/>, or Unsupported, Failed.</param>
/// <param name="Recorder">The recorder, when completed.</param>
/// <param name="Detail">Otherwise: what is wrong.</param>
public readonly record struct RecorderOpening(MediaOutcome Outcome, WavRecorder? Recorder, string? Detail);

/// <summary>
/// A recording into a WAV file. One media loop writes sound, one writer thread calls <see cref="Drain"/>; between them a lock-free ring.
/// </summary>
public sealed class WavRecorder
{
    private WavRecorder() => throw new NotImplementedException();

    /// <summary>Opens the file beside its target; folders are made. Touches the disk: call it from a loader thread. Never throws.</summary>
    public static RecorderOpening Open(string fullPath, RecordFormat format) => throw new NotImplementedException();

    /// <summary>
    /// Writes what has come to the disk; after the end it completes the file and moves it to its target. Call it from one thread at a time,
    /// every 100 to 500 ms, until it answers true. Never throws: a fault of the disk ends the recording as failed.
    /// </summary>
    /// <returns>True when there is nothing more to do: drop the recorder.</returns>
    public bool Drain() => throw new NotImplementedException();
}
