using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Transport.Links;

/// <summary>One TCP connection between two nodes. What waits is sent together, up to a buffer's worth at once.</summary>
internal sealed class TcpLinkStream(Socket socket, ILinkStreamEvents? events, ILog log) : ILinkStream
{
    private const int BufferBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> _output = new();
    private ILinkStreamEvents? _events = events;
    private long _queued;
    private bool _sending;
    private bool _open = events is null;
    private bool _closed;

    public long QueuedBytes => Interlocked.Read(ref _queued);

    public bool Send(ReadOnlyMemory<byte> bytes)
    {
        lock (_gate)
        {
            if (_closed) return false;
            _output.Enqueue(bytes);
            Interlocked.Add(ref _queued, bytes.Length);
            if (_sending || !_open) return true;
            _sending = true;
        }
        // A buffer's worth on the caller's thread: to wake another costs more than the call to the system. It may hold a lock, so what has come meanwhile is
        // another's to send.
        _ = PumpAsync(buffersMax: 1);
        return true;
    }

    public void Close()
    {
        lock (_gate)
        {
            if (_closed) return;
            _closed = true;
        }
        // Ends the reading, which reports the closing.
        socket.Dispose();
    }

    /// <summary>Connects, then reads until the connection ends.</summary>
    public async Task ConnectAsync(EndPoint remote)
    {
        await Task.Yield();
        try
        {
            await socket.ConnectAsync(remote).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Close();
            _events!.OnClosed(error is SocketException { SocketErrorCode: SocketError.ConnectionRefused } ? LinkStreamEnd.Refused : LinkStreamEnd.Unreachable);
            return;
        }
        lock (_gate)
        {
            _open = true;
            _sending = _output.Count > 0;
            if (_sending) _ = PumpAsync(int.MaxValue);
        }
        await ReadAsync(isOutgoing: true).ConfigureAwait(false);
    }

    /// <summary>Begins to read an accepted connection.</summary>
    public void Begin(ILinkStreamEvents receiver)
    {
        _events = receiver;
        ThreadPool.UnsafeQueueUserWorkItem(static stream => _ = stream.ReadAsync(isOutgoing: false), this, preferLocal: false);
    }

    private async Task ReadAsync(bool isOutgoing)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            if (isOutgoing) _events!.OnOpened();
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer.AsMemory()).ConfigureAwait(false);
                if (received == 0) break;
                _events!.OnData(buffer.AsSpan(0, received));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The connection is gone: told below.
        }
        catch (Exception fault)
        {
            // A receiver's bug ends this connection, not the process.
            log.Write(LogEvents.LinkReceiverFault, fault);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        Close();
        _events!.OnClosed(LinkStreamEnd.Closed);
    }

    private async Task PumpAsync(int buffersMax)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (var sent = 0; sent < buffersMax; sent++)
            {
                var next = Next(buffer);
                var left = next;
                while (!left.IsEmpty) left = left[await socket.SendAsync(left).ConfigureAwait(false)..];
                Interlocked.Add(ref _queued, -next.Length);
                if (IsDone()) return;
            }
            ThreadPool.UnsafeQueueUserWorkItem(static stream => _ = stream.PumpAsync(int.MaxValue), this, preferLocal: false);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Close();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Whether nothing is left to send: then the next to come begins anew.</summary>
    private bool IsDone()
    {
        lock (_gate)
        {
            _sending = !_closed && _output.Count > 0;
            return !_sending;
        }
    }

    /// <summary>What is to be sent next: as much as fits into the buffer, or one larger piece as it is.</summary>
    private ReadOnlyMemory<byte> Next(byte[] buffer)
    {
        lock (_gate)
        {
            var head = _output.Peek();
            if (head.Length > BufferBytes / 4) return _output.Dequeue();
            var filled = 0;
            while (_output.TryPeek(out head) && head.Length <= BufferBytes - filled)
            {
                head.Span.CopyTo(buffer.AsSpan(filled));
                filled += head.Length;
                _output.Dequeue();
            }
            return buffer.AsMemory(0, filled);
        }
    }
}
