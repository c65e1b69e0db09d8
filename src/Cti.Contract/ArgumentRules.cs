namespace Cti.Contract;

/// <summary>What arguments are checked against beside their definitions.</summary>
/// <param name="Roots">The folders that file names are resolved in.</param>
/// <param name="Spoken">What can be spoken.</param>
public sealed record ArgumentRules(MediaRoots Roots, ISpokenRules Spoken);

/// <summary>
/// What can be spoken: the grammar's side of play content. It is checked when a request comes, so that nothing is refused after it was accepted.
/// </summary>
public interface ISpokenRules
{
    /// <summary>Whether an element's type is something that is spoken: digits, numbers, amounts, moments, durations.</summary>
    bool IsSpoken(int type);

    /// <summary>Null, or what is wrong with an element's option.</summary>
    string? CheckOption(string option);

    /// <summary>A JSON number as the text of an element of that type: without its exponent, rounded to what is spoken.</summary>
    string PlainNumber(int type, string jsonNumber);

    /// <summary>Null, or what is wrong with an element that is spoken.</summary>
    /// <param name="element">The element.</param>
    /// <param name="pieces">How many pieces of sound it comes to.</param>
    string? Check(PlayElement element, out int pieces);
}
