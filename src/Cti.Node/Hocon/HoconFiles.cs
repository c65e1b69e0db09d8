using System.Text;

namespace Cti.Node.Hocon;

/// <summary>Where included files come from.</summary>
public interface IHoconFiles
{
    /// <summary>
    /// The full path of <paramref name="name"/> as written in the file <paramref name="from"/> (a full path, or the name of what is not a file).
    /// </summary>
    string Resolve(string from, string name);

    /// <summary>The text of a file, or null if there is none.</summary>
    /// <exception cref="IOException">It is there but cannot be read, is not UTF-8, or is larger than <see cref="HoconLimits.FileCharactersMax"/>.</exception>
    string? Read(string path);
}

/// <summary>Files on disk.</summary>
public sealed class DiskHoconFiles : IHoconFiles
{
    private static readonly UTF8Encoding Strict = new(false, true);

    /// <inheritdoc/>
    public string Resolve(string from, string name)
    {
        try
        {
            var folder = File.Exists(from) ? Path.GetDirectoryName(Path.GetFullPath(from)) : null;
            return Path.GetFullPath(name, folder ?? Environment.CurrentDirectory);
        }
        catch (ArgumentException e)
        {
            throw new IOException("not a file name: " + e.Message, e);
        }
    }

    /// <inheritdoc/>
    public string? Read(string path)
    {
        try
        {
            if (!File.Exists(path)) return null;
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            // A device or pipe has no length, so what is read is bounded, not what is announced.
            var bytes = new byte[HoconLimits.FileCharactersMax + 1];
            var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > HoconLimits.FileCharactersMax) throw new IOException($"larger than {HoconLimits.FileCharactersMax} bytes");
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException e)
        {
            throw new IOException("not UTF-8 text", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException(e.Message, e);
        }
    }
}

/// <summary>No files: every include finds nothing.</summary>
public sealed class NoHoconFiles : IHoconFiles
{
    /// <summary>The only one needed.</summary>
    public static readonly NoHoconFiles Instance = new();

    /// <inheritdoc/>
    public string Resolve(string from, string name) => name;

    /// <inheritdoc/>
    public string? Read(string path) => null;
}
