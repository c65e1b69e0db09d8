using System.Net;
using System.Net.Sockets;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>Stands between a client and its server. While it is away every connection is broken and none is taken.</summary>
internal sealed class OutageProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<TcpClient> _open = [];
    private readonly Task _accepting;
    private bool _isAway;

    public OutageProxy(int serverPort)
    {
        _listener.Start();
        _accepting = AcceptAsync(serverPort);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void GoAway()
    {
        lock (_gate)
        {
            _isAway = true;
            foreach (var connection in _open) connection.Close();
            _open.Clear();
        }
    }

    public void ComeBack()
    {
        lock (_gate) _isAway = false;
    }

    public async ValueTask DisposeAsync()
    {
        GoAway();
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
        lock (_gate)
        {
            if (_isAway) return;
            _open.AddRange([near, far]);
        }
        try
        {
            near.NoDelay = far.NoDelay = true;
            await far.ConnectAsync(IPAddress.Loopback, serverPort, _stop.Token);
            var (nearStream, farStream) = (near.GetStream(), far.GetStream());
            await Task.WhenAny(nearStream.CopyToAsync(farStream, _stop.Token), farStream.CopyToAsync(nearStream, _stop.Token));
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It went away meanwhile.
        }
    }
}
