using Akka.Actor;
using Cti.Persistence.Journal;

namespace Cti.Persistence.AkkaJournal;

/// <summary>
/// What the plug-in knows of an instance: which resources have entries, those that no actor has recovered from yet, and how far its appends are durable. So a
/// new resource needs no query, and all that live when an instance is claimed need one. Only the plug-in's actor touches it, but for
/// <see cref="Settled"/>.
/// </summary>
internal sealed class OpenInstance(InstanceJournal journal)
{
    private readonly HashSet<string> _stored = new(StringComparer.Ordinal);
    private Dictionary<string, List<JournalEntry>>? _unread;
    private long _queued, _settled;
    private int _isAwaited;

    internal InstanceJournal Journal => journal;

    /// <summary>Up to where an actor that recovers now must find everything durable: its predecessor may have left writes on their way.</summary>
    internal long Queued => _queued;

    /// <summary>Queues entries as one append: they are durable together or not at all.</summary>
    internal void Append(IReadOnlyList<JournalEntry> entries, bool endsResource, IDurabilityObserver observer)
    {
        var id = entries[0].ResourceId;
        _unread?.Remove(id);
        if (endsResource) _stored.Remove(id);
        else _stored.Add(id);
        _queued = journal.Append(first => new JournalRows
        {
            Entries = [.. entries.Select((entry, index) => entry with { Position = first + index })],
            ReleasedResources = endsResource ? [id] : [],
        }, observer);
    }

    /// <summary>
    /// The entries of a resource as far as memory has them: once for each that lived when the instance was claimed, and none for one that is new. Null: they
    /// must be read.
    /// </summary>
    internal IReadOnlyList<JournalEntry>? TakeUnread(string id)
    {
        if (_unread is null || _stored.Contains(id)) return null;
        if (!_unread.Remove(id, out var entries)) return [];
        _stored.Add(id);
        return entries;
    }

    /// <summary>Whether it is known that a resource has no entries.</summary>
    internal bool IsEmpty(string id) => _unread is not null && !_stored.Contains(id) && !_unread.ContainsKey(id);

    /// <summary>Keeps what was read of the whole instance, the first time, for the actors that have not recovered yet.</summary>
    internal void Keep(Dictionary<string, List<JournalEntry>> read) =>
        // What was written meanwhile may be missing in it.
        _unread ??= read.Where(resource => !_stored.Contains(resource.Key)).ToDictionary(StringComparer.Ordinal);

    /// <summary>Whether appends up to a position are durable; if not, <see cref="Settled"/> wakes the plug-in at the next one.</summary>
    internal bool IsSettled(long position)
    {
        if (Volatile.Read(ref _settled) >= position) return true;
        Interlocked.Exchange(ref _isAwaited, 1);
        return Volatile.Read(ref _settled) >= position;
    }

    /// <summary>An append is durable up to this position, or, at the end of all, refused. Called by the journal's writer.</summary>
    internal void Settled(long position, IActorRef plugin)
    {
        Interlocked.Exchange(ref _settled, position);
        if (Volatile.Read(ref _isAwaited) == 1 && Interlocked.Exchange(ref _isAwaited, 0) == 1) plugin.Tell(CtiJournal.Wake.Instance);
    }
}
