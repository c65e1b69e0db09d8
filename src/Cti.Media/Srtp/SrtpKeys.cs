using System.Security.Cryptography;
using Cti.Kernel;

namespace Cti.Media.Srtp;

/// <summary>
/// A master key with its salt (RFC 3711 section 8.2, RFC 7714 section 11): protects what one side sends. Compared by value and never printed.
/// </summary>
public sealed class SrtpKey : IEquatable<SrtpKey>
{
    private const int BytesMax = 64;

    private readonly byte[] _bytes;

    /// <param name="suite">What it is for.</param>
    /// <param name="keyAndSalt">The key's 16 or 32 bytes, then the salt's 14, of AES-GCM 12.</param>
    /// <exception cref="ArgumentException">There are more or fewer.</exception>
    public SrtpKey(SrtpSuite suite, ReadOnlySpan<byte> keyAndSalt)
    {
        var length = suite.KeyBytes + suite.SaltBytes;
        if (keyAndSalt.Length != length)
            throw new ArgumentException($"a master key of {suite} with its salt has {length} bytes, not {keyAndSalt.Length}", nameof(keyAndSalt));
        Suite = suite;
        _bytes = keyAndSalt.ToArray();
    }

    /// <summary>What it is for.</summary>
    public SrtpSuite Suite { get; }

    internal ReadOnlySpan<byte> Key => _bytes.AsSpan(0, Suite.KeyBytes);

    internal ReadOnlySpan<byte> Salt => _bytes.AsSpan(Suite.KeyBytes);

    /// <summary>Draws a new one.</summary>
    public static SrtpKey Draw(SrtpSuite suite, IRandom random)
    {
        Span<byte> bytes = stackalloc byte[suite.KeyBytes + suite.SaltBytes];
        random.Fill(bytes);
        var key = new SrtpKey(suite, bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return key;
    }

    /// <summary>Reads what <see cref="ToBase64"/> wrote; null where it is not that.</summary>
    public static SrtpKey? Parse(SrtpSuite suite, string text)
    {
        Span<byte> bytes = stackalloc byte[BytesMax];
        var isRead = Convert.TryFromBase64String(text, bytes, out var written) && written == suite.KeyBytes + suite.SaltBytes;
        return isRead ? new SrtpKey(suite, bytes[..written]) : null;
    }

    /// <summary>The key and salt as RFC 4568 section 6.1 writes them. Secret: for a message to the other side, over a protected link.</summary>
    public string ToBase64() => Convert.ToBase64String(_bytes);

    /// <inheritdoc/>
    public bool Equals(SrtpKey? other) => other is not null && other.Suite == Suite && CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SrtpKey);

    /// <inheritdoc/>
    public override int GetHashCode() => BitConverter.ToInt32(_bytes, Suite.KeyBytes);

    /// <summary>Keeps the key out of logs.</summary>
    public override string ToString() => nameof(SrtpKey);
}

/// <summary>
/// The keys of a session with SRTP and SRTCP. Ours belong to one session alone: the same key, source and index together would use the same key stream twice.
/// </summary>
/// <param name="Local">Protects what this side sends.</param>
/// <param name="Remote">Protects what the other side sends; null where it is not known: then nothing of it can be read.</param>
public sealed record SrtpKeys(SrtpKey Local, SrtpKey? Remote)
{
    /// <summary>Bytes of the master key identifier in each packet of the other side (RFC 3711 section 3.1); 0 for none. Ours have none.</summary>
    public int IdentifierBytes { get; init; }

    /// <summary>Draws both, for a link between nodes.</summary>
    public static SrtpKeys Draw(IRandom random) => new(SrtpKey.Draw(SrtpSuite.AesCm80, random), SrtpKey.Draw(SrtpSuite.AesCm80, random));
}
