using Cti.Kernel;
using Cti.Storage;

namespace Cti.Cluster.Membership;

/// <summary>
/// Nodes that share a database without links see each other's leases, but not each other's calls and events: the one that comes last must not start. A row alone says
/// little, its node may be long dead; one that is renewed while it is watched belongs to a node that lives.
/// </summary>
internal sealed class LinklessPeers(NodeLease self, IJournalStore store, IClock clock, ITimers timers, long leaseNanos)
{
    private readonly HashSet<string> dead = new(StringComparer.Ordinal);

    /// <summary>Looks before this node is seen by anyone; takes a lease where a dead node has left its row.</summary>
    /// <exception cref="StoreMismatchException">A node lives that has no link to this one.</exception>
    public async Task LookAsync(CancellationToken cancellation)
    {
        var began = clock.MonotonicNanos;
        // Without a row of its own a renewal only reads.
        var rows = await ReadAsync(cancellation).ConfigureAwait(false);
        foreach (var first in rows.Where(IsWithoutLink))
        {
            var seen = first;
            do
            {
                await PauseAsync().ConfigureAwait(false);
                rows = await ReadAsync(cancellation).ConfigureAwait(false);
                seen = rows.FirstOrDefault(row => row.Name == first.Name);
                if (seen is not null && (seen.Renewals != first.Renewals || seen.Incarnation != first.Incarnation)) throw Refusal(seen);
            }
            while (seen is not null && clock.MonotonicNanos - began < leaseNanos);
            dead.Add(first.Name);
        }
    }

    /// <summary>Looks again once this node can be seen: of two that start in the same moment the one with the smaller name stays.</summary>
    /// <exception cref="StoreMismatchException">As above.</exception>
    public void LookAgain(IReadOnlyList<NodeLease> rows)
    {
        var other = rows.FirstOrDefault(row => IsWithoutLink(row) && !dead.Contains(row.Name) && string.CompareOrdinal(row.Name, self.Name) < 0);
        if (other is not null) throw Refusal(other);
    }

    private bool IsWithoutLink(NodeLease row) => row.Name != self.Name && (row.LinkAddress.Length == 0 || self.LinkAddress.Length == 0);

    private async Task<IReadOnlyList<NodeLease>> ReadAsync(CancellationToken cancellation) => (await store.RenewAsync(self, -1, cancellation).ConfigureAwait(false)).Nodes;

    private StoreMismatchException Refusal(NodeLease other) => new(
        $"node {other.Name} has its journal in the same database (cti.journal.connection-string), and {(self.LinkAddress.Length == 0 ? "this node" : $"node {other.Name}")} has no cti.cluster.listen: "
        + "neither would know of the other's calls and events. Right is cti.cluster.listen with the same cti.cluster.secret at every node, or a database for each");

    private Task PauseAsync()
    {
        var elapsed = new TaskCompletionSource();
        timers.Schedule(Math.Max(1, leaseNanos / 10_000_000), static state => ((TaskCompletionSource)state!).TrySetResult(), elapsed);
        return elapsed.Task;
    }
}
