using Microsoft.Win32.SafeHandles;

namespace Cti.Media.Files;

/// <summary>
/// Files that another process holds a lock on which it will not give up: it stands still (SIGSTOP), or lives on a host that cannot be reached. The framework
/// cannot even read those; the lock is advisory, so the system can.
/// </summary>
internal static class UnlockedFile
{
    private const int PieceBytes = 256 * 1024;

    /// <summary>Copies a file, whoever has locked it, and waits until the copy is on the disk.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">The copy.</param>
    /// <exception cref="FileNotFoundException">There is none (any more).</exception>
    /// <exception cref="IOException">The disk refuses, or another process does the same.</exception>
    public static void Copy(string path, string copy)
    {
        using var to = new FileStream(copy, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        using var from = OpenRead(path);
        from.CopyTo(to, PieceBytes);
        to.Flush(flushToDisk: true);
    }

    /// <summary>Whether a file that is open has the name that it was opened by.</summary>
    public static bool IsCalled(FileStream file, string path) =>
        !OperatingSystem.IsLinux() || Path.GetFileName(NameOf(file.SafeFileHandle)) == Path.GetFileName(path);

    /// <summary>Whether a file that is open has lost its name.</summary>
    public static bool IsReplaced(SafeFileHandle file) => OperatingSystem.IsLinux() && NameOf(file)?.EndsWith(" (deleted)", StringComparison.Ordinal) == true;

    private static string? NameOf(SafeFileHandle file) => file.IsClosed ? null : new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget;

    /// <summary>Opens a file to read it, whoever has locked it; on other systems than Linux only one that nobody has.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="IOException">The system refuses.</exception>
    public static FileStream OpenRead(string path)
    {
        if (!OperatingSystem.IsLinux()) return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return new FileStream(RegularFile.OpenRead(path), FileAccess.Read, bufferSize: 0);
        }
        catch (UnsupportedSoundException fault)
        {
            throw new IOException($"{path}: {fault.Message}", fault);
        }
    }
}
