using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text;
using Cti.Kernel;

namespace Cti.Sip.Sdp;

/// <summary>
/// Reads a session description (RFC 8866; RFC 4566 is the same to it). Bounded by <see cref="Limits"/>, never throws, and names what it rejects, which is
/// only what is no description at all or too large. A line is read for what negotiation needs of it (m=, c=, t=, attributes) and passed over where it is
/// odd: that costs the stream that it was needed for, and no other. Lines end with CR, LF or both.
/// </summary>
public static class SdpParser
{
    private static readonly SdpOrigin Nobody = new("-", "0", "0", "IP4", "0.0.0.0");

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
        private readonly ImmutableArray<SdpAttribute>.Builder _sessionAttributes = ImmutableArray.CreateBuilder<SdpAttribute>();
        private readonly ImmutableArray<SdpMedia>.Builder _media = ImmutableArray.CreateBuilder<SdpMedia>();
        private ImmutableArray<SdpAttribute>.Builder? _mediaAttributes;
        private SdpMedia? _current;
        private SdpOrigin? _origin;
        private SdpConnection? _connection;
        private string? _name;
        private string? _timing;
        private bool _hasVersion;
        private int _lines;

        public SdpRejection ReadLines(ReadOnlySpan<byte> text)
        {
            // A byte order mark, as editors leave it.
            if (text.StartsWith("\uFEFF"u8)) text = text[3..];
            while (!text.IsEmpty)
            {
                var end = text.IndexOfAny((byte)'\n', (byte)'\r');
                var line = Trim(end < 0 ? text : text[..end]);
                text = end < 0 ? default : text[(end + 1)..];
                if (line.IsEmpty) continue;
                if (++_lines > Limits.SdpLinesMax) return SdpRejection.TooManyLines;
                var value = Trim(line[1..]);
                if (!value.StartsWith("="u8)) continue;
                var rejection = ReadLine((char)line[0], Trim(value[1..]));
                if (rejection != SdpRejection.None) return rejection;
            }
            return _lines == 0 ? SdpRejection.Empty : SdpRejection.None;
        }

        public SdpRejection Finish(out SdpSession? session)
        {
            session = null;
            CloseMedia();
            // Text that has neither is something else.
            if (!_hasVersion && _media.Count == 0) return SdpRejection.BadVersion;
            session = new SdpSession(_origin ?? Nobody, string.IsNullOrEmpty(_name) ? "-" : _name, _connection, _timing ?? "0 0",
                _sessionAttributes.DrainToImmutable(), _media.DrainToImmutable());
            return SdpRejection.None;
        }

        private SdpRejection ReadLine(char type, ReadOnlySpan<byte> value)
        {
            switch (type)
            {
                case 'v' when !_hasVersion:
                    _hasVersion = true;
                    return value.SequenceEqual("0"u8) ? SdpRejection.None : SdpRejection.BadVersion;
                case 'm': return ReadMedia(Fields(value));
                case 'o': _origin ??= ReadOrigin(Fields(value)); break;
                case 's' when _current is null && IsText(value): _name ??= Encoding.UTF8.GetString(value); break;
                case 't' when _current is null: _timing ??= ReadTiming(Fields(value)); break;
                case 'c' when _current is null: _connection ??= ReadConnection(Fields(value)); break;
                // Several c= in one media description mean hierarchical multicast: the first is as good as any.
                case 'c': _current = _current with { Connection = _current.Connection ?? ReadConnection(Fields(value)) }; break;
                case 'a' when IsText(value): ReadAttribute(Encoding.UTF8.GetString(value)); break;
            }
            return SdpRejection.None;
        }

        private static SdpOrigin? ReadOrigin(string[] fields) =>
            fields.Length == 6 && IsNumber(fields[1]) && IsNumber(fields[2]) && fields[3] == "IN" && fields[4] is ("IP4" or "IP6")
                ? new SdpOrigin(fields[0], fields[1], fields[2], fields[4], fields[5])
                : null;

        private static string? ReadTiming(string[] fields) =>
            fields.Length == 2 && IsNumber(fields[0]) && IsNumber(fields[1]) ? $"{fields[0]} {fields[1]}" : null;

        private static SdpConnection? ReadConnection(string[] fields)
        {
            if (fields.Length == 3 && fields[0].Equals("IN", StringComparison.OrdinalIgnoreCase)
                && fields[1].ToUpperInvariant() is ("IP4" or "IP6") and var family)
            {
                var address = WithoutCount(fields[2]);
                return address.Length == 0 ? null : new SdpConnection(family, address);
            }
            // What stands around an address is no concern of ours.
            foreach (var field in fields)
            {
                var address = WithoutCount(field);
                if (address.AsSpan().ContainsAny('.', ':') && IPAddress.TryParse(address, out _)) return SdpConnection.Of(address);
            }
            return null;
        }

        /// <summary>A TTL or count after the address belongs to multicast, which no call uses; the address itself tells.</summary>
        private static string WithoutCount(string address) => address.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash ? address[..slash] : address;

        private void ReadAttribute(string value)
        {
            var colon = value.IndexOf(':', StringComparison.Ordinal);
            var attributeName = (colon < 0 ? value : value[..colon]).Trim();
            if (attributeName.Length == 0 || attributeName.Contains(' ', StringComparison.Ordinal)) return;
            (_mediaAttributes ?? _sessionAttributes).Add(new SdpAttribute(attributeName, colon < 0 ? null : value[(colon + 1)..].Trim()));
        }

        /// <summary>Every m= line has its place in the answer: one that cannot be read counts as switched off.</summary>
        private SdpRejection ReadMedia(string[] fields)
        {
            CloseMedia();
            if (_media.Count == Limits.SdpMediaMax) return SdpRejection.TooManyMedia;
            var port = fields.Length > 1 ? ReadPort(fields[1]) : (ushort)0;
            ImmutableArray<string> formats = fields.Length > 3 ? [.. fields.AsSpan(3, Math.Min(fields.Length - 3, Limits.SdpFormatsMax))] : [];
            _current = new SdpMedia(fields.Length > 0 ? fields[0] : "x", port, fields.Length > 2 ? fields[2] : "RTP/AVP", formats, null, []);
            _mediaAttributes = ImmutableArray.CreateBuilder<SdpAttribute>();
            return SdpRejection.None;
        }

        private static ushort ReadPort(string text)
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            if (slash >= 0 && !IsNumber(text[(slash + 1)..])) return 0;
            return ushort.TryParse(slash < 0 ? text : text[..slash], NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : (ushort)0;
        }

        private void CloseMedia()
        {
            if (_current is null) return;
            _media.Add(_current with { Attributes = _mediaAttributes!.DrainToImmutable() });
            _current = null;
            _mediaAttributes = null;
        }

        private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(" \t"u8);

        /// <summary>What is between blanks; whatever else cannot be printed separates as well, since an m= line's fields go out again.</summary>
        private static string[] Fields(ReadOnlySpan<byte> value)
        {
            var text = Encoding.UTF8.GetString(value).ToCharArray();
            for (var i = 0; i < text.Length; i++)
            {
                if (char.IsControl(text[i])) text[i] = ' ';
            }
            return new string(text).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }

        private static bool IsText(ReadOnlySpan<byte> value)
        {
            foreach (var one in value)
            {
                if (one is < 0x20 and not (byte)'\t' or 0x7F) return false;
            }
            return true;
        }

        private static bool IsNumber(string text) => text.Length is > 0 and <= 40 && !text.AsSpan().ContainsAnyExceptInRange('0', '9');
    }
}
