using System.Globalization;

namespace Cti.Calls.Speech;

/// <summary>A decimal number as it was written: no binary fraction ever stands between the text and what is spoken.</summary>
/// <param name="IsNegative">Below zero; zero itself has no sign, however written.</param>
/// <param name="Whole">The digits before the point, 0..10^16-1.</param>
/// <param name="Fraction">The digits after the point without the zeros at their end; empty for a whole number.</param>
internal readonly record struct ExactDecimal(bool IsNegative, long Whole, string Fraction)
{
    /// <summary>Digits before the point: a value must be below 10^16 (contract).</summary>
    internal const int WholeDigitsMax = 16;

    /// <summary>Reads a number. Answers null, or what is wrong and what would be right.</summary>
    /// <param name="text">An optional minus, digits, optionally a point and digits. Zeros in front say nothing.</param>
    /// <param name="decimalsMax">Digits after the point that may be written, zeros counted.</param>
    /// <param name="value">The number.</param>
    internal static string? Parse(ReadOnlySpan<char> text, int decimalsMax, out ExactDecimal value)
    {
        value = default;
        var isNegative = text.StartsWith("-");
        if (isNegative) text = text[1..];
        var point = text.IndexOf('.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? [] : text[(point + 1)..];
        if (!IsDigits(whole) || (point >= 0 && !IsDigits(fraction))) return "must be a decimal number such as 1086.3, without an exponent";
        whole = whole.TrimStart('0');
        if (whole.Length > WholeDigitsMax) return "must be below 10^16, at most 16 digits before the point";
        if (fraction.Length > decimalsMax) return $"must have at most {decimalsMax} decimals";
        fraction = fraction.TrimEnd('0');
        var number = whole.Length == 0 ? 0 : long.Parse(whole, NumberStyles.None, CultureInfo.InvariantCulture);
        value = new ExactDecimal(isNegative && (number > 0 || fraction.Length > 0), number, fraction.ToString());
        return null;
    }

    /// <summary>
    /// A JSON number without its exponent, rounded half to even to what is spoken: 0.1 + 0.2 is nobody's wish. One that has neither an exponent nor too many
    /// decimals stays as it was written; one that is far too large becomes the smallest that is refused for its size.
    /// </summary>
    /// <param name="jsonNumber">As RFC 8259 section 6 writes it.</param>
    /// <param name="decimalsMax">Digits after the point that are spoken.</param>
    internal static string Rounded(string jsonNumber, int decimalsMax)
    {
        var point = jsonNumber.IndexOf('.', StringComparison.Ordinal);
        var hasExponent = jsonNumber.AsSpan().ContainsAny('e', 'E');
        if (!hasExponent && (point < 0 || jsonNumber.Length - point - 1 <= decimalsMax)) return jsonNumber;
        if (!decimal.TryParse(jsonNumber, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) return "1" + new string('0', WholeDigitsMax);
        return Math.Round(value, decimalsMax, MidpointRounding.ToEven).ToString("0." + new string('#', decimalsMax), CultureInfo.InvariantCulture);
    }

    private static bool IsDigits(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');
}
