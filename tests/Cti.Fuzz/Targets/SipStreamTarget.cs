using System.Security.Cryptography;
using System.Text;
using Cti.Kernel;
using Cti.Sip.Message;
using Cti.Transport.Sip;

namespace Cti.Fuzz.Targets;

/// <summary>
/// SIP over a stream. Into which records and segments it was cut means nothing: whole, byte by byte and in pieces it is the same messages and the same
/// questions whether anybody is there, until it cannot be read on. What waits is never longer than a message, and a message has the body that it says.
/// </summary>
public sealed class SipStreamTarget : IFuzzTarget
{
    /// <summary>Byte by byte each is looked at from the beginning of its message: of longer inputs only pieces are tried.</summary>
    private const int SingleBytesMax = 1_024;

    public string Name => "sip-stream";

    public IEnumerable<byte[]> Seeds =>
    [
        .. new[]
        {
            Message("INVITE", "Content-Length: 5\r\n") + "v=0\r\n\r\n\r\n" + Message("ACK", "l: 0\r\n"),
            "\r\n\r\n" + Message("OPTIONS", "Content-Length: 0\r\n") + "\r\n" + Message("BYE", "Content-Length: 0\r\n") + "\r\n\r\n\r\n",
            Message("INFO", "Content-Length: 400\r\n") + Message("BYE", "Content-Length: 0\r\n") + Message("OPTIONS", "Content-Length: 0\r\n"),
            Message("INFO", "Content-Length: 3\r\nContent-Length: 3\r\n") + "abc" + Message("INFO", "Content-Length: 3\r\nl: 4\r\n") + "abcd",
            Message("BYE", "") + Message("ACK", "") + Message("MESSAGE", ""), "\r\n\r\r\n\n" + Message("OPTIONS", "Content-Length:\r\n 0\r\n"),
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: c\r\n"
                + "CSeq: 1 INVITE\r\nContent-Length: 2\r\n\r\n\r\n" + Message("INFO", "Content-Length: 99999999\r\n"),
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + Message("OPTIONS", "Content-Length: 0\r\n"),
        }.Select(Encoding.ASCII.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        var whole = Read(bytes, static _ => int.MaxValue);
        if (bytes.Length <= SingleBytesMax) Same(whole, Read(bytes, static _ => 1), "byte by byte");
        // Pieces that the input itself draws: records of a few bytes, of some hundred, two of any length.
        var draws = SHA256.HashData(bytes);
        Same(whole, Read(bytes, at => 1 + draws[at % draws.Length] % 16), "in small pieces");
        Same(whole, Read(bytes, at => 1 + draws[at % draws.Length] * 5), "in pieces");
        var cut = bytes.Length == 0 ? 0 : BitConverter.ToUInt16(draws) % bytes.Length;
        Same(whole, Read(bytes, at => at < cut ? cut - at : int.MaxValue), $"cut at {cut}");
    }

    private static string Message(string method, string more) => $"{method} sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.7;branch=z9hG4bK{method}\r\n"
        + $"Max-Forwards: 70\r\nFrom: <sip:b@192.0.2.7>;tag=1\r\nTo: <sip:u@192.0.2.1>;tag=2\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n{more}\r\n";

    private static void Same(List<string> whole, List<string> cut, string how)
    {
        for (var at = 0; at < Math.Max(whole.Count, cut.Count); at++)
        {
            var (one, other) = (at < whole.Count ? whole[at] : "nothing", at < cut.Count ? cut[at] : "nothing");
            if (one != other) throw new InvalidOperationException($"{how} there is {other} where there was {one} at once");
        }
    }

    /// <summary>What comes of a stream, up to what cannot be read, as the connection reads it: what is not used is given again with what follows.</summary>
    private static List<string> Read(byte[] bytes, Func<int, int> piece)
    {
        var came = new List<string>();
        var cutter = new SipStreamCutter();
        var (start, end, seen) = (0, 0, 0);
        while (end < bytes.Length)
        {
            end += Math.Min(piece(end), bytes.Length - end);
            while (true)
            {
                var part = cutter.Next(bytes.AsSpan(start, end - start), out var used, out var result);
                if (used < 0 || used > end - start) throw new InvalidOperationException("took what is not there");
                start += used;
                if (part == StreamPart.Nothing) break;
                if (used == 0) throw new InvalidOperationException($"{part} of no bytes");
                if (part == StreamPart.Ping) came.Add("a ping");
                if (part != StreamPart.Message) continue;
                if (result.Outcome != SipParseOutcome.Message)
                {
                    came.Add("what is none");
                    return came;
                }
                came.Add(Told(result.Message!, bytes.AsSpan(seen, start - seen)));
                seen = start;
            }
            if (end - start > Limits.SipMessageBytesMax) throw new InvalidOperationException($"{end - start} bytes wait");
        }
        return came;
    }

    private static string Told(SipMessage message, ReadOnlySpan<byte> bytes)
    {
        if (!bytes.EndsWith(message.Body.Span)) throw new InvalidOperationException("the body is not what stands behind the fields");
        // Of more fields than a message may have the last are left out, the length among them maybe.
        if (long.TryParse(message.Get(HeaderId.ContentLength), out var length) && length != message.Body.Length)
            throw new InvalidOperationException($"a body of {message.Body.Length} bytes that says it has {length}");
        return $"{message} {message.CSeq} {message.CallId} {Convert.ToHexString(SHA256.HashData(message.Body.Span))[..8]} of {bytes.Length}";
    }
}
