using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Cti.Gateway.Connections;

/// <summary>An accepted connection as Kestrel sees it, with what the gate knows of it.</summary>
internal sealed class GatewayConnection : ConnectionContext
{
    private readonly ConnectionContext _inner;
    private readonly ConnectionGate _gate;
    private int _isGone;

    internal GatewayConnection(ConnectionContext inner, ConnectionGate gate)
    {
        _inner = inner;
        _gate = gate;
        Source = ConnectionGate.SourceOf(inner.RemoteEndPoint);
        Features.Set(this);
    }

    /// <summary>Whose part of the connections it takes.</summary>
    internal IPAddress Source { get; }

    /// <summary>Its place among those on which no request is under way. Belongs to the gate, as what follows.</summary>
    internal LinkedListNode<GatewayConnection>? Place { get; set; }

    /// <summary>Its place among those of its address that have not begun a request.</summary>
    internal LinkedListNode<GatewayConnection>? PlaceInShare { get; set; }

    /// <summary>Whose key it has shown last; null while it has shown none.</summary>
    internal string? Application { get; set; }

    internal long SilentSinceNanos { get; set; }

    internal bool IsIn { get; set; }

    internal bool IsProved { get; set; }

    public override IDuplexPipe Transport
    {
        get => _inner.Transport;
        set => _inner.Transport = value;
    }

    public override string ConnectionId
    {
        get => _inner.ConnectionId;
        set => _inner.ConnectionId = value;
    }

    public override IFeatureCollection Features => _inner.Features;

    public override IDictionary<object, object?> Items
    {
        get => _inner.Items;
        set => _inner.Items = value;
    }

    public override CancellationToken ConnectionClosed
    {
        get => _inner.ConnectionClosed;
        set => _inner.ConnectionClosed = value;
    }

    public override EndPoint? LocalEndPoint
    {
        get => _inner.LocalEndPoint;
        set => _inner.LocalEndPoint = value;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => _inner.RemoteEndPoint;
        set => _inner.RemoteEndPoint = value;
    }

    /// <summary>A request on it has begun.</summary>
    internal void Spoke() => _gate.Spoke(this);

    /// <summary>The request is answered.</summary>
    internal void Rests() => _gate.Rests(this);

    /// <summary>A request on it had a key of that application.</summary>
    internal void Proved(string application) => _gate.Proved(this, application);

    public override void Abort(ConnectionAbortedException abortReason) => _inner.Abort(abortReason);

    public override void Abort() => _inner.Abort(new ConnectionAbortedException("no request came, or its place was needed"));

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await _inner.DisposeAsync().ConfigureAwait(false);
            await base.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            if (Interlocked.Exchange(ref _isGone, 1) == 0) _gate.Left(this);
        }
    }
}
