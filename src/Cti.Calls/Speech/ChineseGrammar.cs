using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>
/// Spoken Mandarin as announcers speak it. Where usage varies:
/// <list type="bullet">
/// <item>Numbers go by groups of four digits; the fourth group is 万亿 (兆 means a million to some): 10^12 is 一万亿.</item>
/// <item>Zeros between two spoken digits are one 零, unless they only fill the end of the higher digit's group: 一千零八十六, 一亿零一, 十万五千.</item>
/// <item>十 begins a number without 一 (十二, 十万); inside a number it is 一十 (一百一十, 一万零一十).</item>
/// <item>2 is 两 where a number begins with it before 千, 万 or 亿, and alone before a unit of money, the hour of the clock or a unit of a
/// duration: 两千二百, 两亿零二万, 两元, 两点, 两小时. Everywhere else it is 二: 二百, 二十, 十二点, 二月二日, 三点二分, 二点五元.</item>
/// <item>In an amount of 元角分 a missing 角 between the others is 零: 一元零五分; an amount of whole yuan ends with 整.</item>
/// </list>
/// </summary>
internal sealed class ChineseGrammar(ImmutableArray<string>.Builder pieces) : SpeechGrammar(pieces)
{
    private const int GroupDigits = 4, PlaceOfHundredMillion = 8;
    private const long HundredMillion = 100_000_000;

    /// <inheritdoc/>
    internal override void Digits(ReadOnlySpan<char> digits)
    {
        foreach (var digit in digits) Say(ChineseWords.Digits[digit - '0']);
    }

    /// <inheritdoc/>
    internal override void Number(ExactDecimal value)
    {
        if (value.IsNegative) Say(ChineseWords.Minus);
        Whole(value.Whole);
        Fraction(value.Fraction);
    }

    /// <inheritdoc/>
    internal override void Amount(ExactDecimal value)
    {
        if (value.IsNegative) Say(ChineseWords.Minus);
        if (value.Fraction.Length == 0)
        {
            Count(value.Whole, ChineseWords.Yuan);
            return;
        }
        Whole(value.Whole);
        Fraction(value.Fraction);
        Say(ChineseWords.Yuan);
    }

    /// <inheritdoc/>
    internal override void Money(ExactDecimal value)
    {
        var (jiao, fen) = Cents(value);
        if (value.IsNegative) Say(ChineseWords.Minus);
        if (value.Whole > 0 || value.Fraction.Length == 0) Count(value.Whole, ChineseWords.Yuan);
        if (value.Fraction.Length == 0) Say(ChineseWords.Exactly);
        if (jiao > 0) Count(jiao, ChineseWords.Jiao);
        if (fen > 0 && jiao == 0 && value.Whole > 0) Say(ChineseWords.Digits[0]);
        if (fen > 0) Count(fen, ChineseWords.Fen);
    }

    /// <inheritdoc/>
    internal override void Moment(SpokenMoment moment)
    {
        if (moment.Date is { } date)
        {
            Span<char> year = stackalloc char[4];
            for (var (place, rest) = (3, date.Year); place >= 0; place--, rest /= 10) year[place] = (char)('0' + (rest % 10));
            Digits(year);
            Say(ChineseWords.Year);
            Ordered(date.Month, ChineseWords.Month);
            if (date.Day is { } day) Ordered(day, ChineseWords.Day);
        }
        if (moment.Time is not { } time) return;
        Count(time.Hour, ChineseWords.OClock);
        Ordered(time.Minute, ChineseWords.Minute);
        if (time.Second is { } second) Ordered(second, ChineseWords.Second);
    }

    /// <inheritdoc/>
    internal override void Duration(SpokenDuration duration)
    {
        Count(duration.Hours, ChineseWords.Hours);
        Count(duration.Minutes, ChineseWords.Minutes);
        if (duration.Seconds is { } seconds) Count(seconds, ChineseWords.Second);
    }

    /// <summary>So many of a unit.</summary>
    private void Count(long value, string unit)
    {
        if (value == 2) Say(ChineseWords.TwoCounting);
        else Whole(value);
        Say(unit);
    }

    /// <summary>The so-manieth of a row.</summary>
    private void Ordered(int value, string unit)
    {
        Whole(value);
        Say(unit);
    }

    private void Fraction(string digits)
    {
        if (digits.Length == 0) return;
        Say(ChineseWords.Point);
        Digits(digits);
    }

    private void Whole(long value)
    {
        if (value == 0) Say(ChineseWords.Digits[0]);
        var (isBegun, isGroupBegun, areZerosPending) = (false, false, false);
        var power = 1_000_000_000_000_000;
        for (var place = ExactDecimal.WholeDigitsMax - 1; place >= 0; place--, power /= 10)
        {
            var digit = (int)(value / power % 10);
            if (digit > 0)
            {
                if (areZerosPending) Say(ChineseWords.Digits[0]);
                Digit(digit, place, isFirst: !isBegun);
                (isBegun, isGroupBegun, areZerosPending) = (true, true, false);
            }
            else if (isBegun) areZerosPending = true;
            if (place % GroupDigits != 0) continue;
            GroupUnit(value, place, isGroupBegun);
            // Zeros at the end of a group that has a digit say nothing; a group of zeros alone is a gap to be heard.
            if (isGroupBegun) areZerosPending = false;
            isGroupBegun = false;
        }
    }

    private void Digit(int digit, int place, bool isFirst)
    {
        var inGroup = place % GroupDigits;
        var isTenAlone = isFirst && inGroup == 1 && digit == 1;
        var isTwoCounting = isFirst && digit == 2 && (inGroup == GroupDigits - 1 || (inGroup == 0 && place > 0));
        if (isTwoCounting) Say(ChineseWords.TwoCounting);
        else if (!isTenAlone) Say(ChineseWords.Digits[digit]);
        if (inGroup > 0) Say(ChineseWords.Units[inGroup - 1]);
    }

    private void GroupUnit(long value, int place, bool isGroupBegun)
    {
        if (place == PlaceOfHundredMillion)
        {
            // 亿 counts everything above it, also when only the 万 of 亿 are there.
            if (value >= HundredMillion) Say(ChineseWords.HundredMillion);
        }
        else if (place > 0 && isGroupBegun) Say(ChineseWords.TenThousand);
    }
}
