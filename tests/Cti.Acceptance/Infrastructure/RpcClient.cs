using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cti.Acceptance.Infrastructure;

/// <summary>An event as it came over the wire.</summary>
internal sealed record RpcEvent(string Method, JsonObject Params, JsonObject Meta)
{
    public string ResId => (string)Meta["res_id"]!;

    public long Seq => (long)Meta["seq"]!;

    public string Cursor => (string)Meta["cursor"]!;

    /// <summary>The <c>error.code</c> of a completion; null when it went well.</summary>
    public int? Error => Params["error"] is JsonObject error ? (int)error["code"]! : null;

    public override string ToString() => $"{Method} {Params.ToJsonString()} {Meta.ToJsonString()}";
}

/// <summary>A refusal.</summary>
internal sealed class RpcException(JsonObject error) : Exception(error.ToJsonString())
{
    public int Code => (int)Error["code"]!;

    public JsonObject Error { get; } = error;
}

/// <summary>An application on a WebSocket.</summary>
internal sealed class RpcClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonObject>> _asked = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private Task _reading = Task.CompletedTask;

    public Inbox<RpcEvent> Events { get; } = new();

    public static async Task<RpcClient> ConnectAsync(NodeProcess node, int generation = 2, string? key = null)
    {
        var client = new RpcClient();
        client._socket.Options.SetRequestHeader("Authorization", "Bearer " + (key ?? node.Key));
        using var deadline = new CancellationTokenSource(Patience.Long);
        await client._socket.ConnectAsync(new Uri($"ws://127.0.0.1:{node.HttpPort}/v{generation}/rpc"), deadline.Token);
        client._reading = client.ReadAsync();
        return client;
    }

    /// <summary>Answers the result.</summary>
    /// <exception cref="RpcException">A refusal.</exception>
    public async Task<JsonNode?> AskAsync(string method, object? parameters = null, string? id = null)
    {
        var answer = await SendAsync(method, parameters, id ?? Guid.NewGuid().ToString());
        return answer["error"] is JsonObject error ? throw new RpcException(error) : answer["result"];
    }

    /// <summary>The code of the refusal that this must get.</summary>
    public async Task<int> RefusedAsync(string method, object? parameters = null, string? id = null) =>
        (await Should.ThrowAsync<RpcException>(() => AskAsync(method, parameters, id))).Code;

    public async Task<JsonObject> SendAsync(string method, object? parameters, string id)
    {
        var answer = _asked.GetOrAdd(id, static _ => new TaskCompletionSource<JsonObject>(TaskCreationOptions.RunContinuationsAsynchronously));
        var request = new JsonObject
        {
            ["jsonrpc"] = "2.0",
            ["id"] = id,
            ["method"] = method,
            ["params"] = parameters as JsonNode ?? JsonSerializer.SerializeToNode(parameters ?? new { }),
        };
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(request.ToJsonString()).AsMemory(), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }
        try
        {
            return await answer.Task.WaitAsync(Patience.Long);
        }
        catch (TimeoutException)
        {
            throw new ShouldAssertException($"{method} was not answered");
        }
        finally
        {
            _asked.TryRemove(id, out _);
        }
    }

    public Task<RpcEvent> ExpectAsync(string method, string? resId, TimeSpan? within = null) =>
        Events.TakeAsync(e => e.Method == method && (resId is null || e.ResId == resId), $"{method} of {resId ?? "any"}", within);

    /// <summary>The announcement of the call to this user part; answers its resource id.</summary>
    public async Task<string> IncomingAsync(string user) =>
        (await Events.TakeAsync(e => e.Method == "sys.call.on_incoming" && ((string)e.Params["to_uri"]!).Contains(user + "@", StringComparison.Ordinal),
            $"on_incoming for {user}")).ResId;

    /// <summary>The methods of a resource's events in the order in which they came.</summary>
    public string[] Story(string resId) =>
        [.. Events.All.Where(e => e.ResId == resId).Select(e => e.Method.Replace("sys.call.", "", StringComparison.Ordinal))];

    /// <summary>No event of the resource is lost, doubled or out of order.</summary>
    public void ShouldBeGapless(string resId) =>
        Events.All.Where(e => e.ResId == resId).Select(e => e.Seq).ShouldBe(Enumerable.Range(1, Events.All.Count(e => e.ResId == resId)).Select(n => (long)n));

    public void Abort() => _socket.Abort();

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _reading;
        _socket.Dispose();
        _sending.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new ArrayBufferWriter<byte>();
        try
        {
            while (true)
            {
                var got = await _socket.ReceiveAsync(buffer.GetMemory(64 * 1024), CancellationToken.None);
                if (got.MessageType == WebSocketMessageType.Close) break;
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
        foreach (var waiting in _asked.Values) waiting.TrySetException(new WebSocketException("the connection ended"));
    }

    private void Take(JsonObject message)
    {
        // What is told while it happens, and is in no feed, has no meta.
        if (message["method"] is JsonValue method)
            Events.Add(new RpcEvent((string)method!, message["params"]!.AsObject(), message["meta"] as JsonObject ?? []));
        else if (message["id"] is JsonValue id && _asked.TryGetValue((string)id!, out var waiting)) waiting.TrySetResult(message);
    }
}
