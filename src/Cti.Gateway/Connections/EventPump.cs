using Cti.Contract;
using Cti.Gateway.Metrics;
using Cti.Gateway.Rpc;
using Cti.Kernel;

namespace Cti.Gateway.Connections;

/// <summary>
/// Moves events from a connection's feed to its outbox. A subscription takes the pump's turn: it stops the read under way, moves the feed,
/// and lets the pump go on only after its answer is in the outbox, so no event of the old feed follows the answer.
/// </summary>
internal sealed class EventPump(IEventFeed feed, Outbox outbox, GatewayMetrics metrics, INotices? notices = null) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _watching = new();
    private CancellationTokenSource _read = new();
    private IDisposable? _watched;
    private bool _isOver;
    private volatile bool _isOverrun;

    /// <summary>Runs until stopped. Answers false when the reader was too slow.</summary>
    internal async Task<bool> RunAsync()
    {
        try
        {
            // A closed outbox takes nothing, so reading on would only empty the feed.
            while (!_stop.IsCancellationRequested && !outbox.IsCompleted)
            {
                await _turn.WaitAsync(_stop.Token).ConfigureAwait(false);
                try
                {
                    if (_isOverrun) return false;
                    await MoveAsync().ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
                {
                    // A subscription wants the turn; it is queued on the semaphore already.
                }
                finally
                {
                    _turn.Release();
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (FeedOverrunException)
        {
            return false;
        }
        return true;
    }

    /// <summary>What requests of one message use; to be disposed when the message's answer is in the outbox.</summary>
    internal Turn NewTurn() => new(this);

    internal void Stop()
    {
        _stop.Cancel();
        _read.Cancel();
    }

    /// <summary>Notices go to the outbox from now on; one that finds no room there ends the connection, as any other message does.</summary>
    private void Watch()
    {
        lock (_watching)
        {
            if (_isOver || _watched is not null) return;
            _watched = notices?.Listen(notice =>
            {
                if (outbox.TryAdd(RpcWriter.Notice(notice))) return;
                _isOverrun = true;
                _read.Cancel();
            });
        }
    }

    // The cancellation sources have no timers, so there is nothing to free in them, and a late Stop stays harmless.
    public ValueTask DisposeAsync()
    {
        lock (_watching)
        {
            _isOver = true;
            _watched?.Dispose();
        }
        return feed.DisposeAsync();
    }

    private async ValueTask MoveAsync()
    {
        await outbox.WaitForRoomAsync().ConfigureAwait(false);
        var events = await feed.ReadAsync(Limits.FeedBatchMax, _read.Token).ConfigureAwait(false);
        foreach (var happened in events)
        {
            await outbox.WaitForRoomAsync().ConfigureAwait(false);
            // Between the two bounds there is always room for one event.
            outbox.TryAdd(RpcWriter.Event(happened));
        }
        metrics.EventsSent(events.Count);
    }

    private async ValueTask TakeTurnAsync()
    {
        var turn = _turn.WaitAsync(_stop.Token);
        // Only once it is queued: the pump then finds the semaphore taken when it comes round.
        await _read.CancelAsync().ConfigureAwait(false);
        await turn.ConfigureAwait(false);
        if (_stop.IsCancellationRequested)
        {
            _turn.Release();
            throw new OperationCanceledException();
        }
        _read = new CancellationTokenSource();
        if (_stop.IsCancellationRequested) await _read.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>One message's hold on the feed.</summary>
    internal sealed class Turn(EventPump pump) : IConnectionFeed, IDisposable
    {
        private readonly SemaphoreSlim _mine = new(1, 1);
        private bool _held;

        public async ValueTask<FeedPosition> SubscribeAsync(string? from, string? group, CancellationToken cancellation)
        {
            await _mine.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                if (!_held) await pump.TakeTurnAsync().ConfigureAwait(false);
                _held = true;
                return await pump.FeedOf.SubscribeAsync(from, group, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return Closing;
            }
            finally
            {
                _mine.Release();
            }
        }

        public async ValueTask<FeedPosition> AcknowledgeAsync(string cursor, CancellationToken cancellation)
        {
            try
            {
                return await pump.FeedOf.AcknowledgeAsync(cursor, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return Closing;
            }
        }

        public void Watch() => pump.Watch();

        private static FeedPosition Closing => new(null, RpcError.Unavailable("the connection is closing"));

        public void Dispose()
        {
            if (_held) pump._turn.Release();
            _held = false;
            _mine.Dispose();
        }
    }

    private IEventFeed FeedOf => feed;
}
