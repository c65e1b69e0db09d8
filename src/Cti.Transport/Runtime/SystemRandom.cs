using System.Security.Cryptography;
using Cti.Kernel;

namespace Cti.Transport.Runtime;

/// <summary>The operating system's cryptographic random numbers.</summary>
public sealed class SystemRandom : IRandom
{
    /// <summary>The only one needed.</summary>
    public static readonly SystemRandom Instance = new();

    /// <inheritdoc/>
    public void Fill(Span<byte> buffer) => RandomNumberGenerator.Fill(buffer);
}
