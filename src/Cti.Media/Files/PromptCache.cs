namespace Cti.Media.Files;

/// <summary>Prompts by name, decoded once and shared, bounded in bytes; a file that changed on disk is read again.</summary>
public sealed class PromptCache : IPromptSource
{
    /// <summary>A cache over a media root and the folder of built-in prompts.</summary>
    /// <param name="root">The media root, absolute.</param>
    /// <param name="builtinDirectory">The built-in prompts, absolute; null for none.</param>
    /// <param name="bytesMax">What it may keep, in bytes of memory; what is playing stays alive beyond it.</param>
    public PromptCache(string root, string? builtinDirectory, long bytesMax) => throw new NotImplementedException();

    /// <inheritdoc/>
    public PromptLoad Load(string name) => throw new NotImplementedException();
}
