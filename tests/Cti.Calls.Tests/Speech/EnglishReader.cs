using System.Globalization;
using System.Numerics;

namespace Cti.Calls.Tests.Speech;

/// <summary>Understands spoken English word by word, written with none of the grammar's code. Answers the values in their plainest form.</summary>
internal static class EnglishReader
{
    private static readonly string[] Small =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
            "sixteen", "seventeen", "eighteen", "nineteen"];

    private static readonly string[] Tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    private static readonly string[] Scales = ["", "thousand", "million", "billion", "trillion", "quadrillion"];

    public static string Digits(string spoken) => string.Concat(spoken.Split(' ').Select(word => Array.IndexOf(Small, word)));

    public static string Number(string spoken)
    {
        var sign = spoken.StartsWith("minus ", StringComparison.Ordinal) ? "-" : "";
        if (sign.Length > 0) spoken = spoken["minus ".Length..];
        var parts = spoken.Split(" point ");
        var whole = Whole(parts[0].Split(' ')).ToString(CultureInfo.InvariantCulture);
        return parts.Length == 1 ? sign + whole : $"{sign}{whole}.{Digits(parts[1])}";
    }

    public static string Amount(string spoken)
    {
        spoken.ShouldEndWith(" yuan");
        return Number(spoken[..^" yuan".Length]);
    }

    /// <summary>The amount in fen.</summary>
    public static BigInteger Money(string spoken)
    {
        BigInteger fen = 0;
        List<string> words = [];
        foreach (var word in spoken.Split(' '))
        {
            var unit = word switch { "yuan" => 100, "jiao" => 10, "fen" => 1, _ => 0 };
            if (unit > 0)
            {
                fen += Whole(words.Where(w => w != "minus")) * unit;
                words.Clear();
            }
            else words.Add(word);
        }
        words.ShouldBeEmpty();
        return spoken.StartsWith("minus", StringComparison.Ordinal) ? -fen : fen;
    }

    /// <summary>The parts of a date and time by name, those that were said.</summary>
    public static Dictionary<string, int> Moment(string spoken)
    {
        var parts = new Dictionary<string, int>();
        var halves = spoken.Split(" at ");
        if (halves.Length == 2 || !(spoken.Contains("a.m.", StringComparison.Ordinal) || spoken.Contains("p.m.", StringComparison.Ordinal)))
            ReadDate(halves[0], parts);
        else ReadTime(halves[0], parts);
        if (halves.Length == 2) ReadTime(halves[1], parts);
        return parts;
    }

    public static Dictionary<string, int> Duration(string spoken)
    {
        var parts = new Dictionary<string, int>();
        List<string> words = [];
        foreach (var word in spoken.Split(' '))
        {
            var unit = word.TrimEnd('s');
            if (unit is not ("hour" or "minute" or "second"))
            {
                words.Add(word);
                continue;
            }
            parts[unit] = (int)Whole(words);
            (parts[unit] == 1).ShouldBe(unit == word, spoken);
            words.Clear();
        }
        words.ShouldBeEmpty();
        return parts;
    }

    private static void ReadDate(string spoken, Dictionary<string, int> parts)
    {
        var words = spoken.Split(' ').ToList();
        parts["month"] = 1 + Enumerable.Range(1, 12).ToList()
            .FindIndex(month => CultureInfo.InvariantCulture.DateTimeFormat.GetMonthName(month).Equals(words[0], StringComparison.OrdinalIgnoreCase));
        words.RemoveAt(0);
        // The day ends with an ordinal; before it may stand its tens.
        var ordinal = words.FindIndex(0, Math.Min(2, words.Count), word => Ordinal(word) > 0);
        if (ordinal >= 0)
        {
            parts["day"] = Ordinal(words[ordinal]) + (ordinal == 1 ? 10 * Array.IndexOf(Tens, words[0]) : 0);
            words.RemoveRange(0, ordinal + 1);
        }
        parts["year"] = Year(words);
    }

    private static int Year(List<string> words)
    {
        if (words.Contains("thousand") || (words.Contains("hundred") && words[^1] != "hundred")) return (int)Whole(words);
        if (words[^1] == "hundred") return (int)Whole(words.SkipLast(1)) * 100;
        // The longest beginning that is one number below a hundred is the century, unless it is all there is.
        var first = words.Count > 1 && Array.IndexOf(Tens, words[0]) > 1 && Array.IndexOf(Small, words[1]) is > 0 and < 10 ? 2 : 1;
        return first == words.Count ? (int)Whole(words) : ((int)Whole(words.Take(first)) * 100) + (int)Whole(words.Skip(first).Where(word => word != "oh"));
    }

    private static void ReadTime(string spoken, Dictionary<string, int> parts)
    {
        var words = spoken.Split(' ').ToList();
        var half = words.FindIndex(word => word is "a.m." or "p.m.");
        var hour = (int)Whole(words.Take(1)) % 12;
        parts["hour"] = words[half] == "p.m." ? hour + 12 : hour;
        var minute = words[1..half];
        parts["minute"] = minute is ["o'clock"] ? 0 : (int)Whole(minute.Where(word => word != "oh"));
        (parts["minute"] is > 0 and < 10).ShouldBe(minute[0] == "oh", spoken);
        if (half == words.Count - 1) return;
        words[half + 1].ShouldBe("and");
        parts["second"] = (int)Whole(words[(half + 2)..^1]);
        words[^1].ShouldBe(parts["second"] == 1 ? "second" : "seconds");
    }

    private static int Ordinal(string word) => word switch
    {
        "first" => 1,
        "second" => 2,
        "third" => 3,
        "fifth" => 5,
        "eighth" => 8,
        "ninth" => 9,
        "twelfth" => 12,
        "twentieth" => 20,
        "thirtieth" => 30,
        _ => word.EndsWith("th", StringComparison.Ordinal) ? Math.Max(0, Array.IndexOf(Small, word[..^2])) : 0,
    };

    private static BigInteger Whole(IEnumerable<string> words)
    {
        BigInteger total = 0;
        var (group, count) = (0, 0);
        foreach (var word in words)
        {
            count++;
            if (Array.IndexOf(Small, word) is >= 0 and var small) group += small;
            else if (Array.IndexOf(Tens, word) is >= 0 and var tens) group += tens * 10;
            else if (word == "hundred") group *= 100;
            else
            {
                var scale = Array.IndexOf(Scales, word);
                scale.ShouldBeGreaterThan(0, word);
                total += group * BigInteger.Pow(1000, scale);
                group = 0;
            }
        }
        count.ShouldBeGreaterThan(0);
        return total + group;
    }
}
