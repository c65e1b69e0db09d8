using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Cti.Persistence.Sqlite;

/// <summary>Which file a path leads to: what is open goes on to exist under no name, or another, when its name is removed or given to something else.</summary>
/// <param name="Device">The file system's number, major and minor.</param>
/// <param name="Inode">The file's number in it.</param>
internal readonly partial record struct FileIdentity(ulong Device, ulong Inode)
{
    private const int CurrentFolder = -100;
    private const uint WantInode = 0x100;
    // struct statx, the same on every architecture (statx(2)).
    private const int StatBytes = 256, InodeAt = 32, DeviceAt = 136;

    /// <summary>
    /// What the path leads to; null where it leads nowhere. Where the system does not tell (not Linux, or an old C library) every file is the same.
    /// </summary>
    internal static FileIdentity? Of(string path)
    {
        if (!OperatingSystem.IsLinux()) return File.Exists(path) ? default(FileIdentity) : null;
        var stat = new byte[StatBytes];
        try
        {
            if (Statx(CurrentFolder, path, 0, WantInode, stat) != 0) return null;
        }
        catch (EntryPointNotFoundException)
        {
            return File.Exists(path) ? default(FileIdentity) : null;
        }
        return new FileIdentity(MemoryMarshal.Read<ulong>(stat.AsSpan(DeviceAt)), MemoryMarshal.Read<ulong>(stat.AsSpan(InodeAt)));
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, [Out] byte[] stat);
}
