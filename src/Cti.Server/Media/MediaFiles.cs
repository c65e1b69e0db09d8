using Cti.Media;
using Cti.Media.Files;
using Cti.Server.Calls;
using Cti.Server.Resources;

namespace Cti.Server.Media;

/// <summary>The disk under the media roots.</summary>
/// <param name="root">Where prompts are looked up.</param>
/// <param name="builtin">The built-in prompts; null for none.</param>
/// <param name="recordRoot">Where recordings go.</param>
public sealed class MediaFiles(string root, string? builtin, string recordRoot) : IRecordings
{
    /// <inheritdoc/>
    public string? Resolve(string file, string format)
    {
        var extension = Enum.Parse<RecordFormat>(format, ignoreCase: true) switch
        {
            RecordFormat.OkiAdpcm => ".vox",
            RecordFormat.Mp3 => ".mp3",
            _ => ".wav",
        };
        var resolution = MediaLibrary.ResolveForWriting(recordRoot, Path.ChangeExtension(file, extension));
        return resolution.Kind == ResolutionKind.LeavesRoot ? null : resolution.FullPath;
    }

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
    public bool StaysInside(string promptName) => MediaLibrary.Resolve(root, builtin, promptName).Kind != ResolutionKind.LeavesRoot;

    /// <inheritdoc/>
    public string? WhyUnsupported(string format) => Enum.Parse<RecordFormat>(format, ignoreCase: true) switch
    {
        RecordFormat.Pcm8 or RecordFormat.Alaw or RecordFormat.Ulaw => null,
        var other => $"record_format {other} is not supported by this version; PCM, A-law and mu-law are",
    };
}
