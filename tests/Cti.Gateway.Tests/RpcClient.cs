using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Cti.Contract;

namespace Cti.Gateway.Tests;

/// <summary>An application on a WebSocket.</summary>
internal sealed class RpcClient : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[64 * 1024];

    internal FakeFeed Feed { get; private set; } = null!;

    internal WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    internal static async Task<RpcClient> ConnectAsync(GatewayUnderTest gateway, ApiGeneration generation, string key)
    {
        var client = new RpcClient();
        client._socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        await client._socket.ConnectAsync(new Uri($"ws://127.0.0.1:{gateway.Server.Port}/v{(int)generation}/rpc"), CancellationToken.None);
        client.Feed = await gateway.Feeds.NextAsync();
        return client;
    }

    internal Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text), endOfMessage: true);

    internal Task SendAsync(ReadOnlyMemory<byte> bytes, bool endOfMessage, WebSocketMessageType type = WebSocketMessageType.Text) =>
        _socket.SendAsync(bytes, type, endOfMessage, CancellationToken.None).AsTask().WaitAsync(Patience.Long);

    internal Task RequestAsync(string id, string method, string @params = "{}") =>
        SendAsync($$"""{"jsonrpc":"2.0","id":{{id}},"method":"{{method}}","params":{{@params}}}""");

    /// <summary>The next message, or null when the gateway closed.</summary>
    internal async Task<JsonElement?> TryReceiveAsync()
    {
        using var deadline = new CancellationTokenSource(Patience.Long);
        using var message = new MemoryStream();
        while (true)
        {
            var got = await _socket.ReceiveAsync(_buffer.AsMemory(), deadline.Token);
            if (got.MessageType == WebSocketMessageType.Close) return null;
            got.MessageType.ShouldBe(WebSocketMessageType.Text);
            message.Write(_buffer, 0, got.Count);
            if (got.EndOfMessage) return GatewayUnderTest.Json(Encoding.UTF8.GetString(message.ToArray()));
        }
    }

    internal async Task<JsonElement> ReceiveAsync() => (await TryReceiveAsync()).ShouldNotBeNull();

    /// <summary>Reads until the gateway closes and completes the handshake; answers the close code.</summary>
    internal async Task<int> UntilClosedAsync()
    {
        while (await TryReceiveAsync() is not null)
        {
        }
        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        return (int)_socket.CloseStatus!.Value;
    }

    internal Task CloseAsync() => _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).WaitAsync(Patience.Long);

    public void Dispose() => _socket.Dispose();
}
