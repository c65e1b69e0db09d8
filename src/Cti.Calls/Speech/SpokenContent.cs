using System.Collections.Immutable;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Speech;

/// <summary>What became of an element of play content: prompts to play, or why it cannot be spoken.</summary>
/// <param name="Pieces">Names of built-in prompts in the order of playing, such as <c>zh-CN/digit-1.wav</c>; empty when refused.</param>
/// <param name="Reason">
/// Null, or what kind of content it is, what is wrong with it and what would be right. Never repeats the content itself: it may be a captcha.
/// </param>
public readonly record struct SpokenExpansion(ImmutableArray<string> Pieces, string? Reason);

/// <summary>
/// Turns a value of play content (contract, play content, types 1..6) into the prompts that speak it. The entry point of the grammar: pure, no
/// file is touched. A piece is looked up like any prompt, under the media root first, so that operators may bring their own voices.
/// </summary>
public static class SpokenContent
{
    private const int TypeDigits = 1, TypeNumber = 2, TypeAmount = 3, TypeMoment = 4, TypeDuration = 5, TypeMoney = 6;
    private const int Decimals = 6, MoneyDecimals = 2;

    /// <summary>What stands before the language in an element's options.</summary>
    internal const string LanguageOption = "lang=";

    /// <summary>What is wrong with an option that is none.</summary>
    internal const string UnknownOption = "unknown option; lang=zh-CN and lang=en-US are known";

    /// <summary>
    /// True for the types that <see cref="Expand"/> knows: 1 digits, 2 number, 3 amount, 4 date and time, 5 duration, 6 amount in yuan, jiao and fen.
    /// </summary>
    public static bool IsSpoken(int type) => type is >= TypeDigits and <= TypeMoney;

    /// <summary>The pieces of an element, or why there are none.</summary>
    /// <param name="element">The element; its text as it stood in the request, of a JSON number as <see cref="PlainNumber"/> writes it.</param>
    /// <param name="defaultLanguage">The language unless the element's options say <c>lang=…</c>.</param>
    public static SpokenExpansion Expand(PlayElement element, SpokenLanguage defaultLanguage)
    {
        if (!IsSpoken(element.Type)) return Refuse($"type {element.Type} is not a spoken value; 1..6 are");
        if (Language(element.Options, defaultLanguage) is not { } language) return Refuse(UnknownOption);
        if (element.Text.Length == 0) return Refuse($"{Kind(element.Type)} is empty");
        var pieces = ImmutableArray.CreateBuilder<string>();
        SpeechGrammar grammar = language == SpokenLanguage.Chinese ? new ChineseGrammar(pieces) : new EnglishGrammar(pieces);
        return Speak(grammar, element.Type, element.Text) is { } reason
            ? Refuse($"{Kind(element.Type)} {reason}")
            : new SpokenExpansion(pieces.DrainToImmutable(), null);
    }

    /// <summary>
    /// A JSON number (RFC 8259 section 6) as the text of an element: without its exponent, which some serialisers write, and rounded to the decimals that the
    /// type speaks, since binary fractions leave digits that nobody meant: 1.5E+3 becomes 1500, 0.30000000000000004 becomes 0.3. A string is taken exactly.
    /// </summary>
    /// <param name="type">The element's type. The digits of type 1 are said as they were written.</param>
    /// <param name="jsonNumber">The number's own text.</param>
    public static string PlainNumber(int type, string jsonNumber) => type == TypeDigits ? jsonNumber : ExactDecimal.Rounded(jsonNumber, DecimalsOf(type));

    private static int DecimalsOf(int type) => type == TypeMoney ? MoneyDecimals : Decimals;

    private static string? Speak(SpeechGrammar grammar, int type, string text)
    {
        switch (type)
        {
            case TypeDigits:
                if (text.AsSpan().ContainsAnyExceptInRange('0', '9')) return "must be digits only, such as 0755";
                if (text.Length > Limits.SpokenDigitsMax) return $"must be at most {Limits.SpokenDigitsMax} digits";
                grammar.Digits(text);
                return null;
            case TypeMoment:
                if (SpokenMoment.Parse(text, out var moment) is { } badMoment) return badMoment;
                grammar.Moment(moment);
                return null;
            case TypeDuration:
                if (SpokenDuration.Parse(text, out var duration) is { } badDuration) return badDuration;
                grammar.Duration(duration);
                return null;
        }
        if (ExactDecimal.Parse(text, DecimalsOf(type), out var value) is { } badNumber) return badNumber;
        if (type == TypeNumber) grammar.Number(value);
        else if (type == TypeAmount) grammar.Amount(value);
        else grammar.Money(value);
        return null;
    }

    private static SpokenLanguage? Language(string options, SpokenLanguage defaultLanguage)
    {
        if (options.Length == 0) return defaultLanguage;
        return options.StartsWith(LanguageOption, StringComparison.Ordinal) ? SpokenLanguages.FromTag(options.AsSpan(LanguageOption.Length)) : null;
    }

    /// <summary>Whether the options of an element, which are not empty, are known.</summary>
    internal static bool IsOption(string options) => Language(options, SpokenLanguage.Chinese) is not null;

    private static string Kind(int type) => type switch
    {
        TypeDigits => "digits (type 1)",
        TypeNumber => "number (type 2)",
        TypeAmount => "amount (type 3)",
        TypeMoment => "date or time (type 4)",
        TypeDuration => "duration (type 5)",
        _ => "amount in yuan, jiao and fen (type 6)",
    };

    private static SpokenExpansion Refuse(string reason) => new([], reason);
}
