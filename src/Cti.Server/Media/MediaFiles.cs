using Cti.Media;
using Cti.Media.Files;
using Cti.Server.Calls;
using Cti.Server.Resources;

namespace Cti.Server.Media;

/// <summary>The disk under the media roots.</summary>
/// <param name="root">Where prompts are looked up.</param>
/// <param name="builtin">The built-in prompts; null for none.</param>
/// <param name="recordRoot">Where recordings go.</param>
/// <param name="library">What writes the formats that the media side has no code for.</param>
public sealed class MediaFiles(string root, string? builtin, string recordRoot, SoundLibrary library) : IRecordings
{
    private static readonly string[] SoundExtensions =
        [".wav", ".mp3", ".vox", ".alaw", ".al", ".ulaw", ".ul", ".raw", ".pcm", ".gsm", ".au", ".ogg", ".opus", ".flac", ".g721", ".g726"];

    /// <inheritdoc/>
    public string? Resolve(string file, string format)
    {
        var extension = Enum.Parse<RecordFormat>(format, ignoreCase: true) switch
        {
            RecordFormat.OkiAdpcm => ".vox",
            RecordFormat.Mp3 => ".mp3",
            _ => ".wav",
        };
        var resolution = MediaLibrary.ResolveForWriting(recordRoot, WithExtension(file, extension));
        return resolution.Kind == ResolutionKind.LeavesRoot ? null : resolution.FullPath;
    }

    /// <summary>The extension is the format's. What stands behind another dot (a resource id has several) is part of the name and stays.</summary>
    private static string WithExtension(string file, string extension) =>
        SoundExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) ? Path.ChangeExtension(file, extension) : file + extension;

    /// <inheritdoc/>
    public void Repair(string fullPath)
    {
        try
        {
            RecordingRepair.RepairTarget(fullPath);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The call ends with 503 all the same; the part file stays where an operator finds it.
        }
    }

    /// <inheritdoc/>
    public int RepairAll(IReadOnlySet<string> kept) => RecordingRepair.RepairAll(recordRoot, kept).Count;

    /// <inheritdoc/>
    public bool IsVisible(string fullPath) => RecordingRepair.IsThere(fullPath);

    /// <inheritdoc/>
    public bool StaysInside(string promptName) => MediaLibrary.Resolve(root, builtin, promptName).Kind != ResolutionKind.LeavesRoot;

    /// <inheritdoc/>
    public string? WhyUnsupported(string format) => library.WhyUnsupported(Enum.Parse<RecordFormat>(format, ignoreCase: true));
}
