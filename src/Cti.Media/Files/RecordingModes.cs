namespace Cti.Media.Files;

/// <summary>
/// Who may do what with recordings and the folders that are made for them, whatever the process's own mask says. Only on systems that have such modes.
/// </summary>
/// <param name="File">Of a recording, complete or not.</param>
/// <param name="Folder">Of each folder that is made; those that are there stay as they are.</param>
public sealed record RecordingModes(UnixFileMode File, UnixFileMode Folder)
{
    /// <summary>0640 in 0750: the owner writes, the group reads.</summary>
    public static readonly RecordingModes Default = new(
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);

    /// <summary>Makes a folder and those above it.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void MakeFolder(string path)
    {
        if (Directory.Exists(path)) return;
        if (Path.GetDirectoryName(path) is { Length: > 0 } above) MakeFolder(above);
        Directory.CreateDirectory(path);
        if (!OperatingSystem.IsWindows()) System.IO.File.SetUnixFileMode(path, Folder);
    }

    /// <summary>Sets who may do what with a file that is open.</summary>
    internal void Apply(FileStream file)
    {
        if (OperatingSystem.IsWindows()) return;
        try
        {
            System.IO.File.SetUnixFileMode(file.SafeFileHandle, File);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Another user's file that is continued, or a disk without modes: it is as it is.
        }
    }
}
