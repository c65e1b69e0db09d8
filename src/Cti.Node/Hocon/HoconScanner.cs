using System.Globalization;
using System.Text;

namespace Cti.Node.Hocon;

/// <summary>Characters, places and the lexical elements of HOCON; the grammar above them is <see cref="HoconParser"/>.</summary>
internal sealed class HoconScanner
{
    private readonly string _text;
    private readonly string _source;
    private int _at;
    private int _line = 1;
    private int _lineStart;

    public HoconScanner(string text, string source)
    {
        _text = text;
        _source = source;
        if (text.Length > HoconLimits.FileCharactersMax)
            throw new HoconException(new HoconOrigin(source, 0, 0), $"larger than {HoconLimits.FileCharactersMax} characters; split it with include");
        if (text.StartsWith('\uFEFF')) _lineStart = _at = 1;
    }

    public bool AtEnd => _at >= _text.Length;

    public char Current => _at < _text.Length ? _text[_at] : '\0';

    public char PeekAt(int offset) => _at + offset < _text.Length ? _text[_at + offset] : '\n';

    public HoconOrigin Origin => new(_source, _line, _at - _lineStart + 1);

    public string Source => _source;

    public bool LooksAt(string text) => string.CompareOrdinal(_text, _at, text, 0, text.Length) == 0;

    public void Advance(int count = 1)
    {
        for (; count > 0 && _at < _text.Length; count--)
        {
            if (_text[_at++] != '\n') continue;
            _line++;
            _lineStart = _at;
        }
    }

    public HoconException Error(string problem) => new(Origin, problem);

    /// <summary>White space in the specification's sense, the newline apart.</summary>
    public static bool IsSpace(char c) => c switch
    {
        '\n' => false,
        ' ' or '\t' or '\r' or '\v' or '\f' or '\uFEFF' or '\u00A0' or '\u2007' or '\u202F' or (>= '\u001C' and <= '\u001F') => true,
        < '\u0080' => false,
        _ => char.GetUnicodeCategory(c) is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator,
    };

    public string TakeSpaces()
    {
        var from = _at;
        while (!AtEnd && IsSpace(Current)) _at++;
        return _text[from.._at];
    }

    public bool AtComment => Current == '#' || (Current == '/' && LooksAt("//"));

    /// <summary>Skips white space, comments and newlines; answers whether there was a newline.</summary>
    public bool SkipBlank()
    {
        var newline = false;
        while (!AtEnd)
        {
            if (Current == '\n')
            {
                newline = true;
                Advance();
            }
            else if (IsSpace(Current)) _at++;
            else if (AtComment) SkipComment();
            else break;
        }
        return newline;
    }

    public void SkipComment()
    {
        var end = _text.IndexOf('\n', _at);
        _at = end < 0 ? _text.Length : end;
    }

    public bool AtUnquoted => !AtEnd && IsUnquoted(Current) && !AtComment;

    public static bool IsUnquoted(char c) =>
        c is not ('$' or '"' or '{' or '}' or '[' or ']' or ':' or '=' or ',' or '+' or '#' or '`' or '^' or '?' or '!' or '@' or '*' or '&' or '\\' or '\n')
        && !IsSpace(c);

    /// <summary>A run of characters that need no quotes. In a path, dots end it.</summary>
    public string TakeUnquoted(bool stopAtDot)
    {
        var from = _at;
        while (AtUnquoted && !(stopAtDot && Current == '.')) _at++;
        if (!stopAtDot && !AtEnd && Current == '+' && IsExponent(_text.AsSpan(from, _at - from)) && _at + 1 < _text.Length && char.IsAsciiDigit(_text[_at + 1]))
        {
            // The plus of 1e+5 is a number's, the only place where it may stand unquoted.
            _at++;
            while (AtUnquoted) _at++;
        }
        return _text[from.._at];
    }

    private static bool IsExponent(ReadOnlySpan<char> run) => run.Length >= 2 && run[^1] is 'e' or 'E' && IsNumber(run[..^1]);

    /// <summary>A number in JSON's sense.</summary>
    public static bool IsNumber(ReadOnlySpan<char> text)
    {
        var i = 0;
        if (i < text.Length && text[i] == '-') i++;
        var from = i;
        if (!Digits(text, ref i) || (text[from] == '0' && i > from + 1)) return false;
        if (i < text.Length && text[i] == '.')
        {
            i++;
            if (!Digits(text, ref i)) return false;
        }
        if (i < text.Length && text[i] is 'e' or 'E')
        {
            i++;
            if (i < text.Length && text[i] is '+' or '-') i++;
            if (!Digits(text, ref i)) return false;
        }
        return i == text.Length;
    }

    private static bool Digits(ReadOnlySpan<char> text, ref int i)
    {
        var from = i;
        while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
        return i > from;
    }

    /// <summary>A string in quotes or triple quotes; the scanner stands on the first quote.</summary>
    public string TakeQuoted()
    {
        if (LooksAt("\"\"\"")) return TakeTripleQuoted();
        var start = Origin;
        Advance();
        var text = new StringBuilder();
        while (true)
        {
            if (AtEnd || Current == '\n') throw new HoconException(start, "this string is not closed; add a \" at its end, or use \"\"\" for several lines");
            var c = Current;
            if (c == '"')
            {
                Advance();
                return text.ToString();
            }
            if (c == '\\') text.Append(TakeEscape());
            else if (c < ' ') throw Error($"a control character in a string; write it as \\u{(int)c:x4}");
            else
            {
                text.Append(c);
                _at++;
            }
        }
    }

    private char TakeEscape()
    {
        var start = Origin;
        Advance();
        var c = Current;
        Advance();
        switch (c)
        {
            case '"' or '\\' or '/': return c;
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'u':
                if (_at + 4 <= _text.Length && ushort.TryParse(_text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture, out var code))
                {
                    Advance(4);
                    return (char)code;
                }
                throw new HoconException(start, "\\u takes four hexadecimal digits");
            default:
                throw new HoconException(start,
                    "a backslash in a string starts \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX; write \\\\ for the character itself");
        }
    }

    private string TakeTripleQuoted()
    {
        var start = Origin;
        Advance(3);
        var from = _at;
        var end = _text.IndexOf("\"\"\"", _at, StringComparison.Ordinal);
        if (end < 0) throw new HoconException(start, "this string is not closed; add \"\"\" at its end");
        // Quotes right before the closing three belong to the string.
        while (end + 3 < _text.Length && _text[end + 3] == '"') end++;
        Advance(end + 3 - _at);
        return _text[from..end];
    }
}
