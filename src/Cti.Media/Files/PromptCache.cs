namespace Cti.Media.Files;

/// <summary>
/// Prompts by name, decoded once and shared, bounded in bytes: the least recently used go first. A file whose time or length changed is read
/// again; calls that play the old sound go on with it. For loader threads, several at once; a file is decoded by the first that asks for it.
/// </summary>
public sealed class PromptCache : IPromptSource
{
    private readonly string _root;
    private readonly string? _builtinDirectory;
    private readonly SoundLibrary? _library;
    private readonly LoadedPrompts _kept;

    /// <summary>A cache over a media root and the folder of built-in prompts.</summary>
    /// <param name="root">The media root, absolute.</param>
    /// <param name="builtinDirectory">The built-in prompts, absolute; null for none.</param>
    /// <param name="bytesMax">What it may keep, in bytes of memory; what is playing stays alive beyond it.</param>
    /// <param name="library">What decodes the kinds that have no code here; null for the system's.</param>
    public PromptCache(string root, string? builtinDirectory, long bytesMax, SoundLibrary? library = null)
    {
        _library = library;
        _root = root;
        _builtinDirectory = builtinDirectory;
        _kept = new LoadedPrompts(bytesMax);
    }

    /// <summary>What is kept now, in bytes.</summary>
    public long Bytes => _kept.Bytes;

    /// <summary>How many prompts are kept now.</summary>
    public int Count => _kept.Count;

    /// <inheritdoc/>
    public PromptLoad Load(string name)
    {
        var resolution = MediaLibrary.Resolve(_root, _builtinDirectory, name);
        return resolution.Kind switch
        {
            ResolutionKind.Found => LoadPath(resolution.FullPath!, name),
            ResolutionKind.Missing => SoundFile.Refuse(MediaOutcome.NotFound, name, "no such file"),
            _ => SoundFile.Refuse(MediaOutcome.NotFound, name, "the name leads out of the media root"),
        };
    }

    /// <summary>Loads as <see cref="Load(string)"/> does, but after the media root itself looks in a folder of the language, there and among the built-in prompts.</summary>
    /// <param name="name">As an application gave it.</param>
    /// <param name="language">Name of the folder.</param>
    public PromptLoad Load(string name, string language)
    {
        if (Path.IsPathRooted(name) || MediaLibrary.Resolve(_root, null, name).Kind != ResolutionKind.Missing) return Load(name);
        var spoken = MediaLibrary.Resolve(_root, _builtinDirectory, $"{language}/{name}");
        return spoken.Kind == ResolutionKind.Found ? LoadPath(spoken.FullPath!, name) : Load(name);
    }

    private PromptLoad LoadPath(string path, string name)
    {
        var file = new FileInfo(path);
        if (!file.Exists) return SoundFile.Refuse(MediaOutcome.NotFound, name, "no such file");
        return _kept.Get(path, (file.LastWriteTimeUtc.Ticks, file.Length), () => SoundFile.Load(path, name, _library));
    }
}
