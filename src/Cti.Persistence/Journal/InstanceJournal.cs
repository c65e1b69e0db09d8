using Cti.Persistence;

namespace Cti.Persistence.Journal;

/// <summary>
/// One instance as its owner sees it: the only place that numbers its entries. Appending reserves positions and queues the write under one
/// short lock, so the order of the numbers is the order of the writes.
/// </summary>
public sealed class InstanceJournal
{
    private readonly Lock _gate = new();
    private readonly JournalWriter _writer;
    private readonly string _owner;
    private readonly long _epoch;
    private long _tail;
    private volatile bool _deposed;
    private volatile bool _closed;

    internal InstanceJournal(JournalWriter writer, string owner, InstanceOwnership ownership)
    {
        _writer = writer;
        _owner = owner;
        Instance = ownership.Instance;
        _epoch = ownership.Epoch;
        _tail = ownership.Tail;
    }

    /// <summary>0..N-1.</summary>
    public int Instance { get; }

    /// <summary>The epoch under which this node owns it.</summary>
    public long Epoch => _epoch;

    /// <summary>True once the store said that another node owns it: nothing may be written or promised any more.</summary>
    public bool IsDeposed => _deposed;

    /// <summary>True when the writer is so far behind that new work must be refused with 503.</summary>
    public bool IsStalled => _deposed || _writer.IsStalled;

    /// <summary>True when the store is damaged or gone for good: nobody will read what is still waiting to be written.</summary>
    public bool IsBroken => _writer.WhyBroken is not null;

    /// <summary>
    /// Reserves positions and queues one append. <paramref name="fill"/> runs under the lock: it is given the first free position and answers what to write,
    /// or null to write nothing.
    /// </summary>
    /// <returns>The position of its last row, which <see cref="IDurabilityObserver.OnDurable"/> reports; 0 when nothing is written.</returns>
    public long Append(Func<long, JournalRows?> fill, IDurabilityObserver observer)
    {
        lock (_gate)
        {
            var expected = _tail;
            var rows = fill(expected + 1);
            if (rows is null) return 0;
            if (rows.Count < 1) throw new InvalidOperationException("an append without rows has no position");
            _tail = expected + rows.Count;
            _writer.Enqueue(new PendingAppend(this, observer, rows.Tag, new InstanceAppend
            {
                Instance = Instance,
                Owner = _owner,
                Epoch = _epoch,
                ExpectedTail = expected,
                NewTail = _tail,
                Entries = rows.Entries,
                Events = rows.Events,
                Idempotency = rows.Idempotency,
                CallRecords = rows.CallRecords,
                ReleasedResources = rows.ReleasedResources,
                ReleasedPermits = rows.ReleasedPermits,
                BoundPermits = rows.BoundPermits,
            }));
            return _tail;
        }
    }

    /// <summary>
    /// Whether nothing may begin here, as the instance is about to move. Steady while <see cref="Append"/> fills: what began before is known to whoever closed
    /// it.
    /// </summary>
    public bool IsClosed
    {
        get => _closed;
        set
        {
            lock (_gate) _closed = value;
        }
    }

    /// <summary>Another node owns the instance, or will: from now on nothing of this journal counts.</summary>
    public void Depose() => _deposed = true;
}

/// <summary>What one append writes.</summary>
public sealed record JournalRows
{
    /// <summary>Journal entries, numbered by the caller from the first free position on.</summary>
    public IReadOnlyList<JournalEntry> Entries { get; init; } = [];
    /// <summary>Events, numbered after the entries.</summary>
    public IReadOnlyList<StoredEvent> Events { get; init; } = [];
    /// <summary>Results to remember.</summary>
    public IReadOnlyList<IdempotencyRow> Idempotency { get; init; } = [];
    /// <summary>Call records.</summary>
    public IReadOnlyList<CallRecordRow> CallRecords { get; init; } = [];
    /// <summary>Resources whose journal is dropped.</summary>
    public IReadOnlyList<string> ReleasedResources { get; init; } = [];
    /// <summary>Permits freed.</summary>
    public IReadOnlyList<string> ReleasedPermits { get; init; } = [];
    /// <summary>Permits tied to a resource.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> BoundPermits { get; init; } = [];

    /// <summary>Handed back when it is durable.</summary>
    public object? Tag { get; init; }

    /// <summary>Positions used.</summary>
    public int Count => Entries.Count + Events.Count;
}

/// <summary>Told when appends are durable, or never will be.</summary>
public interface IDurabilityObserver
{
    /// <summary>
    /// Everything up to <paramref name="position"/> that this observer appended is durable. Called before the events of the append are published, so that
    /// whoever hears of an event finds what it tells of.
    /// </summary>
    /// <param name="position">The append's last position.</param>
    /// <param name="tag">Its <see cref="JournalRows.Tag"/>.</param>
    void OnDurable(long position, object? tag);

    /// <summary>The instance was taken over: what was not reported durable never will be; stand down without touching anything outside.</summary>
    void OnDeposed();
}

internal sealed record PendingAppend(InstanceJournal Journal, IDurabilityObserver Observer, object? Tag, InstanceAppend Append)
{
    /// <summary>When it was queued, for the measurements.</summary>
    public long QueuedNanos { get; set; }
}
