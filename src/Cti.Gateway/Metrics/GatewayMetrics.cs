using System.Diagnostics.Metrics;

namespace Cti.Gateway.Metrics;

/// <summary>What the gateway counts.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    private readonly Meter _meter = new("Cti.Gateway");
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _duration;
    private readonly UpDownCounter<int> _connections;
    private readonly Counter<long> _events;
    private readonly Counter<long> _slowReaders;
    private readonly Counter<long> _unauthorized;

    internal GatewayMetrics()
    {
        _requests = _meter.CreateCounter<long>("cti.gateway.requests", description: "Requests answered, by method and error code (0: none).");
        _duration = _meter.CreateHistogram<double>("cti.gateway.request.duration", "s", "Time from a request's arrival to its answer.");
        _connections = _meter.CreateUpDownCounter<int>("cti.gateway.connections", description: "WebSockets and event streams that are open.");
        _events = _meter.CreateCounter<long>("cti.gateway.events", description: "Events handed to connections.");
        _slowReaders = _meter.CreateCounter<long>("cti.gateway.slow_readers", description: "Connections closed because they read too slowly.");
        _unauthorized = _meter.CreateCounter<long>("cti.gateway.unauthorized", description: "Requests and handshakes without a valid key.");
    }

    internal void Watch(Func<long> open, Func<long> refused)
    {
        _meter.CreateObservableGauge("cti.gateway.sockets", open, description: "Connections that are open, whatever they are for.");
        _meter.CreateObservableCounter("cti.gateway.sockets_refused", refused, description: "Connections refused with HTTP 503, because there were too many.");
    }

    internal void Answered(string method, int code, TimeSpan took)
    {
        _requests.Add(1, new("method", method), new("code", CodeText(code)));
        _duration.Record(took.TotalSeconds);
    }

    internal void ConnectionOpened() => _connections.Add(1);

    internal void ConnectionClosed() => _connections.Add(-1);

    internal void EventsSent(int count) => _events.Add(count);

    internal void SlowReader() => _slowReaders.Add(1);

    internal void Unauthorized() => _unauthorized.Add(1);

    public void Dispose() => _meter.Dispose();

    // The usual ones as constants: a request should not pay for a number's text.
    private static string CodeText(int code) => code switch
    {
        0 => "0",
        404 => "404",
        409 => "409",
        429 => "429",
        503 => "503",
        -32602 => "-32602",
        _ => code.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
