using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Cti.Gateway.Connections;

/// <summary>
/// Kestrel's listeners behind the gate. A connection that is refused never reaches Kestrel: it gets a 503 as it is and is closed. Kestrel's own limit closes
/// without a word, and Kestrel accepts first and counts later, so that a flood would take all of the process's descriptors before it is noticed.
/// </summary>
internal sealed class GatedListeners(IConnectionListenerFactory sockets, ConnectionGate gate) : IConnectionListenerFactory
{
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false), gate);

    private sealed class Listener(IConnectionListener inner, ConnectionGate gate) : IConnectionListener
    {
        private const int RefusalMillis = 250;
        private const int LingeringMax = ConnectionGate.Margin / 2;
        private readonly CancellationTokenSource _unbound = new();
        private int _lingering;

        private static ReadOnlySpan<byte> Refusal =>
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"u8
            + "Content-Length: 36\r\n\r\ntoo many connections; try again soon"u8;

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await AcceptOneAsync(cancellationToken).ConfigureAwait(false) is { } connection)
            {
                if (gate.Admit(connection)) return connection;
                _ = RefuseAsync(connection);
            }
            return null;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _unbound.CancelAsync().ConfigureAwait(false);
            await inner.UnbindAsync(cancellationToken).ConfigureAwait(false);
        }

        public async ValueTask DisposeAsync()
        {
            await _unbound.CancelAsync().ConfigureAwait(false);
            await inner.DisposeAsync().ConfigureAwait(false);
            _unbound.Dispose();
        }

        private async ValueTask<GatewayConnection?> AcceptOneAsync(CancellationToken cancellation)
        {
            try
            {
                await gate.WaitAsync(_unbound.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
            GatewayConnection? connection = null;
            try
            {
                if (await inner.AcceptAsync(cancellation).ConfigureAwait(false) is { } accepted) connection = new GatewayConnection(accepted, gate);
                return connection;
            }
            finally
            {
                if (connection is null) gate.Release();
            }
        }

        private async Task RefuseAsync(GatewayConnection connection)
        {
            await Task.Yield();
            var isFirst = Interlocked.Increment(ref _lingering) <= LingeringMax;
            try
            {
                await connection.Transport.Output.WriteAsync(Refusal.ToArray()).ConfigureAwait(false);
                if (isFirst) await LingerAsync(connection).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ConnectionAbortedException or ConnectionResetException or InvalidOperationException)
            {
                // It has gone already.
            }
            finally
            {
                Interlocked.Decrement(ref _lingering);
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }

        // A socket that is closed with a request unread in it resets the connection, and the answer may be lost on its way.
        private static async Task LingerAsync(GatewayConnection connection)
        {
            using var patience = new CancellationTokenSource(RefusalMillis);
            try
            {
                while (true)
                {
                    var read = await connection.Transport.Input.ReadAsync(patience.Token).ConfigureAwait(false);
                    connection.Transport.Input.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted) return;
                }
            }
            catch (OperationCanceledException)
            {
                // It had its time.
            }
        }
    }
}
