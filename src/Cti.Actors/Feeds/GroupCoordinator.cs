using Cti.Kernel;
using Cti.Persistence;

namespace Cti.Actors.Feeds;

/// <summary>
/// Divides a group's instances among its connections on all nodes. It exists on one node, chosen by the same rule everywhere (<see cref="GroupRoles"/>),
/// and knows nothing but what the nodes report: a new one first asks all of them what they hold.
/// <code>
///   orphan ──rebalance──► owned ──another shall have it──► owned, with an heir (the owner drains)
///     ▲                     │                                  │
///     │                     │ the owner's node is lost         │ the owner reports that it holds it no more, which it does when
///     └─────────────────────┘ (positions are read anew)        │ nothing is outstanding or the handover time is over
///                                                              ▼
///                                                          owned by the heir
/// </code>
/// An instance is given to another only after its holder's report without it, or when the holder's node is gone. A report that was made before the holder
/// was told to have it, or to have it still, does not count, nor does one from before its node was lost and found again. Under the hub's lock.
/// </summary>
internal sealed class GroupCoordinator(EventHub hub, GroupRoles roles, string application, string name, long term, long[] acknowledged, bool isSure)
{
    private readonly List<Member> _members = [];
    private readonly Dictionary<string, Share> _shares = new(StringComparer.Ordinal);
    private readonly Place[] _places = [.. Enumerable.Range(0, acknowledged.Length).Select(_ => new Place())];

    // False while the positions may be behind what was acknowledged by connections that are lost: nothing is given before the store was read.
    private bool _isSure = isSure;
    private bool _isReading;
    private bool _isStopped;
    private int _losses;
    // Of all tables of this term, whoever they are for: a node that is lost and comes back is told no number twice, so what it reported before is known as old.
    private long _tables;
    private bool _hasLostNodes;

    internal string Application => application;

    internal string Name => name;

    /// <summary>True when every node has answered and none has a connection.</summary>
    internal bool IsIdle => _members.Count == 0 && _shares.Values.All(share => share.IsHeard);

    /// <summary>When a node last reported that cannot reach the node which should coordinate, in nanoseconds of the monotonic clock.</summary>
    internal long? DetourAt { get; private set; }

    /// <summary>Stops: another node coordinates, or nobody is left.</summary>
    internal void Stop()
    {
        _isStopped = true;
        foreach (var place in _places) place.Timer?.Cancel();
    }

    /// <summary>Sets whom this must hear before it gives away what nobody is known to hold.</summary>
    /// <param name="nodes">The living nodes with connections that can be reached, or may be within the grace.</param>
    internal void Reach(IReadOnlyCollection<string> nodes)
    {
        foreach (var node in _shares.Keys.Where(node => !nodes.Contains(node)).ToArray()) Lose(node);
        foreach (var node in nodes)
        {
            // Tables of an earlier stay may be on their way to it: what it holds is known when it has answered one of this stay.
            if (!_shares.ContainsKey(node)) _shares.Add(node, new Share(_places.Length, _hasLostNodes ? _tables + 1 : 0));
        }
        Settle();
    }

    /// <summary>Sends a node its table again: what was sent may be lost.</summary>
    internal void Repeat(string node)
    {
        if (!_shares.TryGetValue(node, out var share)) return;
        share.IsDue = true;
        Settle();
    }

    internal void OnReport(string node, GroupReport report)
    {
        // A node that is thought lost: what it holds may be another's by now. Its table will tell it, once it is back.
        if (!_shares.TryGetValue(node, out var share)) return;
        var isOurs = report.Term == term;
        if (!isOurs) share.IsDue = true;
        if (report.IsDetour) DetourAt = hub.Clock.MonotonicNanos;
        share.IsHeard |= (isOurs ? report.Applied : 0) >= share.First;
        if (!share.IsHeard)
        {
            Settle();
            return;
        }
        // A node that knows nothing of the group any more was restarted: what its connections acknowledged is in the store alone.
        if (report.Acknowledged.Count == 0) Orphan(node);
        Merge(node, report.Acknowledged);
        TakeConnections(node, report.Connections);
        for (var instance = 0; instance < _places.Length; instance++)
            TakeHolder(node, share, instance, instance < report.Holders.Count ? report.Holders[instance] : 0, isOurs ? report.Applied : 0);
        Settle();
    }

    private void Merge(string node, IReadOnlyList<long> positions)
    {
        for (var instance = 0; instance < Math.Min(positions.Count, acknowledged.Length); instance++)
        {
            if (positions[instance] <= acknowledged[instance]) continue;
            acknowledged[instance] = positions[instance];
            // An ack of the holder before, stored after the move: the present one need not deliver that any more.
            if (_places[instance].Owner is { } owner && owner.Node != node && _shares.TryGetValue(owner.Node, out var share)) share.IsDue = true;
        }
    }

    private void TakeConnections(string node, IReadOnlyList<long> connections)
    {
        foreach (var member in _members.Where(member => member.Node == node && !connections.Contains(member.Connection)).ToArray())
        {
            _members.Remove(member);
            for (var instance = 0; instance < _places.Length; instance++)
            {
                if (_places[instance].Heir == member) SetHeir(instance, null);
                // The node delivers nothing to a connection that ended, whatever table is on its way.
                if (_places[instance].Owner == member) Free(instance);
            }
        }
        foreach (var connection in connections)
        {
            if (_members.Exists(member => member.Node == node && member.Connection == connection)) continue;
            _members.Add(new Member(node, connection));
            // Its node waits for an answer, also where there is nothing for it.
            if (_shares.TryGetValue(node, out var share)) share.IsDue = true;
        }
    }

    private void TakeHolder(string node, Share share, int instance, long connection, long applied)
    {
        var place = _places[instance];
        if (place.Owner is { } owner && owner.Node == node)
        {
            if (owner.Connection != connection && applied >= place.Since) Free(instance);
            return;
        }
        if (connection == 0) return;
        // Held here, and perhaps given to another while this node was out of reach: its table tells it to go on or to stop.
        share.IsDue = true;
        if (place.Owner is not null || _members.Find(member => member.Node == node && member.Connection == connection) is not { } holder) return;
        place.Owner = holder;
        place.Since = 0;
        // It may be about to let go, as a coordinator before this one wanted it to.
        share.Entries[instance] = new GroupEntry(connection, true);
    }

    private void Lose(string node)
    {
        Orphan(node);
        _shares.Remove(node);
        _hasLostNodes = true;
    }

    private void Orphan(string node)
    {
        _members.RemoveAll(member => member.Node == node);
        for (var instance = 0; instance < _places.Length; instance++)
        {
            if (_places[instance].Heir?.Node == node) SetHeir(instance, null);
            if (_places[instance].Owner?.Node != node) continue;
            SetHeir(instance, null);
            _places[instance].Owner = null;
            _shares[node].Entries[instance] = default;
            _isSure = false;
            _losses++;
        }
    }

    // The holder has it no more: its heir gets it, if there is one.
    private void Free(int instance)
    {
        var place = _places[instance];
        if (_shares.TryGetValue(place.Owner!.Node, out var share)) share.Entries[instance] = default;
        var heir = place.Heir;
        SetHeir(instance, null);
        place.Owner = heir;
        place.Since = long.MaxValue;
    }

    private void SetHeir(int instance, Member? heir)
    {
        var place = _places[instance];
        place.Heir = heir;
        place.IsRevoked = false;
        place.Timer?.Cancel();
        place.Timer = null;
    }

    private void Settle()
    {
        if (_isStopped) return;
        if (_members.Count > 0 && _shares.Values.All(share => share.IsHeard))
        {
            if (_isSure) Rebalance();
            else StartRead();
        }
        foreach (var (node, share) in _shares) SendTable(node, share);
    }

    // Events of an instance that a connection of its home's has, and the answers to them, cross no link. As a move waits for acks, nothing moves before
    // something
    // has to: then what is away from home goes there too.
    private void Rebalance()
    {
        var counts = _members.ToDictionary(member => member, _ => 0);
        foreach (var place in _places)
        {
            if (place.Target is { } target) counts[target]++;
        }
        var room = Quotas(counts);
        if (!Array.Exists(_places, static place => place.Target is null) && counts.All(count => count.Value <= room[count.Key])) return;
        var left = Enumerable.Range(0, _places.Length).ToList();
        foreach (var find in (Func<int, Member?>[])[AtHome, Home, Present, Anywhere])
        {
            left.RemoveAll(instance =>
            {
                if (find(instance) is not { } member) return false;
                room[member]--;
                if (_places[instance].Target != member) Retarget(instance, member);
                return true;
            });
        }

        Member? AtHome(int instance) => Present(instance) is { } present && present.Node == roles.HomeOf(instance) ? present : null;
        Member? Home(int instance) => Roomiest(roles.HomeOf(instance));
        Member? Present(int instance) => _places[instance].Target is { } target && room[target] > 0 ? target : null;
        Member? Anywhere(int instance) => Roomiest(null);
        Member? Roomiest(string? node) => _members.Where(member => room[member] > 0 && (node is null || member.Node == node)).MaxBy(member => room[member]);
    }

    /// <summary>
    /// How many instances each connection gets: those at home on its node, shared with the other connections there, but neither less than half of an even share
    /// nor more than twice as many. The others go to those who have fewest, and of these to those who have them already.
    /// </summary>
    private Dictionary<Member, int> Quotas(Dictionary<Member, int> counts)
    {
        var even = _places.Length / _members.Count;
        var (least, most) = (even / 2, 2 * (even + 1));
        var quotas = new Dictionary<Member, int>();
        foreach (var node in _members.GroupBy(static member => member.Node, StringComparer.Ordinal))
        {
            var (share, larger) = Math.DivRem(Enumerable.Range(0, _places.Length).Count(instance => roles.HomeOf(instance) == node.Key), node.Count());
            foreach (var member in node.OrderByDescending(member => counts[member])) quotas[member] = Math.Clamp(share + (larger-- > 0 ? 1 : 0), least, most);
        }
        for (var lacking = _places.Length - quotas.Values.Sum(); lacking != 0; lacking -= Math.Sign(lacking))
        {
            (int, int) Fullness(Member member) => (quotas[member], quotas[member] - counts[member]);
            quotas[lacking > 0 ? _members.MinBy(Fullness)! : _members.MaxBy(Fullness)!] += Math.Sign(lacking);
        }
        return quotas;
    }

    private void Retarget(int instance, Member target)
    {
        var place = _places[instance];
        SetHeir(instance, place.Owner is null || place.Owner == target ? null : target);
        if (place.Owner is null)
        {
            place.Owner = target;
            place.Since = long.MaxValue;
        }
        else if (place.Heir is not null)
        {
            place.Timer = hub.Timers.Schedule(hub.Bounds.HandoverMillis, _ => HandOverLate(place, target), null);
        }
    }

    private void HandOverLate(Place place, Member heir)
    {
        using (hub.Enter())
        {
            if (_isStopped || place.Heir != heir || place.Timer is null) return;
            place.IsRevoked = true;
            roles.Pump(Settle);
        }
    }

    private void SendTable(string node, Share share)
    {
        var entries = new GroupEntry[_places.Length];
        for (var instance = 0; instance < entries.Length; instance++)
        {
            if (_places[instance] is { IsRevoked: false, Owner: { } owner } place && owner.Node == node)
                entries[instance] = new GroupEntry(owner.Connection, place.Heir is not null);
        }
        if (!share.IsDue && entries.AsSpan().SequenceEqual(share.Entries)) return;
        share.IsDue = false;
        var number = ++_tables;
        for (var instance = 0; instance < entries.Length; instance++)
        {
            var (said, before) = (entries[instance], share.Entries[instance]);
            // A drain that is called off gives as well: a holder that has let go meanwhile takes the instance up again.
            if (said.Connection != 0 && (said.Connection != before.Connection || (before.IsDraining && !said.IsDraining))) _places[instance].Since = number;
        }
        share.Entries = entries;
        roles.Send(node, new GroupTable(application, name, term, number, !share.IsHeard, entries, [.. acknowledged]));
    }

    private void StartRead()
    {
        if (_isReading) return;
        _isReading = true;
        _ = ReadAsync();
    }

    private async Task ReadAsync()
    {
        var losses = _losses;
        // Never within the caller's hold on the lock.
        var begin = new FeedSignal();
        hub.Post(begin);
        await begin.WaitAsync(default).ConfigureAwait(false);
        IReadOnlyDictionary<int, long> stored;
        try
        {
            stored = await hub.Store.ReadFeedPositionsAsync(application, name).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            hub.Timers.Schedule(hub.Bounds.RetryMillis, _ => Retry(), null);
            return;
        }
        using (hub.Enter())
        {
            _isReading = false;
            foreach (var (instance, position) in stored) acknowledged[instance] = Math.Max(acknowledged[instance], position);
            // Whoever was lost since may have acknowledged more after this was read.
            _isSure = losses == _losses;
            roles.Pump(Settle);
        }
    }

    private void Retry()
    {
        using (hub.Enter())
        {
            _isReading = false;
            roles.Pump(Settle);
        }
    }

    /// <summary>A connection somewhere. Compared as an object: there is one of each.</summary>
    private sealed class Member(string node, long connection)
    {
        internal string Node => node;

        internal long Connection => connection;
    }

    /// <summary>What a node was told and whether it has answered since it was reached.</summary>
    private sealed class Share(int count, long first)
    {
        /// <summary>Reports that name an older table are of an earlier stay.</summary>
        internal long First => first;

        internal GroupEntry[] Entries { get; set; } = new GroupEntry[count];

        internal bool IsHeard { get; set; }

        internal bool IsDue { get; set; } = true;
    }

    /// <summary>Whose an instance is, who shall have it next, and with which table its owner was last told to serve it.</summary>
    private sealed class Place
    {
        internal Member? Owner { get; set; }

        internal Member? Heir { get; set; }

        internal long Since { get; set; }

        internal bool IsRevoked { get; set; }

        internal ITimerHandle? Timer { get; set; }

        internal Member? Target => Heir ?? Owner;
    }
}
