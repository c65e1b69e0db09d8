using System.Globalization;
using System.Numerics;

namespace Cti.Calls.Tests.Speech;

/// <summary>Whatever is spoken can be understood: an independent reader gives every value back. CTI_SEED chooses other values.</summary>
public sealed class RoundTripTests
{
    private const int Values = 20_000;

    private static readonly int Seed =
        int.TryParse(Environment.GetEnvironmentVariable("CTI_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 20120908;

    [Fact]
    public void Every_number_to_a_hundred_thousand_is_understood()
    {
        for (var value = 0; value <= 100_000; value++)
        {
            var text = value.ToString(CultureInfo.InvariantCulture);
            ChineseReader.Number(Spoken.Chinese(2, text)).ShouldBe(text);
            EnglishReader.Number(Spoken.English(2, text)).ShouldBe(text);
        }
    }

    [Fact]
    public void Every_pattern_of_zeros_is_understood()
    {
        for (var pattern = 1; pattern < 1 << 16; pattern++)
        {
            var text = string.Concat(Enumerable.Range(0, 16).Select(place => (pattern >> (15 - place) & 1) == 0 ? '0' : (char)('1' + (place % 2))))
                .TrimStart('0');
            ChineseReader.Number(Spoken.Chinese(2, text)).ShouldBe(text);
            EnglishReader.Number(Spoken.English(2, text)).ShouldBe(text);
        }
    }

    [Fact]
    public void Random_numbers_and_amounts_are_understood()
    {
        var random = new Random(Seed);
        for (var i = 0; i < Values; i++)
        {
            var text = RandomNumber(random, decimalsMax: 6);
            var plain = Plain(text);
            ChineseReader.Number(Spoken.Chinese(2, text)).ShouldBe(plain, text);
            EnglishReader.Number(Spoken.English(2, text)).ShouldBe(plain, text);
            ChineseReader.Amount(Spoken.Chinese(3, text)).ShouldBe(plain, text);
            EnglishReader.Amount(Spoken.English(3, text)).ShouldBe(plain, text);
        }
    }

    [Fact]
    public void Random_money_is_understood()
    {
        var random = new Random(Seed);
        for (var i = 0; i < Values; i++)
        {
            var text = RandomNumber(random, decimalsMax: 2);
            var point = text.IndexOf('.', StringComparison.Ordinal);
            var decimals = point < 0 ? 0 : text.Length - point - 1;
            var fen = BigInteger.Parse(text.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * (int)Math.Pow(10, 2 - decimals);
            ChineseReader.Money(Spoken.Chinese(6, text)).ShouldBe(fen, text);
            EnglishReader.Money(Spoken.English(6, text)).ShouldBe(fen, text);
        }
    }

    [Fact]
    public void Random_digits_are_understood()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 1000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(10)));
            ChineseReader.Digits(Spoken.Chinese(1, text)).ShouldBe(text);
            EnglishReader.Digits(Spoken.English(1, text)).ShouldBe(text);
        }
    }

    [Fact]
    public void Random_dates_and_times_are_understood_in_all_six_forms()
    {
        var random = new Random(Seed);
        for (var i = 0; i < Values; i++)
        {
            var (year, month) = (random.Next(1, 10_000), random.Next(1, 13));
            var day = random.Next(1, DateTime.DaysInMonth(year, month) + 1);
            var (hour, minute, second) = (random.Next(24), random.Next(60), random.Next(60));
            var (date, time) = ($"{year:0000}-{Part(random, month)}-{Part(random, day)}", $"{Part(random, hour)}:{Part(random, minute)}");
            var form = i % 6;
            var text = form switch
            {
                0 => $"{date} {time}:{Part(random, second)}",
                1 => $"{date} {time}",
                2 => date,
                3 => $"{year:0000}-{Part(random, month)}",
                4 => $"{time}:{Part(random, second)}",
                _ => time,
            };
            var expected = new Dictionary<string, int>();
            if (form < 4) (expected["year"], expected["month"]) = (year, month);
            if (form < 3) expected["day"] = day;
            if (form is 0 or 1 or 4 or 5) (expected["hour"], expected["minute"]) = (hour, minute);
            if (form is 0 or 4) expected["second"] = second;
            ChineseReader.Moment(Spoken.Chinese(4, text)).ShouldBe(expected, ignoreOrder: true, text);
            EnglishReader.Moment(Spoken.English(4, text)).ShouldBe(expected, ignoreOrder: true, text);
        }
    }

    [Fact]
    public void Every_year_is_understood()
    {
        for (var year = 1; year < 10_000; year++)
        {
            var text = $"{year:0000}-1";
            ChineseReader.Moment(Spoken.Chinese(4, text))["year"].ShouldBe(year);
            EnglishReader.Moment(Spoken.English(4, text))["year"].ShouldBe(year);
        }
    }

    [Fact]
    public void Every_minute_of_a_day_is_understood()
    {
        for (var minute = 0; minute < 24 * 60; minute++)
        {
            var text = $"{minute / 60}:{minute % 60}";
            foreach (var read in (Dictionary<string, int>[])[ChineseReader.Moment(Spoken.Chinese(4, text)), EnglishReader.Moment(Spoken.English(4, text))])
                ((read["hour"] * 60) + read["minute"]).ShouldBe(minute);
        }
    }

    [Fact]
    public void Random_durations_are_understood()
    {
        var random = new Random(Seed);
        for (var i = 0; i < Values; i++)
        {
            var expected = new Dictionary<string, int> { ["hour"] = random.Next(100), ["minute"] = random.Next(100) };
            if (i % 2 == 0) expected["second"] = random.Next(100);
            var text = string.Join(':', expected.Values.Select(part => Part(random, part)));
            ChineseReader.Duration(Spoken.Chinese(5, text)).ShouldBe(expected, ignoreOrder: true, text);
            EnglishReader.Duration(Spoken.English(5, text)).ShouldBe(expected, ignoreOrder: true, text);
        }
    }

    private static string Part(Random random, int value) => random.Next(2) == 0 ? $"{value}" : $"{value:00}";

    /// <summary>Of every length and with many zeros, as even distribution would hardly ever give.</summary>
    private static string RandomNumber(Random random, int decimalsMax)
    {
        var zeros = random.Next(0, 10);
        var whole = string.Concat(Enumerable.Range(0, random.Next(1, 17)).Select(_ => random.Next(10) < zeros ? 0 : random.Next(10)));
        var decimals = random.Next(0, decimalsMax + 1);
        var fraction = string.Concat(Enumerable.Range(0, decimals).Select(_ => random.Next(10) < zeros ? 0 : random.Next(10)));
        return $"{(random.Next(4) == 0 ? "-" : "")}{whole}{(decimals > 0 ? "." : "")}{fraction}";
    }

    /// <summary>The number without the zeros and the sign that say nothing.</summary>
    private static string Plain(string text) => decimal.Parse(text, CultureInfo.InvariantCulture) is var value && value == 0
        ? "0" : value.ToString("0.######", CultureInfo.InvariantCulture);
}
