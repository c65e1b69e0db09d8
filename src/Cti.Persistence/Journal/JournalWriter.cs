using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Persistence.Journal;

/// <summary>
/// Writes the appends of all instances of a node, in batches: what arrives while a commit runs goes into the next. When the outcome of a commit
/// is unknown it reads the tails and resends only what was not written.
/// </summary>
public sealed class JournalWriter : IWorkItem
{
    /// <summary>Appends in one batch: above this a transaction only adds latency.</summary>
    private const int BatchMax = 512;
    /// <summary>Waiting appends past which new work is refused with 503: a second of a busy node.</summary>
    private const int WaitingMax = 20_000;
    private const int RetryMillisMin = 50, RetryMillisMax = 1000;
    /// <summary>How often a resent append may find another tail before that counts as a bug of ours: each time an older copy of it landed late.</summary>
    private const int LateCommitsMax = 3;

    private readonly Lock _gate = new();
    private readonly IJournalStore _store;
    private readonly IScheduler _scheduler;
    private readonly ITimers _timers;
    private readonly ILog _log;
    private readonly Action<IReadOnlyList<StoredEvent>> _publish;
    private List<PendingAppend> _waiting = [];
    private List<PendingAppend> _spare = [];
    private bool _running;
    private long _takenNanos;
    private long _refused, _unreached;
    private volatile bool _unreachable;

    /// <summary>Creates the writer.</summary>
    /// <param name="store">Where to.</param>
    /// <param name="scheduler">Runs the batches.</param>
    /// <param name="timers">Paces retries.</param>
    /// <param name="log">Log.</param>
    /// <param name="publish">Given the events of each batch once they are durable, in order per instance.</param>
    public JournalWriter(IJournalStore store, IScheduler scheduler, ITimers timers, ILog log, Action<IReadOnlyList<StoredEvent>> publish)
    {
        _store = store;
        _scheduler = scheduler;
        _timers = timers;
        _log = log;
        _publish = publish;
    }

    /// <summary>Told outside every lock when the store refused an append of an instance, once for each journal.</summary>
    public Action<InstanceJournal>? Deposed { get; init; }

    /// <summary>Whether this node's lease is not renewed: what would be written may be another's to write.</summary>
    public Func<bool>? IsCutOff { get; init; }

    /// <summary>What is wrong with the store for good; null while it is sound (<see cref="IJournalStore.WhyBroken"/>).</summary>
    public string? WhyBroken => _store.WhyBroken;

    /// <summary>True while the store cannot be reached or is broken, the node is cut off from it or the queue is past its bound.</summary>
    public bool IsStalled
    {
        get
        {
            if (_unreachable || _store.WhyBroken is not null || IsCutOff?.Invoke() == true) return true;
            lock (_gate) return _waiting.Count > WaitingMax;
        }
    }

    /// <summary>Measures <see cref="LagMillis"/>; null: it is 0.</summary>
    public IClock? Clock { get; set; }

    /// <summary>
    /// Told how long an append took from being queued to being durable, in seconds; needs <see cref="Clock"/>. Called by the writer: returns at once.
    /// </summary>
    public Action<double>? Appended { get; set; }

    /// <summary>Told how many appends went into one batch.</summary>
    public Action<int>? BatchTaken { get; set; }

    /// <summary>Appends that wait for the present batch to be written.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Appends that were refused, because another node owns the instance or wrote to it.</summary>
    public long RefusedCount => Interlocked.Read(ref _refused);

    /// <summary>How often the store could not be reached with a batch.</summary>
    public long UnreachedCount => Interlocked.Read(ref _unreached);

    /// <summary>How long the present batch has been on its way, in milliseconds; 0 when nothing is.</summary>
    public long LagMillis =>
        Volatile.Read(ref _takenNanos) is var taken and not 0 && Clock is { } clock ? Math.Max(0, (clock.MonotonicNanos - taken) / 1_000_000) : 0;

    /// <summary>Whether everything that was appended has been reported.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate) return !_running && _waiting.Count == 0;
        }
    }

    /// <summary>An instance just claimed by this node.</summary>
    public InstanceJournal Open(string owner, InstanceOwnership ownership) => new(this, owner, ownership);

    internal void Enqueue(PendingAppend append)
    {
        append.QueuedNanos = Clock?.MonotonicNanos ?? 0;
        lock (_gate)
        {
            _waiting.Add(append);
            if (_running) return;
            _running = true;
        }
        _scheduler.Post(this);
    }

    /// <summary>Writes until nothing waits. Posted by <see cref="Enqueue"/>; never twice at once.</summary>
    public void Run() => _ = PumpAsync();

    private async Task PumpAsync()
    {
        try
        {
            while (Take() is { Count: > 0 } batch)
            {
                Volatile.Write(ref _takenNanos, Clock?.MonotonicNanos ?? 0);
                BatchTaken?.Invoke(batch.Count);
                await WriteAsync(batch).ConfigureAwait(false);
            }
            Volatile.Write(ref _takenNanos, 0);
        }
        catch (Exception fault)
        {
            // A bug here must be seen in the log: nothing else observes this task.
            _unreachable = true;
            _log.Write(LogEvents.JournalFault, fault);
        }
    }

    private List<PendingAppend>? Take()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _running = false;
                return null;
            }
            List<PendingAppend> batch;
            if (_waiting.Count <= BatchMax)
            {
                batch = _waiting;
                _waiting = _spare;
                _spare = [];
            }
            else
            {
                batch = _waiting.GetRange(0, BatchMax);
                _waiting.RemoveRange(0, BatchMax);
            }
            return batch;
        }
    }

    private async Task WriteAsync(List<PendingAppend> batch)
    {
        var retryMillis = RetryMillisMin;
        var lateCommits = 0;
        var isResent = false;
        while (batch.Count > 0)
        {
            try
            {
                var outcomes = await _store.AppendAsync(batch.ConvertAll(static pending => pending.Append)).ConfigureAwait(false);
                Reached();
                var rest = isResent && lateCommits++ < LateCommitsMax ? TakeLate(ref batch, ref outcomes) : [];
                Report(batch, outcomes);
                batch = rest;
                if (batch.Count == 0) return;
            }
            catch (StoreUnavailableException fault)
            {
                if (!_unreachable && !fault.IsBroken) _log.Write(LogEvents.JournalUnreachable, fault.Message);
                _unreachable = true;
                Interlocked.Increment(ref _unreached);
                isResent = true;
            }
            // Nothing is sent again before the tails have told what is missing.
            List<PendingAppend>? missing;
            do
            {
                await PauseAsync(retryMillis).ConfigureAwait(false);
                retryMillis = Math.Min(RetryMillisMax, retryMillis * 2);
                missing = await DropWrittenAsync(batch).ConfigureAwait(false);
            }
            while (missing is null);
            batch = missing;
        }
    }

    private void Reached()
    {
        if (!_unreachable) return;
        _unreachable = false;
        _log.Write(LogEvents.JournalBack);
    }

    /// <summary>
    /// Takes out what found another tail: a copy whose outcome was unknown may have landed after the tails were read, and the tails will now tell.
    /// </summary>
    private static List<PendingAppend> TakeLate(ref List<PendingAppend> batch, ref IReadOnlyList<AppendOutcome> outcomes)
    {
        List<PendingAppend> late = [], others = [];
        List<AppendOutcome> known = [];
        for (var i = 0; i < batch.Count; i++)
        {
            if (outcomes[i] == AppendOutcome.TailMismatch)
            {
                late.Add(batch[i]);
                continue;
            }
            others.Add(batch[i]);
            known.Add(outcomes[i]);
        }
        batch = others;
        outcomes = known;
        return late;
    }

    private void Report(List<PendingAppend> batch, IReadOnlyList<AppendOutcome> outcomes)
    {
        List<StoredEvent>? events = null;
        var now = Appended is null ? 0 : Clock?.MonotonicNanos ?? 0;
        for (var i = 0; i < batch.Count; i++)
        {
            var pending = batch[i];
            if (outcomes[i] == AppendOutcome.Accepted)
            {
                if (now != 0) Appended!((now - pending.QueuedNanos) / 1e9);
                pending.Observer.OnDurable(pending.Append.NewTail, pending.Tag);
                if (pending.Append.Events.Count > 0) (events ??= []).AddRange(pending.Append.Events);
            }
            else
            {
                Depose(pending, outcomes[i]);
            }
        }
        if (events is not null) _publish(events);
    }

    private void Depose(PendingAppend pending, AppendOutcome outcome)
    {
        Interlocked.Increment(ref _refused);
        var isFirst = !pending.Journal.IsDeposed;
        if (isFirst) _log.Write(LogEvents.InstanceDeposed, pending.Append.Instance, pending.Append.Epoch, outcome);
        pending.Journal.Depose();
        pending.Observer.OnDeposed();
        if (isFirst) Deposed?.Invoke(pending.Journal);
    }

    /// <summary>After a commit of unknown outcome: reports what the tails show to be written, and answers the rest; null when they cannot be read.</summary>
    private async Task<List<PendingAppend>?> DropWrittenAsync(List<PendingAppend> batch)
    {
        IReadOnlyList<InstanceOwnership> ownership;
        try
        {
            ownership = await _store.ReadOwnershipAsync().ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
        var byInstance = ownership.ToDictionary(static row => row.Instance);
        var rest = new List<PendingAppend>(batch.Count);
        var outcomes = new List<AppendOutcome>();
        var settled = new List<PendingAppend>();
        foreach (var pending in batch)
        {
            var row = byInstance[pending.Append.Instance];
            if (row.Owner == pending.Append.Owner && row.Epoch == pending.Append.Epoch && row.Tail < pending.Append.NewTail)
            {
                rest.Add(pending);
                continue;
            }
            settled.Add(pending);
            // A deposed owner cannot tell whether its last append was read by the new one: the new owner decides what it promised.
            outcomes.Add(row.Owner == pending.Append.Owner && row.Epoch == pending.Append.Epoch ? AppendOutcome.Accepted : AppendOutcome.Fenced);
        }
        if (rest.Count == 0) Reached();
        Report(settled, outcomes);
        return rest;
    }

    private Task PauseAsync(int millis)
    {
        var elapsed = new TaskCompletionSource();
        _timers.Schedule(millis, static state => ((TaskCompletionSource)state!).TrySetResult(), elapsed);
        return elapsed.Task;
    }
}
