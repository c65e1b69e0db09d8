using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Cti.Sip.Sdp;

/// <summary>What offer and answer agreed on for the audio stream. Plain values: it is journaled, but for the keys.</summary>
/// <param name="RemoteAddress">IP literal RTP goes to; "0.0.0.0" or "::" in a hold of the old kind, then <paramref name="Send"/> is false.</param>
/// <param name="RemotePort">1..65535.</param>
/// <param name="RemoteRtcpAddress">IP literal RTCP goes to (RFC 3605, else the same as RTP).</param>
/// <param name="RemoteRtcpPort">Port of RTCP (RFC 3605, else RTP's + 1); 0 where there is none.</param>
/// <param name="Codec">Encoding name, one of <see cref="AudioNames.Codecs"/>.</param>
/// <param name="PayloadType">Its payload type, 0..127.</param>
/// <param name="TelephoneEventPayloadType">RFC 4733's payload type, or -1 where it was not agreed.</param>
/// <param name="Send">Whether we may send.</param>
/// <param name="Receive">Whether they may send.</param>
/// <param name="AlsoReceived">
/// What else both sides listed, and so may come at any time: payload types with encoding names, <c>0 PCMU,96 telephone-event</c>; null for nothing. A stream
/// has the offer's numbers in one direction and the answer's in the other (RFC 3264 section 5.1), so where they differ both are here: some far ends use the
/// wrong ones.
/// </param>
public sealed record NegotiatedAudio(string RemoteAddress, int RemotePort, string RemoteRtcpAddress, int RemoteRtcpPort, string Codec,
    int PayloadType, int TelephoneEventPayloadType, bool Send, bool Receive, string? AlsoReceived = null)
{
    /// <summary>The crypto suite that protects the stream; null for none.</summary>
    public string? Srtp { get; init; }

    /// <summary>What it is protected by: no journal has it, so who reads one knows only that there were keys.</summary>
    [JsonIgnore]
    public StreamKeys? Keys { get; init; }

    /// <summary>
    /// Ticks in a second of the clock of <see cref="TelephoneEventPayloadType"/>; 0 where it is that of the codec, as it should be. Not in a journal: a new
    /// owner asks anew.
    /// </summary>
    [JsonIgnore]
    public int EventClock { get; init; }

    /// <summary>How they want to be sent to; null where they say nothing. Not in a journal either.</summary>
    [JsonIgnore]
    public SendingWishes? Wishes { get; init; }

    /// <summary>The same, protected by these; as it is where there are none.</summary>
    internal NegotiatedAudio With(StreamKeys? keys) => keys is null ? this : this with { Srtp = keys.Local.Suite, Keys = keys };
}

/// <summary>Our side of an audio stream: what an offer or answer of ours is made of.</summary>
/// <param name="Address">IP literal at which we receive; its family is the stream's.</param>
/// <param name="RtpPort">1..65535.</param>
/// <param name="SessionId">The o= line's id, for the first description of a dialog; later ones keep the previous one's.</param>
/// <param name="Version">The o= line's version, for the first description of a dialog.</param>
/// <param name="Codecs">Encoding names we would have, the preferred first: the order of our offers. At least one, of <see cref="AudioNames.Codecs"/>.</param>
/// <param name="Direction">What we want: our sending is its sending half.</param>
/// <param name="TelephoneEventPayloadType">RFC 4733's payload type in our offers, 96..127, or -1 to neither offer nor accept it.</param>
public sealed record LocalAudio(string Address, int RtpPort, ulong SessionId, ulong Version, ImmutableArray<string> Codecs,
    SdpDirection Direction = SdpDirection.SendReceive, int TelephoneEventPayloadType = 101)
{
    /// <summary>What we can do at all: what was agreed of it before is offered again, though it is not among the codecs we would have by now.</summary>
    public ImmutableArray<string> Able { get; init; } = Codecs;

    /// <summary>What protects it; null where nothing is protected.</summary>
    public LocalCrypto? Crypto { get; init; }
}

/// <summary>Why offer and answer came to nothing: the answer to an offer is 488 (RFC 3261 section 13.3.1.3), an answer ends the call.</summary>
public enum SdpRefusal
{
    /// <summary>They came to something.</summary>
    None,
    /// <summary>No audio stream at all.</summary>
    NoAudio,
    /// <summary>The audio is switched off (port 0).</summary>
    Disabled,
    /// <summary>Not RTP/AVP, and not RTP/SAVP where we protect; or an answer that protects what was not to be.</summary>
    UnsupportedProfile,
    /// <summary>Not a unicast IP literal, or not of our stream's family.</summary>
    UnusableAddress,
    /// <summary>No codec in common.</summary>
    NoCommonCodec,
    /// <summary>No crypto suite in common, or no key that can be used.</summary>
    NoCommonCrypto,
    /// <summary>Nothing protects it, and we take only what is protected.</summary>
    NotProtected,
    /// <summary>An answer whose media descriptions do not match the offer's.</summary>
    MediaMismatch,
}

/// <summary>What came of an offer or answer.</summary>
/// <param name="Local">Our answer, when we were asked for one and accepted.</param>
/// <param name="Audio">What was agreed, or null with a refusal.</param>
/// <param name="Refusal">Why nothing was agreed.</param>
public sealed record SdpOutcome(SdpSession? Local, NegotiatedAudio? Audio, SdpRefusal Refusal)
{
    internal static SdpOutcome Refused(SdpRefusal refusal) => new(null, null, refusal);
}
