using Cti.Contract;

namespace Cti.Calls.Speech;

/// <summary>What the grammars can say, as requests are checked against it.</summary>
public sealed class SpokenRules : ISpokenRules
{
    private SpokenRules()
    {
    }

    /// <summary>The only one.</summary>
    public static SpokenRules Instance { get; } = new();

    /// <summary>With relative file names only.</summary>
    public static ArgumentRules WithoutRoots { get; } = new(MediaRoots.None, Instance);

    /// <inheritdoc/>
    public bool IsSpoken(int type) => SpokenContent.IsSpoken(type);

    /// <inheritdoc/>
    public string? CheckOption(string option) => SpokenContent.IsOption(option) ? null : SpokenContent.UnknownOption;

    /// <inheritdoc/>
    public string PlainNumber(int type, string jsonNumber) => SpokenContent.PlainNumber(type, jsonNumber);

    /// <inheritdoc/>
    public string? Check(PlayElement element, out int pieces)
    {
        // What is refused does not depend on the language.
        var expansion = SpokenContent.Expand(element, SpokenLanguage.Chinese);
        pieces = expansion.Reason is null ? expansion.Pieces.Length : 0;
        return expansion.Reason;
    }
}
