namespace Cti.Media.Files;

/// <summary>
/// Prompts by name, decoded once and shared, bounded in bytes: the least recently used go first. A file whose time or length changed is read
/// again; calls that play the old sound go on with it. For loader threads, several at once; a file is decoded by the first that asks for it.
/// </summary>
public sealed class PromptCache : IPromptSource
{
    private readonly string _root;
    private readonly string? _builtinDirectory;
    private readonly long _bytesMax;
    private readonly SoundLibrary? _library;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = new();
    private long _bytes;

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
        _bytesMax = bytesMax;
    }

    private sealed class Entry(string path, DateTime written, long length, Lazy<PromptLoad> load)
    {
        public string Path { get; } = path;

        public DateTime Written { get; } = written;

        public long Length { get; } = length;

        public Lazy<PromptLoad> Load { get; } = load;

        public long Bytes { get; set; }

        public bool IsCounted { get; set; }
    }

    /// <summary>What is kept now, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate) return _bytes;
        }
    }

    /// <summary>How many prompts are kept now.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _entries.Count;
        }
    }

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
        var entry = Find(path, name, file.LastWriteTimeUtc, file.Length);
        var load = entry.Load.Value;
        Settle(entry, load);
        return load;
    }

    private Entry Find(string path, string name, DateTime written, long length)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(path, out var node))
            {
                if (node.Value.Written == written && node.Value.Length == length)
                {
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                    return node.Value;
                }
                Remove(node);
            }
            var entry = new Entry(path, written, length, new Lazy<PromptLoad>(() => SoundFile.Load(path, name, _library)));
            _entries[path] = _byUse.AddFirst(entry);
            return entry;
        }
    }

    /// <summary>Counts what was decoded and makes room; failures are not kept, so a repaired file is seen even with its old time and length.</summary>
    private void Settle(Entry entry, PromptLoad load)
    {
        lock (_gate)
        {
            if (entry.IsCounted || !_entries.TryGetValue(entry.Path, out var node) || node.Value != entry) return;
            if (load.Prompt is null)
            {
                Remove(node);
                return;
            }
            entry.IsCounted = true;
            entry.Bytes = load.Prompt.Bytes;
            _bytes += entry.Bytes;
            for (var oldest = _byUse.Last; _bytes > _bytesMax && oldest is not null;)
            {
                var next = oldest.Previous;
                if (oldest.Value.IsCounted) Remove(oldest);
                oldest = next;
            }
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Path);
        if (node.Value.IsCounted) _bytes -= node.Value.Bytes;
    }
}
