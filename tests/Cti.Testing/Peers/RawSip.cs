using System.Globalization;
using System.Net;
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

    /// <summary>A session description: PCMA, PCMU and telephone-event, or of these what <paramref name="offer"/> has.</summary>
    public static byte[] Sdp(IPEndPoint rtp, int version, string direction, SdpFacts? offer = null)
    {
        var family = rtp.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? "IP6" : "IP4";
        var keys = offer is null ? 101 : offer.KeysPayload;
        int[] codecs = offer is null ? [8, 0] : [offer.Payloads.First(payload => payload is 8 or 0)];
        var formats = string.Join(' ', keys >= 0 ? [.. codecs, keys] : codecs);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"v=0\r\no=phone 4711 {version} IN {family} {rtp.Address}\r\ns=-\r\nc=IN {family} {rtp.Address}\r\nt=0 0\r\n");
        text.Append(CultureInfo.InvariantCulture, $"m=audio {rtp.Port} RTP/AVP {formats}\r\n");
        foreach (var codec in codecs) text.Append(CultureInfo.InvariantCulture, $"a=rtpmap:{codec} {(codec == 8 ? "PCMA" : "PCMU")}/8000\r\n");
        if (keys >= 0) text.Append(CultureInfo.InvariantCulture, $"a=rtpmap:{keys} telephone-event/8000\r\na=fmtp:{keys} 0-15\r\n");
        text.Append(CultureInfo.InvariantCulture, $"a={direction}\r\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }
}

/// <summary>What a phone needs to know of a session description.</summary>
/// <param name="Rtp">Where sound goes.</param>
/// <param name="Payloads">Formats in order.</param>
/// <param name="KeysPayload">The payload type of telephone-event, -1 where there is none.</param>
/// <param name="Direction">sendrecv, sendonly, recvonly or inactive.</param>
public sealed record SdpFacts(IPEndPoint Rtp, IReadOnlyList<int> Payloads, int KeysPayload, string Direction)
{
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
        foreach (var line in Encoding.UTF8.GetString(body.Span).Split("\r\n"))
        {
            var words = line.Split(' ');
            if (line.StartsWith("c=", StringComparison.Ordinal)) address = IPAddress.Parse(words[2]);
            else if (line.StartsWith("m=audio ", StringComparison.Ordinal))
            {
                port = int.Parse(words[1], CultureInfo.InvariantCulture);
                payloads = [.. words.Skip(3).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            }
            else if (line.StartsWith("a=rtpmap:", StringComparison.Ordinal) && line.Contains("telephone-event/8000", StringComparison.Ordinal))
                keys = int.Parse(words[0]["a=rtpmap:".Length..], CultureInfo.InvariantCulture);
            else if (line is "a=sendrecv" or "a=sendonly" or "a=recvonly" or "a=inactive") direction = line[2..];
        }
        return address is null || port == 0 ? null : new SdpFacts(new IPEndPoint(address, port), payloads, keys, direction);
    }
}
