using Npgsql;

namespace Cti.Storage.PostgreSql;

/// <summary>Connections, and what is done when one fails.</summary>
internal sealed class PostgreSqlPool : IAsyncDisposable
{
    // Deadlocks and serialization failures are rolled back by the server, so that repeating is safe; more than a few in a row is not chance.
    private const int AttemptsMax = 4;

    private readonly NpgsqlDataSource _source;

    internal PostgreSqlPool(NpgsqlConnectionStringBuilder settings)
    {
        Settings = settings;
        Where = $"PostgreSQL at {settings.Host}" + (settings.Host!.Contains(',', StringComparison.Ordinal) || settings.Host.StartsWith('/') ? "" : FormattableString.Invariant($":{settings.Port}"));
        _source = NpgsqlDataSource.Create(settings);
    }

    internal NpgsqlConnectionStringBuilder Settings { get; }

    /// <summary>Which server, for messages.</summary>
    internal string Where { get; }

    /// <summary>
    /// Runs <paramref name="body"/>, each of whose commands is a transaction, on a connection of its own.
    /// </summary>
    /// <param name="body">What to do.</param>
    /// <param name="isRepeatable">Doing it twice is the same as once: then a connection that had died unseen costs the caller nothing.</param>
    /// <param name="cancellation">Gives up; the outcome is then unknown.</param>
    /// <exception cref="StoreUnavailableException">The server cannot be reached, is too slow or stopped; whether a write happened is unknown.</exception>
    internal async ValueTask<T> RunAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> body, bool isRepeatable, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            var isConnected = false;
            try
            {
                var connection = await _source.OpenConnectionAsync(cancellation).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    isConnected = true;
                    return await body(connection, cancellation).ConfigureAwait(false);
                }
            }
            catch (Exception fault) when (PostgreSqlFaults.IsRolledBack(fault) && attempt < AttemptsMax)
            {
                // The next attempt.
            }
            catch (Exception fault) when (PostgreSqlFaults.IsUnavailable(fault))
            {
                if (PostgreSqlFaults.ClearsPool(fault)) _source.Clear();
                if (!isRepeatable || !isConnected || attempt > 1 || PostgreSqlFaults.IsTimeout(fault)) throw PostgreSqlFaults.Unavailable(Where, fault);
            }
        }
    }

    /// <summary>Makes sure that the tables are there and are the ones that the configuration describes.</summary>
    internal async ValueTask OpenAsync(int instanceCount, CancellationToken cancellation)
    {
        try
        {
            var connection = await _source.OpenConnectionAsync(cancellation).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false)) await PostgreSqlSchema.OpenAsync(connection, instanceCount, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is NpgsqlException or System.Net.Sockets.SocketException or IOException or TimeoutException)
        {
            throw PostgreSqlFaults.AtOpen(Where, Settings, fault);
        }
    }

    /// <summary>All rows of a query.</summary>
    internal ValueTask<IReadOnlyList<T>> ReadAsync<T>(string sql, NpgsqlParameter[] parameters, Func<NpgsqlDataReader, T> row, CancellationToken cancellation) =>
        RunAsync<IReadOnlyList<T>>(async (connection, token) =>
        {
            var command = Command(connection, sql, parameters);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    var rows = new List<T>();
                    while (await reader.ReadAsync(token).ConfigureAwait(false)) rows.Add(row(reader));
                    return rows;
                }
            }
        }, isRepeatable: true, cancellation);

    /// <summary>The one value that a statement answers.</summary>
    internal ValueTask<T> ScalarAsync<T>(string sql, NpgsqlParameter[] parameters, bool isRepeatable, CancellationToken cancellation) =>
        RunAsync(async (connection, token) =>
        {
            var command = Command(connection, sql, parameters);
            await using (command.ConfigureAwait(false)) return (T)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        }, isRepeatable, cancellation);

    internal static NpgsqlCommand Command(NpgsqlConnection connection, string sql, NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        // A parameter belongs to one command; a repeated attempt has another.
        foreach (var parameter in parameters) command.Parameters.Add(parameter.Clone());
        return command;
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
