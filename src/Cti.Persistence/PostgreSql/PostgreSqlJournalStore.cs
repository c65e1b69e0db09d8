using Npgsql;
using NpgsqlTypes;

namespace Cti.Persistence.PostgreSql;

/// <summary>
/// The store that the nodes of a cluster share. Every operation is one round trip and one transaction; a batch of appends is one statement, in which the
/// instances' rows are locked in order of id, so that an append and a takeover of the same instance come one behind the other.
/// </summary>
public sealed partial class PostgreSqlJournalStore : IJournalStore
{
    // Rows that one step of a sweep deletes: some 20 ms of one connection, beside the appends.
    private const int SweepRowsMax = 2_000;

    private readonly NpgsqlConnectionStringBuilder _settings;
    private readonly TimeSpan _commandTimeout;
    private PostgreSqlPool? _pool;
    private int _instanceCount;

    /// <summary>Makes a store; nothing is connected before it is opened.</summary>
    /// <exception cref="StoreMismatchException">The connection string cannot be understood.</exception>
    public PostgreSqlJournalStore(PostgreSqlOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _settings = options.Complete();
        _commandTimeout = options.CommandTimeout;
    }

    /// <inheritdoc/>
    public async ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(instanceCount, 1);
        if (_pool is not null) throw new InvalidOperationException("the store is open already");
        var pool = new PostgreSqlPool(_settings, _commandTimeout);
        try
        {
            await pool.OpenAsync(instanceCount, cancellation).ConfigureAwait(false);
            _instanceCount = instanceCount;
            _pool = pool;
            await GetReadyAsync(cancellation).ConfigureAwait(false);
        }
        catch
        {
            _pool = null;
            await pool.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A takeover is no time to open connections and to prepare statements: each of them costs both ends more than reading a journal.</summary>
    private async Task GetReadyAsync(CancellationToken cancellation)
    {
        for (var i = 0; i < _settings.AutoPrepareMinUsages; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, _settings.MinPoolSize).Select(_ => ReadJournalsAsync([], cancellation).AsTask())).ConfigureAwait(false);
            await Task.WhenAll(Enumerable.Range(0, _settings.MinPoolSize).Select(_ => ReadIdempotencyAsync([], 0, cancellation).AsTask()))
                .ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default)
    {
        foreach (var id in instances) AppendRules.CheckInstance(id, _instanceCount);
        var ids = instances.ToArray();
        var claimed = await Pool.RunAsync(async connection =>
        {
            // Two statements, because the second must see what the append wrote that the first waited for.
            var batch = new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    new NpgsqlBatchCommand("SELECT 1 FROM instance WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE") { Parameters = { Ints(ids) } },
                    new NpgsqlBatchCommand("UPDATE instance SET owner = $1, epoch = epoch + 1 WHERE id = ANY($2) RETURNING id, owner, epoch, tail")
                    {
                        Parameters = { Text(node), Ints(ids) },
                    },
                },
            };
            await using (batch.ConfigureAwait(false))
            {
                var reader = await batch.ExecuteReaderAsync().ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    await reader.NextResultAsync().ConfigureAwait(false);
                    var owned = new Dictionary<int, InstanceOwnership>();
                    while (await reader.ReadAsync().ConfigureAwait(false)) owned[reader.GetInt32(0)] = Ownership(reader);
                    return owned;
                }
            }
        }, isRepeatable: false, cancellation).ConfigureAwait(false);
        return System.Array.ConvertAll(ids, id => claimed[id]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) =>
        Pool.ReadAsync("SELECT id, owner, epoch, tail FROM instance ORDER BY id", [], Ownership, cancellation);

    private static InstanceOwnership Ownership(NpgsqlDataReader row) => new(row.GetInt32(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3));

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.Check(appends, _instanceCount);
        if (appends.Count == 0) return [];
        var codes = await pool.ScalarAsync<int[]>(PostgreSqlAppender.Sql, PostgreSqlAppender.Parameters(appends), isRepeatable: false, cancellation)
            .ConfigureAwait(false);
        return PostgreSqlAppender.Outcomes(codes);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.CheckInstances(instances, _instanceCount);
        return ByInstance(instances, await pool.ReadAsync(
            "SELECT instance, pos, res_id, version, payload FROM journal WHERE instance = ANY($1) ORDER BY instance, pos",
            [Ints([.. instances])],
            static row => (row.GetInt32(0), new JournalEntry(row.GetInt64(1), row.GetString(2), row.GetInt32(3), Bytes(row, 4))),
            cancellation).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.CheckInstances(instances, _instanceCount);
        return ByInstance(instances, await pool.ReadAsync(
            "SELECT instance, app, request_id, params_hash, time, reply FROM idempotency WHERE instance = ANY($1) AND time >= $2 ORDER BY time",
            [Ints([.. instances]), Long(sinceUnixMillis)],
            static row =>
                (row.GetInt32(0), new IdempotencyRow(row.GetString(1), row.GetGuid(2), unchecked((ulong)row.GetInt64(3)), row.GetInt64(4), Bytes(row, 5))),
            cancellation).ConfigureAwait(false));
    }

    private static Dictionary<int, IReadOnlyList<T>> ByInstance<T>(IReadOnlyList<int> instances, IReadOnlyList<(int Instance, T Row)> rows)
    {
        var found = instances.Distinct().ToDictionary(static instance => instance, static _ => (IReadOnlyList<T>)new List<T>());
        foreach (var (instance, row) in rows) ((List<T>)found[instance]).Add(row);
        return found;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.CheckLimit(limit);
        AppendRules.CheckInstance(instance, _instanceCount);
        return pool.ReadAsync(
            "SELECT pos, res_id, seq, time, method, params, media FROM event WHERE app = $1 AND instance = $2 AND pos > $3 ORDER BY pos LIMIT $4",
            [Text(application), Int(instance), Long(afterPosition), Int(limit)],
            row => new StoredEvent(application, instance, row.GetInt64(0), row.GetString(1), row.GetInt32(2), row.GetInt64(3), row.GetString(4),
                Bytes(row, 5), Bytes(row, 6)),
            cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default)
    {
        var rows = await Pool.ReadAsync("SELECT instance, pos FROM expired WHERE app = $1", [Text(application)],
            static row => (Instance: row.GetInt32(0), Position: row.GetInt64(1)), cancellation).ConfigureAwait(false);
        var expired = new long[_instanceCount];
        foreach (var (instance, position) in rows) expired[instance] = position;
        return expired;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default)
    {
        var rows = await Pool.ReadAsync("SELECT instance, pos FROM feed_position WHERE app = $1 AND grp = $2", [Text(application), Text(group)],
            static row => KeyValuePair.Create(row.GetInt32(0), row.GetInt64(1)), cancellation).ConfigureAwait(false);
        return new SortedDictionary<int, long>(rows.ToDictionary());
    }

    /// <inheritdoc/>
    public async ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        foreach (var instance in positions.Keys) AppendRules.CheckInstance(instance, _instanceCount);
        // In order of instance, so that two writers of one group never wait for each other.
        await WriteAsync(pool, """
            INSERT INTO feed_position AS f(app, grp, instance, pos) SELECT $1, $2, x.instance, x.pos FROM unnest($3, $4) AS x(instance, pos) ORDER BY x.instance
            ON CONFLICT (app, grp, instance) DO UPDATE SET pos = excluded.pos WHERE excluded.pos > f.pos
            """, [Text(application), Text(group), Ints([.. positions.Keys]), Array(NpgsqlDbType.Bigint, positions.Values.ToArray())],
            cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default) =>
        Pool.ScalarAsync<bool>("SELECT cti_permit_1($1, $2, $3, $4)", [Text(trunk), Int(max), Text(permitId), Long(nowUnixMillis)],
            isRepeatable: true, cancellation);

    /// <inheritdoc/>
    public async ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) =>
        await WriteAsync(Pool, "DELETE FROM permit WHERE id = $1", [Text(permitId)], cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default) =>
        (await Pool.ReadAsync("SELECT EXISTS(SELECT 1 FROM journal)", [], static row => row.GetBoolean(0), cancellation).ConfigureAwait(false)) is [false];

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default)
    {
        var rows = await Pool.ReadAsync("SELECT trunk, count(*)::integer FROM permit GROUP BY trunk", [],
            static row => KeyValuePair.Create(row.GetString(0), row.GetInt32(1)), cancellation).ConfigureAwait(false);
        return new SortedDictionary<string, int>(rows.ToDictionary(), StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public async ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis,
        CancellationToken cancellation = default)
    {
        var pool = Pool;
        // Several nodes may sweep at once: each takes other rows, and none waits. What is dropped is noted in one order, so that none waits for ever there
        // either.
        await DrainAsync(pool, """
            WITH gone AS (
                DELETE FROM event WHERE ctid = ANY(ARRAY(SELECT ctid FROM event WHERE time < $1 ORDER BY time LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING app, instance, pos),
            noted AS (
                INSERT INTO expired AS e(app, instance, pos) SELECT app, instance, max(pos) FROM gone GROUP BY app, instance ORDER BY app, instance
                ON CONFLICT (app, instance) DO UPDATE SET pos = greatest(e.pos, excluded.pos))
            SELECT count(*) FROM gone
            """, [Long(eventsBeforeUnixMillis), Int(SweepRowsMax)], cancellation).ConfigureAwait(false);
        await DrainAsync(pool, """
            WITH gone AS (
                DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency WHERE time < $1 ORDER BY time LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING 1)
            SELECT count(*) FROM gone
            """, [Long(idempotencyBeforeUnixMillis), Int(SweepRowsMax)], cancellation).ConfigureAwait(false);
        await WriteAsync(pool, "DELETE FROM permit WHERE res_id IS NULL AND time < $1", [Long(permitsBeforeUnixMillis)], cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default)
    {
        var pool = Pool;
        AppendRules.CheckLimit(limit);
        return pool.ReadAsync("SELECT number, uuid, res_id, time, fields FROM cdr WHERE node = $1 AND number > $2 ORDER BY number LIMIT $3",
            [Text(node), Long(afterId), Int(limit)],
            row => new StoredCallRecord(row.GetInt64(0), new CallRecordRow(row.GetGuid(1), node, row.GetString(2), row.GetInt64(3), Bytes(row, 4))),
            cancellation);
    }

    /// <inheritdoc/>
    public ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default) =>
        // Rows are in order of time but for moments, so a look at the oldest is enough: nothing reads through what is kept for months.
        DrainAsync(Pool, """
            WITH gone AS (
                DELETE FROM cdr WHERE node = $1 AND number = ANY(ARRAY(
                    SELECT number FROM (SELECT number, time FROM cdr WHERE node = $1 AND number < $2 ORDER BY number LIMIT $4) oldest WHERE time < $3))
                RETURNING 1)
            SELECT count(*) FROM gone
            """, [Text(node), Long(beforeRowNumber), Long(beforeUnixMillis), Int(SweepRowsMax)], cancellation);

    /// <summary>Repeats a statement that deletes up to <see cref="SweepRowsMax"/> rows until one finds fewer.</summary>
    private static async ValueTask DrainAsync(PostgreSqlPool pool, string sql, NpgsqlParameter[] parameters, CancellationToken cancellation)
    {
        while (await pool.ScalarAsync<long>(sql, parameters, isRepeatable: true, cancellation).ConfigureAwait(false) >= SweepRowsMax)
        {
        }
    }

    private static async ValueTask WriteAsync(PostgreSqlPool pool, string sql, NpgsqlParameter[] parameters, CancellationToken cancellation) =>
        await pool.RunAsync(async connection =>
        {
            var command = PostgreSqlPool.Command(connection, sql, parameters);
            await using (command.ConfigureAwait(false)) return await command.ExecuteNonQueryAsync().ConfigureAwait(false);
        }, isRepeatable: true, cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _pool?.DisposeAsync() ?? ValueTask.CompletedTask;

    private PostgreSqlPool Pool => _pool ?? throw new InvalidOperationException("the store is not open");

    private static ReadOnlyMemory<byte> Bytes(NpgsqlDataReader row, int column) => row.GetFieldValue<byte[]>(column);

    private static NpgsqlParameter<int> Int(int value) => new() { TypedValue = value };

    private static NpgsqlParameter<long> Long(long value) => new() { TypedValue = value };

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private static NpgsqlParameter<int[]> Ints(int[] values) => Array(NpgsqlDbType.Integer, values);

    private static NpgsqlParameter<T[]> Array<T>(NpgsqlDbType type, T[] values) => new() { NpgsqlDbType = NpgsqlDbType.Array | type, TypedValue = values };
}
