namespace Cti.Media.Files;

/// <summary>
/// Decoded prompts by key, bounded in bytes, the least recently used going first. Who asks for one that is being loaded waits for it rather than loading it
/// again, unless the load or the wait was given up; what failed is not kept. Any number of threads.
/// </summary>
/// <param name="bytesMax">What it may keep, in bytes of memory; 0 keeps nothing. What is playing stays alive beyond it.</param>
public sealed class LoadedPrompts(long bytesMax)
{
    /// <summary>How often who waits looks whether anybody still waits for it.</summary>
    private const int LookEveryMillis = 50;

    private readonly object _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = new();
    private long _bytes;

    private sealed class Entry(string key, (long Ticks, long Length) version)
    {
        public string Key { get; } = key;

        public (long Ticks, long Length) Version { get; } = version;

        /// <summary>Of the thread that loads it; null where nobody bounds that.</summary>
        public LoadWatch? Loader { get; } = LoadWatch.Current;

        public PromptLoad? Load { get; set; }

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

    /// <summary>How many are kept now.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _entries.Count;
        }
    }

    /// <summary>Whether it is kept, so that getting it waits for nothing.</summary>
    public bool Has(string key)
    {
        lock (_gate) return _entries.TryGetValue(key, out var node) && node.Value.IsCounted;
    }

    /// <summary>What is kept, whatever its version; null when nothing is.</summary>
    public Prompt? Peek(string key)
    {
        lock (_gate) return _entries.TryGetValue(key, out var node) && node.Value.IsCounted ? Use(node).Load!.Value.Prompt : null;
    }

    /// <summary>Hands out what is kept, or loads it.</summary>
    /// <param name="key">Its name.</param>
    /// <param name="version">What is kept under another version is loaded anew (a file's time and length).</param>
    /// <param name="load">Loads it; must not throw.</param>
    public PromptLoad Get(string key, (long Ticks, long Length) version, Func<PromptLoad> load)
    {
        Entry entry;
        lock (_gate)
        {
            while (_entries.TryGetValue(key, out var node) && node.Value.Version == version)
            {
                if (Use(node).Load is { } loaded) return loaded;
                if (LoadWatch.Current is { IsGivenUp: true }) return SoundFile.Refuse(MediaOutcome.Failed, key, "it is not waited for any more");
                if (node.Value.Loader is { IsGivenUp: true }) break;
                Monitor.Wait(_gate, LookEveryMillis);
                if (node.Value.Load is { } came) return came;
            }
            if (_entries.TryGetValue(key, out var former)) Remove(former);
            entry = new Entry(key, version);
            _entries[key] = _byUse.AddFirst(entry);
        }
        var result = load();
        Settle(entry, result);
        return result;
    }

    private Entry Use(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return node.Value;
    }

    /// <summary>Counts what was loaded and makes room; failures are not kept, so a repaired file is seen even with its old time and length.</summary>
    private void Settle(Entry entry, PromptLoad load)
    {
        lock (_gate)
        {
            entry.Load = load;
            Monitor.PulseAll(_gate);
            if (!_entries.TryGetValue(entry.Key, out var node) || node.Value != entry) return;
            if (load.Prompt is null)
            {
                Remove(node);
                return;
            }
            entry.IsCounted = true;
            entry.Bytes = load.Prompt.Bytes;
            _bytes += entry.Bytes;
            for (var oldest = _byUse.Last; _bytes > bytesMax && oldest is not null;)
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
        _entries.Remove(node.Value.Key);
        if (node.Value.IsCounted) _bytes -= node.Value.Bytes;
    }
}
