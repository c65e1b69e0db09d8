using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cti.Acceptance.Cluster;

/// <summary>A refusal.</summary>
internal sealed class RefusedException(string method, int code, string text) : Exception($"{method}: {text}")
{
    public int Code => code;
}

/// <summary>
/// An application as the contract wants it: connections to two gateways in one group, each of which moves to another node when its own dies; everything heard
/// goes into the books and is acknowledged a moment later; every request has a UUID and is repeated, on whichever connection there is, until the outcome is
/// known.
/// </summary>
internal sealed class ClusterApp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ClusterUnderTest _cluster;
    private readonly CancellationTokenSource _over = new();
    private readonly Seat[] _seats;

    private ClusterApp(ClusterUnderTest cluster, int connections)
    {
        _cluster = cluster;
        _seats = [.. Enumerable.Range(0, connections).Select(number => new Seat(this, number))];
    }

    public Books Books { get; } = new();

    /// <summary>Requests that had to be sent more than once.</summary>
    public int Repeated { get; private set; }

    /// <summary>A fault for the harness's own tests: what becomes of an event before it is booked.</summary>
    public Func<BookedEvent, IEnumerable<BookedEvent>> Tamper { get; set; } = static e => [e];

    public static async Task<ClusterApp> StartAsync(ClusterUnderTest cluster, int connections = 2)
    {
        var app = new ClusterApp(cluster, connections);
        foreach (var seat in app._seats) seat.Begin();
        try
        {
            await Task.WhenAll(app._seats.Select(static seat => seat.Ready)).WaitAsync(Patience);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a request until its outcome is known.</summary>
    /// <exception cref="RefusedException">A refusal other than "not now".</exception>
    public async Task<JsonNode?> AskAsync(string method, object? parameters = null, int? gateway = null)
    {
        var id = Guid.NewGuid().ToString();
        var body = new JsonObject
        {
            ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method,
            ["params"] = JsonSerializer.SerializeToNode(parameters ?? new { })
        }.ToJsonString();
        var started = Stopwatch.GetTimestamp();
        var last = "never sent";
        for (var attempt = gateway ?? Random.Shared.Next(_seats.Length); Stopwatch.GetElapsedTime(started) < Patience; attempt++)
        {
            var answer = await _seats[attempt % _seats.Length].SendAsync(id, body);
            if (answer is not null)
            {
                if (answer["error"] is not JsonObject error) return answer["result"];
                if ((int)error["code"]! is not (503 or 504 or 429) and var code) throw new RefusedException(method, code, error.ToJsonString());
                last = error.ToJsonString();
            }
            else
            {
                last = "no answer";
            }
            Repeated++;
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            await pause.WaitForNextTickAsync();
        }
        throw new SceneException($"{method} had no outcome in {Patience.TotalSeconds} s: {last}");
    }

    /// <summary>The code with which a request is refused; 0 when it was accepted.</summary>
    public async Task<(int Code, JsonNode? Result)> TryAskAsync(string method, object parameters)
    {
        try
        {
            return (0, await AskAsync(method, parameters));
        }
        catch (RefusedException refused)
        {
            return (refused.Code, null);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        foreach (var seat in _seats) await seat.DisposeAsync();
        _over.Dispose();
    }

    private void Heard(BookedEvent got)
    {
        foreach (var one in Tamper(got)) Books.Take(one);
    }

    /// <summary>One connection of the group, and what replaces it.</summary>
    private sealed class Seat(ClusterApp app, int number) : IAsyncDisposable
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonObject?>> _asked = new();
        private readonly SemaphoreSlim _sending = new(1, 1);
        private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ClientWebSocket? _socket;
        private string? _cursor;
        private string _joining = "";
        private bool _isMember;
        private Task _running = Task.CompletedTask;

        public Task Ready => _ready.Task;

        public void Begin() => _running = RunAsync();

        public async ValueTask DisposeAsync()
        {
            _socket?.Abort();
            await _running;
            _sending.Dispose();
        }

        /// <summary>Null when there is no answer in 5 s, or no connection.</summary>
        public async Task<JsonObject?> SendAsync(string id, string body)
        {
            var socket = _socket;
            if (socket is null || !_ready.Task.IsCompleted) return null;
            return await SendAsync(socket, id, body);
        }

        private async Task<JsonObject?> SendAsync(ClientWebSocket socket, string id, string body)
        {
            var answer = new TaskCompletionSource<JsonObject?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _asked[id] = answer;
            try
            {
                await _sending.WaitAsync();
                try
                {
                    using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                    await socket.SendAsync(Encoding.UTF8.GetBytes(body).AsMemory(), WebSocketMessageType.Text, true, limit.Token);
                }
                finally
                {
                    _sending.Release();
                }
                return await answer.Task.WaitAsync(TimeSpan.FromSeconds(6));
            }
            catch (Exception e)
                when (e is WebSocketException or TimeoutException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
            {
                return null;
            }
            finally
            {
                _asked.TryRemove(id, out _);
            }
        }

        private async Task RunAsync()
        {
            for (var attempt = number; !app._over.IsCancellationRequested; attempt++)
            {
                var serving = app._cluster.Serving.ToArray();
                using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
                if (serving.Length > 0)
                {
                    var node = serving[attempt % serving.Length];
                    using var socket = new ClientWebSocket();
                    // A gateway whose host vanished says nothing: this tells within seconds.
                    socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(1);
                    socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(2);
                    socket.Options.SetRequestHeader("Authorization", "Bearer " + ClusterUnderTest.Key);
                    try
                    {
                        using var limit = CancellationTokenSource.CreateLinkedTokenSource(app._over.Token);
                        limit.CancelAfter(TimeSpan.FromSeconds(3));
                        await socket.ConnectAsync(new Uri(node.Url.Replace("http", "ws", StringComparison.Ordinal) + "/v2/rpc"), limit.Token);
                        _socket = socket;
                        _cursor = null;
                        _isMember = false;
                        var reading = ReadAsync(socket);
                        await ServeAsync(socket, node, reading);
                        socket.Abort();
                        await reading;
                    }
                    catch (Exception e) when (e is WebSocketException or OperationCanceledException)
                    {
                        // The node is gone, or going: the next one.
                    }
                    _socket = null;
                }
                foreach (var waiting in _asked.Values) waiting.TrySetResult(null);
                if (!app._over.IsCancellationRequested) await pause.WaitForNextTickAsync();
            }
        }

        /// <summary>Joins the group, and acknowledges what comes until the connection ends.</summary>
        private async Task ServeAsync(ClientWebSocket socket, ClusterNode node, Task reading)
        {
            _joining = Guid.NewGuid().ToString();
            var joined = await RequestAsync(socket, "sys.event.subscribe", new { from = "earliest", group = "books" }, _joining);
            if (joined?["result"] is null) return;
            _ready.TrySetResult();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
            string? acknowledged = null;
            while (!reading.IsCompleted && !app._over.IsCancellationRequested && node.IsServing)
            {
                await timer.WaitForNextTickAsync();
                var cursor = _cursor;
                if (cursor is null || cursor == acknowledged) continue;
                // A refusal means that the database is away: what is not acknowledged comes again.
                await RequestAsync(socket, "sys.event.ack", new { cursor });
                acknowledged = cursor;
            }
        }

        private Task<JsonObject?> RequestAsync(ClientWebSocket socket, string method, object parameters, string? name = null)
        {
            var id = name ?? Guid.NewGuid().ToString();
            return SendAsync(socket, id, new JsonObject
            {
                ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method,
                ["params"] = JsonSerializer.SerializeToNode(parameters)
            }.ToJsonString());
        }

        private async Task ReadAsync(ClientWebSocket socket)
        {
            var buffer = new ArrayBufferWriter<byte>();
            try
            {
                while (true)
                {
                    var got = await socket.ReceiveAsync(buffer.GetMemory(64 * 1024), CancellationToken.None);
                    if (got.MessageType == WebSocketMessageType.Close) return;
                    buffer.Advance(got.Count);
                    if (!got.EndOfMessage) continue;
                    Take(JsonNode.Parse(buffer.WrittenSpan)!.AsObject());
                    buffer.ResetWrittenCount();
                }
            }
            catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The connection ended, which tests bring about.
            }
        }

        private void Take(JsonObject message)
        {
            if (message["method"] is JsonValue method)
            {
                // What comes live before the group was joined comes again from the group, to whichever connection it is assigned.
                if (!_isMember) return;
                var meta = message["meta"]!.AsObject();
                var cursor = (string)meta["cursor"]!;
                app.Heard(new BookedEvent((string)method!, (string)meta["res_id"]!, (long)meta["seq"]!, message["params"]!.AsObject(), (long)meta["time"]!,
                    cursor));
                _cursor = cursor;
            }
            else if (message["id"] is JsonValue id && _asked.TryGetValue((string)id!, out var waiting))
            {
                if ((string)id! == _joining && message["result"] is not null) _isMember = true;
                waiting.TrySetResult(message);
            }
        }
    }
}
