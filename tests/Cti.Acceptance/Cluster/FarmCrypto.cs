using System.Security.Cryptography;

namespace Cti.Acceptance.Cluster;

/// <summary>A phone that protects its sound (RFC 4568): one key of its own for the whole call, and whichever the node gives last.</summary>
internal sealed class FarmCrypto
{
    private readonly string _own = Convert.ToBase64String(RandomNumberGenerator.GetBytes(30));
    private readonly string _suite;
    private int _tag = 1;

    private FarmCrypto(string suite, string profile)
    {
        _suite = suite;
        Profile = profile;
    }

    /// <summary>Every other phone, in turns with the long and the short tag, of the profile that says so and of the one that does not.</summary>
    public static FarmCrypto? Of(int number, bool protects)
    {
        if (!protects || number % 2 == 0) return null;
        return new FarmCrypto(number % 8 < 4 ? "AES_CM_128_HMAC_SHA1_80" : "AES_CM_128_HMAC_SHA1_32", number % 4 == 1 ? "RTP/SAVP" : "RTP/AVP");
    }

    public string Profile { get; private set; }

    public string Line => $"a=crypto:{_tag} {_suite} inline:{_own}\r\n";

    /// <summary>Takes the node's key from its description; false where there is none for this phone's suite.</summary>
    public bool Take(string body, FarmSound sound)
    {
        foreach (var line in body.Split("\r\n"))
        {
            if (line.StartsWith("m=audio ", StringComparison.Ordinal)) Profile = line.Split(' ')[2];
            if (!line.StartsWith("a=crypto:", StringComparison.Ordinal)) continue;
            var fields = line["a=crypto:".Length..].Split(' ');
            if (fields[1] != _suite) continue;
            _tag = int.Parse(fields[0], System.Globalization.CultureInfo.InvariantCulture);
            sound.Protect(_suite, _own, fields[2]["inline:".Length..]);
            return true;
        }
        return false;
    }
}
