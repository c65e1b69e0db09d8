using Cti.Kernel;

namespace Cti.Actors.Feeds;

/// <summary>Where a subscription begins: positions (null: now) or the refusal.</summary>
internal readonly record struct FeedStart(long[]? Positions, RpcError? Error)
{
    internal const string Earliest = "earliest";

    /// <summary>
    /// Finds the start of a plain subscription, or of a group that has no connection here. A group's stored positions win over <paramref name="from"/>;
    /// those that it lacks are stored at once, so that a connection that dies before its first ack loses nothing. A stored position that has expired
    /// needs an explicit <paramref name="from"/> to go on: silence would hide the gap.
    /// </summary>
    internal static async ValueTask<FeedStart> FindAsync(EventHub hub, string application, string? from, long[]? cursor, string? group,
        CancellationToken cancellation)
    {
        if (from is null && group is null) return default;
        var expired = await hub.Store.ReadExpiredAsync(application, cancellation).ConfigureAwait(false);
        if (cursor is not null && await ReachesBeyondAsync(hub, cursor, cancellation).ConfigureAwait(false))
            return new FeedStart(null, RpcError.InvalidParam("from", "a cursor of events that this cluster does not have"));
        long[] wanted;
        if (cursor is not null) wanted = cursor;
        else if (from is not null) wanted = [.. expired];
        else wanted = PublishedNow(hub);
        return group is null ? Unexpired(wanted, expired) : await FindGroupAsync(hub, application, group, from is not null, wanted, expired,
            cancellation).ConfigureAwait(false);
    }

    private static async ValueTask<FeedStart> FindGroupAsync(EventHub hub, string application, string group, bool explicitly, long[] wanted,
        IReadOnlyList<long> expired, CancellationToken cancellation)
    {
        var stored = await hub.Store.ReadFeedPositionsAsync(application, group, cancellation).ConfigureAwait(false);
        var positions = (long[])wanted.Clone();
        foreach (var (instance, position) in stored)
        {
            if (position >= expired[instance] || !explicitly) positions[instance] = position;
        }
        var start = Unexpired(positions, expired);
        if (start.Error is not null) return start;
        var missing = new Dictionary<int, long>();
        for (var instance = 0; instance < positions.Length; instance++)
        {
            if (!stored.TryGetValue(instance, out var position) || position != positions[instance]) missing.Add(instance, positions[instance]);
        }
        if (missing.Count == 0) return start;
        await hub.Store.WriteFeedPositionsAsync(application, group, missing, cancellation).ConfigureAwait(false);
        // Another node may have begun the same group at the same time: the store keeps the later of both, and so do we.
        foreach (var (instance, position) in await hub.Store.ReadFeedPositionsAsync(application, group, cancellation).ConfigureAwait(false))
            positions[instance] = position;
        return start;
    }

    private static FeedStart Unexpired(long[] positions, IReadOnlyList<long> expired)
    {
        var earliest = positions.Select((position, instance) => Math.Max(position, expired[instance])).ToArray();
        if (earliest.AsSpan().SequenceEqual(positions)) return new FeedStart(positions, null);
        var error = new RpcError(ErrorCodes.Gone, "events behind this position were dropped for age; data.earliest resumes with the oldest that is kept");
        return new FeedStart(null, error.With("earliest", FeedCursor.Encode(earliest)));
    }

    // A cursor may be ahead of what this hub has published (another connection of the group, a report under way), never of the store.
    private static async ValueTask<bool> ReachesBeyondAsync(EventHub hub, long[] cursor, CancellationToken cancellation)
    {
        var published = PublishedNow(hub);
        if (!cursor.Where((position, instance) => position > published[instance]).Any()) return false;
        var instances = await hub.Store.ReadOwnershipAsync(cancellation).ConfigureAwait(false);
        return instances.Any(instance => cursor[instance.Instance] > instance.Tail);
    }

    private static long[] PublishedNow(EventHub hub)
    {
        using (hub.Enter()) return hub.Published.ToArray();
    }
}
