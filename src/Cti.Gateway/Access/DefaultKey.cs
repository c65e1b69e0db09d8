using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Cti.Gateway.Access;

/// <summary>The key of the application <c>default</c>: made at first start and kept in a file that only its owner can read.</summary>
public static class DefaultKey
{
    private const int RandomBytes = 32;

    /// <summary>
    /// Reads the key file (one line), or makes it with a new key. <c>IsNew</c> tells that it was made just now and is to be printed once.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    /// <exception cref="InvalidDataException">The file holds no key.</exception>
    public static (string Key, bool IsNew) LoadOrCreate(string path)
    {
        if (File.Exists(path)) return (Read(path), false);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        var key = Create();
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var file = new FileStream(path, options);
            file.Write(Encoding.ASCII.GetBytes(key + "\n"));
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another process was first; its key counts.
            return (Read(path), false);
        }
        return (key, true);
    }

    /// <summary>A new random key: 256 bits, printable, without characters that a shell or a URL would change.</summary>
    public static string Create()
    {
        Span<byte> bytes = stackalloc byte[RandomBytes];
        RandomNumberGenerator.Fill(bytes);
        return "cti_" + Base64Url.EncodeToString(bytes);
    }

    /// <summary>The hash of a key as configuration holds it: <c>sha256:</c> and 64 hexadecimal digits.</summary>
    public static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static string Read(string path)
    {
        var key = File.ReadLines(path).FirstOrDefault()?.Trim();
        return key is { Length: >= 16 } ? key : throw new InvalidDataException($"{path} holds no key of at least 16 characters; delete it to have one made");
    }
}
