using System.Buffers;
using System.Net.WebSockets;
using Cti.Contract;
using Cti.Gateway.Metrics;
using Cti.Gateway.Rpc;
using Cti.Kernel;

namespace Cti.Gateway.Connections;

/// <summary>
/// One application's WebSocket. A reader takes messages in and begins their requests in arrival order; answers leave as they come,
/// through the outbox, whose only writer is here; a pump adds events to it.
/// </summary>
internal sealed class RpcSocket(GatewayOptions options, WebSocket socket, Caller caller, string remote,
    RequestDispatcher dispatcher, IEventFeeds feeds, GatewayMetrics metrics, ILog log) : IDisposable
{
    private const WebSocketCloseStatus SlowReader = (WebSocketCloseStatus)4008;
    private readonly Outbox _outbox = new(Limits.OutgoingBytesHigh, Limits.OutgoingBytesMax);
    private readonly SemaphoreSlim _slots = new(Limits.RequestsInFlightMax, Limits.RequestsInFlightMax);
    private readonly CancellationTokenSource _abort = new();
    private readonly List<Range> _elements = [];
    private readonly Lock _closeLock = new();
    private (WebSocketCloseStatus Status, string Reason)? _close;
    private EventPump? _pump;
    private bool _isOver;

    /// <summary>Runs until the connection has ended. Does not throw.</summary>
    internal async Task RunAsync()
    {
        log.Write(LogEvents.GatewayConnected, caller.Application.Name, remote, caller.Generation);
        metrics.ConnectionOpened();
        var pump = _pump = new EventPump(feeds.Open(caller.Application.Name), _outbox, metrics, options.Notices);
        await using var closing = pump.ConfigureAwait(false);
        var writing = WriteAsync();
        var pumping = PumpAsync(pump);
        try
        {
            await ReadAsync(pump).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            _outbox.Complete(discard: true);
            _abort.CancelAfter(options.CloseMillis);
        }
        catch (Exception e)
        {
            log.Write(LogEvents.GatewayFault, "a connection's reader", e);
            Close(WebSocketCloseStatus.InternalServerError, "a fault of the server");
        }
        pump.Stop();
        await pumping.ConfigureAwait(false);
        await writing.ConfigureAwait(false);
        metrics.ConnectionClosed();
        log.Write(LogEvents.GatewayDisconnected, caller.Application.Name, remote, _close?.Reason ?? "the far end is gone");
    }

    /// <summary>
    /// Begins to close: nothing more is taken, a slow reader's messages are dropped, others' are still sent, then the close frame follows.
    /// </summary>
    internal void Close(WebSocketCloseStatus status, string reason)
    {
        lock (_closeLock)
        {
            if (_close is not null || _isOver) return;
            _close = (status, reason);
            _abort.CancelAfter(options.CloseMillis);
        }
        _pump?.Stop();
        _outbox.Complete(discard: status == SlowReader);
    }

    /// <summary>After <see cref="RunAsync"/>; a late <see cref="Close"/> then does nothing.</summary>
    public void Dispose()
    {
        lock (_closeLock)
        {
            _isOver = true;
            _abort.Dispose();
        }
    }

    private bool IsClosing
    {
        get
        {
            lock (_closeLock) return _close is not null;
        }
    }

    private async Task PumpAsync(EventPump pump)
    {
        try
        {
            if (!await pump.RunAsync().ConfigureAwait(false)) CloseSlowReader();
        }
        catch (Exception e)
        {
            log.Write(LogEvents.GatewayFault, "a connection's event pump", e);
            Close(WebSocketCloseStatus.InternalServerError, "a fault of the server; resume by cursor");
        }
    }

    private void CloseSlowReader()
    {
        if (IsClosing) return;
        metrics.SlowReader();
        log.Write(LogEvents.GatewaySlowReader, caller.Application.Name, remote);
        Close(SlowReader, "reads too slowly; resume from the last cursor");
    }

    private async Task ReadAsync(EventPump pump)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(options.RequestBytesMax + 1);
        try
        {
            while (true)
            {
                var length = await ReceiveAsync(buffer).ConfigureAwait(false);
                if (length < 0) return;
                if (IsClosing) continue;
                await BeginAsync(RpcText.WithoutMark(buffer.AsMemory(0, length)), pump).ConfigureAwait(false);
                await _outbox.WaitForRoomAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Answers the length of a whole message, or -1 when the far end closes. What is too large is refused, passed over to its end, and the next one is waited
    // for.
    private async ValueTask<int> ReceiveAsync(byte[] buffer)
    {
        var length = 0;
        var max = options.RequestBytesMax;
        OversizedRequest? oversized = null;
        while (true)
        {
            var got = await socket.ReceiveAsync(buffer.AsMemory(length, max + 1 - length), _abort.Token).ConfigureAwait(false);
            if (got.MessageType == WebSocketMessageType.Close)
            {
                Close(WebSocketCloseStatus.NormalClosure, "closed by the far end");
                return -1;
            }
            if (got.MessageType == WebSocketMessageType.Binary) Close(WebSocketCloseStatus.InvalidMessageType, "send text frames");
            length += got.Count;
            if (IsClosing) length = 0;
            if (length > max || (oversized is not null && length > 0))
            {
                oversized ??= new OversizedRequest(max);
                oversized.Read(buffer.AsSpan(0, length));
                length = 0;
            }
            if (oversized is not null && (got.EndOfMessage || oversized.IsHopeless))
            {
                await RefuseTooLargeAsync(oversized, isAtEnd: got.EndOfMessage).ConfigureAwait(false);
                oversized = null;
                if (got.EndOfMessage) continue;
            }
            if (got.EndOfMessage) return length;
        }
    }

    private async ValueTask RefuseTooLargeAsync(OversizedRequest oversized, bool isAtEnd)
    {
        if (IsClosing) return;
        Send(oversized.Refusal());
        if (!isAtEnd) Close(WebSocketCloseStatus.MessageTooBig, $"a request is at most {options.RequestBytesMax} bytes");
        await _outbox.WaitForRoomAsync().ConfigureAwait(false);
    }

    private async ValueTask BeginAsync(ReadOnlyMemory<byte> message, EventPump pump)
    {
        if (RpcText.Scan(message.Span, _elements, out var isBatch) is { } error)
        {
            Send(RpcWriter.Refusal(null, error));
            return;
        }
        var turn = pump.NewTurn();
        if (!isBatch)
        {
            // In flight is bounded; while it is full nothing is read, and TCP slows the far end down.
            await _slots.WaitAsync(_abort.Token).ConfigureAwait(false);
            Forget(AnswerAsync(dispatcher.BeginAsync(caller, message.Span, turn), turn));
            return;
        }
        var pending = new List<Task<byte[]?>>(_elements.Count);
        foreach (var element in _elements)
        {
            await _slots.WaitAsync(_abort.Token).ConfigureAwait(false);
            pending.Add(ReleaseAsync(dispatcher.BeginAsync(caller, message.Span[element], turn)));
        }
        Forget(AnswerBatchAsync(pending, turn));
    }

    private async Task AnswerAsync(ValueTask<byte[]?> pending, EventPump.Turn turn)
    {
        if (await pending.ConfigureAwait(false) is { } answer) Send(answer);
        turn.Dispose();
        _slots.Release();
    }

    private async Task<byte[]?> ReleaseAsync(ValueTask<byte[]?> pending)
    {
        var answer = await pending.ConfigureAwait(false);
        _slots.Release();
        return answer;
    }

    private async Task AnswerBatchAsync(List<Task<byte[]?>> pending, EventPump.Turn turn)
    {
        if (RpcWriter.Batch(await Task.WhenAll(pending).ConfigureAwait(false)) is { } batch) Send(batch);
        turn.Dispose();
    }

    private void Send(byte[] message)
    {
        if (!_outbox.TryAdd(message)) CloseSlowReader();
    }

    // The dispatcher never throws; what could go wrong here is a bug that must at least be seen.
    private void Forget(Task task)
    {
        if (task.IsCompletedSuccessfully) return;
        task.ContinueWith((failed, log) => ((ILog)log!).Write(LogEvents.GatewayFault, "an answer", failed.Exception),
            log, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private async Task WriteAsync()
    {
        try
        {
            while (await _outbox.TakeAsync().ConfigureAwait(false) is { } message)
            {
                var sending = socket.SendAsync(message.AsMemory(), WebSocketMessageType.Text, endOfMessage: true, _abort.Token);
                if (!sending.IsCompletedSuccessfully) await WaitForReaderAsync(sending).ConfigureAwait(false);
                _outbox.Sent(message);
            }
            if (_close is { } close && socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(close.Status, close.Reason, _abort.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The far end is gone or does not read: nothing can be said to it any more.
            _outbox.Complete(discard: true);
            socket.Abort();
        }
    }

    private async ValueTask WaitForReaderAsync(ValueTask sending)
    {
        if (!IsClosing) _abort.CancelAfter(options.SlowReaderMillis);
        await sending.ConfigureAwait(false);
        _abort.CancelAfter(IsClosing ? options.CloseMillis : Timeout.Infinite);
    }
}
