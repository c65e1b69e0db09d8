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

    /// <summary>Characters of a JSON number that is worth writing out: sign, whole digits, point and decimals, with room for zeros that say nothing.</summary>
    private const int PlainCharsMax = 64;

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

    /// <summary>A JSON number without its exponent; what is too long to be spoken comes back as it was.</summary>
    internal static string Plain(string jsonNumber)
    {
        var mark = jsonNumber.AsSpan().IndexOfAny('e', 'E');
        if (mark < 0) return jsonNumber;
        var mantissa = jsonNumber.AsSpan(0, mark);
        // Not more digits than an int holds: any longer exponent is out of every bound, or of a zero that may as well be written as 0.
        if (!int.TryParse(jsonNumber.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var exponent)) return jsonNumber;
        var sign = mantissa.StartsWith("-") ? "-" : "";
        mantissa = mantissa[sign.Length..];
        var point = mantissa.IndexOf('.');
        var wholeDigits = point < 0 ? mantissa.Length : point;
        if (mantissa.Length > PlainCharsMax || exponent is < -PlainCharsMax or > PlainCharsMax) return jsonNumber;
        var digits = point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..]);
        if (!IsDigits(digits)) return jsonNumber;
        // Where the point comes to stand, counted from the first digit; zeros fill up on either side.
        var place = wholeDigits + exponent;
        if (place <= 0)
        {
            digits = new string('0', 1 - place) + digits;
            place = 1;
        }
        digits = digits.PadRight(place, '0');
        var fraction = digits.AsSpan(place).TrimEnd('0');
        return fraction.Length == 0 ? sign + digits[..place] : string.Concat(sign, digits.AsSpan(0, place), ".", fraction);
    }

    private static bool IsDigits(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');
}
