using Cti.Persistence;

namespace Cti.Cluster.Membership;

/// <summary>
/// Judges by its own monotonic clock whether other nodes live: a row that was seen unchanged for a whole lease, while this node's access to the database was
/// unbroken, belongs to a dead node. A broken link together with a refused connection shortens the lease to a fifth. A row that changes is a node that lives,
/// whatever its links do; and an outage of the observer's own restarts every observation.
/// </summary>
internal sealed class LeaseWatch(string self, long leaseNanos)
{
    private readonly Dictionary<string, Seen> _rows = new(StringComparer.Ordinal);
    private long _lastArrived = long.MinValue;

    /// <summary>The shorter lease of a node whose process is gone for all that its host says.</summary>
    public long ShortLeaseNanos => leaseNanos / 5;

    /// <summary>Whether a node's link is broken and its row may soon tell: then it is worth to look more often.</summary>
    public bool IsSuspecting
    {
        get
        {
            foreach (var seen in _rows.Values)
            {
                if (seen is { IsBroken: true, IsDead: false }) return true;
            }
            return false;
        }
    }

    /// <summary>
    /// From when on a renewal that still shows the same row of a refused node would tell that it is dead; <see cref="long.MaxValue"/> where no node is refused.
    /// </summary>
    public long EarlyVerdictNanos
    {
        get
        {
            var earliest = long.MaxValue;
            foreach (var seen in _rows.Values)
            {
                if (seen is { IsBroken: true, IsRefused: true, IsDead: false }) earliest = Math.Min(earliest, seen.Since + ShortLeaseNanos);
            }
            return earliest;
        }
    }

    /// <summary>Raised whenever a row comes, goes, or is judged otherwise than before.</summary>
    public long Verdicts { get; private set; }

    /// <summary>Whether any row belongs to a dead node.</summary>
    public bool HasDead
    {
        get
        {
            foreach (var seen in _rows.Values)
            {
                if (seen.IsDead) return true;
            }
            return false;
        }
    }

    /// <summary>A renewal has shown the rows.</summary>
    /// <param name="nodes">Every row, in order of name.</param>
    /// <param name="began">When the renewal was sent: what it shows is not older.</param>
    /// <param name="arrived">When its answer came: what it shows is not newer.</param>
    /// <returns>Whether access was unbroken since the last.</returns>
    public bool Observe(IReadOnlyList<NodeLease> nodes, long began, long arrived)
    {
        var isUnbroken = _lastArrived != long.MinValue && arrived - _lastArrived <= leaseNanos / 2;
        _lastArrived = arrived;
        var present = 0;
        foreach (var node in nodes)
        {
            if (node.Name == self) continue;
            present++;
            if (_rows.TryGetValue(node.Name, out var seen))
            {
                var wasDead = seen.IsDead;
                seen.Show(node, began, arrived, isUnbroken, this);
                if (seen.IsDead != wasDead) Verdicts++;
                continue;
            }
            _rows.Add(node.Name, new Seen(node, arrived));
            Verdicts++;
        }
        if (_rows.Count > present) Forget(nodes);
        return isUnbroken;
    }

    private void Forget(IReadOnlyList<NodeLease> nodes)
    {
        Verdicts++;
        foreach (var gone in _rows.Keys.Where(name => !nodes.Any(node => node.Name == name)).ToList()) _rows.Remove(gone);
    }

    /// <summary>Whether a node counts as dead; one without a row does.</summary>
    public bool IsDead(string node) => !_rows.TryGetValue(node, out var seen) || seen.IsDead;

    /// <summary>How long a node's row has been seen unchanged, in nanoseconds.</summary>
    public long UnchangedNanos(string node) => _rows.TryGetValue(node, out var seen) ? _lastArrived - seen.Since : 0;

    /// <summary>The link to a node is up: whoever refused before has gone.</summary>
    public void Connected(string node)
    {
        if (_rows.TryGetValue(node, out var seen)) (seen.IsBroken, seen.IsRefused) = (false, false);
    }

    /// <summary>The link to a node broke.</summary>
    public void Broken(string node)
    {
        if (_rows.TryGetValue(node, out var seen)) seen.IsBroken = true;
    }

    /// <summary>A node's host refused a connection to its address.</summary>
    public void Refused(string node)
    {
        if (_rows.TryGetValue(node, out var seen) && seen.IsBroken) seen.IsRefused = true;
    }

    private sealed class Seen(NodeLease row, long since)
    {
        private NodeLease _row = row;

        public long Since { get; private set; } = since;
        public bool IsBroken { get; set; }
        public bool IsRefused { get; set; }
        public bool IsDead { get; private set; }

        public void Show(NodeLease now, long began, long arrived, bool isUnbroken, LeaseWatch watch)
        {
            var isAnother = now.Incarnation != _row.Incarnation;
            if (isAnother) (IsBroken, IsRefused) = (false, false);
            if (isAnother || now.Renewals != _row.Renewals || !isUnbroken)
            {
                (_row, Since, IsDead) = (now, arrived, false);
                return;
            }
            // The value was first seen when that answer came, and was still the same when this request was sent.
            var unchanged = began - Since;
            if (unchanged >= watch.LeaseOf(this)) IsDead = true;
        }
    }

    private long LeaseOf(Seen seen) => seen is { IsBroken: true, IsRefused: true } ? ShortLeaseNanos : leaseNanos;
}
