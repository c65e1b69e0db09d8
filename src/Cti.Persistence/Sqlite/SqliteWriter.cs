using System.Threading.Channels;

namespace Cti.Persistence.Sqlite;

/// <summary>
/// The one thread that writes. What arrives while a commit runs waits and shares the next transaction, so under load one fsync serves many callers;
/// each caller still gets its own outcome, and only after the commit.
/// </summary>
internal sealed class SqliteWriter
{
    // The queue's bound; past it callers wait in order. A thousand appends are about the calls of one second of a busy core.
    private const int QueueMax = 1_024;

    private readonly SqliteConnection _connection;
    private readonly SqliteHealth _health;
    private readonly Channel<Work> _queue = Channel.CreateBounded<Work>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly Thread _thread;

    internal SqliteWriter(SqliteConnection connection, SqliteHealth health)
    {
        _connection = connection;
        _health = health;
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite writer" };
        _thread.Start();
    }

    /// <summary>Transactions committed so far.</summary>
    internal long Commits { get; private set; }

    /// <summary>Runs <paramref name="body"/> within the next transaction and answers once that is durable.</summary>
    internal async ValueTask<T> WriteAsync<T>(Func<SqliteConnection, T> body, CancellationToken cancellation)
    {
        var work = new Work<T>(body, cancellation);
        try
        {
            await _queue.Writer.WriteAsync(work, cancellation).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(SqliteJournalStore));
        }
        return await work.Task.ConfigureAwait(false);
    }

    /// <summary>Writes what is queued, then ends the thread. The connection is the caller's again.</summary>
    internal void Stop()
    {
        _queue.Writer.TryComplete();
        _thread.Join();
    }

    private void Run()
    {
        var batch = new List<Work>();
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (batch.Count < QueueMax && _queue.Reader.TryRead(out var work))
            {
                if (!work.TryCancel()) batch.Add(work);
            }
            if (batch.Count > 0) Commit(batch);
            batch.Clear();
        }
    }

    private void Commit(List<Work> batch)
    {
        try
        {
            _health.ThrowIfBroken();
            Transact(batch);
        }
        catch (StoreUnavailableException failure)
        {
            if (failure.IsBroken) _health.Break(failure.Message);
            // Also when COMMIT itself failed: whether it is on the disk is unknown to every caller alike.
            foreach (var work in batch) work.Fail(failure);
            return;
        }
        catch (Exception failure)
        {
            if (batch.Count == 1) batch[0].Fail(failure);
            else Separate(batch);
            return;
        }
        Commits++;
        foreach (var work in batch) work.Complete();
    }

    // A bug in one caller's work must not touch the others': each gets a transaction of its own.
    private void Separate(List<Work> batch)
    {
        foreach (var work in batch) Commit([work]);
    }

    private void Transact(List<Work> batch)
    {
        try
        {
            _connection.Execute("BEGIN IMMEDIATE");
            foreach (var work in batch) work.Execute(_connection);
            _connection.Execute("COMMIT");
        }
        catch
        {
            _connection.Rollback();
            throw;
        }
    }

    private abstract class Work
    {
        internal abstract bool TryCancel();
        internal abstract void Execute(SqliteConnection connection);
        internal abstract void Complete();
        internal abstract void Fail(Exception failure);
    }

    private sealed class Work<T>(Func<SqliteConnection, T> body, CancellationToken cancellation) : Work
    {
        // Asynchronously, so that no caller's continuation ever runs on the writer's thread.
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        internal Task<T> Task => _done.Task;

        internal override bool TryCancel() => cancellation.IsCancellationRequested && _done.TrySetCanceled(cancellation);

        internal override void Execute(SqliteConnection connection) => _result = body(connection);

        internal override void Complete() => _done.TrySetResult(_result);

        internal override void Fail(Exception failure) => _done.TrySetException(failure);
    }
}
