using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Cti.Sip.Message;

namespace Cti.Testing.Peers;

/// <summary>Messages put together by hand, header by header: a far end must not share the code that it is a check of.</summary>
internal static class RawSip
{
    public static SipResponse Respond(SipRequest request, int status, string localTag, IPEndPoint local)
    {
        var response = new SipResponse(status);
        response.AddAll(request, HeaderId.Via);
        response.AddAll(request, HeaderId.RecordRoute);
        response.AddAll(request, HeaderId.From);
        var to = request.Get(HeaderId.To)!;
        response.Add(HeaderId.To, request.To.Tag is null && status > 100 ? $"{to};tag={localTag}" : to);
        response.AddAll(request, HeaderId.CallId);
        response.AddAll(request, HeaderId.CSeq);
        if (status is > 100 and < 300) response.Add(HeaderId.Contact, $"<sip:phone@{Host(local)}>");
        return response;
    }

    public static string Host(IPEndPoint endpoint) => string.Create(CultureInfo.InvariantCulture,
        $"{(endpoint.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{endpoint.Address}]" : endpoint.Address.ToString())}"
            + $":{endpoint.Port}");

    /// <summary>A session description: what <paramref name="sound"/> has and telephone-event, or the first that <paramref name="offer"/> has too.</summary>
    public static byte[] Sdp(IPEndPoint rtp, int version, string direction, PeerSound sound, SdpFacts? offer = null)
    {
        var family = rtp.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? "IP6" : "IP4";
        var keys = offer is null ? 101 : offer.KeysPayload;
        int[] codecs = offer is null ? [.. sound.Payloads.Select(payload => payload == PeerSound.Opus ? sound.OpusPayload : payload)] : [offer.FirstOf(sound)];
        var opus = offer?.OpusPayload ?? sound.OpusPayload;
        var crypto = sound.Key is null || (offer is not null && offer.CryptoTag is null) ? ""
            : string.Create(CultureInfo.InvariantCulture, $"a=crypto:{offer?.CryptoTag ?? 1} {PeerSound.Suite} inline:{sound.Key}\r\n");
        var profile = offer?.Profile ?? (crypto.Length > 0 ? "RTP/SAVP" : "RTP/AVP");
        var formats = string.Join(' ', keys >= 0 ? [.. codecs, keys] : codecs);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"v=0\r\no=phone 4711 {version} IN {family} {rtp.Address}\r\ns=-\r\nc=IN {family} {rtp.Address}\r\nt=0 0\r\n");
        text.Append(CultureInfo.InvariantCulture, $"m=audio {rtp.Port} {profile} {formats}\r\n");
        foreach (var codec in codecs)
        {
            var name = codec == opus ? "opus/48000/2" : codec switch { 0 => "PCMU/8000", 8 => "PCMA/8000", _ => "G722/8000" };
            text.Append(CultureInfo.InvariantCulture, $"a=rtpmap:{codec} {name}\r\n");
        }
        if (keys >= 0) text.Append(CultureInfo.InvariantCulture, $"a=rtpmap:{keys} telephone-event/8000\r\na=fmtp:{keys} 0-15\r\n");
        text.Append(CultureInfo.InvariantCulture, $"a={direction}\r\n{crypto}");
        return Encoding.ASCII.GetBytes(text.ToString());
    }
}

/// <summary>How a far end's sound is coded and protected.</summary>
/// <param name="Payloads">What it offers, and takes of an offer, in its order: 0, 8, 9 (G.722) and <see cref="Opus"/>.</param>
/// <param name="Key">Its SRTP key and salt, in base64; null where it speaks in clear.</param>
public sealed record PeerSound(IReadOnlyList<int> Payloads, string? Key)
{
    /// <summary>Stands for Opus in <see cref="Payloads"/>, and is its payload type in the first offer.</summary>
    public const int Opus = 96;

    /// <summary>What protects it.</summary>
    public const string Suite = "AES_CM_128_HMAC_SHA1_80";

    /// <summary>The payload type of Opus: once it is agreed on, it stays (RFC 3264 section 8.3.2).</summary>
    public int OpusPayload { get; init; } = Opus;

    /// <summary>G.711 in clear.</summary>
    public static PeerSound Plain { get; } = new([8, 0], null);

    /// <summary>A key that belongs to a call alone.</summary>
    public static string KeyOf(string callId) => Convert.ToBase64String(SHA512.HashData(Encoding.UTF8.GetBytes(callId)).AsSpan(0, 30));
}

/// <summary>What a phone needs to know of a session description.</summary>
/// <param name="Rtp">Where sound goes.</param>
/// <param name="Payloads">Formats in order.</param>
/// <param name="KeysPayload">The payload type of telephone-event, -1 where there is none.</param>
/// <param name="Direction">sendrecv, sendonly, recvonly or inactive.</param>
public sealed record SdpFacts(IPEndPoint Rtp, IReadOnlyList<int> Payloads, int KeysPayload, string Direction)
{
    /// <summary>The profile of its line, RTP/AVP or RTP/SAVP.</summary>
    public string Profile { get; init; } = "RTP/AVP";

    /// <summary>The payload type of Opus; null where it has none.</summary>
    public int? OpusPayload { get; init; }

    /// <summary>The number of the line with a key for <see cref="PeerSound.Suite"/>; null where there is none.</summary>
    public int? CryptoTag { get; init; }

    /// <summary>The key in that line.</summary>
    public string? CryptoKey { get; init; }

    /// <summary>The first of a far end's codecs that is in here.</summary>
    public int FirstOf(PeerSound sound) =>
        sound.Payloads.Select(payload => payload == PeerSound.Opus ? OpusPayload ?? -1 : payload).First(payload => Payloads.Contains(payload));

    /// <summary>The direction that answers it.</summary>
    public string Answer => Direction switch
    {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        _ => Direction,
    };

    /// <summary>Reads a body line by line; null where it has no audio.</summary>
    public static SdpFacts? Read(ReadOnlyMemory<byte> body)
    {
        IPAddress? address = null;
        var port = 0;
        List<int> payloads = [];
        var keys = -1;
        var direction = "sendrecv";
        var profile = "";
        int? opus = null, tag = null;
        string? key = null;
        foreach (var line in Encoding.UTF8.GetString(body.Span).Split("\r\n"))
        {
            var words = line.Split(' ');
            if (line.StartsWith("c=", StringComparison.Ordinal)) address = IPAddress.Parse(words[2]);
            else if (line.StartsWith("m=audio ", StringComparison.Ordinal))
            {
                port = int.Parse(words[1], CultureInfo.InvariantCulture);
                profile = words[2];
                payloads = [.. words.Skip(3).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            }
            else if (line.StartsWith("a=rtpmap:", StringComparison.Ordinal) && line.Contains("telephone-event/8000", StringComparison.Ordinal))
                keys = int.Parse(words[0]["a=rtpmap:".Length..], CultureInfo.InvariantCulture);
            else if (line.StartsWith("a=rtpmap:", StringComparison.Ordinal) && line.Contains("opus/48000/2", StringComparison.OrdinalIgnoreCase))
                opus = int.Parse(words[0]["a=rtpmap:".Length..], CultureInfo.InvariantCulture);
            else if (line.StartsWith("a=crypto:", StringComparison.Ordinal) && words[1] == PeerSound.Suite)
                (tag, key) = (int.Parse(words[0]["a=crypto:".Length..], CultureInfo.InvariantCulture), words[2]);
            else if (line is "a=sendrecv" or "a=sendonly" or "a=recvonly" or "a=inactive") direction = line[2..];
        }
        return address is null || port == 0 ? null : new SdpFacts(new IPEndPoint(address, port), payloads, keys, direction)
        {
            Profile = profile, OpusPayload = opus, CryptoTag = tag, CryptoKey = key,
        };
    }
}
