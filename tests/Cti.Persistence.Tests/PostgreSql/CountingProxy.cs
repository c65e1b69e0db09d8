using System.Net;
using System.Net.Sockets;

namespace Cti.Persistence.Tests.PostgreSql;

/// <summary>Stands between a client and its server and counts how often the client spoke after the server had: round trips.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _roundTrips;

    public CountingProxy(int serverPort)
    {
        _listener.Start();
        _accepting = AcceptAsync(serverPort);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int RoundTrips => Volatile.Read(ref _roundTrips);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync(int serverPort)
    {
        var relays = new List<Task>();
        try
        {
            while (true) relays.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_stop.Token), serverPort));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(relays);
        }
    }

    private async Task RelayAsync(TcpClient client, int serverPort)
    {
        using var near = client;
        using var far = new TcpClient();
        near.NoDelay = far.NoDelay = true;
        await far.ConnectAsync(IPAddress.Loopback, serverPort);
        var isClientsTurn = new StrongBox(true);
        await Task.WhenAny(CopyAsync(near.GetStream(), far.GetStream(), () =>
        {
            if (isClientsTurn.Take()) Interlocked.Increment(ref _roundTrips);
        }), CopyAsync(far.GetStream(), near.GetStream(), isClientsTurn.Give));
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, Action onChunk)
    {
        var buffer = new byte[65_536];
        try
        {
            while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var count)
            {
                onChunk();
                await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception end) when (end is OperationCanceledException or IOException)
        {
            // One side is gone.
        }
    }

    private sealed class StrongBox(bool value)
    {
        private int _value = value ? 1 : 0;

        public bool Take() => Interlocked.Exchange(ref _value, 0) == 1;

        public void Give() => Interlocked.Exchange(ref _value, 1);
    }
}
