using Npgsql;

namespace Cti.Persistence.PostgreSql;

/// <summary>Connections, and what is done when one fails.</summary>
/// <remarks>
/// Time is limited here, not by Npgsql: past its own limit that asks the server to cancel, on another connection and blocking a thread, and where the server
/// stands still this waits as well. What is late is left to itself instead, together with its pool, and its connection is closed when it ends.
/// </remarks>
internal sealed class PostgreSqlPool : IAsyncDisposable
{
    // Deadlocks and serialization failures are rolled back by the server, so that repeating is safe; more than a few in a row is not chance.
    private const int AttemptsMax = 4;

    // A migration of a large table, or of another node that is waited for, may take longer than any statement of calls.
    private static readonly TimeSpan OpenLimit = TimeSpan.FromSeconds(PostgreSqlSchema.SecondsMax + 10);

    private readonly Lock _gate = new();
    private readonly TimeSpan _connectLimit, _commandLimit;
    private NpgsqlDataSource _source;
    private bool _isDisposed;

    /// <summary>Makes the pool; nothing is connected yet.</summary>
    /// <param name="settings">Where to and how.</param>
    /// <param name="commandTimeout">Past this the server ends a statement by itself.</param>
    internal PostgreSqlPool(NpgsqlConnectionStringBuilder settings, TimeSpan commandTimeout)
    {
        Settings = settings;
        Where = $"PostgreSQL at {settings.Host}"
            + (settings.Host!.Contains(',', StringComparison.Ordinal) || settings.Host.StartsWith('/') ? "" : FormattableString.Invariant($":{settings.Port}"));
        // Npgsql keeps to its limit for each of the steps of a connection.
        _connectLimit = TimeSpan.FromSeconds((settings.Timeout * 2) + 1);
        _commandLimit = commandTimeout + TimeSpan.FromSeconds(1);
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
    internal async ValueTask<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> body, bool isRepeatable, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            cancellation.ThrowIfCancellationRequested();
            var source = Source;
            var isConnected = false;
            try
            {
                var connection = await ConnectAsync(source, cancellation).ConfigureAwait(false);
                isConnected = true;
                return await WorkAsync(connection, body, _commandLimit, cancellation).ConfigureAwait(false);
            }
            catch (Exception fault) when (PostgreSqlFaults.IsRolledBack(fault) && attempt < AttemptsMax)
            {
                // The next attempt.
            }
            catch (Exception fault) when (PostgreSqlFaults.IsUnavailable(fault))
            {
                if (fault is TimeoutException) Replace(source);
                else if (PostgreSqlFaults.ClearsPool(fault)) source.Clear();
                if (!isRepeatable || !isConnected || attempt > 1 || PostgreSqlFaults.IsTimeout(fault)) throw PostgreSqlFaults.Unavailable(Where, fault);
            }
        }
    }

    private NpgsqlDataSource Source
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, typeof(PostgreSqlJournalStore));
                return _source;
            }
        }
    }

    /// <summary>Leaves a pool whose connections wait for a server that may never answer; they count for nothing in the next one.</summary>
    private void Replace(NpgsqlDataSource late)
    {
        lock (_gate)
        {
            if (_isDisposed || _source != late) return;
            _source = NpgsqlDataSource.Create(Settings);
        }
        late.Dispose();
    }

    private async Task<NpgsqlConnection> ConnectAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var opening = source.OpenConnectionAsync(CancellationToken.None).AsTask();
        try
        {
            return await opening.WaitAsync(_connectLimit, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is TimeoutException or OperationCanceledException && !opening.IsFaulted)
        {
            _ = LeaveAsync(CloseAsync(opening));
            throw;
        }
    }

    private static async Task CloseAsync(Task<NpgsqlConnection> opening) => await (await opening.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);

    private static async Task<T> WorkAsync<T>(NpgsqlConnection connection, Func<NpgsqlConnection, Task<T>> body, TimeSpan limit, CancellationToken cancellation)
    {
        var working = ThenCloseAsync(connection, body);
        try
        {
            return await working.WaitAsync(limit, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is TimeoutException or OperationCanceledException && !working.IsCompleted)
        {
            _ = LeaveAsync(working);
            throw;
        }
    }

    private static async Task<T> ThenCloseAsync<T>(NpgsqlConnection connection, Func<NpgsqlConnection, Task<T>> body)
    {
        await using (connection.ConfigureAwait(false)) return await body(connection).ConfigureAwait(false);
    }

    /// <summary>Nobody waits for it any more; how it ends was reported as unknown.</summary>
    private static async Task LeaveAsync(Task late)
    {
        try
        {
            await late.ConfigureAwait(false);
        }
        catch (Exception fault) when (PostgreSqlFaults.IsUnavailable(fault) || fault is ObjectDisposedException)
        {
            // As expected of a server that did not answer in time.
        }
    }

    /// <summary>Makes sure that the tables are there and are the ones that the configuration describes.</summary>
    internal async ValueTask OpenAsync(int instanceCount, CancellationToken cancellation)
    {
        try
        {
            var connection = await ConnectAsync(Source, cancellation).ConfigureAwait(false);
            await WorkAsync(connection, async opened =>
            {
                await PostgreSqlSchema.OpenAsync(opened, instanceCount, cancellation).ConfigureAwait(false);
                return true;
            }, OpenLimit, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is NpgsqlException or System.Net.Sockets.SocketException or IOException or TimeoutException)
        {
            throw PostgreSqlFaults.AtOpen(Where, Settings, fault);
        }
    }

    /// <summary>All rows of a query.</summary>
    internal ValueTask<IReadOnlyList<T>> ReadAsync<T>(string sql, NpgsqlParameter[] parameters, Func<NpgsqlDataReader, T> row,
        CancellationToken cancellation) =>
        RunAsync<IReadOnlyList<T>>(async connection =>
        {
            var command = Command(connection, sql, parameters);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    var rows = new List<T>();
                    while (await reader.ReadAsync().ConfigureAwait(false)) rows.Add(row(reader));
                    return rows;
                }
            }
        }, isRepeatable: true, cancellation);

    /// <summary>The one value that a statement answers.</summary>
    internal ValueTask<T> ScalarAsync<T>(string sql, NpgsqlParameter[] parameters, bool isRepeatable, CancellationToken cancellation) =>
        RunAsync(async connection =>
        {
            var command = Command(connection, sql, parameters);
            await using (command.ConfigureAwait(false)) return (T)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
        }, isRepeatable, cancellation);

    internal static NpgsqlCommand Command(NpgsqlConnection connection, string sql, NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        // A parameter belongs to one command; a repeated attempt has another.
        foreach (var parameter in parameters) command.Parameters.Add(parameter.Clone());
        return command;
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            return _source.DisposeAsync();
        }
    }
}
