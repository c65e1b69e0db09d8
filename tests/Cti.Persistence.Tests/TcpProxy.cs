using System.Net;
using System.Net.Sockets;

namespace Cti.Persistence.Tests;

/// <summary>Stands on a port of its own between clients and their server. What it does with a connection is the derived class's.</summary>
internal abstract class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    protected TcpProxy(int serverPort)
    {
        _listener.Start();
        _accepting = AcceptAsync(serverPort);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    /// <summary>Whether a connection is taken. It is the moment to remember both ends of one.</summary>
    protected virtual bool Takes(TcpClient near, TcpClient far) => true;

    /// <summary>Carries what is said both ways, until one side ends or the proxy stops.</summary>
    protected abstract Task CarryAsync(NetworkStream near, NetworkStream far, CancellationToken cancellation);

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
        try
        {
            if (!Takes(near, far)) return;
            near.NoDelay = far.NoDelay = true;
            await far.ConnectAsync(IPAddress.Loopback, serverPort, _stop.Token);
            await CarryAsync(near.GetStream(), far.GetStream(), _stop.Token);
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // One side is gone, or both were closed.
        }
    }
}
