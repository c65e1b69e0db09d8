using System.Collections.Concurrent;
using Cti.Kernel;

namespace Cti.Media.Files;

/// <summary>
/// Prompts by name, decoded once and shared, bounded in bytes: the least recently used go first. A file whose time or length changed is read
/// again; calls that play the old sound go on with it. For loader threads, several at once; a file is decoded by the first that asks for it.
/// </summary>
public sealed class PromptCache : IPromptSource
{
    private readonly MediaFolders _folders;
    private readonly SoundLibrary? _library;
    private readonly LoadedPrompts _kept;
    private readonly string _application;
    private readonly ConcurrentDictionary<(string Application, string Name, string? Language), string> _paths;

    /// <summary>A cache over a media root and the folder of built-in prompts, for one application that records nothing.</summary>
    /// <param name="root">The media root, absolute.</param>
    /// <param name="builtinDirectory">The built-in prompts, absolute; null for none.</param>
    /// <param name="bytesMax">What it may keep, in bytes of memory; what is playing stays alive beyond it.</param>
    /// <param name="library">What decodes the kinds that have no code here; null for the system's.</param>
    public PromptCache(string root, string? builtinDirectory, long bytesMax, SoundLibrary? library = null)
        : this(new MediaFolders(root, builtinDirectory, root), bytesMax, library)
    {
    }

    /// <summary>A cache over the folders of a node. Each application hears its own files through <see cref="For"/>.</summary>
    /// <param name="folders">Who may hear what.</param>
    /// <param name="bytesMax">What it may keep, in bytes of memory; what is playing stays alive beyond it.</param>
    /// <param name="library">What decodes the kinds that have no code here; null for the system's.</param>
    public PromptCache(MediaFolders folders, long bytesMax, SoundLibrary? library = null)
        : this(folders, new LoadedPrompts(bytesMax), [], library, "")
    {
    }

    private PromptCache(MediaFolders folders, LoadedPrompts kept, ConcurrentDictionary<(string Application, string Name, string? Language), string> paths,
        SoundLibrary? library, string application)
    {
        _folders = folders;
        _kept = kept;
        _paths = paths;
        _library = library;
        _application = application;
    }

    /// <summary>What is kept now, in bytes.</summary>
    public long Bytes => _kept.Bytes;

    /// <summary>How many prompts are kept now.</summary>
    public int Count => _kept.Count;

    /// <summary>The same cache, with the files that an application may hear.</summary>
    public PromptCache For(string application) => new(_folders, _kept, _paths, _library, application);

    IPromptSource IPromptSource.For(string application) => For(application);

    /// <inheritdoc/>
    public PromptLoad Load(string name) => Load(_folders.Resolve(_application, name), name, null);

    /// <summary>
    /// Loads as <see cref="Load(string)"/> does, but after the roots themselves looks in a folder of the language, there and among the built-in prompts.
    /// </summary>
    /// <param name="name">As an application gave it.</param>
    /// <param name="language">Name of the folder.</param>
    public PromptLoad Load(string name, string language) => Load(_folders.Resolve(_application, name, language), name, language);

    /// <inheritdoc/>
    public Prompt? Kept(string name) => Kept(name, null);

    /// <summary>What <see cref="Load(string, string)"/> found last, from memory.</summary>
    /// <param name="name">As an application gave it.</param>
    /// <param name="language">Name of the folder; null where none was looked in.</param>
    public Prompt? Kept(string name, string? language) => _paths.TryGetValue((_application, name, language), out var path) ? _kept.Peek(path) : null;

    private PromptLoad Load(Resolution resolution, string name, string? language) => resolution.Kind switch
    {
        ResolutionKind.Found => LoadPath(resolution.FullPath!, name, language),
        ResolutionKind.Missing => SoundFile.Refuse(MediaOutcome.NotFound, name, "no such file"),
        _ => SoundFile.Refuse(MediaOutcome.NotFound, name, "the name leads out of the media root"),
    };

    private PromptLoad LoadPath(string path, string name, string? language)
    {
        LoadWatch.Step();
        var file = new FileInfo(path);
        if (!file.Exists) return SoundFile.Refuse(MediaOutcome.NotFound, name, "no such file");
        var load = _kept.Get(path, (file.LastWriteTimeUtc.Ticks, file.Length), () => SoundFile.Load(path, name, _library));
        if (load.Prompt is not null) Remember(name, language, path);
        return load;
    }

    private void Remember(string name, string? language, string path)
    {
        // What is forgotten is only looked up on the disk once more.
        if (_paths.Count >= Limits.PromptNamesMax) _paths.Clear();
        _paths[(_application, name, language)] = path;
    }
}
