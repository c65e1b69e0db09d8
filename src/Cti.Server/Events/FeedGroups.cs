namespace Cti.Server.Events;

/// <summary>
/// The connections of one group on this node and how they divide the instances: each instance's events go to its owner alone.
/// <code>
///   orphan ──rebalance──► owned ──another shall have it, nothing outstanding──► owned by the other
///                           │                                                        ▲
///                           └─ something outstanding ──► draining ── acknowledged ───┤
///                                                        (no more is delivered)      │
///                                                            └── handover time-out ──┘   (delivered again: at least once)
/// </code>
/// A connection that ends gives its instances up at once; the next owner starts from the last acknowledged position. Under the hub's lock.
/// </summary>
internal sealed class FeedGroup(EventHub hub, string name, long[] acknowledged)
{
    private readonly List<FeedReader> _members = [];
    private readonly Place[] _places = new Place[acknowledged.Length];

    internal string Name => name;

    /// <summary>The last acknowledged position of every instance.</summary>
    internal long[] Acknowledged => acknowledged;

    internal bool IsOnly(FeedReader reader) => _members.Count == 1 && _members[0] == reader;

    /// <summary>True when the instance is this connection's, also while it drains.</summary>
    internal bool IsOwner(int instance, FeedReader reader) => _places[instance].Owner == reader;

    /// <summary>True when the instance's events are to be delivered to this connection.</summary>
    internal bool Serves(int instance, FeedReader reader) => _places[instance].Owner == reader && _places[instance].Heir is null;

    internal void Add(FeedReader member)
    {
        _members.Add(member);
        Rebalance();
    }

    /// <summary>True when it was the last member.</summary>
    internal bool Remove(FeedReader member)
    {
        _members.Remove(member);
        for (var instance = 0; instance < _places.Length; instance++)
        {
            var place = _places[instance];
            if (place.Owner == member)
            {
                member.Unassign(instance);
                _places[instance] = new Place(place.Heir, null, place.Version + 1);
                place.Heir?.Assign(instance, acknowledged[instance]);
            }
            else if (place.Heir == member)
            {
                Keep(instance);
            }
        }
        Rebalance();
        return _members.Count == 0;
    }

    internal void Acknowledge(Dictionary<int, long> positions)
    {
        foreach (var (instance, position) in positions)
        {
            acknowledged[instance] = Math.Max(acknowledged[instance], position);
            _places[instance].Owner?.Forget(instance, acknowledged[instance]);
            if (_places[instance] is { Heir: not null, Owner: { } owner } && !owner.HasOutstanding(instance)) HandOver(instance);
        }
    }

    // Stable: only as many instances move as even shares need. Those who have most keep the larger shares.
    private void Rebalance()
    {
        if (_members.Count == 0) return;
        var counts = _members.ToDictionary(member => member, _ => 0);
        foreach (var place in _places)
        {
            if (place.Target is { } target) counts[target]++;
        }
        var (share, larger) = Math.DivRem(_places.Length, _members.Count);
        var quotas = new Dictionary<FeedReader, int>();
        foreach (var member in _members.OrderByDescending(member => counts[member])) quotas[member] = share + (quotas.Count < larger ? 1 : 0);
        var takers = new Queue<FeedReader>(_members.SelectMany(member => Enumerable.Repeat(member, Math.Max(0, quotas[member] - counts[member]))));
        for (var instance = _places.Length - 1; instance >= 0; instance--)
        {
            if (_places[instance].Target is { } target)
            {
                if (counts[target] <= quotas[target]) continue;
                counts[target]--;
            }
            Retarget(instance, takers.Dequeue());
        }
    }

    private void Retarget(int instance, FeedReader target)
    {
        var place = _places[instance];
        if (place.Owner is not { } owner)
        {
            _places[instance] = new Place(target, null, place.Version + 1);
            target.Assign(instance, acknowledged[instance]);
        }
        else if (owner == target)
        {
            Keep(instance);
        }
        else
        {
            _places[instance] = new Place(owner, target, place.Version + 1);
            owner.Hold(instance);
            if (owner.HasOutstanding(instance)) hub.Timers.Schedule(hub.Bounds.HandoverMillis, _ => HandOverLate(instance, place.Version + 1), null);
            else HandOver(instance);
        }
    }

    // The move is off: the owner goes on where it stands.
    private void Keep(int instance)
    {
        var place = _places[instance];
        _places[instance] = new Place(place.Owner, null, place.Version + 1);
        place.Owner?.Resume(instance);
    }

    private void HandOver(int instance)
    {
        var place = _places[instance];
        place.Owner?.Unassign(instance);
        _places[instance] = new Place(place.Heir, null, place.Version + 1);
        place.Heir?.Assign(instance, acknowledged[instance]);
    }

    private void HandOverLate(int instance, int version)
    {
        using (hub.Enter())
        {
            if (_places[instance].Version == version) HandOver(instance);
        }
    }

    /// <summary>Whose an instance is, who shall have it next, and a number that every change raises, so that a late timer finds itself outdated.</summary>
    private readonly record struct Place(FeedReader? Owner, FeedReader? Heir, int Version)
    {
        internal FeedReader? Target => Heir ?? Owner;
    }
}
