using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cti.Sip;

namespace Cti.Transport.Sip;

/// <summary>The open connections: by number, by far end, and counted by address.</summary>
internal sealed class ConnectionTable(SipTransportContext context)
{
    private readonly ConcurrentDictionary<long, SipConnection> _byNumber = new();
    private readonly Dictionary<(SipTransportKind, IPEndPoint), SipConnection> _byRemote = [];
    private readonly Dictionary<IPAddress, int> _accepted = [];
    private readonly object _gate = new();
    private long _lastNumber;
    private bool _closed;

    public int Count => _byNumber.Count;

    public bool TryFind(long number, out SipConnection? connection) => _byNumber.TryGetValue(number, out connection);

    /// <summary>Takes an accepted socket; null when a limit is reached.</summary>
    public SipConnection? Accept(Socket socket, SipTransportKind kind, int listener)
    {
        if (socket.RemoteEndPoint is not IPEndPoint remote)
            return null;
        lock (_gate)
        {
            var fromThere = _accepted.GetValueOrDefault(remote.Address);
            if (_closed || _byNumber.Count >= context.Options.ConnectionsMax || fromThere >= context.Options.ConnectionsPerAddressMax)
                return null;
            _accepted[remote.Address] = fromThere + 1;
            return Add(socket, new SipFlow(kind, listener, remote, ++_lastNumber), isOutgoing: false);
        }
    }

    /// <summary>The connection to a far end; <paramref name="isNew"/> when it must be connected. Null when a limit is reached.</summary>
    public SipConnection? FindOrOpen(SipFlow flow, IPEndPoint local, out bool isNew)
    {
        lock (_gate)
        {
            isNew = false;
            if (_byRemote.TryGetValue((flow.Kind, flow.Remote), out var known))
                return known;
            if (_closed || _byNumber.Count >= context.Options.ConnectionsMax)
                return null;
            var socket = new Socket(flow.Remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            if (!local.Address.Equals(IPAddress.Any) && !local.Address.Equals(IPAddress.IPv6Any) && local.AddressFamily == flow.Remote.AddressFamily)
                socket.Bind(new IPEndPoint(local.Address, 0));
            isNew = true;
            return Add(socket, flow with { Connection = ++_lastNumber }, isOutgoing: true);
        }
    }

    public void Remove(SipConnection connection)
    {
        lock (_gate)
        {
            if (!_byNumber.TryRemove(connection.Flow.Connection, out _))
                return;
            var key = (connection.Flow.Kind, connection.Flow.Remote);
            if (_byRemote.TryGetValue(key, out var known) && ReferenceEquals(known, connection))
                _byRemote.Remove(key);
            if (connection.IsOutgoing)
                return;
            var left = _accepted.GetValueOrDefault(connection.Flow.Remote.Address) - 1;
            if (left > 0)
                _accepted[connection.Flow.Remote.Address] = left;
            else
                _accepted.Remove(connection.Flow.Remote.Address);
        }
    }

    public void CheckTimes()
    {
        foreach (var (_, connection) in _byNumber)
            connection.CheckTime();
    }

    public void CloseAll()
    {
        lock (_gate)
        {
            _closed = true;
        }

        foreach (var (_, connection) in _byNumber)
            connection.Close(SipSendFailure.ConnectionGone);
    }

    private SipConnection Add(Socket socket, SipFlow flow, bool isOutgoing)
    {
        var connection = new SipConnection(context, this, socket, flow, isOutgoing);
        _byNumber[flow.Connection] = connection;
        _byRemote[(flow.Kind, flow.Remote)] = connection;
        return connection;
    }
}
