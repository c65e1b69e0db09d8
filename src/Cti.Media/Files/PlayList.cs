using System.Collections.Immutable;

namespace Cti.Media.Files;

/// <summary>How the loading of a prompt or a play ended.</summary>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/>, or NotFound, Unsupported, Failed.</param>
/// <param name="Prompt">The prompt, when completed.</param>
/// <param name="Detail">Otherwise: which file and what is wrong with it.</param>
public readonly record struct PromptLoad(MediaOutcome Outcome, Prompt? Prompt, string? Detail);

/// <summary>Where prompts come from. Reads files: called from loader threads, by several at once; never throws.</summary>
public interface IPromptSource
{
    /// <summary>Loads a prompt by its name (relative names under the media root, then among the built-in prompts) or hands out the shared one.</summary>
    PromptLoad Load(string name);

    /// <summary>What a name is played as: itself, or the pieces of a spoken value. Reads no file.</summary>
    ImmutableArray<string> Pieces(string name) => [name];

    /// <summary>Whether <see cref="Load"/> of the name waits for more than a disk, such as a speech engine: then it must not hold up others.</summary>
    bool MayTakeLong(string name) => false;
}

/// <summary>How the loading of a play ended.</summary>
/// <param name="Outcome"><see cref="MediaOutcome.Completed"/>, or NotFound, Unsupported, Failed.</param>
/// <param name="List">The play, when completed.</param>
/// <param name="Detail">Otherwise: which file and what is wrong with it.</param>
public readonly record struct PlayListLoad(MediaOutcome Outcome, PlayList? List, string? Detail);

/// <summary>Everything that a play needs, in memory.</summary>
/// <param name="Prompts">The pieces, in order, without gaps between them.</param>
/// <param name="Repeat">How many times more; -1 for ever.</param>
/// <param name="OffsetMillis">How much of the whole (repeats included) is skipped.</param>
public sealed record PlayList(ImmutableArray<Prompt> Prompts, int Repeat = 0, long OffsetMillis = 0)
{
    /// <summary>
    /// Loads every piece and encodes it for <paramref name="codec"/>, so that the media loop finds it ready. The first missing or broken one
    /// ends it. Reads files: call it from a loader thread.
    /// </summary>
    public static PlayListLoad Load(IPromptSource source, PlayRequest request, AudioCodec codec)
    {
        var prompts = ImmutableArray.CreateBuilder<Prompt>(request.Files.Length);
        foreach (var file in request.Files)
        {
            foreach (var piece in source.Pieces(file))
            {
                var load = source.Load(piece);
                if (load.Prompt is not { } prompt) return new PlayListLoad(load.Outcome, null, load.Detail);
                prompt.Encoded(codec);
                prompts.Add(prompt);
            }
        }
        return new PlayListLoad(MediaOutcome.Completed, new PlayList(prompts.DrainToImmutable(), request.Repeat, request.OffsetMillis), null);
    }
}
