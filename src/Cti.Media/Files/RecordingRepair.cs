using System.IO.Enumeration;

namespace Cti.Media.Files;

/// <summary>
/// Completes recordings that a crash of the process left unfinished and that nobody goes on with. What is being opened meanwhile is left alone
/// (<see cref="RecordingTurn"/>).
/// </summary>
public static class RecordingRepair
{
    private const string OkiExtension = ".vox";

    /// <summary>
    /// Completes one unfinished file (the target's name and <c>.cti-part</c> or <c>.cti-part2</c>): its sizes are set, what is no whole block is cut off, and
    /// it is moved to its target. One that holds no sound is removed, and the target stays what it was.
    /// </summary>
    /// <returns>The target, or null when there was nothing to save or the file is none of ours.</returns>
    /// <exception cref="IOException">The disk refuses, or somebody records into it.</exception>
    public static string? Repair(string partPath) =>
        PartFile.TargetOf(partPath) is not null && PartFile.TryClaim(partPath, FileMode.Open, takes: false, buffer: 0) is { } file
            ? Complete(file, partPath)
            : null;

    /// <summary>Completes one that is open, and closes it.</summary>
    internal static string? Complete(FileStream file, string part)
    {
        using var _ = file;
        var target = PartFile.TargetOf(part)!;
        if (TryComplete(file, target) is not { } isSaved) return null;
        if (isSaved) PartFile.Move(file, part, target);
        else PartFile.Remove(file, part);
        return isSaved ? target : null;
    }

    /// <summary>Cuts what is no whole block and sets the sizes.</summary>
    /// <returns>False when no sound is left; null when the file is none of ours.</returns>
    private static bool? TryComplete(FileStream file, string target)
    {
        // Halves of bytes can end anywhere.
        if (Path.GetExtension(target) == OkiExtension) return file.Length > 0;
        Span<byte> header = stackalloc byte[RecordingHeader.BytesMax];
        var read = file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (IsHeaderless(target))
        {
            if (MpegFrame.TryWhole(header[..read], file.Length, out var whole, out _)) file.SetLength(whole);
            else if (read >= sizeof(uint)) return null;
            return whole > 0;
        }
        if (!RecordingHeader.TryRead(header[..read], out var coding, out var channels, out _)) return read == RecordingHeader.BytesMax ? null : false;
        if (RecordingHeader.WholeBlocks(coding, channels, file.Length - RecordingHeader.Length(coding)) == 0) return false;
        RecordingHeader.Complete(file, coding, channels);
        return true;
    }

    /// <summary>Whether recordings of that name are nothing but encoded sound.</summary>
    internal static bool IsHeaderless(string target) => Path.GetExtension(target) is ".mp3" or OkiExtension;

    /// <summary>Whether a target is there, complete or unfinished.</summary>
    public static bool IsThere(string targetPath) => PartFile.Find(targetPath) is not null || File.Exists(targetPath);

    /// <summary>Completes the unfinished file of one target, where there is one, though somebody who was deposed may hold it yet.</summary>
    /// <returns>The target; null when there was nothing to save, or it has been completed meanwhile.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static string? RepairTarget(string targetPath)
    {
        using var turn = RecordingTurn.Take(targetPath);
        for (var attempt = 0; attempt < PartFile.AttemptsMax; attempt++)
        {
            if (PartFile.Find(targetPath) is not { } part) return null;
            if (PartFile.TryClaim(part, FileMode.Open, takes: true, buffer: 0) is { } file) return Complete(file, part);
        }
        return null;
    }

    /// <summary>
    /// Completes every unfinished recording under a folder, links not followed. A file that cannot be repaired is left as it is.
    /// </summary>
    /// <param name="root">The folder.</param>
    /// <param name="kept">
    /// Targets whose recording goes on: those are left as they are. Completed, one without sound yet would give way to what stood there before.
    /// </param>
    /// <param name="goesOn">Asked at each file and folder whether to go on; null: to the end.</param>
    /// <returns>The targets that were completed.</returns>
    public static IReadOnlyList<string> RepairAll(string root, IReadOnlySet<string> kept, Func<bool>? goesOn = null)
    {
        var repaired = new List<string>();
        if (!Directory.Exists(root)) return repaired;
        // Recordings are named by their real paths.
        foreach (var file in LeftIn(MediaLibrary.RealFolder(root), goesOn ?? (static () => true)))
        {
            var part = PartFile.TargetOf(file);
            if (part is not null && kept.Contains(part)) continue;
            var target = part ?? file[..^RecordingFile.CopySuffix.Length];
            // Calls record already: who opens one into this very file comes first.
            using var turn = RecordingTurn.TryTake(target);
            if (turn is null) continue;
            if (part is null) DeleteUnlessOpen(file);
            else if (TryRepair(file)) repaired.Add(target);
        }
        return repaired;
    }

    private static bool TryRepair(string part)
    {
        try
        {
            return Repair(part) is not null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // One file on a bad spot must not keep the others from being completed; it stays where an operator finds it.
            return false;
        }
    }

    /// <summary>Unfinished files and copies. The many others cost no text each, and are counted against the time all the same.</summary>
    private static FileSystemEnumerable<string> LeftIn(string root, Func<bool> goesOn)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };
        return new FileSystemEnumerable<string>(root, static (ref FileSystemEntry entry) => entry.ToFullPath(), options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => goesOn() && IsLeft(entry.FileName) && !entry.IsDirectory,
            ShouldRecursePredicate = (ref FileSystemEntry _) => goesOn(),
        };
    }

    private static bool IsLeft(ReadOnlySpan<char> name) =>
        name.EndsWith(RecordingHeader.PartSuffix, StringComparison.Ordinal)
        || name.EndsWith(RecordingHeader.SecondPartSuffix, StringComparison.Ordinal)
        || name.EndsWith(RecordingFile.CopySuffix, StringComparison.Ordinal);

    private static void DeleteUnlessOpen(string copy)
    {
        try
        {
            using var _ = new FileStream(copy, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Another node's, on a shared disk: it is being made.
        }
    }
}
