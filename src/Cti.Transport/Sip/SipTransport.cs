using System.Net;
using System.Net.Sockets;
using Cti.Kernel;
using Cti.Sip;
using Cti.Transport.Native;

namespace Cti.Transport.Sip;

/// <summary>
/// The SIP sockets of a node: UDP listeners with a thread each, TCP and TLS listeners and the connections they accept or that a send opens.
/// Connections are reused by far end, in both directions. What comes is parsed here and handed to <see cref="ISipTransportEvents"/> on the thread
/// that read it; receivers only post.
/// </summary>
public sealed class SipTransport : ISipTransport, IDisposable
{
    private const int CheckEveryMillis = 1_000;
    private readonly SipTransportOptions _options;
    private readonly SipTransportContext _context;
    private readonly ITimers _timers;
    private readonly ConnectionTable _table;
    private readonly UdpListener?[] _datagrams;
    private readonly TcpListenerLoop?[] _streams;
    private readonly IPEndPoint[] _bound;
    private ITimerHandle? _check;
    private volatile bool _disposed;

    /// <summary>Binds every listener; nothing is read before <see cref="Start"/>.</summary>
    /// <exception cref="ListenException">An address is taken or not this machine's; what was bound is closed again.</exception>
    public SipTransport(SipTransportOptions options, ISipTransportEvents events, IClock clock, ITimers timers, ILog log)
    {
        _options = options;
        _timers = timers;
        _context = new SipTransportContext(options, events, new SipTransportCounts(), clock, log);
        _table = new ConnectionTable(_context);
        _datagrams = new UdpListener?[options.Listeners.Length];
        _streams = new TcpListenerLoop?[options.Listeners.Length];
        _bound = new IPEndPoint[options.Listeners.Length];
        try
        {
            for (var i = 0; i < _bound.Length; i++)
                BindOrName(i, options.Listeners[i]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What each listener is bound to.</summary>
    public IReadOnlyList<IPEndPoint> Bound => _bound;

    /// <summary>The counts until now.</summary>
    public SipTransportStatistics Snapshot() => _context.Counts.Snapshot(_table.Count);

    /// <summary>Begins to read.</summary>
    public void Start()
    {
        foreach (var listener in _datagrams)
            listener?.Start();
        foreach (var listener in _streams)
            listener?.Start();
        _check = _timers.Schedule(CheckEveryMillis, static self => ((SipTransport)self!).CheckTimes(), this);
    }

    /// <inheritdoc/>
    public void Send(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        if (_context.IsMutedSend())
            return;
        if (flow.Kind == SipTransportKind.Udp)
        {
            if (Listener(_datagrams, flow.Listener) is { } listener && !_disposed)
                listener.Send(flow, message, sendId);
            else
                _context.Fail(flow, sendId, SipSendFailure.Unreachable);
            return;
        }

        if (flow.Connection != 0)
        {
            if (_table.TryFind(flow.Connection, out var connection))
                connection!.Send(message, sendId);
            else
                _context.Fail(flow, sendId, SipSendFailure.ConnectionGone);
            return;
        }

        SendToPeer(flow, message, sendId);
    }

    /// <inheritdoc/>
    public bool IsListener(int listener, SipTransportKind kind, AddressFamily family) =>
        (uint)listener < (uint)_bound.Length && _options.Listeners[listener].Kind == kind && _bound[listener].AddressFamily == family;

    /// <inheritdoc/>
    public int FindListener(SipTransportKind kind, AddressFamily family)
    {
        for (var i = 0; i < _bound.Length; i++)
        {
            if (_options.Listeners[i].Kind == kind && _bound[i].AddressFamily == family)
                return i;
        }

        return -1;
    }

    /// <inheritdoc/>
    public SipHostPort LocalAddress(SipTransportKind kind, int listener)
    {
        var bound = _bound[listener];
        if (_options.Listeners[listener].Advertised is { } advertised)
            return advertised;
        var isAny = bound.Address.Equals(IPAddress.Any) || bound.Address.Equals(IPAddress.IPv6Any);
        return Format(isAny ? Native.LocalAddress.OfDefaultRoute(bound.AddressFamily) : bound.Address, bound.Port);
    }

    /// <summary>
    /// As <see cref="LocalAddress(SipTransportKind, int)"/>, but where the listener is bound to every address: the one of the route to that peer.
    /// </summary>
    public SipHostPort LocalAddressTowards(int listener, IPAddress peer)
    {
        var bound = _bound[listener];
        var isAny = bound.Address.Equals(IPAddress.Any) || bound.Address.Equals(IPAddress.IPv6Any);
        return _options.Listeners[listener].Advertised is null && isAny && peer.AddressFamily == bound.AddressFamily
            ? Format(Native.LocalAddress.Towards(peer), bound.Port)
            : LocalAddress(_options.Listeners[listener].Kind, listener);
    }

    /// <inheritdoc/>
    public SipHostPort LocalAddressTowards(SipFlow flow) => LocalAddressTowards(flow.Listener, flow.Remote.Address);

    /// <inheritdoc/>
    public void CountCall(SipFlow flow, int change)
    {
        if (flow.Connection != 0 && _table.TryFind(flow.Connection, out var connection))
            connection!.CountCall(change);
    }

    /// <inheritdoc/>
    public bool IsShown(SipFlow flow, string name) =>
        flow is { Kind: SipTransportKind.Tls, Connection: not 0 } && _table.TryFind(flow.Connection, out var connection) && connection!.HasShown(name);

    /// <summary>Closes every socket; sends that had not left are reported.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _check?.Cancel();
        foreach (var listener in _streams)
            listener?.Dispose();
        _table.CloseAll();
        foreach (var listener in _datagrams)
            listener?.Dispose();
    }

    private void BindOrName(int index, SipListenerOptions listener)
    {
        try
        {
            Bind(index, listener);
        }
        catch (SocketException error)
        {
            throw new ListenException($"{listener.Kind.ToString().ToLowerInvariant()}:{listener.Local}", error.SocketErrorCode, error);
        }
    }

    private void Bind(int index, SipListenerOptions listener)
    {
        switch (listener.Kind)
        {
            case SipTransportKind.Udp:
                _bound[index] = (_datagrams[index] = new UdpListener(_context, index, listener.Local)).Local;
                break;
            case SipTransportKind.Tls when _options.Tls is null:
                throw new ArgumentException("a listener for TLS needs a certificate");
            default:
                _bound[index] = (_streams[index] = new TcpListenerLoop(_context, _table, index, listener.Kind, listener.Local)).Local;
                break;
        }
    }

    private void SendToPeer(SipFlow flow, ReadOnlyMemory<byte> message, long sendId)
    {
        SipConnection? connection = null;
        var isNew = false;
        var failure = SipSendFailure.Overloaded;
        if (_disposed || Listener(_bound, flow.Listener) is not { } local || (flow.Kind == SipTransportKind.Tls && _options.Tls is null))
        {
            failure = SipSendFailure.ConnectFailed;
        }
        else
        {
            try
            {
                connection = _table.FindOrOpen(flow, local, out isNew);
            }
            catch (SocketException)
            {
                failure = SipSendFailure.ConnectFailed;
            }
        }

        if (connection is null)
        {
            _context.Fail(flow, sendId, failure);
            return;
        }

        connection.Send(message, sendId);
        if (isNew)
            _ = connection.OpenAsync();
    }

    private void CheckTimes()
    {
        if (_disposed)
            return;
        _table.CheckTimes();
        _check = _timers.Schedule(CheckEveryMillis, static self => ((SipTransport)self!).CheckTimes(), this);
    }

    private static T? Listener<T>(T?[] listeners, int index)
        where T : class => (uint)index < (uint)listeners.Length ? listeners[index] : null;

    private static SipHostPort Format(IPAddress address, int port) =>
        new(address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString(), port);
}
