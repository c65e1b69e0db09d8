using System.Collections.Immutable;
using System.Net;
using System.Text;
using Cti.Kernel;

namespace Cti.Sip.Sdp;

/// <summary>
/// A session description (RFC 8866): what offer/answer needs of it. Lines that play no part there are dropped, so a parsed description written again is
/// equivalent for negotiation, not byte for byte.
/// </summary>
/// <param name="Origin">The o= line; where it was missing or odd, one that says nothing: no decision depends on theirs.</param>
/// <param name="Name">The s= line; "-" where it was missing or blank.</param>
/// <param name="Connection">The session's c= line, or null: then every media description has its own.</param>
/// <param name="Timing">The first t= line, e.g. "0 0"; an answer repeats the offer's (RFC 3264 section 6).</param>
/// <param name="Attributes">The a= lines before the first m=.</param>
/// <param name="Media">The media descriptions, in order.</param>
public sealed record SdpSession(SdpOrigin Origin, string Name, SdpConnection? Connection, string Timing,
    ImmutableArray<SdpAttribute> Attributes, ImmutableArray<SdpMedia> Media)
{
    /// <summary>The wire text, with CRLF.</summary>
    public override string ToString() => SdpWriter.Write(this);

    /// <summary>The wire bytes.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes(SdpWriter.Write(this));

    /// <summary>The wire text without keys (RFC 4568), as a journal may have it: which suites there were stays.</summary>
    public string ToJournal() => WithoutKeys().ToString();

    /// <summary>Whether it says by which suite a stream is protected and not with which key, as one from a journal.</summary>
    public bool LacksKeys => Media.Any(static media => media.Attributes.Any(static attribute =>
        CryptoLine.Is(attribute) && CryptoLine.TryParse(attribute.Value, out var line) && line.Key is null));

    /// <summary>
    /// Whether there may be keys in a description's text: then what is kept of it is <see cref="ToJournal"/>. Lines are taken as leniently as they are read;
    /// one that only looks as if it had a key costs nothing but the letters of the text.
    /// </summary>
    public static bool MayHaveKeys(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var end = text.IndexOfAny((byte)'\n', (byte)'\r');
            var line = Message.Ascii.Trim(end < 0 ? text : text[..end]);
            text = end < 0 ? default : text[(end + 1)..];
            if (line.IsEmpty || Message.Ascii.Trim(line[1..]) is not [(byte)'=', .. var value]) continue;
            if (line[0] is (byte)'k' or (byte)'K' || CryptoLine.MayBeSecret(value)) return true;
        }
        return false;
    }

    private SdpSession WithoutKeys() => Attributes.Any(CryptoLine.IsSecret) || Media.Any(static media => media.Attributes.Any(CryptoLine.IsSecret))
        ? this with
        {
            Attributes = WithoutKeys(Attributes),
            Media = [.. Media.Select(static media => media with { Attributes = WithoutKeys(media.Attributes) })],
        }
        : this;

    private static ImmutableArray<SdpAttribute> WithoutKeys(ImmutableArray<SdpAttribute> attributes) =>
        [.. attributes.Select(static attribute => CryptoLine.IsSecret(attribute) ? CryptoLine.WithoutKey(attribute) : attribute).OfType<SdpAttribute>()];

    /// <summary>The c= that holds for <paramref name="media"/>: its own, else the session's, else null.</summary>
    public SdpConnection? ConnectionOf(SdpMedia media) => media.Connection ?? Connection;

    /// <summary>The same with what was looked up in the place of the host names of its c= lines.</summary>
    /// <param name="hosts">Addresses by name, whatever its case; names that are not in it stay.</param>
    public SdpSession With(ImmutableDictionary<string, string> hosts)
    {
        if (hosts.IsEmpty) return this;
        SdpConnection? Known(SdpConnection? named) =>
            named is not null && hosts.GetValueOrDefault(named.Address) is { } address ? SdpConnection.Of(address) : named;
        return this with { Connection = Known(Connection), Media = [.. Media.Select(media => media with { Connection = Known(media.Connection) })] };
    }

    /// <summary>The direction that holds for <paramref name="media"/>: its own attribute, else the session's, else sendrecv (RFC 8866 section 6.7).</summary>
    public SdpDirection DirectionOf(SdpMedia media) =>
        SdpDirections.Find(media.Attributes) ?? SdpDirections.Find(Attributes) ?? SdpDirection.SendReceive;
}

/// <summary>An o= line (RFC 8866 section 5.2). Numbers stay text: some far ends send more than 64 bits.</summary>
/// <param name="Username">Who made it, or "-".</param>
/// <param name="SessionId">Digits.</param>
/// <param name="Version">Digits; raised by one with every change (RFC 3264 section 8).</param>
/// <param name="AddressType">IP4 or IP6.</param>
/// <param name="Address">Address or host name.</param>
public sealed record SdpOrigin(string Username, string SessionId, string Version, string AddressType, string Address);

/// <summary>A c= line (RFC 8866 section 5.7).</summary>
/// <param name="AddressType">IP4 or IP6.</param>
/// <param name="Address">Address or host name, without TTL and count.</param>
public sealed record SdpConnection(string AddressType, string Address)
{
    /// <summary>The c= for an address literal; its family follows from the text.</summary>
    public static SdpConnection Of(string address) => new(address.Contains(':', StringComparison.Ordinal) ? "IP6" : "IP4", address);

    /// <summary>The old way to hold (RFC 3264 section 8.4), also in IPv6 where a name under .invalid stands for it (RFC 6157 section 4.1).</summary>
    public bool IsHold => (IPAddress.TryParse(Address, out var parsed) && (parsed.Equals(IPAddress.Any) || parsed.Equals(IPAddress.IPv6Any)))
        || Address.Equals("invalid", StringComparison.OrdinalIgnoreCase)
        || Address.EndsWith(".invalid", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether it names a host that can be looked up: labels of letters, digits, hyphens and underscores, the last one not a number, so that nothing which a
    /// platform might take for an address goes there.
    /// </summary>
    public bool IsHostName
    {
        get
        {
            var host = Address.EndsWith('.') ? Address[..^1] : Address;
            if (host.Length is 0 or > Limits.SdpHostCharsMax || IsHold) return false;
            var labels = host.Split('.');
            return labels.All(static label => label.Length is > 0 and <= 63 && label.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
                && labels[^1].Any(char.IsAsciiLetter) && !labels[^1].StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        }
    }
}

/// <summary>An a= line: <c>a=name</c> or <c>a=name:value</c>.</summary>
/// <param name="Name">Its name, case-sensitive.</param>
/// <param name="Value">Its value, or null for a property.</param>
public sealed record SdpAttribute(string Name, string? Value = null);

/// <summary>An m= line with what belongs to it (RFC 8866 section 5.14).</summary>
/// <param name="Kind">audio, video, image, text, application, message…</param>
/// <param name="Port">0..65535; 0 means refused or switched off.</param>
/// <param name="Protocol">RTP/AVP, RTP/SAVP, udptl…</param>
/// <param name="Formats">For RTP, payload types; none in what some far ends send for a stream that is switched off.</param>
/// <param name="Connection">Its own c= line, or null.</param>
/// <param name="Attributes">Its a= lines.</param>
public sealed record SdpMedia(string Kind, int Port, string Protocol, ImmutableArray<string> Formats,
    SdpConnection? Connection, ImmutableArray<SdpAttribute> Attributes)
{
    /// <summary>The value of the first attribute of that name, whatever its case; null when absent or a property.</summary>
    public string? AttributeValue(string name)
    {
        foreach (var attribute in Attributes)
            if (attribute.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return attribute.Value;
        return null;
    }
}

/// <summary>Who sends in a stream, seen from the writer of the description (RFC 8866 section 6.7).</summary>
public enum SdpDirection
{
    /// <summary>Both send.</summary>
    SendReceive,
    /// <summary>Only the writer sends.</summary>
    SendOnly,
    /// <summary>Only the reader sends.</summary>
    ReceiveOnly,
    /// <summary>Nobody sends.</summary>
    Inactive,
}

/// <summary>Arithmetic of directions.</summary>
public static class SdpDirections
{
    /// <summary>Whether the writer sends.</summary>
    public static bool Sends(this SdpDirection direction) => direction is SdpDirection.SendReceive or SdpDirection.SendOnly;

    /// <summary>Whether the writer wants to receive.</summary>
    public static bool Receives(this SdpDirection direction) => direction is SdpDirection.SendReceive or SdpDirection.ReceiveOnly;

    /// <summary>The direction with these two halves.</summary>
    public static SdpDirection Of(bool sends, bool receives) => (sends, receives) switch
    {
        (true, true) => SdpDirection.SendReceive,
        (true, false) => SdpDirection.SendOnly,
        (false, true) => SdpDirection.ReceiveOnly,
        (false, false) => SdpDirection.Inactive,
    };

    /// <summary>The attribute's name.</summary>
    public static string ToAttribute(this SdpDirection direction) => direction switch
    {
        SdpDirection.SendReceive => "sendrecv",
        SdpDirection.SendOnly => "sendonly",
        SdpDirection.ReceiveOnly => "recvonly",
        _ => "inactive",
    };

    internal static SdpDirection? Find(ImmutableArray<SdpAttribute> attributes)
    {
        foreach (var attribute in attributes)
        {
            switch (attribute.Name.ToLowerInvariant())
            {
                case "sendrecv": return SdpDirection.SendReceive;
                case "sendonly": return SdpDirection.SendOnly;
                case "recvonly": return SdpDirection.ReceiveOnly;
                case "inactive": return SdpDirection.Inactive;
            }
        }
        return null;
    }
}
