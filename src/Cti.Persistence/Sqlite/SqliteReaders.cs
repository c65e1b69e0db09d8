using System.Collections.Concurrent;

namespace Cti.Persistence.Sqlite;

/// <summary>Connections for reading: in WAL mode they see the last commit and wait for no writer.</summary>
internal sealed class SqliteReaders : IDisposable
{
    private readonly ConcurrentBag<SqliteConnection> _idle = [];
    private readonly SemaphoreSlim _free;
    private readonly int _count;

    internal SqliteReaders(Func<SqliteConnection> open, int count)
    {
        _count = count;
        _free = new SemaphoreSlim(count, count);
        for (var i = 0; i < count; i++)
        {
            var connection = open();
            connection.Execute("PRAGMA query_only = 1");
            _idle.Add(connection);
        }
    }

    /// <summary>Runs <paramref name="body"/> on a connection of its own, off the caller's thread, which disk latency must not hold up.</summary>
    internal async ValueTask<T> ReadAsync<T>(Func<SqliteConnection, T> body, CancellationToken cancellation)
    {
        await _free.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Read(body), cancellation).ConfigureAwait(false);
        }
        finally
        {
            _free.Release();
        }
    }

    private T Read<T>(Func<SqliteConnection, T> body)
    {
        ObjectDisposedException.ThrowIf(!_idle.TryTake(out var connection), this);
        try
        {
            return body(connection);
        }
        finally
        {
            _idle.Add(connection);
        }
    }

    /// <summary>Waits for the reads under way and closes the connections; later reads fail.</summary>
    public void Dispose()
    {
        for (var i = 0; i < _count; i++) _free.Wait();
        while (_idle.TryTake(out var connection)) connection.Dispose();
        _free.Release(_count);
    }
}
