using System.Globalization;

namespace Cti.Calls.Api;

/// <summary>
/// The shapes of values that are spoken (contract, play content). Each check answers null, or what is wrong and what would be right.
/// </summary>
internal static class SpokenValues
{
    private const int WholeDigitsMax = 16;

    /// <summary>Type 1: digits, each spoken by itself.</summary>
    internal static string? CheckDigits(ReadOnlySpan<char> text)
    {
        if (text.Length == 0) return "digits are missing";
        foreach (var c in text)
            if (!char.IsAsciiDigit(c)) return "must be digits only";
        return null;
    }

    /// <summary>Types 2, 3 and 6: a decimal number below 10^16 with at most so many decimals.</summary>
    internal static string? CheckNumber(ReadOnlySpan<char> text, int decimalsMax)
    {
        if (text.StartsWith("-")) text = text[1..];
        var point = text.IndexOf('.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? "0" : text[(point + 1)..];
        if (CheckDigits(whole) is not null || CheckDigits(fraction) is not null) return "must be a decimal number such as 1086.3, without an exponent";
        if (whole.TrimStart('0').Length > WholeDigitsMax) return "must be below 10^16";
        return point >= 0 && fraction.Length > decimalsMax ? $"has over {decimalsMax} decimals" : null;
    }

    /// <summary>Type 4: a date, a time, or both.</summary>
    internal static string? CheckDateTime(ReadOnlySpan<char> text)
    {
        const string Forms = "must be YYYY-mm-dd HH:MM:SS, YYYY-mm-dd HH:MM, YYYY-mm-dd, YYYY-mm, HH:MM:SS or HH:MM";
        var space = text.IndexOf(' ');
        if (space >= 0)
            return IsDate(text[..space], dayNeeded: true) && IsTime(text[(space + 1)..], 23, 59) ? null : Forms + ", and exist";
        var fits = text.Contains('-') ? IsDate(text, dayNeeded: false) : IsTime(text, 23, 59);
        return fits ? null : Forms + ", and exist";
    }

    /// <summary>Type 5: a duration, each part 0..99.</summary>
    internal static string? CheckDuration(ReadOnlySpan<char> text) => IsTime(text, 99, 99) ? null : "must be HH:MM:SS or HH:MM, each 0..99";

    private static bool IsDate(ReadOnlySpan<char> text, bool dayNeeded)
    {
        Span<Range> parts = stackalloc Range[4];
        var count = text.Split(parts, '-');
        if (count is not (2 or 3) || (dayNeeded && count != 3)) return false;
        var yearText = text[parts[0]];
        if (yearText.Length != 4 || !TryPart(yearText, 9999, out var year) || year < 1) return false;
        if (!TryPart(text[parts[1]], 12, out var month) || month < 1) return false;
        return count == 2 || (TryPart(text[parts[2]], DateTime.DaysInMonth(year, month), out var day) && day >= 1);
    }

    private static bool IsTime(ReadOnlySpan<char> text, int firstMax, int othersMax)
    {
        Span<Range> parts = stackalloc Range[4];
        var count = text.Split(parts, ':');
        if (count is not (2 or 3)) return false;
        for (var i = 0; i < count; i++)
            if (!TryPart(text[parts[i]], i == 0 ? firstMax : othersMax, out _)) return false;
        return true;
    }

    private static bool TryPart(ReadOnlySpan<char> text, int max, out int value)
    {
        value = 0;
        return text.Length is >= 1 and <= 4 && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= max;
    }
}
