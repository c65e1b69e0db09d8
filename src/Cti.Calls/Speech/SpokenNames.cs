using System.Collections.Immutable;
using System.Globalization;
using Cti.Contract;
using Cti.Kernel;

namespace Cti.Calls.Speech;

/// <summary>
/// Elements of play content as the names that commands and entries carry (<see cref="PromptNames"/>): unexpanded, so that the journal stays small
/// and an element without a language is spoken in that of the node which plays it.
/// </summary>
public static class SpokenNames
{
    private const int TypeSpeech = 10;

    /// <summary>The name of an element: of a file its own, unless its options name a language.</summary>
    public static string Of(PlayElement element)
    {
        var language = element.Options.Length > SpokenContent.LanguageOption.Length ? element.Options[SpokenContent.LanguageOption.Length..] : "";
        if (element.Type == TypeSpeech) return PromptNames.Make(PromptNames.Say, language, element.Text);
        if (SpokenContent.IsSpoken(element.Type))
            return PromptNames.Make(PromptNames.Spoken, language, string.Create(CultureInfo.InvariantCulture, $"{element.Type}:{element.Text}"));
        return language.Length == 0 ? element.Text : PromptNames.Make(PromptNames.File, language, element.Text);
    }

    /// <summary>The pieces that speak a value's name; a name that is none comes back as it was, to be refused where it is loaded.</summary>
    public static ImmutableArray<string> Expand(string name, SpokenLanguage defaultLanguage)
    {
        if (!PromptNames.TrySplit(name, PromptNames.Spoken, out var language, out var rest)) return [name];
        var end = rest.IndexOf(':');
        if (end < 0 || !int.TryParse(rest.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out var type)) return [name];
        var spoken = language.Length == 0 ? defaultLanguage : SpokenLanguages.FromTag(language);
        if (spoken is not { } known) return [name];
        var expansion = SpokenContent.Expand(new PlayElement(type, rest[(end + 1)..], ""), known);
        return expansion.Reason is null
            ? [.. expansion.Pieces.Select(piece => PromptNames.Make(PromptNames.Voice, known.Tag(), piece))]
            : [name];
    }
}
