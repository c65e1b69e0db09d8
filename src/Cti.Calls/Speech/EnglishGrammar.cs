using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>
/// Spoken American English. Where usage varies:
/// <list type="bullet">
/// <item>No "and" inside a number: one thousand eighty-six point three; the short scale up to quadrillion.</item>
/// <item>Money is in yuan, jiao and fen, which have no plural; parts that are zero are left out, but "zero yuan" is said.</item>
/// <item>A date is month, day as an ordinal, year: September eighth two thousand twelve.</item>
/// <item>A year is two pairs (nineteen eighty, nineteen oh five, nineteen hundred), but a quantity in the first hundred years of a
/// millennium and below 1000 (two thousand twelve).</item>
/// <item>A time is on the clock of twelve hours: one oh five a.m., one o'clock p.m., twelve thirty p.m.; seconds follow: and three seconds. After a
/// date it begins with "at".</item>
/// </list>
/// </summary>
internal sealed class EnglishGrammar(ImmutableArray<string>.Builder pieces) : SpeechGrammar(pieces)
{
    private const int NoonHour = 12;

    /// <inheritdoc/>
    internal override void Digits(ReadOnlySpan<char> digits)
    {
        foreach (var digit in digits) Say(EnglishWords.Small[digit - '0']);
    }

    /// <inheritdoc/>
    internal override void Number(ExactDecimal value)
    {
        if (value.IsNegative) Say(EnglishWords.Minus);
        Whole(value.Whole);
        if (value.Fraction.Length == 0) return;
        Say(EnglishWords.Point);
        Digits(value.Fraction);
    }

    /// <inheritdoc/>
    internal override void Amount(ExactDecimal value)
    {
        Number(value);
        Say(EnglishWords.Yuan);
    }

    /// <inheritdoc/>
    internal override void Money(ExactDecimal value)
    {
        var (jiao, fen) = Cents(value);
        if (value.IsNegative) Say(EnglishWords.Minus);
        if (value.Whole > 0 || value.Fraction.Length == 0)
        {
            Whole(value.Whole);
            Say(EnglishWords.Yuan);
        }
        if (jiao > 0)
        {
            Whole(jiao);
            Say(EnglishWords.Jiao);
        }
        if (fen == 0) return;
        Whole(fen);
        Say(EnglishWords.Fen);
    }

    /// <inheritdoc/>
    internal override void Moment(SpokenMoment moment)
    {
        if (moment.Date is { } date)
        {
            Say(EnglishWords.Months[date.Month - 1]);
            if (date.Day is { } day) Ordinal(day);
            Year(date.Year);
        }
        if (moment.Time is not { } time) return;
        if (moment.Date is not null) Say(EnglishWords.At);
        Clock(time);
    }

    /// <inheritdoc/>
    internal override void Duration(SpokenDuration duration)
    {
        Count(duration.Hours, EnglishWords.Hour);
        Count(duration.Minutes, EnglishWords.Minute);
        if (duration.Seconds is { } seconds) Count(seconds, EnglishWords.Second);
    }

    private void Clock(SpokenTime time)
    {
        Whole(time.Hour % NoonHour == 0 ? NoonHour : time.Hour % NoonHour);
        if (time.Minute == 0) Say(EnglishWords.OClock);
        else
        {
            if (time.Minute < 10) Say(EnglishWords.Oh);
            Whole(time.Minute);
        }
        Say(time.Hour < NoonHour ? EnglishWords.Am : EnglishWords.Pm);
        if (time.Second is not { } second) return;
        Say(EnglishWords.And);
        Count(second, EnglishWords.Second);
    }

    private void Year(int year)
    {
        var (century, rest) = (year / 100, year % 100);
        if (century % 10 == 0 || century < 10)
        {
            Whole(year);
            return;
        }
        Whole(century);
        if (rest == 0)
        {
            Say(EnglishWords.Hundred);
            return;
        }
        if (rest < 10) Say(EnglishWords.Oh);
        Whole(rest);
    }

    private void Ordinal(int day)
    {
        switch (day)
        {
            case < 20:
                Say(EnglishWords.Ordinals[day - 1]);
                break;
            case 20:
                Say(EnglishWords.Twentieth);
                break;
            case 30:
                Say(EnglishWords.Thirtieth);
                break;
            default:
                Say(EnglishWords.Tens[(day / 10) - 2]);
                Say(EnglishWords.Ordinals[(day % 10) - 1]);
                break;
        }
    }

    /// <summary>So many of a unit, which has a singular and a plural.</summary>
    private void Count(int value, ImmutableArray<string> unit)
    {
        Whole(value);
        Say(unit[value == 1 ? 0 : 1]);
    }

    private void Whole(long value)
    {
        if (value == 0) Say(EnglishWords.Small[0]);
        var power = 1_000_000_000_000_000;
        for (var scale = EnglishWords.Scales.Length; scale >= 0; scale--, power /= 1000)
        {
            var group = (int)(value / power % 1000);
            if (group == 0) continue;
            BelowThousand(group);
            if (scale > 0) Say(EnglishWords.Scales[scale - 1]);
        }
    }

    private void BelowThousand(int value)
    {
        if (value >= 100)
        {
            Say(EnglishWords.Small[value / 100]);
            Say(EnglishWords.Hundred);
            value %= 100;
        }
        if (value >= 20)
        {
            Say(EnglishWords.Tens[(value / 10) - 2]);
            value %= 10;
        }
        if (value > 0) Say(EnglishWords.Small[value]);
    }
}
