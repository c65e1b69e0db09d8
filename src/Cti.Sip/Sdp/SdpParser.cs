using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Cti.Kernel;

namespace Cti.Sip.Sdp;

/// <summary>
/// Reads a session description (RFC 8866; RFC 4566 is the same to it). Bounded by <see cref="Limits"/>, never throws, and names what it
/// rejects. Lenient where far ends are known to be sloppy and nothing depends on it: LF without CR, missing s= and t=, blanks at line ends.
/// </summary>
public static class SdpParser
{
    /// <summary>Reads <paramref name="text"/>; on false <paramref name="rejection"/> says why.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, [NotNullWhen(true)] out SdpSession? session, out SdpRejection rejection)
    {
        session = null;
        if (text.Length > Limits.SdpBytesMax)
        {
            rejection = SdpRejection.TooLarge;
            return false;
        }
        var reader = new Reader();
        rejection = reader.ReadLines(text);
        if (rejection == SdpRejection.None) rejection = reader.Finish(out session);
        return rejection == SdpRejection.None;
    }

    /// <summary>Reads <paramref name="text"/>, e.g. one that was journaled; on false <paramref name="rejection"/> says why.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out SdpSession? session, out SdpRejection rejection)
    {
        if (text.Length <= Limits.SdpBytesMax) return TryParse(Encoding.UTF8.GetBytes(text), out session, out rejection);
        session = null;
        rejection = SdpRejection.TooLarge;
        return false;
    }

    private sealed class Reader
    {
        private readonly ImmutableArray<SdpAttribute>.Builder sessionAttributes = ImmutableArray.CreateBuilder<SdpAttribute>();
        private readonly ImmutableArray<SdpMedia>.Builder media = ImmutableArray.CreateBuilder<SdpMedia>();
        private ImmutableArray<SdpAttribute>.Builder? mediaAttributes;
        private SdpMedia? current;
        private SdpOrigin? origin;
        private SdpConnection? connection;
        private string? name;
        private string? timing;
        private int lines;

        public SdpRejection ReadLines(ReadOnlySpan<byte> text)
        {
            while (!text.IsEmpty)
            {
                var end = text.IndexOf((byte)'\n');
                var line = end < 0 ? text : text[..end];
                text = end < 0 ? default : text[(end + 1)..];
                if (line.EndsWith("\r"u8)) line = line[..^1];
                if (line.IsEmpty)
                {
                    // Blank lines after the last one are common; in between, something was cut.
                    if (text.IndexOfAnyExcept((byte)'\r', (byte)'\n') < 0) break;
                    return lines == 0 ? SdpRejection.BadVersion : SdpRejection.BadLine;
                }
                if (++lines > Limits.SdpLinesMax) return SdpRejection.TooManyLines;
                if (line.Length < 2 || line[1] != '=' || line.IndexOfAny((byte)0, (byte)'\r') >= 0) return SdpRejection.BadLine;
                var rejection = ReadLine((char)line[0], Encoding.UTF8.GetString(line[2..]).TrimEnd(' ', '\t'));
                if (rejection != SdpRejection.None) return rejection;
            }
            return lines == 0 ? SdpRejection.Empty : SdpRejection.None;
        }

        public SdpRejection Finish(out SdpSession? session)
        {
            session = null;
            CloseMedia();
            if (origin is null) return SdpRejection.MissingOrigin;
            foreach (var description in media)
                if (description.Port != 0 && description.Connection is null && connection is null) return SdpRejection.MissingConnection;
            session = new SdpSession(origin, string.IsNullOrWhiteSpace(name) ? "-" : name, connection, timing ?? "0 0",
                sessionAttributes.DrainToImmutable(), media.DrainToImmutable());
            return SdpRejection.None;
        }

        private SdpRejection ReadLine(char type, string value)
        {
            if (lines == 1) return type == 'v' && value == "0" ? SdpRejection.None : SdpRejection.BadVersion;
            switch (type)
            {
                case 'v': return SdpRejection.BadOrder;
                case 'o': return origin is null && current is null ? ReadOrigin(value) : SdpRejection.BadOrder;
                case 's':
                    if (current is not null || name is not null) return SdpRejection.BadOrder;
                    name = value;
                    return SdpRejection.None;
                case 't': return current is null ? ReadTiming(value) : SdpRejection.BadOrder;
                case 'c': return ReadConnection(value);
                case 'a': return ReadAttribute(value);
                case 'm': return ReadMedia(value);
                case 'i' or 'b' or 'k': return SdpRejection.None;
                case 'u' or 'e' or 'p' or 'r' or 'z': return current is null ? SdpRejection.None : SdpRejection.BadOrder;
                default: return SdpRejection.UnknownType;
            }
        }

        private SdpRejection ReadOrigin(string value)
        {
            var fields = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 6 || !IsNumber(fields[1]) || !IsNumber(fields[2]) || fields[3] != "IN" || fields[4] is not ("IP4" or "IP6"))
                return SdpRejection.BadOrigin;
            origin = new SdpOrigin(fields[0], fields[1], fields[2], fields[4], fields[5]);
            return SdpRejection.None;
        }

        private SdpRejection ReadTiming(string value)
        {
            var fields = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 2 || !IsNumber(fields[0]) || !IsNumber(fields[1])) return SdpRejection.BadTiming;
            timing ??= $"{fields[0]} {fields[1]}";
            return SdpRejection.None;
        }

        private SdpRejection ReadConnection(string value)
        {
            var fields = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 3 || fields[0] != "IN" || fields[1] is not ("IP4" or "IP6")) return SdpRejection.BadConnection;
            // A TTL or count after the address belongs to multicast, which no call uses; the address itself tells.
            var slash = fields[2].IndexOf('/', StringComparison.Ordinal);
            var address = slash < 0 ? fields[2] : fields[2][..slash];
            if (address.Length == 0) return SdpRejection.BadConnection;
            var read = new SdpConnection(fields[1], address);
            if (current is null)
            {
                if (connection is not null) return SdpRejection.BadOrder;
                connection = read;
            }
            else
            {
                // Several c= in one media description mean hierarchical multicast: the first is as good as any.
                current = current with { Connection = current.Connection ?? read };
            }
            return SdpRejection.None;
        }

        private SdpRejection ReadAttribute(string value)
        {
            var colon = value.IndexOf(':', StringComparison.Ordinal);
            var attributeName = colon < 0 ? value : value[..colon];
            if (attributeName.Length == 0 || attributeName.Contains(' ', StringComparison.Ordinal)) return SdpRejection.BadAttribute;
            (mediaAttributes ?? sessionAttributes).Add(new SdpAttribute(attributeName, colon < 0 ? null : value[(colon + 1)..]));
            return SdpRejection.None;
        }

        private SdpRejection ReadMedia(string value)
        {
            CloseMedia();
            if (media.Count == Limits.SdpMediaMax) return SdpRejection.TooManyMedia;
            var fields = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 4) return SdpRejection.BadMedia;
            if (fields.Length - 3 > Limits.SdpFormatsMax) return SdpRejection.TooManyFormats;
            var slash = fields[1].IndexOf('/', StringComparison.Ordinal);
            var portText = slash < 0 ? fields[1] : fields[1][..slash];
            if (slash >= 0 && !IsNumber(fields[1][(slash + 1)..])) return SdpRejection.BadPort;
            if (!ushort.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out var port)) return SdpRejection.BadPort;
            current = new SdpMedia(fields[0], port, fields[2], [.. fields.AsSpan(3)], null, []);
            mediaAttributes = ImmutableArray.CreateBuilder<SdpAttribute>();
            return SdpRejection.None;
        }

        private void CloseMedia()
        {
            if (current is null) return;
            media.Add(current with { Attributes = mediaAttributes!.DrainToImmutable() });
            current = null;
            mediaAttributes = null;
        }

        private static bool IsNumber(string text) => text.Length is > 0 and <= 40 && !text.AsSpan().ContainsAnyExceptInRange('0', '9');
    }
}
