using Npgsql;
using NpgsqlTypes;

namespace Cti.Persistence.PostgreSql;

/// <content>Nodes and who owns what. What is sent together runs in one transaction and one round trip.</content>
public sealed partial class PostgreSqlJournalStore
{
    private const string NodeColumns = "name, incarnation, link, gateway, media, version, draining, started, renewals, renewed_at";
    private const string Now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    private const string LockInstances = "SELECT 1 FROM instance WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";

    /// <inheritdoc/>
    public async ValueTask<NodeLease?> JoinAsync(NodeLease self, CancellationToken cancellation = default) => await Pool.RunAsync(async connection =>
    {
        var batch = Batch(connection,
            ($"SELECT {NodeColumns} FROM node WHERE name = $1 FOR UPDATE", [Text(self.Name)]),
            ($"""
            INSERT INTO node({NodeColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, {Now})
            ON CONFLICT (name) DO UPDATE SET incarnation = excluded.incarnation, link = excluded.link, gateway = excluded.gateway, media = excluded.media,
                version = excluded.version, draining = excluded.draining, started = excluded.started, renewals = node.renewals + 1,
                renewed_at = excluded.renewed_at
            """, [.. Described(self), Long(self.StartedMillis)]));
        await using (batch.ConfigureAwait(false))
        {
            var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
            await using (reader.ConfigureAwait(false)) return await reader.ReadAsync().ConfigureAwait(false) ? Node(reader) : null;
        }
    }, isRepeatable: false, cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<LeaseView> RenewAsync(NodeLease self, long knownOwnership, CancellationToken cancellation = default) => Pool.RunAsync(async connection =>
    {
        // The epochs' sum is a version that every change of hands raises, an older program's too.
        var batch = Batch(connection,
            ($"""
            UPDATE node SET link = $3, gateway = $4, media = $5, version = $6, draining = $7, renewals = renewals + 1, renewed_at = {Now}
            WHERE name = $1 AND incarnation = $2
            """, Described(self)),
            ($"SELECT {Now}", []),
            ($"SELECT {NodeColumns} FROM node ORDER BY name", []),
            ("""
            WITH known AS (SELECT sum(epoch)::bigint AS version FROM instance)
            SELECT known.version, i.id, i.owner, i.epoch, i.tail FROM known LEFT JOIN instance i ON known.version <> $1 ORDER BY i.id
            """, [Long(knownOwnership)]));
        await using (batch.ConfigureAwait(false))
        {
            var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
            await using (reader.ConfigureAwait(false)) return await ViewAsync(reader).ConfigureAwait(false);
        }
    }, isRepeatable: true, cancellation);

    private static async Task<LeaseView> ViewAsync(NpgsqlDataReader reader)
    {
        await reader.ReadAsync().ConfigureAwait(false);
        var now = reader.GetInt64(0);
        await reader.NextResultAsync().ConfigureAwait(false);
        var nodes = new List<NodeLease>();
        while (await reader.ReadAsync().ConfigureAwait(false)) nodes.Add(Node(reader));
        await reader.NextResultAsync().ConfigureAwait(false);
        var version = 0L;
        List<InstanceOwnership>? ownership = null;
        while (await reader.ReadAsync().ConfigureAwait(false))
        {
            version = reader.GetInt64(0);
            if (!await reader.IsDBNullAsync(1).ConfigureAwait(false))
                (ownership ??= []).Add(new InstanceOwnership(reader.GetInt32(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4)));
        }
        return new LeaseView(now, nodes, version, ownership);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> TakeAsync(string node, IReadOnlyList<InstanceEpoch> instances, NodeLease? unrenewed = null,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        foreach (var wanted in instances) AppendRules.CheckInstance(wanted.Instance, _instanceCount);
        var ids = instances.Select(static wanted => wanted.Instance).ToArray();
        var epochs = instances.Select(static wanted => wanted.Epoch).ToArray();
        return pool.RunAsync<IReadOnlyList<InstanceOwnership>>(async connection =>
        {
            // Two statements, because the second must see what the append wrote that the first waited for.
            var batch = Batch(connection,
                (LockInstances, [Ints(ids)]),
                ("""
                UPDATE instance i SET owner = $1, epoch = i.epoch + 1 FROM unnest($2, $3) AS x(id, epoch) WHERE i.id = x.id AND i.epoch = x.epoch
                    AND NOT EXISTS (SELECT FROM node WHERE name = $4 AND (incarnation <> $5 OR renewals <> $6))
                RETURNING i.id, i.owner, i.epoch, i.tail
                """,
                [
                    Text(node), Ints(ids), Array(NpgsqlDbType.Bigint, epochs), Text(unrenewed?.Name ?? ""), Text(unrenewed?.Incarnation ?? ""),
                    Long(unrenewed?.Renewals ?? 0),
                ]));
            await using (batch.ConfigureAwait(false))
            {
                var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    await reader.NextResultAsync().ConfigureAwait(false);
                    var taken = new List<InstanceOwnership>();
                    while (await reader.ReadAsync().ConfigureAwait(false)) taken.Add(Ownership(reader));
                    taken.Sort(static (one, other) => one.Instance.CompareTo(other.Instance));
                    return taken;
                }
            }
        }, isRepeatable: true, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> GiveAsync(int instance, string owner, long epoch, string to, CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.CheckInstance(instance, _instanceCount);
        return await pool.RunAsync(async connection =>
        {
            var command = PostgreSqlPool.Command(connection, "UPDATE instance SET owner = $4, epoch = epoch + 1 WHERE id = $1 AND owner = $2 AND epoch = $3",
                [Int(instance), Text(owner), Long(epoch), Text(to)]);
            await using (command.ConfigureAwait(false)) return await command.ExecuteNonQueryAsync().ConfigureAwait(false) == 1;
        }, isRepeatable: false, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<bool> RemoveNodeAsync(string node, string incarnation, long renewalsMax = long.MaxValue, CancellationToken cancellation = default) =>
        Pool.ScalarAsync<bool>("""
            WITH gone AS (DELETE FROM node WHERE name = $1 AND incarnation = $2 AND renewals <= $3 RETURNING name),
            locked AS (SELECT i.id FROM instance i JOIN gone ON i.owner = gone.name ORDER BY i.id FOR NO KEY UPDATE OF i),
            freed AS (UPDATE instance i SET owner = '', epoch = i.epoch + 1 FROM locked WHERE i.id = locked.id AND i.owner = $1)
            SELECT EXISTS (SELECT FROM gone)
            """, [Text(node), Text(incarnation), Long(renewalsMax)], isRepeatable: false, cancellation);

    private static NpgsqlBatch Batch(NpgsqlConnection connection, params ReadOnlySpan<(string Sql, NpgsqlParameter[] Parameters)> commands)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var (sql, parameters) in commands)
        {
            var command = new NpgsqlBatchCommand(sql);
            foreach (var parameter in parameters) command.Parameters.Add(parameter);
            batch.BatchCommands.Add(command);
        }
        return batch;
    }

    private static NpgsqlParameter[] Described(NodeLease self) =>
        [Text(self.Name), Text(self.Incarnation), Text(self.LinkAddress), Flag(self.IsGateway), Flag(self.IsMedia), Text(self.Version), Flag(self.IsDraining)];

    private static NpgsqlParameter<bool> Flag(bool value) => new() { TypedValue = value };

    private static NodeLease Node(NpgsqlDataReader row) => new()
    {
        Name = row.GetString(0),
        Incarnation = row.GetString(1),
        LinkAddress = row.GetString(2),
        IsGateway = row.GetBoolean(3),
        IsMedia = row.GetBoolean(4),
        Version = row.GetString(5),
        IsDraining = row.GetBoolean(6),
        StartedMillis = row.GetInt64(7),
        Renewals = row.GetInt64(8),
        RenewedAtMillis = row.GetInt64(9),
    };
}
