using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Gateway.Connections;

/// <summary>
/// Who may have a connection. There are so many in all, and one address has a quarter of them for connections that have shown no key: so nobody has them alone. One that
/// has not begun a request makes room for a newcomer, of its own address where that has its part, and is closed after a while anyway.
/// </summary>
internal sealed class ConnectionGate : IDisposable
{
    /// <summary>Connections above the limit that are open while they are being told so, or are on their way out.</summary>
    internal const int Margin = 32;

    private const int LookMillis = 1_000;
    private const int AddressPart = 4;
    private readonly int _max;
    private readonly IClock _clock;
    private readonly SemaphoreSlim _room;
    private readonly Lock _lock = new();
    private readonly LinkedList<GatewayConnection> _silent = [];
    private readonly Dictionary<IPAddress, Share> _shares = [];
    private readonly Timer _look;
    private int _open;
    private long _refused;

    internal ConnectionGate(int max, IClock clock)
    {
        _max = max;
        _clock = clock;
        _room = new SemaphoreSlim(max + Margin);
        _look = new Timer(static gate => ((ConnectionGate)gate!).CloseSilent(), this, LookMillis, LookMillis);
    }

    /// <summary>Connections that were refused.</summary>
    internal long Refused => Interlocked.Read(ref _refused);

    /// <summary>Connections that are open.</summary>
    internal int Open
    {
        get
        {
            lock (_lock) return _open;
        }
    }

    /// <summary>Waits until a socket may be accepted: newcomers wait with the system, where they cost nothing.</summary>
    internal Task WaitAsync(CancellationToken cancellation) => _room.WaitAsync(cancellation);

    /// <summary>What <see cref="WaitAsync"/> took is free again: the socket is closed, or none came.</summary>
    internal void GiveBack() => _room.Release();

    /// <summary>Lets a connection in; false where it is to be refused.</summary>
    internal bool Admit(GatewayConnection connection)
    {
        GatewayConnection? idle = null;
        lock (_lock)
        {
            var share = _shares.GetValueOrDefault(connection.Source);
            var hasRoom = share is null || share.Count < Math.Max(1, _max / AddressPart) ? _open < _max || TryMakeRoom(_silent, out idle) : TryMakeRoom(share.Silent, out idle);
            if (hasRoom) Enter(connection);
            else Interlocked.Increment(ref _refused);
        }
        idle?.Abort();
        return connection.IsIn;
    }

    /// <summary>A request has begun.</summary>
    internal void Spoke(GatewayConnection connection)
    {
        lock (_lock) Unlist(connection);
    }

    /// <summary>It has shown a key.</summary>
    internal void Proved(GatewayConnection connection)
    {
        lock (_lock) Count(connection);
    }

    /// <summary>Its socket is closed.</summary>
    internal void Left(GatewayConnection connection)
    {
        lock (_lock) Remove(connection);
        GiveBack();
    }

    public void Dispose()
    {
        // The semaphore has no handle to free, and connections may still come back to it.
        _look.Dispose();
    }

    /// <summary>Whom an address stands for: a subscriber has a whole /64 of IPv6.</summary>
    internal static IPAddress SourceOf(EndPoint? remote)
    {
        var address = (remote as IPEndPoint)?.Address ?? IPAddress.None;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address)) return address;
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    private void Enter(GatewayConnection connection)
    {
        if (!_shares.TryGetValue(connection.Source, out var share)) _shares.Add(connection.Source, share = new Share());
        _open++;
        share.Count++;
        connection.Place = _silent.AddLast(connection);
        connection.PlaceInShare = share.Silent.AddLast(connection);
        connection.SilentSinceNanos = _clock.MonotonicNanos;
        connection.IsIn = true;
    }

    private bool TryMakeRoom(LinkedList<GatewayConnection> silent, out GatewayConnection? idle)
    {
        idle = silent.First?.Value;
        if (idle is not null) Remove(idle);
        return idle is not null;
    }

    private void Remove(GatewayConnection connection)
    {
        if (!connection.IsIn) return;
        connection.IsIn = false;
        _open--;
        Unlist(connection);
        Count(connection);
    }

    private void Unlist(GatewayConnection connection)
    {
        if (connection.Place is not { } place) return;
        _silent.Remove(place);
        var inShare = connection.PlaceInShare!;
        inShare.List!.Remove(inShare);
        connection.Place = connection.PlaceInShare = null;
    }

    // From now on it counts no more against its address.
    private void Count(GatewayConnection connection)
    {
        if (connection.IsProved) return;
        connection.IsProved = true;
        var share = _shares[connection.Source];
        if (--share.Count == 0) _shares.Remove(connection.Source);
    }

    private void CloseSilent()
    {
        var late = new List<GatewayConnection>();
        lock (_lock)
        {
            var since = _clock.MonotonicNanos - (Limits.GatewayFirstRequestMillis * 1_000_000L);
            while (_silent.First?.Value is { } oldest && oldest.SilentSinceNanos <= since)
            {
                Unlist(oldest);
                late.Add(oldest);
            }
        }
        foreach (var connection in late) connection.Abort();
    }

    /// <summary>What one address has without a key.</summary>
    private sealed class Share
    {
        public int Count { get; set; }

        /// <summary>Those of them that have not begun a request, the oldest first.</summary>
        public LinkedList<GatewayConnection> Silent { get; } = [];
    }
}
