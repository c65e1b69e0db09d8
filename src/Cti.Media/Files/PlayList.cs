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

    /// <summary>The prompts that an application may hear.</summary>
    /// <param name="application">Its name.</param>
    IPromptSource For(string application) => this;

    /// <summary>
    /// The prompt of a name as it is in memory, though its file may have changed or its disk may be away; null when it is not. Waits for nothing.
    /// </summary>
    Prompt? Kept(string name) => null;

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
        var own = source.For(request.Application);
        foreach (var file in request.Files)
        {
            if (LoadWatch.Current is { } watch) watch.At = file;
            foreach (var piece in own.Pieces(file))
            {
                var load = own.Load(piece);
                if (load.Prompt is not { } prompt) return new PlayListLoad(load.Outcome, null, load.Detail);
                Encode(prompt, codec);
                prompts.Add(prompt);
            }
        }
        return new PlayListLoad(MediaOutcome.Completed, new PlayList(prompts.DrainToImmutable(), request.Repeat, request.OffsetMillis), null);
    }

    /// <summary>What <see cref="Load"/> makes, of prompts in memory alone; null where one of them is not there. Waits for nothing.</summary>
    public static PlayList? OfKept(IPromptSource source, PlayRequest request, AudioCodec codec)
    {
        var prompts = ImmutableArray.CreateBuilder<Prompt>(request.Files.Length);
        var own = source.For(request.Application);
        foreach (var file in request.Files)
        {
            foreach (var piece in own.Pieces(file))
            {
                if (own.Kept(piece) is not { } prompt) return null;
                prompt.Prepare(codec);
                prompts.Add(prompt);
            }
        }
        return new PlayList(prompts.DrainToImmutable(), request.Repeat, request.OffsetMillis);
    }

    /// <summary>Whether every piece is in memory. Waits for nothing.</summary>
    public static bool IsKept(IPromptSource source, PlayRequest request)
    {
        var own = source.For(request.Application);
        foreach (var file in request.Files)
        {
            foreach (var piece in own.Pieces(file))
                if (own.Kept(piece) is null) return false;
        }
        return true;
    }

    private static void Encode(Prompt prompt, AudioCodec codec)
    {
        using var _ = LoadWatch.Bounded();
        prompt.Prepare(codec);
    }
}
