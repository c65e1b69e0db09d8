using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>The prompts of spoken English.</summary>
internal static class EnglishWords
{
    private static readonly Vocabulary Words = new(SpokenLanguage.English);

    /// <summary>zero … nineteen.</summary>
    internal static readonly ImmutableArray<string> Small = Words.AddAll(
        "digit-0", "digit-1", "digit-2", "digit-3", "digit-4", "digit-5", "digit-6", "digit-7", "digit-8", "digit-9",
        "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen");

    /// <summary>twenty, thirty … ninety, from 2 tens on.</summary>
    internal static readonly ImmutableArray<string> Tens = Words.AddAll("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety");

    /// <summary>hundred.</summary>
    internal static readonly string Hundred = Words.Add("hundred");

    /// <summary>thousand … quadrillion, by the power of a thousand less one.</summary>
    internal static readonly ImmutableArray<string> Scales = Words.AddAll("thousand", "million", "billion", "trillion", "quadrillion");

    /// <summary>first … nineteenth.</summary>
    internal static readonly ImmutableArray<string> Ordinals = Words.AddAll(
        "first", "second-ordinal", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
        "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth");

    /// <summary>twentieth.</summary>
    internal static readonly string Twentieth = Words.Add("twentieth");

    /// <summary>thirtieth.</summary>
    internal static readonly string Thirtieth = Words.Add("thirtieth");

    /// <summary>January … December.</summary>
    internal static readonly ImmutableArray<string> Months = Words.AddAll(
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december");

    /// <summary>minus.</summary>
    internal static readonly string Minus = Words.Add("minus");

    /// <summary>point.</summary>
    internal static readonly string Point = Words.Add("point");

    /// <summary>and, before the seconds of the clock.</summary>
    internal static readonly string And = Words.Add("and");

    /// <summary>at, between a date and a time: without it the year and the hour run together.</summary>
    internal static readonly string At = Words.Add("at");

    /// <summary>yuan.</summary>
    internal static readonly string Yuan = Words.Add("yuan");

    /// <summary>jiao.</summary>
    internal static readonly string Jiao = Words.Add("jiao");

    /// <summary>fen.</summary>
    internal static readonly string Fen = Words.Add("fen");

    /// <summary>oh, the zero in front of a minute or of the last digit of a year.</summary>
    internal static readonly string Oh = Words.Add("oh");

    /// <summary>o'clock.</summary>
    internal static readonly string OClock = Words.Add("o-clock");

    /// <summary>a.m.</summary>
    internal static readonly string Am = Words.Add("am");

    /// <summary>p.m.</summary>
    internal static readonly string Pm = Words.Add("pm");

    /// <summary>hour and hours.</summary>
    internal static readonly ImmutableArray<string> Hour = Words.AddAll("hour", "hours");

    /// <summary>minute and minutes.</summary>
    internal static readonly ImmutableArray<string> Minute = Words.AddAll("minute", "minutes");

    /// <summary>second and seconds, of time.</summary>
    internal static readonly ImmutableArray<string> Second = Words.AddAll("second", "seconds");

    /// <summary>Every prompt of the language that the grammar uses.</summary>
    internal static ImmutableArray<string> Files => Words.Files;
}
