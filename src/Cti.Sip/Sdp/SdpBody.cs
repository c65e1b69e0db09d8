using System.Buffers.Text;
using System.Text;
using Cti.Kernel;

namespace Cti.Sip.Sdp;

/// <summary>
/// Finds the session description in a message body: the body itself, or one part of a multipart (RFC 2046 section 5.1, RFC 5621), however deep to a bound.
/// A multipart of an unknown subtype is a mixed one. Lines may end with LF alone, and the last boundary may be missing: the message says where it ends.
/// </summary>
public static class SdpBody
{
    private const int BoundaryMax = 70;

    /// <summary>
    /// The session description's bytes, within <paramref name="body"/> or decoded from it; empty when there is none. A missing Content-Type counts as
    /// application/sdp where the body starts as one: some gateways forget it.
    /// </summary>
    public static ReadOnlySpan<byte> Find(string? contentType, ReadOnlySpan<byte> body)
    {
        var parts = Limits.SipBodyPartsMax;
        return Find(contentType, body, 0, ref parts);
    }

    /// <summary>Whether there is nothing in a body but blanks and line ends, as some far ends send it with a request that has none.</summary>
    public static bool IsBlank(ReadOnlySpan<byte> body) => body.IndexOfAnyExcept(" \t\r\n"u8) < 0;

    private static ReadOnlySpan<byte> Find(string? contentType, ReadOnlySpan<byte> body, int depth, scoped ref int parts)
    {
        if (IsBlank(body)) return default;
        if (string.IsNullOrWhiteSpace(contentType)) return StartsAsSdp(body) ? body : default;
        var type = MediaType(contentType);
        if (type.Equals("application/sdp", StringComparison.OrdinalIgnoreCase)) return body;
        if (depth == Limits.SipBodyDepthMax || !type.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase)) return default;
        var boundary = Parameter(contentType, "boundary") is { Length: > 0 and <= BoundaryMax } named ? Encoding.UTF8.GetBytes(named) : FirstDelimiter(body);
        // Alternatives stand in the order of rising preference (RFC 2046 section 5.1.4).
        var takesLast = type.EndsWith("/alternative", StringComparison.OrdinalIgnoreCase);
        return boundary.IsEmpty ? default : FindPart(boundary, body, takesLast, depth, ref parts);
    }

    private static ReadOnlySpan<byte> FindPart(ReadOnlySpan<byte> boundary, ReadOnlySpan<byte> body, bool takesLast, int depth, scoped ref int parts)
    {
        ReadOnlySpan<byte> found = default;
        if (!NextDelimiter(body, boundary, out _, out var next, out var isLast)) return default;
        while (!isLast && next < body.Length && parts-- > 0)
        {
            body = body[next..];
            _ = NextDelimiter(body, boundary, out var end, out next, out isLast);
            var content = Content(body[..end], depth, ref parts);
            if (content.IsEmpty) continue;
            if (!takesLast) return content;
            found = content;
        }
        return found;
    }

    /// <summary>
    /// A line of the boundary: where the part before it ends (the line end before it belongs to the boundary), and where what follows begins.
    /// </summary>
    private static bool NextDelimiter(ReadOnlySpan<byte> body, ReadOnlySpan<byte> boundary, out int end, out int next, out bool isLast)
    {
        for (var at = 0; at < body.Length; at = next)
        {
            var line = Line(body[at..], out var length);
            next = at + length;
            if (!line.StartsWith("--"u8) || !line[2..].StartsWith(boundary)) continue;
            var rest = line[(2 + boundary.Length)..];
            isLast = rest.StartsWith("--"u8);
            if (IsBlank(isLast ? rest[2..] : rest))
            {
                end = at;
                if (end > 0 && body[end - 1] == '\n') end--;
                if (end > 0 && body[end - 1] == '\r') end--;
                return true;
            }
        }
        (end, next, isLast) = (body.Length, body.Length, true);
        return false;
    }

    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> part, int depth, scoped ref int parts)
    {
        string? type = null;
        var encoding = "";
        var disposition = "";
        var content = part;
        while (!content.IsEmpty)
        {
            var line = Line(content, out var length);
            // Without a header the part begins with an empty line, which some forget.
            if (line.IndexOf((byte)':') <= 0 && !line.IsEmpty && !IsContinued(line)) break;
            content = content[length..];
            if (line.IsEmpty) break;
            while (!content.IsEmpty && IsContinued(content))
            {
                line = (byte[])[.. line, .. Line(content, out length)];
                content = content[length..];
            }
            var colon = line.IndexOf((byte)':');
            if (colon <= 0) continue;
            var value = Encoding.UTF8.GetString(line[(colon + 1)..]).Trim();
            switch (Encoding.UTF8.GetString(line[..colon]).Trim().ToUpperInvariant())
            {
                case "CONTENT-TYPE": type = value; break;
                case "CONTENT-TRANSFER-ENCODING": encoding = value; break;
                case "CONTENT-DISPOSITION": disposition = value; break;
            }
        }
        // Early media of an application server (RFC 3959) is another session.
        if (MediaType(disposition).Equals("early-session", StringComparison.OrdinalIgnoreCase)) return default;
        return Find(type, Decoded(encoding, content), depth + 1, ref parts);
    }

    private static bool IsContinued(ReadOnlySpan<byte> line) => line[0] is (byte)' ' or (byte)'\t';

    /// <summary>
    /// A part as it was before it was made fit for mail (RFC 2045 section 6); nothing where it is longer than a description may be, or broken.
    /// </summary>
    private static ReadOnlySpan<byte> Decoded(string encoding, ReadOnlySpan<byte> content) => encoding.ToUpperInvariant() switch
    {
        "BASE64" => FromBase64(content),
        "QUOTED-PRINTABLE" => content.Length > 3 * Limits.SdpBytesMax ? default : FromQuotedPrintable(content),
        _ => content,
    };

    private static ReadOnlySpan<byte> FromBase64(ReadOnlySpan<byte> content)
    {
        if (content.Length > 2 * Limits.SdpBytesMax) return default;
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(content.Length)];
        return Base64.DecodeFromUtf8(content, bytes, out _, out var written) == global::System.Buffers.OperationStatus.Done
            ? bytes.AsSpan(0, written)
            : default;
    }

    private static Span<byte> FromQuotedPrintable(ReadOnlySpan<byte> content)
    {
        var bytes = new byte[content.Length];
        var count = 0;
        while (!content.IsEmpty)
        {
            var line = Line(content, out var length).TrimEnd(" \t"u8);
            var endsHard = length > line.Length && !line.EndsWith("="u8);
            content = content[length..];
            if (line.EndsWith("="u8)) line = line[..^1];
            for (var i = 0; i < line.Length; i++)
            {
                if (line[i] == '=' && i + 2 < line.Length && char.IsAsciiHexDigit((char)line[i + 1]) && char.IsAsciiHexDigit((char)line[i + 2]))
                {
                    bytes[count++] = Convert.FromHexString(Encoding.ASCII.GetString(line.Slice(i + 1, 2)))[0];
                    i += 2;
                }
                else
                {
                    bytes[count++] = line[i];
                }
            }
            if (endsHard) bytes[count++] = (byte)'\n';
        }
        return bytes.AsSpan(0, count);
    }

    /// <summary>The first line without its end, and how long it is with it.</summary>
    private static ReadOnlySpan<byte> Line(ReadOnlySpan<byte> text, out int length)
    {
        var end = text.IndexOf((byte)'\n');
        length = end < 0 ? text.Length : end + 1;
        var line = end < 0 ? text : text[..end];
        return line.EndsWith("\r"u8) ? line[..^1] : line;
    }

    private static bool StartsAsSdp(ReadOnlySpan<byte> body)
    {
        if (body.StartsWith("\uFEFF"u8)) body = body[3..];
        return body.TrimStart(" \t\r\n"u8).StartsWith("v=0"u8);
    }

    /// <summary>Where the boundary is not named: the first line that looks like one.</summary>
    private static ReadOnlySpan<byte> FirstDelimiter(ReadOnlySpan<byte> body)
    {
        while (!body.IsEmpty)
        {
            var line = Line(body, out var length).TrimEnd(" \t"u8);
            if (line.Length is > 2 and <= 2 + BoundaryMax && line.StartsWith("--"u8)) return line[2..];
            body = body[length..];
        }
        return default;
    }

    private static string MediaType(string contentType)
    {
        var semicolon = contentType.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? contentType : contentType[..semicolon]).Trim();
    }

    /// <summary>The value of a parameter, without quotes: within them a semicolon is only a character (RFC 2045 section 5.1).</summary>
    private static string? Parameter(string header, string name)
    {
        var at = header.IndexOf(';', StringComparison.Ordinal);
        while (at >= 0 && at < header.Length)
        {
            var start = ++at;
            var value = new StringBuilder();
            var equals = -1;
            var isQuoted = false;
            for (; at < header.Length && (isQuoted || header[at] != ';'); at++)
            {
                if (equals < 0 && header[at] == '=') equals = at;
                else if (header[at] == '"') isQuoted = !isQuoted;
                else if (equals >= 0) value.Append(isQuoted && header[at] == '\\' && at + 1 < header.Length ? header[++at] : header[at]);
            }
            if (equals > 0 && header.AsSpan(start, equals - start).Trim().Equals(name, StringComparison.OrdinalIgnoreCase)) return value.ToString().Trim();
        }
        return null;
    }
}
