namespace Cti.Media.Files;

/// <summary>
/// Names and claims of unfinished recordings. A file has one of two names beside its target; each claim is one rename or removal of a name, so that of two who
/// want the same file at the same moment one has it and the other one sees that.
/// </summary>
internal static class PartFile
{
    /// <summary>How often a claim is tried while others come in between.</summary>
    public const int AttemptsMax = 5;

    private static readonly string[] Suffixes = [RecordingHeader.PartSuffix, RecordingHeader.SecondPartSuffix];

    /// <summary>What a new one is called.</summary>
    public static string First(string target) => target + RecordingHeader.PartSuffix;

    /// <summary>Where the unfinished file of a target is; null where there is none.</summary>
    public static string? Find(string target)
    {
        FileInfo? found = null;
        foreach (var suffix in Suffixes)
        {
            var part = new FileInfo(target + suffix);
            // Both are there where a process died between giving a copy its name and removing the former: they hold the same.
            if (part.Exists && (found is null || part.Length > found.Length)) found = part;
        }
        return found?.FullName;
    }

    /// <summary>What it will be called when it is complete; null for a file that is no unfinished recording.</summary>
    public static string? TargetOf(string part)
    {
        foreach (var suffix in Suffixes)
        {
            if (part.EndsWith(suffix, StringComparison.Ordinal)) return part[..^suffix.Length];
        }
        return null;
    }

    /// <summary>Opens and locks it.</summary>
    /// <param name="part">It.</param>
    /// <param name="mode">How.</param>
    /// <param name="takes">Whether one that is locked is taken away from who has the lock.</param>
    /// <param name="buffer">Bytes of the stream's buffer.</param>
    /// <returns>Null where another one came in between, or it was taken away and has the other name now: look again.</returns>
    /// <exception cref="IOException">The disk refuses, or it is locked.</exception>
    public static FileStream? TryClaim(string part, FileMode mode, bool takes, int buffer)
    {
        if (RegularFile.IsSomethingElse(part)) throw new IOException($"{part} is no regular file");
        try
        {
            var stream = new FileStream(part, mode, FileAccess.ReadWrite, FileShare.None, buffer);
            // Who had the lock until now may have completed it meanwhile.
            if (UnlockedFile.IsCalled(stream, part))
            {
                File.Delete(Other(part));
                return stream;
            }
            stream.Dispose();
        }
        catch (FileNotFoundException)
        {
        }
        catch (IOException) when (takes && (mode == FileMode.Open || File.Exists(part)))
        {
            if (File.Exists(part)) TakeAway(part);
        }
        return null;
    }

    /// <summary>Completes it: it gets its target's name while it is locked.</summary>
    /// <exception cref="FileNotFoundException">It was taken away.</exception>
    public static void Move(FileStream file, string part, string target)
    {
        file.Flush();
        // Elsewhere a file that is open cannot be moved.
        if (!OperatingSystem.IsLinux()) file.Dispose();
        File.Move(part, target, overwrite: true);
        file.Dispose();
    }

    /// <summary>Removes it while it is locked.</summary>
    public static void Remove(FileStream file, string part)
    {
        if (!OperatingSystem.IsLinux()) file.Dispose();
        File.Delete(part);
        file.Dispose();
    }

    /// <summary>Puts a copy in its place, under the other name.</summary>
    private static void TakeAway(string part)
    {
        var copy = TargetOf(part) + RecordingFile.CopySuffix;
        try
        {
            UnlockedFile.Copy(part, copy);
            File.Move(copy, Other(part), overwrite: true);
            File.Delete(part);
        }
        catch (FileNotFoundException)
        {
            // It was completed while it was copied.
            File.Delete(copy);
        }
    }

    private static string Other(string part) => TargetOf(part) + (part.EndsWith(Suffixes[0], StringComparison.Ordinal) ? Suffixes[1] : Suffixes[0]);
}
