using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Cti.Sip.Sdp;

/// <summary>
/// Offer and answer (RFC 3264) for one audio stream of G.711 with telephone events, plain or protected (RFC 4568); pure. We always send packets of 20 ms,
/// whatever ptime and maxptime say: receivers must take 0..200 ms for these codecs (RFC 3551 section 4.2).
/// </summary>
public static class SdpNegotiator
{
    private const string TelephoneEvent = "telephone-event";
    private const int ClockRate = 8000;

    /// <summary>
    /// Our offer. With <paramref name="previous"/>, the last description we sent in this dialog, it is a re-offer: same o= id, version
    /// raised by one only when something changed, the same media descriptions in the same places (RFC 3264 section 8).
    /// </summary>
    public static SdpSession CreateOffer(LocalAudio local, SdpSession? previous = null)
    {
        var eventType = local.TelephoneEventPayloadType;
        var media = ImmutableArray.CreateBuilder<SdpMedia>();
        var place = previous is null ? -1 : IndexOfLiveAudio(previous);
        if (previous is not null)
        {
            // A payload type keeps its meaning for the whole session (RFC 3264 section 8.3.2).
            if (place >= 0 && eventType >= 0 && FindTelephoneEvent(previous.Media[place]) is >= 0 and var earlier) eventType = earlier;
            foreach (var description in previous.Media) media.Add(SwitchedOff(description));
        }
        var formats = local.Codecs.Select(StaticFormat).ToImmutableArray();
        var (profile, lines) = StreamCrypto.Offer(local.Crypto, place < 0 ? null : previous!.Media[place]);
        var audio = AudioLine(local.RtpPort, profile, formats, eventType, local.Direction, lines);
        if (place < 0) media.Add(audio);
        else media[place] = audio;
        return Versioned(Compose(local, "0 0", media.DrainToImmutable()), previous);
    }

    /// <summary>
    /// Our answer: the first audio stream we can do gets those of its codecs that we have, in the offerer's order, and telephone-event under the offer's
    /// payload type; we send the first. Streams that can be protected come before those that cannot, where we do that too. Every other stream is refused with
    /// port 0 in its place.
    /// </summary>
    /// <param name="offer">Theirs.</param>
    /// <param name="local">Ours; its address must be of the family of <see cref="PreferredFamily"/>.</param>
    /// <param name="previous">The last description we sent in this dialog, or null for the first.</param>
    /// <param name="isJournaled">Whether the offer comes from a journal, which has no keys.</param>
    public static SdpOutcome Answer(SdpSession offer, LocalAudio local, SdpSession? previous = null, bool isJournaled = false)
    {
        var reason = SdpRefusal.NoAudio;
        var places = Enumerable.Range(0, offer.Media.Length);
        if (local.Crypto is not null) places = places.OrderBy(place => !StreamCrypto.MayBeProtected(offer.Media[place]));
        foreach (var place in places)
        {
            var outcome = Answer(offer, place, local, previous, isJournaled);
            if (outcome.Refusal == SdpRefusal.None) return outcome;
            // The first audio's reason tells most; what else is refused is beside the point.
            if (reason == SdpRefusal.NoAudio) reason = outcome.Refusal;
        }
        return SdpOutcome.Refused(reason);
    }

    private static SdpOutcome Answer(SdpSession offer, int place, LocalAudio local, SdpSession? previous, bool isJournaled)
    {
        var media = offer.Media[place];
        var refusal = Examine(offer, media, local.Codecs, FamilyOf(local.Address), out var remote, out var formats);
        StreamKeys? keys = null;
        SdpAttribute? line = null;
        if (refusal == SdpRefusal.None) refusal = StreamCrypto.Answer(media, local.Crypto, isJournaled, out keys, out line);
        if (refusal != SdpRefusal.None) return SdpOutcome.Refused(refusal);
        var eventType = local.TelephoneEventPayloadType < 0 ? -1 : FindTelephoneEvent(media);
        var theirs = offer.DirectionOf(media);
        var send = theirs.Receives() && local.Direction.Sends() && !remote.IsHeld;
        var receive = theirs.Sends() && local.Direction.Receives();
        var profile = StreamCrypto.IsProtected(media) ? StreamCrypto.Protected : StreamCrypto.Plain;
        var own = AudioLine(local.RtpPort, profile, formats, eventType, SdpDirections.Of(send, receive), line is null ? [] : [line]);
        var answer = Versioned(Compose(local, offer.Timing, [.. offer.Media.Select((other, at) => at == place ? own : SwitchedOff(other))]), previous);
        var agreed = remote.Negotiated(formats[0], eventType, send, receive, Others(formats[0], eventType, formats, [])).With(keys);
        return new SdpOutcome(answer, agreed, SdpRefusal.None);
    }

    /// <summary>
    /// What their <paramref name="answer"/> to our <paramref name="offer"/> agreed on: of several codecs we send the first, as the preferred.
    /// </summary>
    public static SdpOutcome ApplyAnswer(SdpSession offer, SdpSession answer)
    {
        var place = IndexOfLiveAudio(offer);
        if (place < 0) return SdpOutcome.Refused(SdpRefusal.NoAudio);
        if (AnswerTo(answer, place) is not { } media) return SdpOutcome.Refused(SdpRefusal.MediaMismatch);
        var ours = offer.Media[place];
        var offered = Formats(ours).Where(format => format.Name != TelephoneEvent).ToImmutableArray();
        var family = FamilyOf(offer.ConnectionOf(ours)?.Address ?? "");
        var refusal = Examine(answer, media, [.. offered.Select(format => format.Name)], family, out var remote, out var formats);
        StreamKeys? keys = null;
        if (refusal == SdpRefusal.None) refusal = StreamCrypto.Apply(ours, media, out keys);
        if (refusal != SdpRefusal.None) return SdpOutcome.Refused(refusal);
        var ourEvents = FindTelephoneEvent(ours);
        var eventType = ourEvents < 0 ? -1 : FindTelephoneEvent(media);
        var wanted = offer.DirectionOf(ours);
        var theirs = answer.DirectionOf(media);
        var send = wanted.Sends() && theirs.Receives() && !remote.IsHeld;
        var receive = wanted.Receives() && theirs.Sends();
        // What they send goes by our numbers, and by their own where they mix them up.
        var agreed = offered.Where(format => formats.Any(other => other.Name == format.Name)).ToList();
        if (eventType >= 0) agreed.Add(new AudioFormat(TelephoneEvent, ourEvents));
        var audio = remote.Negotiated(formats[0], eventType, send, receive, Others(formats[0], eventType, formats, agreed)).With(keys);
        return new SdpOutcome(null, audio, SdpRefusal.None);
    }

    /// <summary>
    /// The address family that an answer's stream must have: of the first audio stream that is switched on and has an IP literal of a family that we have; of
    /// the first one at all where none has; null where no stream has a literal.
    /// </summary>
    /// <param name="offer">Theirs.</param>
    /// <param name="has">Which families we have; null for both.</param>
    public static AddressFamily? PreferredFamily(SdpSession offer, Func<AddressFamily, bool>? has = null)
    {
        AddressFamily? first = null;
        foreach (var media in offer.Media)
        {
            if (!IsLiveAudio(media) || offer.ConnectionOf(media) is not { } connection || FamilyOf(connection.Address) is not { } family) continue;
            if (has is null || has(family)) return family;
            if (!connection.IsHold) first ??= family;
        }
        return first;
    }

    /// <summary>
    /// The host name that the answer depends on (RFC 8866 section 5.7): that of the first audio stream which is switched on and has a codec we know; null where
    /// that has an address, or there is no such stream.
    /// </summary>
    public static SdpConnection? HostToLookUp(SdpSession session)
    {
        foreach (var media in session.Media)
        {
            if (!IsLiveAudio(media) || !StreamCrypto.IsKnownProfile(media) || session.ConnectionOf(media) is not { } connection) continue;
            if (!Formats(media).Any(format => format.Name != TelephoneEvent)) continue;
            return connection.IsHostName ? connection : null;
        }
        return null;
    }

    /// <summary>Their line in the place of ours; where another stands there, the audio that they do answer with: some leave refused lines out.</summary>
    private static SdpMedia? AnswerTo(SdpSession answer, int place)
    {
        if (place < answer.Media.Length && IsAudio(answer.Media[place])) return answer.Media[place];
        return IndexOfLiveAudio(answer) is >= 0 and var other ? answer.Media[other] : null;
    }

    private static SdpRefusal Examine(SdpSession session, SdpMedia media, ImmutableArray<string> codecs, AddressFamily? family,
        out RemoteEnd remote, out ImmutableArray<AudioFormat> formats)
    {
        remote = default;
        formats = [];
        if (!IsAudio(media)) return SdpRefusal.NoAudio;
        if (media.Port == 0) return SdpRefusal.Disabled;
        if (!StreamCrypto.IsKnownProfile(media)) return SdpRefusal.UnsupportedProfile;
        if (!RemoteEnd.TryFind(session, media, family, out remote)) return SdpRefusal.UnusableAddress;
        formats = [.. Formats(media).Where(format => codecs.Contains(format.Name, StringComparer.Ordinal)).Distinct()];
        return formats.IsEmpty ? SdpRefusal.NoCommonCodec : SdpRefusal.None;
    }

    /// <summary>What may come besides what we send: a number means one thing, what was named first.</summary>
    private static string? Others(AudioFormat sent, int eventType, IEnumerable<AudioFormat> theirs, IEnumerable<AudioFormat> ours)
    {
        HashSet<int> known = [sent.PayloadType, eventType];
        var others = ours.Concat(theirs).Where(format => known.Add(format.PayloadType))
            .Select(static format => Invariant($"{format.PayloadType} {format.Name}"));
        return string.Join(',', others) is { Length: > 0 } text ? text : null;
    }

    private static SdpSession Compose(LocalAudio local, string timing, ImmutableArray<SdpMedia> media)
    {
        var connection = SdpConnection.Of(local.Address);
        var origin = new SdpOrigin("-", Text(local.SessionId), Text(local.Version), connection.AddressType, local.Address);
        return new SdpSession(origin, "-", connection, timing, [], media);
    }

    private static SdpSession Versioned(SdpSession session, SdpSession? previous)
    {
        if (previous is null) return session;
        var origin = previous.Origin;
        var same = session with { Origin = session.Origin with { SessionId = origin.SessionId, Version = origin.Version } };
        if (same.ToString() == previous.ToString()) return previous;
        // Ours started from a ulong, so it reads back as one.
        var version = ulong.TryParse(origin.Version, NumberStyles.None, CultureInfo.InvariantCulture, out var last) ? last + 1 : 1;
        return same with { Origin = same.Origin with { Version = Text(version) } };
    }

    private static SdpMedia AudioLine(int port, string profile, ImmutableArray<AudioFormat> formats, int eventType, SdpDirection direction,
        ImmutableArray<SdpAttribute> crypto)
    {
        var types = ImmutableArray.CreateBuilder<string>(formats.Length + 1);
        var attributes = ImmutableArray.CreateBuilder<SdpAttribute>(formats.Length + 4 + crypto.Length);
        foreach (var format in formats)
        {
            types.Add(Text((ulong)format.PayloadType));
            attributes.Add(new SdpAttribute("rtpmap", Invariant($"{format.PayloadType} {format.Name}/{ClockRate}")));
        }
        if (eventType >= 0)
        {
            types.Add(Text((ulong)eventType));
            attributes.Add(new SdpAttribute("rtpmap", Invariant($"{eventType} {TelephoneEvent}/{ClockRate}")));
            attributes.Add(new SdpAttribute("fmtp", Invariant($"{eventType} 0-15")));
        }
        attributes.Add(new SdpAttribute("ptime", "20"));
        attributes.Add(new SdpAttribute(direction.ToAttribute()));
        attributes.AddRange(crypto);
        return new SdpMedia("audio", port, profile, types.DrainToImmutable(), null, attributes.DrainToImmutable());
    }

    /// <summary>At least one format has to stand in an m= line, though it is ignored where the port is 0 (RFC 3264 section 6).</summary>
    private static SdpMedia SwitchedOff(SdpMedia media) => media with
    {
        Port = 0, Connection = null, Attributes = [],
        Formats = !media.Formats.IsEmpty ? media.Formats : media.Protocol.Contains("RTP/", StringComparison.OrdinalIgnoreCase) ? ["0"] : ["*"],
    };

    private static bool IsLiveAudio(SdpMedia media) => IsAudio(media) && media.Port != 0;

    private static bool IsAudio(SdpMedia media) => media.Kind.Equals("audio", StringComparison.OrdinalIgnoreCase);

    private static int IndexOfLiveAudio(SdpSession session)
    {
        for (var i = 0; i < session.Media.Length; i++)
            if (IsLiveAudio(session.Media[i])) return i;
        return -1;
    }

    private static int FindTelephoneEvent(SdpMedia media)
    {
        foreach (var format in Formats(media))
            if (format.Name == TelephoneEvent) return format.PayloadType;
        return -1;
    }

    /// <summary>The m= line's formats with an 8 kHz mono encoding we know by name, in order; static types need no rtpmap (RFC 3551 table 4).</summary>
    private static IEnumerable<AudioFormat> Formats(SdpMedia media)
    {
        foreach (var text in media.Formats)
        {
            if (!byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var type) || type > 127) continue;
            var name = FindMap(media, type) is { } map ? NameOf(map) : type switch { 0 => "PCMU", 8 => "PCMA", _ => null };
            if (name is not null) yield return new AudioFormat(name, type);
        }
    }

    private static string? FindMap(SdpMedia media, int type)
    {
        foreach (var attribute in media.Attributes)
        {
            if (!attribute.Name.Equals("rtpmap", StringComparison.OrdinalIgnoreCase) || attribute.Value is not { } value) continue;
            var blank = value.AsSpan().IndexOfAny(' ', '\t');
            if (blank > 0 && byte.TryParse(value.AsSpan(0, blank), NumberStyles.None, CultureInfo.InvariantCulture, out var mapped) && mapped == type)
                return value[(blank + 1)..].Replace(" ", "", StringComparison.Ordinal).Replace("\t", "", StringComparison.Ordinal);
        }
        return null;
    }

    /// <summary>What an encoding is to us; a clock rate that was forgotten is that of telephony.</summary>
    private static string? NameOf(string map)
    {
        var parts = map.Split('/');
        if (parts.Length > 3 || (parts.Length > 1 && parts[1] != "8000") || (parts.Length == 3 && parts[2] is not ("1" or ""))) return null;
        if (parts[0].Equals("PCMU", StringComparison.OrdinalIgnoreCase)) return "PCMU";
        if (parts[0].Equals("PCMA", StringComparison.OrdinalIgnoreCase)) return "PCMA";
        return parts[0].Equals(TelephoneEvent, StringComparison.OrdinalIgnoreCase) ? TelephoneEvent : null;
    }

    private static AudioFormat StaticFormat(string codec) => codec switch
    {
        "PCMU" => new AudioFormat("PCMU", 0),
        "PCMA" => new AudioFormat("PCMA", 8),
        _ => throw new ArgumentException($"codec {codec} is not one of PCMU, PCMA", nameof(codec)),
    };

    private static AddressFamily? FamilyOf(string address) => IPAddress.TryParse(address, out var parsed) ? parsed.AddressFamily : null;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static string Text(ulong number) => number.ToString(CultureInfo.InvariantCulture);

    private readonly record struct AudioFormat(string Name, int PayloadType);

    /// <summary>Where their stream is received.</summary>
    private readonly record struct RemoteEnd(string Address, int Port, string RtcpAddress, int RtcpPort, bool IsHeld)
    {
        public static bool TryFind(SdpSession session, SdpMedia media, AddressFamily? family, out RemoteEnd remote)
        {
            remote = default;
            if (session.ConnectionOf(media) is not { } connection) return false;
            // The old way to hold (RFC 3264 section 8.4), also in IPv6 where a name under .invalid stands for it (RFC 6157 section 4.1).
            var held = connection.IsHold;
            if (held)
            {
                var none = connection.AddressType == "IP6" ? "::" : "0.0.0.0";
                remote = new RemoteEnd(none, media.Port, none, 0, true);
                return true;
            }
            if (!TryUnicast(connection.Address, family)) return false;
            remote = new RemoteEnd(connection.Address, media.Port, connection.Address, media.Port < 65535 ? media.Port + 1 : 0, false);
            remote = remote.WithRtcp(media.AttributeValue("rtcp"), family);
            return true;
        }

        public NegotiatedAudio Negotiated(AudioFormat format, int eventType, bool send, bool receive, string? others) =>
            new(Address, Port, RtcpAddress, RtcpPort, format.Name, format.PayloadType, eventType, send, receive, others);

        /// <summary><c>a=rtcp:PORT [IN IP4|IP6 ADDRESS]</c> (RFC 3605); one that cannot be used is as good as none.</summary>
        private RemoteEnd WithRtcp(string? value, AddressFamily? family)
        {
            if (value is null) return this;
            var fields = value.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length is not (1 or 4)) return this;
            if (!ushort.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0) return this;
            if (fields.Length == 1) return this with { RtcpPort = port };
            return TryUnicast(fields[3], family) ? this with { RtcpAddress = fields[3], RtcpPort = port } : this;
        }

        private static bool TryUnicast(string address, AddressFamily? family)
        {
            if (!IPAddress.TryParse(address, out var parsed) || parsed.AddressFamily != family) return false;
            if (parsed.AddressFamily == AddressFamily.InterNetworkV6) return !parsed.IsIPv6Multicast && !parsed.Equals(IPAddress.IPv6Any);
            // "1" and "0x7f.1" are addresses to the platform, not to RFC 8866.
            Span<byte> bytes = stackalloc byte[4];
            return parsed.TryWriteBytes(bytes, out _) && bytes[0] is > 0 and < 224 && parsed.ToString() == address;
        }
    }
}
