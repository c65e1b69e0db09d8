using System.Net.Sockets;

namespace Cti.Persistence.Tests.AkkaJournal;

/// <summary>While it is away every connection is broken and none is taken.</summary>
internal sealed class OutageProxy(int serverPort) : TcpProxy(serverPort)
{
    private readonly Lock _gate = new();
    private readonly List<TcpClient> _open = [];
    private bool _isAway;

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

    protected override bool Takes(TcpClient near, TcpClient far)
    {
        lock (_gate)
        {
            if (!_isAway) _open.AddRange([near, far]);
            return !_isAway;
        }
    }

    protected override Task CarryAsync(NetworkStream near, NetworkStream far, CancellationToken cancellation) =>
        Task.WhenAny(near.CopyToAsync(far, cancellation), far.CopyToAsync(near, cancellation));
}
