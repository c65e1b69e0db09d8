namespace Cti.Persistence.Sqlite;

/// <summary>How a SQLite store is opened.</summary>
public sealed record SqliteOptions
{
    /// <summary>The database file; it and its directory are created when missing, for their owner only (0600, 0700).</summary>
    public required string Path { get; init; }

    /// <summary>Connections for reading, 1..16.</summary>
    public int Readers { get; init; } = 2;

    /// <summary>Told once when the file turns out to be damaged or gone: which file, what is wrong, what to do.</summary>
    public Action<string>? Broke { get; init; }

    /// <summary>False gives up durability on power loss: only a benchmark that wants to know the price of it says so.</summary>
    internal bool Synchronous { get; init; } = true;

    /// <summary>A bound on the file's size in pages, 0 for none: lets a test fill the disk.</summary>
    internal long PageCountMax { get; init; }
}

/// <summary>
/// A node's own store in one file: WAL, <c>synchronous=FULL</c>, one writer thread with group commit, readers beside it.
/// A lock file keeps a second node away from the file, and a watch looks whether it is still there and sound.
/// </summary>
public sealed partial class SqliteJournalStore(SqliteOptions options) : IJournalStore
{
    // Rows that one sweep step deletes: about 20 ms of the writer, so appends pass between the steps.
    private const int SweepRowsMax = 2_000;

    // The log's pages past which they are moved into the database, 32 MiB: a page that is written again and again (the end of a table) is moved once, not each
    // time.
    private const int CheckpointPages = 8_000;

    private readonly SqliteHealth _health = new(Path.GetFullPath(options.Path), options.Broke);
    private FileStream? _lock;
    private SqliteConnection? _writing;
    private SqliteWriter? _writer;
    private SqliteReaders? _readers;
    private SqliteWatch? _watch;
    private int _instanceCount;

    /// <summary>The version of the native library in use, e.g. <c>3.40.1</c>.</summary>
    public static string LibraryVersion => SqliteLibrary.EnsureLoaded();

    /// <summary>Transactions committed since the store was opened: with the number of appends, how well commits are shared.</summary>
    public long Commits => _writer?.Commits ?? 0;

    /// <summary>Looks after the file; null before it is open.</summary>
    internal SqliteWatch? Watch => _watch;

    /// <inheritdoc/>
    public string? WhyBroken => _health.WhyBroken;

    /// <inheritdoc/>
    public ValueTask OpenAsync(int instanceCount, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(instanceCount, 1);
        if (_writer is not null) throw new InvalidOperationException("the store is open already");
        return new ValueTask(Task.Run(() => Open(instanceCount), cancellation));
    }

    private void Open(int instanceCount)
    {
        var path = Path.GetFullPath(options.Path);
        try
        {
            _lock = SqliteOpening.TakeFile(path);
            _writing = SqliteConnection.Open(path, busyMillis: 5_000);
            _writing.ExecuteScript($"""
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = {(options.Synchronous ? "FULL" : "OFF")};
                PRAGMA wal_autocheckpoint = {CheckpointPages};
                PRAGMA journal_size_limit = 67108864;
                PRAGMA cache_size = -16384;
                """);
            if (options.PageCountMax > 0) _writing.ExecuteScript($"PRAGMA max_page_count = {options.PageCountMax}");
            SqliteOpening.Check(_writing, path);
            SqliteSchema.Open(_writing, instanceCount);
            _readers = new SqliteReaders(() => SqliteConnection.Open(path, busyMillis: 5_000), options.Readers);
            _instanceCount = instanceCount;
            _writer = new SqliteWriter(_writing, _health);
            _watch = new SqliteWatch(path, () => Commits, _health.Break);
        }
        catch (Exception failure)
        {
            Close();
            if (SqliteOpening.Explain(path, failure) is { } explained) throw explained;
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> ClaimAsync(string node, IReadOnlyList<int> instances, CancellationToken cancellation = default)
    {
        foreach (var id in instances) AppendRules.CheckInstance(id, _instanceCount);
        return Writer.WriteAsync<IReadOnlyList<InstanceOwnership>>(connection =>
        {
            var claimed = new InstanceOwnership[instances.Count];
            for (var i = 0; i < claimed.Length; i++)
            {
                connection.Prepare("UPDATE instance SET owner = ?, epoch = epoch + 1 WHERE id = ?").Bind(node).Bind(instances[i]).Run();
                claimed[i] = Select(connection.Prepare("SELECT id, owner, epoch, tail FROM instance WHERE id = ?").Bind(instances[i]), Ownership)[0];
            }
            return claimed;
        }, cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<InstanceOwnership>> ReadOwnershipAsync(CancellationToken cancellation = default) =>
        ReadAsync(connection => connection.Prepare("SELECT id, owner, epoch, tail FROM instance ORDER BY id"), Ownership, cancellation);

    private static InstanceOwnership Ownership(SqliteStatement row) => new(row.Int32(0), row.Text(1), row.Int64(2), row.Int64(3));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<AppendOutcome>> AppendAsync(IReadOnlyList<InstanceAppend> appends, CancellationToken cancellation = default)
    {
        var writer = Writer;
        AppendRules.Check(appends, _instanceCount);
        return writer.WriteAsync<IReadOnlyList<AppendOutcome>>(connection => SqliteAppender.Append(connection, appends), cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, IReadOnlyList<JournalEntry>>> ReadJournalsAsync(IReadOnlyList<int> instances,
        CancellationToken cancellation = default)
    {
        AppendRules.CheckInstances(instances, _instanceCount);
        var found = new Dictionary<int, IReadOnlyList<JournalEntry>>(instances.Count);
        foreach (var instance in instances)
        {
            found[instance] = await ReadAsync(
                connection => connection.Prepare("SELECT pos, res_id, version, payload FROM journal WHERE instance = ? ORDER BY pos").Bind(instance),
                static row => new JournalEntry(row.Int64(0), row.Text(1), row.Int32(2), row.Blob(3)), cancellation).ConfigureAwait(false);
        }
        return found;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, IReadOnlyList<IdempotencyRow>>> ReadIdempotencyAsync(IReadOnlyList<int> instances, long sinceUnixMillis,
        CancellationToken cancellation = default)
    {
        AppendRules.CheckInstances(instances, _instanceCount);
        var found = new Dictionary<int, IReadOnlyList<IdempotencyRow>>(instances.Count);
        foreach (var instance in instances)
        {
            found[instance] = await ReadAsync(
                connection => connection
                    .Prepare("SELECT app, request_id, params_hash, time, reply FROM idempotency WHERE instance = ? AND time >= ? ORDER BY time")
                    .Bind(instance).Bind(sinceUnixMillis),
                static row => new IdempotencyRow(row.Text(0), row.Guid(1), unchecked((ulong)row.Int64(2)), row.Int64(3), row.Blob(4)),
                cancellation).ConfigureAwait(false);
        }
        return found;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredEvent>> ReadEventsAsync(string application, int instance, long afterPosition, int limit,
        CancellationToken cancellation = default)
    {
        AppendRules.CheckLimit(limit);
        AppendRules.CheckInstance(instance, _instanceCount);
        return ReadAsync(
            connection => connection.Prepare("""
                SELECT pos, res_id, seq, time, method, params, media FROM event WHERE app = ? AND instance = ? AND pos > ? ORDER BY pos LIMIT ?
                """).Bind(application).Bind(instance).Bind(afterPosition).Bind(limit),
            row => new StoredEvent(application, instance, row.Int64(0), row.Text(1), row.Int32(2), row.Int64(3), row.Text(4), row.Blob(5), row.Blob(6)),
            cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<long>> ReadExpiredAsync(string application, CancellationToken cancellation = default)
    {
        var rows = await ReadAsync(connection => connection.Prepare("SELECT instance, pos FROM expired WHERE app = ?").Bind(application),
            row => (Instance: row.Int32(0), Position: row.Int64(1)), cancellation).ConfigureAwait(false);
        var expired = new long[_instanceCount];
        foreach (var (instance, position) in rows) expired[instance] = position;
        return expired;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<int, long>> ReadFeedPositionsAsync(string application, string group, CancellationToken cancellation = default)
    {
        var rows = await ReadAsync(
            connection => connection.Prepare("SELECT instance, pos FROM feed_position WHERE app = ? AND grp = ?").Bind(application).Bind(group),
            row => KeyValuePair.Create(row.Int32(0), row.Int64(1)), cancellation).ConfigureAwait(false);
        return new SortedDictionary<int, long>(rows.ToDictionary());
    }

    /// <inheritdoc/>
    public async ValueTask WriteFeedPositionsAsync(string application, string group, IReadOnlyDictionary<int, long> positions,
        CancellationToken cancellation = default)
    {
        foreach (var instance in positions.Keys) AppendRules.CheckInstance(instance, _instanceCount);
        await Writer.WriteAsync(connection =>
        {
            foreach (var (instance, position) in positions)
            {
                connection.Prepare("""
                    INSERT INTO feed_position(app, grp, instance, pos) VALUES(?, ?, ?, ?)
                    ON CONFLICT(app, grp, instance) DO UPDATE SET pos = excluded.pos WHERE excluded.pos > feed_position.pos
                    """).Bind(application).Bind(group).Bind(instance).Bind(position).Run();
            }
            return true;
        }, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryAcquirePermitAsync(string trunk, int max, string permitId, long nowUnixMillis, CancellationToken cancellation = default) =>
        Writer.WriteAsync(connection => SqlitePermits.TryAcquire(connection, trunk, max, permitId, nowUnixMillis), cancellation);

    /// <inheritdoc/>
    public async ValueTask ReleasePermitAsync(string permitId, CancellationToken cancellation = default) =>
        await Writer.WriteAsync(connection =>
        {
            SqlitePermits.Release(connection, permitId);
            return true;
        }, cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<bool> IsEmptyAsync(CancellationToken cancellation = default) =>
        await ReadAsync(static connection => connection.Prepare("SELECT EXISTS(SELECT 1 FROM journal)"), static row => row.Int32(0), cancellation)
            .ConfigureAwait(false) is [0];

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyDictionary<string, int>> ReadPermitsInUseAsync(CancellationToken cancellation = default)
    {
        var rows = await ReadAsync(connection => connection.Prepare("SELECT name, used FROM trunk WHERE used > 0"),
            row => KeyValuePair.Create(row.Text(0), row.Int32(1)), cancellation).ConfigureAwait(false);
        return new SortedDictionary<string, int>(rows.ToDictionary(), StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public async ValueTask SweepAsync(long eventsBeforeUnixMillis, long idempotencyBeforeUnixMillis, long permitsBeforeUnixMillis,
        CancellationToken cancellation = default)
    {
        while (await Writer.WriteAsync(connection => SweepEvents(connection, eventsBeforeUnixMillis), cancellation).ConfigureAwait(false) == SweepRowsMax)
        {
        }
        while (await Writer.WriteAsync(connection => SweepIdempotency(connection, idempotencyBeforeUnixMillis), cancellation)
            .ConfigureAwait(false) == SweepRowsMax)
        {
        }
        await Writer.WriteAsync(connection =>
        {
            SqlitePermits.Sweep(connection, permitsBeforeUnixMillis);
            return true;
        }, cancellation).ConfigureAwait(false);
    }

    private static int SweepEvents(SqliteConnection connection, long before)
    {
        // Both statements see the same rows: the order is total, and nothing comes between them. (WHERE true keeps ON from reading as a join.)
        connection.Prepare($"""
            INSERT INTO expired(app, instance, pos)
            SELECT app, instance, MAX(pos) FROM (SELECT app, instance, pos FROM event WHERE time < ? ORDER BY time, app, instance, pos LIMIT {SweepRowsMax})
            WHERE true GROUP BY app, instance
            ON CONFLICT(app, instance) DO UPDATE SET pos = excluded.pos WHERE excluded.pos > expired.pos
            """).Bind(before).Run();
        connection.Prepare($"""
            DELETE FROM event WHERE (app, instance, pos) IN
            (SELECT app, instance, pos FROM event WHERE time < ? ORDER BY time, app, instance, pos LIMIT {SweepRowsMax})
            """).Bind(before).Run();
        return connection.Changes;
    }

    private static int SweepIdempotency(SqliteConnection connection, long before)
    {
        connection.Prepare($"""
            DELETE FROM idempotency WHERE (instance, app, request_id) IN
            (SELECT instance, app, request_id FROM idempotency WHERE time < ? ORDER BY time LIMIT {SweepRowsMax})
            """).Bind(before).Run();
        return connection.Changes;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredCallRecord>> ReadCallRecordsAsync(string node, long afterId, int limit, CancellationToken cancellation = default)
    {
        AppendRules.CheckLimit(limit);
        return ReadAsync(
            connection => connection.Prepare("SELECT id, uuid, res_id, time, fields FROM cdr WHERE node = ? AND id > ? ORDER BY id LIMIT ?")
                .Bind(node).Bind(afterId).Bind(limit),
            row => new StoredCallRecord(row.Int64(0), new CallRecordRow(row.Guid(1), node, row.Text(2), row.Int64(3), row.Blob(4))), cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask DropCallRecordsAsync(string node, long beforeRowNumber, long beforeUnixMillis, CancellationToken cancellation = default)
    {
        while (await Writer.WriteAsync(connection => DropCallRecords(connection, node, beforeRowNumber, beforeUnixMillis), cancellation)
            .ConfigureAwait(false) == SweepRowsMax)
        {
        }
    }

    // Rows are in order of time but for moments, so a look at the oldest is enough: nothing reads through what is kept for months.
    private static int DropCallRecords(SqliteConnection connection, string node, long beforeRowNumber, long beforeUnixMillis)
    {
        connection.Prepare($"""
            DELETE FROM cdr WHERE id IN
            (SELECT id FROM (SELECT id, time FROM cdr WHERE node = ? AND id < ? ORDER BY id LIMIT {SweepRowsMax}) WHERE time < ?)
            """).Bind(node).Bind(beforeRowNumber).Bind(beforeUnixMillis).Run();
        return connection.Changes;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _lock is null ? ValueTask.CompletedTask : new ValueTask(Task.Run(Close));

    private void Close()
    {
        _watch?.Stop();
        _writer?.Stop();
        _readers?.Dispose();
        _writing?.Dispose();
        _watch?.Dispose();
        _lock?.Dispose();
        _writing = null;
        _watch = null;
        _lock = null;
    }

    private SqliteWriter Writer => _writer ?? throw new InvalidOperationException("the store is not open");

    private async ValueTask<IReadOnlyList<T>> ReadAsync<T>(Func<SqliteConnection, SqliteStatement> select, Func<SqliteStatement, T> row,
        CancellationToken cancellation)
    {
        var readers = _readers ?? throw new InvalidOperationException("the store is not open");
        try
        {
            return await readers.ReadAsync<IReadOnlyList<T>>(connection => Select(select(connection), row), cancellation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException failure) when (failure.IsBroken)
        {
            _health.Break(failure.Message);
            throw;
        }
    }

    private static List<T> Select<T>(SqliteStatement statement, Func<SqliteStatement, T> row)
    {
        var rows = new List<T>();
        try
        {
            while (statement.Step()) rows.Add(row(statement));
            return rows;
        }
        finally
        {
            statement.Reset();
        }
    }
}
