using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;

namespace Cti.Transport.Sip;

/// <summary>
/// The open connections: by number, by far end, and counted by address. A part of them is for trunks alone; where there is no room, the stranger that has been
/// idle for longest goes, one without a whole message first. What carries a call stays.
/// </summary>
internal sealed class ConnectionTable(SipTransportContext context)
{
    private readonly ConcurrentDictionary<long, SipConnection> _byNumber = new();
    private readonly Dictionary<(SipTransportKind, IPEndPoint), SipConnection> _byRemote = [];
    private readonly Dictionary<IPAddress, int> _accepted = [];
    private readonly object _gate = new();
    private long _lastNumber;
    private long _nextLookMillis;
    private long _nextLookAtAddressMillis;
    private int _strangers;
    private bool _closed;

    public int Count => _byNumber.Count;

    private SipTransportOptions Options => context.Options;

    public bool TryFind(long number, out SipConnection? connection) => _byNumber.TryGetValue(number, out connection);

    /// <summary>Takes an accepted socket; null when a limit is reached.</summary>
    public SipConnection? Accept(Socket socket, SipTransportKind kind, int listener)
    {
        if (socket.RemoteEndPoint is not IPEndPoint remote)
            return null;
        var isTrunk = context.IsTrunk(remote.Address);
        lock (_gate)
        {
            if (_closed || !HasShare(remote.Address, isTrunk) || !HasRoom(isTrunk))
                return null;
            _accepted[remote.Address] = _accepted.GetValueOrDefault(remote.Address) + 1;
            if (!isTrunk)
                _strangers++;
            return Add(socket, new SipFlow(kind, listener, remote, ++_lastNumber), isOutgoing: false, isTrunk);
        }
    }

    /// <summary>The connection to a far end; <paramref name="isNew"/> when it must be connected. Null when a limit is reached.</summary>
    /// <exception cref="SocketException">The system gives no socket.</exception>
    public SipConnection? FindOrOpen(SipFlow flow, IPEndPoint local, out bool isNew)
    {
        lock (_gate)
        {
            isNew = false;
            if (_byRemote.TryGetValue((flow.Kind, flow.Remote), out var known))
                return known;
            if (_closed || !HasRoom(isOurs: true))
                return null;
            var socket = new Socket(flow.Remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                if (!local.Address.Equals(IPAddress.Any) && !local.Address.Equals(IPAddress.IPv6Any) && local.AddressFamily == flow.Remote.AddressFamily)
                    socket.Bind(new IPEndPoint(local.Address, 0));
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            isNew = true;
            return Add(socket, flow with { Connection = ++_lastNumber }, isOutgoing: true, isTrunk: false);
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
            if (!connection.IsTrunk)
                _strangers--;
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

    // For trunks and for what this node opens there is all the room, for strangers all but the trunks' part.
    private bool HasRoom(bool isOurs)
    {
        var isThere = _byNumber.Count < Options.ConnectionsMax && (isOurs || _strangers < Options.ConnectionsMax - Options.ConnectionsForTrunks);
        return isThere || EvictStranger(null);
    }

    // An address that has its part makes room for itself.
    private bool HasShare(IPAddress address, bool isTrunk) =>
        isTrunk || _accepted.GetValueOrDefault(address) < Options.ConnectionsPerAddressMax || EvictStranger(address);

    private bool EvictStranger(IPAddress? from)
    {
        var now = context.NowMillis;
        ref var next = ref from is null ? ref _nextLookMillis : ref _nextLookAtAddressMillis;
        if (now < next)
            return false;
        SipConnection? idlest = null;
        foreach (var (_, connection) in _byNumber)
        {
            if ((from is not null && !from.Equals(connection.Flow.Remote.Address)) || !connection.IsIdleStranger(now))
                continue;
            if (idlest is null || (connection.HasSpoken, connection.ActiveMillis).CompareTo((idlest.HasSpoken, idlest.ActiveMillis)) < 0)
                idlest = connection;
        }

        if (idlest is null)
        {
            // A flood of newcomers does not look through the table for each of them.
            next = now + Limits.SipStrangerIdleMillis;
            return false;
        }

        Interlocked.Increment(ref context.Counts.ConnectionsEvicted);
        idlest.Close(SipSendFailure.ConnectionGone);
        return true;
    }

    private SipConnection Add(Socket socket, SipFlow flow, bool isOutgoing, bool isTrunk)
    {
        var connection = new SipConnection(context, this, socket, flow, isOutgoing, isTrunk);
        _byNumber[flow.Connection] = connection;
        _byRemote[(flow.Kind, flow.Remote)] = connection;
        return connection;
    }
}
