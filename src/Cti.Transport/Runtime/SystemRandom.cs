using System.Security.Cryptography;
using Cti.Kernel;

namespace Cti.Transport.Runtime;

/// <summary>The operating system's cryptographic random numbers.</summary>
public sealed class SystemRandom : IRandom
{
    /// <summary>The only one needed.</summary>
    public static readonly SystemRandom Instance = new();

    // A call draws a dozen tags, branches and keys of 8 to 16 bytes; each by itself would cost more in entering the generator than in random bits.
    private const int BlockBytes = 1024, FromBlockMax = 64;

    [ThreadStatic]
    private static Block? _block;

    /// <inheritdoc/>
    public void Fill(Span<byte> buffer)
    {
        if (buffer.Length > FromBlockMax) RandomNumberGenerator.Fill(buffer);
        else (_block ??= new Block()).Take(buffer);
    }

    /// <summary>A thread's bytes that were drawn together; each is given out once and not kept.</summary>
    private sealed class Block
    {
        private readonly byte[] _bytes = new byte[BlockBytes];
        private int _taken = BlockBytes;

        public void Take(Span<byte> buffer)
        {
            if (BlockBytes - _taken < buffer.Length)
            {
                RandomNumberGenerator.Fill(_bytes);
                _taken = 0;
            }
            var given = _bytes.AsSpan(_taken, buffer.Length);
            given.CopyTo(buffer);
            CryptographicOperations.ZeroMemory(given);
            _taken += buffer.Length;
        }
    }
}
