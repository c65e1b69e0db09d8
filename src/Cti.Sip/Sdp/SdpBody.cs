namespace Cti.Sip.Sdp;

/// <summary>Finds the session description in a message body: the body itself, or one part of a multipart (RFC 5621).</summary>
public static class SdpBody
{
    private const int PartsMax = 16;

    /// <summary>
    /// The session description's bytes within <paramref name="body"/>; empty when there is none. A missing Content-Type counts as
    /// application/sdp where the body starts as one: some gateways forget it.
    /// </summary>
    public static ReadOnlySpan<byte> Find(string? contentType, ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return default;
        if (contentType is null) return body.StartsWith("v=0"u8) ? body : default;
        var type = MediaType(contentType);
        if (type.Equals("application/sdp", StringComparison.OrdinalIgnoreCase)) return body;
        return type.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase) && Boundary(contentType) is { Length: > 0 and <= 70 } boundary
            ? FindPart(boundary, body)
            : default;
    }

    private static ReadOnlySpan<byte> FindPart(string boundary, ReadOnlySpan<byte> body)
    {
        var delimiter = System.Text.Encoding.ASCII.GetBytes("--" + boundary);
        for (var parts = 0; parts < PartsMax; parts++)
        {
            var start = body.IndexOf(delimiter);
            if (start < 0) return default;
            body = body[(start + delimiter.Length)..];
            if (body.StartsWith("--"u8)) return default;
            var lineEnd = body.IndexOf("\r\n"u8);
            if (lineEnd < 0) return default;
            body = body[(lineEnd + 2)..];
            var end = body.IndexOf(delimiter);
            if (end < 0) return default;
            var part = body[..end];
            if (part.EndsWith("\r\n"u8)) part = part[..^2];
            if (TryContent(part, out var content)) return content;
        }
        return default;
    }

    private static bool TryContent(ReadOnlySpan<byte> part, out ReadOnlySpan<byte> content)
    {
        content = default;
        var isSdp = false;
        while (true)
        {
            var end = part.IndexOf("\r\n"u8);
            if (end < 0) return false;
            var line = System.Text.Encoding.UTF8.GetString(part[..end]);
            part = part[(end + 2)..];
            if (line.Length == 0) break;
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.AsSpan(0, colon).Trim().Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
                isSdp = MediaType(line[(colon + 1)..]).Equals("application/sdp", StringComparison.OrdinalIgnoreCase);
        }
        content = part;
        return isSdp;
    }

    private static string MediaType(string contentType)
    {
        var semicolon = contentType.IndexOf(';', StringComparison.Ordinal);
        return (semicolon < 0 ? contentType : contentType[..semicolon]).Trim();
    }

    private static string? Boundary(string contentType)
    {
        foreach (var parameter in contentType.Split(';').Skip(1))
        {
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && parameter.AsSpan(0, equals).Trim().Equals("boundary", StringComparison.OrdinalIgnoreCase))
                return parameter[(equals + 1)..].Trim().Trim('"');
        }
        return null;
    }
}
