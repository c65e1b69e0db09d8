using System.Net.Sockets;

namespace Cti.Persistence.Tests.PostgreSql;

/// <summary>Counts how often the client spoke after the server had: round trips.</summary>
internal sealed class CountingProxy(int serverPort) : TcpProxy(serverPort)
{
    private int _roundTrips;

    public int RoundTrips => Volatile.Read(ref _roundTrips);

    protected override Task CarryAsync(NetworkStream near, NetworkStream far, CancellationToken cancellation)
    {
        var isClientsTurn = new StrongBox(true);
        return Task.WhenAny(CopyAsync(near, far, () =>
        {
            if (isClientsTurn.Take()) Interlocked.Increment(ref _roundTrips);
        }, cancellation), CopyAsync(far, near, isClientsTurn.Give, cancellation));
    }

    private static async Task CopyAsync(NetworkStream from, NetworkStream to, Action onChunk, CancellationToken cancellation)
    {
        var buffer = new byte[65_536];
        while (await from.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            onChunk();
            await to.WriteAsync(buffer.AsMemory(0, count), cancellation);
        }
    }

    private sealed class StrongBox(bool value)
    {
        private int _value = value ? 1 : 0;

        public bool Take() => Interlocked.Exchange(ref _value, 0) == 1;

        public void Give() => Interlocked.Exchange(ref _value, 1);
    }
}
