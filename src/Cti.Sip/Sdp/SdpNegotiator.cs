using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Cti.Sip.Sdp;

/// <summary>
/// Offer and answer (RFC 3264) for one audio stream with telephone events, plain or protected (RFC 4568); pure.
/// </summary>
public static class SdpNegotiator
{
    /// <summary>
    /// Our offer. With <paramref name="previous"/>, the last description we sent in this dialog, it is a re-offer: same o= id, version
    /// raised by one only when something changed, the same media descriptions in the same places (RFC 3264 section 8).
    /// </summary>
    public static SdpSession CreateOffer(LocalAudio local, SdpSession? previous = null)
    {
        var media = ImmutableArray.CreateBuilder<SdpMedia>();
        var place = previous is null ? -1 : IndexOfLiveAudio(previous);
        foreach (var description in previous?.Media ?? []) media.Add(SwitchedOff(description));
        var live = place < 0 ? null : previous!.Media[place];
        var formats = OfferedCodecs(local, live);
        var (profile, lines) = StreamCrypto.Offer(local.Crypto, live);
        var audio = AudioLine(local.RtpPort, profile, [.. formats, .. OfferedEvents(local, live, formats)], local.Direction, lines);
        if (place < 0) media.Add(audio);
        else media[place] = audio;
        return Versioned(Compose(local, "0 0", media.DrainToImmutable()), previous);
    }

    /// <summary>
    /// What was agreed before comes first, under the payload types that it has for the whole session (RFC 3264 section 8.3.2); then what else we would have.
    /// </summary>
    private static ImmutableArray<AudioFormat> OfferedCodecs(LocalAudio local, SdpMedia? live)
    {
        var formats = ImmutableArray.CreateBuilder<AudioFormat>();
        if (live is not null) formats.AddRange(AudioFormat.In(live).Where(format => local.Able.Contains(format.Name)).DistinctBy(format => format.Name));
        var taken = Taken(live);
        foreach (var codec in local.Codecs)
        {
            if (!formats.Any(one => one.Name == codec) && AudioFormat.Of(codec, taken) is { } format) formats.Add(format);
        }
        return formats.DrainToImmutable();
    }

    /// <summary>Telephone events by each clock that the codecs have: theirs has to be the stream's (RFC 4733 section 2.1).</summary>
    private static IEnumerable<AudioFormat> OfferedEvents(LocalAudio local, SdpMedia? live, ImmutableArray<AudioFormat> codecs)
    {
        if (local.TelephoneEventPayloadType < 0) yield break;
        var taken = Taken(live);
        taken.UnionWith(codecs.Select(static format => format.PayloadType));
        foreach (var clock in codecs.Select(static format => format.Clock).Distinct().Order())
        {
            if (live is not null && AudioFormat.Find(live, AudioNames.TelephoneEvent, clock) is { } earlier && earlier.Clock == clock) yield return earlier;
            else if (AudioFormat.Events(local.TelephoneEventPayloadType, clock, taken) is { } events) yield return events;
        }
    }

    private static HashSet<int> Taken(SdpMedia? live) => live is null ? [] : [.. AudioFormat.In(live).Select(static format => format.PayloadType)];

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
        var beside = Beside(media, formats, local.TelephoneEventPayloadType >= 0);
        var theirs = offer.DirectionOf(media);
        var send = theirs.Receives() && local.Direction.Sends() && !remote.IsHeld;
        var receive = theirs.Sends() && local.Direction.Receives();
        var profile = StreamCrypto.IsProtected(media) ? StreamCrypto.Protected : StreamCrypto.Plain;
        var own = AudioLine(local.RtpPort, profile, [.. formats, .. beside], SdpDirections.Of(send, receive), line is null ? [] : [line]);
        var answer = Versioned(Compose(local, offer.Timing, [.. offer.Media.Select((other, at) => at == place ? own : SwitchedOff(other))]), previous);
        var agreed = remote.Negotiated(media, formats[0], EventsOf(beside, formats[0]), send, receive, [.. formats, .. beside]).With(keys);
        return new SdpOutcome(answer, agreed, SdpRefusal.None);
    }

    /// <summary>
    /// What a stream has beside its codecs: keys by the clocks of these, or else by the one that there is; comfort noise where the codec that is sent has its
    /// clock.
    /// </summary>
    private static ImmutableArray<AudioFormat> Beside(SdpMedia media, ImmutableArray<AudioFormat> codecs, bool hasEvents)
    {
        var beside = ImmutableArray.CreateBuilder<AudioFormat>();
        if (codecs[0].Clock == AudioFormat.Telephony && AudioFormat.Find(media, AudioNames.ComfortNoise, AudioFormat.Telephony) is { } noise) beside.Add(noise);
        if (!hasEvents) return beside.DrainToImmutable();
        foreach (var clock in codecs.Select(static format => format.Clock).Distinct())
        {
            if (AudioFormat.Find(media, AudioNames.TelephoneEvent, clock) is { } events && !beside.Contains(events)) beside.Add(events);
        }
        return beside.DrainToImmutable();
    }

    /// <summary>The events that are sent beside a codec; null for none.</summary>
    private static AudioFormat? EventsOf(ImmutableArray<AudioFormat> beside, AudioFormat codec)
    {
        var events = beside.Where(static format => format.Name == AudioNames.TelephoneEvent).ToImmutableArray();
        if (events.IsEmpty) return null;
        var own = events.FirstOrDefault(format => format.Clock == codec.Clock);
        return own.Name is null ? events[0] : own;
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
        var offered = AudioFormat.In(ours).Where(static format => AudioNames.IsCodec(format.Name)).ToImmutableArray();
        var family = FamilyOf(offer.ConnectionOf(ours)?.Address ?? "");
        var refusal = Examine(answer, media, [.. offered.Select(format => format.Name)], family, out var remote, out var formats);
        StreamKeys? keys = null;
        if (refusal == SdpRefusal.None) refusal = StreamCrypto.Apply(ours, media, out keys);
        if (refusal != SdpRefusal.None) return SdpOutcome.Refused(refusal);
        var hasEvents = AudioFormat.In(ours).Any(static format => format.Name == AudioNames.TelephoneEvent);
        var beside = Beside(media, formats, hasEvents);
        var wanted = offer.DirectionOf(ours);
        var theirs = answer.DirectionOf(media);
        var send = wanted.Sends() && theirs.Receives() && !remote.IsHeld;
        var receive = wanted.Receives() && theirs.Sends();
        // What they send goes by our numbers, and by their own where they mix them up.
        var agreed = AudioFormat.In(ours).Where(format => AudioNames.IsCodec(format.Name)
            ? formats.Any(other => other.Name == format.Name)
            : beside.Contains(format with { PayloadType = AudioFormat.Find(media, format.Name, format.Clock)?.PayloadType ?? -1 }));
        if (EventsOf(beside, formats[0]) is { } sent && AudioFormat.Find(ours, sent.Name, sent.Clock) is { } own) agreed = agreed.Append(own);
        var audio = remote.Negotiated(media, formats[0], EventsOf(beside, formats[0]), send, receive, [.. agreed, .. formats, .. beside]).With(keys);
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
            if (!AudioFormat.In(media).Any(static format => AudioNames.IsCodec(format.Name))) continue;
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
        formats = [.. AudioFormat.In(media).Where(format => codecs.Contains(format.Name, StringComparer.Ordinal)).Distinct()];
        return formats.IsEmpty ? SdpRefusal.NoCommonCodec : SdpRefusal.None;
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

    private static SdpMedia AudioLine(int port, string profile, ImmutableArray<AudioFormat> formats, SdpDirection direction,
        ImmutableArray<SdpAttribute> crypto)
    {
        var types = ImmutableArray.CreateBuilder<string>(formats.Length);
        var attributes = ImmutableArray.CreateBuilder<SdpAttribute>();
        foreach (var format in formats)
        {
            types.Add(Text((ulong)format.PayloadType));
            attributes.Add(new SdpAttribute("rtpmap", Invariant($"{format.PayloadType} {format.Map}")));
            if (format.Name == AudioNames.TelephoneEvent) attributes.Add(new SdpAttribute("fmtp", Invariant($"{format.PayloadType} 0-15")));
            else if (format.Name == AudioNames.Opus) attributes.Add(new SdpAttribute("fmtp", Invariant($"{format.PayloadType} useinbandfec=1")));
        }
        attributes.Add(new SdpAttribute("ptime", "20"));
        attributes.Add(new SdpAttribute(direction.ToAttribute()));
        attributes.AddRange(crypto);
        return new SdpMedia("audio", port, profile, types.DrainToImmutable(), null, attributes.DrainToImmutable());
    }

    /// <summary>At least one format has to stand in an m= line, though it is ignored where the port is 0 (RFC 3264 section 6).</summary>
    private static SdpMedia SwitchedOff(SdpMedia media) => media with
    {
        Port = 0,
        Connection = null,
        Attributes = [],
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

    private static AddressFamily? FamilyOf(string address) => IPAddress.TryParse(address, out var parsed) ? parsed.AddressFamily : null;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static string Text(ulong number) => number.ToString(CultureInfo.InvariantCulture);

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

        /// <summary>What was agreed with this end.</summary>
        /// <param name="media">What it says of itself.</param>
        /// <param name="sent">The codec that it is sent.</param>
        /// <param name="events">The events that it is sent; null for none.</param>
        /// <param name="send">Whether anything is.</param>
        /// <param name="receive">Whether it sends.</param>
        /// <param name="all">All that may come, that too: a number means one thing, what was named first.</param>
        public NegotiatedAudio Negotiated(SdpMedia media, AudioFormat sent, AudioFormat? events, bool send, bool receive, IEnumerable<AudioFormat> all)
        {
            var eventType = events?.PayloadType ?? -1;
            HashSet<int> known = [sent.PayloadType, eventType];
            var others = string.Join(',', all.Where(format => known.Add(format.PayloadType))
                .Select(static format => Invariant($"{format.PayloadType} {format.Kept}")));
            return new NegotiatedAudio(Address, Port, RtcpAddress, RtcpPort, sent.Name, sent.PayloadType, eventType, send, receive,
                others.Length > 0 ? others : null)
            {
                EventClock = events is { } own && own.Clock != sent.Clock ? own.Clock : 0,
                Wishes = SendingWishes.Of(media, sent),
            };
        }

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
