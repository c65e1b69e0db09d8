using System.Globalization;
using System.Text;

namespace Cti.Kernel;

/// <summary>
/// Text that came from outside (a caller's name, a URI, an error's words), made safe to show: nothing in it can begin a line, move the cursor, colour or clear
/// a terminal, or turn the direction in which the rest is read. What could is written as its escape, <c>\n</c> or <c>\u001b</c>, so it can still be seen.
/// </summary>
public static class VisibleText
{
    /// <summary>
    /// The text with every control character (C0, DEL, C1), line and paragraph separator, format character (all that steer the direction, and what has no
    /// width) and half of a surrogate pair escaped.
    /// </summary>
    public static string Of(string text)
    {
        var plain = text.AsSpan().IndexOfAnyExceptInRange(' ', '~');
        if (plain < 0) return text;
        var shown = new StringBuilder(text.Length + 16).Append(text, 0, plain);
        for (var rest = text.AsSpan(plain); !rest.IsEmpty;)
        {
            var isWhole = Rune.DecodeFromUtf16(rest, out var rune, out var length) == System.Buffers.OperationStatus.Done;
            if (isWhole && IsShown(rune)) shown.Append(rest[..length]);
            else AppendEscaped(shown, isWhole ? rune.Value : rest[0]);
            rest = rest[length..];
        }
        return shown.ToString();
    }

    /// <summary>The same, cut after <paramref name="charsMax"/> characters of the text; how many are missing is said.</summary>
    public static string Of(string text, int charsMax) =>
        text.Length <= charsMax ? Of(text) : string.Create(CultureInfo.InvariantCulture, $"{Of(text[..charsMax])}… ({text.Length - charsMax} more characters)");

    private static bool IsShown(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate);

    private static void AppendEscaped(StringBuilder shown, int value)
    {
        switch (value)
        {
            case '\n':
                shown.Append(@"\n");
                break;
            case '\r':
                shown.Append(@"\r");
                break;
            case '\t':
                shown.Append(@"\t");
                break;
            default:
                shown.Append(value > char.MaxValue ? @"\U" : @"\u").Append(value.ToString(value > char.MaxValue ? "x8" : "x4", CultureInfo.InvariantCulture));
                break;
        }
    }
}
