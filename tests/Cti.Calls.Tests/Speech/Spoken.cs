using System.Collections.Immutable;
using Cti.Calls.Speech;
using Cti.Contract;

namespace Cti.Calls.Tests.Speech;

/// <summary>What a listener would write down: the pieces of an element as text, and the tables the tests are written in.</summary>
internal static class Spoken
{
    private static readonly Dictionary<string, string> Characters = new()
    {
        ["two-counting"] = "两", ["ten"] = "十", ["hundred"] = "百", ["thousand"] = "千", ["ten-thousand"] = "万", ["hundred-million"] = "亿",
        ["minus"] = "负", ["point"] = "点", ["yuan"] = "元", ["jiao"] = "角", ["fen"] = "分", ["exactly"] = "整", ["year"] = "年", ["month"] = "月",
        ["day"] = "日", ["o-clock"] = "点", ["minute"] = "分", ["second"] = "秒", ["hours"] = "小时", ["minutes"] = "分钟",
    };

    private static readonly Dictionary<string, string> OddWords = new()
    {
        ["o-clock"] = "o'clock", ["am"] = "a.m.", ["pm"] = "p.m.", ["second-ordinal"] = "second",
    };

    private static readonly string[] SmallWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    public static string Chinese(int type, string text) => string.Concat(Pieces(type, text, SpokenLanguage.Chinese).Select(Character));

    public static string English(int type, string text) => string.Join(' ', Pieces(type, text, SpokenLanguage.English).Select(Word));

    public static string? Reason(int type, string text, string options = "")
    {
        var expansion = SpokenContent.Expand(new PlayElement(type, text, options), SpokenLanguage.Chinese);
        expansion.Pieces.IsEmpty.ShouldBe(expansion.Reason is not null);
        return expansion.Reason;
    }

    public static ImmutableArray<string> Pieces(int type, string text, SpokenLanguage language, string options = "")
    {
        var expansion = SpokenContent.Expand(new PlayElement(type, text, options), language);
        expansion.Reason.ShouldBeNull($"type {type}: {text}");
        expansion.Pieces.ShouldNotBeEmpty();
        return expansion.Pieces;
    }

    /// <summary>Rows of "value | what is spoken"; a row without a bar, or an empty one, is refused so that none is lost.</summary>
    public static TheoryData<string, string> Table(string rows)
    {
        var table = new TheoryData<string, string>();
        foreach (var row in rows.Split('\n'))
        {
            var cells = row.Split('|', StringSplitOptions.TrimEntries);
            if (cells.Length != 2 || cells.Contains("")) throw new FormatException($"not a row: '{row}'");
            table.Add(cells[0], cells[1]);
        }
        return table;
    }

    private static string Character(string piece)
    {
        var name = Name(piece, "zh-CN/");
        return name.StartsWith("digit-", StringComparison.Ordinal) ? "零一二三四五六七八九"[name[6] - '0'].ToString() : Characters[name];
    }

    private static string Word(string piece)
    {
        var name = Name(piece, "en-US/");
        if (name.StartsWith("digit-", StringComparison.Ordinal)) return SmallWords[name[6] - '0'];
        return OddWords.TryGetValue(name, out var odd) ? odd : name;
    }

    private static string Name(string piece, string folder)
    {
        piece.ShouldStartWith(folder);
        piece.ShouldEndWith(".wav");
        return piece[folder.Length..^4];
    }
}
