using System.Buffers;
using System.Text;

namespace Cti.Sip.Message;

/// <summary>Character classes of RFC 3261 section 25.1 and small helpers on bytes.</summary>
internal static class Ascii
{
    private static readonly SearchValues<byte> TokenBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"u8);

    private static readonly SearchValues<char> TokenChars =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~");

    public static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenBytes);

    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenChars);

    public static int TokenLength(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAnyExcept(TokenBytes);
        return end < 0 ? text.Length : end;
    }

    public static bool EqualsIgnoreCase(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a.Length == b.Length && System.Text.Ascii.EqualsIgnoreCase(a, b);

    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(" \t"u8);

    /// <summary>Digits only; false on anything else, on an empty text and past <paramref name="max"/>.</summary>
    public static bool TryNumber(ReadOnlySpan<byte> text, long max, out long value)
    {
        value = 0;
        if (text.IsEmpty) return false;
        foreach (var b in text)
        {
            if (b is < (byte)'0' or > (byte)'9') return false;
            value = (value * 10) + (b - '0');
            if (value > max) return false;
        }
        return true;
    }

    public static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}

/// <summary>Reads the pieces that SIP header values are made of; line folding is already undone.</summary>
internal ref struct SipLexer(ReadOnlySpan<byte> text)
{
    private readonly ReadOnlySpan<byte> _text = text;

    public int Position { get; set; }

    public readonly bool AtEnd => Position >= _text.Length;

    public readonly ReadOnlySpan<byte> Rest => _text[Position..];

    public readonly byte Peek => Position < _text.Length ? _text[Position] : (byte)0;

    public void SkipSpace()
    {
        while (Position < _text.Length && _text[Position] is (byte)' ' or (byte)'\t') Position++;
    }

    /// <summary>Takes <paramref name="c"/> with white space around it.</summary>
    public bool TakeSeparator(char c)
    {
        var start = Position;
        SkipSpace();
        if (Position < _text.Length && _text[Position] == c)
        {
            Position++;
            SkipSpace();
            return true;
        }
        Position = start;
        return false;
    }

    public bool TryToken(out ReadOnlySpan<byte> token)
    {
        var length = Ascii.TokenLength(Rest);
        token = _text.Slice(Position, length);
        Position += length;
        return length > 0;
    }

    /// <summary>Takes a quoted string with its quotes; what is between is still escaped.</summary>
    public bool TryQuoted(out ReadOnlySpan<byte> inner)
    {
        inner = default;
        if (Peek != '"') return false;
        for (var i = Position + 1; i < _text.Length; i++)
        {
            if (_text[i] == '\\')
            {
                i++;
                continue;
            }
            if (_text[i] != '"') continue;
            inner = _text[(Position + 1)..i];
            Position = i + 1;
            return true;
        }
        return false;
    }

    /// <summary>Takes everything before the first of <paramref name="stops"/>.</summary>
    public ReadOnlySpan<byte> Until(ReadOnlySpan<byte> stops)
    {
        var end = Rest.IndexOfAny(stops);
        var taken = end < 0 ? Rest : Rest[..end];
        Position += taken.Length;
        return taken;
    }

    /// <summary>What was taken since the lexer stood at <paramref name="start"/>.</summary>
    public readonly ReadOnlySpan<byte> Since(int start) => _text[start..Position];

    /// <summary>Takes everything before the <c>&gt;</c> that ends an address: one outside of quotes, or the first where quotes do not match.</summary>
    public ReadOnlySpan<byte> UntilBracket()
    {
        var quoted = false;
        for (var i = Position; i < _text.Length; i++)
        {
            var b = _text[i];
            if (b == '"') quoted = !quoted;
            else if (b == '\\' && quoted) i++;
            else if (b == '>' && !quoted)
            {
                var taken = _text[Position..i];
                Position = i;
                return taken;
            }
        }
        return Until(">"u8);
    }

    /// <summary>Passes over what cannot be read, up to the next comma outside of quotes and brackets.</summary>
    public void SkipElement()
    {
        var quoted = false;
        var bracketed = false;
        for (; Position < _text.Length; Position++)
        {
            var b = _text[Position];
            if (b == '"') quoted = !quoted;
            else if (b == '\\' && quoted) Position++;
            else if (b is (byte)'<' or (byte)'>' && !quoted) bracketed = b == '<';
            else if (b == ',' && !quoted && !bracketed) return;
        }
        Position = _text.Length;
    }

    /// <summary>Undoes the escapes of a quoted string.</summary>
    public static string Unquote(ReadOnlySpan<byte> inner)
    {
        if (!inner.Contains((byte)'\\')) return Ascii.Text(inner);
        var bytes = new byte[inner.Length];
        var n = 0;
        for (var i = 0; i < inner.Length; i++)
        {
            if (inner[i] == '\\' && i + 1 < inner.Length) i++;
            bytes[n++] = inner[i];
        }
        return Ascii.Text(bytes.AsSpan(0, n));
    }

    /// <summary>A quoted string for <paramref name="value"/>; line ends become spaces.</summary>
    public static string Quote(string value)
    {
        var result = new StringBuilder(value.Length + 2).Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\') result.Append('\\');
            result.Append(c is '\r' or '\n' ? ' ' : c);
        }
        return result.Append('"').ToString();
    }
}
