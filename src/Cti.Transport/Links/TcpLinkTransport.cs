using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Transport.Links;

/// <summary>Node links over TCP.</summary>
/// <param name="log">Log.</param>
public sealed class TcpLinkTransport(ILog log) : ILinkTransport
{
    /// <inheritdoc/>
    public ILinkListener Listen(string address, ILinkAcceptor acceptor)
    {
        var (host, port) = Split(address);
        try
        {
            var ip = IPAddress.TryParse(host, out var parsed) ? parsed : Dns.GetHostAddresses(host)[0];
            return new TcpLinkListener(new IPEndPoint(ip, port), acceptor, log);
        }
        catch (SocketException error)
        {
            throw new ListenException(address, error.SocketErrorCode, error);
        }
        catch (IndexOutOfRangeException error)
        {
            throw new ListenException(address, SocketError.HostNotFound, error);
        }
    }

    /// <inheritdoc/>
    public ILinkStream Connect(string address, ILinkStreamEvents events)
    {
        var (host, port) = Split(address);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var stream = new TcpLinkStream(socket, events, log);
        _ = stream.ConnectAsync(IPAddress.TryParse(host, out var ip) ? new IPEndPoint(ip, port) : new DnsEndPoint(host, port));
        return stream;
    }

    private static (string Host, int Port) Split(string address)
    {
        var colon = address.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(address.AsSpan(colon + 1), out var port) || port is < 0 or > 65535)
            throw new IOException($"{address} is no address; host:port is");
        return (address[..colon].Trim('[', ']'), port);
    }
}

/// <summary>Accepts links at one address.</summary>
internal sealed class TcpLinkListener : ILinkListener
{
    private const int Backlog = 64;
    private const int RetryMillis = 100;
    private readonly Socket _socket;
    private readonly ILinkAcceptor _acceptor;
    private readonly ILog _log;
    private volatile bool _stopping;

    public TcpLinkListener(IPEndPoint local, ILinkAcceptor acceptor, ILog log)
    {
        _acceptor = acceptor;
        _log = log;
        _socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // No ReuseAddress: with it two programs could listen here at once, and each would get half of the links.
            _socket.Bind(local);
            _socket.Listen(Backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
        Address = _socket.LocalEndPoint!.ToString()!;
        _ = AcceptAsync();
    }

    public string Address { get; }

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
                if (_stopping) return;
                // Out of descriptors: peers try again, and so do we.
                _log.Write(LogEvents.LinkAcceptFailed, Address, error.Message);
                await Task.Delay(RetryMillis).ConfigureAwait(false);
            }
        }
    }

    private void Take(Socket socket)
    {
        try
        {
            socket.NoDelay = true;
            var stream = new TcpLinkStream(socket, null, _log);
            if (_acceptor.Accept(stream) is { } events) stream.Begin(events);
            else socket.Dispose();
        }
        catch (Exception fault)
        {
            // The acceptor's bug refuses one peer; the listener goes on.
            _log.Write(LogEvents.LinkReceiverFault, fault);
            socket.Dispose();
        }
    }
}
