using System.Security.Cryptography;
using System.Text;
using Cti.Media.Files;

namespace Cti.Transport.Speech;

/// <summary>
/// What an engine made, kept in memory and bounded in bytes, the least recently used going first. Who asks for a text that is being made waits for it
/// rather than asking again; what failed is asked for anew. Texts are kept as hashes: they may be somebody's balance.
/// </summary>
/// <param name="engine">Makes what is not kept.</param>
/// <param name="bytesMax">What it may keep, in bytes of memory; 0 keeps nothing.</param>
public sealed class SpeechCache(ISpeechEngine engine, long bytesMax) : ITextToSpeech
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = new();
    private long _bytes;

    private sealed class Entry(string key, Lazy<PromptLoad> load)
    {
        public string Key { get; } = key;

        public Lazy<PromptLoad> Load { get; } = load;

        public long Bytes { get; set; }

        public bool IsCounted { get; set; }
    }

    /// <summary>What is kept now, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
                return _bytes;
        }
    }

    /// <inheritdoc/>
    public bool IsReady(string language, string text)
    {
        lock (_gate)
            return _entries.TryGetValue(Key(language, text), out var node) && node.Value.IsCounted;
    }

    /// <inheritdoc/>
    public PromptLoad Speak(string language, string text)
    {
        var entry = Find(language, text);
        var load = entry.Load.Value;
        Settle(entry, load);
        return load;
    }

    private static string Key(string language, string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{language}\n{text}")));

    private Entry Find(string language, string text)
    {
        var key = Key(language, text);
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                return node.Value;
            }

            var entry = new Entry(key, new Lazy<PromptLoad>(() => engine.Speak(language, text)));
            _entries[key] = _byUse.AddFirst(entry);
            return entry;
        }
    }

    private void Settle(Entry entry, PromptLoad load)
    {
        lock (_gate)
        {
            if (entry.IsCounted || !_entries.TryGetValue(entry.Key, out var node) || node.Value != entry)
                return;
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
                if (oldest.Value.IsCounted)
                    Remove(oldest);
                oldest = next;
            }
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Key);
        if (node.Value.IsCounted)
            _bytes -= node.Value.Bytes;
    }
}
