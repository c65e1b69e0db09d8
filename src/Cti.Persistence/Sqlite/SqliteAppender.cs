namespace Cti.Persistence.Sqlite;

/// <summary>The statements of one append, within the writer's transaction.</summary>
internal static class SqliteAppender
{
    internal static AppendOutcome[] Append(SqliteConnection connection, IReadOnlyList<InstanceAppend> appends)
    {
        var outcomes = new AppendOutcome[appends.Count];
        for (var i = 0; i < outcomes.Length; i++) outcomes[i] = Append(connection, appends[i]);
        return outcomes;
    }

    private static AppendOutcome Append(SqliteConnection connection, InstanceAppend append)
    {
        // The fence: one statement both checks and moves the tail, so nothing can come between.
        connection.Prepare("UPDATE instance SET tail = ? WHERE id = ? AND owner = ? AND epoch = ? AND tail = ?")
            .Bind(append.NewTail).Bind(append.Instance).Bind(append.Owner).Bind(append.Epoch).Bind(append.ExpectedTail).Run();
        if (connection.Changes != 1) return WhyRefused(connection, append);

        Entries(connection, append);
        Events(connection, append);
        foreach (var row in append.Idempotency)
        {
            connection.Prepare("""
                INSERT INTO idempotency(instance, app, request_id, params_hash, time, reply) VALUES(?, ?, ?, ?, ?, ?)
                ON CONFLICT(instance, app, request_id) DO UPDATE SET params_hash = excluded.params_hash, time = excluded.time, reply = excluded.reply
                """).Bind(append.Instance).Bind(row.Application).Bind(row.RequestId).Bind(unchecked((long)row.ParametersHash))
                .Bind(row.UnixMillis).Bind(row.Reply.Span).Run();
        }
        foreach (var record in append.CallRecords)
        {
            connection.Prepare("INSERT INTO cdr(uuid, node, res_id, time, fields) VALUES(?, ?, ?, ?, ?)")
                .Bind(record.Id).Bind(record.Node).Bind(record.ResourceId).Bind(record.UnixMillis).Bind(record.Fields.Span).Run();
        }
        foreach (var (permit, resource) in append.BoundPermits)
            connection.Prepare("UPDATE permit SET res_id = ? WHERE id = ?").Bind(resource).Bind(permit).Run();
        foreach (var permit in append.ReleasedPermits) SqlitePermits.Release(connection, permit);
        foreach (var resource in append.ReleasedResources)
        {
            connection.Prepare("DELETE FROM journal WHERE res_id = ? AND instance = ?").Bind(resource).Bind(append.Instance).Run();
            SqlitePermits.ReleaseOf(connection, resource);
        }
        return AppendOutcome.Accepted;
    }

    private static void Entries(SqliteConnection connection, InstanceAppend append)
    {
        foreach (var entry in append.Entries)
        {
            connection.Prepare("INSERT INTO journal(instance, pos, res_id, version, payload) VALUES(?, ?, ?, ?, ?)")
                .Bind(append.Instance).Bind(entry.Position).Bind(entry.ResourceId).Bind(entry.Version).Bind(entry.Payload.Span).Run();
        }
    }

    private static void Events(SqliteConnection connection, InstanceAppend append)
    {
        foreach (var stored in append.Events)
        {
            connection.Prepare("INSERT INTO event(app, instance, pos, res_id, seq, time, method, params, media) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .Bind(stored.Application).Bind(stored.Instance).Bind(stored.Position).Bind(stored.ResourceId).Bind(stored.Sequence)
                .Bind(stored.UnixMillis).Bind(stored.Method).Bind(stored.Params.Span).Bind(stored.Media.Span).Run();
        }
    }

    private static AppendOutcome WhyRefused(SqliteConnection connection, InstanceAppend append)
    {
        var owned = connection.Prepare("SELECT 1 FROM instance WHERE id = ? AND owner = ? AND epoch = ?");
        try
        {
            return owned.Bind(append.Instance).Bind(append.Owner).Bind(append.Epoch).Step() ? AppendOutcome.TailMismatch : AppendOutcome.Fenced;
        }
        finally
        {
            owned.Reset();
        }
    }
}

/// <summary>Permits of trunks: a counter per trunk with a row per permit, always moved together.</summary>
internal static class SqlitePermits
{
    internal static bool TryAcquire(SqliteConnection connection, string trunk, int max, string permitId, long nowUnixMillis)
    {
        if (TrunkOf(connection, permitId) is not null) return true;
        connection.Prepare("INSERT INTO trunk(name, used) VALUES(?, 0) ON CONFLICT(name) DO NOTHING").Bind(trunk).Run();
        connection.Prepare("UPDATE trunk SET used = used + 1 WHERE name = ? AND used < ?").Bind(trunk).Bind(max).Run();
        if (connection.Changes != 1) return false;
        connection.Prepare("INSERT INTO permit(id, trunk, time) VALUES(?, ?, ?)").Bind(permitId).Bind(trunk).Bind(nowUnixMillis).Run();
        return true;
    }

    internal static void Release(SqliteConnection connection, string permitId)
    {
        if (TrunkOf(connection, permitId) is not { } trunk) return;
        connection.Prepare("DELETE FROM permit WHERE id = ?").Bind(permitId).Run();
        connection.Prepare("UPDATE trunk SET used = used - 1 WHERE name = ?").Bind(trunk).Run();
    }

    internal static void ReleaseOf(SqliteConnection connection, string resourceId) =>
        ReleaseAll(connection, connection.Prepare("SELECT id FROM permit WHERE res_id = ?").Bind(resourceId));

    internal static void Sweep(SqliteConnection connection, long beforeUnixMillis) =>
        ReleaseAll(connection, connection.Prepare("SELECT id FROM permit WHERE res_id IS NULL AND time < ?").Bind(beforeUnixMillis));

    private static void ReleaseAll(SqliteConnection connection, SqliteStatement select)
    {
        List<string>? found = null;
        try
        {
            while (select.Step()) (found ??= []).Add(select.Text(0));
        }
        finally
        {
            select.Reset();
        }
        foreach (var permit in found ?? []) Release(connection, permit);
    }

    private static string? TrunkOf(SqliteConnection connection, string permitId)
    {
        var select = connection.Prepare("SELECT trunk FROM permit WHERE id = ?");
        try
        {
            return select.Bind(permitId).Step() ? select.Text(0) : null;
        }
        finally
        {
            select.Reset();
        }
    }
}
