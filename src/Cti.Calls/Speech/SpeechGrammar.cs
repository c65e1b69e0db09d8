using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>How a language speaks the values of play content. Each method adds the pieces of one value, in order; values are already checked.</summary>
internal abstract class SpeechGrammar(ImmutableArray<string>.Builder pieces)
{
    /// <summary>Type 1: each digit by itself.</summary>
    internal abstract void Digits(ReadOnlySpan<char> digits);

    /// <summary>Type 2: a quantity.</summary>
    internal abstract void Number(ExactDecimal value);

    /// <summary>Type 3: a quantity of yuan.</summary>
    internal abstract void Amount(ExactDecimal value);

    /// <summary>Type 4: a date, a time of day, or both.</summary>
    internal abstract void Moment(SpokenMoment moment);

    /// <summary>Type 5: a length of time.</summary>
    internal abstract void Duration(SpokenDuration duration);

    /// <summary>Type 6: yuan, jiao and fen; at most two decimals.</summary>
    internal abstract void Money(ExactDecimal value);

    /// <summary>Adds a piece.</summary>
    protected void Say(string piece) => pieces.Add(piece);

    /// <summary>The tenths and hundredths of a value with at most two decimals.</summary>
    protected static (int Tenths, int Hundredths) Cents(ExactDecimal value) =>
        (value.Fraction.Length > 0 ? value.Fraction[0] - '0' : 0, value.Fraction.Length > 1 ? value.Fraction[1] - '0' : 0);
}
