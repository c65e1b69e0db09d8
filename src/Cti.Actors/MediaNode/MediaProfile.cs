using System.Collections.Immutable;
using Cti.Kernel;
using Cti.Media;
using Cti.Media.Srtp;
using Cti.Sip.Sdp;

namespace Cti.Actors.MediaNode;

/// <summary>How this node does audio.</summary>
/// <param name="Codecs">Encoding names, the preferred first.</param>
/// <param name="InactivityMillis">Silence after which a call is lost; 0 never.</param>
/// <param name="RingBackCountry">Whose ring-back tone is generated where a line has none: ISO 3166, two letters.</param>
public sealed record MediaProfile(ImmutableArray<string> Codecs, int InactivityMillis, string RingBackCountry = "CN")
{
    /// <summary>What this node can do at all.</summary>
    public ImmutableArray<string> Able { get; init; } = AudioNames.Codecs;

    /// <summary>From where else than its signalled address a far end's RTP may come.</summary>
    public LatchMode Latch { get; init; }

    /// <summary>What is sent while there is nothing to send.</summary>
    public IdleSending Idle { get; init; } = IdleSending.Keepalive;

    /// <summary>Whether sound is protected by keys in its description.</summary>
    public SrtpMode Srtp { get; init; } = SrtpMode.Off;

    /// <summary>By which suites, in the order of our offers.</summary>
    public ImmutableArray<string> SrtpSuites { get; init; } = CryptoSuites.All;

    /// <summary>New keys for a session; null where nothing is protected.</summary>
    /// <param name="trunk">What the trunk wants; null where it has no wish.</param>
    /// <param name="random">Where they are drawn.</param>
    public LocalCrypto? Crypto(SrtpMode? trunk, IRandom random)
    {
        var mode = trunk ?? Srtp;
        return mode == SrtpMode.Off ? null : new LocalCrypto(mode == SrtpMode.Required, [.. SrtpSuites.Select(suite =>
            new CryptoKey(suite, SrtpKey.Draw(MediaDescriptions.SuiteOf(suite), random).ToBase64()))]);
    }

    /// <summary>How the media session of a call is opened.</summary>
    /// <param name="isIPv6">The address family towards the far end.</param>
    /// <param name="trunk">What the trunk wants sent that the call goes or came over; null where it has no wish.</param>
    public MediaSessionOptions Options(bool isIPv6, IdleSending? trunk) => new(isIPv6, InactivityMillis, trunk ?? Idle);
}
