using Cti.Contract;
using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// One connection's feed: catching up with the store where it is behind, else live from the ring.
/// <code>
///   Open ──► live ◄────────────── every instance caught up, ring not wrapped
///             │                                   ▲
///             │ SubscribeAsync, instance assigned │   ring wrapped meanwhile: again
///             └──────────────► catching up ───────┘
///   live and behind the ring: FeedOverrunException
/// </code>
/// In a group, delivery pauses at <see cref="FeedBounds.UnacknowledgedMax"/> unacknowledged events: the members share work that must not be lost, so the
/// remedy for a slow one is to hold back, not to disconnect it. What passes the ring meanwhile is read from the store; only a member that does not
/// even read is overrun.
/// </summary>
internal sealed class FeedReader : IEventFeed
{
    private const int GroupNameCharsMax = 128;

    private readonly EventHub _hub;
    private readonly ApplicationFeeds _feeds;

    // All below: under the hub's lock.
    private readonly long[] _delivered;
    private readonly SortedSet<int> _behind = [];
    private Queue<long>[] _unacknowledged = [];
    private int _unacknowledgedCount;
    private FeedGroup? _group;
    private FeedSignal? _waiter;
    private long _next;
    private bool _catchingUp;
    private bool _paused;
    private bool _isPauseTold;
    private bool _closed;

    // Raised by whatever changes what this feed is to deliver: a page that was read under an older number is thrown away.
    private int _generation;

    internal FeedReader(EventHub hub, ApplicationFeeds feeds)
    {
        _hub = hub;
        _feeds = feeds;
        _delivered = new long[hub.InstanceCount];
    }

    internal bool IsInGroup => _group is not null;

    /// <summary>Begins with the present moment, live. Under the lock.</summary>
    internal void Begin()
    {
        for (var instance = 0; instance < _delivered.Length; instance++) _delivered[instance] = _hub.KnownTo(_feeds, instance);
        _behind.Clear();
        _catchingUp = false;
        _next = _feeds.Ring.End;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<FeedEvent>> ReadAsync(int limit, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            Step step;
            using (_hub.Enter()) step = NextStep(limit);
            if (step.Page is { } page)
            {
                var rows = await ReadPageAsync(page, cancellation).ConfigureAwait(false);
                if (rows is null) continue;
                using (_hub.Enter()) step = TakePage(page, rows);
            }
            if (step.Taken.Count > 0) return WithCursors(step);
            if (step.PausedGroup is { } group) _hub.DeliveryPaused?.Invoke(_feeds.Name, group, _hub.Bounds.UnacknowledgedMax);
            if (step.Signal is { } signal) await signal.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    private Step NextStep(int limit)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var room = _group is null ? limit : Math.Min(limit, _hub.Bounds.UnacknowledgedMax - _unacknowledgedCount);
        if (room <= 0)
        {
            _paused = true;
            var isNew = !_isPauseTold;
            _isPauseTold = true;
            return Wait() with { PausedGroup = isNew ? _group?.Name : null };
        }
        var ring = _feeds.Ring;
        if (_behind.Count == 0 && _next < ring.Start)
        {
            if (!_catchingUp && !_paused) throw new FeedOverrunException();
            CatchUp();
        }
        if (_behind.Count > 0)
        {
            var instance = _behind.Min;
            return new Step([], [], new Page(instance, _delivered[instance], Math.Min(room, _hub.Bounds.PageRowsMax), _generation), null);
        }
        _catchingUp = false;
        _paused = false;
        return TakeLive(room);
    }

    private Step TakeLive(int room)
    {
        var ring = _feeds.Ring;
        List<StoredEvent>? taken = null;
        long[] before = [];
        for (; _next < ring.End && (taken?.Count ?? 0) < room; _next++)
        {
            var happened = ring[_next];
            if (happened.Position <= _delivered[happened.Instance] || !Serves(happened.Instance)) continue;
            if (taken is null)
            {
                taken = [];
                before = Vector();
            }
            Deliver(happened);
            taken.Add(happened);
        }
        return taken is null ? Wait() : new Step(taken, before, null, null);
    }

    private Step TakePage(Page page, IReadOnlyList<StoredEvent> rows)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (page.Generation != _generation) return default(Step) with { Taken = [] };
        if (rows.Count < page.Limit) _behind.Remove(page.Instance);
        // The store may be ahead of the node itself, which has not heard yet that an append succeeded. Whoever acted on such an event would meet a call
        // that does not know of it: the event comes by the ring, once it is published.
        var published = _hub.KnownTo(_feeds, page.Instance);
        if (rows.Count > 0 && rows[^1].Position > published)
        {
            rows = [.. rows.TakeWhile(row => row.Position <= published)];
            _behind.Remove(page.Instance);
        }
        // Since the page was asked for, an earlier owner's ack may have covered some of it.
        rows = [.. rows.SkipWhile(row => row.Position <= _delivered[page.Instance])];
        var before = Vector();
        foreach (var row in rows) Deliver(row);
        return new Step(rows, before, null, null);
    }

    private void Deliver(StoredEvent happened)
    {
        _delivered[happened.Instance] = happened.Position;
        if (_group is null) return;
        _unacknowledged[happened.Instance].Enqueue(happened.Position);
        _unacknowledgedCount++;
    }

    private Step Wait() => new([], [], null, _waiter = new FeedSignal());

    private async ValueTask<IReadOnlyList<StoredEvent>?> ReadPageAsync(Page page, CancellationToken cancellation)
    {
        try
        {
            return await _hub.Store.ReadEventsAsync(_feeds.Name, page.Instance, page.After, page.Limit, cancellation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // The events are safe; a reader has nothing better to do than to wait for the store.
            var retry = new FeedSignal();
            var timer = _hub.Timers.Schedule(_hub.Bounds.RetryMillis, static signal => ((FeedSignal)signal!).Run(), retry);
            try
            {
                await retry.WaitAsync(cancellation).ConfigureAwait(false);
            }
            finally
            {
                timer.Cancel();
            }
            return null;
        }
    }

    private static FeedEvent[] WithCursors(Step step)
    {
        var vector = step.Before;
        var events = new FeedEvent[step.Taken.Count];
        for (var i = 0; i < events.Length; i++)
        {
            var happened = step.Taken[i];
            vector[happened.Instance] = happened.Position;
            events[i] = new FeedEvent(FeedCursor.Encode(vector), happened.ResourceId, happened.Sequence, happened.UnixMillis, happened.Method,
                happened.Params, happened.Media);
        }
        return events;
    }

    /// <inheritdoc/>
    public async ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation)
    {
        if (group is not null && group.Length is 0 or > GroupNameCharsMax)
            return Refused(RpcError.InvalidParam("group", $"1 to {GroupNameCharsMax} characters, or null for none"));
        long[]? cursor = null;
        if (from is not null and not FeedStart.Earliest)
        {
            cursor = FeedCursor.Decode(from, _hub.InstanceCount, out var reason);
            if (cursor is null) return Refused(RpcError.InvalidParam("from", reason));
        }
        try
        {
            if (group is not null && JoinLiving(group) is { } joined) return joined;
            var start = await FeedStart.FindAsync(_hub, _feeds.Name, from, cursor, group, cancellation).ConfigureAwait(false);
            return start.Error is { } error ? Refused(error) : Move(start.Positions, group);
        }
        catch (StoreUnavailableException)
        {
            return Refused(RpcError.Unavailable("the journal cannot be read or written now; the feed is where it was"));
        }
    }

    /// <summary>A group that has connections here is joined where it stands: its positions are newer than the stored ones.</summary>
    private FeedPosition? JoinLiving(string group)
    {
        using (_hub.Enter())
        {
            if (!_feeds.Groups.TryGetValue(group, out var living) || living.IsOnly(this)) return null;
            ObjectDisposedException.ThrowIf(_closed, this);
            Join(living);
            return Here();
        }
    }

    // Null positions are the present moment, which is taken under the lock, so nothing falls between it and the ring's end.
    private FeedPosition Move(long[]? positions, string? group)
    {
        using (_hub.Enter())
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (group is null)
            {
                LeaveGroup();
                _hub.Announce(_feeds);
                (positions ?? _hub.Published).CopyTo(_delivered);
                CatchUp();
                Changed();
                return Here();
            }
            if (!_feeds.Groups.TryGetValue(group, out var found))
                _feeds.Groups.Add(group, found = new FeedGroup(_hub, _feeds, group, positions!));
            Join(found);
            return Here();
        }
    }

    private void Join(FeedGroup group)
    {
        LeaveGroup();
        _group = group;
        _unacknowledged = [.. Enumerable.Range(0, _hub.InstanceCount).Select(_ => new Queue<long>())];
        _behind.Clear();
        _next = _feeds.Ring.End;
        // A group whose last member was this one is gone from the table.
        _feeds.Groups[group.Name] = group;
        group.Add(this);
        _hub.Announce(_feeds);
        Changed();
    }

    private void LeaveGroup()
    {
        if (_group is not { } left) return;
        _group = null;
        _unacknowledged = [];
        _unacknowledgedCount = 0;
        if (left.Remove(this)) _feeds.Groups.Remove(left.Name);
    }

    /// <inheritdoc/>
    public async ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation)
    {
        var upTo = FeedCursor.Decode(cursor, _hub.InstanceCount, out var reason);
        if (upTo is null) return Refused(RpcError.InvalidParam("cursor", reason));
        FeedGroup group;
        Dictionary<int, long> moved = [];
        using (_hub.Enter())
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_group is null) return Refused(RpcError.InvalidParam("cursor", "there is nothing to acknowledge without a group: subscribe with one first"));
            group = _group;
            for (var instance = 0; instance < upTo.Length; instance++)
            {
                if (!group.IsOwner(instance, this)) continue;
                // Never beyond what was delivered here, whatever the cursor says.
                var position = Math.Min(upTo[instance], _delivered[instance]);
                if (position > group.Acknowledged[instance]) moved.Add(instance, position);
            }
            if (moved.Count == 0) return new FeedPosition(FeedCursor.Encode(group.Acknowledged), null);
        }
        try
        {
            await _hub.Store.WriteFeedPositionsAsync(_feeds.Name, group.Name, moved, cancellation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            return Refused(RpcError.Unavailable("the acknowledgement could not be stored; repeat it"));
        }
        using (_hub.Enter())
        {
            group.Acknowledge(moved);
            return new FeedPosition(FeedCursor.Encode(group.Acknowledged), null);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _hub.Close(this, _feeds);
        return ValueTask.CompletedTask;
    }

    /// <summary>Ends the feed. Under the lock.</summary>
    internal void Leave()
    {
        _closed = true;
        LeaveGroup();
        Changed();
    }

    /// <summary>Resumes a waiting reader, once the lock is left.</summary>
    internal void Wake()
    {
        if (_waiter is not { } waiter) return;
        _waiter = null;
        _hub.Post(waiter);
    }

    /// <summary>The group gives this connection an instance, from its last acknowledged position on.</summary>
    internal void Assign(int instance, long acknowledged)
    {
        _delivered[instance] = acknowledged;
        Resume(instance);
    }

    /// <summary>Delivery of an instance goes on from where it stands here.</summary>
    internal void Resume(int instance)
    {
        _behind.Add(instance);
        _catchingUp = true;
        Changed();
    }

    /// <summary>Up to a position, the application's events of an instance did not come by the ring: they are read from the store.</summary>
    internal void ReadUpTo(int instance, long position)
    {
        if (_delivered[instance] < position && Serves(instance)) Resume(instance);
    }

    /// <summary>No more of an instance is delivered here; what was delivered may still be acknowledged.</summary>
    internal void Hold(int instance)
    {
        _behind.Remove(instance);
        Changed();
    }

    /// <summary>The instance is another's now.</summary>
    internal void Unassign(int instance)
    {
        Hold(instance);
        if (_unacknowledged.Length == 0) return;
        _unacknowledgedCount -= _unacknowledged[instance].Count;
        _unacknowledged[instance].Clear();
    }

    /// <summary>
    /// An instance of this connection is acknowledged up to a position: what was delivered up to there needs no more memory, and what was not yet is not
    /// delivered any more. An ack of the owner before, stored after the move, goes beyond what was delivered here; delivered still, those events would be
    /// outstanding for ever, as no ack moves the position that they wait for.
    /// </summary>
    internal void Forget(int instance, long upTo)
    {
        if (_unacknowledged.Length == 0) return;
        _delivered[instance] = Math.Max(_delivered[instance], upTo);
        var queue = _unacknowledged[instance];
        while (queue.TryPeek(out var position) && position <= upTo)
        {
            queue.Dequeue();
            _unacknowledgedCount--;
        }
        // An ack of a few events is no end of it: whoever acknowledges one by one at the bound would fill the log.
        if (_unacknowledgedCount <= _hub.Bounds.UnacknowledgedMax / 2) _isPauseTold = false;
        Wake();
    }

    internal bool HasOutstanding(int instance) => _unacknowledged.Length > 0 && _unacknowledged[instance].Count > 0;

    // An instance is behind where more is known of it than was delivered: what is durable but not known yet will be in the ring, or read in its turn.
    private void CatchUp()
    {
        _behind.Clear();
        for (var instance = 0; instance < _delivered.Length; instance++)
        {
            if (_hub.KnownTo(_feeds, instance) > _delivered[instance] && Serves(instance)) _behind.Add(instance);
        }
        _next = _feeds.Ring.End;
        _catchingUp = true;
    }

    private void Changed()
    {
        _generation++;
        Wake();
    }

    private bool Serves(int instance) => _group is null || _group.Serves(instance, this);

    private long[] Vector()
    {
        var vector = (long[])_delivered.Clone();
        for (var instance = 0; _group is not null && instance < vector.Length; instance++)
        {
            if (!_group.IsOwner(instance, this)) vector[instance] = _group.Acknowledged[instance];
        }
        return vector;
    }

    private FeedPosition Here() => new(FeedCursor.Encode(Vector()), null);

    private static FeedPosition Refused(RpcError error) => new(null, error);

    /// <summary>
    /// What a read does next: hands out what was taken, reads a page, or waits; in a group whose acks are missing, and that was not told yet, with its name.
    /// </summary>
    private readonly record struct Step(IReadOnlyList<StoredEvent> Taken, long[] Before, Page? Page, FeedSignal? Signal, string? PausedGroup = null);

    private sealed record Page(int Instance, long After, int Limit, int Generation);
}
