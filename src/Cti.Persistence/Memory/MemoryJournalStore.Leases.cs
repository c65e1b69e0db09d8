namespace Cti.Persistence.Memory;

/// <content>Nodes and who owns what.</content>
public sealed partial class MemoryJournalStore
{
    /// <inheritdoc/>
    public ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            Opened();
            var before = disk.Nodes.GetValueOrDefault(self.Name);
            disk.Nodes[self.Name] = self with { Renewals = (before?.Renewals ?? 0) + 1, RenewedAtMillis = disk.NowMillis() };
            return ValueTask.FromResult(before);
        }
    }

    /// <inheritdoc/>
    public ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            var now = disk.NowMillis();
            if (disk.Nodes.TryGetValue(self.Name, out var row) && row.Incarnation == self.Incarnation)
                disk.Nodes[self.Name] = self with { StartedMillis = row.StartedMillis, Renewals = row.Renewals + 1, RenewedAtMillis = now };
            var version = all.Sum(static instance => instance.Epoch);
            InstanceOwnership[]? ownership = version == knownOwnership ? null : [.. all.Select(static (instance, id) => Ownership(instance, id))];
            return ValueTask.FromResult(new LeaseView(now, [.. disk.Nodes.Values], version, ownership));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            foreach (var wanted in instances) AppendRules.CheckInstance(wanted.Instance, all.Length);
            var taken = new List<InstanceOwnership>();
            if (unrenewed is not null && disk.Nodes.TryGetValue(unrenewed.Name, out var row)
                && (row.Incarnation, row.Renewals) != (unrenewed.Incarnation, unrenewed.Renewals))
                return ValueTask.FromResult<IReadOnlyList<InstanceOwnership>>(taken);
            foreach (var wanted in instances.OrderBy(static wanted => wanted.Instance))
            {
                if (all[wanted.Instance].Epoch != wanted.Epoch) continue;
                Hand(all[wanted.Instance], node);
                taken.Add(Ownership(all[wanted.Instance], wanted.Instance));
            }
            return ValueTask.FromResult<IReadOnlyList<InstanceOwnership>>(taken);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            AppendRules.CheckInstance(instance, all.Length);
            var isOurs = all[instance].Owner == owner && all[instance].Epoch == epoch;
            if (isOurs) Hand(all[instance], to);
            return ValueTask.FromResult(isOurs);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue, CancellationToken cancellation = default)
    {
        lock (disk.Gate)
        {
            var all = Opened();
            if (!disk.Nodes.TryGetValue(node, out var row) || row.Incarnation != incarnation || row.Renewals > renewalsMax) return ValueTask.FromResult(false);
            disk.Nodes.Remove(node);
            foreach (var instance in all)
            {
                if (instance.Owner == node) Hand(instance, "");
            }
            return ValueTask.FromResult(true);
        }
    }

    private static void Hand(MemoryInstance instance, string to)
    {
        instance.Owner = to;
        instance.Epoch++;
    }

    private static InstanceOwnership Ownership(MemoryInstance instance, int id) => new(id, instance.Owner, instance.Epoch, instance.Tail);
}
