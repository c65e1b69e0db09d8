using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>The prompts of spoken Chinese.</summary>
internal static class ChineseWords
{
    private static readonly Vocabulary Words = new(SpokenLanguage.Chinese);

    /// <summary>零 一 二 三 四 五 六 七 八 九.</summary>
    internal static readonly ImmutableArray<string> Digits =
        Words.AddAll("digit-0", "digit-1", "digit-2", "digit-3", "digit-4", "digit-5", "digit-6", "digit-7", "digit-8", "digit-9");

    /// <summary>两, the two of counting.</summary>
    internal static readonly string TwoCounting = Words.Add("two-counting");

    /// <summary>十, 百, 千, by the power of ten less one.</summary>
    internal static readonly ImmutableArray<string> Units = Words.AddAll("ten", "hundred", "thousand");

    /// <summary>万.</summary>
    internal static readonly string TenThousand = Words.Add("ten-thousand");

    /// <summary>亿.</summary>
    internal static readonly string HundredMillion = Words.Add("hundred-million");

    /// <summary>负.</summary>
    internal static readonly string Minus = Words.Add("minus");

    /// <summary>点 of a decimal number.</summary>
    internal static readonly string Point = Words.Add("point");

    /// <summary>元.</summary>
    internal static readonly string Yuan = Words.Add("yuan");

    /// <summary>角.</summary>
    internal static readonly string Jiao = Words.Add("jiao");

    /// <summary>分 of money.</summary>
    internal static readonly string Fen = Words.Add("fen");

    /// <summary>整, after an amount of whole yuan.</summary>
    internal static readonly string Exactly = Words.Add("exactly");

    /// <summary>年.</summary>
    internal static readonly string Year = Words.Add("year");

    /// <summary>月.</summary>
    internal static readonly string Month = Words.Add("month");

    /// <summary>日.</summary>
    internal static readonly string Day = Words.Add("day");

    /// <summary>点 of the clock.</summary>
    internal static readonly string OClock = Words.Add("o-clock");

    /// <summary>分 of the clock.</summary>
    internal static readonly string Minute = Words.Add("minute");

    /// <summary>秒, of the clock and of durations.</summary>
    internal static readonly string Second = Words.Add("second");

    /// <summary>小时.</summary>
    internal static readonly string Hours = Words.Add("hours");

    /// <summary>分钟.</summary>
    internal static readonly string Minutes = Words.Add("minutes");

    /// <summary>Every prompt of the language.</summary>
    internal static ImmutableArray<string> Files => Words.Files;
}
