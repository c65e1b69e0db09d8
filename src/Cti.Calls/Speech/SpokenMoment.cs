namespace Cti.Calls.Speech;

/// <summary>A day or a month of the calendar.</summary>
/// <param name="Year">1..9999.</param>
/// <param name="Month">1..12.</param>
/// <param name="Day">1..31, one that the month has; null when only the month is said.</param>
internal readonly record struct SpokenDate(int Year, int Month, int? Day);

/// <summary>A time of day.</summary>
/// <param name="Hour">0..23.</param>
/// <param name="Minute">0..59.</param>
/// <param name="Second">0..59; null when it is not said.</param>
internal readonly record struct SpokenTime(int Hour, int Minute, int? Second);

/// <summary>A date, a time of day, or both (type 4).</summary>
internal readonly record struct SpokenMoment(SpokenDate? Date, SpokenTime? Time)
{
    private const string Forms = "must be YYYY-mm-dd HH:MM:SS, YYYY-mm-dd HH:MM, YYYY-mm-dd, YYYY-mm, HH:MM:SS or HH:MM";

    /// <summary>
    /// Reads one of the six forms; a zero in front of a month, day, hour, minute or second may be left out. Answers null, or what is wrong and what would be
    /// right.
    /// </summary>
    internal static string? Parse(ReadOnlySpan<char> text, out SpokenMoment moment)
    {
        moment = default;
        var space = text.IndexOf(' ');
        var dateText = space >= 0 ? text[..space] : text.Contains('-') ? text : [];
        var timeText = space >= 0 ? text[(space + 1)..] : text.Contains('-') ? [] : text;
        SpokenDate? date = null;
        SpokenTime? time = null;
        if (dateText.Length > 0 || space >= 0)
        {
            if (ParseDate(dateText, dayNeeded: space >= 0, out var read) is { } reason) return reason;
            date = read;
        }
        if (timeText.Length > 0 || space >= 0)
        {
            if (ParseTime(timeText, out var read) is { } reason) return reason;
            time = read;
        }
        moment = new SpokenMoment(date, time);
        return null;
    }

    private static string? ParseDate(ReadOnlySpan<char> text, bool dayNeeded, out SpokenDate date)
    {
        date = default;
        Span<Range> parts = stackalloc Range[4];
        var count = text.Split(parts, '-');
        if (count is not (2 or 3) || (dayNeeded && count != 3) || text[parts[0]].Length != 4) return Forms;
        if (!SpokenParts.TryRead(text[parts[0]], 4, out var year) || !SpokenParts.TryRead(text[parts[1]], 2, out var month)) return Forms;
        var day = 1;
        if (count == 3 && !SpokenParts.TryRead(text[parts[2]], 2, out day)) return Forms;
        if (year < 1) return "must be a date that exists: years are 0001..9999";
        if (month is < 1 or > 12) return "must be a date that exists: months are 1..12";
        var days = DateTime.DaysInMonth(year, month);
        if (day < 1 || day > days) return $"must be a date that exists: {year:0000}-{month:00} has days 1..{days}";
        date = new SpokenDate(year, month, count == 3 ? day : null);
        return null;
    }

    private static string? ParseTime(ReadOnlySpan<char> text, out SpokenTime time)
    {
        time = default;
        if (!SpokenParts.TryReadTriple(text, out var hour, out var minute, out var second)) return Forms;
        if (hour > 23) return "must be a time that exists: hours are 0..23";
        if (minute > 59) return "must be a time that exists: minutes are 0..59";
        if (second > 59) return "must be a time that exists: seconds are 0..59";
        time = new SpokenTime(hour, minute, second);
        return null;
    }
}

/// <summary>A length of time as it was written (type 5), each part 0..99: 90 minutes stay 90 minutes.</summary>
/// <param name="Hours">0..99.</param>
/// <param name="Minutes">0..99.</param>
/// <param name="Seconds">0..99; null when they are not said.</param>
internal readonly record struct SpokenDuration(int Hours, int Minutes, int? Seconds)
{
    /// <summary>Reads <c>HH:MM:SS</c> or <c>HH:MM</c>, zeros in front optional. Answers null, or what is wrong and what would be right.</summary>
    internal static string? Parse(ReadOnlySpan<char> text, out SpokenDuration duration)
    {
        duration = default;
        if (!SpokenParts.TryReadTriple(text, out var hours, out var minutes, out var seconds)) return "must be HH:MM:SS or HH:MM, each 0..99";
        duration = new SpokenDuration(hours, minutes, seconds);
        return null;
    }
}

/// <summary>Reads the numbers that dates, times and durations are made of.</summary>
internal static class SpokenParts
{
    internal static bool TryReadTriple(ReadOnlySpan<char> text, out int first, out int second, out int? third)
    {
        (first, second, third) = (0, 0, null);
        Span<Range> parts = stackalloc Range[4];
        var count = text.Split(parts, ':');
        if (count is not (2 or 3) || !TryRead(text[parts[0]], 2, out first) || !TryRead(text[parts[1]], 2, out second)) return false;
        if (count == 2) return true;
        var isRead = TryRead(text[parts[2]], 2, out var last);
        third = last;
        return isRead;
    }

    /// <summary>Reads 1 to <paramref name="digitsMax"/> ASCII digits, nothing else.</summary>
    internal static bool TryRead(ReadOnlySpan<char> text, int digitsMax, out int value)
    {
        value = 0;
        if (text.Length == 0 || text.Length > digitsMax) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c)) return false;
            value = (value * 10) + (c - '0');
        }
        return true;
    }
}
