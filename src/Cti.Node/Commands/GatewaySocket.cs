using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Cti.Node.Commands;

/// <summary>Asks a gateway over a WebSocket, and hears its events.</summary>
internal sealed class GatewaySocket : IAsyncDisposable
{
    private const int MessageBytesMax = 16 * 1024 * 1024;

    private readonly ClientWebSocket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonObject>> _asked = new();
    private readonly Channel<JsonObject> _events = Channel.CreateBounded<JsonObject>(10_000);
    private readonly Task _reading;

    private GatewaySocket(ClientWebSocket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    /// <summary>Events in the order in which they came; ends with the connection.</summary>
    public ChannelReader<JsonObject> Events => _events.Reader;

    /// <exception cref="CommandException">Nothing answers, or the key is refused.</exception>
    public static async Task<GatewaySocket> ConnectAsync(GatewayClient client, CancellationToken cancellation)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + client.Key);
        socket.Options.CollectHttpResponseDetails = true;
        var url = new UriBuilder(new Uri(client.Url, "/v2/rpc")) { Scheme = client.Url.Scheme == "https" ? "wss" : "ws" }.Uri;
        try
        {
            await socket.ConnectAsync(url, cancellation).ConfigureAwait(false);
            return new GatewaySocket(socket);
        }
        catch (WebSocketException e)
        {
            var status = socket.HttpStatusCode;
            socket.Dispose();
            throw status == System.Net.HttpStatusCode.Unauthorized ? GatewayClient.Refused(client.Url) : GatewayClient.Unreachable(client.Url, e);
        }
    }

    /// <summary>Calls a method and answers its result.</summary>
    /// <exception cref="CommandException">A refusal, or the connection is lost.</exception>
    public async Task<JsonNode?> AskAsync(string method, JsonObject parameters, CancellationToken cancellation)
    {
        var id = Rpc.NewId();
        var answer = _asked[id] = new TaskCompletionSource<JsonObject>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_reading.IsCompleted) throw Lost(method);
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(Rpc.Request(id, method, parameters)).AsMemory(), WebSocketMessageType.Text, true, cancellation)
                .ConfigureAwait(false);
            return Rpc.Result(method, await answer.Task.WaitAsync(cancellation).ConfigureAwait(false));
        }
        catch (Exception e) when (e is WebSocketException or ChannelClosedException)
        {
            throw Lost(method);
        }
        finally
        {
            _asked.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        _socket.Dispose();
        _stop.Dispose();
    }

    private static CommandException Lost(string method) => new($"{method}: the connection to the gateway was lost; whether it took effect is unknown");

    private async Task ReadAsync()
    {
        var buffer = new ArrayBufferWriter<byte>();
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveAsync(buffer.GetMemory(64 * 1024), _stop.Token).ConfigureAwait(false);
                if (received.MessageType == WebSocketMessageType.Close) break;
                buffer.Advance(received.Count);
                if (buffer.WrittenCount > MessageBytesMax) break;
                if (!received.EndOfMessage) continue;
                if (JsonNode.Parse(buffer.WrittenSpan) is JsonObject message) await TakeAsync(message).ConfigureAwait(false);
                buffer.ResetWrittenCount();
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or JsonException)
        {
            // Whoever waits learns of the end below.
        }
        _events.Writer.TryComplete();
        foreach (var waiting in _asked.Values) waiting.TrySetException(new ChannelClosedException());
    }

    private async ValueTask TakeAsync(JsonObject message)
    {
        if (message["id"]?.GetValueKind() == JsonValueKind.String && _asked.TryGetValue((string)message["id"]!, out var waiting)) waiting.TrySetResult(message);
        else if (message.ContainsKey("method")) await _events.Writer.WriteAsync(message, _stop.Token).ConfigureAwait(false);
    }
}
