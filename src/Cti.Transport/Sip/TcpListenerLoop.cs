using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Transport.Sip;

/// <summary>Accepts connections at one address, plain ones or secured ones.</summary>
internal sealed class TcpListenerLoop : IDisposable
{
    private const int Backlog = 512;
    private const int RetryMillis = 100;
    private readonly SipTransportContext _context;
    private readonly ConnectionTable _table;
    private readonly int _index;
    private readonly SipTransportKind _kind;
    private readonly Socket _socket;
    private volatile bool _stopping;

    public TcpListenerLoop(SipTransportContext context, ConnectionTable table, int index, SipTransportKind kind, IPEndPoint local)
    {
        _context = context;
        _table = table;
        _index = index;
        _kind = kind;
        _socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (local.AddressFamily == AddressFamily.InterNetworkV6)
                _socket.DualMode = false;
            _socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            _socket.Bind(local);
            _socket.Listen(Backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }

        Local = (IPEndPoint)_socket.LocalEndPoint!;
    }

    public IPEndPoint Local { get; }

    public void Start() => _ = AcceptAsync();

    public void Dispose()
    {
        _stopping = true;
        _socket.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping)
        {
            try
            {
                var socket = await _socket.AcceptAsync().ConfigureAwait(false);
                Take(socket);
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException error)
            {
                if (_stopping)
                    return;
                // Out of descriptors: those that are accepted already go on, newcomers wait in the backlog.
                _context.Log.Write(LogEvents.SipAcceptFailed, Local, error.Message);
                await Task.Delay(RetryMillis).ConfigureAwait(false);
            }
        }
    }

    private void Take(Socket socket)
    {
        try
        {
            socket.NoDelay = true;
            if (_table.Accept(socket, _kind, _index) is { } connection)
            {
                _ = _kind == SipTransportKind.Tls ? connection.OpenAsync() : connection.ReadAsync();
                return;
            }
        }
        catch (SocketException)
        {
            // Its peer has gone again already.
        }

        Interlocked.Increment(ref _context.Counts.ConnectionsRefused);
        socket.Dispose();
    }
}
