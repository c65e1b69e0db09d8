using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cti.Media.Files;

/// <summary>
/// Opens nothing but regular files: the mere opening of a pipe waits for somebody at its other end, and reading a device may wait for ever. What the name
/// stands for is asked before (so that no device is touched) and after it was opened, without waiting and without following a link in the last place.
/// </summary>
internal static partial class RegularFile
{
    private const int CurrentFolder = -100, NoFollow = 0x100, EmptyPath = 0x1000, TypeWanted = 1;
    private const int StatxBytes = 256, ModeOffset = 28, TypeMask = 0xF000, TypeRegular = 0x8000;
    private const int CloseOnExec = 0x80000, NonBlocking = 0x800;
    private const int NotThere = 2, Interrupted = 4;

    // O_NOFOLLOW has two values on Linux.
    private static readonly int NotThroughLinks = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 or Architecture.Ppc64le
        ? 0x8000
        : 0x20000;

    /// <summary>Opens a file to read it.</summary>
    /// <param name="path">A full path without links.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="UnsupportedSoundException">It is a pipe, a device, a socket, a folder or a link.</exception>
    /// <exception cref="IOException">The system refuses.</exception>
    public static SafeFileHandle OpenRead(string path)
    {
        if (!OperatingSystem.IsLinux()) return File.OpenHandle(path);
        var name = Encoding.UTF8.GetBytes(path + '\0');
        RequireRegular(CurrentFolder, name, NoFollow, path);
        int file;
        do file = Open(name, CloseOnExec | NonBlocking | NotThroughLinks);
        while (file < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        if (file < 0) throw Fault(path);
        var handle = new SafeFileHandle(file, ownsHandle: true);
        try
        {
            RequireRegular(file, [0], EmptyPath, path);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Whether the name stands for something else than a regular file; false where there is nothing.</summary>
    public static bool IsSomethingElse(string path) =>
        OperatingSystem.IsLinux() && TypeOf(CurrentFolder, Encoding.UTF8.GetBytes(path + '\0'), NoFollow) is { } type && type != TypeRegular;

    private static void RequireRegular(int folder, byte[] name, int flags, string path)
    {
        if (TypeOf(folder, name, flags) is not { } type) throw Fault(path);
        if (type != TypeRegular) throw new UnsupportedSoundException("it is no regular file");
    }

    private static unsafe int? TypeOf(int folder, byte[] name, int flags)
    {
        Span<byte> found = stackalloc byte[StatxBytes];
        int result;
        fixed (byte* first = found)
        {
            do result = Statx(folder, name, flags, TypeWanted, first);
            while (result < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        }
        return result < 0 ? null : ModeOf(found) & TypeMask;
    }

    private static int ModeOf(ReadOnlySpan<byte> found) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(found[ModeOffset..]) : BinaryPrimitives.ReadUInt16BigEndian(found[ModeOffset..]);

    private static IOException Fault(string path)
    {
        var why = $"{path}: {Marshal.GetLastPInvokeErrorMessage()}";
        return Marshal.GetLastPInvokeError() == NotThere ? new FileNotFoundException(why) : new IOException(why);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int Open(byte[] path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static unsafe partial int Statx(int folder, byte[] path, int flags, uint mask, byte* found);
}
