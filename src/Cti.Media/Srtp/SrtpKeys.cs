using System.Security.Cryptography;
using Cti.Kernel;

namespace Cti.Media.Srtp;

/// <summary>
/// A master key of 128 bits with its salt of 112 bits (RFC 3711 section 8.2): protects what one side sends. Compared by value and never printed.
/// </summary>
public sealed class SrtpKey : IEquatable<SrtpKey>
{
    /// <summary>Bytes of key and salt together.</summary>
    public const int Bytes = KeyBytes + SaltBytes;

    internal const int KeyBytes = 16;
    internal const int SaltBytes = 14;

    private readonly byte[] _bytes;

    /// <param name="keyAndSalt">The key's 16 bytes, then the salt's 14.</param>
    /// <exception cref="ArgumentException">There are more or fewer.</exception>
    public SrtpKey(ReadOnlySpan<byte> keyAndSalt)
    {
        if (keyAndSalt.Length != Bytes)
            throw new ArgumentException($"a master key with its salt has {Bytes} bytes, not {keyAndSalt.Length}", nameof(keyAndSalt));
        _bytes = keyAndSalt.ToArray();
    }

    internal ReadOnlySpan<byte> Key => _bytes.AsSpan(0, KeyBytes);

    internal ReadOnlySpan<byte> Salt => _bytes.AsSpan(KeyBytes);

    /// <summary>Draws a new one.</summary>
    public static SrtpKey Draw(IRandom random)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        random.Fill(bytes);
        var key = new SrtpKey(bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return key;
    }

    /// <summary>Reads what <see cref="ToBase64"/> wrote: 40 characters; null where it is not that.</summary>
    public static SrtpKey? Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        return Convert.TryFromBase64String(text, bytes, out var written) && written == Bytes ? new SrtpKey(bytes) : null;
    }

    /// <summary>The key and salt as RFC 4568 section 6.1 writes them. Secret: for a message to the other side, over a protected link.</summary>
    public string ToBase64() => Convert.ToBase64String(_bytes);

    /// <inheritdoc/>
    public bool Equals(SrtpKey? other) => other is not null && CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SrtpKey);

    /// <inheritdoc/>
    public override int GetHashCode() => BitConverter.ToInt32(_bytes, KeyBytes);

    /// <summary>Keeps the key out of logs.</summary>
    public override string ToString() => nameof(SrtpKey);
}

/// <summary>
/// The keys of a session with SRTP and SRTCP (RFC 3711, AES_CM_128_HMAC_SHA1_80). One pair of keys belongs to one pair of sessions: a new session gets new
/// ones, since the same key, source and index together would use the same key stream twice.
/// </summary>
/// <param name="Local">Protects what this side sends.</param>
/// <param name="Remote">Protects what the other side sends.</param>
public sealed record SrtpKeys(SrtpKey Local, SrtpKey Remote)
{
    /// <summary>The same keys as the other side has them.</summary>
    public SrtpKeys Swap() => new(Remote, Local);

    /// <summary>Draws both.</summary>
    public static SrtpKeys Draw(IRandom random) => new(SrtpKey.Draw(random), SrtpKey.Draw(random));
}
