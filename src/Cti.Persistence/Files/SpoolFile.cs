namespace Cti.Persistence.Files;

/// <summary>A spool in a file, readable by the node's user only.</summary>
/// <param name="path">Its full path; its folder is made with the first write.</param>
public sealed class SpoolFile(string path) : ISpoolFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(int bytesMax) => new(Task.Run(() => Read(bytesMax)));

    /// <inheritdoc/>
    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes) => new(Task.Run(() => Write(path, FileMode.Append, bytes.Span)));

    /// <inheritdoc/>
    public ValueTask ReplaceAsync(ReadOnlyMemory<byte> bytes) => new(Task.Run(() =>
    {
        var beside = path + ".new";
        Write(beside, FileMode.Create, bytes.Span);
        File.Move(beside, path, overwrite: true);
    }));

    private ReadOnlyMemory<byte> Read(int bytesMax)
    {
        if (!File.Exists(path)) return default;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[(int)Math.Min(bytesMax, file.Length)];
        return bytes.AsMemory(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
    }

    private static void Write(string to, FileMode mode, ReadOnlySpan<byte> bytes)
    {
        if (Path.GetDirectoryName(to) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using var file = new FileStream(to, options);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
