using System.Collections.Immutable;

namespace Cti.Sip.Sdp;

/// <summary>Whether sound is protected by SRTP with keys in the description (RFC 4568).</summary>
public enum SrtpMode
{
    /// <summary>Never: what asks for it is refused.</summary>
    Off,
    /// <summary>
    /// Where the far end does it too: our offers are RTP/AVP with crypto lines, which others pass over; of two streams the protected one is taken.
    /// </summary>
    Optional,
    /// <summary>Always: our offers are RTP/SAVP, what is not protected is refused.</summary>
    Required,
}

/// <summary>The crypto suites, by their names in a description.</summary>
public static class CryptoSuites
{
    /// <summary>RFC 4568 section 6.2.1: what every device has.</summary>
    public const string AesCm80 = "AES_CM_128_HMAC_SHA1_80";

    /// <summary>RFC 4568 section 6.2.2: as that, RTP with a tag of 32 bits.</summary>
    public const string AesCm32 = "AES_CM_128_HMAC_SHA1_32";

    /// <summary>RFC 7714 section 14.2.</summary>
    public const string AesGcm128 = "AEAD_AES_128_GCM";

    /// <summary>RFC 7714 section 14.2.</summary>
    public const string AesGcm256 = "AEAD_AES_256_GCM";

    /// <summary>All, in the order of our offers: what everyone has comes first, for devices that look at the first line alone.</summary>
    public static ImmutableArray<string> All { get; } = [AesCm80, AesCm32, AesGcm128, AesGcm256];

    /// <summary>Bytes of a master key with its salt; 0 for a suite that we do not have.</summary>
    public static int KeyBytes(string suite) => Find(suite) switch
    {
        AesCm80 or AesCm32 => 30,
        AesGcm128 => 28,
        AesGcm256 => 44,
        _ => 0,
    };

    /// <summary>The suite as we spell it; null for one that we do not have.</summary>
    public static string? Find(string suite) => All.FirstOrDefault(known => known.Equals(suite, StringComparison.OrdinalIgnoreCase));
}

/// <summary>The master key and salt of what one side sends (RFC 4568 section 6.1). Secret: it is printed nowhere but in a description that is sent.</summary>
/// <param name="Suite">Of <see cref="CryptoSuites"/>.</param>
/// <param name="KeyAndSalt">Both in base64, of the suite's length.</param>
/// <param name="IdentifierBytes">Bytes of the master key identifier (MKI) in each packet; 0 for none. Ours have none.</param>
public sealed record CryptoKey(string Suite, string KeyAndSalt, int IdentifierBytes = 0)
{
    /// <summary>Keeps the key out of logs.</summary>
    public override string ToString() => $"a key for {Suite}";
}

/// <summary>What we can protect our side of the sound by, made when its session is opened and never used for another.</summary>
/// <param name="IsRequired">Whether nothing goes without.</param>
/// <param name="Keys">One for each suite that we offer and take, in the order of our offers.</param>
public sealed record LocalCrypto(bool IsRequired, ImmutableArray<CryptoKey> Keys);

/// <summary>What protects a stream.</summary>
/// <param name="Local">What we send.</param>
/// <param name="Remote">
/// What they send; null where only the node that is gone knew it: nothing of theirs can be read until a new offer has brought a new one.
/// </param>
public sealed record StreamKeys(CryptoKey Local, CryptoKey? Remote);
