namespace Cti.Persistence.Sqlite;

/// <content>Nodes and who owns what. One process has the file, so the rows serve restarts.</content>
public sealed partial class SqliteJournalStore
{
    private const string NodeColumns = "name, incarnation, link, gateway, media, version, draining, started, renewals, renewed_at";

    /// <inheritdoc/>
    public ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default) => Writer.WriteAsync(connection =>
    {
        var before = Select(connection.Prepare($"SELECT {NodeColumns} FROM node WHERE name = ?").Bind(self.Name), Node).SingleOrDefault();
        connection.Prepare($"INSERT OR REPLACE INTO node({NodeColumns}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(self.Name).Bind(self.Incarnation).Bind(self.LinkAddress).Bind(self.IsGateway ? 1 : 0).Bind(self.IsMedia ? 1 : 0).Bind(self.Version)
            .Bind(self.IsDraining ? 1 : 0).Bind(self.StartedMillis).Bind((before?.Renewals ?? 0) + 1).Bind(NowMillis()).Run();
        return before;
    }, cancellation);

    /// <inheritdoc/>
    public ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default) => Writer.WriteAsync(connection =>
    {
        var now = NowMillis();
        connection.Prepare("""
            UPDATE node SET link = ?, gateway = ?, media = ?, version = ?, draining = ?, renewals = renewals + 1, renewed_at = ?
            WHERE name = ? AND incarnation = ?
            """)
            .Bind(self.LinkAddress).Bind(self.IsGateway ? 1 : 0).Bind(self.IsMedia ? 1 : 0).Bind(self.Version).Bind(self.IsDraining ? 1 : 0)
            .Bind(now).Bind(self.Name).Bind(self.Incarnation).Run();
        var nodes = Select(connection.Prepare($"SELECT {NodeColumns} FROM node ORDER BY name"), Node);
        var version = Select(connection.Prepare("SELECT SUM(epoch) FROM instance"), static row => row.Int64(0))[0];
        var ownership = version == knownOwnership ? null : Select(connection.Prepare("SELECT id, owner, epoch, tail FROM instance ORDER BY id"), Ownership);
        return new LeaseView(now, nodes, version, ownership);
    }, cancellation);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default)
    {
        foreach (var wanted in instances) AppendRules.CheckInstance(wanted.Instance, _instanceCount);
        return Writer.WriteAsync<IReadOnlyList<InstanceOwnership>>(connection =>
        {
            var taken = new List<InstanceOwnership>();
            if (unrenewed is not null && Select(connection.Prepare($"SELECT {NodeColumns} FROM node WHERE name = ?").Bind(unrenewed.Name), Node) is [var row]
                && (row.Incarnation, row.Renewals) != (unrenewed.Incarnation, unrenewed.Renewals)) return taken;
            foreach (var wanted in instances.OrderBy(static wanted => wanted.Instance))
            {
                connection.Prepare("UPDATE instance SET owner = ?, epoch = epoch + 1 WHERE id = ? AND epoch = ?").Bind(node).Bind(wanted.Instance)
                    .Bind(wanted.Epoch).Run();
                if (connection.Changes == 1)
                    taken.Add(Select(connection.Prepare("SELECT id, owner, epoch, tail FROM instance WHERE id = ?").Bind(wanted.Instance), Ownership)[0]);
            }
            return taken;
        }, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default)
    {
        AppendRules.CheckInstance(instance, _instanceCount);
        return Writer.WriteAsync(connection =>
        {
            connection.Prepare("UPDATE instance SET owner = ?, epoch = epoch + 1 WHERE id = ? AND owner = ? AND epoch = ?").Bind(to).Bind(instance).Bind(owner)
                .Bind(epoch).Run();
            return connection.Changes == 1;
        }, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue, CancellationToken cancellation = default) =>
        Writer.WriteAsync(connection =>
    {
        connection.Prepare("DELETE FROM node WHERE name = ? AND incarnation = ? AND renewals <= ?").Bind(node).Bind(incarnation).Bind(renewalsMax).Run();
        if (connection.Changes == 0) return false;
        connection.Prepare("UPDATE instance SET owner = '', epoch = epoch + 1 WHERE owner = ?").Bind(node).Run();
        return true;
    }, cancellation);

    private static long NowMillis() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private static NodeLease Node(SqliteStatement row) => new()
    {
        Name = row.Text(0),
        Incarnation = row.Text(1),
        LinkAddress = row.Text(2),
        IsGateway = row.Int32(3) != 0,
        IsMedia = row.Int32(4) != 0,
        Version = row.Text(5),
        IsDraining = row.Int32(6) != 0,
        StartedMillis = row.Int64(7),
        Renewals = row.Int64(8),
        RenewedAtMillis = row.Int64(9),
    };
}
