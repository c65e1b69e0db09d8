using System.Collections.Immutable;

namespace Cti.Sip.Sdp;

/// <summary>
/// The part of offer and answer that says how a stream is protected (RFC 4568 section 7). The answerer takes one line of the offer and gives a key of its own
/// under the line's tag; each side's key protects what it sends.
/// </summary>
internal static class StreamCrypto
{
    public const string Plain = "RTP/AVP", Protected = "RTP/SAVP";

    public static bool IsProtected(SdpMedia media) => media.Protocol.Equals(Protected, StringComparison.OrdinalIgnoreCase);

    public static bool IsKnownProfile(SdpMedia media) => IsProtected(media) || media.Protocol.Equals(Plain, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the stream is protected, or can be: best-effort offers are plain ones with crypto lines.</summary>
    public static bool MayBeProtected(SdpMedia media) => IsProtected(media) || media.Attributes.Any(CryptoLine.Is);

    /// <summary>Our m= line's profile and crypto lines in an offer.</summary>
    /// <param name="crypto">What we have; null where nothing is protected.</param>
    /// <param name="live">The stream in the last description that we sent; null for none.</param>
    public static (string Profile, ImmutableArray<SdpAttribute> Lines) Offer(LocalCrypto? crypto, SdpMedia? live)
    {
        if (crypto is null) return (Plain, []);
        // What is protected stays so.
        var isProtected = crypto.IsRequired || (live is not null && IsProtected(live));
        return (isProtected ? Protected : Plain, [.. crypto.Keys.Select(static (key, place) => CryptoLine.Write(place + 1, key))]);
    }

    /// <summary>How an offered stream is answered.</summary>
    /// <param name="offered">Theirs.</param>
    /// <param name="crypto">What we have; null where nothing is protected.</param>
    /// <param name="isJournaled">Whether the offer comes from a journal, which has their suites and not their keys.</param>
    /// <param name="keys">What protects it; null for nothing.</param>
    /// <param name="line">Our line in the answer; null for none.</param>
    /// <returns>Why it is refused.</returns>
    public static SdpRefusal Answer(SdpMedia offered, LocalCrypto? crypto, bool isJournaled, out StreamKeys? keys, out SdpAttribute? line)
    {
        (keys, line) = (null, null);
        if (crypto is null) return IsProtected(offered) ? SdpRefusal.UnsupportedProfile : SdpRefusal.None;
        foreach (var theirs in LinesOf(offered))
        {
            if (theirs.Key is null && !isJournaled) continue;
            if (crypto.Keys.FirstOrDefault(key => key.Suite == theirs.Suite) is not { } ours) continue;
            keys = new StreamKeys(ours, theirs.Key);
            line = CryptoLine.Write(theirs.Tag, ours);
            return SdpRefusal.None;
        }
        if (IsProtected(offered)) return SdpRefusal.NoCommonCrypto;
        return crypto.IsRequired ? SdpRefusal.NotProtected : SdpRefusal.None;
    }

    /// <summary>What their answer makes of our offer.</summary>
    /// <param name="ours">Our stream.</param>
    /// <param name="theirs">Theirs.</param>
    /// <param name="keys">What protects it; null for nothing.</param>
    /// <returns>Why it cannot be used.</returns>
    public static SdpRefusal Apply(SdpMedia ours, SdpMedia theirs, out StreamKeys? keys)
    {
        keys = null;
        var offered = LinesOf(ours).ToList();
        foreach (var line in LinesOf(theirs))
        {
            // The tag says which; who gets it wrong still names the suite.
            var taken = offered.FirstOrDefault(one => one.Tag == line.Tag && one.Suite == line.Suite);
            if (taken.Key is null) taken = offered.FirstOrDefault(one => one.Suite == line.Suite);
            if (taken.Key is not { } own || line.Key is null) continue;
            keys = new StreamKeys(own, line.Key);
            return SdpRefusal.None;
        }
        if (IsProtected(ours)) return SdpRefusal.NoCommonCrypto;
        return IsProtected(theirs) ? SdpRefusal.UnsupportedProfile : SdpRefusal.None;
    }

    private static IEnumerable<CryptoLine> LinesOf(SdpMedia media)
    {
        foreach (var attribute in media.Attributes)
        {
            if (CryptoLine.Is(attribute) && CryptoLine.TryParse(attribute.Value, out var line)) yield return line;
        }
    }
}
