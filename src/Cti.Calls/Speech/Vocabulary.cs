using System.Collections.Immutable;

namespace Cti.Calls.Speech;

/// <summary>
/// The prompts of one language that a grammar may use. Every name is made here, so <see cref="Files"/> is complete: a prompt that a grammar
/// speaks and nobody recorded cannot be.
/// </summary>
internal sealed class Vocabulary(SpokenLanguage language)
{
    private readonly List<string> _files = [];

    /// <summary>The file name of every word added so far.</summary>
    internal ImmutableArray<string> Files => [.. _files];

    /// <summary>Adds a word and answers the name of its prompt.</summary>
    internal string Add(string word)
    {
        var file = $"{language.Tag()}/{word}.wav";
        _files.Add(file);
        return file;
    }

    /// <summary>Adds several words.</summary>
    internal ImmutableArray<string> AddAll(params ReadOnlySpan<string> words)
    {
        var files = ImmutableArray.CreateBuilder<string>(words.Length);
        foreach (var word in words) files.Add(Add(word));
        return files.MoveToImmutable();
    }
}
