using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Cti.Kernel;

namespace Cti.Media.Files;

/// <summary>
/// Everything that can be played, by name: files, the pieces of spoken values, and text to speech (<see cref="PromptNames"/>). A file is looked up under the
/// application's roots, then in the folder of the language there and among the built-in prompts.
/// </summary>
/// <param name="files">The files.</param>
/// <param name="language">The folder of the language that is spoken by default, such as zh-CN.</param>
/// <param name="expand">The pieces of a spoken value's name; asked on any thread.</param>
/// <param name="speech">Speaks texts; null: it is switched off.</param>
public sealed class PromptLibrary(PromptCache files, string language, Func<string, ImmutableArray<string>> expand, ITextToSpeech? speech) : IPromptSource
{
    private const string SpeechName = "text to speech";

    private readonly ConditionalWeakTable<Prompt, Prompt> _pieces = [];

    private PromptLibrary(PromptLibrary all, PromptCache files, string language, Func<string, ImmutableArray<string>> expand, ITextToSpeech? speech)
        : this(files, language, expand, speech) => _pieces = all._pieces;

    /// <inheritdoc/>
    public IPromptSource For(string application) => new PromptLibrary(this, files.For(application), language, expand, speech);

    /// <inheritdoc/>
    public ImmutableArray<string> Pieces(string name) => name.StartsWith(PromptNames.Spoken, StringComparison.Ordinal) ? expand(name) : [name];

    /// <inheritdoc/>
    public bool MayTakeLong(string name) =>
        speech is not null && PromptNames.TrySplit(name, PromptNames.Say, out var tag, out var text) && !speech.IsReady(Or(tag), text);

    /// <inheritdoc/>
    public PromptLoad Load(string name)
    {
        if (PromptNames.TrySplit(name, PromptNames.Voice, out _, out var piece)) return LoadPiece(piece);
        if (PromptNames.TrySplit(name, PromptNames.File, out var folder, out var file)) return files.Load(file, Or(folder));
        if (PromptNames.TrySplit(name, PromptNames.Say, out var tag, out var text))
        {
            // The engine has a time limit of its own.
            using var _ = LoadWatch.Bounded();
            return speech?.Speak(Or(tag), text)
                ?? SoundFile.Refuse(MediaOutcome.Unsupported, SpeechName, "it is switched off by cti.tts.engine = none; set it to espeak or http");
        }
        // Never shown: what is spoken may be a captcha.
        if (PromptNames.IsReserved(name)) return SoundFile.Refuse(MediaOutcome.Unsupported, "spoken content", "this version does not know how to speak it");
        return files.Load(name, language);
    }

    /// <inheritdoc/>
    public Prompt? Kept(string name)
    {
        if (PromptNames.TrySplit(name, PromptNames.Voice, out _, out var piece))
            return files.Kept(piece, null) is { } prompt ? _pieces.GetValue(prompt, PieceEnds.Trim) : null;
        if (PromptNames.TrySplit(name, PromptNames.File, out var folder, out var file)) return files.Kept(file, Or(folder));
        if (PromptNames.TrySplit(name, PromptNames.Say, out var tag, out var text)) return speech?.Kept(Or(tag), text);
        return PromptNames.IsReserved(name) ? null : files.Kept(name, language);
    }

    private string Or(string tag) => tag.Length == 0 ? language : tag;

    private PromptLoad LoadPiece(string piece)
    {
        var load = files.Load(piece);
        return load.Prompt is { } prompt ? load with { Prompt = _pieces.GetValue(prompt, PieceEnds.Trim) } : load;
    }
}
