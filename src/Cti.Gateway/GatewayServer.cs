using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using Cti.Contract;
using Cti.Gateway.Access;
using Cti.Gateway.Connections;
using Cti.Gateway.Metrics;
using Cti.Gateway.Rpc;
using Cti.Kernel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Cti.Gateway;

/// <summary>The gateway of a node: JSON-RPC over WebSocket and POST, event streams, health and metrics, on Kestrel.</summary>
public sealed class GatewayServer : IAsyncDisposable
{
    private const string NodesPath = "/nodes/", DrainPath = "/drain";

    private readonly GatewayOptions _options;
    private readonly IEventFeeds _feeds;
    private readonly IGatewayStatus _status;
    private readonly ILog _log;
    private readonly ApplicationDirectory _applications;
    private readonly ConnectionGate _gate;
    private readonly GatewayMetrics _metrics = new();
    private readonly PrometheusExporter _exporter = new();
    private readonly RequestDispatcher _dispatcher;
    private readonly RpcPost _post;
    private readonly WebApplication _web;
    private readonly ConcurrentDictionary<RpcSocket, bool> _sockets = new();
    private readonly CancellationTokenSource _stopping = new();
    private int _isStopped;

    private GatewayServer(GatewayOptions options, IRequestRouter router, IEventFeeds feeds, IGatewayStatus status, IClock clock, ILog log)
    {
        (_options, _feeds, _status, _log) = (options, feeds, status, log);
        _applications = new ApplicationDirectory(options, clock);
        _dispatcher = new RequestDispatcher(options, router, _metrics, log);
        _post = new RpcPost(options, _dispatcher);
        _gate = new ConnectionGate(options.ConnectionsMax, clock);
        _metrics.Watch(() => _gate.Open, () => _gate.Refused);
        _web = Build();
    }

    /// <summary>The URLs that it listens on, with the ports that were picked.</summary>
    public IReadOnlyList<string> Urls { get; private set; } = [];

    /// <summary>Connections that are open, whatever they are for.</summary>
    internal int OpenConnections => _gate.Open;

    /// <summary>The port of the first URL.</summary>
    public int Port => new Uri(Urls[0]).Port;

    /// <summary>Starts a gateway and answers it when it listens.</summary>
    /// <exception cref="ArgumentException">A URL, a key's hash or their combination is not acceptable; the message says what would be.</exception>
    /// <exception cref="ListenException">An address is in use or not this machine's.</exception>
    public static async Task<GatewayServer> StartAsync(GatewayOptions options, IRequestRouter router, IEventFeeds feeds, IGatewayStatus status,
        IClock clock, ILog log, CancellationToken cancellation = default)
    {
        var server = new GatewayServer(options, router, feeds, status, clock, log);
        try
        {
            await server._web.StartAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException { InnerException: AddressInUseException or SocketException })
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw new ListenException(Unusable(options, e.Message), ((e as SocketException ?? e.InnerException as SocketException)?.SocketErrorCode)
                ?? SocketError.AddressAlreadyInUse, e);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        server.Urls = [.. server._web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        foreach (var url in server.Urls) log.Write(LogEvents.GatewayListening, url);
        return server;
    }

    // Kestrel's words name the address that it was about to bind, where it names one.
    private static string Unusable(GatewayOptions options, string said) =>
        options.Listen.FirstOrDefault(url => said.Contains(url.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)) ?? string.Join(", ", options.Listen);

    /// <summary>
    /// Accepts nothing more, closes every WebSocket with 1001, ends event streams, and returns when all are gone or the closing time is over.
    /// </summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var socket in _sockets.Keys) socket.Close(WebSocketCloseStatus.EndpointUnavailable, "the gateway is going away; connect to another");
        using var deadline = new CancellationTokenSource(_options.CloseMillis + 1_000);
        try
        {
            await _web.StopAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        _log.Write(LogEvents.GatewayStopped);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await _web.DisposeAsync().ConfigureAwait(false);
        _gate.Dispose();
        _metrics.Dispose();
        _exporter.Dispose();
    }

    private WebApplication Build()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(GatewayServer).Assembly.GetName().Name });
        // The node handles signals; a host inside it must not.
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(services =>
            new GatedListeners(ActivatorUtilities.CreateInstance<SocketTransportFactory>(services), _gate));
        builder.Services.AddHealthChecks();
        builder.Services.Configure<HealthCheckServiceOptions>(checks =>
        {
            foreach (var check in _options.Checks) checks.Registrations.Add(check);
        });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestBodySize = null;
            // The gate answers before these close without a word; they hold should it fail.
            kestrel.Limits.MaxConcurrentConnections = _options.ConnectionsMax + ConnectionGate.Margin;
            kestrel.Limits.MaxConcurrentUpgradedConnections = _options.ConnectionsMax;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromMilliseconds(Limits.GatewayFirstRequestMillis);
            foreach (var url in _options.Listen) ListenUrl.Parse(url, _options).Apply(kestrel);
        });
        var web = builder.Build();
        web.UseWebSockets(new WebSocketOptions
        {
            KeepAliveInterval = TimeSpan.FromMilliseconds(_options.KeepAliveMillis),
            KeepAliveTimeout = TimeSpan.FromMilliseconds(_options.KeepAliveMillis),
        });
        web.Run(HandleAsync);
        return web;
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (context.Features.Get<GatewayConnection>() is { } connection)
        {
            connection.Spoke();
            // Not before all of the answer has left: from then on it may be closed.
            context.Response.OnCompleted(static state =>
            {
                ((GatewayConnection)state).Rests();
                return Task.CompletedTask;
            }, connection);
        }
        // RFC 6797 section 7.2: over a secured connection alone. Whoever has been here so comes so again.
        if (context.Request.IsHttps) context.Response.Headers.StrictTransportSecurity = "max-age=31536000";
        try
        {
            await RouteAsync(context).ConfigureAwait(false);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            // What follows of a body that is no HTTP cannot be told from the next request.
            context.Response.Headers.Connection = "close";
            await HttpReplies.WriteTextAsync(context, e.StatusCode, "the request's body is not what its header says").ConfigureAwait(false);
        }
        catch (Exception e)
            when (e is OperationCanceledException or Microsoft.AspNetCore.Http.BadHttpRequestException or IOException or ConnectionAbortedException)
        {
            context.Abort();
        }
        catch (Exception e)
        {
            _log.Write(LogEvents.GatewayFault, context.Request.Path.Value, e);
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
    }

    private Task RouteAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/v1/rpc" or "/v2/rpc" or "/v1/events" or "/v2/events" => ApiAsync(context),
        "/healthz" => HttpReplies.WriteTextAsync(context, StatusCodes.Status200OK, "ok"),
        "/readyz" => ReadyAsync(context),
        "/metrics" => MetricsAsync(context),
        { } path when path.StartsWith(NodesPath, StringComparison.Ordinal) && path.EndsWith(DrainPath, StringComparison.Ordinal)
            && path.Length > NodesPath.Length + DrainPath.Length => DrainAsync(context, path[NodesPath.Length..^DrainPath.Length]),
        _ => HttpReplies.WriteTextAsync(context, StatusCodes.Status404NotFound,
            "there are /v2/rpc, /v1/rpc, /v2/events, /v1/events, /healthz, /readyz, /metrics and POST /nodes/NODE/drain"),
    };

    private async Task DrainAsync(HttpContext context, string node)
    {
        if (await AuthenticateAsync(context, tokenInQuery: false).ConfigureAwait(false) is not { } application) return;
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status405MethodNotAllowed, "POST, with an administrator's key").ConfigureAwait(false);
        }
        else if (!application.Admin)
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status403Forbidden, "draining a node needs an administrator's key").ConfigureAwait(false);
        else if (_status.Drain(node) is { } refusal)
            await HttpReplies.WriteTextAsync(context, refusal.IsUnknown ? StatusCodes.Status404NotFound : StatusCodes.Status503ServiceUnavailable, refusal.Why)
                .ConfigureAwait(false);
        else await HttpReplies.WriteTextAsync(context, StatusCodes.Status202Accepted, $"{node} drains").ConfigureAwait(false);
    }

    /// <summary>In the first line whether the node is ready, or why not; then each part that was looked at, and how it is.</summary>
    private async Task ReadyAsync(HttpContext context)
    {
        var report = await _web.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(context.RequestAborted).ConfigureAwait(false);
        var parts = _options.Checks.Select(check => (check.Name, Entry: report.Entries[check.Name])).ToList();
        var reason = _stopping.IsCancellationRequested ? "stopping" : _status.WhyNotReady
            ?? parts.Where(static part => part.Entry.Status == HealthStatus.Unhealthy).Select(static part => Words(part.Name, part.Entry)).FirstOrDefault();
        var text = string.Join('\n', [reason ?? "ready", .. parts.Select(static part => Words(part.Name, part.Entry))]);
        var status = reason is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        await HttpReplies.WriteTextAsync(context, status, text).ConfigureAwait(false);
    }

    private static string Words(string name, HealthReportEntry entry) => $"{name}: {entry.Description ?? "failed"}";

    private Task MetricsAsync(HttpContext context) =>
        HttpReplies.WriteTextAsync(context, StatusCodes.Status200OK, _exporter.Render().TrimEnd('\n'), PrometheusExporter.ContentType);

    // Both generations have the same events.
    private Task ApiAsync(HttpContext context)
    {
        CrossOrigin.Allow(context);
        if (HttpMethods.IsOptions(context.Request.Method)) return CrossOrigin.AnswerPreflight(context);
        return context.Request.Path.Value switch
        {
            "/v2/rpc" => RpcAsync(context, ApiGeneration.V2),
            "/v1/rpc" => RpcAsync(context, ApiGeneration.V1),
            _ => EventsAsync(context),
        };
    }

    private async Task RpcAsync(HttpContext context, ApiGeneration generation)
    {
        var isSocket = context.WebSockets.IsWebSocketRequest;
        if (await AuthenticateAsync(context, tokenInQuery: isSocket).ConfigureAwait(false) is not { } application) return;
        var caller = new Caller(application, generation, ServerAddress.Of(context));
        if (isSocket) await SocketAsync(context, caller).ConfigureAwait(false);
        else if (HttpMethods.IsPost(context.Request.Method)) await PostAsync(context, caller).ConfigureAwait(false);
        else
        {
            context.Response.Headers.Allow = "POST";
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status405MethodNotAllowed, "POST a JSON-RPC request, or open a WebSocket")
                .ConfigureAwait(false);
        }
    }

    private async Task PostAsync(HttpContext context, Caller caller)
    {
        if (!caller.Application.TryPost())
        {
            await RefuseAsync(context).ConfigureAwait(false);
            return;
        }
        try
        {
            await _post.HandleAsync(context, caller).ConfigureAwait(false);
        }
        finally
        {
            caller.Application.Posted();
        }
    }

    private async Task SocketAsync(HttpContext context, Caller caller)
    {
        var application = caller.Application;
        if (!await ConnectAsync(context, application).ConfigureAwait(false)) return;
        try
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync(SubprotocolOf(context.WebSockets)).ConfigureAwait(false);
            using var connection = new RpcSocket(_options, socket, caller, RemoteOf(context), _dispatcher, _feeds, _metrics, _log);
            _sockets.TryAdd(connection, true);
            if (_stopping.IsCancellationRequested) connection.Close(WebSocketCloseStatus.EndpointUnavailable, "the gateway is going away; connect to another");
            try
            {
                await connection.RunAsync().ConfigureAwait(false);
            }
            finally
            {
                _sockets.TryRemove(connection, out _);
            }
        }
        finally
        {
            application.Disconnect();
        }
    }

    // A browser gives a connection up where it offered subprotocols and none was chosen; by whatever of these names, it is what is spoken here.
    private static string? SubprotocolOf(WebSocketManager offered) => offered.WebSocketRequestedProtocols.FirstOrDefault(static name =>
        name.StartsWith("jsonrpc", StringComparison.OrdinalIgnoreCase) || name.StartsWith("json-rpc", StringComparison.OrdinalIgnoreCase));

    private async Task EventsAsync(HttpContext context)
    {
        if (await AuthenticateAsync(context, tokenInQuery: true).ConfigureAwait(false) is not { } application) return;
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET";
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status405MethodNotAllowed, "GET the stream").ConfigureAwait(false);
            return;
        }
        if (!await ConnectAsync(context, application).ConfigureAwait(false)) return;
        try
        {
            await new EventStream(_options, context, application.Name, _feeds, _metrics, _log, _stopping.Token).RunAsync().ConfigureAwait(false);
        }
        finally
        {
            application.Disconnect();
        }
    }

    private async ValueTask<bool> ConnectAsync(HttpContext context, Application application)
    {
        if (_stopping.IsCancellationRequested)
        {
            await HttpReplies.WriteTextAsync(context, StatusCodes.Status503ServiceUnavailable, "stopping").ConfigureAwait(false);
            return false;
        }
        if (application.TryConnect()) return true;
        await RefuseAsync(context).ConfigureAwait(false);
        return false;
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return HttpReplies.WriteTextAsync(context, StatusCodes.Status429TooManyRequests, "the application has all its connections in use");
    }

    private async ValueTask<Application?> AuthenticateAsync(HttpContext context, bool tokenInQuery)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var key = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim()
            : tokenInQuery ? context.Request.Query["access_token"].ToString() : "";
        if (key.Length > 0 && _applications.TryFind(key, out var application))
        {
            context.Features.Get<GatewayConnection>()?.Proved(application.Name);
            return application;
        }
        _metrics.Unauthorized();
        if (_log.IsWanted(LogEvents.GatewayUnauthorized)) _log.Write(LogEvents.GatewayUnauthorized, context.Request.Path.Value, RemoteOf(context));
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        await HttpReplies.WriteJsonAsync(context, RpcWriter.Refusal(null,
            new RpcError(ErrorCodes.Unauthorized, "no key or a wrong one; send Authorization: Bearer KEY"))).ConfigureAwait(false);
        return null;
    }

    private static string RemoteOf(HttpContext context) => $"{context.Connection.RemoteIpAddress}:{context.Connection.RemotePort}";

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
