using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Cti.Calls.Tests.Speech;

/// <summary>
/// Understands spoken Chinese, written with none of the grammar's code: a number is split at its greatest unit, 亿 before 万 before 千, and what
/// stands before the unit multiplies it. Answers the values in their plainest form.
/// </summary>
internal static class ChineseReader
{
    private const string DigitCharacters = "零一二三四五六七八九";

    private static readonly (char Character, long Value)[] Units = [('亿', 100_000_000), ('万', 10_000), ('千', 1000), ('百', 100), ('十', 10)];

    public static string Digits(string spoken) => string.Concat(spoken.Select(c => DigitCharacters.IndexOf(c)));

    public static string Number(string spoken)
    {
        var sign = spoken.StartsWith('负') ? "-" : "";
        var parts = spoken[sign.Length..].Split('点');
        parts.Length.ShouldBeLessThanOrEqualTo(2);
        var whole = Whole(parts[0]).ToString(CultureInfo.InvariantCulture);
        return parts.Length == 1 ? sign + whole : $"{sign}{whole}.{Digits(parts[1])}";
    }

    public static string Amount(string spoken)
    {
        spoken.ShouldEndWith("元");
        return Number(spoken[..^1]);
    }

    /// <summary>The amount in fen.</summary>
    public static BigInteger Money(string spoken)
    {
        var match = Regex.Match(spoken, "^(?<minus>负)?((?<yuan>[^元]+)元)?(?<exactly>整)?((?<jiao>.)角)?零?((?<fen>.)分)?$");
        match.Success.ShouldBeTrue(spoken);
        var fen = (Part(match, "yuan") * 100) + (Part(match, "jiao") * 10) + Part(match, "fen");
        match.Groups["exactly"].Success.ShouldBe(fen % 100 == 0, spoken);
        return match.Groups["minus"].Success ? -fen : fen;
    }

    /// <summary>The parts of a date and time by name, those that were said.</summary>
    public static Dictionary<string, int> Moment(string spoken) => Parts(spoken,
        "^((?<year>[^年月日]{4})年(?<month>[^月]+)月((?<day>[^日]+)日)?)?((?<hour>[^点]+)点(?<minute>[^分]+)分((?<second>[^秒]+)秒)?)?$");

    public static Dictionary<string, int> Duration(string spoken) => Parts(spoken,
        "^(?<hour>[^小]+)小时(?<minute>[^分]+)分钟((?<second>[^秒]+)秒)?$");

    private static Dictionary<string, int> Parts(string spoken, string pattern)
    {
        var match = Regex.Match(spoken, pattern, RegexOptions.ExplicitCapture);
        match.Success.ShouldBeTrue(spoken);
        return match.Groups.Values.Where(group => group.Name != "0" && group.Success).ToDictionary(group => group.Name,
            group => group.Name == "year" ? int.Parse(Digits(group.Value), CultureInfo.InvariantCulture) : (int)Whole(group.Value));
    }

    private static BigInteger Part(Match match, string name) => match.Groups[name] is { Success: true } group ? Whole(group.Value) : 0;

    public static BigInteger Whole(string spoken)
    {
        spoken.ShouldNotBeEmpty();
        if (spoken == "零") return 0;
        spoken.ShouldNotContain("零零");
        spoken.ShouldNotEndWith("零");
        spoken.ShouldNotStartWith("零");
        return Read(spoken);
    }

    private static BigInteger Read(string spoken)
    {
        spoken = spoken.TrimStart('零').Replace('两', '二');
        if (spoken.Length == 0) return 0;
        foreach (var (character, value) in Units)
        {
            var at = spoken.LastIndexOf(character);
            if (at < 0) continue;
            var count = at == 0 ? BigInteger.One : Read(spoken[..at]);
            return (count * value) + Read(spoken[(at + 1)..]);
        }
        spoken.Length.ShouldBe(1, spoken);
        return DigitCharacters.IndexOf(spoken[0]);
    }
}
