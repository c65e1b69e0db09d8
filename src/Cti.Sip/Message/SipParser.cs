using Cti.Kernel;

namespace Cti.Sip.Message;

/// <summary>
/// Reads SIP messages (RFC 3261 sections 7 and 25). Keeps no state and never throws, whatever comes. A message owns the bytes that it was read from:
/// the overloads for spans copy them once, the overloads for memory take what they are given.
/// </summary>
public static class SipParser
{
    /// <summary>Reads a datagram that the caller goes on using.</summary>
    public static SipParseResult ParseDatagram(ReadOnlySpan<byte> datagram) =>
        IsBlank(datagram) ? Drop(SipRejection.Empty, datagram.Length) : ParseDatagram(new ReadOnlyMemory<byte>(datagram.ToArray()));

    /// <summary>Reads a datagram that nobody changes any more. What follows the body of Content-Length bytes is ignored (RFC 3261 section 18.3).</summary>
    public static SipParseResult ParseDatagram(ReadOnlyMemory<byte> datagram)
    {
        var span = datagram.Span;
        if (span.Length > Limits.SipMessageBytesMax) return Drop(SipRejection.TooLarge, span.Length);
        if (IsBlank(span)) return Drop(SipRejection.Empty, span.Length);
        var start = LeadingLineEnds(span);
        var head = HeadLength(span[start..]);
        var terminated = head >= 0;
        if (!terminated) head = span.Length - start;
        var bodyStart = start + head;
        var result = ReadHead(datagram.Slice(start, head), terminated);
        if (result.Message is not { } message) return result with { Consumed = span.Length };
        var rejection = result.Rejection;
        if (!terminated && rejection == SipRejection.None) rejection = SipRejection.Unterminated;
        var rest = span.Length - bodyStart;
        var kind = ContentLength(message, out var length);
        if (kind == LengthKind.Bad && rejection == SipRejection.None) rejection = SipRejection.BadContentLength;
        if (kind == LengthKind.Good && length > rest && rejection == SipRejection.None) rejection = SipRejection.ShortBody;
        // A datagram has an end of its own.
        if (kind != LengthKind.Good || length > rest) length = rest;
        message.SetBodyRaw(datagram.Slice(bodyStart, (int)length));
        if (IsForgiven(message, rejection)) rejection = SipRejection.None;
        return Finish(message, span.Length, rejection, result.Status);
    }

    /// <summary>
    /// Reads the first message of what a stream has brought so far and the caller goes on using; nothing is copied before the message is whole.
    /// </summary>
    public static SipParseResult ParseStream(ReadOnlySpan<byte> buffered)
    {
        var start = LeadingLineEnds(buffered);
        var text = buffered[start..];
        // Whatever follows, also where all of it is there: into which pieces it was cut makes no difference.
        if (IsHopeless(text)) return Drop(SipRejection.BadStartLine, buffered.Length, fatal: true);
        var head = HeadLength(text);
        if (head < 0)
        {
            return text.Length > Limits.SipMessageBytesMax ? Drop(SipRejection.TooLarge, buffered.Length, fatal: true)
                : new SipParseResult(SipParseOutcome.NeedMore, null, 0);
        }
        if (head > Limits.SipMessageBytesMax) return Drop(SipRejection.TooLarge, buffered.Length, fatal: true);
        // How long the body is has to be known before anything is copied: look at the raw lines.
        var kind = FindContentLength(text[..head], out var length);
        // Without it there is no body as a rule, and what follows decides whether the stream can be read on.
        if (kind == LengthKind.Missing && MayLackLength(text)) kind = LengthKind.Good;
        if (kind != LengthKind.Good) return RejectUnframed(text[..head], buffered.Length, kind);
        if (head + length > Limits.SipMessageBytesMax) return RejectTooLarge(text[..head], buffered.Length);
        var total = head + (int)length;
        if (text.Length < total) return new SipParseResult(SipParseOutcome.NeedMore, null, 0);
        var owned = new ReadOnlyMemory<byte>(text[..total].ToArray());
        var result = ReadHead(owned[..head], terminated: true);
        if (result.Message is not { } message) return result with { Consumed = start + total };
        message.SetBodyRaw(owned[head..]);
        return Finish(message, start + total, IsForgiven(message, result.Rejection) ? SipRejection.None : result.Rejection, result.Status);
    }

    /// <summary>Line ends before a message: allowed (RFC 3261 section 7.5), and used as keep-alive (RFC 5626 section 3.5.1).</summary>
    public static int LeadingLineEnds(ReadOnlySpan<byte> buffered)
    {
        var count = 0;
        while (count + 1 < buffered.Length && buffered[count] == '\r' && buffered[count + 1] == '\n') count += 2;
        return count;
    }

    private enum LengthKind
    {
        Good,
        Missing,
        Bad,
    }

    private static SipParseResult Finish(SipMessage message, int consumed, SipRejection rejection, int status)
    {
        if (rejection == SipRejection.None)
        {
            rejection = SipMessageChecks.Find(message);
            if (rejection == SipRejection.None) return new SipParseResult(SipParseOutcome.Message, message, consumed);
        }
        if (status == 0) status = 400;
        // Only a request is answered, never an ACK, and only where there is a Via, however malformed, by which its sender knows the answer.
        var answerable = message is SipRequest { Method: not SipMethods.Ack } && message.Has(HeaderId.Via);
        return new SipParseResult(SipParseOutcome.Rejected, message, consumed, rejection, answerable ? status : 0);
    }

    /// <summary>
    /// Whether a fault has nothing to do with what a response, an ACK or a BYE is for. RFC 3261 section 18.3 has a response dropped whose body is short;
    /// an answer that is never acknowledged costs a call, and what its body lacks is noticed by who reads it.
    /// </summary>
    private static bool IsForgiven(SipMessage message, SipRejection rejection) => SipMessageChecks.IsTakenAsItIs(message) && rejection is
        SipRejection.BadStartLine or SipRejection.BadRequestUri or SipRejection.TooManyHeaders or SipRejection.BadContentLength or SipRejection.ShortBody
            or SipRejection.Unterminated;

    private static bool MayLackLength(ReadOnlySpan<byte> text) => text.StartsWith("SIP/2.0 "u8) || text.StartsWith("ACK "u8) || text.StartsWith("BYE "u8);

    private static SipParseResult Drop(SipRejection rejection, int consumed, bool fatal = false) =>
        new(SipParseOutcome.Rejected, null, consumed, rejection, 0, fatal);

    private static SipParseResult RejectUnframed(ReadOnlySpan<byte> head, int consumed, LengthKind kind)
    {
        var rejection = kind == LengthKind.Missing ? SipRejection.NoContentLength : SipRejection.BadContentLength;
        return RejectFatally(head, consumed, rejection, 400);
    }

    private static SipParseResult RejectTooLarge(ReadOnlySpan<byte> head, int consumed) => RejectFatally(head, consumed, SipRejection.TooLarge, 413);

    private static SipParseResult RejectFatally(ReadOnlySpan<byte> head, int consumed, SipRejection rejection, int status)
    {
        var result = ReadHead(head.ToArray(), terminated: true);
        if (result.Message is null) return result with { Consumed = consumed, IsFatal = true };
        return Finish(result.Message, consumed, rejection, status) with { IsFatal = true };
    }

    /// <summary>Length of start line and header fields with the empty line that ends them; -1 while that has not come.</summary>
    private static int HeadLength(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOf("\r\n\r\n"u8);
        return end < 0 ? -1 : end + 4;
    }

    private static bool IsBlank(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept("\r\n\0 \t"u8);

    /// <summary>Whether no continuation can make a message of this: bytes that no start line has, or a first line that is none.</summary>
    private static bool IsHopeless(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || (text.Length == 1 && text[0] == '\r')) return false;
        var token = Ascii.TokenLength(text);
        if (token == 0) return true;
        return token < text.Length && text[token] is not ((byte)' ' or (byte)'/');
    }

    private static SipParseResult ReadHead(ReadOnlyMemory<byte> head, bool terminated)
    {
        var span = head.Span;
        var lineEnd = span.IndexOf("\r\n"u8);
        var line = lineEnd < 0 ? span : span[..lineEnd];
        var position = lineEnd < 0 ? span.Length : lineEnd + 2;
        var message = ReadStartLine(line, out var rejection, out var status);
        if (message is null) return Drop(rejection, 0);
        var lines = 0;
        while (position < span.Length)
        {
            var end = EndOfField(span, position, out var folded);
            // A line that was cut off says something else than it was to say.
            if (end == position || (!terminated && end == span.Length)) break;
            if (++lines > Limits.SipHeadersMax)
            {
                rejection = SipRejection.TooManyHeaders;
                status = 400;
                break;
            }
            // A line that is no header field, or holds a line end of its own, is nobody's: it is left out, so that it cannot come out of us again.
            if (TryField(head[position..end], folded, out var header)) message.Append(header);
            position = Math.Min(end + 2, span.Length);
        }
        return new SipParseResult(SipParseOutcome.Message, message, 0, rejection, status);
    }

    /// <summary>Where the field that begins at <paramref name="start"/> ends (before its CRLF), continuation lines included.</summary>
    private static int EndOfField(ReadOnlySpan<byte> span, int start, out bool folded)
    {
        folded = false;
        var from = start;
        while (true)
        {
            var offset = span[from..].IndexOf("\r\n"u8);
            if (offset < 0) return span.Length;
            var end = from + offset;
            if (end > start && end + 2 < span.Length && span[end + 2] is (byte)' ' or (byte)'\t')
            {
                folded = true;
                from = end + 2;
                continue;
            }
            return end;
        }
    }

    private static bool TryField(ReadOnlyMemory<byte> field, bool folded, out SipHeader header)
    {
        header = default;
        var span = field.Span;
        var colon = span.IndexOf((byte)':');
        if (colon <= 0) return false;
        var name = span[..colon].TrimEnd(" \t"u8);
        if (!Ascii.IsToken(name)) return false;
        var value = field[(colon + 1)..];
        if (folded) value = Unfold(value.Span);
        if (value.Span.ContainsAny((byte)'\r', (byte)'\n')) return false;
        header = new SipHeader(HeaderNames.Find(name), field[..name.Length], TrimMemory(value));
        return true;
    }

    private static ReadOnlyMemory<byte> TrimMemory(ReadOnlyMemory<byte> value)
    {
        var span = value.Span;
        var start = span.IndexOfAnyExcept((byte)' ', (byte)'\t');
        if (start < 0) return default;
        return value[start..(span.LastIndexOfAnyExcept((byte)' ', (byte)'\t') + 1)];
    }

    private static byte[] Unfold(ReadOnlySpan<byte> value)
    {
        var bytes = new byte[value.Length];
        var n = 0;
        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] == '\r' && i + 1 < value.Length && value[i + 1] == '\n')
            {
                while (n > 0 && bytes[n - 1] is (byte)' ' or (byte)'\t') n--;
                i += 2;
                while (i < value.Length && value[i] is (byte)' ' or (byte)'\t') i++;
                i--;
                bytes[n++] = (byte)' ';
                continue;
            }
            bytes[n++] = value[i];
        }
        return bytes[..n];
    }

    private static SipMessage? ReadStartLine(ReadOnlySpan<byte> line, out SipRejection rejection, out int status)
    {
        rejection = SipRejection.BadStartLine;
        status = 0;
        if (line.Length >= 4 && Ascii.EqualsIgnoreCase(line[..4], "SIP/"u8)) return ReadStatusLine(line, out rejection);
        var space = line.IndexOf((byte)' ');
        var last = line.LastIndexOf((byte)' ');
        if (space <= 0 || !Ascii.IsToken(line[..space])) return null;
        var method = SipMethods.Intern(line[..space]);
        var version = line[(last + 1)..];
        if (last == space || !IsVersion(version))
        {
            // "SIP/2.0 " with something behind it can still be answered; anything else is not SIP.
            var trimmed = line.TrimEnd(" \t"u8);
            last = trimmed.LastIndexOf((byte)' ');
            if (last <= space || !IsVersion(trimmed[(last + 1)..])) return null;
            status = 400;
            return new SipRequest(method, SipUri.Unreadable(Ascii.Text(trimmed[(space + 1)..last])), 16);
        }
        var text = line[(space + 1)..last];
        rejection = SipRejection.None;
        if (!Ascii.EqualsIgnoreCase(version, "SIP/2.0"u8))
        {
            rejection = SipRejection.BadVersion;
            status = 505;
        }
        if (SipUri.TryReadRequestUri(text, out var uri) && uri.HeadersText.Length == 0) return new SipRequest(method, uri, 16);
        if (rejection == SipRejection.None)
        {
            rejection = SipRejection.BadRequestUri;
            status = 400;
        }
        return new SipRequest(method, uri ?? SipUri.Unreadable(Ascii.Text(text)), 16);
    }

    private static SipResponse? ReadStatusLine(ReadOnlySpan<byte> line, out SipRejection rejection)
    {
        rejection = SipRejection.BadStartLine;
        var space = line.IndexOf((byte)' ');
        if (space < 0 || !IsVersion(line[..space])) return null;
        if (!Ascii.EqualsIgnoreCase(line[..space], "SIP/2.0"u8))
        {
            rejection = SipRejection.BadVersion;
            return null;
        }
        var rest = line[(space + 1)..].TrimStart((byte)' ');
        var end = rest.IndexOf((byte)' ');
        var digits = end < 0 ? rest : rest[..end];
        if (digits.Length != 3 || !Ascii.TryNumber(digits, 699, out var status) || status < 100)
        {
            rejection = SipRejection.BadStatus;
            return null;
        }
        rejection = SipRejection.None;
        var reason = end < 0 ? [] : rest[(end + 1)..];
        // A phrase is for people; one that would end the line is left out.
        if (reason.ContainsAny((byte)'\r', (byte)'\n')) reason = [];
        return new SipResponse((int)status, ReasonText((int)status, reason), 16);
    }

    private static string ReasonText(int status, ReadOnlySpan<byte> reason)
    {
        var usual = ReasonPhrases.Of(status);
        return usual.Length == reason.Length && System.Text.Ascii.Equals(reason, usual) ? usual : Ascii.Text(reason);
    }

    private static bool IsVersion(ReadOnlySpan<byte> text)
    {
        if (text.Length < 7 || !Ascii.EqualsIgnoreCase(text[..4], "SIP/"u8)) return false;
        var dot = text.IndexOf((byte)'.');
        return dot > 4 && Ascii.TryNumber(text[4..dot], 999_999, out _) && Ascii.TryNumber(text[(dot + 1)..], 999_999, out _);
    }

    private static LengthKind ContentLength(SipMessage message, out long length)
    {
        length = 0;
        var kind = LengthKind.Missing;
        foreach (ref readonly var header in message.Headers)
        {
            if (header.Id != HeaderId.ContentLength) continue;
            if (!Ascii.TryNumber(header.ValueBytes.Span, int.MaxValue, out var number) || (kind == LengthKind.Good && number != length)) return LengthKind.Bad;
            (kind, length) = (LengthKind.Good, number);
        }
        return kind;
    }

    private static LengthKind FindContentLength(ReadOnlySpan<byte> head, out long length)
    {
        length = 0;
        var kind = LengthKind.Missing;
        var position = head.IndexOf("\r\n"u8) + 2;
        while (position < head.Length)
        {
            var end = EndOfField(head, position, out var folded);
            if (end == position) break;
            var field = head[position..end];
            position = end + 2;
            var colon = field.IndexOf((byte)':');
            if (colon <= 0 || HeaderNames.Find(field[..colon].TrimEnd(" \t"u8)) != HeaderId.ContentLength) continue;
            var value = folded ? Unfold(field[(colon + 1)..]) : field[(colon + 1)..];
            if (!Ascii.TryNumber(Ascii.Trim(value), int.MaxValue, out var number) || (kind == LengthKind.Good && number != length)) return LengthKind.Bad;
            (kind, length) = (LengthKind.Good, number);
        }
        return kind;
    }
}
