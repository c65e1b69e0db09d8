using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cti.Media.Files;

/// <summary>
/// Files that another process holds a lock on which it will not give up: it stands still (SIGSTOP), or lives on a host that cannot be reached. The framework
/// cannot even read those; the lock is advisory, so the system can.
/// </summary>
internal static partial class UnlockedFile
{
    private const int ReadOnly = 0, CloseOnExec = 0x80000, Interrupted = 4;
    private const int PieceBytes = 256 * 1024;

    /// <summary>Puts a copy in a file's place: whoever has it open writes into a file without a name from then on.</summary>
    /// <param name="path">The file.</param>
    /// <param name="copy">What the copy is called until it is whole; in the same folder.</param>
    /// <exception cref="IOException">The disk refuses, or another process does the same.</exception>
    public static void Replace(string path, string copy)
    {
        if (!OperatingSystem.IsLinux()) throw new IOException($"{path} is locked by another process");
        using (var to = new FileStream(copy, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            using var from = OpenRead(path);
            var piece = new byte[PieceBytes];
            var at = 0L;
            for (int read; (read = RandomAccess.Read(from, piece, at)) > 0; at += read) to.Write(piece, 0, read);
            to.Flush(flushToDisk: true);
        }
        File.Move(copy, path, overwrite: true);
    }

    /// <summary>Whether a file that is open has lost its name to another.</summary>
    public static bool IsReplaced(FileStream file)
    {
        if (!OperatingSystem.IsLinux()) return false;
        var target = new FileInfo($"/proc/self/fd/{file.SafeFileHandle.DangerousGetHandle()}").LinkTarget;
        return target?.EndsWith(" (deleted)", StringComparison.Ordinal) == true;
    }

    private static SafeFileHandle OpenRead(string path)
    {
        int file;
        do file = Open(Encoding.UTF8.GetBytes(path + '\0'), ReadOnly | CloseOnExec);
        while (file < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int Open(byte[] path, int flags);
}
