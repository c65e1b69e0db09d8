using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Cti.Kernel;

namespace Cti.Gateway.Access;

/// <summary>Finds the application that a key belongs to.</summary>
internal sealed class ApplicationDirectory
{
    private readonly List<(byte[] Hash, Application Application)> _keys = [];

    internal ApplicationDirectory(GatewayOptions gateway, IClock clock)
    {
        foreach (var options in gateway.Applications)
        {
            var application = new Application(options, gateway, clock);
            foreach (var text in options.KeyHashes) _keys.Add((ParseHash(options.Name, text), application));
        }
    }

    /// <summary>Looks a key up. Every hash is compared whole, so the time taken tells nothing about them.</summary>
    internal bool TryFind(string key, [NotNullWhen(true)] out Application? application)
    {
        application = null;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(key), hash);
        foreach (var (known, owner) in _keys)
            if (CryptographicOperations.FixedTimeEquals(known, hash)) application = owner;
        return application is not null;
    }

    private static byte[] ParseHash(string application, string text)
    {
        var hex = text.StartsWith("sha256:", StringComparison.OrdinalIgnoreCase) ? text[7..] : text;
        return hex.Length == 2 * SHA256.HashSizeInBytes && hex.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(hex)
            : throw new ArgumentException($"application {application}: a key must be sha256: and 64 hexadecimal digits");
    }
}
