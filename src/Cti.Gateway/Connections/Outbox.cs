namespace Cti.Gateway.Connections;

/// <summary>
/// Messages that wait for one WebSocket's writer. Bounded by bytes: above <paramref name="bytesHigh"/> there is no room, which readers and
/// event pumps wait for; above <paramref name="bytesMax"/> nothing is taken.
/// </summary>
internal sealed class Outbox(int bytesHigh, int bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Queue<byte[]> _messages = new();
    private long _bytes;
    private bool _completed;
    private TaskCompletionSource? _someWaiter, _roomWaiter;

    /// <summary>Bytes that were added and are not sent yet.</summary>
    internal long Bytes
    {
        get
        {
            lock (_lock) return _bytes;
        }
    }

    /// <summary>Whether nothing is taken any more.</summary>
    internal bool IsCompleted
    {
        get
        {
            lock (_lock) return _completed;
        }
    }

    /// <summary>Adds a message; false when it would pass the bound. After completion messages are dropped, which is no failure.</summary>
    internal bool TryAdd(byte[] message)
    {
        TaskCompletionSource? waiter;
        lock (_lock)
        {
            if (_completed) return true;
            if (_bytes + message.Length > bytesMax) return false;
            _bytes += message.Length;
            _messages.Enqueue(message);
            waiter = _someWaiter;
            _someWaiter = null;
        }
        waiter?.TrySetResult();
        return true;
    }

    /// <summary>Waits until there is room, or until completion.</summary>
    internal Task WaitForRoomAsync()
    {
        lock (_lock)
        {
            if (_completed || _bytes < bytesHigh) return Task.CompletedTask;
            return (_roomWaiter ??= NewWaiter()).Task;
        }
    }

    /// <summary>The next message, for the only writer; null after completion.</summary>
    internal async ValueTask<byte[]?> TakeAsync()
    {
        while (true)
        {
            Task some;
            lock (_lock)
            {
                if (_messages.TryDequeue(out var message)) return message;
                if (_completed) return null;
                some = (_someWaiter ??= NewWaiter()).Task;
            }
            await some.ConfigureAwait(false);
        }
    }

    /// <summary>Says that a taken message was sent.</summary>
    internal void Sent(byte[] message)
    {
        TaskCompletionSource? waiter = null;
        lock (_lock)
        {
            _bytes -= message.Length;
            if (_bytes < bytesHigh)
            {
                waiter = _roomWaiter;
                _roomWaiter = null;
            }
        }
        waiter?.TrySetResult();
    }

    /// <summary>Takes nothing more; what waits is still sent, or with <paramref name="discard"/> dropped.</summary>
    internal void Complete(bool discard)
    {
        TaskCompletionSource? some, room;
        lock (_lock)
        {
            _completed = true;
            if (discard) _messages.Clear();
            (some, room) = (_someWaiter, _roomWaiter);
            _someWaiter = _roomWaiter = null;
        }
        some?.TrySetResult();
        room?.TrySetResult();
    }

    private static TaskCompletionSource NewWaiter() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
