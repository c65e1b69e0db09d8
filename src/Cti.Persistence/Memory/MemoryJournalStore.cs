using System.Runtime.InteropServices;

namespace Cti.Persistence.Memory;

/// <summary>
/// The store of tests and simulations: full semantics, no files, and every operation completes before it returns, so that a seed replays it.
/// </summary>
/// <param name="disk">Where it keeps its data; shared by the stores that shall see the same data.</param>
public sealed partial class MemoryJournalStore(MemoryDisk disk) : IJournalStore
{
    private bool _open;

    /// <summary>A store with a disk of its own.</summary>
    public MemoryJournalStore() : this(new MemoryDisk())
    {
    }

    /// <inheritdoc/>
    public ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(instanceCount, 1);
        lock (disk.Gate)
        {
            if (disk.Instances is null)
            {
                disk.Instances = new MemoryInstance[instanceCount];
                for (var i = 0; i < instanceCount; i++) disk.Instances[i] = new MemoryInstance();
            }
            if (disk.Instances.Length != instanceCount)
                throw new StoreMismatchException($"the store was created with {disk.Instances.Length} instances, the configuration says {instanceCount}");
            _open = true;
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            foreach (var id in instances) AppendRules.CheckInstance(id, all.Length);
            var claimed = new InstanceOwnership[instances.Count];
            for (var i = 0; i < claimed.Length; i++)
            {
                var instance = all[instances[i]];
                instance.Owner = node;
                instance.Epoch++;
                claimed[i] = new InstanceOwnership(instances[i], node, instance.Epoch, instance.Tail);
            }
            return ValueTask.FromResult<IReadOnlyList<InstanceOwnership>>(claimed);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            return ValueTask.FromResult<IReadOnlyList<InstanceOwnership>>(
                [.. Opened().Select((instance, id) => new InstanceOwnership(id, instance.Owner, instance.Epoch, instance.Tail))]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            AppendRules.Check(appends, all.Length);
            var outcomes = new AppendOutcome[appends.Count];
            for (var i = 0; i < outcomes.Length; i++) outcomes[i] = Append(all[appends[i].Instance], appends[i]);
            return ValueTask.FromResult<IReadOnlyList<AppendOutcome>>(outcomes);
        }
    }

    private AppendOutcome Append(MemoryInstance instance, InstanceAppend append)
    {
        if (instance.Owner != append.Owner || instance.Epoch != append.Epoch) return AppendOutcome.Fenced;
        if (instance.Tail != append.ExpectedTail) return AppendOutcome.TailMismatch;
        instance.Tail = append.NewTail;
        foreach (var entry in append.Entries)
            Slot(instance.Journal, entry.ResourceId).Add(entry with { Payload = Copy(entry.Payload) });
        foreach (var stored in append.Events)
            Slot(disk.Events, (stored.Application, stored.Instance)).Add(stored with { Params = Copy(stored.Params), Media = Copy(stored.Media) });
        foreach (var row in append.Idempotency)
            instance.Idempotency[(row.Application, row.RequestId)] = row with { Reply = Copy(row.Reply) };
        foreach (var record in append.CallRecords)
            disk.CallRecords.Add(new StoredCallRecord(++disk.LastCallRecord, record with { Fields = Copy(record.Fields) }));
        foreach (var (permit, resource) in append.BoundPermits)
        {
            if (disk.Permits.TryGetValue(permit, out var held)) disk.Permits[permit] = held with { ResourceId = resource };
        }
        foreach (var permit in append.ReleasedPermits) disk.Permits.Remove(permit);
        foreach (var resource in append.ReleasedResources)
        {
            instance.Journal.Remove(resource);
            foreach (var (permit, held) in disk.Permits)
            {
                if (held.ResourceId == resource) disk.Permits.Remove(permit);
            }
        }
        return AppendOutcome.Accepted;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
        CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            AppendRules.CheckInstances(instances, Opened().Length);
            return ValueTask.FromResult<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>>(instances.Distinct().ToDictionary(static instance => instance,
                IReadOnlyList<JournalEntry> (instance) =>
                    [.. Opened()[instance].Journal.Values.SelectMany(static entries => entries).OrderBy(static entry => entry.Position)]));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            AppendRules.CheckInstances(instances, Opened().Length);
            return ValueTask.FromResult<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>>(instances.Distinct().ToDictionary(static instance => instance,
                IReadOnlyList<IdempotencyRow> (instance) =>
                    [.. Opened()[instance].Idempotency.Values.Where(row => row.UnixMillis >= sinceUnixMillis).OrderBy(static row => row.UnixMillis)]));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default)
    {
        AppendRules.CheckLimit(limit);
        lock (disk.Gate)
        {
            AppendRules.CheckInstance(instance, Opened().Length);
            if (!disk.Events.TryGetValue((application, instance), out var events)) return ValueTask.FromResult<IReadOnlyList<StoredEvent>>([]);
            int low = 0, high = events.Count;
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (events[middle].Position <= afterPosition) low = middle + 1;
                else high = middle;
            }
            return ValueTask.FromResult<IReadOnlyList<StoredEvent>>(events.GetRange(low, Math.Min(limit, events.Count - low)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            return ValueTask.FromResult<IReadOnlyList<long>>([.. Opened().Select((_, id) => disk.Expired.GetValueOrDefault((application, id)))]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            return ValueTask.FromResult<IReadOnlyDictionary<int, long>>(
                disk.FeedPositions.TryGetValue((application, group), out var positions)
                    ? new SortedDictionary<int, long>(positions)
                    : new SortedDictionary<int, long>());
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions,
        CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            foreach (var instance in positions.Keys) AppendRules.CheckInstance(instance, Opened().Length);
            var stored = Slot(disk.FeedPositions, (application, group));
            foreach (var (instance, position) in positions)
            {
                if (!stored.TryGetValue(instance, out var old) || old < position) stored[instance] = position;
            }
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            if (disk.Permits.ContainsKey(permitId)) return ValueTask.FromResult(true);
            if (disk.PermitsInUse().GetValueOrDefault(trunk) >= max) return ValueTask.FromResult(false);
            disk.Permits.Add(permitId, new MemoryPermit(trunk, nowUnixMillis, null));
            return ValueTask.FromResult(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            disk.Permits.Remove(permitId);
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            return ValueTask.FromResult(Opened().All(static instance => instance.Journal.Values.All(static entries => entries.Count == 0)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            return ValueTask.FromResult(disk.PermitsInUse());
        }
    }

    /// <inheritdoc/>
    public ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis,
        CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            foreach (var (feed, events) in disk.Events)
            {
                var old = events.FindLast(stored => stored.UnixMillis < eventsBeforeUnixMillis);
                if (old is null) continue;
                disk.Expired[feed] = old.Position;
                events.RemoveAll(stored => stored.UnixMillis < eventsBeforeUnixMillis);
            }
            foreach (var instance in all)
            {
                foreach (var (key, row) in instance.Idempotency)
                {
                    if (row.UnixMillis < idempotencyBeforeUnixMillis) instance.Idempotency.Remove(key);
                }
            }
            foreach (var (id, permit) in disk.Permits)
            {
                if (permit.ResourceId is null && permit.UnixMillis < permitsBeforeUnixMillis) disk.Permits.Remove(id);
            }
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default)
    {
        AppendRules.CheckLimit(limit);
        lock (disk.Gate)
        {
            Opened();
            return ValueTask.FromResult<IReadOnlyList<StoredCallRecord>>(
                [.. disk.CallRecords.Where(record => record.RowNumber > afterId && record.Record.Node == node).Take(limit)]);
        }
    }

    /// <inheritdoc/>
    public ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            disk.CallRecords.RemoveAll(stored => stored.Record.Node == node && stored.RowNumber < beforeRowNumber
                && stored.Record.UnixMillis < beforeUnixMillis);
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _open = false;
        return ValueTask.CompletedTask;
    }

    private MemoryInstance[] Opened() => _open ? disk.Instances! : throw new InvalidOperationException("the store is not open");

    // The writer may reuse its buffers once the append is answered.
    private static ReadOnlyMemory<byte> Copy(ReadOnlyMemory<byte> bytes) => bytes.IsEmpty ? default : bytes.ToArray();

    private static TValue Slot<TKey, TValue>(Dictionary<TKey, TValue> table, TKey key) where TKey : notnull where TValue : new() =>
        CollectionsMarshal.GetValueRefOrAddDefault(table, key, out _) ??= new TValue();
}
