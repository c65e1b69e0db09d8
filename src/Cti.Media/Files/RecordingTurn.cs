namespace Cti.Media.Files;

/// <summary>
/// Whose turn it is with an unfinished recording in this process: the file's lock tells two processes apart, and not who has just made a file
/// and is about to lock it from who looks whether anybody has.
/// </summary>
internal sealed class RecordingTurn : IDisposable
{
    // As many as threads that open or complete recordings.
    private static readonly HashSet<string> Taken = new(StringComparer.Ordinal);
    private readonly string _target;

    private RecordingTurn(string target) => _target = target;

    /// <summary>Waits for it: nobody has one for longer than it takes to open or to complete a file.</summary>
    /// <param name="target">The recording's full path.</param>
    public static RecordingTurn Take(string target)
    {
        lock (Taken)
        {
            while (!Taken.Add(target)) Monitor.Wait(Taken);
            return new RecordingTurn(target);
        }
    }

    /// <summary>Takes it; null where somebody else has it.</summary>
    /// <param name="target">The recording's full path.</param>
    public static RecordingTurn? TryTake(string target)
    {
        lock (Taken) return Taken.Add(target) ? new RecordingTurn(target) : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Taken)
        {
            Taken.Remove(_target);
            Monitor.PulseAll(Taken);
        }
    }
}
