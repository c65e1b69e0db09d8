using System.Globalization;

namespace Cti.Node.Hocon;

/// <summary>Durations and sizes as the HOCON specification writes them: a number and a unit, with or without a space.</summary>
public static class HoconUnits
{
    /// <summary>The units of a duration, as an error message lists them.</summary>
    public const string DurationUnits = "ns, us, ms, s, m, h, d";

    /// <summary>The units of a size, as an error message lists them.</summary>
    public const string SizeUnits = "B, KiB, MiB, GiB (powers of 1024), kB, MB, GB (powers of 1000)";

    /// <summary>Reads <c>500ms</c>, <c>2 s</c>, <c>1.5 hours</c>; without a unit milliseconds. Whole ticks of 100 ns; negative ones are read too.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        duration = default;
        if (!Split(text, out var number, out var unit)) return false;
        decimal ticks = unit switch
        {
            "" or "ms" or "milli" or "millis" or "millisecond" or "milliseconds" => TimeSpan.TicksPerMillisecond,
            "ns" or "nano" or "nanos" or "nanosecond" or "nanoseconds" => 0.01m,
            "us" or "micro" or "micros" or "microsecond" or "microseconds" => TimeSpan.TicksPerMicrosecond,
            "s" or "second" or "seconds" => TimeSpan.TicksPerSecond,
            "m" or "minute" or "minutes" => TimeSpan.TicksPerMinute,
            "h" or "hour" or "hours" => TimeSpan.TicksPerHour,
            "d" or "day" or "days" => TimeSpan.TicksPerDay,
            _ => 0,
        };
        if (ticks == 0 || Math.Abs(number) > long.MaxValue / 2 / ticks) return false;
        duration = new TimeSpan((long)decimal.Round(number * ticks));
        return true;
    }

    /// <summary>Reads <c>64KiB</c>, <c>10 MB</c>, <c>1.5 GiB</c>; without a unit bytes.</summary>
    public static bool TryParseSize(string text, out long bytes)
    {
        bytes = 0;
        if (!Split(text, out var number, out var unit)) return false;
        decimal factor = unit switch
        {
            "" or "B" or "b" or "byte" or "bytes" => 1,
            "kB" or "kilobyte" or "kilobytes" => 1_000,
            "MB" or "megabyte" or "megabytes" => 1_000_000,
            "GB" or "gigabyte" or "gigabytes" => 1_000_000_000,
            "TB" or "terabyte" or "terabytes" => 1_000_000_000_000,
            "PB" or "petabyte" or "petabytes" => 1_000_000_000_000_000,
            "K" or "k" or "Ki" or "KiB" or "kibibyte" or "kibibytes" => 1L << 10,
            "M" or "m" or "Mi" or "MiB" or "mebibyte" or "mebibytes" => 1L << 20,
            "G" or "g" or "Gi" or "GiB" or "gibibyte" or "gibibytes" => 1L << 30,
            "T" or "t" or "Ti" or "TiB" or "tebibyte" or "tebibytes" => 1L << 40,
            "P" or "p" or "Pi" or "PiB" or "pebibyte" or "pebibytes" => 1L << 50,
            _ => 0,
        };
        if (factor == 0 || Math.Abs(number) > long.MaxValue / 2 / factor) return false;
        bytes = (long)decimal.Round(number * factor);
        return true;
    }

    private static bool Split(string text, out decimal number, out string unit)
    {
        text = text.Trim();
        var end = text.Length;
        while (end > 0 && char.IsAsciiLetter(text[end - 1])) end--;
        unit = text[end..];
        return decimal.TryParse(text.AsSpan(0, end).TrimEnd(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out number);
    }
}
