namespace Cti.Actors.Feeds;

/// <summary>
/// The connections of one group on this node, and what each of them holds. Which connection has which instance is decided by the group's
/// <see cref="GroupCoordinator"/>, on this node or another: it gives tables, this answers with reports.
/// <code>
///   not here ──table gives it──► served ──table: drain──► draining ──nothing outstanding──► not here
///                                  │  ◄──table: serve──────┘  │
///                                  └──table without it, its connection ends──► not here (delivered elsewhere again: at least once)
/// </code>
/// A connection that ends gives its instances up at once; the next holder starts from the last acknowledged position. Under the hub's lock.
/// </summary>
internal sealed class FeedGroup(EventHub hub, ApplicationFeeds feeds, string name, long[] acknowledged)
{
    private readonly List<Member> _members = [];
    private readonly Place[] _places = new Place[acknowledged.Length];

    internal string Application => feeds.Name;

    internal string Name => name;

    /// <summary>The last acknowledged position of every instance, as far as this node knows.</summary>
    internal long[] Acknowledged => acknowledged;

    /// <summary>The node whose tables count; null before the first connection.</summary>
    internal string? Coordinator { get; private set; }

    /// <summary>Until when that node is obeyed because it says so, in nanoseconds of the monotonic clock.</summary>
    internal long ClaimedUntil { get; private set; }

    /// <summary>
    /// Whether a table of that coordinator has come since it is asked and since a connection came last. A coordinator that takes this node for lost does not
    /// hear its report, and is over if it knows of no other connection: then it has to be told again.
    /// </summary>
    internal bool IsAnswered { get; private set; }

    /// <summary>
    /// The nodes that were told of connections here. Each of them hears of the end, also the one that is followed no more: nobody would ask for a group that
    /// is gone.
    /// </summary>
    internal HashSet<string> Told { get; } = new(StringComparer.Ordinal);

    private long _term;
    private long _applied;

    internal bool IsOnly(FeedReader reader) => _members.Count == 1 && _members[0].Reader == reader;

    /// <summary>True when the instance is this connection's, also while it drains.</summary>
    internal bool IsOwner(int instance, FeedReader reader) => _places[instance].Owner == reader;

    /// <summary>True when the instance's events are to be delivered to this connection.</summary>
    internal bool Serves(int instance, FeedReader reader) => _places[instance] is { IsDraining: false } place && place.Owner == reader;

    /// <summary>True when a connection here has the instance, also while it drains.</summary>
    internal bool Holds(int instance) => _places[instance].Owner is not null;

    internal void Add(FeedReader member)
    {
        // A new number each time, so that no table made for an earlier stay of the same connection can mean it.
        _members.Add(new Member(member, hub.Groups.NextConnection()));
        IsAnswered = false;
        hub.Groups.Report(this);
    }

    /// <summary>True when it was the last member.</summary>
    internal bool Remove(FeedReader member)
    {
        _members.RemoveAll(found => found.Reader == member);
        for (var instance = 0; instance < _places.Length; instance++)
        {
            if (_places[instance].Owner == member) Drop(instance);
        }
        hub.Groups.Report(this);
        return _members.Count == 0;
    }

    internal void Acknowledge(Dictionary<int, long> positions)
    {
        // The connection that acknowledged may have ended meanwhile, its group with it, and another begun.
        if (_members.Count == 0 && feeds.Groups.TryGetValue(name, out var living) && living != this)
        {
            living.Acknowledge(positions);
            return;
        }
        var isNews = false;
        foreach (var (instance, position) in positions)
        {
            acknowledged[instance] = Math.Max(acknowledged[instance], position);
            _places[instance].Owner?.Forget(instance, acknowledged[instance]);
            isNews |= _places[instance].Owner is null | Release(instance);
        }
        if (!isNews) return;
        hub.Announce(feeds);
        hub.Groups.Report(this);
    }

    /// <summary>From now on that node's tables count. What is held stays held until it says otherwise.</summary>
    internal void Follow(string coordinator, long claimedUntil = 0)
    {
        Coordinator = coordinator;
        ClaimedUntil = claimedUntil;
        (_term, _applied) = (0, 0);
        IsAnswered = false;
    }

    /// <summary>Gives everything up: the coordinator cannot be reached and will have given it to others.</summary>
    internal void DropAll()
    {
        for (var instance = 0; instance < _places.Length; instance++) Drop(instance);
        hub.Announce(feeds);
    }

    internal void Apply(GroupTable table)
    {
        (_term, _applied) = (table.Term, table.Number);
        IsAnswered = true;
        for (var instance = 0; instance < _places.Length; instance++)
        {
            if (instance < table.Acknowledged.Count) acknowledged[instance] = Math.Max(acknowledged[instance], table.Acknowledged[instance]);
            // A question asks what is held; the answer to it is a table that says what shall be.
            if (!table.IsQuestion) Put(instance, instance < table.Entries.Count ? table.Entries[instance] : default);
            _places[instance].Owner?.Forget(instance, acknowledged[instance]);
            Release(instance);
        }
        hub.Announce(feeds);
    }

    internal GroupReport ToReport(bool isDetour)
    {
        var holders = _members.Count == 0 ? [] : new long[_places.Length];
        for (var instance = 0; instance < holders.Length; instance++)
        {
            if (_places[instance].Owner is { } owner) holders[instance] = _members.Find(member => member.Reader == owner).Connection;
        }
        return new GroupReport(Application, name, _term, _applied, isDetour, [.. _members.Select(member => member.Connection)], holders, [.. acknowledged]);
    }

    private void Put(int instance, GroupEntry entry)
    {
        var reader = entry.Connection == 0 ? null : _members.Find(member => member.Connection == entry.Connection).Reader;
        var place = _places[instance];
        if (place.Owner != reader)
        {
            Drop(instance);
            if (reader is null) return;
            _places[instance] = new Place(reader, entry.IsDraining);
            reader.Assign(instance, acknowledged[instance]);
            if (entry.IsDraining) reader.Hold(instance);
        }
        else if (reader is not null && place.IsDraining != entry.IsDraining)
        {
            _places[instance] = new Place(reader, entry.IsDraining);
            if (entry.IsDraining) reader.Hold(instance);
            else reader.Resume(instance);
        }
    }

    private bool Release(int instance)
    {
        if (_places[instance] is not { Owner: { } owner, IsDraining: true } || owner.HasOutstanding(instance)) return false;
        Drop(instance);
        return true;
    }

    private void Drop(int instance)
    {
        var owner = _places[instance].Owner;
        _places[instance] = default;
        owner?.Unassign(instance);
    }

    private readonly record struct Member(FeedReader Reader, long Connection);

    private readonly record struct Place(FeedReader? Owner, bool IsDraining);
}
