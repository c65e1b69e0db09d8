using Cti.Actors.Resources;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Files;

namespace Cti.Actors.MediaNode;

/// <summary>The disk under the media roots.</summary>
/// <param name="folders">Who may hear what, and where recordings go.</param>
/// <param name="library">What writes the formats that the media side has no code for.</param>
/// <param name="disk">Asks the disk without waiting for ever; null: it is asked as it is.</param>
public sealed class MediaFiles(MediaFolders folders, SoundLibrary library, IBoundedDisk? disk = null) : IRecordings
{
    private static readonly string[] SoundExtensions =
        [".wav", ".mp3", ".vox", ".alaw", ".al", ".ulaw", ".ul", ".raw", ".pcm", ".gsm", ".au", ".ogg", ".opus", ".flac", ".g721", ".g726"];

    /// <summary>What is asked of recordings that a lost node left is asked on the node's own behalf.</summary>
    private const string RecordingsOfAll = "";

    /// <summary>A connection or a link waits: what is not said by then shows when the file is played.</summary>
    private const int LookMillisMax = 300;
    private const int ResolveMillisMax = 1_000;

    /// <summary>The file's completion includes bringing it to the disk.</summary>
    private const int RepairMillisMax = Limits.DiskQuestionMillisMax;

    /// <inheritdoc/>
    public string? Resolve(string application, string file, string format)
    {
        var extension = Enum.Parse<RecordFormat>(format, ignoreCase: true) switch
        {
            RecordFormat.OkiAdpcm => ".vox",
            RecordFormat.Mp3 => ".mp3",
            _ => ".wav",
        };
        var name = WithExtension(file, extension);
        if (Ask<Resolution?>(application, name, () => folders.ResolveForWriting(application, name), null, ResolveMillisMax) is not { } resolution)
            throw new TimeoutException("the disk of the recordings does not answer");
        return resolution.Kind == ResolutionKind.LeavesRoot ? null : resolution.FullPath;
    }

    private static bool Repaired(string fullPath)
    {
        try
        {
            return RecordingRepair.RepairTarget(fullPath) is not null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The call ends with 503 all the same; the part file stays where an operator finds it.
            return false;
        }
    }

    private T Ask<T>(string application, string file, Func<T> ask, T silent, int limitMillis) => disk is null ? ask()
        : disk.Ask(application, file, ask, silent, limitMillis);

    /// <summary>The extension is the format's. What stands behind another dot (a resource id has several) is part of the name and stays.</summary>
    private static string WithExtension(string file, string extension) =>
        SoundExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) ? Path.ChangeExtension(file, extension) : file + extension;

    /// <inheritdoc/>
    public void Repair(string fullPath) => Ask(RecordingsOfAll, fullPath, () => Repaired(fullPath), false, RepairMillisMax);

    /// <inheritdoc/>
    public void RepairAll(IReadOnlySet<string> kept, Action<int, bool> then)
    {
        if (disk is null) Look(static () => true);
        else disk.BeginLook(Look);

        void Look(Func<bool> goesOn)
        {
            var (completed, isWhole) = (0, true);
            foreach (var root in folders.RecordRoots)
            {
                try
                {
                    completed += RecordingRepair.RepairAll(root, kept, goesOn).Count;
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    // A folder that vanishes on the way keeps nothing of the others.
                    isWhole = false;
                }
            }
            then(completed, isWhole && goesOn());
        }
    }

    /// <inheritdoc/>
    public bool IsVisible(string fullPath) => Ask(RecordingsOfAll, fullPath, () => RecordingRepair.IsThere(fullPath), false, RepairMillisMax);

    /// <inheritdoc/>
    public bool StaysInside(string application, string promptName) => Ask(application, promptName, () =>
        folders.Resolve(application, promptName).Kind != ResolutionKind.LeavesRoot, true, LookMillisMax);

    /// <inheritdoc/>
    public string? WhyUnsupported(string format) => library.WhyUnsupported(Enum.Parse<RecordFormat>(format, ignoreCase: true));
}
