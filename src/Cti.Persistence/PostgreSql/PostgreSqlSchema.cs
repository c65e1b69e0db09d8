using System.Globalization;
using Npgsql;

namespace Cti.Persistence.PostgreSql;

/// <summary>Creates and migrates the tables, and checks that the database is the one that the configuration describes.</summary>
internal static class PostgreSqlSchema
{
    /// <summary>The oldest server that gets security fixes, as a major version.</summary>
    private const int VersionMin = 14;

    // "cti_jrnl": nodes that start at once take turns; the lock goes with the transaction, also when its node dies.
    private const long AdvisoryLock = 0x6374_695F_6A72_6E6C;

    // A migration of a large table, or of another node that is waited for, may take longer than any statement of calls.
    internal const int SecondsMax = 300;

    internal static async Task OpenAsync(NpgsqlConnection connection, int instanceCount, CancellationToken cancellation)
    {
        if (connection.PostgreSqlVersion.Major < VersionMin)
            throw new StoreMismatchException($"the server is PostgreSQL {connection.PostgreSqlVersion}; right is {VersionMin} or newer");
        // Not the database's default: what the node before wrote must be seen once it let go of the lock.
        var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancellation).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"SET LOCAL statement_timeout = '{SecondsMax}s'"), cancellation)
                .ConfigureAwait(false);
            await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({AdvisoryLock})"), cancellation)
                .ConfigureAwait(false);
            await CheckServerAsync(connection, cancellation).ConfigureAwait(false);
            await MigrateAsync(connection, cancellation).ConfigureAwait(false);
            await FixInstancesAsync(connection, instanceCount, cancellation).ConfigureAwait(false);
            await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        }
    }

    private static async Task CheckServerAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        if (await SingleAsync<string>(connection, "SELECT current_setting('server_encoding')", cancellation).ConfigureAwait(false)
            is not "UTF8" and var encoding)
            throw new StoreMismatchException($"the database's encoding is {encoding}; right is UTF8: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0");
        // Then a commit is answered before it is on a disk, and every promise to an application or a far end with it.
        if (await SingleAsync<string>(connection, "SELECT current_setting('synchronous_commit')", cancellation).ConfigureAwait(false) == "off")
            throw new StoreMismatchException("the database has synchronous_commit = off, which forgets what was promised; right is on");
    }

    private static async Task MigrateAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        // Without IF NOT EXISTS where it exists: that needs the right to create, which a node needs only once.
        if (await SingleAsync<bool>(connection, "SELECT to_regclass('schema_migration') IS NULL", cancellation).ConfigureAwait(false))
            await ExecuteAsync(connection, "CREATE TABLE schema_migration(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
                cancellation).ConfigureAwait(false);
        var version = await SingleAsync<int>(connection, "SELECT coalesce(max(version), 0) FROM schema_migration", cancellation).ConfigureAwait(false);
        var migrations = PostgreSqlMigrations.All;
        if (version > migrations.Length)
            throw new StoreMismatchException($"the store has schema version {version}, this program knows up to {migrations.Length}: it was written by a newer "
                + "version");
        for (; version < migrations.Length; version++)
        {
            await ExecuteAsync(connection, migrations[version], cancellation).ConfigureAwait(false);
            await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"INSERT INTO schema_migration(version) VALUES({version + 1})"),
                cancellation).ConfigureAwait(false);
        }
    }

    private static async Task FixInstancesAsync(NpgsqlConnection connection, int instanceCount, CancellationToken cancellation)
    {
        var stored = await SingleAsync<int>(connection, "SELECT count(*)::integer FROM instance", cancellation).ConfigureAwait(false);
        if (stored == instanceCount) return;
        if (stored != 0)
            throw new StoreMismatchException($"the store was created with {stored} instances, the configuration says {instanceCount}");
        await ExecuteAsync(connection, string.Create(CultureInfo.InvariantCulture, $"INSERT INTO instance(id) SELECT generate_series(0, {instanceCount - 1})"),
            cancellation).ConfigureAwait(false);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using (command.ConfigureAwait(false)) await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
    }

    private static async Task<T> SingleAsync<T>(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        var command = new NpgsqlCommand(sql, connection);
        await using (command.ConfigureAwait(false)) return (T)(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false))!;
    }
}
