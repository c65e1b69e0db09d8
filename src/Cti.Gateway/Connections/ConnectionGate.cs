using System.Net;
using System.Net.Sockets;
using Cti.Kernel;

namespace Cti.Gateway.Connections;

/// <summary>
/// Who may have a connection. There are so many in all, and one address has a quarter of them for connections that have shown no key: so nobody has them
/// alone. One on which no request is under way makes room for a newcomer; one that has not begun any is closed after a while anyway.
/// <code>
///   accepted ──► silent ──request──► busy ◄──request── resting (a stranger's, or an application's that has shown its key)
///                  │ 10 s              └────answered──────►│ a newcomer needs its place, or Kestrel's 130 s
///                  └──────────────► closed ◄───────────────┘
/// </code>
/// Who goes where all places are taken: what has been silent for a second; what a stranger keeps for later; what the application keeps that
/// keeps most; what is silent.
/// </summary>
internal sealed class ConnectionGate : IDisposable
{
    /// <summary>Connections above the limit that are open while they are being told so, or are on their way out.</summary>
    internal const int Margin = 32;

    private const int LookMillis = 1_000;
    private const int AddressPart = 4;
    private const long GraceNanos = Limits.GatewayGraceMillis * 1_000_000L;
    private readonly int _max;
    private readonly IClock _clock;
    private readonly SemaphoreSlim _room;
    private readonly Lock _lock = new();
    // Each with the one first that has waited longest.
    private readonly LinkedList<GatewayConnection> _silent = [];
    private readonly LinkedList<GatewayConnection> _restingStrangers = [];
    // As many as there are applications.
    private readonly Dictionary<string, LinkedList<GatewayConnection>> _resting = new(StringComparer.Ordinal);
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
    internal void Release() => _room.Release();

    /// <summary>Lets a connection in; false where it is to be refused.</summary>
    internal bool Admit(GatewayConnection connection)
    {
        GatewayConnection? idle = null;
        lock (_lock)
        {
            var share = _shares.GetValueOrDefault(connection.Source);
            var hasRoom = share is null || share.Count < Math.Max(1, _max / AddressPart)
                ? _open < _max || TryMakeRoom(Dispensable(), out idle)
                : TryMakeRoom(share.Silent.First?.Value, out idle);
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

    /// <summary>It has shown a key of that application.</summary>
    internal void Proved(GatewayConnection connection, string application)
    {
        lock (_lock)
        {
            Count(connection);
            connection.Application = application;
        }
    }

    /// <summary>Its request is answered, and the next one has not begun.</summary>
    internal void Rests(GatewayConnection connection)
    {
        lock (_lock)
        {
            if (!connection.IsIn) return;
            Unlist(connection);
            connection.Place = RestingOf(connection.Application).AddLast(connection);
        }
    }

    /// <summary>Its socket is closed.</summary>
    internal void Left(GatewayConnection connection)
    {
        lock (_lock) Remove(connection);
        Release();
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

    private bool TryMakeRoom(GatewayConnection? dispensable, out GatewayConnection? idle)
    {
        idle = dispensable;
        if (idle is not null) Remove(idle);
        return idle is not null;
    }

    // Who has just come may be about to ask, so it is not the first to go.
    private GatewayConnection? Dispensable()
    {
        var silent = _silent.First?.Value;
        if (silent is not null && _clock.MonotonicNanos - silent.SilentSinceNanos >= GraceNanos) return silent;
        return _restingStrangers.First?.Value ?? _resting.Values.MaxBy(static kept => kept.Count)?.First?.Value ?? silent;
    }

    private LinkedList<GatewayConnection> RestingOf(string? application)
    {
        if (application is null) return _restingStrangers;
        if (!_resting.TryGetValue(application, out var kept)) _resting.Add(application, kept = []);
        return kept;
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
        if (connection.Place is { } place) place.List!.Remove(place);
        if (connection.PlaceInShare is { } inShare) inShare.List!.Remove(inShare);
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
